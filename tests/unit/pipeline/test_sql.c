#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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
	    " AND `doc` <=> CAST(? AS JSON) AND `kind`+0 <=> ?",
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
	assert_false(pipeline_sql_delete_in(&route, &before, 8, fresh(&f)));
	lt_buf_free(&f.text.sql);
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
		cmocka_unit_test(r07_an_image_without_the_key_finds_the_row_by_what_it_has),
		cmocka_unit_test(an_image_with_nothing_to_find_the_row_by_is_refused),
		cmocka_unit_test(values_are_written_into_the_text),
		cmocka_unit_test(r07_a_row_is_read_by_its_key_and_locked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
