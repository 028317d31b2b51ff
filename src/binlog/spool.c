#include "binlog/spool.h"

#include "base/cur.h"
#include "binlog/crc.h"

bool
binlog_spool_open(struct binlog_spool *s, struct change_spill_room *room, struct lt_err *err)
{
	LT_ASSERT(!s->open);
	s->nfront = s->ntail = 0;
	s->crc = 0;
	s->open = change_scratch_open(room, &s->file, err);
	return s->open;
}

void
binlog_spool_close(struct binlog_spool *s)
{
	if (s->open)
		change_scratch_close(&s->file);
	s->open = false;
}

/* The last four bytes stay out of it: they may be the checksum. */
static void
add_crc(struct binlog_spool *s, struct lt_str bytes)
{
	char both[2 * BINLOG_CHECKSUM_SIZE];
	size_t n = s->ntail;

	if (bytes.len >= BINLOG_CHECKSUM_SIZE) {
		s->crc = binlog_crc32(s->crc, lt_str_of(s->tail, n));
		n = 0;
		s->crc = binlog_crc32(s->crc, lt_str_of(bytes.ptr, bytes.len - BINLOG_CHECKSUM_SIZE));
		bytes = lt_str_of(bytes.ptr + bytes.len - BINLOG_CHECKSUM_SIZE, BINLOG_CHECKSUM_SIZE);
	}
	memcpy(both, s->tail, n);
	memcpy(both + n, bytes.ptr, bytes.len);
	n += bytes.len;
	s->ntail = LT_MIN(n, (size_t)BINLOG_CHECKSUM_SIZE);
	s->crc = binlog_crc32(s->crc, lt_str_of(both, n - s->ntail));
	memcpy(s->tail, both + n - s->ntail, s->ntail);
}

bool
binlog_spool_add(struct binlog_spool *s, struct lt_str bytes, struct lt_err *err)
{
	size_t front = LT_MIN(bytes.len, BINLOG_SPOOL_FRONT - s->nfront);

	if (bytes.len == 0)
		return true;
	memcpy(s->front + s->nfront, bytes.ptr, front);
	s->nfront += front;
	add_crc(s, bytes);
	return change_scratch_add(&s->file, bytes, err);
}

bool
binlog_spool_event(struct binlog_spool *s, enum binlog_checksum checksum, struct binlog_event *out, struct lt_err *err)
{
	struct lt_cur in = lt_cur_of(s->front, s->nfront);
	struct binlog_event e = { .spool = s, .checked = true, .crc = s->crc };
	bool same = s->ntail == BINLOG_CHECKSUM_SIZE && lt_le((const uint8_t *)s->tail, BINLOG_CHECKSUM_SIZE) == s->crc;

	if (!binlog_header_decode(&in, &e.header, err))
		return false;
	if (e.header.size != s->file.size)
		return lt_fail(err, LT_E_CORRUPT, "an event claims %u bytes, there are %llu", e.header.size,
		    (unsigned long long)s->file.size);
	if (checksum == BINLOG_CHECKSUM_CRC32 && !same)
		return lt_fail(err, LT_E_CHECKSUM, "an event of %u bytes: its CRC-32 does not match", e.header.size);
	e.spool_size = s->file.size - (checksum == BINLOG_CHECKSUM_CRC32 ? BINLOG_CHECKSUM_SIZE : 0);
	if (checksum != BINLOG_CHECKSUM_CRC32)
		e.crc = binlog_crc32(s->crc, lt_str_of(s->tail, s->ntail));
	e.bytes = lt_str_of(s->front, s->nfront);
	e.body = lt_cur_rest(&in);
	*out = e;
	return true;
}
