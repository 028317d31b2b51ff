#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/mapping.h"
#include "pipeline/batch.h"
#include "pipeline/grants.h"
#include "unit/mysql/peer.h"

/* item(id primary key, n), and line, which has no key and so is not folded: images are struct item as they lie in
 * memory. */
struct item {
	int64_t id, n;
};

static bool
decode(const struct change_table *table, const struct change_image *image, struct lt_arena *scratch,
    struct change_value *out, struct lt_err *err)
{
	struct item item;

	(void)table, (void)scratch;
	if (image->bytes.len != sizeof(item))
		return lt_fail(err, LT_E_CORRUPT, "no item");
	memcpy(&item, image->bytes.ptr, sizeof(item));
	out[0] = (struct change_value){ .kind = CHANGE_INT, .i64 = item.id };
	out[1] = (struct change_value){ .kind = CHANGE_INT, .i64 = item.n };
	return true;
}

static const struct change_codec codec = { "item", decode };
static const struct change_column sources[] = { { .name = { "id", 2 }, .kind = CHANGE_INT },
	{ .name = { "n", 1 }, .kind = CHANGE_INT } };
static const struct schema_column columns[] = { { .name = { "id", 2 }, .base_type = { "bigint", 6 } },
	{ .name = { "n", 1 }, .base_type = { "bigint", 6 } } };
static const struct schema_key_part on_id = { 0, 0 };
static const struct schema_key keys[] = {
	{ .name = { "PRIMARY", 7 }, .unique = true, .not_null = true, .nparts = 1, .parts = &on_id },
};

#define TXNS 60
#define IDS 8
#define PIECES 20

struct fixture {
	struct peer peer;
	struct model_mapping *mapping;
	struct pipeline_router *router;
	struct change_table *item, *line, *unknown;
	struct change_txn *txns[TXNS];
	uint32_t seed;
};

static struct change_table *
table(const char *name)
{
	struct change_table *t = change_table_new();

	t->schema = LT_STR("shop");
	t->name = lt_str_z(name);
	t->columns = sources;
	t->ncolumns = LT_COUNT(sources);
	t->named = true;
	t->codec = &codec;
	return t;
}

static struct schema_table *
target(const char *name, size_t nkeys)
{
	struct lt_arena *arena = lt_arena_new();
	struct schema_table *t = lt_arena_zalloc(arena, sizeof(*t));

	*t = (struct schema_table){ .schema = LT_STR("shop"),
		.name = lt_str_z(name),
		.transactional = true,
		.ncolumns = LT_COUNT(columns),
		.columns = columns,
		.nkeys = nkeys,
		.keys = keys,
		.arena = arena };
	return t;
}

static uint32_t
any(struct fixture *f, uint32_t below)
{
	f->seed = f->seed * 1664525u + 1013904223u;
	return (f->seed >> 8) % below;
}

static struct lt_str
image(struct change_txn *t, int64_t id, int64_t n)
{
	struct item item = { id, n };

	return lt_arena_str(t->arena, lt_str_of((const char *)&item, sizeof(item)));
}

/* Changes of a few keys, which are there or not as they come: nobody looks. */
static void
fill(struct fixture *f)
{
	int64_t held[IDS] = { 0 };

	for (int64_t i = 0; i < TXNS; i++) {
		struct change_txn *t = change_txn_new(CHANGE_TXN_ROWS);

		for (uint32_t n = any(f, 4); n > 0; n--) {
			bool keyless = any(f, 4) == 0;
			struct change_row *row = change_txn_add_row(t, keyless ? f->line : f->item);
			uint32_t id = any(f, IDS);

			if (keyless) {
				row->after.bytes = image(t, id, i);
				continue;
			}
			row->op = held[id] == 0 ? CHANGE_INSERT : any(f, 2) == 0 ? CHANGE_DELETE : CHANGE_UPDATE;
			if (row->op != CHANGE_INSERT)
				row->before.bytes = image(t, id, held[id]);
			held[id] = row->op != CHANGE_DELETE ? i * 10 + n : 0;
			if (row->op != CHANGE_DELETE)
				row->after.bytes = image(t, id, held[id]);
		}
		f->txns[i] = t;
	}
}

static void
set_up(struct fixture *f, uint32_t seed)
{
	const struct model_entry all = { .from = LT_STR("shop.*") };
	struct pipeline_held *held = pipeline_held_new(false);
	struct lt_err err = { 0 };
	size_t bad;

	*f = (struct fixture){ .seed = seed };
	peer_open(&f->peer);
	assert_true(model_mapping_new(&all, 1, &f->mapping, &bad, &err));
	f->router = pipeline_router_new(f->mapping, f->peer.conn, false);
	pipeline_held_add(held, LT_STR("GRANT ALL PRIVILEGES ON *.* TO `lutra`@`%`"));
	pipeline_router_hold(f->router, held);
	pipeline_router_know(f->router, target("item", LT_COUNT(keys)));
	pipeline_router_know(f->router, target("line", 0));
	f->item = table("item");
	f->line = table("line");
	f->unknown = table("unknown");
	fill(f);
}

static void
tear_down(struct fixture *f)
{
	for (size_t i = 0; i < TXNS; i++)
		change_txn_free(f->txns[i]);
	change_table_unref(f->item);
	change_table_unref(f->line);
	change_table_unref(f->unknown);
	pipeline_router_free(f->router);
	model_mapping_free(f->mapping);
	peer_close(&f->peer);
}

/* What is to be sent, in order. */
static struct lt_buf
told(const struct pipeline_batch *b)
{
	struct lt_buf out = { 0 };

	for (size_t level = 0; level < pipeline_batch_levels(b); level++) {
		for (const struct pipeline_run *run = pipeline_batch_runs(b, level); run != NULL; run = run->next) {
			lt_buf_printf(&out, "%zu: %d %d", level, run->first->op, run->plain);
			for (size_t i = 0; i < run->count; i++)
				lt_buf_printf(&out, " %u.%u", run->rows[i].txn, run->rows[i].at);
			lt_buf_c(&out, '\n');
		}
	}
	return out;
}

static void
count_run(const struct fixture *f, const struct pipeline_run *run, bool merge, size_t *placed)
{
	for (size_t i = 0; i < run->count; i++) {
		const struct pipeline_row_ref *ref = &run->rows[i];
		bool keyless = ref->row->table == f->line;

		placed[keyless]++;
		if (keyless || !merge) /* as it stands in the log, there */
			assert_ptr_equal(ref->row, &f->txns[ref->txn]->rows[ref->at]);
	}
}

/* Each row once; of those that are folded one of each key at most. */
static void
holds_all(const struct fixture *f, const struct pipeline_batch *b, bool merge)
{
	size_t placed[2] = { 0 }, logged[2] = { 0 };

	for (size_t level = 0; level < pipeline_batch_levels(b); level++) {
		for (const struct pipeline_run *run = pipeline_batch_runs(b, level); run != NULL; run = run->next)
			count_run(f, run, merge, placed);
	}
	for (size_t i = 0; i < TXNS; i++) {
		for (size_t at = 0; at < f->txns[i]->nrows; at++)
			logged[f->txns[i]->rows[at].table == f->line]++;
	}
	assert_int_equal(placed[true], logged[true]);
	if (merge)
		assert_in_range(placed[false], 1, IDS);
	else
		assert_int_equal(placed[false], logged[false]);
}

static void
is_the_same_in_pieces(uint32_t seed, bool merge)
{
	struct pipeline_batch *whole = pipeline_batch_new(), *pieces = pipeline_batch_new();
	struct lt_err err = { 0 };
	struct lt_buf one, other;
	struct fixture f;

	set_up(&f, seed);
	pipeline_batch_begin(whole, merge);
	assert_true(pipeline_batch_add(whole, f.router, f.txns, 0, TXNS, &err));
	assert_true(pipeline_batch_end(whole, f.router, f.txns, TXNS, &err));
	one = told(whole);
	holds_all(&f, whole, merge);
	for (int turn = 0; turn < 3; turn++) { /* what was given up leaves nothing behind */
		pipeline_batch_begin(pieces, turn == 1 ? !merge : merge);
		for (size_t from = 0; from < TXNS;) {
			size_t more = any(&f, PIECES), to = LT_MIN(from + more, (size_t)TXNS);

			assert_true(pipeline_batch_add(pieces, f.router, f.txns, from, to, &err));
			from = to;
		}
	}
	assert_true(pipeline_batch_end(pieces, f.router, f.txns, TXNS, &err));
	other = told(pieces);
	assert_string_equal(lt_buf_cstr(&one), lt_buf_cstr(&other));
	lt_buf_free(&one);
	lt_buf_free(&other);
	pipeline_batch_free(whole);
	pipeline_batch_free(pieces);
	tear_down(&f);
}

static void
a_group_taken_in_pieces_is_planned_as_a_whole(void **state)
{
	(void)state;
	for (uint32_t seed = 1; seed <= 50; seed++) {
		is_the_same_in_pieces(seed, false);
		is_the_same_in_pieces(seed, true);
	}
}

static void
a_hushed_router_asks_nothing_and_says_that_it_would_have(void **state)
{
	struct pipeline_batch *b = pipeline_batch_new();
	struct change_txn *unknown = change_txn_new(CHANGE_TXN_ROWS);
	struct lt_err err = { 0 };
	struct lt_buf heard;
	struct fixture f;

	(void)state;
	set_up(&f, 1);
	change_txn_add_row(unknown, f.unknown)->after.bytes = image(unknown, 1, 1);
	pipeline_batch_begin(b, false);
	assert_true(pipeline_batch_add(b, f.router, f.txns, 0, TXNS, &err));
	pipeline_router_hush(f.router, true);
	assert_true(pipeline_batch_add(b, f.router, f.txns, 0, TXNS, &err));
	assert_false(pipeline_router_hush(f.router, false));
	pipeline_router_hush(f.router, true);
	assert_false(pipeline_batch_add(b, f.router, &unknown, 0, 1, &err));
	heard = peer_heard(&f.peer);
	assert_int_equal(heard.len, 0);
	assert_true(pipeline_router_hush(f.router, false));
	assert_false(pipeline_router_hush(f.router, false));
	lt_buf_free(&heard);
	change_txn_free(unknown);
	pipeline_batch_free(b);
	tear_down(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_group_taken_in_pieces_is_planned_as_a_whole),
		cmocka_unit_test(a_hushed_router_asks_nothing_and_says_that_it_would_have),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
