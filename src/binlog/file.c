/* One log file as a feed of events; declared in source.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "binlog/source_priv.h"
#include "binlog/unpack.h"

#define BLOCK_SIZE ((size_t)512 << 10)
#define START_POS 4

struct file {
	struct binlog_feed feed;
	struct binlog_unpack *bytes; /* owned */
	int fd;                      /* borrowed from it */
	struct lt_buf buf;           /* bytes read and not handed out yet lie from `at` on */
	size_t at;
	uint64_t offset;                 /* of the file's byte behind those in `buf` */
	uint64_t resume;                 /* where reading goes on behind the FORMAT_DESCRIPTION; 0 = right there */
	struct change_spill_room *spill; /* borrowed; NULL: none */
	struct binlog_spool spool;
	_Atomic bool cancelled;
};

/** Make `size` bytes lie in the buffer, or as many as the file has. */
static bool
fill(struct file *f, size_t size, struct lt_err *err)
{
	if (f->buf.len - f->at >= size)
		return true;
	if (f->at > 0) {
		memmove(f->buf.ptr, f->buf.ptr + f->at, f->buf.len - f->at);
		f->buf.len -= f->at;
		f->at = 0;
	}
	while (f->buf.len < size) {
		/* As far as the file really goes: a wrong length in an event must not cost memory. */
		size_t want = LT_MAX(BLOCK_SIZE, LT_MIN(size - f->buf.len, BLOCK_SIZE * 16));
		size_t n;

		if (!binlog_unpack_read(f->bytes, f->offset, lt_buf_reserve(&f->buf, want), want, &n, err))
			return false;
		if (n == 0)
			break;
		f->buf.len += n;
		f->offset += n;
	}
	return true;
}

/** Some servers fill files up with zeros behind the last event. */
static bool
only_zeros(struct file *f)
{
	for (;;) {
		for (; f->at < f->buf.len; f->at++)
			if (f->buf.ptr[f->at] != '\0')
				return false;
		if (!fill(f, 1, NULL) || f->buf.len == f->at)
			return true;
	}
}

static enum binlog_read
cut_off(const struct file *f, size_t wanted, struct lt_err *err)
{
	if (f->feed.in_use)
		return BINLOG_READ_END;
	lt_fail(err, LT_E_TRUNCATED, "the file ends inside an event: %zu bytes wanted, %zu left", wanted,
	    f->buf.len - f->at);
	return BINLOG_READ_FAILED;
}

/* In pieces: none of it stays in the buffer. */
static enum binlog_read
spool_event(struct file *f, const struct binlog_header *h, struct lt_str *event, struct lt_err *err)
{
	if (!binlog_spool_open(&f->spool, f->spill, err))
		return BINLOG_READ_FAILED;
	f->feed.spool = &f->spool;
	for (size_t left = h->size; left > 0;) {
		size_t n = LT_MIN(left, BLOCK_SIZE);

		if (!fill(f, n, err))
			return BINLOG_READ_FAILED;
		if (f->buf.len - f->at < n)
			return cut_off(f, left, err);
		if (!binlog_spool_add(&f->spool, lt_str_of(f->buf.ptr + f->at, n), err))
			return BINLOG_READ_FAILED;
		f->at += n;
		left -= n;
	}
	*event = lt_str_of(f->spool.front, f->spool.nfront);
	return BINLOG_READ_EVENT;
}

static enum binlog_read
file_read(struct binlog_feed *feed, int timeout_ms, struct lt_str *event, struct lt_err *err)
{
	struct file *f = (struct file *)feed;
	struct binlog_header h;
	struct lt_cur in;
	size_t have;

	(void)timeout_ms; /* a file never lets one wait */
	if (atomic_load_explicit(&f->cancelled, memory_order_relaxed)) {
		lt_fail(err, LT_E_CANCELLED, "reading was cancelled");
		return BINLOG_READ_FAILED;
	}
	binlog_spool_close(&f->spool);
	f->feed.spool = NULL;
	if (!fill(f, BINLOG_HEADER_SIZE, err))
		return BINLOG_READ_FAILED;
	have = f->buf.len - f->at;
	if (have == 0)
		return BINLOG_READ_END;
	if (have < BINLOG_HEADER_SIZE)
		return cut_off(f, BINLOG_HEADER_SIZE, err);
	in = lt_cur_of(f->buf.ptr + f->at, BINLOG_HEADER_SIZE);
	if (lt_le((const uint8_t *)f->buf.ptr + f->at, 8) == 0 &&
	    lt_le((const uint8_t *)f->buf.ptr + f->at + 8, 8) == 0 && only_zeros(f))
		return BINLOG_READ_END;
	if (!binlog_header_decode(&in, &h, err))
		return BINLOG_READ_FAILED;
	if (h.type == BINLOG_TRANSACTION_PAYLOAD && f->spill != NULL && h.size > f->spill->memory_bytes)
		return spool_event(f, &h, event, err);
	if (!fill(f, h.size, err))
		return BINLOG_READ_FAILED;
	if (f->buf.len - f->at < h.size)
		return cut_off(f, h.size, err);
	*event = lt_str_of(f->buf.ptr + f->at, h.size);
	f->at += h.size;
	if (h.type == BINLOG_FORMAT_DESCRIPTION)
		f->feed.in_use = (h.flags & BINLOG_FLAG_IN_USE) != 0;
	if (f->resume != 0 && f->resume >= f->offset) {
		/* The event handed out stays where it is: what comes next is read behind it. */
		f->buf.len = f->at;
		f->offset = f->resume;
		f->resume = 0;
	} else if (f->resume != 0) {
		/* It is in the buffer already, and a packed file cannot be read twice. */
		f->at = f->buf.len - (size_t)(f->offset - f->resume);
		f->resume = 0;
	}
	return BINLOG_READ_EVENT;
}

static void
file_cancel(struct binlog_feed *feed)
{
	atomic_store_explicit(&((struct file *)feed)->cancelled, true, memory_order_relaxed);
}

static void
file_close(struct binlog_feed *feed)
{
	struct file *f = (struct file *)feed;

	binlog_unpack_close(f->bytes);
	binlog_spool_close(&f->spool);
	lt_buf_free(&f->buf);
	free(f);
}

static bool
check_magic(struct file *f, struct lt_err *err)
{
	static const char magic[START_POS] = { (char)0xfe, 'b', 'i', 'n' };
	static const char encrypted[START_POS] = { (char)0xfd, 'b', 'i', 'n' };

	if (!fill(f, START_POS, err))
		return false;
	if (f->buf.len >= START_POS && memcmp(f->buf.ptr, encrypted, START_POS) == 0)
		return lt_fail(err, LT_E_EVENT_UNSUPPORTED, "the log file is encrypted: read it from its server");
	if (f->buf.len < START_POS || memcmp(f->buf.ptr, magic, START_POS) != 0)
		return lt_fail(err, LT_E_NOT_A_BINLOG, "the file does not begin as binary logs do");
	f->at = START_POS;
	return true;
}

static bool
check_start(const struct file *f, uint64_t from_pos, struct lt_err *err)
{
	struct stat st;

	if (from_pos <= START_POS || !binlog_unpack_plain(f->bytes))
		return true;
	if (fstat(f->fd, &st) != 0)
		return lt_fail(err, LT_E_FILE_IO, "cannot read the log: %s", strerror(errno));
	if (from_pos > (uint64_t)st.st_size)
		return lt_fail(err, LT_E_LOG_POSITION, "the file ends at byte %llu, before the start at %llu",
		    (unsigned long long)st.st_size, (unsigned long long)from_pos);
	return true;
}

/* "binlog.000001" also of /var/backup/binlog.000001.zst. */
static struct lt_str
log_name(const char *path)
{
	static const char *const packed[] = { ".gz", ".zst" };
	const char *slash = strrchr(path, '/');
	struct lt_str name = lt_str_z(slash != NULL ? slash + 1 : path);

	for (size_t i = 0; i < LT_COUNT(packed); i++) {
		size_t n = strlen(packed[i]);

		if (name.len > n && memcmp(name.ptr + name.len - n, packed[i], n) == 0)
			name.len -= n;
	}
	return name;
}

bool
binlog_file_open(const char *path, uint64_t from_pos, const struct binlog_options *options, struct change_source **ret,
    struct lt_err *err)
{
	static const struct binlog_feed_ops ops = { file_read, file_cancel, file_close };
	struct file *f = lt_new(struct file);
	struct change_position from;
	bool ok = false;

	change_position_init(&from);
	lt_str_copy(from.place.file, sizeof(from.place.file), log_name(path));
	from.place.pos = LT_MAX(from_pos, START_POS);
	f->feed.ops = &ops;
	f->spill = options->spill;
	f->resume = from_pos > START_POS ? from_pos : 0;
	f->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (f->fd < 0) {
		lt_fail(err, LT_E_FILE_IO, "cannot open %s: %s", path, strerror(errno));
		goto out;
	}
	if (!binlog_unpack_open(f->fd, &f->bytes, err) || !check_magic(f, err) || !check_start(f, from_pos, err))
		goto out;
	*ret = binlog_source_new(&f->feed, &from, options, false);
	f = NULL; /* the source's */
	ok = true;
out:
	if (!ok && err != NULL && err->where.file[0] == '\0')
		lt_str_copy(err->where.file, sizeof(err->where.file), lt_str_z(from.place.file));
	if (f != NULL)
		file_close(&f->feed);
	change_position_clear(&from);
	return ok;
}
