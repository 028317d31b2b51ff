#include "binlog/relay_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "binlog/crc.h"

#define BLOCK ((size_t)256 << 10)
#define KEEP_MAX ((size_t)1 << 20)

static bool
failed(const struct binlog_relay_file *f, struct lt_err *err)
{
	return lt_fail(err, LT_E_RELAY_IO, "the relay log in %s cannot be read: %s", f->dir, strerror(errno));
}

bool
binlog_relay_file_path(const char *dir, uint64_t number, char out[4096])
{
	return (size_t)snprintf(out, 4096, "%s/%016llu.relay", dir, (unsigned long long)number) < 4096;
}

/* `size` bytes from `at` on lie in the buffer, or as many as there are. What stands behind `limit` may change yet. */
static bool
fill(struct binlog_relay_file *f, uint64_t at, size_t size, uint64_t limit, struct lt_err *err)
{
	size_t gone;

	LT_ASSERT(at >= f->base && at <= f->base + f->buf.len);
	gone = (size_t)(at - f->base);
	if (f->buf.len - gone >= size)
		return true;
	if (gone > 0)
		memmove(f->buf.ptr, f->buf.ptr + gone, f->buf.len - gone);
	f->buf.len -= gone;
	f->base = at;
	if (f->buf.len == 0 && f->buf.cap > KEEP_MAX)
		lt_buf_free(&f->buf);
	while (f->buf.len < size && f->base + f->buf.len < limit) {
		/* As far as the file really goes: a wrong length must not cost memory. */
		size_t want = LT_MIN(LT_MAX(BLOCK, size - f->buf.len), 16 * BLOCK);
		ssize_t n;

		want = (size_t)LT_MIN((uint64_t)want, limit - f->base - f->buf.len);
		n = pread(f->fd, lt_buf_reserve(&f->buf, want), want, (off_t)(f->base + f->buf.len));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failed(f, err);
		if (n == 0)
			break;
		f->buf.len += (size_t)n;
	}
	return true;
}

static size_t
have(const struct binlog_relay_file *f, uint64_t at)
{
	return f->buf.len - (size_t)(at - f->base);
}

static const char *
bytes_at(const struct binlog_relay_file *f, uint64_t at)
{
	return f->buf.ptr + (size_t)(at - f->base);
}

static bool
read_head(struct binlog_relay_file *f, struct lt_err *err)
{
	size_t used;

	for (size_t size = BLOCK;; size = BINLOG_RELAY_FRONT_SIZE + (size_t)BINLOG_RELAY_HEAD_MAX) {
		*err = (struct lt_err){ 0 };
		if (!fill(f, 0, size, UINT64_MAX, err))
			return false;
		if (binlog_relay_head_decode(lt_buf_str(&f->buf), &f->head, &used, err))
			break;
		if (err->code != LT_E_TRUNCATED || size > BLOCK) {
			err->code = LT_E_RELAY_DAMAGED;
			return lt_wrap(err, "%s/%016llu.relay", f->dir, (unsigned long long)f->number);
		}
	}
	lt_buf_add(&f->head_bytes, f->buf.ptr, used);
	f->next = used;
	/* What was read beyond it may change yet. */
	f->buf.len = used;
	return binlog_relay_head_decode(lt_buf_str(&f->head_bytes), &f->head, &used, err);
}

bool
binlog_relay_file_open(const char *dir, uint64_t number, struct binlog_relay_file *out, struct lt_err *err)
{
	struct binlog_relay_file f = { .dir = dir, .number = number, .fd = -1 };
	struct lt_err mine = { 0 };
	char path[4096];

	err = err != NULL ? err : &mine;
	if (!binlog_relay_file_path(dir, number, path))
		return lt_fail(err, LT_E_RELAY_IO, "the name of the folder %s is too long", dir);
	f.fd = open(path, O_RDONLY | O_CLOEXEC);
	if (f.fd < 0)
		return failed(&f, err);
	if (!read_head(&f, err)) {
		binlog_relay_file_close(&f);
		return false;
	}
	*out = f;
	return true;
}

void
binlog_relay_file_close(struct binlog_relay_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	lt_buf_free(&f->head_bytes);
	lt_buf_free(&f->buf);
}

enum binlog_relay_next
binlog_relay_file_peek(struct binlog_relay_file *f, uint64_t limit, struct binlog_relay_record *out, struct lt_err *err)
{
	size_t n;

	if (f->next >= limit)
		return BINLOG_RELAY_END;
	if (!fill(f, f->next, BINLOG_RELAY_RECORD_SIZE, limit, err))
		return BINLOG_RELAY_FAILED;
	n = have(f, f->next);
	if (n == 0)
		return BINLOG_RELAY_END;
	if (n < BINLOG_RELAY_RECORD_SIZE || !binlog_relay_record_decode(bytes_at(f, f->next), out))
		return BINLOG_RELAY_TORN;
	return BINLOG_RELAY_RECORD;
}

/* An event that is too large for memory, a block at a time. */
static enum binlog_relay_next
pass_large(struct binlog_relay_file *f, uint64_t limit, const struct binlog_relay_record *r, struct binlog_spool *spool,
    struct lt_err *err)
{
	uint64_t at = f->next + BINLOG_RELAY_RECORD_SIZE;
	uint32_t crc = binlog_relay_record_crc(r, LT_STR(""));

	for (size_t left = r->size; left > 0;) {
		size_t n = LT_MIN(left, BLOCK);
		struct lt_str piece;

		if (!fill(f, at, n, limit, err))
			return BINLOG_RELAY_FAILED;
		if (have(f, at) < n)
			return BINLOG_RELAY_TORN;
		piece = lt_str_of(bytes_at(f, at), n);
		crc = binlog_crc32(crc, piece);
		if (spool != NULL && !binlog_spool_add(spool, piece, err))
			return BINLOG_RELAY_FAILED;
		at += n;
		left -= n;
	}
	return crc == r->crc ? BINLOG_RELAY_RECORD : BINLOG_RELAY_TORN;
}

enum binlog_relay_next
binlog_relay_file_next(struct binlog_relay_file *f, uint64_t limit, struct binlog_spool *spool,
    struct binlog_relay_record *out, struct lt_str *event, struct lt_err *err)
{
	struct binlog_relay_record r;
	enum binlog_relay_next what = binlog_relay_file_peek(f, limit, &r, err);
	size_t size;

	if (what != BINLOG_RELAY_RECORD)
		return what;
	size = BINLOG_RELAY_RECORD_SIZE + (size_t)r.size;
	if (limit - f->next < size)
		return BINLOG_RELAY_TORN;
	if (r.kind == BINLOG_RELAY_LARGE) {
		what = pass_large(f, limit, &r, spool, err);
		if (what != BINLOG_RELAY_RECORD)
			return what;
		*event = spool != NULL ? lt_str_of(spool->front, spool->nfront) : LT_STR("");
	} else {
		if (!fill(f, f->next, size, limit, err))
			return BINLOG_RELAY_FAILED;
		if (have(f, f->next) < size)
			return BINLOG_RELAY_TORN;
		*event = lt_str_of(bytes_at(f, f->next) + BINLOG_RELAY_RECORD_SIZE, r.size);
		if (binlog_relay_record_crc(&r, *event) != r.crc)
			return BINLOG_RELAY_TORN;
	}
	f->next += size;
	*out = r;
	return BINLOG_RELAY_RECORD;
}
