/* The numbered log over a log that is written here: what two readers say of it, wherever they begin. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "converge/log.h"
#include "converge/turn.h"

#define SECOND_US INT64_C(1000000)
#define BASE_US (INT64_C(1700000000) * SECOND_US)

/* Of each item of the log. */
struct item {
	enum { USER, MARK, PROGRESS, BEAT, ALIEN } what;
	int64_t stamp_us; /* USER, ALIEN: when it was written; BEAT: 0 carries no time */
	uint64_t seq;     /* MARK: of a transaction of site 2 */
};

static const struct item script[] = { { BEAT, BASE_US, 0 }, { USER, BASE_US + 5, 0 }, { USER, BASE_US + 5, 0 },
	{ ALIEN, BASE_US + 5, 0 }, { USER, BASE_US + 5, 0 }, { MARK, 0, 7 }, { PROGRESS, 0, 0 },
	{ USER, BASE_US + 9, 0 }, { BEAT, 0, 0 }, { USER, BASE_US + 3000 * SECOND_US, 0 },
	{ BEAT, BASE_US + SECOND_US, 0 }, { MARK, 0, 9 }, { USER, 3, 0 } };

/* -- a source of it ------------------------------------------------------------------------------- */

struct fake {
	struct change_source base;
	struct change_filter filter;
	size_t at;
	bool placed; /* the place before the next item was handed out */
};

static bool places;             /* what stands between transactions is handed out, too */
static const uint64_t *numbers; /* of the items' GTIDs; NULL: they have none */
static const struct converge_turn *turn;
static size_t odd = SIZE_MAX; /* which item cannot be read, */
static enum lt_code odd_code; /* and why */
static const char *behind_it; /* the server where its end is looked for */
static unsigned cancelled;    /* logs of that */
static const struct converge_watcher *watcher;

/* Between two transactions. */
static struct change_txn *
place(size_t at)
{
	struct change_txn *t = change_txn_new(CHANGE_TXN_PLACE);

	strcpy(t->file, "log.000001");
	strcpy(t->end.file, "log.000001");
	t->pos = t->end.pos = at;
	return t;
}

static bool
decode(const struct change_table *table, const struct change_image *image, struct lt_arena *scratch,
    struct change_value *out, struct lt_err *err)
{
	const struct change_value *values = (const void *)image->bytes.ptr;

	(void)scratch, (void)err;
	memcpy(out, values, table->ncolumns * sizeof(*out));
	return true;
}

static const struct change_codec codec = { "test", decode };

static void
add_row(struct fake *f, struct change_txn *t, const char *schema, const char *name, const struct change_value *values,
    size_t n)
{
	struct change_table *table = change_table_new();
	struct lt_err err = { 0 };
	struct change_row *row;
	size_t first = t->nrows;

	table->schema = lt_arena_str(table->arena, lt_str_z(schema));
	table->name = lt_arena_str(table->arena, lt_str_z(name));
	table->ncolumns = n;
	table->codec = &codec;
	if (f->filter.table(f->filter.ctx, table->schema, table->name)) {
		row = change_txn_add_row(t, table);
		row->op = CHANGE_INSERT;
		row->after.bytes = lt_arena_str(t->arena, lt_str_of(values, n * sizeof(*values)));
		assert_true(f->filter.rows(f->filter.ctx, t, first, &err));
	}
	change_table_unref(table);
}

static struct change_value
text(const char *s)
{
	return (struct change_value){ .kind = CHANGE_TEXT, .bytes = lt_str_z(s) };
}

static void
add_mark(struct fake *f, struct change_txn *t, uint64_t seq)
{
	struct conflict_seen seen = { seq, 2 };
	struct conflict_mark_txn txn = { .version = { BASE_US + 7, seq, 2 }, .seen = { &seen, 1, 0 } };
	struct conflict_mark mark = { .txns = &txn, .ntxns = 1 };
	struct lt_buf bytes = { 0 };
	struct change_value lane[] = { text("c") };
	struct change_value values[] = { text("c"), text("b->a"), { .kind = CHANGE_UINT }, { .kind = CHANGE_BYTES } };

	add_row(f, t, "lutra", "lane", lane, 1);
	if (seq == 0)
		return;
	conflict_mark_encode(&mark, &bytes);
	values[3].bytes = lt_arena_str(t->arena, lt_buf_str(&bytes));
	add_row(f, t, "lutra", "mark", values, 4);
	lt_buf_free(&bytes);
}

static void
add_beat(struct fake *f, struct change_txn *t, int64_t stamp_us)
{
	struct change_value values[] = { text("c"), { .kind = CHANGE_UINT }, text("uuid"), { .kind = CHANGE_UINT },
		{ .kind = stamp_us != 0 ? CHANGE_INT : CHANGE_NULL, .i64 = stamp_us }, text("") };

	add_row(f, t, "lutra", "site", values, 6);
}

static bool
fake_next(struct change_source *s, int timeout_ms, struct change_txn **ret, struct lt_err *err)
{
	struct fake *f = (struct fake *)s;
	const struct item *i = &script[f->at];
	struct change_value values[] = { { .kind = CHANGE_INT, .i64 = 1 } };
	struct change_txn *t;

	(void)timeout_ms;
	*ret = NULL;
	if (f->at == LT_COUNT(script))
		return true;
	if (f->at == odd) {
		strcpy(err->where.file, "log.000001");
		err->where.pos = odd;
		return lt_fail(err, odd_code, "odd");
	}
	f->placed = places && !f->placed;
	if (f->placed) {
		*ret = place(f->at);
		return true;
	}
	t = change_txn_new(CHANGE_TXN_ROWS);
	strcpy(t->file, "log.000001");
	strcpy(t->end.file, "log.000001");
	if (numbers != NULL)
		t->gtid = (struct change_gtid){ .kind = CHANGE_GTID_MYSQL, .seq = numbers[f->at] };
	t->pos = f->at++;
	t->end.pos = f->at;
	t->end.last_pos = f->at;
	t->written_us = (uint64_t)i->stamp_us;
	t->commit_us = t->written_us + 5 * SECOND_US; /* a replica's log tells its own: no version may be of that */
	switch (i->what) {
	case USER: add_row(f, t, "shop", "t", values, 1); break;
	case MARK: add_mark(f, t, i->seq); break;
	case PROGRESS: add_mark(f, t, 0); break;
	case BEAT: add_beat(f, t, i->stamp_us); break;
	case ALIEN: add_row(f, t, "shop", "unmapped", values, 1); break;
	}
	*ret = t;
	return true;
}

static void
fake_cancel(struct change_source *s)
{
	(void)s;
	cancelled++;
}

static void
fake_close(struct change_source *s)
{
	free(s);
}

static bool
fake_open(void *ctx, const struct change_position *from, const struct change_filter *filter,
    const struct change_describer *describer, size_t limit, struct change_source **ret, struct lt_err *err)
{
	static const struct change_source_ops ops = { fake_next, fake_cancel, fake_close, NULL };
	struct fake *f = lt_new(struct fake);

	(void)ctx, (void)describer, (void)limit, (void)err;
	f->base.ops = &ops;
	strcpy(f->base.server, "server");
	f->filter = *filter;
	f->at = (size_t)from->place.pos;
	*ret = &f->base;
	return true;
}

static bool
fake_behind(void *ctx, const struct change_position *from, const struct change_place *place,
    struct change_position *out, struct lt_err *err)
{
	(void)ctx, (void)err;
	assert_int_equal(from->place.pos, odd);
	change_position_copy(out, from);
	strcpy(out->server, behind_it);
	out->place.pos = out->place.last_pos = place->pos + 1;
	return true;
}

/* -- who takes it --------------------------------------------------------------------------------- */

static bool mapped_all; /* with what is else unmapped */

static bool
want(void *ctx, struct lt_str schema, struct lt_str table)
{
	(void)ctx;
	return lt_str_eqz(table, "lane") || lt_str_eqz(table, "t") || (mapped_all && lt_str_eqz(schema, "shop"));
}

static bool
sift(void *ctx, struct change_txn *t, size_t first, struct lt_err *err)
{
	(void)ctx, (void)err;
	if (lt_str_eqz(t->rows[first].table->name, "lane")) {
		t->own = t->shown = true;
		t->nrows = first;
	}
	return true;
}

/* What was said of each item. */
struct said {
	struct converge_told told[LT_COUNT(script)];
	uint64_t sees[LT_COUNT(script)][2]; /* of sites 1 and 2 */
	struct conflict_clock clock[LT_COUNT(script) + 1];
};

static struct change_source *
open_at(size_t at, const struct conflict_clock *clock, const struct change_position *behind)
{
	static const struct change_filter filter = { want, NULL, NULL, sift, false };
	static const struct pipeline_origin origin = { .open = fake_open, .behind = fake_behind };
	struct conflict_checkpoint state = { .now_us = clock->now_us,
		.beat_us = clock->beat_us,
		.has_beat = clock->has_beat,
		.count = clock->count,
		.origin = 1,
		.seen = clock->seen };
	struct lt_arena *arena = lt_arena_new();
	struct change_position place;
	struct converge_log_start start = { "c", &origin, &place, &state, SECOND_US, behind, 0, NULL, watcher };
	struct change_source *log = NULL;
	struct lt_err err = { 0 };

	if (turn != NULL)
		converge_turn_note(turn, arena, &state);
	change_position_init(&place);
	strcpy(place.place.file, "log.000001");
	place.place.pos = at;
	assert_true(converge_log_open(&start, &filter, NULL, &log, &err));
	change_position_clear(&place);
	lt_arena_free(arena);
	return log;
}

/* Follows with a clock of its own, so that there is a checkpoint at every place. */
static void
follow(struct conflict_clock *c, const struct change_txn *t)
{
	const struct converge_told *told = converge_told_of(t);
	size_t at = (size_t)t->pos;

	switch (told->kind) {
	case CONVERGE_LOCAL: conflict_clock_local(c, (int64_t)t->written_us); break;
	case CONVERGE_OTHER: conflict_clock_pass(c, (int64_t)t->written_us); break;
	case CONVERGE_BEAT: conflict_clock_beat(c, told->beat.timed ? &told->beat.us : NULL); break;
	case CONVERGE_MARK:
		if (script[at].what == MARK)
			conflict_clock_applied(c, (struct conflict_version){ BASE_US + 7, script[at].seq, 2 });
		break;
	case CONVERGE_GIVEN: fail(); break;
	}
}

static void
note(struct said *s, const struct change_txn *t)
{
	const struct converge_told *told = converge_told_of(t);
	size_t at = (size_t)t->pos;

	s->told[at] = *told;
	s->sees[at][0] = conflict_vector_get(&told->seen, 1);
	s->sees[at][1] = conflict_vector_get(&told->seen, 2);
}

static void
read_all(struct said *s)
{
	struct conflict_clock clock;
	struct change_source *log;
	struct change_txn *t = NULL;
	struct lt_err err = { 0 };

	conflict_clock_init(&clock, 1, SECOND_US);
	log = open_at(0, &clock, NULL);
	for (size_t i = 0; i < LT_COUNT(script); i++) {
		s->clock[i] = clock;
		s->clock[i].seen = (struct conflict_vector){ 0 };
		conflict_vector_merge(&s->clock[i].seen, &clock.seen);
		assert_true(change_source_next(log, 0, &t, &err));
		assert_non_null(t);
		assert_int_equal(t->pos, i);
		note(s, t);
		follow(&clock, t);
		change_txn_free(t);
	}
	change_source_close(log);
	conflict_clock_free(&clock);
}

static void
clear(struct said *s)
{
	for (size_t i = 0; i < LT_COUNT(script); i++)
		conflict_clock_free(&s->clock[i]);
}

static void
assert_same(const struct said *a, const struct said *b, size_t at)
{
	assert_int_equal(a->told[at].kind, b->told[at].kind);
	assert_int_equal(a->told[at].version.clock_us, b->told[at].version.clock_us);
	assert_int_equal(a->told[at].version.seq, b->told[at].version.seq);
	assert_int_equal(a->sees[at][0], b->sees[at][0]);
	assert_int_equal(a->sees[at][1], b->sees[at][1]);
}

static void
each_item_is_told_as_what_it_is(void **state)
{
	struct said s;

	(void)state;
	read_all(&s);
	assert_int_equal(s.told[1].kind, CONVERGE_LOCAL);
	assert_int_equal(s.told[1].version.seq, 1);
	assert_int_equal(s.told[1].version.clock_us, BASE_US + 5);
	assert_int_equal(s.told[2].version.clock_us, BASE_US + 6);
	assert_int_equal(s.told[3].kind, CONVERGE_OTHER);
	assert_int_equal(s.told[4].version.seq, 4); /* what is not mapped has a number, too */
	assert_int_equal(s.told[5].kind, CONVERGE_MARK);
	assert_non_null(s.told[5].mark.ptr);
	assert_int_equal(s.told[6].kind, CONVERGE_MARK);
	assert_null(s.told[6].mark.ptr);
	assert_int_equal(s.sees[7][1], 7); /* written with that in sight */
	assert_int_equal(s.told[8].kind, CONVERGE_BEAT);
	assert_false(s.told[8].beat.timed);
	assert_int_equal(s.sees[8][0], 5);
	assert_int_equal(s.told[9].version.clock_us, BASE_US + 2 * SECOND_US); /* its clock is not believed (R20) */
	assert_true(s.told[12].version.clock_us > s.told[9].version.clock_us);
	assert_int_equal(s.sees[12][1], 9);
	clear(&s);
}

static void
a_reader_that_begins_at_any_place_says_the_same(void **state)
{
	struct said whole;

	(void)state;
	read_all(&whole);
	for (size_t from = 0; from < LT_COUNT(script); from++) {
		struct change_source *log = open_at(from, &whole.clock[from], NULL);
		struct said again;
		struct change_txn *t = NULL;
		struct lt_err err = { 0 };

		while (change_source_next(log, 0, &t, &err) && t != NULL) {
			note(&again, t);
			assert_same(&whole, &again, (size_t)t->pos);
			change_txn_free(t);
		}
		change_source_close(log);
	}
	clear(&whole);
}

/* The channel file may change between two runs. */
static void
what_is_mapped_has_no_part_in_versions(void **state)
{
	struct said few, all;

	(void)state;
	mapped_all = false;
	read_all(&few);
	mapped_all = true;
	read_all(&all);
	mapped_all = false;
	assert_int_equal(all.told[3].kind, CONVERGE_LOCAL);
	for (size_t i = 0; i < LT_COUNT(script); i++) {
		assert_int_equal(
		    few.told[i].version.clock_us != 0 ? few.told[i].version.clock_us : all.told[i].version.clock_us,
		    all.told[i].version.clock_us);
		assert_int_equal(few.told[i].kind == CONVERGE_LOCAL ? few.told[i].version.seq : all.told[i].version.seq,
		    all.told[i].version.seq);
	}
	clear(&few);
	clear(&all);
}

static struct change_position
behind(uint64_t pos, uint32_t crc)
{
	struct change_position p;

	change_position_init(&p);
	strcpy(p.server, "server");
	p.place = (struct change_place){ .file = "log.000001", .pos = pos, .last_pos = pos, .last_crc = crc };
	return p;
}

static bool
passes(void *ctx, const char *server, const struct change_place *at)
{
	assert_string_equal(server, "server");
	assert_int_equal(at->pos, odd);
	return *(const bool *)ctx;
}

/* From `next` on the log says what it says as a whole; where it ends, and in `err` why, if it is not the end. */
static size_t
read_rest(struct change_source *log, size_t next, const struct said *whole, struct lt_err *err)
{
	struct change_txn *t = NULL;
	struct said again;

	for (size_t i = 0; i < LT_COUNT(script) && change_source_next(log, 0, &t, err); i++) {
		if (t == NULL)
			continue;
		assert_int_equal(t->pos, next++);
		note(&again, t);
		assert_same(whole, &again, (size_t)t->pos);
		change_txn_free(t);
	}
	return next;
}

/** Who meets it, and with what. */
struct meeting {
	enum lt_code code;
	const struct change_position *behind;
	const struct converge_watcher *watcher;
	const char *behind_it;
	enum lt_code told; /* LT_OK: it reads on, and says of the rest what it would say else */
};

static void
meet(const struct meeting *m, const struct said *whole)
{
	size_t begin = m->behind != NULL ? m->behind->place.pos : 0;
	struct change_source *log;
	struct lt_err err = { 0 };

	odd_code = m->code;
	behind_it = m->behind_it;
	watcher = m->watcher;
	log = open_at(0, &whole->clock[0], m->behind);
	cancelled = 0;
	change_source_cancel(log);
	assert_int_equal(read_rest(log, begin, whole, &err), m->told == LT_OK ? LT_COUNT(script) : LT_MAX(begin, odd));
	assert_int_equal(err.code, m->told);
	assert_int_equal(cancelled, m->told == LT_OK ? 2 : 1); /* what is behind it, too */
	change_source_close(log);
}

static void
what_cannot_be_read_is_counted_by_who_was_ordered_past_it(void **state)
{
	static bool yes = true, no;
	static const struct converge_watcher all = { .passes = passes, .ctx = &yes },
					     not_all = { .passes = passes, .ctx = &no };
	struct change_position before = behind(3, 0), past = behind(4, 0), elsewhere = behind(4, 0);
	const struct meeting meetings[] = {
		{ LT_E_STATEMENT_FORMAT, NULL, NULL, "server", LT_E_STATEMENT_FORMAT },
		{ LT_E_STATEMENT_FORMAT, &before, NULL, "server", LT_E_STATEMENT_FORMAT },
		{ LT_E_STATEMENT_FORMAT, &past, NULL, "server", LT_OK },
		{ LT_E_CORRUPT, &past, NULL, "server", LT_OK },
		{ LT_E_LOG_SILENT, &past, NULL, "server", LT_E_LOG_SILENT },
		{ LT_E_STATEMENT_FORMAT, &past, NULL, "another", LT_E_LINK_LOST },
		{ LT_E_STATEMENT_FORMAT, &elsewhere, NULL, "server", LT_E_STATEMENT_FORMAT },
		{ LT_E_STATEMENT_FORMAT, NULL, &all, "server", LT_OK },
		{ LT_E_CORRUPT, NULL, &all, "server", LT_E_CORRUPT }, /* it may have been sent before it was damaged */
		{ LT_E_STATEMENT_FORMAT, NULL, &not_all, "server", LT_E_STATEMENT_FORMAT },
	};
	struct said whole;

	(void)state;
	read_all(&whole);
	strcpy(elsewhere.server, "another");
	odd = 3;
	for (size_t i = 0; i < LT_COUNT(meetings); i++)
		meet(&meetings[i], &whole);
	odd = SIZE_MAX;
	watcher = NULL;
	change_position_clear(&before);
	change_position_clear(&past);
	change_position_clear(&elsewhere);
	clear(&whole);
}

static void
what_was_handed_on_is_numbered_and_passed_over(void **state)
{
	struct said whole;

	(void)state;
	read_all(&whole);
	for (size_t done = 1; done < LT_COUNT(script); done++) {
		struct change_position at = behind(done, 0);
		struct change_source *log = open_at(0, &whole.clock[0], &at);
		struct lt_err err = { 0 };

		assert_int_equal(read_rest(log, done, &whole, &err), LT_COUNT(script));
		assert_int_equal(err.code, LT_OK);
		change_source_close(log);
		change_position_clear(&at);
	}
	clear(&whole);
}

static void
another_history_is_refused(void **state)
{
	struct conflict_clock clock;
	struct change_position at = behind(4, 4711);
	struct change_source *log;
	struct change_txn *t = NULL;
	struct lt_err err = { 0 };
	bool ok = true;

	(void)state;
	conflict_clock_init(&clock, 1, SECOND_US);
	log = open_at(0, &clock, &at);
	for (size_t i = 0; ok && i < LT_COUNT(script); i++) {
		ok = change_source_next(log, 0, &t, &err);
		change_txn_free(ok ? t : NULL);
	}
	assert_false(ok);
	assert_int_equal(err.code, LT_E_LOG_HISTORY);
	change_source_close(log);
	change_position_clear(&at);
	conflict_clock_free(&clock);
}

/* When a reader is told of the end of a file depends on when it reads. */
static void
what_stands_between_transactions_is_not_counted(void **state)
{
	struct said whole, again;
	struct change_source *log;
	struct change_txn *t = NULL;
	struct lt_err err = { 0 };

	(void)state;
	read_all(&whole);
	places = true;
	log = open_at(0, &whole.clock[0], NULL);
	while (change_source_next(log, 0, &t, &err) && t != NULL) {
		if (t->kind == CHANGE_TXN_PLACE) {
			assert_null(t->told);
		} else {
			note(&again, t);
			assert_same(&whole, &again, (size_t)t->pos);
		}
		change_txn_free(t);
	}
	change_source_close(log);
	places = false;
	clear(&whole);
}

/* The log of a replica: how far it is handed out, and what ends that. */
static enum lt_code
read_elsewhere(const char *done, const uint64_t *order, size_t *handed)
{
	struct change_position at = behind(1000, 0);
	struct change_source *log;
	struct conflict_clock clock;
	struct change_txn *t = NULL;
	struct lt_err err = { 0 };

	numbers = order;
	strcpy(at.server, "another");
	change_gtid_set_free(at.gtids);
	assert_true(change_gtid_set_parse(lt_str_z(done), &at.gtids, &err));
	conflict_clock_init(&clock, 1, SECOND_US);
	log = open_at(0, &clock, &at);
	*handed = 0;
	for (size_t i = 0; i < LT_COUNT(script) && change_source_next(log, 0, &t, &err); i++) {
		*handed += t != NULL;
		change_txn_free(t);
	}
	change_source_close(log);
	change_position_clear(&at);
	conflict_clock_free(&clock);
	numbers = NULL;
	return err.code;
}

#define DONE "00000000-0000-0000-0000-000000000000:1-4"

static void
a_replicas_log_has_the_order_of_its_sources(void **state)
{
	static const uint64_t same[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 },
			      behind_others[] = { 1, 2, 3, 5, 6, 4, 7, 8, 9, 10, 11, 12, 13 },
			      among_them[] = { 1, 3, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13 };
	size_t handed;

	(void)state;
	assert_int_equal(read_elsewhere(DONE, same, &handed), LT_OK);
	assert_int_equal(handed, 9);
	assert_int_equal(read_elsewhere(DONE, behind_others, &handed), LT_E_LOG_ORDER);
	assert_int_equal(handed, 2);
	assert_int_equal(read_elsewhere(DONE, among_them, &handed), LT_E_LOG_ORDER);
	assert_int_equal(handed, 0);
}

/* ADR 48 */
static void
behind_a_lost_tail_users_write_as_another_origin(void **state)
{
	const uint32_t later = conflict_origin(1, 1);
	const int64_t above_us = BASE_US + 1000 * SECOND_US;
	struct converge_turn t = { .origin = later, .above_us = above_us };
	struct said whole;
	struct change_source *log;
	struct change_txn *txn = NULL;
	struct lt_err err = { 0 };
	int64_t last_us = above_us;

	(void)state;
	read_all(&whole);
	t.at = behind(4, 0); /* items 0 to 3 survived */
	turn = &t;
	log = open_at(0, &whole.clock[0], NULL);
	while (change_source_next(log, 0, &txn, &err) && txn != NULL) {
		const struct converge_told *told = converge_told_of(txn);

		assert_int_equal(told->begins, txn->pos == 4 ? later : 0);
		if (told->kind == CONVERGE_LOCAL && txn->pos < 4)
			assert_true(conflict_version_same(told->version, whole.told[txn->pos].version));
		if (told->kind == CONVERGE_LOCAL && txn->pos >= 4) {
			assert_int_equal(told->version.origin, later);
			assert_int_equal(told->version.seq, txn->pos == 4 ? 1 : told->version.seq);
			assert_true(told->version.clock_us > last_us);
			assert_int_equal(conflict_vector_get(&told->seen, 1), 2); /* what survived of the earlier one */
			last_us = told->version.clock_us;
		}
		change_txn_free(txn);
	}
	change_source_close(log);
	turn = NULL;
	converge_turn_clear(&t);
	clear(&whole);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_item_is_told_as_what_it_is),
		cmocka_unit_test(a_reader_that_begins_at_any_place_says_the_same),
		cmocka_unit_test(what_is_mapped_has_no_part_in_versions),
		cmocka_unit_test(what_cannot_be_read_is_counted_by_who_was_ordered_past_it),
		cmocka_unit_test(what_was_handed_on_is_numbered_and_passed_over),
		cmocka_unit_test(another_history_is_refused),
		cmocka_unit_test(what_stands_between_transactions_is_not_counted),
		cmocka_unit_test(a_replicas_log_has_the_order_of_its_sources),
		cmocka_unit_test(behind_a_lost_tail_users_write_as_another_origin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
