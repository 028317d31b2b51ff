#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "table.h"

/* -- values --------------------------------------------------------------------------------------- */

static struct shape_column
column_of(const struct converge_shape *s, size_t at)
{
	return s->table->columns[at];
}

static void
is_kept_as(
    const char *type, const char *charset, const char *found, size_t found_len, const char *kept, size_t kept_len)
{
	struct schema_column column = table_column("c", type, charset, charset);
	struct schema_table t;
	struct converge_shape *s = table_shape(&t, &column, 1);
	struct shape_column c = column_of(s, 0);
	struct lt_arena *arena = lt_arena_new();
	struct change_value v;
	struct lt_str out, again;

	assert_true(converge_shape_value_found(&c, lt_str_of(found, found_len), arena, &out));
	assert_int_equal(out.len, kept_len);
	assert_memory_equal(out.ptr, kept, kept_len);
	assert_non_null(out.ptr);
	assert_true(converge_shape_value_read(c.kept, out, &v));
	assert_int_equal(v.kind, c.kept->kind);
	again = converge_shape_value_keep(&c, &v, arena);
	assert_true(conflict_value_eq(out, again));
	lt_arena_free(arena);
	table_free(s);
}

#define IS_KEPT(type, found, kept) is_kept_as(type, NULL, found, sizeof(found) - 1, kept, sizeof(kept) - 1)
#define TEXT_IS_KEPT(type, charset, found, kept)                                                                       \
	is_kept_as(type, charset, found, sizeof(found) - 1, kept, sizeof(kept) - 1)

static void
a_value_is_the_same_from_a_select_and_from_a_log(void **state)
{
	(void)state;
	IS_KEPT("bigint(20)", "-9223372036854775808", "-9223372036854775808");
	IS_KEPT("bigint unsigned", "18446744073709551615", "18446744073709551615");
	IS_KEPT("int(6) unsigned zerofill", "000042", "42");
	IS_KEPT("decimal(10,2)", "-0.50", "-0.50");
	IS_KEPT("decimal(10,2) unsigned zerofill", "00000012.50", "12.50");
	IS_KEPT("decimal(10,2)", "-0.00", "0.00");
	IS_KEPT("decimal(5,0)", "0", "0");
	IS_KEPT("double", "-0", "\0\0\0\0\0\0\0\x80");
	IS_KEPT("double", "0.5", "\0\0\0\0\0\0\xe0\x3f");
	IS_KEPT("float", "0.5", "\0\0\0\x3f");
	IS_KEPT("float", "3.4028234663852886e38", "\xff\xff\x7f\x7f");
	IS_KEPT("year(4)", "0", "0");
	IS_KEPT("bit(64)", "18446744073709551615", "18446744073709551615");
	IS_KEPT("date", "0000-00-00", "0000-00-00");
	IS_KEPT("time(3)", "-838:59:59.000", "-838:59:59.000");
	IS_KEPT("datetime(6)", "2024-00-31 23:59:59.999999", "2024-00-31 23:59:59.999999");
	IS_KEPT("timestamp", "1970-01-01 00:00:01", "1970-01-01 00:00:01");
	IS_KEPT("varbinary(9)", "a\0 ", "a\0 ");
	IS_KEPT("json", "{\"a\": 1}", "{\"a\": 1}");
	TEXT_IS_KEPT("varchar(9)", "utf8mb4", "a  ", "a  ");
	TEXT_IS_KEPT("char(9)", "utf8mb4", "a  ", "a");
	TEXT_IS_KEPT("char(9)", "ucs2", "\0a\0 \0 ", "\0a");
	TEXT_IS_KEPT("char(9)", "utf16le", "a\0 \0", "a\0");
	TEXT_IS_KEPT("char(9)", "utf32", "\0\0\0 ", "");
	TEXT_IS_KEPT("text", "gbk", "", "");
}

static void
what_is_none_of_the_type_is_refused(void **state)
{
	static const struct {
		const char *type, *found;
	} cases[] = {
		{ "int", "" },
		{ "int", "1.5" },
		{ "int", "99999999999999999999" },
		{ "decimal(5,2)", "" },
		{ "decimal(5,2)", "-" },
		{ "decimal(5,2)", "1.234" },
		{ "decimal(5,2)", ".5" },
		{ "double", "1e999" },
		{ "double", "nan" },
		{ "float", "1e39" },
		{ "date", "2024-01" },
		{ "date", "2024-01-01 00:00:00" },
		{ "time", "1:2" },
		{ "time(1)", "00:00:00.25" },
		{ "datetime", "2024-01-01T00:00:00" },
	};
	struct lt_arena *arena = lt_arena_new();

	(void)state;
	for (size_t i = 0; i < LT_COUNT(cases); i++) {
		struct schema_column column = table_column("c", cases[i].type, NULL, NULL);
		struct schema_table t;
		struct converge_shape *s = table_shape(&t, &column, 1);
		struct shape_column c = column_of(s, 0);
		struct lt_str out;

		assert_false(converge_shape_value_found(&c, lt_str_z(cases[i].found), arena, &out));
		table_free(s);
	}
	lt_arena_free(arena);
}

/* -- rows ----------------------------------------------------------------------------------------- */

static struct lt_str
z(const char *text)
{
	return lt_str_z(text);
}

static void
a_row_goes_through_the_loaders_images_and_comes_back(void **state)
{
	const struct schema_column columns[] = { table_column("id", "int", NULL, NULL),
		table_column("d", "decimal(5,2)", NULL, NULL),
		table_column("v", "varchar(9)", "utf8mb4", "utf8mb4_bin"),
		table_column("e", "varbinary(9)", NULL, NULL) };
	struct lt_str values[] = { z("7"), z("1.50"), { NULL, 0 }, z("") };
	const struct conflict_row row = { values, 4 };
	struct schema_table target;
	struct converge_shape *s = table_shape(&target, columns, 4);
	struct change_txn *t = change_txn_new(CHANGE_TXN_ROWS);
	struct change_value v[4];
	struct lt_err err = { 0 };

	(void)state;
	converge_shape_change(s, &row, NULL, t);
	converge_shape_change(s, &row, &row, t);
	converge_shape_change(s, NULL, &row, t);
	assert_int_equal(t->nrows, 3);
	assert_int_equal(t->rows[0].op, CHANGE_DELETE);
	assert_int_equal(t->rows[1].op, CHANGE_UPDATE);
	assert_int_equal(t->rows[2].op, CHANGE_INSERT);
	assert_true(s->from->codec->decode(s->from, &t->rows[2].after, t->arena, v, &err));
	assert_int_equal(v[0].i64, 7);
	assert_true(lt_str_eqz(v[1].bytes, "1.50"));
	assert_int_equal(v[2].kind, CHANGE_NULL);
	assert_int_equal(v[3].kind, CHANGE_BYTES);
	assert_int_equal(v[3].bytes.len, 0);
	for (size_t len = 0; len < t->rows[2].after.bytes.len; len++) {
		struct change_image cut = { .bytes = lt_str_of(t->rows[2].after.bytes.ptr, len) };

		assert_false(s->from->codec->decode(s->from, &cut, t->arena, v, &err));
		assert_int_equal(err.code, LT_E_CORRUPT);
	}
	change_txn_free(t);
	table_free(s);
}

static void
a_row_as_json_reads_back_the_same(void **state)
{
	const struct schema_column columns[] = { table_column("id", "bigint", NULL, NULL),
		table_column("a \"b\"", "double", NULL, NULL), table_column("t", "text", "utf8mb4", "utf8mb4_bin"),
		table_column("x", "text", "utf8mb4", "utf8mb4_bin"), table_column("g", "text", "gbk", "gbk_bin"),
		table_column("w", "text", "utf16", "utf16_bin"), table_column("n", "date", NULL, NULL),
		table_column("j", "json", NULL, NULL), table_column("f", "float", NULL, NULL) };
	struct lt_str values[] = { z("-5"), { "\x9a\x99\x99\x99\x99\x99\xb9\x3f", 8 },
		z("\xc3\xbc \xf0\x9f\xa6\xa6 \"\\\n\x01"), z("0x41"), z("\xd6\xd0"), { "\0a", 2 }, { NULL, 0 },
		z("{\"a\": \"\xc3\xbc\"}"), { "\xcd\xcc\xcc\x3d", 4 } };
	const struct conflict_row row = { values, LT_COUNT(values) };
	const struct conflict_row *back;
	struct schema_table target;
	struct converge_shape *s = table_shape(&target, columns, LT_COUNT(columns));
	struct lt_arena *arena = lt_arena_new();
	struct lt_buf json = { 0 };
	struct lt_err err = { 0 };

	(void)state;
	converge_shape_json(s, &row, &json);
	assert_string_equal(lt_buf_cstr(&json),
	    "{\"id\":-5,\"a \\\"b\\\"\":0.1,\"t\":\"\xc3\xbc \xf0\x9f\xa6\xa6 \\\"\\\\\\n\\u0001\","
	    "\"x\":\"0x30783431\",\"g\":\"0xd6d0\",\"w\":\"0x0061\",\"n\":null,"
	    "\"j\":\"{\\\"a\\\": \\\"\xc3\xbc\\\"}\",\"f\":0.1}");
	assert_true(converge_shape_parse(s, lt_buf_str(&json), arena, &back, &err));
	assert_true(conflict_row_eq(back, &row));
	for (size_t len = 0; len < json.len; len++) {
		const struct conflict_row *none = NULL;

		memset(&err, 0, sizeof(err));
		assert_false(converge_shape_parse(s, lt_str_of(json.ptr, len), arena, &none, &err));
		assert_int_equal(err.code, LT_E_USAGE);
		assert_null(none);
	}
	lt_buf_free(&json);
	lt_arena_free(arena);
	table_free(s);
}

static void
json_that_is_no_row_of_the_table_is_refused(void **state)
{
	static const char *const cases[] = { "", "[]", "{}", "{\"id\":1}", "{\"id\":1,\"v\":\"a\",\"v\":\"b\"}",
		"{\"id\":1,\"v\":\"a\",\"w\":1}", "{\"id\":null,\"v\":7}", "{\"id\":\"x\",\"v\":\"a\"}",
		"{\"id\":1,\"v\":\"0x4\"}", "{\"id\":1,\"v\":\"\\ud800\"}", "{\"id\":1,\"v\":\"\\q\"}",
		"{\"id\":1,\"v\":\"a\"} x" };
	const struct schema_column columns[] = { table_column("id", "bigint", NULL, NULL),
		table_column("v", "text", "utf8mb4", "utf8mb4_bin") };
	struct schema_table target;
	struct converge_shape *s = table_shape(&target, columns, 2);
	struct lt_arena *arena = lt_arena_new();
	const struct conflict_row *row;

	(void)state;
	for (size_t i = 0; i < LT_COUNT(cases); i++) {
		struct lt_err err = { 0 };

		assert_false(converge_shape_parse(s, z(cases[i]), arena, &row, &err));
		assert_int_equal(err.code, LT_E_USAGE);
	}
	lt_arena_free(arena);
	table_free(s);
}

static void
a_key_alone_as_json_reads_back_with_nothing_else(void **state)
{
	const struct schema_column columns[] = { table_column("id", "bigint", NULL, NULL),
		table_column("t", "text", "utf8mb4", "utf8mb4_bin"), table_column("n", "bigint", NULL, NULL) };
	struct lt_str values[] = { z("7"), z("x"), z("9") };
	const struct conflict_row row = { values, LT_COUNT(values) }, *back = NULL, *none = NULL;
	struct schema_table target;
	struct converge_shape *s = table_shape(&target, columns, LT_COUNT(columns));
	struct shape_index *key = &s->table->key;
	struct lt_arena *arena = lt_arena_new();
	struct lt_buf json = { 0 };
	struct lt_err err = { 0 };

	(void)state;
	key->parts = lt_arena_alloc(s->table->arena, 2 * sizeof(*key->parts));
	key->parts[0] = table_part(2, PIPELINE_PART_NUMBER);
	key->parts[1] = table_part(0, PIPELINE_PART_NUMBER);
	key->nparts = 2;
	converge_shape_key_json(s, &row, &json);
	assert_string_equal(lt_buf_cstr(&json), "{\"n\":9,\"id\":7}");
	assert_false(converge_shape_parse(s, lt_buf_str(&json), arena, &none, &err));
	assert_null(none);
	memset(&err, 0, sizeof(err));
	assert_true(converge_shape_key_parse(s, lt_buf_str(&json), arena, &back, &err));
	assert_true(conflict_value_eq(back->values[0], values[0]));
	assert_true(conflict_value_eq(back->values[2], values[2]));
	assert_null(back->values[1].ptr);
	assert_false(converge_shape_key_parse(s, z("{\"id\":7}"), arena, &none, &err));
	assert_int_equal(err.code, LT_E_USAGE);
	assert_null(none);
	lt_buf_free(&json);
	lt_arena_free(arena);
	table_free(s);
}

/* What a log's table of these columns says at a site of (id int, v varchar, n int), of the row (7, "a", 5). */
static void
is_told(const struct change_column *columns, size_t ncolumns, bool has_key, bool has_row)
{
	const struct schema_column site[] = { table_column("id", "int", NULL, NULL),
		table_column("v", "varchar(9)", "utf8mb4", "utf8mb4_bin"), table_column("n", "int", NULL, NULL) };
	struct lt_str values[] = { z("7"), z("a"), z("5") }, key, same;
	const struct conflict_row logged = { values, (uint32_t)ncolumns }, here = { values, 3 };
	const struct conflict_row *row;
	struct schema_table target;
	struct converge_shape *s = table_shape(&target, site, 3), *older;
	struct change_table *from = change_table_new();
	struct lt_arena *arena = lt_arena_new();
	struct lt_err err = { 0 };
	struct change_image image;

	from->columns = columns;
	from->ncolumns = ncolumns;
	from->codec = &converge_shape_codec;
	s->table->key.parts[0] = table_part(0, PIPELINE_PART_NUMBER);
	older = converge_shape_new(s->table, from);
	image = (struct change_image){ .bytes = converge_shape_encode(&logged, arena) };
	assert_int_equal(converge_shape_image(older, &image, arena, NULL, &key, &err), has_key);
	if (has_key) {
		assert_true(converge_shape_key(s, &here, arena, &same, &err));
		assert_true(lt_str_eq(key, same));
	}
	memset(&err, 0, sizeof(err));
	assert_int_equal(converge_shape_image(older, &image, arena, &row, &key, &err), has_row);
	assert_int_equal(err.code, has_row ? LT_OK : LT_E_CONFLICT_TABLE);
	if (has_row)
		assert_true(conflict_row_eq(row, &here));
	change_table_unref(from);
	converge_shape_free(older);
	lt_arena_free(arena);
	table_free(s);
}

static void
an_older_table_of_the_log_gives_keys_and_no_rows(void **state)
{
	const struct change_column id = { .name = LT_STR("ID"), .kind = CHANGE_INT },
				   wide = { .name = LT_STR("id"), .kind = CHANGE_UINT },
				   other = { .name = LT_STR("id"), .kind = CHANGE_TEXT, .charset = LT_STR("utf8mb4") },
				   v = { .name = LT_STR("v"), .kind = CHANGE_TEXT, .charset = LT_STR("utf8mb3") },
				   foreign = { .name = LT_STR("v"), .kind = CHANGE_TEXT, .charset = LT_STR("gbk") },
				   n = { .name = LT_STR("n"), .kind = CHANGE_INT },
				   decimal = { .name = LT_STR("n"), .kind = CHANGE_DECIMAL },
				   gone = { .name = LT_STR("gone"), .kind = CHANGE_INT };
	const struct change_column same[] = { id, v, n }, was_wide[] = { wide, v, n }, was_text[] = { other, v, n },
				   was_gbk[] = { id, foreign, n }, was_decimal[] = { id, v, decimal },
				   dropped[] = { id, v, gone }, added[] = { id, v }, no_key[] = { gone, v, n };

	(void)state;
	is_told(same, 3, true, true);
	is_told(was_wide, 3, true, true);
	is_told(was_gbk, 3, true, false);
	is_told(was_decimal, 3, true, false);
	is_told(dropped, 3, true, false);
	is_told(added, 2, true, false);
	is_told(was_text, 3, false, false);
	is_told(no_key, 3, false, false);
}

/* A log that says whatever `said` is. */
static const struct change_value *said;

static bool
say(const struct change_table *table, const struct change_image *image, struct lt_arena *scratch,
    struct change_value *out, struct lt_err *err)
{
	(void)image;
	(void)scratch;
	(void)err;
	memcpy(out, said, table->ncolumns * sizeof(*out));
	return true;
}

static void
an_image_that_is_not_whole_is_no_row(void **state)
{
	static const struct change_codec codec = { "said", say };
	const struct schema_column site[] = { table_column("id", "int", NULL, NULL),
		table_column("n", "json", NULL, NULL) };
	const enum change_kind kinds[] = { CHANGE_ABSENT, CHANGE_JSON_DIFF };
	struct change_value v[2] = { { .kind = CHANGE_INT, .i64 = 7 } };
	const struct change_image image = { 0 };
	struct lt_arena *arena = lt_arena_new();
	struct schema_table target;
	struct converge_shape *s = table_shape(&target, site, 2);
	const struct conflict_row *row;
	struct lt_str key;

	(void)state;
	s->table->key.parts[0] = table_part(0, PIPELINE_PART_NUMBER);
	s->table->kept->codec = &codec;
	said = v;
	for (size_t i = 0; i < LT_COUNT(kinds); i++) {
		struct lt_err err = { 0 };

		v[1].kind = kinds[i];
		assert_true(converge_shape_image(s, &image, arena, NULL, &key, &err));
		assert_false(converge_shape_image(s, &image, arena, &row, &key, &err));
		assert_int_equal(err.code, LT_E_CONFLICT_IMAGE);
		assert_non_null(strstr(err.message, "column n"));
	}
	lt_arena_free(arena);
	table_free(s);
}

/* -- keys ----------------------------------------------------------------------------------------- */

struct keys {
	struct schema_table target;
	struct schema_column columns[2];
	struct converge_shape *shape;
	struct lt_arena *arena;
};

static void
keys_of(struct keys *k, const char *type, const char *charset, const char *collation, struct shape_part part)
{
	k->columns[0] = table_column("a", type, charset, collation);
	k->columns[1] = table_column("b", type, charset, collation);
	k->shape = table_shape(&k->target, k->columns, 2);
	k->arena = lt_arena_new();
	k->shape->table->key.parts = lt_arena_alloc(k->shape->table->arena, 2 * sizeof(part));
	k->shape->table->key.parts[0] = k->shape->table->key.parts[1] = part;
	k->shape->table->key.parts[1].at = 1;
	k->shape->table->key.nparts = 2;
}

static void
keys_end(struct keys *k)
{
	lt_arena_free(k->arena);
	table_free(k->shape);
}

static struct lt_str
key(struct keys *k, const char *a, const char *b)
{
	struct lt_str values[] = { z(a), z(b) }, out;
	const struct conflict_row row = { values, 2 };
	struct lt_err err = { 0 };

	assert_true(converge_shape_key(k->shape, &row, k->arena, &out, &err));
	assert_memory_equal(out.ptr, k->shape->table->tag, SHAPE_TAG);
	return out;
}

#define SAME(k, a, b) assert_true(lt_str_eq(key(k, a, "1"), key(k, b, "1")))
#define OTHER(k, a, b) assert_false(lt_str_eq(key(k, a, "1"), key(k, b, "1")))

static void
a_key_of_numbers_is_short(void **state)
{
	struct keys k;

	(void)state;
	keys_of(&k, "bigint", NULL, NULL, table_part(0, PIPELINE_PART_NUMBER));
	assert_int_equal(key(&k, "0", "0").len, 8 + 2);
	assert_int_equal(key(&k, "-128", "255").len, 8 + 4);
	assert_int_equal(key(&k, "-9223372036854775808", "9223372036854775807").len, 8 + 18);
	OTHER(&k, "-1", "1");
	OTHER(&k, "-1", "0");
	OTHER(&k, "256", "1");
	assert_false(lt_str_eq(key(&k, "1", "258"), key(&k, "258", "1")));
	keys_end(&k);
}

static bool
reads(const struct converge_shape *shape, struct lt_str key, const char *text)
{
	struct lt_buf text_of = { 0 };
	bool same;

	converge_shape_key_text(shape, key, &text_of);
	same = lt_str_eqz(lt_buf_str(&text_of), text);
	lt_buf_free(&text_of);
	return same;
}

/* For the audit's alarm: nothing else tells which row it was. */
static void
a_key_says_which_row_it_is(void **state)
{
	const char *long_text =
	    "more than sixty-four bytes of text are kept as a digest, which tells nobody what it was";
	struct lt_str reals[] = { { "\0\0\0\0\0\0\xe4\x3f", 8 }, { "\0\0\0\0\0\0\0\xc0", 8 } }, real;
	const struct conflict_row row = { reals, 2 };
	struct lt_err err = { 0 };
	struct lt_buf text_of = { 0 };
	struct keys k;

	(void)state;
	keys_of(&k, "bigint", NULL, NULL, table_part(0, PIPELINE_PART_NUMBER));
	assert_true(reads(k.shape, key(&k, "0", "-1"), "0, -1"));
	assert_true(reads(k.shape, key(&k, "-9223372036854775808", "9223372036854775807"),
	    "-9223372036854775808, 9223372036854775807"));
	assert_true(reads(k.shape, lt_str_of(key(&k, "256", "1").ptr, 8 + 2), "0")); /* cut off */
	keys_end(&k);
	keys_of(&k, "varchar(200)", "utf8mb4", "utf8mb4_bin", table_part(0, PIPELINE_PART_TEXT_BINARY));
	assert_true(reads(k.shape, key(&k, "it", ""), "'it', ''"));
	assert_true(reads(k.shape, key(&k, "\xc3\xa4", "b"), "0xc3a4, 'b'"));
	converge_shape_key_text(k.shape, key(&k, long_text, "b"), &text_of);
	assert_int_equal(text_of.len, 2 + 2 * (8 + 17));
	assert_memory_equal(text_of.ptr, "0x", 2);
	assert_true(reads(NULL, lt_str_of("\1\2", 2), "0x0102"));
	assert_true(reads(k.shape, lt_str_of("\1\2\3\4\5\6\7\10", 8), "0x0102030405060708"));
	keys_end(&k);
	keys_of(&k, "double", NULL, NULL, table_part(0, PIPELINE_PART_REAL));
	assert_true(converge_shape_key(k.shape, &row, k.arena, &real, &err));
	assert_true(reads(k.shape, real, "0.625, -2"));
	keys_end(&k);
	lt_buf_free(&text_of);
}

static void
values_that_a_server_calls_equal_have_one_key(void **state)
{
	struct keys k;
	struct shape_part nopad = table_part(0, PIPELINE_PART_TEXT_BINARY), prefix = nopad;

	(void)state;
	keys_of(&k, "decimal(9,3)", NULL, NULL, table_part(0, PIPELINE_PART_DECIMAL));
	SAME(&k, "-0.000", "0.000");
	SAME(&k, "1.500", "1.5"); /* it may have had fewer digits */
	SAME(&k, "100", "100.000");
	OTHER(&k, "100", "1");
	OTHER(&k, "-1.500", "1.500");
	keys_end(&k);
	keys_of(&k, "varchar(20)", "utf8mb4", "utf8mb4_bin", table_part(0, PIPELINE_PART_TEXT_BINARY));
	SAME(&k, "a", "a  ");
	SAME(&k, "", " ");
	OTHER(&k, "a", "A");
	assert_false(lt_str_eq(key(&k, "ab", "c"), key(&k, "a", "bc")));
	keys_end(&k);
	nopad.counts_spaces = true;
	keys_of(&k, "varchar(20)", "utf8mb4", "utf8mb4_0900_bin", nopad);
	OTHER(&k, "a", "a ");
	keys_end(&k);
	keys_of(&k, "varchar(20)", "gbk", "gbk_chinese_ci", table_part(0, PIPELINE_PART_TEXT_FOLDED));
	SAME(&k, "Strasse", "STRASSE ");
	keys_end(&k);
	prefix.prefix = 2;
	keys_of(&k, "varchar(20)", "utf8mb4", "utf8mb4_bin", prefix);
	SAME(&k, "\xc3\xbc\xc3\xa4", "\xc3\xbc\xc3\xa4x");
	OTHER(&k, "\xc3\xbc\xc3\xa4", "\xc3\xbcx");
	SAME(&k, "a", "a  b"); /* a blank behind it */
	keys_end(&k);
	prefix.kind = PIPELINE_PART_BYTES;
	keys_of(&k, "varbinary(20)", NULL, NULL, prefix);
	SAME(&k, "abc", "abd");
	OTHER(&k, "a", "a ");
	keys_end(&k);
}

static void
minus_zero_is_zero_in_a_key(void **state)
{
	struct keys k;
	struct lt_str a[] = { { "\0\0\0\0\0\0\0\x80", 8 }, { "\0\0\0\0\0\0\0\0", 8 } }, x, y;
	struct lt_str b[] = { a[1], a[0] };
	const struct conflict_row one = { a, 2 }, two = { b, 2 };
	struct lt_err err = { 0 };

	(void)state;
	keys_of(&k, "double", NULL, NULL, table_part(0, PIPELINE_PART_REAL));
	assert_true(converge_shape_key(k.shape, &one, k.arena, &x, &err));
	assert_true(converge_shape_key(k.shape, &two, k.arena, &y, &err));
	assert_true(lt_str_eq(x, y));
	assert_false(conflict_row_eq(&one, &two));
	keys_end(&k);
}

static void
a_long_key_is_a_digest_that_tells_all_of_it(void **state)
{
	static const char filler[] = "0123456789012345678901234567890123456789012345678901234567890123456789"
				     "0123456789012345678901234567890123456789012345678901234567890123456789";
	struct keys k;
	struct lt_str short_long;
	char p[400], q[400];

	(void)state;
	keys_of(&k, "varchar(200)", "utf8mb4", "utf8mb4_bin", table_part(0, PIPELINE_PART_TEXT_BINARY));
	assert_int_equal(key(&k, filler, "x").len, 8 + 17);
	assert_false(lt_str_eq(key(&k, filler, "x"), key(&k, filler, "y")));
	/* What divides two parts is not taken for one of their bytes: here each length ends in the byte of an 'a'. */
	memset(p, 'a', sizeof(p));
	memset(q, 'a', sizeof(q));
	p[10] = q['a' + 256] = '\0';
	short_long = key(&k, p, q);
	p[10] = 'a';
	p[10 + 256] = q['a'] = '\0';
	assert_false(lt_str_eq(short_long, key(&k, p, q)));
	keys_end(&k);
}

static void
text_of_unknown_equality_is_refused_with_its_column(void **state)
{
	struct keys k;
	struct lt_str unknown[] = { z("\xd6\xd0"), z("~") }, out; /* to the server that is a y */

	(void)state;
	keys_of(&k, "varchar(20)", "gbk", "gbk_chinese_ci", table_part(0, PIPELINE_PART_TEXT_FOLDED));
	for (size_t i = 0; i < LT_COUNT(unknown); i++) {
		struct lt_str values[] = { unknown[i], z("a") };
		const struct conflict_row row = { values, 2 };
		struct lt_err err = { 0 };

		assert_false(converge_shape_key(k.shape, &row, k.arena, &out, &err));
		assert_int_equal(err.code, LT_E_CONFLICT_TABLE);
		assert_non_null(strstr(err.message, "column a"));
		assert_non_null(strstr(err.message, "gbk_chinese_ci"));
		assert_string_equal(err.where.table, "shop.t");
	}
	keys_end(&k);
}

static void
a_claim_has_its_index_in_front_and_none_for_null(void **state)
{
	static const struct schema_key unique = { .name = { "u", 1 }, .unique = true, .nparts = 1 };
	struct keys k;
	struct shape_part part = table_part(1, PIPELINE_PART_NUMBER), first = table_part(0, PIPELINE_PART_NUMBER);
	struct shape_index uniques[] = { { &unique, &part, 1 }, { &unique, &first, 1 } };
	struct lt_str values[] = { z("5"), { NULL, 0 } }, *claims;
	const struct conflict_row row = { values, 2 };
	struct lt_err err = { 0 };
	uint32_t n;

	(void)state;
	keys_of(&k, "int", NULL, NULL, first);
	k.shape->table->uniques = uniques;
	k.shape->table->nuniques = 2;
	assert_true(converge_shape_claims(k.shape, &row, k.arena, &claims, &n, &err));
	assert_int_equal(n, 1);
	assert_int_equal(claims[0].len, 8 + 1 + 2);
	assert_int_equal(claims[0].ptr[8], 1);
	values[1] = z("5");
	assert_true(converge_shape_claims(k.shape, &row, k.arena, &claims, &n, &err));
	assert_int_equal(n, 2);
	assert_false(lt_str_eq(claims[0], claims[1]));
	keys_end(&k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_is_the_same_from_a_select_and_from_a_log),
		cmocka_unit_test(what_is_none_of_the_type_is_refused),
		cmocka_unit_test(a_row_goes_through_the_loaders_images_and_comes_back),
		cmocka_unit_test(a_row_as_json_reads_back_the_same),
		cmocka_unit_test(a_key_alone_as_json_reads_back_with_nothing_else),
		cmocka_unit_test(json_that_is_no_row_of_the_table_is_refused),
		cmocka_unit_test(an_older_table_of_the_log_gives_keys_and_no_rows),
		cmocka_unit_test(an_image_that_is_not_whole_is_no_row),
		cmocka_unit_test(a_key_of_numbers_is_short),
		cmocka_unit_test(a_key_says_which_row_it_is),
		cmocka_unit_test(values_that_a_server_calls_equal_have_one_key),
		cmocka_unit_test(minus_zero_is_zero_in_a_key),
		cmocka_unit_test(a_long_key_is_a_digest_that_tells_all_of_it),
		cmocka_unit_test(text_of_unknown_equality_is_refused_with_its_column),
		cmocka_unit_test(a_claim_has_its_index_in_front_and_none_for_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
