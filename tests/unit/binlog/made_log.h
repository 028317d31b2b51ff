/* A log that is made event by event and fed to an assembler. */
#ifndef TEST_BINLOG_MADE_LOG_H
#define TEST_BINLOG_MADE_LOG_H

#include "binlog/assembler.h"
#include "events.h"

/** A log of one table with one INT column, made event by event. */
struct log {
	struct binlog_assembler a;
	struct change_gtid_set *none;
	uint64_t pos;
	struct lt_err err;
	bool refuse; /* the filter's answers */
	bool want_tables, want_ddl;
	uint32_t later_s; /* than the first events */
	size_t asked_tables;
};

static inline bool
filter_table(void *ctx, struct lt_str schema, struct lt_str table)
{
	struct log *l = ctx;

	(void)schema;
	l->asked_tables++;
	return l->want_tables && !lt_str_eqz(table, "unwanted");
}

static inline bool
filter_ddl(void *ctx, struct lt_str schema, struct lt_str sql, uint64_t sql_mode, struct lt_err *err)
{
	struct log *l = ctx;

	(void)schema;
	(void)sql;
	(void)sql_mode;
	if (l->refuse)
		return lt_fail(err, LT_E_STATEMENT_FORMAT, "not as rows");
	return l->want_ddl;
}

static inline void
log_init(struct log *l)
{
	const struct binlog_format format = { .known = true, .crc = true, .query_size = 13, .id_width = 6 };
	struct binlog_options options = { .filter = { filter_table, filter_ddl, l, NULL } };

	*l = (struct log){ .pos = 4, .none = change_gtid_set_new(), .want_tables = true, .want_ddl = true };
	binlog_assembler_init(&l->a, &options, l->none);
	binlog_assembler_format(&l->a, &format);
}

static inline void
log_clear(struct log *l)
{
	binlog_assembler_clear(&l->a);
	change_gtid_set_free(l->none);
}

static inline bool
feed_flags(struct log *l, uint8_t type, uint16_t flags, struct lt_str body)
{
	struct lt_buf b = { 0 };
	struct binlog_event e;
	struct binlog_at at = { .file = "log.000001", .pos = l->pos };
	bool ok;

	put_event(&b, type, flags, l->pos, body);
	l->pos = at.end = at.pos + b.len;
	assert_true(binlog_event_open(lt_buf_str(&b), BINLOG_CHECKSUM_CRC32, &e, NULL));
	e.header.when_s += l->later_s;
	l->err = (struct lt_err){ 0 };
	ok = binlog_assembler_feed(&l->a, &e, &at, &l->err);
	lt_buf_free(&b);
	return ok;
}

static inline bool
feed(struct log *l, uint8_t type, struct lt_str body)
{
	return feed_flags(l, type, 0, body);
}

static inline bool
query(struct log *l, const char *sql)
{
	struct lt_buf body = { 0 };
	bool ok;

	query_body(&body, LT_STR(""), "s", sql);
	ok = feed(l, BINLOG_QUERY, lt_buf_str(&body));
	lt_buf_free(&body);
	return ok;
}

static inline bool
gtid(struct log *l, uint64_t number)
{
	struct lt_buf body = { 0 };
	bool ok;

	gtid_body(&body, number);
	ok = feed(l, BINLOG_GTID, lt_buf_str(&body));
	lt_buf_free(&body);
	return ok;
}

static inline bool
mariadb_gtid(struct log *l, uint64_t number, uint8_t flags, uint8_t extra)
{
	struct lt_buf body = { 0 };
	bool ok;

	lt_buf_le(&body, number, 8);
	lt_buf_le(&body, 0, 4);
	lt_buf_c(&body, (char)flags);
	if ((flags & BINLOG_GTID_XA_PREPARED) != 0)
		lt_buf_add(&body, "\1\0\0\0\1\0x", 7);
	lt_buf_c(&body, (char)extra);
	lt_buf_le(&body, 0, 5);
	ok = feed(l, BINLOG_MARIADB_GTID, lt_buf_str(&body));
	lt_buf_free(&body);
	return ok;
}

static inline bool
map(struct log *l, uint64_t id, const char *table)
{
	struct lt_buf body = { 0 };
	bool ok;

	lt_buf_le(&body, id, 6);
	lt_buf_le(&body, 1, 2);
	lt_buf_le(&body, 1, 1);
	lt_buf_add(&body, "s", 2);
	lt_buf_le(&body, strlen(table), 1);
	lt_buf_add(&body, table, strlen(table) + 1);
	lt_buf_c(&body, 1); /* one column */
	lt_buf_c(&body, 3); /* INT */
	lt_buf_c(&body, 0); /* no metadata */
	lt_buf_c(&body, 0); /* not nullable */
	ok = feed(l, BINLOG_TABLE_MAP, lt_buf_str(&body));
	lt_buf_free(&body);
	return ok;
}

static inline bool
insert(struct log *l, uint64_t id, size_t nrows)
{
	struct lt_buf body = { 0 };
	bool ok;

	lt_buf_le(&body, id, 6);
	lt_buf_le(&body, 1, 2);
	lt_buf_le(&body, 2, 2);
	lt_buf_c(&body, 1);
	lt_buf_c(&body, (char)0xff);
	for (size_t i = 0; i < nrows; i++) {
		lt_buf_c(&body, (char)0xfe);
		lt_buf_le(&body, i, 4);
	}
	ok = feed(l, BINLOG_WRITE_ROWS, lt_buf_str(&body));
	lt_buf_free(&body);
	return ok;
}

static inline bool
xid(struct log *l)
{
	return feed(l, BINLOG_XID, LT_STR("12345678"));
}

/** The next thing handed out is of this kind, with so many rows. */
static inline void
expect(struct log *l, enum change_txn_kind kind, size_t nrows)
{
	struct change_txn *t = binlog_assembler_take(&l->a);

	assert_non_null(t);
	assert_int_equal(t->kind, kind);
	assert_int_equal(t->nrows, nrows);
	assert_string_equal(t->end.file, "log.000001");
	change_txn_free(t);
}

static inline void
expect_nothing(struct log *l)
{
	assert_null(binlog_assembler_take(&l->a));
}

static inline void
expect_place(struct log *l, const char *passed)
{
	struct change_txn *t = binlog_assembler_take_place(&l->a);
	struct lt_buf text = { 0 };

	expect_nothing(l);
	assert_non_null(t);
	assert_int_equal(t->kind, CHANGE_TXN_PLACE);
	assert_int_equal(t->end.pos, l->pos);
	if (t->passed != NULL)
		change_gtid_set_text(t->passed, &text);
	assert_string_equal(lt_buf_cstr(&text), passed);
	assert_null(binlog_assembler_take_place(&l->a));
	change_txn_free(t);
	lt_buf_free(&text);
}

#endif
