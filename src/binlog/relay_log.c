#include "binlog/relay_log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "binlog/crc.h"

#define WRITE_BYTES ((size_t)256 << 10)
#define SEGMENT_MIN ((uint64_t)64 << 10)
#define SEGMENT_MAX ((uint64_t)64 << 20)
/* Where the type stands in an event. */
#define TYPE_AT 4
#define SEGMENTS 8 /* files that the bound is shared out to */

static bool
failed(const struct binlog_relay_log *l, const char *what, struct lt_err *err)
{
	return lt_fail(err, LT_E_RELAY_IO, "the relay log in %s cannot be %s: %s", l->dir, what, strerror(errno));
}

static bool
path_of(const struct binlog_relay_log *l, uint64_t number, char out[4096], struct lt_err *err)
{
	return binlog_relay_file_path(l->dir, number, out) ||
	       lt_fail(err, LT_E_RELAY_IO, "the name of the folder %s is too long", l->dir);
}

/* -- segments ------------------------------------------------------------------------------------- */

static struct binlog_relay_segment *
newest(struct binlog_relay_log *l)
{
	return l->count > 0 ? &l->segments[l->count - 1] : NULL;
}

static struct binlog_relay_segment *
add_segment(struct binlog_relay_log *l, uint64_t number, const struct change_place *start)
{
	if (l->count == l->cap) {
		l->cap = l->cap > 0 ? l->cap * 2 : 16;
		l->segments = lt_realloc(l->segments, l->cap * sizeof(*l->segments));
	}
	l->segments[l->count] = (struct binlog_relay_segment){ .number = number, .start = *start };
	return &l->segments[l->count++];
}

static bool
remove_oldest(struct binlog_relay_log *l, size_t n, struct lt_err *err)
{
	char path[4096];
	size_t done = 0;
	bool ok = true;

	for (; ok && done < n; done += ok) {
		ok = path_of(l, l->segments[done].number, path, err) &&
		     (unlink(path) == 0 || errno == ENOENT || failed(l, "removed", err));
		if (ok)
			change_gtid_set_free(l->segments[done].gtids);
	}
	if (done > 0)
		memmove(l->segments, l->segments + done, (l->count - done) * sizeof(*l->segments));
	l->count -= done;
	return ok;
}

static void
close_newest(struct binlog_relay_log *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	l->written = l->synced = 0;
	l->named = false;
	lt_buf_clear(&l->out);
}

bool
binlog_relay_log_drop(struct binlog_relay_log *l, struct lt_err *err)
{
	close_newest(l);
	l->server[0] = '\0';
	l->last = (struct change_place){ .file = "" };
	l->format.known = false;
	l->open.kind = CHANGE_GTID_NONE;
	return remove_oldest(l, l->count, err);
}

uint64_t
binlog_relay_log_bytes(const struct binlog_relay_log *l)
{
	uint64_t sum = l->out.len;

	for (size_t i = 0; i < l->count; i++)
		sum += l->segments[i].size;
	return sum;
}

/* -- writing -------------------------------------------------------------------------------------- */

static bool
write_all(struct binlog_relay_log *l, struct lt_str bytes, struct lt_err *err)
{
	size_t done = 0;

	while (done < bytes.len) {
		ssize_t n = pwrite(l->fd, bytes.ptr + done, bytes.len - done, (off_t)(l->written + done));

		if (n > 0) {
			done += (size_t)n;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		failed(l, "written", err);
		if (ftruncate(l->fd, (off_t)l->written) != 0)
			l->broken = true;
		return false;
	}
	l->written += bytes.len;
	newest(l)->size = l->written;
	return true;
}

static bool
is_sound(const struct binlog_relay_log *l, struct lt_err *err)
{
	return !l->broken || lt_fail(err, LT_E_RELAY_IO, "the relay log in %s must be read again", l->dir);
}

bool
binlog_relay_log_write(struct binlog_relay_log *l, struct lt_err *err)
{
	if (!is_sound(l, err))
		return false;
	if (l->out.len == 0)
		return true;
	lt_step("relay.write");
	if (!write_all(l, lt_buf_str(&l->out), err))
		return false;
	lt_buf_clear(&l->out);
	return true;
}

static bool
sync_folder(const struct binlog_relay_log *l, struct lt_err *err)
{
	int fd = open(l->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;

	if (!ok)
		failed(l, "made durable", err);
	if (fd >= 0)
		close(fd);
	return ok;
}

/* The system may have given up what it could not write, and would say nothing the next time: it must not be there. */
static bool
lose(struct binlog_relay_log *l, struct lt_err *err)
{
	char path[4096];

	failed(l, "made durable", err);
	l->broken = true;
	if (ftruncate(l->fd, (off_t)l->synced) != 0 && path_of(l, newest(l)->number, path, NULL))
		unlink(path);
	return false;
}

bool
binlog_relay_log_sync(struct binlog_relay_log *l, struct lt_err *err)
{
	if (!binlog_relay_log_write(l, err))
		return false;
	if (l->fd >= 0 && l->synced < l->written) {
		lt_step("relay.sync");
		if (fdatasync(l->fd) != 0)
			return lose(l, err);
		l->synced = l->written;
	}
	if (l->fd >= 0 && !l->named && !sync_folder(l, err))
		return lose(l, err);
	l->named = l->fd >= 0;
	return true;
}

static void
record_of(const struct binlog_relay_entry *e, struct binlog_relay_record *out)
{
	*out = (struct binlog_relay_record){
		.size = e->event.header.size, .kind = (uint8_t)e->kind, .pos = e->at.pos, .end = e->at.end
	};
	if (e->event.spool != NULL)
		out->kind = BINLOG_RELAY_LARGE;
}

static void
put_record(struct binlog_relay_log *l, struct binlog_relay_record *r, struct lt_str bytes)
{
	char head[BINLOG_RELAY_RECORD_SIZE];

	r->crc = binlog_relay_record_crc(r, bytes);
	binlog_relay_record_encode(r, head);
	lt_buf_add(&l->out, head, sizeof(head));
	lt_buf_str_add(&l->out, bytes);
}

/* An event that lies in a file of its own: twice over it, since its CRC stands in front. */
static bool
put_large(struct binlog_relay_log *l, struct binlog_relay_record *r, struct binlog_spool *spool, struct lt_err *err)
{
	struct lt_buf block = { 0 };
	char head[BINLOG_RELAY_RECORD_SIZE];
	bool ok = binlog_relay_log_write(l, err);
	uint64_t begin = l->written, at;

	r->crc = binlog_relay_record_crc(r, LT_STR(""));
	for (int round = 0; ok && round < 2; round++) {
		if (round == 1) {
			binlog_relay_record_encode(r, head);
			ok = write_all(l, lt_str_of(head, sizeof(head)), err);
		}
		for (at = 0; ok && at < r->size; at += block.len) {
			block.len = 0;
			lt_buf_reserve(&block, WRITE_BYTES);
			block.len = (size_t)LT_MIN((uint64_t)WRITE_BYTES, r->size - at);
			ok = change_scratch_read(&spool->file, at, block.ptr, block.len, err);
			if (ok && round == 0)
				r->crc = binlog_crc32(r->crc, lt_buf_str(&block));
			else if (ok)
				ok = write_all(l, lt_buf_str(&block), err);
		}
	}
	if (!ok && l->written > begin) {
		l->broken |= ftruncate(l->fd, (off_t)begin) != 0;
		l->written = newest(l)->size = begin;
	}
	lt_buf_free(&block);
	return ok;
}

/* -- a new file ----------------------------------------------------------------------------------- */

static bool
create(struct binlog_relay_log *l, const struct change_place *start, bool begin, struct lt_err *err)
{
	struct binlog_relay_head head = { .flags = (uint8_t)((begin ? BINLOG_RELAY_BEGIN : 0) |
							     (l->folds ? BINLOG_RELAY_FOLDS : 0)),
		.pos = start->pos,
		.file = lt_str_z(start->file),
		.server = lt_str_z(l->server) };
	struct lt_buf text = { 0 }, bytes = { 0 };
	struct binlog_relay_segment *s;
	char path[4096];
	bool ok = false;

	if (!path_of(l, l->next_number, path, err))
		return false;
	change_gtid_set_text(l->executed, &text);
	head.gtids = lt_buf_str(&text);
	binlog_relay_head_encode(&head, &bytes);
	l->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (l->fd < 0) {
		failed(l, "written", err);
		goto out;
	}
	s = add_segment(l, l->next_number, start);
	s->begin = begin;
	s->gtids = change_gtid_set_copy(l->executed);
	if (!write_all(l, lt_buf_str(&bytes), err)) {
		close_newest(l);
		unlink(path);
		l->count--;
		change_gtid_set_free(s->gtids);
		goto out;
	}
	l->next_number++;
	ok = true;
out:
	lt_buf_free(&text);
	lt_buf_free(&bytes);
	return ok;
}

bool
binlog_relay_log_begin(struct binlog_relay_log *l, const struct binlog_relay_begin *begin, struct lt_err *err)
{
	LT_ASSERT(l->count == 0);
	lt_str_copy(l->server, sizeof(l->server), lt_str_z(begin->server));
	l->folds = begin->folds;
	change_gtid_set_free(l->executed);
	l->executed = change_gtid_set_copy(begin->gtids);
	l->open.kind = CHANGE_GTID_NONE;
	return create(l, &begin->place, true, err);
}

enum binlog_checksum
binlog_relay_checksum(const struct binlog_track *t, const struct binlog_format *format, struct lt_str event)
{
	uint8_t type = (uint8_t)event.ptr[TYPE_AT];

	/* Only it tells itself whether it has one. */
	if (type == BINLOG_FORMAT_DESCRIPTION)
		return BINLOG_CHECKSUM_EITHER;
	return binlog_track_checksum(t, format, type, binlog_track_artificial(t, event.ptr));
}

static bool
begins_txn(uint8_t type)
{
	return type == BINLOG_GTID || type == BINLOG_ANONYMOUS_GTID || type == BINLOG_GTID_TAGGED ||
	       type == BINLOG_MARIADB_GTID;
}

/* Where a file begins that begins with `e`; *rotates: the source's log does, too. */
static bool
start_of(const struct binlog_relay_entry *e, struct change_place *out, bool *rotates, struct lt_err *err)
{
	struct binlog_rotate r = { .pos = e->at.pos, .file = lt_str_z(e->at.file) };

	*rotates = e->kind == BINLOG_RELAY_SHOWN && e->event.header.type == BINLOG_ROTATE;
	if (*rotates && !binlog_rotate_decode(e->event.body, &r, err))
		return false;
	*out = (struct change_place){ .pos = r.pos };
	lt_str_copy(out->file, sizeof(out->file), r.file);
	return true;
}

/* A new file where one is due. All before it is durable then, and between two transactions. */
static bool
make_way(struct binlog_relay_log *l, const struct binlog_relay_entry *e, struct lt_err *err)
{
	struct binlog_relay_record r = { .size = (uint32_t)l->format_bytes.len, .kind = BINLOG_RELAY_PREAMBLE };
	bool full = l->written + l->out.len >= l->segment_bytes, rotates, due;
	struct change_place start;

	if (!start_of(e, &start, &rotates, err))
		return false;
	due = rotates ? strcmp(start.file, newest(l)->start.file) != 0
		      : full && e->kind == BINLOG_RELAY_EVENT && begins_txn(e->event.header.type);
	/* No file is open where a try before this one got no further. */
	if (!due && l->fd >= 0)
		return true;
	binlog_relay_log_whole(l);
	if (l->fd >= 0) {
		if (!binlog_relay_log_sync(l, err))
			return false;
		close_newest(l);
	}
	if (!create(l, &start, false, err))
		return false;
	if (!rotates && l->format_bytes.len > 0)
		put_record(l, &r, lt_buf_str(&l->format_bytes));
	return true;
}

/* -- what an added event says --------------------------------------------------------------------- */

void
binlog_relay_log_whole(struct binlog_relay_log *l)
{
	change_gtid_set_add(l->executed, &l->open);
	l->open.kind = CHANGE_GTID_NONE;
}

/* What of an event is kept in memory. */
struct gist {
	struct binlog_format format;
	struct binlog_gtid_event gtid;
};

static bool
decode(const struct binlog_relay_entry *e, struct gist *out, struct lt_err *err)
{
	const struct binlog_header *h = &e->event.header;

	if (h->type == BINLOG_FORMAT_DESCRIPTION)
		return binlog_format_decode(e->bytes, &out->format, err);
	if (e->kind == BINLOG_RELAY_EVENT && begins_txn(h->type))
		return binlog_gtid_decode(h->type, e->event.body, h->server_id, &out->gtid, err);
	return true;
}

static void
note(struct binlog_relay_log *l, const struct binlog_relay_entry *e, const struct gist *gist)
{
	uint8_t type = e->event.header.type;

	if (type == BINLOG_FORMAT_DESCRIPTION) {
		l->format = gist->format;
		lt_buf_clear(&l->format_bytes);
		lt_buf_str_add(&l->format_bytes, e->bytes);
	} else if (e->kind == BINLOG_RELAY_EVENT) {
		if (begins_txn(type)) {
			binlog_relay_log_whole(l);
			l->open = gist->gtid.gtid;
		}
		lt_str_copy(l->last.file, sizeof(l->last.file), lt_str_z(e->at.file));
		l->last.pos = e->at.end;
		l->last.last_pos = e->at.pos;
		l->last.last_crc = binlog_event_crc(&e->event);
	}
}

bool
binlog_relay_log_add(struct binlog_relay_log *l, const struct binlog_relay_entry *e, struct lt_err *err)
{
	struct binlog_relay_record r;
	struct gist gist;

	record_of(e, &r);
	if (!is_sound(l, err) || (l->out.len >= WRITE_BYTES && !binlog_relay_log_write(l, err)))
		return false;
	if (!decode(e, &gist, err) || !make_way(l, e, err))
		return false;
	if (e->event.spool != NULL) {
		if (!put_large(l, &r, e->event.spool, err))
			return false;
	} else {
		put_record(l, &r, e->bytes);
	}
	note(l, e, &gist);
	return true;
}

/* -- what is needed ------------------------------------------------------------------------------- */

/* A reader who begins at `p` reads the event in front of it first, where that is known (R13). */
static struct change_place
read_from(const struct change_place *p)
{
	struct change_place from = *p;

	if (p->last_pos != 0)
		from.pos = p->last_pos;
	return from;
}

static bool
cover_place(const struct binlog_relay_log *l, const struct change_place *p, size_t *segment)
{
	struct change_place from = read_from(p);
	size_t i = l->count;

	/* Without an event to compare with, only where reading began: elsewhere it might be another log's place. */
	if (p->last_pos == 0 && (!l->segments[0].begin || change_place_cmp(p, &l->segments[0].start) != 0))
		return false;
	while (i > 0 && change_place_cmp(&l->segments[i - 1].start, &from) > 0)
		i--;
	*segment = i - 1;
	return i > 0;
}

static enum binlog_relay_cover
cover_gtids(const struct binlog_relay_log *l, const struct change_position *from, size_t *segment)
{
	bool moved = from->server[0] != '\0' && strcmp(from->server, l->server) != 0;
	size_t i = l->count;

	/* Going over to another server was begun, and is not recorded yet. */
	if (moved && !(l->segments[0].begin && change_gtid_set_eq(l->segments[0].gtids, from->gtids)))
		return BINLOG_RELAY_FOREIGN;
	while (i > 0 && !change_gtid_set_subset(l->segments[i - 1].gtids, from->gtids))
		i--;
	if (i == 0 || change_gtid_set_empty(from->gtids))
		return BINLOG_RELAY_FOREIGN;
	*segment = i - 1;
	if (change_gtid_set_subset(from->gtids, l->executed))
		return BINLOG_RELAY_COVERS;
	return change_gtid_set_subset(l->executed, from->gtids) ? BINLOG_RELAY_BEHIND : BINLOG_RELAY_FOREIGN;
}

enum binlog_relay_cover
binlog_relay_log_cover(
    const struct binlog_relay_log *l, const struct change_position *from, size_t *segment, bool *by_gtid)
{
	*by_gtid = from->place.file[0] == '\0' || strcmp(from->server, l->server) != 0;
	if (l->count == 0 || l->last.file[0] == '\0')
		return BINLOG_RELAY_BEHIND; /* there is nothing in it */
	if (*by_gtid)
		return cover_gtids(l, from, segment);
	if (change_place_cmp(&from->place, &l->last) > 0)
		return BINLOG_RELAY_BEHIND;
	return cover_place(l, &from->place, segment) ? BINLOG_RELAY_COVERS : BINLOG_RELAY_FOREIGN;
}

void
binlog_relay_log_trim(struct binlog_relay_log *l, const struct change_position *saved)
{
	struct change_place from = read_from(&saved->place);
	size_t n = 0;

	if (strcmp(saved->server, l->server) != 0)
		return;
	while (n + 1 < l->count) {
		const struct binlog_relay_segment *next = &l->segments[n + 1];
		bool gone = from.file[0] != '\0' ? change_place_cmp(&next->start, &from) <= 0
						 : change_gtid_set_subset(next->gtids, saved->gtids);

		if (!gone)
			break;
		n++;
	}
	if (n > 0 && !remove_oldest(l, n, NULL))
		return; /* the next time */
}

/* -- opening what a run before this one left ------------------------------------------------------ */

static int
by_number(const void *a, const void *b)
{
	const struct binlog_relay_segment *one = a, *other = b;

	return one->number < other->number ? -1 : one->number > other->number;
}

static bool
list(struct binlog_relay_log *l, struct lt_err *err)
{
	static const struct change_place nowhere = { .file = "" };
	const struct dirent *e;
	DIR *folder = opendir(l->dir);

	if (folder == NULL)
		return failed(l, "read", err);
	while ((e = readdir(folder)) != NULL) {
		const char *dot = strchr(e->d_name, '.');
		uint64_t number;

		if (dot != NULL && strcmp(dot, ".relay") == 0 &&
		    lt_str_u64(lt_str_of(e->d_name, (size_t)(dot - e->d_name)), &number))
			add_segment(l, number, &nowhere);
	}
	closedir(folder);
	if (l->count > 0)
		qsort(l->segments, l->count, sizeof(*l->segments), by_number);
	if (l->count > 0)
		l->next_number = newest(l)->number + 1;
	return true;
}

static bool
read_head(struct binlog_relay_log *l, struct binlog_relay_segment *s, struct lt_err *err)
{
	struct binlog_relay_file f;
	struct stat st;
	bool ok = false;

	if (!binlog_relay_file_open(l->dir, s->number, &f, err))
		return false;
	if (fstat(f.fd, &st) != 0) {
		failed(l, "read", err);
		goto out;
	}
	s->size = (uint64_t)st.st_size;
	s->begin = (f.head.flags & BINLOG_RELAY_BEGIN) != 0;
	s->start.pos = f.head.pos;
	lt_str_copy(s->start.file, sizeof(s->start.file), f.head.file);
	if (!change_gtid_set_parse(f.head.gtids, &s->gtids, err))
		goto out;
	lt_str_copy(l->server, sizeof(l->server), f.head.server);
	l->folds = (f.head.flags & BINLOG_RELAY_FOLDS) != 0;
	ok = true;
out:
	binlog_relay_file_close(&f);
	return ok;
}

/* The heads of all files, newest first, as far back as they belong together. A newest file without a head was begun
 * when the machine went down: nothing was acknowledged by it. */
static bool
read_heads(struct binlog_relay_log *l, uint64_t *cut, struct lt_err *err)
{
	char path[4096];
	size_t i = l->count;
	struct stat st;

	while (i > 0) {
		struct binlog_relay_segment *s = &l->segments[i - 1];

		if (i < l->count && (l->segments[i].begin || l->segments[i].number != s->number + 1))
			break;
		if (read_head(l, s, err)) {
			i--;
			continue;
		}
		if (err->code != LT_E_RELAY_DAMAGED || i < l->count || !path_of(l, s->number, path, err))
			return false;
		*err = (struct lt_err){ 0 };
		if (stat(path, &st) == 0)
			*cut += (uint64_t)st.st_size;
		if (unlink(path) != 0)
			return failed(l, "removed", err);
		l->count = --i;
	}
	return remove_oldest(l, i, err);
}

/* Of an event that is too large to be held. */
static bool
crc_of(const struct binlog_relay_log *l, int fd, uint64_t at, uint64_t len, uint32_t *out, struct lt_err *err)
{
	struct lt_buf block = { 0 };
	uint32_t crc = 0;

	while (len > 0) {
		size_t want = (size_t)LT_MIN((uint64_t)WRITE_BYTES, len);
		ssize_t n = pread(fd, lt_buf_reserve(&block, want), want, (off_t)at);

		if (n <= 0 && errno != EINTR)
			break;
		if (n > 0) {
			crc = binlog_crc32(crc, lt_str_of(block.ptr, (size_t)n));
			at += (uint64_t)n;
			len -= (uint64_t)n;
		}
	}
	lt_buf_free(&block);
	*out = crc;
	return len == 0 || failed(l, "read", err);
}

/* The record that was read last, as if it had just been added. */
static bool
note_scanned(struct binlog_relay_log *l, const struct binlog_relay_file *f, const struct binlog_relay_record *r,
    struct lt_str bytes, struct lt_err *err)
{
	struct binlog_track track = { .stream = true };
	struct binlog_relay_entry e = { .bytes = bytes,
		.kind = binlog_relay_of_log(r->kind) ? BINLOG_RELAY_EVENT : (enum binlog_relay_kind)r->kind,
		.at = { newest(l)->start.file, r->pos, r->end } };
	struct gist gist;

	if (r->kind == BINLOG_RELAY_LARGE) {
		uint64_t sum = l->format.crc ? BINLOG_CHECKSUM_SIZE : 0;

		e.event.header.type = BINLOG_TRANSACTION_PAYLOAD;
		e.event.checked = true;
		if (!crc_of(l, f->fd, f->next - r->size, r->size - sum, &e.event.crc, err))
			return false;
	} else if (!binlog_event_open(bytes, binlog_relay_checksum(&track, &l->format, bytes), &e.event, err)) {
		return false;
	}
	if (!decode(&e, &gist, err))
		return false;
	note(l, &e, &gist);
	return true;
}

/* All records of the newest file; *whole: where those end that are whole. */
static bool
scan_newest(struct binlog_relay_log *l, uint64_t *whole, struct lt_err *err)
{
	enum binlog_relay_next what = BINLOG_RELAY_RECORD;
	struct binlog_relay_file f;
	bool ok = true;

	l->last = (struct change_place){ .file = "" };
	l->format.known = false;
	l->open.kind = CHANGE_GTID_NONE;
	change_gtid_set_free(l->executed);
	l->executed = change_gtid_set_copy(newest(l)->gtids);
	if (!binlog_relay_file_open(l->dir, newest(l)->number, &f, err))
		return false;
	while (ok && what == BINLOG_RELAY_RECORD) {
		struct binlog_relay_record r;
		struct lt_str bytes;

		what = binlog_relay_file_next(&f, newest(l)->size, NULL, &r, &bytes, err);
		if (what == BINLOG_RELAY_RECORD)
			ok = note_scanned(l, &f, &r, bytes, err);
	}
	*whole = f.next;
	binlog_relay_file_close(&f);
	return ok && what != BINLOG_RELAY_FAILED;
}

/* The newest file that holds an event of the log: reading goes on behind that. Of what comes behind, nothing was
 * acknowledged. */
static bool
find_end(struct binlog_relay_log *l, uint64_t *cut, struct lt_err *err)
{
	char path[4096];
	uint64_t whole;

	while (l->count > 0) {
		struct binlog_relay_segment *s = newest(l);

		if (!scan_newest(l, &whole, err))
			return false;
		*cut += s->size - whole;
		s->size = whole;
		if (l->last.file[0] != '\0')
			break;
		if (!path_of(l, s->number, path, err))
			return false;
		if (unlink(path) != 0)
			return failed(l, "removed", err);
		change_gtid_set_free(s->gtids);
		l->count--;
	}
	return true;
}

static bool
open_newest(struct binlog_relay_log *l, struct lt_err *err)
{
	char path[4096];

	if (l->count == 0) {
		l->server[0] = '\0';
		return true;
	}
	if (!path_of(l, newest(l)->number, path, err))
		return false;
	l->fd = open(path, O_RDWR | O_CLOEXEC);
	if (l->fd < 0 || ftruncate(l->fd, (off_t)newest(l)->size) != 0)
		return failed(l, "opened", err);
	l->written = newest(l)->size;
	/* What the run before wrote may never have reached the disk. */
	l->synced = 0;
	l->named = false;
	return true;
}

bool
binlog_relay_log_open(struct binlog_relay_log *l, const char *dir, uint64_t limit, uint64_t *cut, struct lt_err *err)
{
	struct lt_err mine = { 0 };

	*l = (struct binlog_relay_log){
		.dir = lt_strdup(dir), .fd = -1, .next_number = 1, .executed = change_gtid_set_new()
	};
	l->segment_bytes = LT_MIN(LT_MAX(limit / SEGMENTS, SEGMENT_MIN), SEGMENT_MAX);
	*cut = 0;
	err = err != NULL ? err : &mine;
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		return failed(l, "made", err);
	return list(l, err) && read_heads(l, cut, err) && find_end(l, cut, err) && open_newest(l, err);
}

void
binlog_relay_log_close(struct binlog_relay_log *l)
{
	if (l->dir == NULL)
		return;
	if (l->fd >= 0)
		close(l->fd);
	for (size_t i = 0; i < l->count; i++)
		change_gtid_set_free(l->segments[i].gtids);
	free(l->segments);
	free(l->dir);
	lt_buf_free(&l->out);
	lt_buf_free(&l->format_bytes);
	change_gtid_set_free(l->executed);
	*l = (struct binlog_relay_log){ .fd = -1 };
}
