#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <strings.h>

#include "pipeline/family.h"
#include "pipeline/schedule.h"
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
	struct pipeline_schedule *schedule;
};

static void
set_up(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	memcpy(f->columns, targets, sizeof(targets));
	f->target = (struct schema_table){ .schema = LT_STR("shop"),
		.name = LT_STR("member"),
		.ncolumns = 2,
		.nkeys = 2,
		.columns = f->columns,
		.keys = keys };
	f->mapped[0] = (struct pipeline_column){
		.source = 0, .target = &f->columns[0], .from = &sources[0], .bind = PIPELINE_BIND_NUMBER, .in_key = true
	};
	f->mapped[1] = (struct pipeline_column){
		.source = 1, .target = &f->columns[1], .from = &sources[1], .bind = PIPELINE_BIND_UTF8, .in_key = false
	};
	f->route = (struct pipeline_route){ .target = &f->target,
		.columns = f->mapped,
		.ncolumns = 2,
		.before = before,
		.after = after,
		.indexes = &f->indexes };
	f->schedule = pipeline_schedule_new(NULL);
	pipeline_indexes_make(&f->route, &f->indexes);
}

static void
tear_down(struct fixture *f)
{
	pipeline_indexes_clear(&f->indexes);
	pipeline_schedule_free(f->schedule);
}

/* The shape of the target changed. */
static void
remake(struct fixture *f)
{
	pipeline_indexes_clear(&f->indexes);
	pipeline_indexes_make(&f->route, &f->indexes);
}

static void
put(struct change_value *row, int64_t id, const char *name)
{
	row[0] = (struct change_value){ .kind = CHANGE_INT, .i64 = id };
	row[1] = name == NULL ? (struct change_value){ .kind = CHANGE_NULL }
			      : (struct change_value){ .kind = CHANGE_TEXT, .bytes = lt_str_z(name) };
}

/* Group `order` inserts one row; what it waits for. */
static uint64_t
insert_flagged(struct fixture *f, uint64_t order, int64_t id, const char *name, uint16_t flags)
{
	const struct change_row row = { .op = CHANGE_INSERT, .flags = flags };
	uint64_t wait = 0;

	put(after, id, name);
	pipeline_schedule_touch(f->schedule, order, &f->route, &row, &wait);
	return wait;
}

static uint64_t
insert(struct fixture *f, uint64_t order, int64_t id, const char *name)
{
	return insert_flagged(f, order, id, name, 0);
}

static uint64_t
update(struct fixture *f, uint64_t order, int64_t id, const char *from, const char *to)
{
	const struct change_row row = { .op = CHANGE_UPDATE };
	uint64_t wait = 0;

	put(before, id, from);
	put(after, id, to);
	pipeline_schedule_touch(f->schedule, order, &f->route, &row, &wait);
	return wait;
}

static void
a_group_waits_for_the_newest_that_touches_it(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	assert_int_equal(insert(&f, 1, 1, "a"), 0);
	assert_int_equal(insert(&f, 2, 2, "b"), 0);
	assert_int_equal(update(&f, 3, 1, "a", "c"), 1);
	assert_int_equal(update(&f, 3, 1, "c", "d"), 0); /* itself is no reason to wait */
	assert_int_equal(insert(&f, 4, 9, "A"), 3);      /* what the third gave up */
	pipeline_schedule_done(f.schedule, 3);
	assert_int_equal(insert(&f, 5, 1, "e"), 0); /* who is done is in nobody's way */
	assert_int_equal(insert(&f, 6, 10, "a "), 4);
	tear_down(&f);
}

static void
r06_a_table_whose_keys_are_not_known_is_waited_for_whole(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	assert_int_equal(insert(&f, 1, 1, "a"), 0);
	assert_int_equal(insert(&f, 2, 2, "gr\xc3\xbc\xc3\x9f"), 1);
	assert_int_equal(insert(&f, 3, 3, "b"), 2);
	assert_int_equal(insert(&f, 4, 4, "c"), 2);
	/* A group that shares the table first and then takes it whole waits for those that share it. */
	assert_int_equal(insert(&f, 5, 5, "d"), 2);
	assert_int_equal(insert(&f, 5, 6, "\xc3\xbc"), 4);
	tear_down(&f);

	set_up(&f);
	f.columns[1] = turkish;
	remake(&f);
	assert_int_equal(insert(&f, 1, 1, "i"), 0);
	assert_int_equal(insert(&f, 2, 2, "I"), 1);
	tear_down(&f);
}

static void
r06_families_are_one_key_while_the_target_checks_them(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	f.target.nparents = 1;
	assert_int_equal(insert(&f, 1, 1, "a"), 0);
	assert_int_equal(insert(&f, 2, 2, "b"), 1);
	/* The log holds the cascades itself: only whoever makes some at the target is in the way. */
	assert_int_equal(insert_flagged(&f, 3, 3, "c", CHANGE_ROW_FK_LOGGED), 2);
	assert_int_equal(insert_flagged(&f, 4, 4, "d", CHANGE_ROW_FK_LOGGED), 2);
	assert_int_equal(insert(&f, 5, 5, "e"), 4);
	tear_down(&f);
}

/* -- foreign keys by value ------------------------------------------------------------------------ */

static const struct pipeline_link by_name = { { "name", 4 }, { "name", 4 } };

/* member, and child(id primary key, name references member(name)), in one schedule. */
struct two {
	struct fixture parent, child;
};

static void
set_up_two(struct two *t)
{
	set_up(&t->parent);
	set_up(&t->child);
	pipeline_schedule_free(t->child.schedule);
	t->child.schedule = t->parent.schedule;
	t->parent.target.nchildren = 1;
	t->child.target.name = LT_STR("child");
	t->child.target.nparents = t->child.target.nkeys = 1;
	remake(&t->child);
	t->parent.route.family = pipeline_family_new(&t->parent.route);
	t->child.route.family = pipeline_family_new(&t->child.route);
	t->child.route.family->told =
	    pipeline_family_add(t->child.route.family, &t->child.route, &t->parent.target, &by_name, 1);
	assert_true(t->child.route.family->told);
}

static void
tear_down_two(struct two *t)
{
	pipeline_family_free(t->parent.route.family);
	pipeline_family_free(t->child.route.family);
	t->child.schedule = NULL;
	tear_down(&t->child);
	tear_down(&t->parent);
}

static uint64_t
erase(struct fixture *f, uint64_t order, int64_t id, const char *name)
{
	const struct change_row row = { .op = CHANGE_DELETE };
	uint64_t wait = 0;

	put(before, id, name);
	pipeline_schedule_touch(f->schedule, order, &f->route, &row, &wait);
	return wait;
}

static void
r06_children_wait_for_their_own_parents_only(void **state)
{
	struct two t;

	(void)state;
	set_up_two(&t);
	assert_int_equal(insert(&t.parent, 1, 1, "a"), 0);
	assert_int_equal(insert(&t.parent, 2, 2, "b"), 0);
	assert_int_equal(insert(&t.child, 3, 1, "A "), 1); /* as the collation compares */
	assert_int_equal(insert(&t.child, 4, 2, "b"), 2);
	assert_int_equal(insert(&t.child, 5, 3, "was there before"), 0);
	assert_int_equal(insert(&t.child, 6, 4, NULL), 0);
	assert_int_equal(update(&t.parent, 7, 1, "a", "a"), 3);
	assert_int_equal(insert(&t.child, 8, 5, "a"), 7);
	assert_int_equal(insert(&t.child, 9, 6, "a"), 7);       /* beside the other one */
	assert_int_equal(update(&t.child, 10, 5, "a", "a"), 8); /* its own row alone */
	assert_int_equal(update(&t.child, 11, 3, "was there before", "b"), 5);
	assert_int_equal(erase(&t.child, 12, 1, "a"), 3);
	tear_down_two(&t);
}

static void
r06_a_parent_that_goes_or_moves_is_alone_in_its_family(void **state)
{
	struct two t;

	(void)state;
	set_up_two(&t);
	assert_int_equal(insert(&t.parent, 1, 1, "a"), 0);
	assert_int_equal(insert(&t.child, 2, 1, "z"), 0);
	assert_int_equal(erase(&t.parent, 3, 9, "unlike any other"), 2);
	assert_int_equal(insert(&t.child, 4, 2, "y"), 3);
	assert_int_equal(insert(&t.child, 5, 3, "x"), 3);
	assert_int_equal(update(&t.parent, 6, 8, "from", "to"), 5);
	assert_int_equal(insert_flagged(&t.child, 7, 4, "w", CHANGE_ROW_NO_FK_CHECKS), 6);
	tear_down_two(&t);
}

static void
r06_a_value_that_is_not_known_may_be_of_any_parent(void **state)
{
	struct two t;

	(void)state;
	set_up_two(&t);
	assert_int_equal(insert(&t.parent, 1, 1, "a"), 0);
	assert_int_equal(insert(&t.child, 2, 1, "b"), 0);
	assert_int_equal(insert(&t.child, 3, 2, "gr\xc3\xbc\xc3\x9f"), 2); /* 2 shares the parent's table */
	assert_int_equal(insert(&t.parent, 4, 2, "c"), 3);
	assert_int_equal(insert(&t.parent, 5, 3, "\xc3\xbc"), 4); /* and here it is the parent that does not tell */
	assert_int_equal(insert(&t.child, 6, 3, "d"), 5);
	tear_down_two(&t);
}

static void
r06_rows_without_checks_go_beside_their_own_kind(void **state)
{
	struct two t;

	(void)state;
	set_up_two(&t);
	assert_int_equal(insert_flagged(&t.parent, 1, 1, "a", CHANGE_ROW_FK_LOGGED), 0);
	assert_int_equal(insert_flagged(&t.child, 2, 1, "a", CHANGE_ROW_FK_LOGGED), 0); /* nobody is looked at */
	assert_int_equal(insert(&t.child, 3, 2, "b"), 2);
	assert_int_equal(insert(&t.child, 4, 3, "c"), 2);
	assert_int_equal(insert_flagged(&t.child, 5, 4, "a", CHANGE_ROW_NO_FK_CHECKS), 4);
	assert_int_equal(insert(&t.child, 5, 5, "d"), 2); /* a group of both kinds */
	assert_int_equal(insert_flagged(&t.child, 6, 6, "a", CHANGE_ROW_NO_FK_CHECKS), 5);
	tear_down_two(&t);
}

/* As the child's name refers to the parent's, once something about either is another. */
static void
refuse(struct two *t)
{
	struct pipeline_family *f = pipeline_family_new(&t->child.route);

	assert_false(pipeline_family_add(f, &t->child.route, &t->parent.target, &by_name, 1));
	assert_int_equal(f->count, 0);
	pipeline_family_free(f);
}

static void
r06_keys_that_cannot_be_told_by_value_are_refused(void **state)
{
	static const struct schema_key_part prefix = { 1, 5 }, pair[] = { { 0, 0 }, { 1, 0 } };
	const struct pipeline_link links[] = { { { "name", 4 }, { "name", 4 } }, { { "id", 2 }, { "id", 2 } } };
	struct schema_key changed[2];
	struct pipeline_family *f;
	struct two t;

	(void)state;
	set_up_two(&t);
	t.parent.target.keys = changed;
	memcpy(changed, keys, sizeof(keys));
	changed[1].unique = false;
	refuse(&t);
	changed[1] = (struct schema_key){ .unique = true, .nparts = 1, .parts = &prefix };
	refuse(&t);
	changed[1] = (struct schema_key){ .unique = true, .nparts = 2, .parts = pair };
	refuse(&t);
	f = pipeline_family_new(&t.child.route);
	assert_true(pipeline_family_add(f, &t.child.route, &t.parent.target, links, 2)); /* in the index's order */
	assert_int_equal(f->references[0].at, 1);
	assert_ptr_equal(f->references[0].index.parts[0].column, &t.child.mapped[0]);
	pipeline_family_free(f);
	changed[1] = keys[1];
	t.child.columns[1] = turkish;
	refuse(&t);
	t.child.columns[1] = targets[1];
	t.child.columns[1].base_type = LT_STR("char");
	refuse(&t);
	tear_down_two(&t);
}

static void
a_trigger_may_touch_anything(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	assert_int_equal(insert(&f, 1, 1, "a"), 0);
	f.target.has_triggers = true;
	assert_int_equal(insert(&f, 2, 2, "b"), 1);
	f.target.has_triggers = false;
	assert_int_equal(insert(&f, 3, 3, "c"), 2);
	tear_down(&f);
}

static void
keyless_rows_are_inserted_beside_each_other_and_changed_alone(void **state)
{
	struct fixture f;

	(void)state;
	set_up(&f);
	f.target.nkeys = 0;
	f.route.keyless = true;
	remake(&f);
	assert_int_equal(insert(&f, 1, 1, "a"), 0);
	assert_int_equal(insert(&f, 2, 1, "a"), 0);
	assert_int_equal(update(&f, 3, 1, "a", "b"), 2);
	assert_int_equal(insert(&f, 4, 1, "a"), 3);
	tear_down(&f);
}

static void
two_routes_into_one_table_have_the_same_keys(void **state)
{
	struct fixture f, other;

	(void)state;
	set_up(&f);
	set_up(&other);
	assert_int_equal(insert(&f, 1, 1, "a"), 0);
	f.route = other.route; /* fan-in: another source table, with indexes of its own */
	assert_int_equal(insert(&f, 2, 1, "b"), 1);
	tear_down(&f);
	tear_down(&other);
}

/* An independent word on what touches what: equal ids, or equal names but for case; names beyond ASCII touch all. */
struct plain {
	uint64_t order;
	int64_t id;
	char old_name[8], new_name[8];
};

static bool
beyond_ascii(const struct plain *p)
{
	return p->old_name[0] == '\xc3' || p->new_name[0] == '\xc3';
}

static bool
touch(const struct plain *a, const struct plain *b)
{
	return beyond_ascii(a) || beyond_ascii(b) || a->id == b->id || strcasecmp(a->old_name, b->old_name) == 0 ||
	       strcasecmp(a->old_name, b->new_name) == 0 || strcasecmp(a->new_name, b->old_name) == 0 ||
	       strcasecmp(a->new_name, b->new_name) == 0;
}

static void
name_of(char out[8], uint32_t seed)
{
	if (seed % 97 == 0)
		snprintf(out, 8, "\xc3\xa4%u", seed >> 7 & 255);
	else
		snprintf(out, 8, "%c%u", seed >> 6 & 1 ? 'n' : 'N', seed >> 7 & 1023);
}

/* Groups of four rows; some of the groups before are done. */
static void
groups_wait_for_those_that_touch_them_and_for_no_others(void **state)
{
	static struct plain rows[4000];
	uint32_t seed = 7;
	struct fixture f;
	uint64_t done = 0, wait = 0, expected = 0;

	(void)state;
	set_up(&f);
	for (size_t i = 0; i < LT_COUNT(rows); i++) {
		struct plain *p = &rows[i];
		uint64_t one;

		p->order = 1 + i / 4;
		if (i % 4 == 0)
			wait = expected = 0;
		if (i % 4 == 0 && p->order > 12) {
			done = p->order - 12;
			pipeline_schedule_done(f.schedule, done);
		}
		seed = seed * 1664525u + 1013904223u;
		p->id = (int64_t)(seed >> 12 & 1023);
		name_of(p->old_name, seed >> 8);
		seed = seed * 1664525u + 1013904223u;
		name_of(p->new_name, seed >> 8);
		for (size_t j = 0; j < i; j++) {
			if (rows[j].order > done && rows[j].order < p->order && touch(&rows[j], p))
				expected = LT_MAX(expected, rows[j].order);
		}
		one = update(&f, p->order, p->id, p->old_name, p->new_name);
		wait = LT_MAX(wait, one);
		if (i % 4 == 3)
			assert_int_equal(wait, expected);
	}
	tear_down(&f);
}

/* An independent word on families: a parent that goes touches all of them; a child that comes, its parent. */
struct kin {
	uint64_t order;
	bool parent, goes;
	int64_t id;
	char name[8];
};

static bool
kin_touch(const struct kin *a, const struct kin *b)
{
	const struct kin *child = a->parent ? b : a;

	if ((a->parent && a->goes) || (b->parent && b->goes) || (a->parent == b->parent && a->id == b->id))
		return true;
	if (a->parent != b->parent && child->goes)
		return false;
	return (a->parent || b->parent) && strcasecmp(a->name, b->name) == 0;
}

static void
r06_families_wait_for_those_that_touch_them_and_for_no_others(void **state)
{
	static struct kin rows[4000];
	uint32_t seed = 11;
	struct two t;
	uint64_t done = 0, wait = 0, expected = 0;

	(void)state;
	set_up_two(&t);
	for (size_t i = 0; i < LT_COUNT(rows); i++) {
		struct kin *k = &rows[i];
		struct fixture *f;
		uint64_t one;

		k->order = 1 + i / 2;
		if (i % 2 == 0)
			wait = expected = 0;
		if (i % 2 == 0 && k->order > 24) {
			done = k->order - 24;
			pipeline_schedule_done(t.parent.schedule, done);
		}
		seed = seed * 1664525u + 1013904223u;
		k->parent = (seed >> 9 & 3) == 0;
		k->goes = (seed >> 11 & (k->parent ? 15 : 3)) == 0;
		k->id = (int64_t)(seed >> 15 & 255);
		snprintf(k->name, sizeof(k->name), "%c%u", seed >> 23 & 1 ? 'n' : 'N', seed >> 24 & 127);
		for (size_t j = 0; j < i; j++) {
			if (rows[j].order > done && rows[j].order < k->order && kin_touch(&rows[j], k))
				expected = LT_MAX(expected, rows[j].order);
		}
		f = k->parent ? &t.parent : &t.child;
		one = k->goes ? erase(f, k->order, k->id, k->name) : insert(f, k->order, k->id, k->name);
		wait = LT_MAX(wait, one);
		if (i % 2 == 1)
			assert_int_equal(wait, expected);
	}
	tear_down_two(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_group_waits_for_the_newest_that_touches_it),
		cmocka_unit_test(r06_a_table_whose_keys_are_not_known_is_waited_for_whole),
		cmocka_unit_test(r06_families_are_one_key_while_the_target_checks_them),
		cmocka_unit_test(r06_children_wait_for_their_own_parents_only),
		cmocka_unit_test(r06_a_parent_that_goes_or_moves_is_alone_in_its_family),
		cmocka_unit_test(r06_a_value_that_is_not_known_may_be_of_any_parent),
		cmocka_unit_test(r06_rows_without_checks_go_beside_their_own_kind),
		cmocka_unit_test(r06_keys_that_cannot_be_told_by_value_are_refused),
		cmocka_unit_test(r06_families_wait_for_those_that_touch_them_and_for_no_others),
		cmocka_unit_test(a_trigger_may_touch_anything),
		cmocka_unit_test(keyless_rows_are_inserted_beside_each_other_and_changed_alone),
		cmocka_unit_test(two_routes_into_one_table_have_the_same_keys),
		cmocka_unit_test(groups_wait_for_those_that_touch_them_and_for_no_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
