#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <strings.h>

#include "pipeline/fold.h"
#include "pipeline/writeset.h"

/* member(id primary key, name unique, n): images are struct person as they lie in memory. */
struct person {
	int64_t id;
	char name[8]; /* "" is NULL */
	int64_t n;
};

static bool
decode(const struct change_table *table, const struct change_image *image, struct lt_arena *scratch,
    struct change_value *out, struct lt_err *err)
{
	struct person *p = lt_arena_alloc(scratch, sizeof(*p));

	(void)table;
	(void)err;
	memcpy(p, image->bytes.ptr, sizeof(*p));
	out[0] = (struct change_value){ .kind = CHANGE_INT, .i64 = p->id };
	out[1] = p->name[0] == '\0' ? (struct change_value){ .kind = CHANGE_NULL }
				    : (struct change_value){ .kind = CHANGE_TEXT, .bytes = lt_str_z(p->name) };
	out[2] = (struct change_value){ .kind = CHANGE_INT, .i64 = p->n };
	return true;
}

static const struct change_codec codec = { "person", decode };
static const struct schema_column columns[] = {
	{ .name = { "id", 2 }, .base_type = { "bigint", 6 } },
	{ .name = { "name", 4 },
	    .base_type = { "varchar", 7 },
	    .charset = { "utf8mb4", 7 },
	    .collation = { "utf8mb4_general_ci", 18 } },
	{ .name = { "n", 1 }, .base_type = { "bigint", 6 } },
};
static const struct schema_key_part on_id = { 0, 0 }, on_name = { 1, 0 };
static const struct schema_key keys[] = {
	{ .name = { "PRIMARY", 7 }, .unique = true, .not_null = true, .nparts = 1, .parts = &on_id },
	{ .name = { "name", 4 }, .unique = true, .nparts = 1, .parts = &on_name },
};
static const struct change_column sources[] = { { .kind = CHANGE_INT },
	{ .kind = CHANGE_TEXT, .charset = { "utf8mb4", 7 } }, { .kind = CHANGE_INT } };

#define PEOPLE 12
#define STEPS 40

struct state {
	struct person people[PEOPLE]; /* by id; n < 0: none */
};

struct fixture {
	struct schema_table target;
	struct change_table from;
	struct pipeline_column mapped[3];
	struct change_value before[3], after[3];
	struct pipeline_indexes indexes;
	struct pipeline_route route;
	struct pipeline_fold *fold;
	struct lt_arena *values;
	struct person images[2 * STEPS]; /* of the history */
	struct change_row rows[STEPS];
	size_t nrows;
	uint32_t seed;
};

static void
set_up(struct fixture *f)
{
	memset(f, 0, sizeof(*f));
	f->target = (struct schema_table){ .ncolumns = 3, .nkeys = 2, .columns = columns, .keys = keys };
	f->from = (struct change_table){ .codec = &codec };
	f->mapped[0] = (struct pipeline_column){
		.source = 0, .target = &columns[0], .from = &sources[0], .bind = PIPELINE_BIND_NUMBER, .in_key = true
	};
	f->mapped[1] = (struct pipeline_column){
		.source = 1, .target = &columns[1], .from = &sources[1], .bind = PIPELINE_BIND_UTF8, .in_key = false
	};
	f->mapped[2] = (struct pipeline_column){
		.source = 2, .target = &columns[2], .from = &sources[2], .bind = PIPELINE_BIND_NUMBER, .in_key = false
	};
	f->route = (struct pipeline_route){ .from = &f->from,
		.triggers_told = true,
		.target = &f->target,
		.columns = f->mapped,
		.ncolumns = 3,
		.before = f->before,
		.after = f->after,
		.indexes = &f->indexes };
	pipeline_indexes_make(&f->route, &f->indexes);
	f->fold = pipeline_fold_new();
	f->values = lt_arena_new();
}

static void
tear_down(struct fixture *f)
{
	pipeline_indexes_clear(&f->indexes);
	pipeline_fold_free(f->fold);
	lt_arena_free(f->values);
}

static uint32_t
any(struct fixture *f, uint32_t below)
{
	f->seed = f->seed * 1664525u + 1013904223u;
	return (f->seed >> 8) % below;
}

static bool
name_is_free(const struct state *s, const char *name, size_t but)
{
	for (size_t i = 0; i < PEOPLE && name[0] != '\0'; i++) {
		if (i != but && s->people[i].n >= 0 && strcasecmp(s->people[i].name, name) == 0)
			return false;
	}
	return true;
}

/* One change, by an independent idea of the table. False: it would break a key, or does not meet its row. */
static bool
carry_out(struct state *s, enum change_op op, const struct person *before, const struct person *after)
{
	if (op != CHANGE_INSERT) {
		if (memcmp(&s->people[before->id], before, sizeof(*before)) != 0)
			return false;
		s->people[before->id].n = -1;
	}
	if (op == CHANGE_DELETE)
		return true;
	if (s->people[after->id].n >= 0 || !name_is_free(s, after->name, PEOPLE))
		return false;
	s->people[after->id] = *after;
	return true;
}

static void
any_name(struct fixture *f, char out[8])
{
	memset(out, 0, 8);
	if (any(f, 6) == 0)
		return;
	out[0] = (char)((any(f, 2) == 0 ? 'a' : 'A') + (char)any(f, 7));
}

static void
add(struct fixture *f, enum change_op op, const struct person *before, const struct person *after)
{
	struct person *images = &f->images[2 * f->nrows];
	struct change_row *row = &f->rows[f->nrows++];

	images[0] = *before;
	images[1] = *after;
	*row = (struct change_row){ .op = op };
	if (op != CHANGE_INSERT)
		row->before.bytes = lt_str_of((const char *)&images[0], sizeof(images[0]));
	if (op != CHANGE_DELETE)
		row->after.bytes = lt_str_of((const char *)&images[1], sizeof(images[1]));
}

static void
some_history(struct fixture *f, struct state *s)
{
	f->nrows = 0;
	while (f->nrows < STEPS) {
		struct person before = { .id = any(f, PEOPLE) }, after;
		enum change_op op = CHANGE_INSERT;
		struct state next = *s;

		if (s->people[before.id].n >= 0) {
			before = s->people[before.id];
			op = any(f, 3) == 0 ? CHANGE_DELETE : CHANGE_UPDATE;
		}
		after = before;
		after.n = any(f, 3);
		if (any(f, 2) == 0 || op == CHANGE_INSERT)
			any_name(f, after.name);
		if (any(f, 4) == 0 && op == CHANGE_UPDATE)
			after.id = any(f, PEOPLE);
		if (carry_out(&next, op, &before, &after)) {
			*s = next;
			add(f, op, &before, &after);
		}
	}
}

static const struct person *
person_of(const struct change_image *image)
{
	return (const struct person *)(const void *)image->bytes.ptr;
}

static void
fold(struct fixture *f, struct pipeline_net **ret)
{
	struct lt_err err = { 0 };

	pipeline_fold_clear(f->fold);
	for (size_t i = 0; i < f->nrows; i++) {
		struct pipeline_row_ref ref = { &f->rows[i], 0, (uint32_t)i };

		lt_arena_reset(f->values);
		if (f->rows[i].op != CHANGE_INSERT)
			assert_true(decode(&f->from, &f->rows[i].before, f->values, f->before, &err));
		if (f->rows[i].op != CHANGE_DELETE)
			assert_true(decode(&f->from, &f->rows[i].after, f->values, f->after, &err));
		pipeline_fold_add(f->fold, &f->route, &ref);
	}
	assert_true(pipeline_fold_end(f->fold, ret, &err));
}

/* All of one operation, from either end of the list: their order must not matter. */
static void
carry_out_all(struct fixture *f, struct state *s, struct pipeline_net *nets, enum change_op op)
{
	struct pipeline_net *list[4 * STEPS];
	size_t n = 0;

	for (struct pipeline_net *net = nets; net != NULL; net = net->next) {
		if (net->row.op == op)
			list[n++] = net;
	}
	while (n > 0) {
		size_t at = any(f, (uint32_t)n);

		assert_true(carry_out(s, op, person_of(&list[at]->row.before), person_of(&list[at]->row.after)));
		list[at] = list[--n];
	}
}

static void
any_history_folded_leads_to_the_same_state(void **state)
{
	static struct fixture f;
	size_t changes = 0, nets = 0;

	(void)state;
	set_up(&f);
	f.seed = 7;
	for (int round = 0; round < 3000; round++) {
		struct state start = { 0 }, end, folded;
		struct pipeline_net *first = NULL;

		for (size_t i = 0; i < PEOPLE; i++)
			start.people[i] = (struct person){ .id = (int64_t)i, .n = -1 };
		some_history(&f, &start); /* to begin with something */
		end = start;
		some_history(&f, &end);
		fold(&f, &first);
		assert_true(pipeline_fold_takes(f.fold, &f.route));

		folded = start;
		carry_out_all(&f, &folded, first, CHANGE_DELETE);
		carry_out_all(&f, &folded, first, CHANGE_UPDATE);
		carry_out_all(&f, &folded, first, CHANGE_INSERT);
		for (size_t i = 0; i < PEOPLE; i++) {
			assert_int_equal(end.people[i].n < 0, folded.people[i].n < 0);
			if (end.people[i].n >= 0)
				assert_memory_equal(&end.people[i], &folded.people[i], sizeof(end.people[i]));
		}
		changes += f.nrows;
		for (; first != NULL; first = first->next)
			nets++;
	}
	assert_true(nets * 2 < changes);
	tear_down(&f);
}

static void
what_is_not_known_exactly_is_not_folded(void **state)
{
	static const uint8_t no_n[] = { 0x03 };
	static const struct person one = { 1, "a", 0 }, two = { 1, "a", 2 };
	static struct fixture f;
	struct pipeline_net *first = NULL;

	(void)state;
	set_up(&f);
	add(&f, CHANGE_UPDATE, &one, &two);
	fold(&f, &first);
	assert_true(pipeline_fold_takes(f.fold, &f.route));
	assert_non_null(first);

	f.rows[0].after.present = no_n; /* an image that lacks a column */
	fold(&f, &first);
	assert_false(pipeline_fold_takes(f.fold, &f.route));
	assert_null(first);

	f.rows[0].after.present = NULL;
	f.indexes.ordered = true; /* foreign keys */
	fold(&f, &first);
	assert_false(pipeline_fold_takes(f.fold, &f.route));

	f.indexes.ordered = false;
	f.indexes.items[1].unknown = true; /* a unique value whose equals are not known */
	fold(&f, &first);
	assert_false(pipeline_fold_takes(f.fold, &f.route));

	f.indexes.items[1].unknown = false;
	add(&f, CHANGE_INSERT, &one, &one); /* the history does not hold together */
	fold(&f, &first);
	assert_false(pipeline_fold_takes(f.fold, &f.route));
	tear_down(&f);
}

static void
nothing_is_folded_where_some_row_fires_triggers(void **state)
{
	static const struct person one = { 1, "a", 0 }, two = { 1, "a", 2 };
	static struct fixture f, fires;
	struct pipeline_row_ref ref = { &fires.rows[0], 0, 1 };
	struct pipeline_net *first = NULL;
	struct lt_err err = { 0 };

	(void)state;
	set_up(&f);
	set_up(&fires);
	pipeline_indexes_clear(&fires.indexes);
	fires.target.has_triggers = true;
	pipeline_indexes_make(&fires.route, &fires.indexes);
	add(&f, CHANGE_UPDATE, &one, &two);
	fold(&f, &first);
	assert_non_null(first);
	add(&fires, CHANGE_INSERT, &one, &one);
	assert_true(decode(&fires.from, &fires.rows[0].after, fires.values, fires.after, &err));
	pipeline_fold_add(f.fold, &fires.route, &ref);
	assert_false(pipeline_fold_takes(f.fold, &f.route));
	assert_true(pipeline_fold_end(f.fold, &first, &err));
	assert_null(first);
	fold(&f, &first); /* the next group */
	assert_non_null(first);
	tear_down(&fires);
	tear_down(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_history_folded_leads_to_the_same_state),
		cmocka_unit_test(what_is_not_known_exactly_is_not_folded),
		cmocka_unit_test(nothing_is_folded_where_some_row_fires_triggers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
