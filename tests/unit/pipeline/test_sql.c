#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "change/json.h"
#include "pipeline/sql_priv.h"

/* orders(id key, note text of gbk, doc JSON, total generated is left out by the route) */
static const struct schema_column targets[] = {
	{ .name = { "id", 2 }, .base_type = { "bigint", 6 } },
	{ .name = { "no`te", 5 }, .charset = { "utf8mb4", 7 }, .collation = { "utf8mb4_bin", 11 } },
	{ .name = { "doc", 3 }, .base_type = { "json", 4 } },
	{ .name = { "kind", 4 } },
};
static const struct change_column sources[] = {
	{ .kind = CHANGE_INT },
	{ .kind = CHANGE_TEXT, .charset = { "gbk", 3 } },
	{ .kind = CHANGE_JSON },
	{ .kind = CHANGE_ENUM },
};
static struct pipeline_column columns[] = {
	{ .source = 0, .target = &targets[0], .from = &sources[0], .bind = PIPELINE_BIND_NUMBER, .in_key = true },
	{ .source = 1, .target = &targets[1], .from = &sources[1], .bind = PIPELINE_BIND_FOREIGN, .in_key = false },
	{ .source = 2, .target = &targets[2], .from = &sources[2], .bind = PIPELINE_BIND_JSON, .in_key = false },
	{ .source = 3, .target = &targets[3], .from = &sources[3], .bind = PIPELINE_BIND_INDEX, .in_key = false },
};
static const struct schema_table target = { .schema = { "shop", 4 }, .name = { "orders", 6 } };
static struct pipeline_route route = { .target = &target, .columns = columns, .ncolumns = 4, .json_native = true };
static const struct change_image full = { 0 };

struct fixture {
	struct pipeline_slot slots[8];
	struct pipeline_text text;
};

static struct pipeline_text *
fresh(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	f->text.slots = f->slots;
	return &f->text;
}

static void
check(struct pipeline_text *t, const char *want, size_t slots)
{
	assert_string_equal(lt_buf_cstr(&t->sql), want);
	assert_int_equal(t->nslots, slots);
	lt_buf_free(&t->sql);
}

static void
insert_names_every_column_and_converts_foreign_text(void **state)
{
	struct fixture f;

	(void)state;
	pipeline_sql_insert(&route, &full, 1, fresh(&f));
	check(&f.text,
	    "INSERT INTO `shop`.`orders` (`id`, `no``te`, `doc`, `kind`) VALUES (?, CONVERT(? USING gbk), ?, ?)", 4);
}

static void
update_of_a_minimal_image_sets_what_it_carries(void **state)
{
	static const uint8_t id_only[] = { 0x01 }, doc_only[] = { 0x04 };
	const struct change_image before = { .present = id_only }, after = { .present = doc_only };
	struct fixture f;

	(void)state;
	assert_true(pipeline_sql_update(&route, &before, &after, false, fresh(&f)));
	check(&f.text, "UPDATE `shop`.`orders` SET `doc` = ? WHERE `id` = ?", 2);
	assert_ptr_equal(f.slots[0].column, &columns[2]);
	assert_true(f.slots[0].after);
	assert_false(f.slots[1].after);
}

static void
r08_verify_compares_by_type_and_null_safe(void **state)
{
	struct fixture f;

	(void)state;
	assert_true(pipeline_sql_delete(&route, &full, true, fresh(&f)));
	check(&f.text,
	    "DELETE FROM `shop`.`orders` WHERE `id` = ? AND CAST(CONVERT(`no``te` USING gbk) AS BINARY) <=> CAST(? AS BINARY)"
	    " AND `doc` <=> CAST(? AS JSON) AND CAST(`kind` AS UNSIGNED) <=> ?",
	    4);
}

static void
r09_keyless_is_found_by_the_whole_image_and_limited(void **state)
{
	struct pipeline_route keyless = route;
	struct fixture f;

	(void)state;
	keyless.keyless = true;
	keyless.ncolumns = 1;
	assert_true(pipeline_sql_delete(&keyless, &full, false, fresh(&f)));
	check(&f.text, "DELETE FROM `shop`.`orders` WHERE `id` <=> ? LIMIT ?", 1);
	assert_true(f.text.limit);
}

static void
r09_keyless_rows_of_which_the_image_knows_a_part_must_be_the_only_one(void **state)
{
	static const uint8_t id_and_kind[] = { 0x09 };
	const struct change_image before = { .present = id_and_kind };
	struct pipeline_route keyless = route;
	struct fixture f;

	(void)state;
	keyless.keyless = true;
	assert_true(pipeline_sql_delete(&keyless, &before, false, fresh(&f)));
	check(&f.text, "DELETE FROM `shop`.`orders` WHERE `id` <=> ? AND `kind` <=> ?", 2);
	assert_false(f.text.limit);
}

static void
r07_an_image_without_the_key_finds_the_row_by_what_it_has(void **state)
{
	static const uint8_t note_and_doc[] = { 0x06 }, doc_only[] = { 0x04 };
	const struct change_image before = { .present = note_and_doc }, after = { .present = doc_only };
	struct fixture f;

	(void)state;
	assert_true(pipeline_sql_delete(&route, &before, false, fresh(&f)));
	check(&f.text,
	    "DELETE FROM `shop`.`orders` WHERE `no``te` <=> CONVERT(CONVERT(? USING gbk) USING utf8mb4) COLLATE utf8mb4_bin",
	    1);
	assert_true(pipeline_sql_update(&route, &before, &after, true, fresh(&f)));
	check(&f.text,
	    "UPDATE `shop`.`orders` SET `doc` = ? WHERE `no``te` <=> CONVERT(CONVERT(? USING gbk) USING utf8mb4) COLLATE utf8mb4_bin",
	    2);
	assert_false(pipeline_sql_delete_many(&route, &before, false, 8, fresh(&f)));
	lt_buf_free(&f.text.sql);
}

/* shard is set by the mapping, and a part of the key. */
static void
constants_are_inserted_and_found_by_but_not_updated(void **state)
{
	static const struct schema_column shard = {
		.name = { "shard", 5 }, .charset = { "latin1", 6 }, .base_type = { "varchar", 7 }
	};
	static const struct schema_column seen = { .name = { "seen", 4 }, .base_type = { "timestamp", 9 } };
	static const uint8_t id_only[] = { 0x01 };
	const struct change_image partial = { .present = id_only };
	struct schema_column both[] = { shard, seen };
	struct schema_table wide = { .schema = target.schema, .name = target.name, .columns = both, .ncolumns = 2 };
	struct pipeline_column with[] = {
		columns[0],
		{ .source = 9,
		    .target = &both[0],
		    .from = &sources[1],
		    .bind = PIPELINE_BIND_UTF8,
		    .in_key = true,
		    .constant = true },
		{ .source = 10, .target = &both[1], .from = &sources[1], .bind = PIPELINE_BIND_UTF8, .constant = true }
	};
	struct pipeline_route r = { .target = &wide, .columns = with, .ncolumns = 3 };
	struct fixture f;

	(void)state;
	pipeline_sql_insert(&r, &partial, 2, fresh(&f));
	check(&f.text,
	    "INSERT INTO `shop`.`orders` (`id`, `shard`, `seen`) VALUES (?, CONVERT(? USING utf8mb4), ?),"
	    " (?, CONVERT(? USING utf8mb4), ?)",
	    3);
	assert_true(pipeline_sql_update(&r, &partial, &partial, false, fresh(&f)));
	check(&f.text, "UPDATE `shop`.`orders` SET `id` = ?, `seen` = `seen` WHERE `id` = ? AND `shard` = ?", 3);
	assert_true(pipeline_sql_delete(&r, &partial, false, fresh(&f)));
	check(&f.text, "DELETE FROM `shop`.`orders` WHERE `id` = ? AND `shard` = ?", 2);
	r.keyless = true;
	assert_true(pipeline_sql_delete(&r, &partial, false, fresh(&f)));
	check(&f.text, "DELETE FROM `shop`.`orders` WHERE `id` <=> ? AND `shard` <=> ? AND `seen` <=> ? LIMIT ?", 3);
}

static void
an_image_with_nothing_to_find_the_row_by_is_refused(void **state)
{
	static const uint8_t doc_only[] = { 0x04 };
	const struct change_image before = { .present = doc_only };
	struct fixture f;

	(void)state;
	assert_false(pipeline_sql_delete(&route, &before, false, fresh(&f)));
	lt_buf_free(&f.text.sql);
}

/* item(a key, code key of utf8mb4, note of latin1, at) */
static const struct schema_column item_columns[] = {
	{ .name = { "a", 1 }, .type = { "int(11)", 7 }, .base_type = { "int", 3 } },
	{ .name = { "code", 4 },
	    .type = { "varchar(20)", 11 },
	    .base_type = { "varchar", 7 },
	    .charset = { "utf8mb4", 7 },
	    .collation = { "utf8mb4_general_ci", 18 } },
	{ .name = { "note", 4 },
	    .type = { "varchar(9)", 10 },
	    .base_type = { "varchar", 7 },
	    .charset = { "latin1", 6 },
	    .collation = { "latin1_swedish_ci", 17 } },
	{ .name = { "at", 2 }, .type = { "datetime", 8 }, .base_type = { "datetime", 8 } },
};
static const struct schema_key_part item_parts[] = { { 0, 0 }, { 1, 0 } };
static const struct schema_key item_keys[] = {
	{ .name = { "PRIMARY", 7 }, .unique = true, .not_null = true, .nparts = 2, .parts = item_parts },
	{ .name = { "other", 5 }, .unique = true, .nparts = 1, .parts = item_parts },
};
static const struct change_column item_sources[] = {
	{ .kind = CHANGE_INT },
	{ .kind = CHANGE_TEXT, .charset = { "utf8mb4", 7 } },
	{ .kind = CHANGE_TEXT, .charset = { "latin1", 6 } },
	{ .kind = CHANGE_DATETIME },
};

struct item {
	struct schema_table table;
	struct pipeline_column columns[4];
	struct pipeline_route route;
	struct fixture f;
};

static struct pipeline_text *
fresh_item(struct item *x)
{
	x->table = (struct schema_table){ .schema = { "s", 1 },
		.name = { "item", 4 },
		.ncolumns = 4,
		.columns = item_columns,
		.nkeys = 1,
		.keys = item_keys };
	x->columns[0] = (struct pipeline_column){ .source = 0,
		.target = &item_columns[0],
		.from = &item_sources[0],
		.bind = PIPELINE_BIND_NUMBER,
		.in_key = true };
	x->columns[1] = (struct pipeline_column){ .source = 1,
		.target = &item_columns[1],
		.from = &item_sources[1],
		.bind = PIPELINE_BIND_UTF8,
		.in_key = true };
	x->columns[2] = (struct pipeline_column){ .source = 2,
		.target = &item_columns[2],
		.from = &item_sources[2],
		.bind = PIPELINE_BIND_FOREIGN,
		.in_key = false };
	x->columns[3] = (struct pipeline_column){ .source = 3,
		.target = &item_columns[3],
		.from = &item_sources[3],
		.bind = PIPELINE_BIND_TEMPORAL,
		.in_key = false };
	x->route =
	    (struct pipeline_route){ .target = &x->table, .columns = x->columns, .ncolumns = 4, .triggers_told = true };
	return fresh(&x->f);
}

static void
updates_join_a_table_of_typed_values_by_the_key(void **state)
{
	static const uint8_t note_only[] = { 0x04 };
	const struct change_image after = { .present = note_only };
	struct item x;

	(void)state;
	assert_true(pipeline_sql_update_many(&x.route, &full, &after, 2, fresh_item(&x)));
	check(&x.f.text,
	    "UPDATE (VALUES ROW(CAST(? AS SIGNED), CAST(? AS CHAR(21)), CAST(? AS BINARY)), "
	    "ROW(CAST(? AS SIGNED), CAST(? AS CHAR(21)), CAST(? AS BINARY))) AS lutra_v (v0, v1, v2) "
	    "STRAIGHT_JOIN `s`.`item` AS lutra_t FORCE INDEX (`PRIMARY`) ON lutra_t.`a` = lutra_v.v0 AND lutra_t.`code` = "
	    "CONVERT(lutra_v.v1 USING utf8mb4) COLLATE utf8mb4_general_ci "
	    "SET lutra_t.`note` = CONVERT(lutra_v.v2 USING latin1), lutra_t.`at` = lutra_t.`at`",
	    3);
	assert_false(x.f.slots[1].after);
	assert_true(x.f.slots[2].after);
}

static void
what_a_join_could_change_goes_row_by_row(void **state)
{
	struct item x;

	(void)state;
	fresh_item(&x);
	x.columns[3].in_key = true; /* dates compare with text in too many ways */
	assert_false(pipeline_sql_update_many(&x.route, &full, &full, 2, &x.f.text));
	lt_buf_free(&x.f.text.sql);

	fresh_item(&x);
	x.columns[2].bind = PIPELINE_BIND_OPAQUE;
	assert_false(pipeline_sql_update_many(&x.route, &full, &full, 2, &x.f.text));
	lt_buf_free(&x.f.text.sql);

	fresh_item(&x);
	x.table.has_triggers = true;
	assert_false(pipeline_sql_update_many(&x.route, &full, &full, 2, &x.f.text));
	assert_false(pipeline_sql_upsert(&x.route, &full, 2, true, &x.f.text));
	lt_buf_free(&x.f.text.sql);
}

static void
upsert_only_by_a_sole_unique_key_and_a_complete_image(void **state)
{
	static const uint8_t no_note[] = { 0x0b };
	const struct change_image partial = { .present = no_note };
	struct item x;

	(void)state;
	assert_true(pipeline_sql_upsert(&x.route, &full, 1, false, fresh_item(&x)));
	check(&x.f.text,
	    "INSERT INTO `s`.`item` (`a`, `code`, `note`, `at`) VALUES (?, ?, CONVERT(? USING latin1), ?) "
	    "ON DUPLICATE KEY UPDATE `note` = VALUES(`note`), `at` = VALUES(`at`)",
	    4);
	assert_true(pipeline_sql_upsert(&x.route, &full, 2, true, fresh_item(&x)));
	check(&x.f.text,
	    "INSERT INTO `s`.`item` (`a`, `code`, `note`, `at`) VALUES (?, ?, CONVERT(? USING latin1), ?), "
	    "(?, ?, CONVERT(? USING latin1), ?) AS lutra_v ON DUPLICATE KEY UPDATE `note` = lutra_v.`note`, `at` = "
	    "lutra_v.`at`",
	    4);

	assert_false(pipeline_sql_upsert(&x.route, &partial, 1, false, fresh_item(&x)));
	fresh_item(&x);
	x.route.ncolumns = 3; /* `at` is not mapped */
	assert_false(pipeline_sql_upsert(&x.route, &full, 1, false, &x.f.text));
	fresh_item(&x);
	x.table.nkeys = 2; /* the row it meets may be another's */
	assert_false(pipeline_sql_upsert(&x.route, &full, 1, false, &x.f.text));
	fresh_item(&x);
	x.table.nchildren = 1;
	assert_false(pipeline_sql_upsert(&x.route, &full, 1, false, &x.f.text));

	fresh_item(&x);
	x.route.triggers_told = false; /* an INSERT would fire what an UPDATE does not */
	assert_false(pipeline_sql_upsert(&x.route, &full, 2, true, &x.f.text));
	lt_buf_free(&x.f.text.sql);
}

static void
deletes_of_composite_keys_are_a_chain_of_bounded_length(void **state)
{
	struct item x;

	(void)state;
	assert_true(pipeline_sql_delete_many(&x.route, &full, false, 2, fresh_item(&x)));
	check(&x.f.text,
	    "DELETE /*+ INDEX(`item` `PRIMARY`) */ FROM `s`.`item` WHERE (`a` = ? AND `code` = ?) OR (`a` = ? AND `code` = ?)",
	    2);
	assert_false(pipeline_sql_delete_many(&x.route, &full, false, 512, fresh_item(&x)));
	lt_buf_free(&x.f.text.sql);

	fresh_item(&x);
	x.columns[1].in_key = false;
	assert_true(pipeline_sql_delete_many(&x.route, &full, false, 3, &x.f.text));
	check(&x.f.text, "DELETE /*+ INDEX(`item` `PRIMARY`) */ FROM `s`.`item` WHERE `a` IN (?, ?, ?)", 1);

	fresh_item(&x);
	x.table.name = LT_STR("it*/em"); /* would end the hint */
	assert_false(pipeline_sql_delete_many(&x.route, &full, false, 3, &x.f.text));
}

static void
deletes_without_hints_are_kept_to_the_index_by_an_order_of_as_many_rows(void **state)
{
	struct item x;

	(void)state;
	assert_false(pipeline_sql_delete_in_order(&x.route, &full, 3, fresh_item(&x))); /* two columns */
	lt_buf_free(&x.f.text.sql);

	fresh_item(&x);
	x.columns[1].in_key = false;
	assert_true(pipeline_sql_delete_in_order(&x.route, &full, 3, &x.f.text));
	check(&x.f.text, "DELETE FROM `s`.`item` WHERE `a` IN (?, ?, ?) ORDER BY `a` LIMIT 3", 1);

	fresh_item(&x);
	x.columns[1].in_key = false;
	x.route.keyless = true;
	assert_false(pipeline_sql_delete_in_order(&x.route, &full, 3, &x.f.text));
	lt_buf_free(&x.f.text.sql);
}

static void
r08_many_rows_are_proved_by_the_conditions_of_each(void **state)
{
	struct item x;

	(void)state;
	fresh_item(&x);
	x.columns[2].bind = PIPELINE_BIND_BYTES;
	assert_true(pipeline_sql_prove(&x.route, &full, 2, &x.f.text));
	check(&x.f.text,
	    "UPDATE /*+ INDEX(`item` `PRIMARY`) */ `s`.`item` SET `note` = `note` WHERE (`a` = ? AND `code` = ? AND `note` <=> ? AND `at` <=> ?) OR "
	    "(`a` = ? AND `code` = ? AND `note` <=> ? AND `at` <=> ?)",
	    4);
}

static void
values_are_written_into_the_text(void **state)
{
	struct my_param params[] = { { .kind = MY_PARAM_I64, .i64 = -5 },
		{ .kind = MY_PARAM_BYTES, .bytes = LT_STR("\xd6\xd0") },
		{ .kind = MY_PARAM_TEXT, .bytes = LT_STR("{\"it's\": 1}") }, { .kind = MY_PARAM_NULL } };
	struct lt_buf out = { 0 };
	struct fixture f;

	(void)state;
	pipeline_sql_insert(&route, &full, 1, fresh(&f));
	assert_false(pipeline_sql_needs_literal(&route, &f.text, params));
	pipeline_sql_literal(&route, &f.text, params, &out);
	assert_string_equal(lt_buf_cstr(&out),
	    "INSERT INTO `shop`.`orders` (`id`, `no``te`, `doc`, `kind`) VALUES (-5, CONVERT(X'd6d0' USING gbk),"
	    " CAST('{\\\"it\\'s\\\": 1}' AS JSON), NULL)");

	params[2].bytes = LT_STR("{\"a\": [19.90, 1.5]}");
	params[3] = (struct my_param){ .kind = MY_PARAM_DOUBLE, .f64 = 0.5 };
	assert_true(pipeline_sql_needs_literal(&route, &f.text, params));
	lt_buf_clear(&out);
	pipeline_sql_literal(&route, &f.text, params, &out);
	assert_non_null(strstr(lt_buf_cstr(&out),
	    "JSON_REPLACE(CAST('{\\\"a\\\": [19.90, 1.5]}' AS JSON), '$.\\\"a\\\"[0]', 19.90), 5.00000000000000000e-01)"));
	lt_buf_free(&out);
	lt_buf_free(&f.text.sql);
}

/* The document {"k": [1, {"a": DATE}], "d": DECIMAL, "p": 2} */
static void
a_document_is_built_of_parts_that_keep_their_types(void **state)
{
	static const char doc[] = "{\"k\": [1, {\"it's\": \"2026-11-22\"}], \"d\": 1.5, \"p\": [2]}";
	static const struct change_json_mark marks[] = { { .at = 19, .kind = CHANGE_DATE },
		{ .at = 40, .kind = CHANGE_DECIMAL, .precision = 2, .scale = 1 } };
	struct my_param params[] = { { .kind = MY_PARAM_I64 }, { .kind = MY_PARAM_NULL },
		{ .kind = MY_PARAM_TEXT, .bytes = LT_STR(doc) }, { .kind = MY_PARAM_NULL } };
	struct change_value values[8] = { 0 };
	struct pipeline_route with = route;
	_Alignas(8) char bytes[sizeof(doc) + sizeof(marks) + 8];
	struct lt_buf out = { 0 };
	struct fixture f;

	(void)state;
	memcpy(bytes, doc, sizeof(doc) - 1);
	memcpy(bytes + change_json_marks_at(bytes, sizeof(doc) - 1), marks, sizeof(marks));
	values[columns[2].source] =
	    (struct change_value){ .kind = CHANGE_JSON, .nmarks = 2, .bytes = { bytes, sizeof(doc) - 1 } };
	with.after = values;
	with.json_marks = true;
	pipeline_sql_insert(&with, &full, 1, fresh(&f));
	assert_true(pipeline_sql_needs_literal(&with, &f.text, params));
	pipeline_sql_literal(&with, &f.text, params, &out);
	assert_non_null(strstr(lt_buf_cstr(&out),
	    "(NULL USING gbk), CAST(JSON_OBJECT(JSON_UNQUOTE('\\\"k\\\"'), JSON_ARRAY(CAST('1' AS JSON),"
	    " JSON_OBJECT(JSON_UNQUOTE('\\\"it\\'s\\\"'), CAST('2026-11-22' AS DATE))),"
	    " JSON_UNQUOTE('\\\"d\\\"'), CAST('1.5' AS DECIMAL(2,1)), JSON_UNQUOTE('\\\"p\\\"'), CAST('[2]' AS JSON)) AS JSON), NULL)"));
	lt_buf_free(&out);
	lt_buf_free(&f.text.sql);
}

static void
edits_of_a_document_are_functions_of_the_column(void **state)
{
	static const char list[] =
	    "[{\"op\": \"replace\", \"path\": \"$.\\\"it's\\\"\", \"value\": \"2026-11-22\"},"
	    " {\"op\": \"insert\", \"path\": \"$.b\", \"value\": [1.50, 2]}, {\"op\": \"insert\", \"path\": \"$.c[2]\","
	    " \"value\": 7}, {\"op\": \"remove\", \"path\": \"$.d\"}]";
	const struct change_json_mark marks[] = { { .at = (uint32_t)(strstr(list, "\"2026") - list),
						      .kind = CHANGE_DATE },
		{ .at = (uint32_t)(strstr(list, "1.50") - list), .kind = CHANGE_DECIMAL, .precision = 3, .scale = 2 } };
	struct my_param params[] = { { .kind = MY_PARAM_TEXT, .bytes = LT_STR("{}") }, { .kind = MY_PARAM_I64 },
		{ .kind = MY_PARAM_NULL }, { .kind = MY_PARAM_NULL } };
	struct change_value values[8] = { 0 }, edits[8] = { 0 };
	struct lt_arena *arena = lt_arena_new();
	struct pipeline_text text = { .slots = (struct pipeline_slot[]){ { &columns[2], true } }, .nslots = 1 };
	struct pipeline_route with = route;
	struct lt_buf out = { 0 };

	(void)state;
	values[columns[2].source] = (struct change_value){ .kind = CHANGE_JSON, .bytes = LT_STR("{}") };
	edits[columns[2].source] = change_json_marked(CHANGE_JSON_DIFF, lt_str_z(list), marks, 2, arena);
	with.after = values;
	with.edits = edits;
	with.json_marks = true;
	lt_buf_z(&text.sql, "SET `doc` = ?");
	assert_true(pipeline_sql_needs_literal(&with, &text, params));
	pipeline_sql_literal(&with, &text, params, &out);
	assert_string_equal(lt_buf_cstr(&out),
	    "SET `doc` = JSON_REMOVE(JSON_ARRAY_INSERT(JSON_INSERT(JSON_REPLACE(`doc`, '$.\\\"it\\'s\\\"',"
	    " CAST(CAST('2026-11-22' AS DATE) AS JSON)), '$.b', CAST(JSON_ARRAY(CAST('1.50' AS DECIMAL(3,2)), CAST('2' AS JSON)) AS JSON)),"
	    " '$.c[2]', CAST(CAST('7' AS JSON) AS JSON)), '$.d')");
	lt_buf_free(&out);
	lt_buf_free(&text.sql);
	lt_arena_free(arena);
}

static void
r07_a_row_is_read_by_its_key_and_locked(void **state)
{
	const struct pipeline_column *wanted[] = { &columns[2], &columns[1] };
	struct fixture f;

	(void)state;
	assert_true(pipeline_sql_read(&route, &full, wanted, 2, fresh(&f)));
	check(&f.text, "SELECT `doc`, `no``te` FROM `shop`.`orders` WHERE `id` = ? FOR UPDATE", 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(insert_names_every_column_and_converts_foreign_text),
		cmocka_unit_test(update_of_a_minimal_image_sets_what_it_carries),
		cmocka_unit_test(r08_verify_compares_by_type_and_null_safe),
		cmocka_unit_test(r09_keyless_is_found_by_the_whole_image_and_limited),
		cmocka_unit_test(r09_keyless_rows_of_which_the_image_knows_a_part_must_be_the_only_one),
		cmocka_unit_test(r07_an_image_without_the_key_finds_the_row_by_what_it_has),
		cmocka_unit_test(constants_are_inserted_and_found_by_but_not_updated),
		cmocka_unit_test(an_image_with_nothing_to_find_the_row_by_is_refused),
		cmocka_unit_test(updates_join_a_table_of_typed_values_by_the_key),
		cmocka_unit_test(what_a_join_could_change_goes_row_by_row),
		cmocka_unit_test(upsert_only_by_a_sole_unique_key_and_a_complete_image),
		cmocka_unit_test(deletes_of_composite_keys_are_a_chain_of_bounded_length),
		cmocka_unit_test(deletes_without_hints_are_kept_to_the_index_by_an_order_of_as_many_rows),
		cmocka_unit_test(r08_many_rows_are_proved_by_the_conditions_of_each),
		cmocka_unit_test(values_are_written_into_the_text),
		cmocka_unit_test(a_document_is_built_of_parts_that_keep_their_types),
		cmocka_unit_test(edits_of_a_document_are_functions_of_the_column),
		cmocka_unit_test(r07_a_row_is_read_by_its_key_and_locked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
