#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "pipeline/fan.h"

static struct change_table *
table(const char *name)
{
	struct change_table *t = change_table_new();

	t->schema = LT_STR("s");
	t->name = lt_str_z(name);
	return t;
}

static struct model_mapping *
mapping(const struct model_entry *entries, size_t n)
{
	struct model_mapping *m = NULL;
	struct lt_err err = { 0 };
	size_t bad;

	if (!model_mapping_new(entries, n, &m, &bad, &err))
		fail_msg("%s", err.message);
	return m;
}

static void
add(struct change_txn *t, const struct change_table *of, uint32_t event)
{
	change_txn_add_row(t, of)->event = event;
}

/* "a0 a1 b0": name and branch of each row. */
static const char *
order_of(const struct change_txn *t)
{
	static char text[200];

	text[0] = '\0';
	for (size_t i = 0; i < t->nrows; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%.*s%zu:%u", i > 0 ? " " : "",
		    LT_FMT(t->rows[i].table->name), t->rows[i].table->branch, t->rows[i].event);
	return text;
}

static void
each_target_gets_a_row_behind_the_first(void **state)
{
	const struct model_entry entries[] = { { .from = LT_STR("s.a") },
		{ .from = LT_STR("s.a"), .to = LT_STR("x.a") }, { .from = LT_STR("s.b") },
		{ .from = LT_STR("s.a"), .to = LT_STR("y.a") } };
	struct model_mapping *m = mapping(entries, 4);
	struct pipeline_fan *f = pipeline_fan_new(m);
	struct change_table *a = table("a"), *b = table("b");
	struct change_txn *t = change_txn_new(CHANGE_TXN_ROWS), *other = change_txn_new(CHANGE_TXN_ROWS);

	(void)state;
	add(t, a, 1);
	add(t, a, 2);
	add(t, b, 3);
	add(t, a, 4);
	pipeline_fan_rows(f, t, 1); /* the first is done already */
	assert_string_equal(order_of(t), "a0:1 a0:2 a1:2 a2:2 b0:3 a0:4 a1:4 a2:4");
	assert_ptr_equal(t->rows[1].table, a);
	assert_ptr_equal(t->rows[2].table->base, a);
	assert_ptr_equal(t->rows[2].table, t->rows[6].table);
	assert_true(t->rows[2].table->id != a->id);
	pipeline_fan_sort(f, t); /* nothing is weighted */
	assert_string_equal(order_of(t), "a0:1 a0:2 a1:2 a2:2 b0:3 a0:4 a1:4 a2:4");
	add(other, a, 9);
	pipeline_fan_rows(f, other, 0);
	assert_ptr_equal(other->rows[1].table, t->rows[2].table);
	/* A transaction outlives who made its rows. */
	pipeline_fan_free(f);
	change_txn_free(other);
	change_table_unref(a);
	assert_string_equal(order_of(t), "a0:1 a0:2 a1:2 a2:2 b0:3 a0:4 a1:4 a2:4");
	change_txn_free(t);
	change_table_unref(b);
	model_mapping_free(m);
}

static void
lighter_entries_come_first_in_the_order_of_the_log(void **state)
{
	const struct model_entry entries[] = { { .from = LT_STR("s.a"), .weight = 9 }, { .from = LT_STR("s.b") },
		{ .from = LT_STR("s.c"), .weight = 1 }, { .from = LT_STR("s.b"), .to = LT_STR("x.b"), .weight = 1 } };
	struct model_mapping *m = mapping(entries, 4);
	struct pipeline_fan *f = pipeline_fan_new(m);
	struct change_table *a = table("a"), *b = table("b"), *c = table("c");
	struct change_txn *t = change_txn_new(CHANGE_TXN_ROWS);

	(void)state;
	add(t, a, 1);
	add(t, b, 2);
	add(t, c, 3);
	add(t, a, 4);
	add(t, b, 5);
	pipeline_fan_rows(f, t, 0);
	pipeline_fan_sort(f, t);
	assert_string_equal(order_of(t), "b1:2 c0:3 b1:5 b0:2 b0:5 a0:1 a0:4");
	pipeline_fan_free(f);
	change_txn_free(t);
	change_table_unref(a);
	change_table_unref(b);
	change_table_unref(c);
	model_mapping_free(m);
}

/* parent "a" is lighter than child "c"; what `rows` says ("Da Ic": D delete, U update, I insert) becomes what is said.
 */
static void
sorts_to(struct pipeline_fan *f, struct change_table *const tables[2], const char *rows, const char *wanted)
{
	static const char ops[] = { [CHANGE_INSERT] = 'I', [CHANGE_UPDATE] = 'U', [CHANGE_DELETE] = 'D' };
	struct change_txn *t = change_txn_new(CHANGE_TXN_ROWS);
	char text[100] = "";

	for (const char *at = rows; *at != '\0'; at += at[2] == ' ' ? 3 : 2)
		change_txn_add_row(t, tables[at[1] == 'c'])->op = at[0] == 'I'   ? CHANGE_INSERT
								  : at[0] == 'U' ? CHANGE_UPDATE
										 : CHANGE_DELETE;
	pipeline_fan_sort(f, t);
	for (size_t i = 0; i < t->nrows; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%c%.*s", i > 0 ? " " : "",
		    ops[t->rows[i].op], LT_FMT(t->rows[i].table->name));
	assert_string_equal(text, wanted);
	change_txn_free(t);
}

static void
what_is_deleted_goes_the_other_way_round(void **state)
{
	const struct model_entry entries[] = { { .from = LT_STR("s.a"), .weight = 1 },
		{ .from = LT_STR("s.c"), .weight = 2 } };
	struct model_mapping *m = mapping(entries, 2);
	struct pipeline_fan *f = pipeline_fan_new(m);
	struct change_table *tables[] = { table("a"), table("c") };

	(void)state;
	sorts_to(f, tables, "Ic Ia", "Ia Ic");
	sorts_to(f, tables, "Dc Da", "Dc Da");
	sorts_to(f, tables, "Da Dc", "Dc Da");
	sorts_to(f, tables, "Uc Da", "Uc Da");       /* lets go of its parent */
	sorts_to(f, tables, "Dc Ic Da", "Dc Ic Da"); /* the same */
	sorts_to(f, tables, "Dc Ua", "Dc Ua");       /* the parent's key may change then */
	sorts_to(f, tables, "Dc Da Ia Ic", "Dc Da Ia Ic");
	sorts_to(f, tables, "Ic Ia Da Dc", "Ia Ic Dc Da"); /* rows of one table keep their order */
	sorts_to(f, tables, "Ua Da Ua", "Ua Da Ua");
	pipeline_fan_free(f);
	model_mapping_free(m);
	change_table_unref(tables[0]);
	change_table_unref(tables[1]);
}

static void
rows_of_one_target_keep_their_order(void **state)
{
	const struct model_entry entries[] = { { .from = LT_STR("s.a"), .to = LT_STR("x.all"), .weight = 1 },
		{ .from = LT_STR("s.b"), .to = LT_STR("x.all"), .weight = 5 }, { .from = LT_STR("s.c"), .weight = 3 } };
	struct model_mapping *m = mapping(entries, 3);
	struct pipeline_fan *f = pipeline_fan_new(m);
	struct change_table *a = table("a"), *b = table("b"), *c = table("c");
	struct change_txn *t = change_txn_new(CHANGE_TXN_ROWS);

	(void)state;
	add(t, c, 1);
	add(t, b, 2);
	t->rows[1].op = CHANGE_DELETE; /* the row moves from one shard to the other */
	add(t, a, 3);
	add(t, b, 4);
	pipeline_fan_sort(f, t);
	assert_string_equal(order_of(t), "b0:2 a0:3 b0:4 c0:1");
	pipeline_fan_free(f);
	change_txn_free(t);
	change_table_unref(a);
	change_table_unref(b);
	change_table_unref(c);
	model_mapping_free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_target_gets_a_row_behind_the_first),
		cmocka_unit_test(lighter_entries_come_first_in_the_order_of_the_log),
		cmocka_unit_test(what_is_deleted_goes_the_other_way_round),
		cmocka_unit_test(rows_of_one_target_keep_their_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
