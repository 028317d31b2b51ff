#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema/build_priv.h"

static struct schema_build *
three_columns(void)
{
	struct schema_build *b = schema_build_new(LT_STR("s"), LT_STR("t"));

	schema_build_column(b, LT_STR("Id"), LT_STR("int(11) unsigned"), LT_STR("INT"));
	schema_build_column(b, LT_STR("e"), LT_STR("enum('a','b''c','d\\\\e\\n',' unsigned')"), LT_STR("enum"));
	schema_build_column(b, LT_STR("x"), LT_STR("text"), LT_STR("text"));
	return b;
}

static void
part(struct schema_build *b, const char *key, bool unique, bool nullable, struct schema_key_part p)
{
	schema_build_part(b, lt_str_z(key), unique, nullable, &p);
}

static void
column_types_are_read(void **state)
{
	struct schema_table *t = schema_build_finish(three_columns());

	(void)state;
	assert_true(t->columns[0].is_unsigned);
	assert_false(t->columns[1].is_unsigned);
	assert_true(lt_str_eqz(t->columns[0].base_type, "int"));
	assert_int_equal(t->columns[1].nmembers, 4);
	assert_true(lt_str_eqz(t->columns[1].members[1], "b'c"));
	assert_true(lt_str_eqz(t->columns[1].members[2], "d\\e\n"));
	assert_int_equal(schema_table_column(t, LT_STR("ID")), 0);
	assert_int_equal(schema_table_column(t, LT_STR("y")), SIZE_MAX);
	schema_table_free(t);
}

static void
malformed_members_end_the_list(void **state)
{
	static const char *const types[] = { "enum", "enum(", "enum('a", "enum('a\\", "enum('a'", "enum('a',", "set(x)",
		"set()" };

	(void)state;
	for (size_t i = 0; i < LT_COUNT(types); i++) {
		struct schema_build *b = schema_build_new(LT_STR("s"), LT_STR("t"));

		schema_build_column(b, LT_STR("e"), lt_str_z(types[i]), LT_STR("enum"));
		assert_in_range(b->columns[0].nmembers, 0, 1);
		schema_build_free(b);
	}
}

static void
primary_key_is_the_one_to_find_rows_by(void **state)
{
	struct schema_build *b = three_columns();
	struct schema_table *t;

	(void)state;
	part(b, "plain", false, false, (struct schema_key_part){ 0, 0 });
	part(b, "a", true, false, (struct schema_key_part){ 0, 0 });
	part(b, "PRIMARY", true, false, (struct schema_key_part){ 2, 10 });
	part(b, "PRIMARY", true, false, (struct schema_key_part){ 0, 0 });
	t = schema_build_finish(b);
	assert_int_equal(t->nkeys, 3);
	assert_ptr_equal(schema_table_find_key(t), &t->keys[0]);
	assert_int_equal(t->keys[0].nparts, 2);
	assert_int_equal(t->keys[0].parts[0].prefix, 10);
	assert_true(lt_str_eqz(t->keys[2].name, "plain"));
	schema_table_free(t);
}

static void
unique_keys_serve_when_whole_and_not_null(void **state)
{
	struct schema_build *b = three_columns();
	struct schema_table *t;

	(void)state;
	part(b, "nullable", true, true, (struct schema_key_part){ 0, 0 });
	part(b, "prefix", true, false, (struct schema_key_part){ 2, 4 });
	part(b, "expression", true, false, (struct schema_key_part){ SIZE_MAX, 0 });
	part(b, "half", true, false, (struct schema_key_part){ 0, 0 });
	part(b, "half", true, true, (struct schema_key_part){ 1, 0 });
	part(b, "plain", false, false, (struct schema_key_part){ 0, 0 });
	t = schema_build_finish(b);
	assert_null(schema_table_find_key(t));
	schema_table_free(t);

	b = three_columns();
	part(b, "nullable", true, true, (struct schema_key_part){ 0, 0 });
	part(b, "good", true, false, (struct schema_key_part){ 1, 0 });
	t = schema_build_finish(b);
	assert_true(lt_str_eqz(schema_table_find_key(t)->name, "good"));
	schema_table_free(t);
}

static void
equality_sees_every_difference(void **state)
{
	struct schema_table *a = schema_build_finish(three_columns()), *b = schema_build_finish(three_columns());
	struct schema_build *build = three_columns();

	(void)state;
	assert_true(schema_table_eq(a, b));
	b->has_triggers = true;
	assert_false(schema_table_eq(a, b));
	schema_table_free(b);
	build->columns[1].nullable = true;
	b = schema_build_finish(build);
	assert_false(schema_table_eq(a, b));
	schema_table_free(b);
	build = three_columns();
	part(build, "k", false, false, (struct schema_key_part){ 0, 0 });
	b = schema_build_finish(build);
	assert_false(schema_table_eq(a, b));
	schema_table_free(a);
	schema_table_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(column_types_are_read),
		cmocka_unit_test(malformed_members_end_the_list),
		cmocka_unit_test(primary_key_is_the_one_to_find_rows_by),
		cmocka_unit_test(unique_keys_serve_when_whole_and_not_null),
		cmocka_unit_test(equality_sees_every_difference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
