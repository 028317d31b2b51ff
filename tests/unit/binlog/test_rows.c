#include "binlog/rows.h"

#include "binlog/column.h"
#include "binlog/dump.h"
#include "binlog/json.h"
#include "binlog/table_map.h"
#include "vectors.h"

/* Old temporal columns do not tell their fraction digits; those of the recorded tables have them at the end of their
 * name. */
static void
complete(struct change_table *t)
{
	for (size_t i = 0; i < t->ncolumns; i++) {
		struct change_column *c = (struct change_column *)(uintptr_t)&t->columns[i];

		if (c->name.len > 0 && (c->wire_type == BINLOG_COL_TIMESTAMP || c->wire_type == BINLOG_COL_TIME ||
					   c->wire_type == BINLOG_COL_DATETIME))
			c->scale = (uint8_t)(c->name.ptr[c->name.len - 1] - '0');
	}
}

static struct change_table *
table_of(struct lt_str body, bool mariadb)
{
	struct change_table *t = NULL;
	struct lt_err err = { 0 };

	assert_true(binlog_table_map_decode(body, 6, mariadb, &t, &err));
	complete(t);
	return t;
}

static void
add_image(const struct change_table *t, const struct change_image *image, struct lt_buf *out)
{
	struct change_value *values = lt_calloc(t->ncolumns, sizeof(*values));
	struct lt_arena *arena = lt_arena_new();
	struct lt_err err = { 0 };

	assert_true(t->codec->decode(t, image, arena, values, &err));
	lt_buf_z(out, out->len > 0 ? ",[" : "[");
	for (size_t i = 0; i < t->ncolumns; i++) {
		if (i > 0)
			lt_buf_c(out, ',');
		if (values[i].kind == CHANGE_ABSENT)
			lt_buf_c(out, '-');
		else
			binlog_dump_value(&t->columns[i], &values[i], false, out);
	}
	lt_buf_c(out, ']');
	lt_arena_free(arena);
	free(values);
}

static void
add_rows(const struct change_txn *txn, struct lt_buf *out)
{
	for (size_t i = 0; i < txn->nrows; i++) {
		const struct change_row *row = &txn->rows[i];

		if (row->op != CHANGE_INSERT)
			add_image(row->table, &row->before, out);
		if (row->op != CHANGE_DELETE)
			add_image(row->table, &row->after, out);
	}
}

/* A cut is refused, or it falls between two rows. */
static void
cut_everywhere(uint8_t type, struct lt_str body, const struct change_table *t, size_t nrows)
{
	for (size_t n = 0; n < body.len; n++) {
		struct lt_str cut = vectors_cut(body, n);
		struct change_txn *txn = change_txn_new(CHANGE_TXN_ROWS);
		struct lt_err err = { 0 };

		if (binlog_rows_decode(type, cut, 6, t, 0, txn, &err))
			assert_true(txn->nrows < nrows);
		else
			assert_log_fault(&err);
		change_txn_free(txn);
		vectors_free(cut);
	}
}

static void
run_file(const char *name, size_t expected)
{
	struct vectors v;
	struct lt_buf out = { 0 };
	size_t lines = 0;

	vectors_open(&v, name);
	for (; vectors_next(&v); lines++) {
		struct lt_str map = vectors_bytes(v.column[2]), body = vectors_bytes(v.column[3]);
		struct change_table *t = table_of(map, strcmp(v.column[0], "mariadb") == 0);
		struct change_txn *txn = change_txn_new(CHANGE_TXN_ROWS);
		uint8_t type = (uint8_t)atoi(v.column[1]);
		struct lt_err err = { 0 };

		assert_true(binlog_rows_decode(type, body, 6, t, 3, txn, &err));
		lt_buf_clear(&out);
		add_rows(txn, &out);
		assert_string_equal(lt_buf_cstr(&out), v.column[4]);
		assert_int_equal(txn->rows[0].event, 3);
		cut_everywhere(type, body, t, txn->nrows);
		change_txn_free(txn);
		change_table_unref(t);
		vectors_free(map);
		vectors_free(body);
	}
	assert_int_equal(lines, expected);
	lt_buf_free(&out);
}

static void
what_the_servers_logged(void **state)
{
	(void)state;
	run_file("servers/mysql-9.7.tsv", 26);
	run_file("servers/mariadb-10.11.tsv", 19);
}

static void
extra_data_is_passed_over(void **state)
{
	static const struct {
		int map_line, body_line;
		uint8_t type;
		const char *rows;
	} cases[] = {
		{ 1095, 1094, BINLOG_WRITE_ROWS, "[1,1],[2,2],[4,4],[3,3],[5,5]" },
		{ 1125, 1124, BINLOG_WRITE_ROWS, "[3]" },
		{ 1134, 1133, BINLOG_UPDATE_ROWS, "[3],[1]" },
		{ 1144, 1143, BINLOG_WRITE_ROWS, "[3]" },
		{ 1153, 1152, BINLOG_UPDATE_ROWS, "[3],[1]" },
	};
	struct lt_buf out = { 0 };

	(void)state;
	for (size_t i = 0; i < LT_COUNT(cases); i++) {
		struct lt_str map = vectors_literal("row_event_test.go", cases[i].map_line);
		struct lt_str body = vectors_literal("row_event_test.go", cases[i].body_line);
		struct change_table *t = table_of(map, false);
		struct change_txn *txn = change_txn_new(CHANGE_TXN_ROWS);
		struct binlog_rows_head head;
		struct lt_err err = { 0 };

		assert_true(binlog_rows_head_decode(cases[i].type, body, 6, &head, &err));
		assert_int_equal(head.flags, 1);
		assert_true(binlog_rows_decode(cases[i].type, body, 6, t, 0, txn, &err));
		lt_buf_clear(&out);
		add_rows(txn, &out);
		assert_string_equal(lt_buf_cstr(&out), cases[i].rows);
		change_txn_free(txn);
		change_table_unref(t);
		vectors_free(map);
		vectors_free(body);
	}
	lt_buf_free(&out);
}

static const char one_int[] = "\x01\0\0\0\0\0\1\0\1s\0\1t\0\1\3\0\1";

static void
refuse(uint8_t type, struct lt_str body, enum lt_code code)
{
	struct change_table *t = table_of(lt_str_of(one_int, sizeof(one_int) - 1), false);
	struct change_txn *txn = change_txn_new(CHANGE_TXN_ROWS);
	struct lt_str exact = vectors_cut(body, body.len);
	struct lt_err err = { 0 };

	assert_false(binlog_rows_decode(type, exact, 6, t, 0, txn, &err));
	assert_int_equal(err.code, code);
	change_txn_free(txn);
	change_table_unref(t);
	vectors_free(exact);
}

static void
coded_stops(void **state)
{
	(void)state;
	refuse(BINLOG_PRE_GA_WRITE_ROWS, LT_STR("\1\0\0\0\0\0\1\0\1\1\0\0\0\0\0"), LT_E_EVENT_UNSUPPORTED);
	refuse(BINLOG_QUERY, LT_STR(""), LT_E_EVENT_UNSUPPORTED);
	refuse(BINLOG_WRITE_ROWS_V1, LT_STR("\1\0\0\0\0\0\1\0\2\3\0\0\0\0\0"), LT_E_CORRUPT); /* two columns */
	refuse(BINLOG_WRITE_ROWS_V1, LT_STR("\1\0\0\0\0\0\1\0\1\0?"), LT_E_CORRUPT);          /* rows of no columns */
	refuse(
	    BINLOG_WRITE_ROWS, LT_STR("\1\0\0\0\0\0\1\0\1\0\1\1\0\0\0\0\0"), LT_E_CORRUPT); /* extra data of one byte */
	refuse(BINLOG_WRITE_ROWS, LT_STR("\1\0\0\0\0\0\1\0\xff\xff\1\1\0\0\0\0\0"), LT_E_TRUNCATED);
	refuse(BINLOG_WRITE_ROWS_V1, LT_STR("\1\0\0\0\0\0\1\0\xfe\xff\xff\xff\xff\xff\xff\xff\xff"), LT_E_CORRUPT);
}

static void
no_rows_are_no_error(void **state)
{
	struct change_table *t = table_of(lt_str_of(one_int, sizeof(one_int) - 1), false);
	struct change_txn *txn = change_txn_new(CHANGE_TXN_ROWS);
	struct lt_err err = { 0 };

	(void)state;
	assert_true(binlog_rows_decode(BINLOG_DELETE_ROWS_V1, LT_STR("\1\0\0\0\0\0\1\0\1\1"), 6, t, 0, txn, &err));
	assert_int_equal(txn->nrows, 0);
	change_txn_free(txn);
	change_table_unref(t);
}

/* Bytes that go-mysql's tests hold for other events too: whatever decoder meets them, they are read or refused. */
static void
foreign_bytes_are_read_or_refused(void **state)
{
	struct vectors v;
	struct lt_str map = vectors_literal("row_event_test.go", 844);
	struct change_table *wide = table_of(map, false),
			    *narrow = table_of(lt_str_of(one_int, sizeof(one_int) - 1), false);
	size_t refused = 0;

	(void)state;
	vectors_open(&v, "go-mysql/byte_vectors.tsv");
	assert_true(vectors_next(&v)); /* its head */
	while (vectors_next(&v)) {
		struct lt_str bytes = vectors_bytes(v.column[4]), text;
		struct change_txn *txn = change_txn_new(CHANGE_TXN_ROWS);
		struct change_table *t = NULL;
		struct lt_err err = { 0 };

		for (uint8_t type = BINLOG_WRITE_ROWS; type <= BINLOG_DELETE_ROWS; type++) {
			refused += !binlog_rows_decode(type, bytes, 6, wide, 0, txn, &err);
			refused += !binlog_rows_decode((uint8_t)(type - 7), bytes, 6, narrow, 0, txn, &err);
		}
		refused += !binlog_table_map_decode(bytes, 6, true, &t, &err);
		refused += !binlog_json_text(bytes, txn->arena, &text, &err);
		assert_int_not_equal(err.code, LT_E_INTERNAL);
		change_table_unref(t);
		change_txn_free(txn);
		vectors_free(bytes);
	}
	assert_true(refused > 1000);
	change_table_unref(wide);
	change_table_unref(narrow);
	vectors_free(map);
}

/** The dearest there is by its size: BINARY(1023) values of which the log has only the length, and rows of NULLs. */
static void
memory_stays_below_its_factor(void **state)
{
	enum { COLUMNS = 1000, ROWS = 20000 };
	struct lt_buf map = { 0 }, image = { 0 }, rows = { 0 };
	struct change_value values[COLUMNS];
	struct lt_arena *arena = lt_arena_new();
	struct change_txn *txn = change_txn_new(CHANGE_TXN_ROWS);
	struct lt_err err = { 0 };
	struct change_image whole = { 0 };
	struct change_table *t;

	(void)state;
	lt_buf_le(&map, 1, 6);
	lt_buf_le(&map, 1, 2);
	lt_buf_add(&map, "\1s\0\1t\0", 6);
	lt_buf_lenenc(&map, COLUMNS);
	for (int i = 0; i < COLUMNS; i++)
		lt_buf_c(&map, (char)BINLOG_COL_STRING);
	lt_buf_lenenc(&map, 2 * COLUMNS);
	for (int i = 0; i < COLUMNS; i++)
		lt_buf_add(
		    &map, "\xce\xff", 2); /* CHAR of 1023 bytes: bits 8 and 9 of the length are inverted in the type */
	for (int i = 0; i < COLUMNS / 8; i++)
		lt_buf_c(&map, (char)0xff);
	assert_true(binlog_table_map_decode(lt_buf_str(&map), 6, false, &t, &err));
	assert_true(lt_arena_bytes(t->arena) <= map.len * BINLOG_MEMORY_FACTOR + BINLOG_MEMORY_MORE);
	for (int i = 0; i < COLUMNS; i++) {
		assert_int_equal(t->columns[i].length, 1023);
		((struct change_column *)(uintptr_t)t->columns)[i].kind = CHANGE_BYTES;
	}
	lt_buf_le(&image, 0, COLUMNS / 8);
	lt_buf_le(&image, 0, 2 * COLUMNS);
	whole.bytes = lt_buf_str(&image);
	assert_true(t->codec->decode(t, &whole, arena, values, &err));
	assert_int_equal(values[COLUMNS - 1].bytes.len, 1023);
	assert_true(lt_arena_bytes(arena) > image.len * 400); /* it is dear indeed */
	assert_true(lt_arena_bytes(arena) <= image.len * BINLOG_MEMORY_FACTOR + BINLOG_MEMORY_MORE);
	change_table_unref(t);

	map.len = 14; /* one column, TINY */
	lt_buf_add(&map, "\1\1\0\1", 4);
	assert_true(binlog_table_map_decode(lt_buf_str(&map), 6, false, &t, &err));
	lt_buf_le(&rows, 1, 6);
	lt_buf_add(&rows, "\0\0\2\0\1\xff", 6);
	for (int i = 0; i < ROWS; i++)
		lt_buf_c(&rows, (char)0xff);
	assert_true(binlog_rows_decode(BINLOG_WRITE_ROWS, lt_buf_str(&rows), 6, t, 0, txn, &err));
	assert_int_equal(txn->nrows, ROWS);
	assert_true(change_txn_bytes(txn) <= rows.len * BINLOG_MEMORY_FACTOR + BINLOG_MEMORY_MORE);
	change_txn_free(txn);
	change_table_unref(t);
	lt_arena_free(arena);
	lt_buf_free(&map);
	lt_buf_free(&image);
	lt_buf_free(&rows);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_servers_logged),
		cmocka_unit_test(extra_data_is_passed_over),
		cmocka_unit_test(coded_stops),
		cmocka_unit_test(no_rows_are_no_error),
		cmocka_unit_test(foreign_bytes_are_read_or_refused),
		cmocka_unit_test(memory_stays_below_its_factor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
