#include "binlog/relay_record.h"

#include "base/cur.h"
#include "binlog/crc.h"
#include "binlog/header.h"

static const char magic[8] = { 'L', 'U', 'T', 'R', 'A', 'R', 'L', '1' };

enum { SEALED_AT = 8 /* in a record: what the CRC covers begins here */ };

static void
put_text(struct lt_buf *out, struct lt_str s)
{
	lt_buf_le(out, s.len, 4);
	lt_buf_str_add(out, s);
}

static struct lt_str
take_text(struct lt_cur *in)
{
	return lt_cur_bytes(in, lt_cur_u32(in));
}

void
binlog_relay_head_encode(const struct binlog_relay_head *h, struct lt_buf *out)
{
	struct lt_buf body = { 0 };

	lt_buf_le(&body, h->flags, 1);
	lt_buf_le(&body, h->pos, 8);
	put_text(&body, h->file);
	put_text(&body, h->server);
	put_text(&body, h->gtids);
	lt_buf_add(out, magic, sizeof(magic));
	lt_buf_le(out, body.len, 4);
	lt_buf_le(out, binlog_crc32(0, lt_buf_str(&body)), 4);
	lt_buf_str_add(out, lt_buf_str(&body));
	lt_buf_free(&body);
}

bool
binlog_relay_head_decode(struct lt_str bytes, struct binlog_relay_head *out, size_t *used, struct lt_err *err)
{
	struct lt_cur in = lt_cur_str(bytes);
	struct lt_str mark = lt_cur_bytes(&in, sizeof(magic)), body;
	struct binlog_relay_head h;
	size_t size = lt_cur_u32(&in);
	uint32_t crc = lt_cur_u32(&in);

	if (lt_cur_ok(&in) && (memcmp(mark.ptr, magic, sizeof(magic)) != 0 || size > BINLOG_RELAY_HEAD_MAX))
		return lt_fail(err, LT_E_CORRUPT, "this is no file of a relay log");
	body = lt_cur_bytes(&in, size);
	if (!lt_cur_ok(&in))
		return lt_fail(err, LT_E_TRUNCATED, "the head of a relay log's file is cut off");
	if (binlog_crc32(0, body) != crc)
		return lt_fail(err, LT_E_CORRUPT, "the head of a relay log's file is damaged");
	*used = bytes.len - lt_cur_left(&in);
	in = lt_cur_str(body);
	h.flags = lt_cur_u8(&in);
	h.pos = lt_cur_u64(&in);
	h.file = take_text(&in);
	h.server = take_text(&in);
	h.gtids = take_text(&in);
	if (!lt_cur_ok(&in))
		return lt_fail(err, LT_E_CORRUPT, "the head of a relay log's file makes no sense");
	*out = h;
	return true;
}

static void
put_le(char *out, uint64_t n, size_t width)
{
	for (size_t i = 0; i < width; i++)
		out[i] = (char)(uint8_t)(n >> (8 * i));
}

void
binlog_relay_record_encode(const struct binlog_relay_record *r, char out[BINLOG_RELAY_RECORD_SIZE])
{
	put_le(out, r->size, 4);
	put_le(out + 4, r->crc, 4);
	put_le(out + SEALED_AT, r->kind, 1);
	put_le(out + SEALED_AT + 1, r->pos, 8);
	put_le(out + SEALED_AT + 9, r->end, 8);
}

bool
binlog_relay_record_decode(const char *in, struct binlog_relay_record *out)
{
	const uint8_t *p = (const uint8_t *)in;
	struct binlog_relay_record r;

	r.size = lt_le32(p);
	r.crc = lt_le32(p + 4);
	r.kind = p[SEALED_AT];
	r.pos = lt_le64(p + SEALED_AT + 1);
	r.end = lt_le64(p + SEALED_AT + 9);
	if (r.size < BINLOG_HEADER_SIZE || r.kind < BINLOG_RELAY_EVENT || r.kind > BINLOG_RELAY_LARGE)
		return false;
	*out = r;
	return true;
}

uint32_t
binlog_relay_record_crc(const struct binlog_relay_record *r, struct lt_str event)
{
	char bytes[BINLOG_RELAY_RECORD_SIZE];

	binlog_relay_record_encode(r, bytes);
	return binlog_crc32(binlog_crc32(0, lt_str_of(bytes + SEALED_AT, sizeof(bytes) - SEALED_AT)), event);
}
