#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "binlog/source.h"
#include "binlog/source_priv.h"
#include "events.h"

#define GB4 ((uint64_t)1 << 32)
#define FILE_NAME "binlog.000007"

/* What a server sends. */
struct stream {
	struct binlog_feed feed;
	struct lt_buf bytes;
	size_t at;
};

static enum binlog_read
stream_read(struct binlog_feed *feed, int timeout_ms, struct lt_str *event, struct lt_err *err)
{
	struct stream *s = (struct stream *)feed;
	const uint8_t *at = (const uint8_t *)s->bytes.ptr + s->at;

	(void)timeout_ms;
	(void)err;
	if (s->at == s->bytes.len)
		return BINLOG_READ_NOTHING;
	*event = lt_str_of(at, (size_t)lt_le(at + 9, 4));
	s->at += event->len;
	return BINLOG_READ_EVENT;
}

static void
stream_end(struct binlog_feed *feed)
{
	(void)feed;
}

static void
rotate(struct stream *s, const char *file, uint64_t pos)
{
	struct lt_buf body = { 0 };

	lt_buf_le(&body, pos, 8);
	lt_buf_z(&body, file);
	put_event(&s->bytes, BINLOG_ROTATE, BINLOG_FLAG_ARTIFICIAL, 0, lt_buf_str(&body));
	lt_buf_free(&body);
}

/* A statement's event and the end that its header tells. Returns its CRC. */
static uint32_t
query_told(struct stream *s, const char *sql, uint32_t told)
{
	struct lt_buf body = { 0 };
	size_t at, size;

	query_body(&body, LT_STR(""), "shop", sql);
	size = BINLOG_HEADER_SIZE + body.len + BINLOG_CHECKSUM_SIZE;
	at = put_event(&s->bytes, BINLOG_QUERY, 0, (uint64_t)told - size, lt_buf_str(&body));
	lt_buf_free(&body);
	return (uint32_t)lt_le((const uint8_t *)s->bytes.ptr + at + size - BINLOG_CHECKSUM_SIZE, 4);
}

/* One that ends at `end`. */
static uint32_t
query(struct stream *s, const char *sql, uint64_t end)
{
	return query_told(s, sql, (uint32_t)end);
}

static struct stream *
begin(uint64_t pos)
{
	static const struct binlog_feed_ops ops = { stream_read, stream_end, stream_end };
	static struct stream s;

	lt_buf_free(&s.bytes);
	s = (struct stream){ .feed = { .ops = &ops, .stream = true } };
	rotate(&s, FILE_NAME, pos);
	put_format(&s.bytes, 0);
	return &s;
}

static struct change_source *
open_at(struct stream *s, uint64_t last_pos, uint64_t pos, uint32_t last_crc)
{
	struct binlog_options options = { 0 };
	struct change_position from;
	struct change_source *source;

	change_position_init(&from);
	lt_str_copy(from.place.file, sizeof(from.place.file), LT_STR(FILE_NAME));
	from.place.last_pos = last_pos;
	from.place.pos = pos;
	from.place.last_crc = last_crc;
	source = binlog_source_new(&s->feed, &from, &options, last_pos != 0);
	change_position_clear(&from);
	return source;
}

/* Where the next transaction begins and ends, and where its last event does. */
static void
next_is(struct change_source *source, uint64_t pos, uint64_t last_pos, uint64_t end)
{
	struct change_txn *t = NULL;
	struct lt_err err = { 0 };

	if (!source->ops->next(source, 0, &t, &err))
		fail_msg("E%d %s", (int)err.code, err.message);
	assert_non_null(t);
	assert_string_equal(t->file, FILE_NAME);
	assert_int_equal(t->pos, pos);
	assert_int_equal(t->end.last_pos, last_pos);
	assert_int_equal(t->end.pos, end);
	change_txn_free(t);
}

static void
fails(struct change_source *source, enum lt_code code)
{
	struct change_txn *t = NULL;
	struct lt_err err = { 0 };

	assert_false(source->ops->next(source, 0, &t, &err));
	assert_int_equal(err.code, code);
	assert_string_equal(err.where.file, FILE_NAME);
}

enum { BEGIN_SIZE = 19 + 13 + 5 + 5 + 4, COMMIT_SIZE = BEGIN_SIZE + 1 };

static void
positions_go_on_above_4_gb(void **state)
{
	uint64_t at = GB4 - BEGIN_SIZE - 7; /* the COMMIT stands across it */
	struct stream *s = begin(at);
	struct change_source *source = open_at(s, 0, at, 0);

	(void)state;
	query(s, "BEGIN", at + BEGIN_SIZE);
	query(s, "COMMIT", at + BEGIN_SIZE + COMMIT_SIZE);
	query(s, "BEGIN", 3 * GB4 - 1); /* what is not sent stands between */
	query(s, "COMMIT", 3 * GB4 - 1 + COMMIT_SIZE);
	next_is(source, at, GB4 - 7, GB4 - 7 + COMMIT_SIZE);
	next_is(source, 2 * GB4 - 1 - BEGIN_SIZE, 2 * GB4 - 1, 2 * GB4 - 1 + COMMIT_SIZE);
	change_source_close(source);
}

/* The command to the server has 32 bits for a position, so the whole file is asked for. */
static void
a_place_above_4_gb_is_gone_on_from(void **state)
{
	uint64_t last = GB4 + 5000, end = last + COMMIT_SIZE;

	(void)state;
	for (int damaged = 0; damaged < 2; damaged++) {
		struct stream *s = begin(4);
		struct change_source *source;
		uint32_t crc;

		query(s, "BEGIN", 2000000000);
		query(s, "COMMIT", 4000000000);
		query(s, "BEGIN", last);
		crc = query(s, "COMMIT", end);
		query(s, "BEGIN", end + BEGIN_SIZE);
		query(s, "COMMIT", end + BEGIN_SIZE + COMMIT_SIZE);
		s->feed.whole = true;
		source = open_at(s, last, end, crc + (uint32_t)damaged);
		if (damaged != 0)
			fails(source, LT_E_LOG_HISTORY);
		else
			next_is(source, end, end + BEGIN_SIZE, end + BEGIN_SIZE + COMMIT_SIZE);
		change_source_close(source);
	}
}

static void
a_place_above_4_gb_that_is_not_there_is_refused(void **state)
{
	struct change_source *source;
	struct stream *s = begin(4);

	(void)state;
	query(s, "BEGIN", 4000000000);
	query(s, "COMMIT", GB4 + 100);
	s->feed.whole = true;
	source = open_at(s, 0, GB4 + 90, 0);
	fails(source, LT_E_LOG_POSITION); /* inside of an event */
	change_source_close(source);

	s = begin(4);
	query(s, "BEGIN", 4000000000);
	rotate(s, "binlog.000008", 4);
	s->feed.whole = true;
	source = open_at(s, GB4 + 90, GB4 + 190, 0);
	fails(source, LT_E_LOG_HISTORY); /* behind the file's end */
	change_source_close(source);
}

static void
mariadb_events_without_a_position_are_counted(void **state)
{
	struct stream *s = begin(1000);
	struct change_source *source = open_at(s, 0, 1000, 0);

	(void)state;
	query_told(s, "BEGIN", 0);
	query(s, "COMMIT", 1000 + BEGIN_SIZE + COMMIT_SIZE);
	next_is(source, 1000, 1000 + BEGIN_SIZE, 1000 + BEGIN_SIZE + COMMIT_SIZE);
	change_source_close(source);
}

/* The first kind's position wraps at 4 GB, the second's is a field of its own: both are only a sign of life. */
static void
heartbeats_of_both_kinds_move_nothing(void **state)
{
	static const char v2[] = { 1, 13, 'b', 'i', 'n', 'l', 'o', 'g', '.', '0', '0', '0', '0', '0', '7', 2, 1, 4, 0 };
	struct stream *s = begin(1000);
	struct change_source *source = open_at(s, 0, 1000, 0);
	struct change_txn *t = (struct change_txn *)1;

	(void)state;
	query(s, "BEGIN", 1000 + BEGIN_SIZE);
	put_event(&s->bytes, BINLOG_HEARTBEAT, 0, 77, LT_STR(FILE_NAME));
	put_event(&s->bytes, BINLOG_HEARTBEAT_V2, 0, 0, lt_str_of(v2, sizeof(v2)));
	query(s, "COMMIT", 1000 + BEGIN_SIZE + COMMIT_SIZE);
	put_event(&s->bytes, BINLOG_HEARTBEAT, 0, 5, LT_STR(FILE_NAME));
	next_is(source, 1000, 1000 + BEGIN_SIZE, 1000 + BEGIN_SIZE + COMMIT_SIZE);
	assert_true(source->ops->next(source, 0, &t, NULL));
	assert_null(t);
	change_source_close(source);
}

/* A server makes up what stands between the log's events, never one with rows. */
static void
made_up_events_are_known_ones(void **state)
{
	static const struct {
		uint8_t type;
		uint16_t flags;
		bool stops;
	} cases[] = { { BINLOG_MARIADB_GTID_LIST, 0, false }, { 99, BINLOG_FLAG_IGNORABLE, false },
		{ BINLOG_WRITE_ROWS, 0, true }, { BINLOG_XID, 0, true }, { 99, 0, true } };

	(void)state;
	for (size_t i = 0; i < LT_COUNT(cases); i++) {
		struct stream *s = begin(4);
		struct change_source *source = open_at(s, 0, 4, 0);

		put_event(&s->bytes, cases[i].type, cases[i].flags | BINLOG_FLAG_ARTIFICIAL, 0, LT_STR("12345678"));
		if (cases[i].stops) {
			fails(source, LT_E_CORRUPT);
		} else {
			struct change_txn *t = (struct change_txn *)1;

			assert_true(source->ops->next(source, 0, &t, NULL));
			assert_null(t);
		}
		change_source_close(source);
	}
}

static int
free_bytes(void **state)
{
	(void)state;
	lt_buf_free(&begin(4)->bytes);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(positions_go_on_above_4_gb),
		cmocka_unit_test(a_place_above_4_gb_is_gone_on_from),
		cmocka_unit_test(a_place_above_4_gb_that_is_not_there_is_refused),
		cmocka_unit_test(mariadb_events_without_a_position_are_counted),
		cmocka_unit_test(heartbeats_of_both_kinds_move_nothing),
		cmocka_unit_test(made_up_events_are_known_ones),
	};

	return cmocka_run_group_tests(tests, NULL, free_bytes);
}
