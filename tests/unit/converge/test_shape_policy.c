#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/site.h"
#include "table.h"

static struct lt_str
z(const char *text)
{
	return lt_str_z(text);
}

/* -- types ---------------------------------------------------------------------------------------- */

struct typed {
	struct schema_table target;
	struct schema_column column;
	struct converge_shape *shape;
	struct shape_type type;
	struct lt_arena *arena;
};

static bool
typed(struct typed *t, const char *type, bool counter)
{
	t->column = table_column("c", type, NULL, NULL);
	t->shape = table_shape(&t->target, &t->column, 1);
	t->arena = lt_arena_new();
	return converge_shape_type_of(&t->shape->table->columns[0], counter, &t->type);
}

static void
typed_end(struct typed *t)
{
	lt_arena_free(t->arena);
	table_free(t->shape);
}

static void
adds_up(const char *type, const char *value, const char *before, const char *after, const char *sum)
{
	struct typed t;
	struct lt_str out;

	assert_true(typed(&t, type, true));
	out = t.type.type.add(t.type.type.ctx, z(value), z(before), z(after), t.arena);
	if (!lt_str_eqz(out, sum))
		fail_msg("%s: %s + (%s - %s) = %.*s, not %s", type, value, after, before, LT_FMT(out), sum);
	typed_end(&t);
}

static void
a_counter_adds_exactly_within_the_range_of_its_type(void **state)
{
	(void)state;
	adds_up("int", "10", "3", "5", "12");
	adds_up("int", "10", "5", "3", "8");
	adds_up("int", NULL, "3", "5", "2");
	adds_up("int", "2147483647", "0", "1", "2147483647");
	adds_up("int", "-2147483648", "0", "-5", "-2147483648");
	adds_up("tinyint(4)", "100", "0", "100", "127");
	adds_up("smallint unsigned", "10", "20", "5", "0");
	adds_up("mediumint(8) unsigned", "16777210", "0", "10", "16777215");
	adds_up("bigint", "9223372036854775807", "9223372036854775807", "-9223372036854775808", "-9223372036854775808");
	adds_up(
	    "bigint", "-9223372036854775808", "9223372036854775807", "-9223372036854775808", "-9223372036854775808");
	adds_up("bigint", "0", "-1", "9223372036854775806", "9223372036854775807");
	adds_up("bigint unsigned", "18446744073709551614", "0", "1", "18446744073709551615");
	adds_up("bigint unsigned", "18446744073709551615", "18446744073709551615", "1", "1");
	adds_up("decimal(10,2)", "-0.50", "0.25", "1.00", "0.25");
	adds_up("decimal(10,2)", "0.50", "1.00", "0.50", "0.00");
	adds_up("decimal(10,2)", "0.10", "1.00", "0.50", "-0.40");
	adds_up("decimal(4,2)", "99.00", "0.00", "1.00", "99.99");
	adds_up("decimal(4,2)", "-99.00", "1.00", "0.00", "-99.99");
	adds_up("decimal(4,2) unsigned", "1.00", "3.00", "1.00", "0.00");
	adds_up("decimal(2,2)", "0.50", "0.10", "0.25", "0.65");
	adds_up("decimal(5,0)", NULL, "1", "4", "3");
	adds_up("decimal(65,30)", "99999999999999999999999999999999999.999999999999999999999999999999",
	    "0.000000000000000000000000000002", "0.000000000000000000000000000001",
	    "99999999999999999999999999999999999.999999999999999999999999999998");
	adds_up("decimal(65,30)", "-99999999999999999999999999999999999.999999999999999999999999999999",
	    "-99999999999999999999999999999999999.999999999999999999999999999999",
	    "99999999999999999999999999999999999.999999999999999999999999999999",
	    "99999999999999999999999999999999999.999999999999999999999999999999");
}

static struct lt_str
real(double d, struct lt_arena *arena)
{
	char *bytes = lt_arena_alloc(arena, sizeof(d));

	memcpy(bytes, &d, sizeof(d));
	return lt_str_of(bytes, sizeof(d));
}

static void
a_counter_of_reals_never_leaves_their_range(void **state)
{
	struct typed t;
	const struct conflict_type *type = &t.type.type;
	struct lt_str sum, after;

	(void)state;
	assert_true(typed(&t, "double", true));
	sum = type->add(type->ctx, real(1.5, t.arena), real(1, t.arena), real(3, t.arena), t.arena);
	assert_true(lt_str_eq(sum, real(3.5, t.arena)));
	sum = type->add(type->ctx, real(1e308, t.arena), real(-1e308, t.arena), real(1.5e308, t.arena), t.arena);
	assert_true(lt_str_eq(sum, real(1.7976931348623157e308, t.arena)));
	/* A local write leaves its own image: what two sums of doubles would not. */
	after = real(0.3, t.arena);
	sum = type->add(type->ctx, real(0.1, t.arena), real(0.1, t.arena), after, t.arena);
	assert_ptr_equal(sum.ptr, after.ptr);
	typed_end(&t);
	assert_true(typed(&t, "double unsigned", true));
	sum = type->add(type->ctx, real(1, t.arena), real(3, t.arena), real(1, t.arena), t.arena);
	assert_true(lt_str_eq(sum, real(0, t.arena)));
	typed_end(&t);
}

static void
is_less(const char *type, const char *a, const char *b)
{
	struct typed t;
	const struct conflict_type *c = &t.type.type;

	assert_true(typed(&t, type, false));
	assert_true(c->compare(c->ctx, z(a), z(b)) < 0);
	assert_true(c->compare(c->ctx, z(b), z(a)) > 0);
	assert_int_equal(c->compare(c->ctx, z(a), z(a)), 0);
	typed_end(&t);
}

static void
greatest_and_least_go_by_the_columns_order(void **state)
{
	(void)state;
	is_less("int", "-10", "-9");
	is_less("int", "9", "10");
	is_less("bigint unsigned", "9223372036854775807", "18446744073709551615");
	is_less("decimal(10,2)", "-10.01", "-10.00");
	is_less("decimal(10,2)", "9.99", "10.00");
	is_less("year", "1901", "2155");
	is_less("enum('b','a')", "1", "2");
	is_less("date", "0000-00-00", "0000-01-00");
	is_less("datetime(6)", "9999-12-31 23:59:59.999998", "9999-12-31 23:59:59.999999");
	is_less("datetime", "2024-01-31 23:59:59", "2024-02-01 00:00:00");
	is_less("timestamp", "1970-01-01 00:00:01", "2038-01-19 03:14:07");
	is_less("time", "-838:59:59", "-01:00:00");
	is_less("time", "99:00:00", "100:00:00");
	is_less("time(3)", "-00:00:00.002", "-00:00:00.001");
}

static void
not_every_type_can_be_decided(void **state)
{
	static const struct {
		const char *type;
		bool counter, ordered;
	} cases[] = {
		{ "int", true, true },
		{ "double", true, true },
		{ "double(10,2)", false, true },
		{ "float(7,4)", false, true },
		{ "date", false, true },
		{ "year", false, true },
		{ "bit(3)", false, true },
		{ "varchar(9)", false, false },
		{ "varbinary(9)", false, false },
		{ "json", false, false },
	};

	(void)state;
	for (size_t i = 0; i < LT_COUNT(cases); i++) {
		struct typed t;

		assert_int_equal(typed(&t, cases[i].type, true), cases[i].counter);
		typed_end(&t);
		assert_int_equal(typed(&t, cases[i].type, false), cases[i].ordered);
		typed_end(&t);
	}
}

/* -- policies ------------------------------------------------------------------------------------- */

static const struct model_site sites[] = { { .id = 11 }, { .id = 12 }, { .id = 13 } };

struct made {
	struct schema_table target;
	struct schema_column columns[3];
	struct converge_shape *shape;
	struct shape_index unique;
	struct lt_err err;
	bool ok;
};

static void
make(struct made *m, const struct model_conflict_policy *from, size_t nuniques)
{
	static const struct schema_key key = { .name = { "u", 1 } };

	memset(m, 0, sizeof(*m));
	m->columns[0] = table_column("id", "int", NULL, NULL);
	m->columns[1] = table_column("Stock", "int", NULL, NULL);
	m->columns[2] = table_column("note", "varchar(9)", "utf8mb4", "utf8mb4_bin");
	m->shape = table_shape(&m->target, m->columns, 3);
	m->unique = (struct shape_index){ .key = &key };
	m->shape->table->uniques = &m->unique;
	m->shape->table->nuniques = nuniques;
	m->shape->table->sites = sites;
	m->shape->table->nsites = LT_COUNT(sites);
	m->ok = converge_shape_policy_make(from, m->shape->table, &m->err);
}

static void
rows_compete_where_there_is_a_further_unique_index(void **state)
{
	const struct model_conflict_policy row = { .kind = MODEL_CONFLICT_ROW };
	struct made m;

	(void)state;
	make(&m, &row, 0);
	assert_true(m.ok);
	assert_int_equal(converge_shape_policy(m.shape)->kind, CONFLICT_BY_ROW);
	assert_false(converge_shape_policy(m.shape)->unique);
	table_free(m.shape);
	make(&m, &row, 1);
	assert_true(m.ok && converge_shape_policy(m.shape)->unique);
	table_free(m.shape);
}

static void
policies_that_merge_take_no_further_unique_index(void **state)
{
	const enum model_conflict_kind kinds[] = { MODEL_CONFLICT_COLUMN, MODEL_CONFLICT_HOME,
		MODEL_CONFLICT_FUNCTION };
	struct made m;

	(void)state;
	for (size_t i = 0; i < LT_COUNT(kinds); i++) {
		const struct model_conflict_policy from = { .kind = kinds[i] };

		make(&m, &from, 1);
		assert_false(m.ok);
		assert_int_equal(m.err.code, LT_E_CONFLICT_TABLE);
		assert_string_equal(m.err.where.table, "shop.t");
		table_free(m.shape);
		make(&m, &from, 0);
		assert_true(m.ok);
		table_free(m.shape);
	}
}

static void
columns_get_their_rules_by_name(void **state)
{
	static char stock[] = "stock", note[] = "note", none[] = "none";
	struct model_conflict_column column = { stock, MODEL_CONFLICT_COUNTER, NULL };
	const struct model_conflict_policy from = { .kind = MODEL_CONFLICT_COLUMN, .columns = &column, .ncolumns = 1 };
	const struct conflict_policy *p;
	struct made m;

	(void)state;
	make(&m, &from, 0);
	assert_true(m.ok);
	p = converge_shape_policy(m.shape);
	assert_int_equal(p->kind, CONFLICT_BY_COLUMN);
	assert_int_equal(p->ncolumns, 3);
	assert_int_equal(p->columns[0].rule, CONFLICT_LAST);
	assert_int_equal(p->columns[1].rule, CONFLICT_SUM);
	assert_non_null(p->columns[1].type->add);
	assert_int_equal(p->columns[2].rule, CONFLICT_LAST);
	table_free(m.shape);
	for (size_t i = 0; i < 2; i++) {
		column.name = i == 0 ? note : none;
		make(&m, &from, 0);
		assert_false(m.ok);
		assert_int_equal(m.err.code, LT_E_CONFLICT_TABLE);
		assert_non_null(strstr(m.err.message, column.name));
		table_free(m.shape);
	}
}

static void
functions_decide_columns_or_rows(void **state)
{
	static char stock[] = "stock", note[] = "NOTE", id[] = "id";
	struct script *script = NULL;
	struct lt_err err = { 0 };
	struct model_conflict_column columns[] = { { stock, MODEL_CONFLICT_COUNTER, NULL },
		{ note, MODEL_CONFLICT_MADE, NULL } };
	struct model_conflict_policy from = { .kind = MODEL_CONFLICT_COLUMN, .columns = columns, .ncolumns = 2 };
	const struct conflict_policy *p;
	struct lt_buf rules = { 0 };
	struct made m;

	(void)state;
	assert_true(script_new(LT_STR("return function(w) return 1 end"), &script, &err));
	columns[1].function = script;
	make(&m, &from, 0);
	assert_true(m.ok);
	p = converge_shape_policy(m.shape);
	assert_int_equal(p->columns[2].rule, CONFLICT_FUNCTION);
	assert_non_null(p->columns[2].function);
	assert_null(p->columns[1].function);
	converge_shape_rules(m.shape, &rules);
	assert_string_equal(lt_buf_cstr(&rules), "Stock: counter, note: function");
	lt_buf_clear(&rules);
	table_free(m.shape);
	columns[1].name = id;
	make(&m, &from, 0);
	assert_false(m.ok);
	assert_non_null(strstr(m.err.message, "primary key"));
	table_free(m.shape);
	from = (struct model_conflict_policy){ .kind = MODEL_CONFLICT_FUNCTION, .function = script };
	make(&m, &from, 0);
	assert_true(m.ok);
	p = converge_shape_policy(m.shape);
	assert_int_equal(p->kind, CONFLICT_BY_FUNCTION);
	assert_non_null(p->function);
	converge_shape_rules(m.shape, &rules);
	assert_int_equal(rules.len, 0);
	table_free(m.shape);
	lt_buf_free(&rules);
	script_free(script);
}

static void
trusted_sites_are_known_by_their_ids(void **state)
{
	size_t trusted[] = { 2, 0 };
	const struct model_conflict_policy from = { .kind = MODEL_CONFLICT_HOME, .trusted = trusted, .ntrusted = 2 };
	const struct conflict_policy *p;
	struct made m;

	(void)state;
	make(&m, &from, 0);
	assert_true(m.ok);
	p = converge_shape_policy(m.shape);
	assert_int_equal(p->kind, CONFLICT_BY_HOME);
	assert_int_equal(p->ntrusted, 2);
	assert_int_equal(p->trusted[0], 13);
	assert_int_equal(p->trusted[1], 11);
	table_free(m.shape);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_counter_adds_exactly_within_the_range_of_its_type),
		cmocka_unit_test(a_counter_of_reals_never_leaves_their_range),
		cmocka_unit_test(greatest_and_least_go_by_the_columns_order),
		cmocka_unit_test(not_every_type_can_be_decided),
		cmocka_unit_test(rows_compete_where_there_is_a_further_unique_index),
		cmocka_unit_test(policies_that_merge_take_no_further_unique_index),
		cmocka_unit_test(columns_get_their_rules_by_name),
		cmocka_unit_test(functions_decide_columns_or_rows),
		cmocka_unit_test(trusted_sites_are_known_by_their_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
