#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <strings.h>

#include "pipeline/writeset.h"

/* member(id primary key, name unique) */
static const struct schema_column targets[] = {
	{ .name = { "id", 2 }, .base_type = { "bigint", 6 } },
	{ .name = { "name", 4 },
	    .base_type = { "varchar", 7 },
	    .charset = { "utf8mb4", 7 },
	    .collation = { "utf8mb4_general_ci", 18 } },
};
static const struct schema_column turkish = { .name = { "name", 4 },
	.base_type = { "varchar", 7 },
	.charset = { "utf8mb4", 7 },
	.collation = { "utf8mb4_turkish_ci", 18 } };
static const struct schema_key_part on_id = { 0, 0 }, on_name = { 1, 0 };
static const struct schema_key keys[] = {
	{ .name = { "PRIMARY", 7 }, .unique = true, .not_null = true, .nparts = 1, .parts = &on_id },
	{ .name = { "name", 4 }, .unique = true, .nparts = 1, .parts = &on_name },
};
static const struct change_column sources[] = {
	{ .kind = CHANGE_INT },
	{ .kind = CHANGE_TEXT, .charset = { "utf8mb4", 7 } },
};
static struct change_value before[2], after[2];

struct fixture {
	struct schema_column columns[2];
	struct schema_table target;
	struct pipeline_column mapped[2];
	struct pipeline_route route;
	struct pipeline_indexes indexes;
	struct pipeline_levels *levels;
};

static void
set_up(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	memcpy(f->columns, targets, sizeof(targets));
	f->target = (struct schema_table){ .ncolumns = 2, .nkeys = 2, .columns = f->columns, .keys = keys };
	f->mapped[0] = (struct pipeline_column){
		.source = 0, .target = &f->columns[0], .from = &sources[0], .bind = PIPELINE_BIND_NUMBER, .in_key = true
	};
	f->mapped[1] = (struct pipeline_column){
		.source = 1, .target = &f->columns[1], .from = &sources[1], .bind = PIPELINE_BIND_UTF8, .in_key = false
	};
	f->route = (struct pipeline_route){
		.target = &f->target, .columns = f->mapped, .ncolumns = 2, .before = before, .after = after
	};
	f->levels = pipeline_levels_new();
	pipeline_indexes_make(&f->route, &f->indexes);
}

static void
tear_down(struct fixture *f)
{
	pipeline_indexes_clear(&f->indexes);
	pipeline_levels_free(f->levels);
}

static void
put(struct change_value *row, int64_t id, const char *name)
{
	row[0] = (struct change_value){ .kind = CHANGE_INT, .i64 = id };
	row[1] = name == NULL ? (struct change_value){ .kind = CHANGE_NULL }
			      : (struct change_value){ .kind = CHANGE_TEXT, .bytes = lt_str_z(name) };
}

static size_t
insert(struct fixture *f, int64_t id, const char *name)
{
	const struct change_row row = { .op = CHANGE_INSERT };

	put(after, id, name);
	return pipeline_levels_add(f->levels, &f->route, &f->indexes, &row);
}

static size_t
update(struct fixture *f, int64_t id, const char *from, const char *to)
{
	const struct change_row row = { .op = CHANGE_UPDATE };

	put(before, id, from);
	put(after, id, to);
	return pipeline_levels_add(f->levels, &f->route, &f->indexes, &row);
}

static size_t delete (struct fixture *f, int64_t id, const char *name)
{
	const struct change_row row = { .op = CHANGE_DELETE };

	put(before, id, name);
	return pipeline_levels_add(f->levels, &f->route, &f->indexes, &row);
}

static void
rows_that_share_nothing_share_a_level(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	assert_int_equal(insert(&f, 1, "a"), 0);
	assert_int_equal(insert(&f, 2, "b"), 0);
	assert_int_equal(insert(&f, 3, NULL), 0);
	assert_int_equal(insert(&f, 4, NULL), 0); /* a unique index takes NULL any number of times */
	tear_down(&f);
}

static void
a_unique_value_that_moves_keeps_its_order(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	assert_int_equal(update(&f, 1, "x", "free"), 0);
	assert_int_equal(update(&f, 2, "y", "x"), 1); /* takes what row 1 gave up */
	assert_int_equal(delete (&f, 3, "z"), 0);
	assert_int_equal(insert(&f, 4, "Z "), 1);       /* equal under the collation: case and space at the end */
	assert_int_equal(insert(&f, 3, "new"), 1);      /* the key of a deleted row */
	assert_int_equal(update(&f, 3, "new", "y"), 2); /* waits for both row 2 and row 3 */
	pipeline_levels_clear(f.levels);
	assert_int_equal(update(&f, 3, "new", "y"), 0); /* another group knows nothing of it */
	tear_down(&f);
}

/* Two shards into one table: what one says of a key must mean the same in the other's words. */
static void
r06_only_values_in_the_targets_own_form_are_told_apart(void **state)
{
	static const struct {
		const char *type, *base;
		enum pipeline_bind bind;
		struct change_column from;
		bool told;
	} cases[] = {
		{ "bigint", "bigint", PIPELINE_BIND_NUMBER, { .kind = CHANGE_INT }, true },
		{ "decimal(10,2)", "decimal", PIPELINE_BIND_NUMBER, { .kind = CHANGE_INT }, false },
		{ "decimal(10,2)", "decimal", PIPELINE_BIND_DECIMAL, { .kind = CHANGE_DECIMAL, .scale = 2 }, true },
		{ "decimal(10,3)", "decimal", PIPELINE_BIND_DECIMAL, { .kind = CHANGE_DECIMAL, .scale = 2 }, false },
		{ "datetime(3)", "datetime", PIPELINE_BIND_TEMPORAL, { .kind = CHANGE_DATETIME, .scale = 3 }, true },
		{ "datetime", "datetime", PIPELINE_BIND_TEMPORAL, { .kind = CHANGE_DATETIME, .scale = 3 }, false },
		{ "datetime", "datetime", PIPELINE_BIND_TEMPORAL, { .kind = CHANGE_DATETIME }, true },
		{ "datetime", "datetime", PIPELINE_BIND_TEMPORAL, { .kind = CHANGE_TIMESTAMP }, false },
		{ "date", "date", PIPELINE_BIND_TEMPORAL, { .kind = CHANGE_DATE }, true },
		{ "binary(4)", "binary", PIPELINE_BIND_BYTES, { .kind = CHANGE_BYTES, .length = 4 }, true },
		{ "binary(8)", "binary", PIPELINE_BIND_BYTES, { .kind = CHANGE_BYTES, .length = 4 }, false },
		{ "varbinary(8)", "varbinary", PIPELINE_BIND_BYTES, { .kind = CHANGE_BYTES, .length = 4 }, true },
		{ "varchar(4)", "varchar", PIPELINE_BIND_BYTES, { .kind = CHANGE_BYTES, .length = 4 }, false },
		{ "float", "float", PIPELINE_BIND_FLOAT, { .kind = CHANGE_FLOAT }, true },
		{ "float", "float", PIPELINE_BIND_DOUBLE, { .kind = CHANGE_DOUBLE }, false },
		{ "double", "double", PIPELINE_BIND_FLOAT, { .kind = CHANGE_FLOAT }, true },
		{ "int", "int", PIPELINE_BIND_UTF8, { .kind = CHANGE_TEXT }, false }, /* a constant */
	};

	(void)state;
	for (size_t i = 0; i < LT_COUNT(cases); i++) {
		struct fixture f;

		set_up(&f);
		pipeline_indexes_clear(&f.indexes);
		f.columns[0].type = lt_str_z(cases[i].type);
		f.columns[0].base_type = lt_str_z(cases[i].base);
		if (strcmp(cases[i].base, "varchar") == 0)
			f.columns[0].collation = LT_STR("utf8mb4_general_ci");
		f.mapped[0].bind = cases[i].bind;
		f.mapped[0].from = &cases[i].from;
		pipeline_indexes_make(&f.route, &f.indexes);
		if (f.indexes.items[0].unknown == cases[i].told)
			fail_msg("case %zu: %s", i, cases[i].type);
		tear_down(&f);
	}
}

/* The text of a _bin collation is told apart by its bytes, but not where another character set has other bytes for it.
 */
static void
r06_foreign_text_is_told_apart_as_far_as_it_is_ascii(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	pipeline_indexes_clear(&f.indexes);
	f.columns[1].collation = LT_STR("utf8mb4_bin");
	f.mapped[1].bind = PIPELINE_BIND_FOREIGN;
	pipeline_indexes_make(&f.route, &f.indexes);
	assert_int_equal(insert(&f, 1, "a"), 0);
	assert_int_equal(insert(&f, 2, "b"), 0);
	assert_int_equal(insert(&f, 3, "\xd6\xd0"), 1);
	assert_int_equal(insert(&f, 4, "c"), 2);
	tear_down(&f);
}

static void
r06_what_cannot_be_told_makes_the_table_one_key(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	assert_int_equal(insert(&f, 1, "a"), 0);
	assert_int_equal(insert(&f, 2, "gr\xc3\xbc\xc3\x9f"), 1); /* weights not known: after all before */
	assert_int_equal(insert(&f, 3, "b"), 2);                  /* and before all after */
	assert_int_equal(insert(&f, 4, "~"), 3);                  /* to gbk_chinese_ci it is a y */
	tear_down(&f);

	set_up(&f);
	f.columns[1] = turkish;
	pipeline_indexes_clear(&f.indexes);
	pipeline_indexes_make(&f.route, &f.indexes);
	assert_int_equal(insert(&f, 1, "i"), 0);
	assert_int_equal(insert(&f, 2, "I"), 1);
	tear_down(&f);
}

static void
r06_minimal_images_make_the_table_one_key(void **state)
{
	const struct change_row row = { .op = CHANGE_UPDATE };
	struct fixture f;

	(void)state;
	set_up(&f);
	assert_int_equal(insert(&f, 1, "a"), 0);
	put(before, 2, NULL);
	before[1].kind = CHANGE_ABSENT; /* the old name is not in the image */
	put(after, 2, "q");
	assert_int_equal(pipeline_levels_add(f.levels, &f.route, &f.indexes, &row), 1);
	assert_int_equal(insert(&f, 3, "b"), 2);
	tear_down(&f);
}

static void
keyless_rows_are_inserted_together_and_changed_alone(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	pipeline_indexes_clear(&f.indexes);
	f.target.nkeys = 0;
	f.route.keyless = true;
	pipeline_indexes_make(&f.route, &f.indexes);
	assert_int_equal(insert(&f, 1, "a"), 0);
	assert_int_equal(insert(&f, 1, "a"), 0);
	assert_int_equal(delete (&f, 1, "a"), 1);
	assert_int_equal(delete (&f, 1, "a"), 2);
	assert_int_equal(insert(&f, 1, "a"), 3);
	tear_down(&f);
}

static void
tables_with_foreign_keys_go_in_order(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	pipeline_indexes_clear(&f.indexes);
	f.target.nchildren = 1;
	pipeline_indexes_make(&f.route, &f.indexes);
	assert_int_equal(insert(&f, 1, "a"), 0);
	assert_int_equal(insert(&f, 2, "b"), 0); /* the same operation on the same table */
	assert_int_equal(delete (&f, 9, "z"), 1);
	assert_int_equal(insert(&f, 3, "c"), 2);
	tear_down(&f);
}

/* A trigger may write any table: it must meet what it would meet in the log's order. */
static void
a_row_that_fires_triggers_is_passed_by_none(void **state)
{
	const struct change_row row = { .op = CHANGE_INSERT };
	struct fixture plain, fires;

	(void)state;
	set_up(&plain);
	set_up(&fires);
	pipeline_indexes_clear(&fires.indexes);
	fires.target.name = LT_STR("fires");
	fires.target.has_triggers = true;
	pipeline_indexes_make(&fires.route, &fires.indexes);
	assert_int_equal(update(&plain, 1, "a", "a"), 0);
	assert_int_equal(update(&plain, 1, "a", "a"), 1);
	put(after, 1, "x");
	assert_int_equal(pipeline_levels_add(plain.levels, &fires.route, &fires.indexes, &row), 2);
	put(after, 2, "y");
	assert_int_equal(pipeline_levels_add(plain.levels, &fires.route, &fires.indexes, &row), 3);
	assert_int_equal(insert(&plain, 7, "q"), 4);
	pipeline_levels_clear(plain.levels);
	assert_int_equal(insert(&plain, 7, "q"), 0);
	tear_down(&fires);
	tear_down(&plain);
}

/* An independent word on what touches what: equal ids, or equal names but for case. */
struct plain {
	int64_t id;
	char old_name[4], new_name[4];
	size_t level;
};

static bool
touch(const struct plain *a, const struct plain *b)
{
	return a->id == b->id || strcasecmp(a->old_name, b->old_name) == 0 ||
	       strcasecmp(a->old_name, b->new_name) == 0 || strcasecmp(a->new_name, b->old_name) == 0 ||
	       strcasecmp(a->new_name, b->new_name) == 0;
}

static void
no_two_rows_that_touch_share_a_level_or_change_places(void **state)
{
	static struct plain rows[400];
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < 50; round++) {
		struct fixture f;

		set_up(&f);
		for (size_t i = 0; i < LT_COUNT(rows); i++) {
			struct plain *p = &rows[i];

			seed = seed * 1664525u + 1013904223u;
			p->id = (int64_t)(seed >> 20 & 63);
			snprintf(p->old_name, sizeof(p->old_name), "%c%u", seed >> 9 & 1 ? 'n' : 'N', seed >> 10 & 63);
			snprintf(p->new_name, sizeof(p->new_name), "%c%u", seed >> 16 & 1 ? 'n' : 'N', seed >> 3 & 63);
			p->level = update(&f, p->id, p->old_name, p->new_name);
			for (size_t j = 0; j < i; j++) {
				if (touch(&rows[j], p))
					assert_true(rows[j].level < p->level);
			}
		}
		tear_down(&f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_that_share_nothing_share_a_level),
		cmocka_unit_test(a_unique_value_that_moves_keeps_its_order),
		cmocka_unit_test(r06_only_values_in_the_targets_own_form_are_told_apart),
		cmocka_unit_test(r06_foreign_text_is_told_apart_as_far_as_it_is_ascii),
		cmocka_unit_test(r06_what_cannot_be_told_makes_the_table_one_key),
		cmocka_unit_test(r06_minimal_images_make_the_table_one_key),
		cmocka_unit_test(keyless_rows_are_inserted_together_and_changed_alone),
		cmocka_unit_test(tables_with_foreign_keys_go_in_order),
		cmocka_unit_test(a_row_that_fires_triggers_is_passed_by_none),
		cmocka_unit_test(no_two_rows_that_touch_share_a_level_or_change_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
