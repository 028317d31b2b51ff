/* Events made by hand, for the tests of what reads them. */
#ifndef TEST_BINLOG_EVENTS_H
#define TEST_BINLOG_EVENTS_H

#include <zlib.h>

#include "base/buf.h"
#include "binlog/header.h"

/** Append one event with a CRC-32; returns its offset. `pos` is where it stands in a file, for its end_log_pos. */
static inline size_t
put_event(struct lt_buf *out, uint8_t type, uint16_t flags, uint64_t pos, struct lt_str body)
{
	size_t at = out->len, size = BINLOG_HEADER_SIZE + body.len + BINLOG_CHECKSUM_SIZE;

	lt_buf_le(out, 1700000000, 4);
	lt_buf_c(out, (char)type);
	lt_buf_le(out, 11, 4);
	lt_buf_le(out, size, 4);
	lt_buf_le(out, pos + size, 4);
	lt_buf_le(out, flags, 2);
	lt_buf_str_add(out, body);
	lt_buf_le(out, crc32_z(0, (const Bytef *)out->ptr + at, out->len - at), 4);
	return at;
}

/** FORMAT_DESCRIPTION of a MySQL 9.7 with checksums. */
static inline void
put_format(struct lt_buf *out, uint16_t flags)
{
	struct lt_buf body = { 0 };
	char version[50] = "9.7.4";

	lt_buf_le(&body, 4, 2);
	lt_buf_add(&body, version, sizeof(version));
	lt_buf_le(&body, 0, 4);
	lt_buf_c(&body, BINLOG_HEADER_SIZE);
	for (int type = 1; type <= 42; type++)
		lt_buf_c(&body, (char)(type == BINLOG_QUERY ? 13 : type == BINLOG_TABLE_MAP ? 8 : 10));
	lt_buf_c(&body, 1); /* CRC-32 */
	put_event(out, BINLOG_FORMAT_DESCRIPTION, flags, 4, lt_buf_str(&body));
	lt_buf_free(&body);
}

static inline void
query_body(struct lt_buf *body, struct lt_str vars, const char *schema, const char *sql)
{
	lt_buf_le(body, 1, 4);
	lt_buf_le(body, 0, 4);
	lt_buf_le(body, strlen(schema), 1);
	lt_buf_le(body, 0, 2);
	lt_buf_le(body, vars.len, 2);
	lt_buf_str_add(body, vars);
	lt_buf_z(body, schema);
	lt_buf_c(body, '\0');
	lt_buf_z(body, sql);
}

static inline void
gtid_body(struct lt_buf *body, uint64_t number)
{
	lt_buf_c(body, 0);
	for (int i = 1; i <= 16; i++)
		lt_buf_c(body, (char)i);
	lt_buf_le(body, number, 8);
}

#endif
