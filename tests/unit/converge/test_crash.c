/* What the log of a site tells after a crash took its end: a log that is written here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "converge/heal_priv.h"
#include "values.h"

#define OLD "log.000001" /* lost its end */
#define NEW "log.000002" /* was begun by the server that came back */
#define SERVER "server"

/* A heartbeat that counts from one number to the next; 0, 0: a user's transaction. */
struct item {
	const char *file;
	uint64_t before, upto;
};

/* -- the log -------------------------------------------------------------------------------------- */

/** Where it stands: what was handed out ends at the place of that number in its file. */
struct fake {
	struct change_source base;
	struct change_filter filter;
	size_t at;
};

static const struct item *items;
static size_t nitems;
static enum lt_code look_code; /* of origin.look(): LT_OK where the log has the event, */
static enum lt_code open_code; /* and of origin.open() */

static struct change_place
place_of(size_t at)
{
	struct change_place p = { .pos = at * 10 };

	strcpy(p.file, at > 0 ? items[at - 1].file : items[0].file);
	return p;
}

static struct change_value
text(const char *s)
{
	return (struct change_value){ .kind = CHANGE_TEXT, .bytes = lt_str_z(s) };
}

static struct lt_str
beat_image(struct change_txn *t, uint64_t beats)
{
	struct change_value v[] = { text("shop"), { .kind = CHANGE_UINT }, text("uuid"),
		{ .kind = CHANGE_UINT, .u64 = beats }, { .kind = CHANGE_NULL }, text("") };

	return lt_arena_str(t->arena, lt_str_of(v, sizeof(v)));
}

static void
add_row(struct fake *f, struct change_txn *t, const struct item *i)
{
	struct change_table *table = change_table_new();
	struct lt_err err = { 0 };
	struct change_row *row;
	bool user = i->upto == 0;

	table->schema = lt_arena_str(table->arena, user ? LT_STR("shop") : LT_STR("lutra"));
	table->name = lt_arena_str(table->arena, user ? LT_STR("t") : LT_STR("site"));
	table->ncolumns = 6;
	table->codec = &values_codec;
	if (f->filter.table(f->filter.ctx, table->schema, table->name)) {
		row = change_txn_add_row(t, table);
		row->op = CHANGE_UPDATE;
		row->before.bytes = beat_image(t, i->before);
		row->after.bytes = beat_image(t, i->upto);
		assert_true(f->filter.rows(f->filter.ctx, t, 0, &err));
	}
	change_table_unref(table);
}

static bool
fake_next(struct change_source *s, int timeout_ms, struct change_txn **ret, struct lt_err *err)
{
	struct fake *f = (struct fake *)s;
	struct change_txn *t;

	(void)timeout_ms, (void)err;
	assert_true(f->at < nitems);
	t = change_txn_new(CHANGE_TXN_ROWS);
	strcpy(t->file, items[f->at].file);
	t->pos = f->at * 10;
	t->end = place_of(f->at + 1);
	t->end.last_pos = t->pos;
	add_row(f, t, &items[f->at++]);
	*ret = t;
	return true;
}

static void
fake_place(const struct change_source *s, struct change_place *out)
{
	*out = place_of(((const struct fake *)s)->at);
}

static void
fake_cancel(struct change_source *s)
{
	(void)s;
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
	static const struct change_source_ops ops = { fake_next, fake_cancel, fake_close, fake_place };
	struct fake *f;

	(void)ctx, (void)describer, (void)limit;
	if (open_code != LT_OK)
		return lt_fail(err, open_code, "the log says so");
	f = lt_new(struct fake);
	f->base.ops = &ops;
	strcpy(f->base.server, SERVER);
	f->filter = *filter;
	f->at = (size_t)from->place.pos / 10;
	*ret = &f->base;
	return true;
}

static bool
fake_now(void *ctx, struct change_position *out, struct lt_err *err)
{
	(void)ctx, (void)err;
	out->place = place_of(nitems);
	return true;
}

static bool
fake_look(void *ctx, const struct change_position *from, const struct change_filter *filter,
    bool (*each)(void *ctx, const struct change_txn *t), struct lt_err *err)
{
	(void)ctx, (void)from, (void)filter, (void)each;
	return look_code == LT_OK || lt_fail(err, look_code, "the log says so");
}

/* -- who reads it --------------------------------------------------------------------------------- */

struct order {
	struct model_channel *channel;
	size_t npipelines;
	struct converge_heal heal;
	struct converge_site site;
	struct converge_healing w;
	struct lt_err err;
};

static int
begin(void **state)
{
	static const char text[] = "channel: shop\nsites:\n  a: { id: 1, url: \"mysql://lutra@127.0.0.1:1\" }\n"
				   "  b: { id: 2, url: \"mysql://lutra@127.0.0.1:2\" }\n"
				   "direction: a <-> b\ntables: [shop.*]\nconflicts: last-writer-wins\n";
	struct order *o = lt_new(struct order);

	assert_true(model_channel_parse(LT_STR(text), "/nowhere/c.yaml", &o->channel, &o->err));
	o->heal = (struct converge_heal){ .channel = o->channel, .gone = lt_wake_new(), .crashed = true };
	o->site.channel = o->channel;
	o->site.model = &o->channel->sites[0];
	o->site.origin = (struct pipeline_origin){ .open = fake_open, .now = fake_now, .look = fake_look };
	o->site.interval_us = 1000000;
	o->w = (struct converge_healing){ .h = &o->heal, .site = &o->site, .server = SERVER, .arena = lt_arena_new() };
	change_position_init(&o->w.base_at);
	strcpy(o->w.base_at.server, SERVER);
	strcpy(o->w.base_at.place.file, OLD);
	o->w.base_state.origin = 1;
	converge_turn_init(&o->w.turn);
	look_code = open_code = LT_OK;
	*state = o;
	return 0;
}

static int
end(void **state)
{
	struct order *o = *state;

	model_channel_free(o->channel);
	lt_wake_free(o->heal.gone);
	conflict_vector_free(&o->w.survived);
	change_position_clear(&o->w.base_at);
	converge_turn_clear(&o->w.turn);
	lt_arena_free(o->w.arena);
	free(o);
	return 0;
}

/* Peers have read of the old file up to `held`. */
static void
has_log(struct order *o, const struct item *log, size_t n, uint64_t held)
{
	items = log;
	nitems = n;
	strcpy(o->w.held.file, OLD);
	o->w.held.pos = held;
}

static bool
finds(struct order *o)
{
	o->err = (struct lt_err){ 0 };
	return converge_crash_find(&o->w, &o->err);
}

/* Of the heartbeats alone: without pipelines to it nothing is asked of its tables. */
static bool
has_tables(struct order *o)
{
	size_t n = o->channel->npipelines;
	bool ok;

	o->err = (struct lt_err){ 0 };
	o->channel->npipelines = 0;
	ok = converge_crash_check_tables(&o->w, &o->err);
	o->channel->npipelines = n;
	return ok;
}

static void
is_refused(struct order *o, const char *why)
{
	assert_int_equal(o->err.code, LT_E_CANNOT_HEAL);
	if (strstr(o->err.message, why) == NULL)
		fail_msg("'%s' is not about '%s'", o->err.message, why);
}

/* -- where it lost its end ------------------------------------------------------------------------ */

static void
the_loss_is_behind_what_is_left_of_the_old_file(void **state)
{
	static const struct item log[] = { { OLD, 3, 4 }, { OLD, 0, 0 }, { NEW, 4, 5 }, { NEW, 0, 0 } };
	struct order *o = *state;

	has_log(o, log, LT_COUNT(log), 30);
	assert_true(finds(o));
	assert_string_equal(o->w.turn.at.place.file, OLD);
	assert_int_equal(o->w.turn.at.place.pos, 20);
	assert_true(has_tables(o));
	assert_int_equal(o->w.count, 1);
	assert_int_equal(conflict_vector_get(&o->w.survived, 1), 1);
}

static void
a_log_that_reaches_as_far_as_its_peers_lost_nothing(void **state)
{
	static const struct item log[] = { { OLD, 3, 4 }, { OLD, 0, 0 }, { NEW, 4, 5 } };
	struct order *o = *state;

	for (uint64_t held = 15; held <= 20; held += 5) {
		has_log(o, log, LT_COUNT(log), held);
		assert_false(finds(o));
		is_refused(o, "reaches as far");
	}
}

static void
behind_the_file_that_lost_its_end_there_must_be_another(void **state)
{
	static const struct item log[] = { { OLD, 3, 4 }, { OLD, 0, 0 } };
	struct order *o = *state;

	has_log(o, log, LT_COUNT(log), 30);
	assert_false(finds(o));
	is_refused(o, "nothing is in its log behind");
}

/* Tables of a later moment: the checkpoint is of what the log does not hold any more. */
static void
a_checkpoint_must_stand_in_what_is_left(void **state)
{
	static const struct item log[] = { { OLD, 3, 4 }, { NEW, 4, 5 } };
	struct order *o = *state;

	has_log(o, log, LT_COUNT(log), 30);
	open_code = LT_E_LOG_HISTORY;
	assert_false(finds(o));
	is_refused(o, "where its checkpoint stands");
	open_code = LT_E_CONNECT;
	assert_false(finds(o));
	assert_int_equal(o->err.code, LT_E_CONNECT);
}

static void
checkpoints_of_a_later_file_are_not_of_before_the_loss(void **state)
{
	static const struct item log[] = { { OLD, 3, 4 } };
	struct order *o = *state;
	struct change_position at;

	has_log(o, log, LT_COUNT(log), 30);
	change_position_init(&at);
	strcpy(at.server, SERVER);
	at.place = (struct change_place){ .file = OLD, .pos = 99 };
	assert_true(converge_crash_is_old(&o->w, &at));
	at.place = (struct change_place){ .file = NEW, .pos = 4 };
	assert_false(converge_crash_is_old(&o->w, &at));
	at.place = (struct change_place){ .file = OLD, .pos = 4 };
	strcpy(at.server, "another");
	assert_false(converge_crash_is_old(&o->w, &at));
	change_position_clear(&at);
}

/* -- its tables ----------------------------------------------------------------------------------- */

static void
without_a_heartbeat_since_it_came_back_it_is_to_be_asked_later(void **state)
{
	static const struct item log[] = { { OLD, 3, 4 }, { OLD, 4, 5 }, { NEW, 0, 0 } };
	struct order *o = *state;

	has_log(o, log, LT_COUNT(log), 30);
	assert_true(finds(o));
	assert_false(has_tables(o));
	assert_int_equal(o->err.code, LT_E_SERVER_BUSY);
}

static void
without_a_heartbeat_before_the_loss_nothing_can_be_compared(void **state)
{
	static const struct item log[] = { { OLD, 0, 0 }, { NEW, 3, 4 }, { NEW, 4, 5 } };
	struct order *o = *state;

	has_log(o, log, LT_COUNT(log), 30);
	assert_true(finds(o));
	assert_false(has_tables(o));
	is_refused(o, "no heartbeat is in its log");
}

static void
heartbeats_that_do_not_count_on_are_of_other_tables(void **state)
{
	static const struct item logs[][4] = { { { OLD, 2, 3 }, { OLD, 3, 4 }, { NEW, 5, 6 }, { NEW, 6, 7 } },
		{ { OLD, 2, 3 }, { OLD, 3, 4 }, { NEW, 3, 4 }, { NEW, 4, 5 } },
		{ { OLD, 2, 3 }, { OLD, 4, 5 }, { NEW, 5, 6 }, { NEW, 6, 7 } },
		{ { OLD, 2, 3 }, { OLD, 3, 4 }, { NEW, 4, 5 }, { NEW, 6, 7 } } };
	struct order *o = *state;

	for (size_t i = 0; i < LT_COUNT(logs); i++) {
		has_log(o, logs[i], LT_COUNT(logs[i]), 30);
		assert_true(finds(o));
		assert_false(has_tables(o));
		is_refused(o, "another moment");
	}
}

/* -- what peers have read ------------------------------------------------------------------------- */

static void
the_file_is_proved_by_an_event_that_a_peer_has_read(void **state)
{
	const struct change_place none = { .file = "" }, some = { .file = OLD, .pos = 20, .last_pos = 10 };
	struct order *o = *state;

	assert_true(converge_crash_prove(&o->w, &some, &o->err));
	assert_false(converge_crash_prove(&o->w, &none, &o->err));
	is_refused(o, "no place of that file");
	look_code = LT_E_LOG_HISTORY;
	assert_false(converge_crash_prove(&o->w, &some, &o->err));
	is_refused(o, "is not the one that its peers have read");
	look_code = LT_E_CONNECT;
	assert_false(converge_crash_prove(&o->w, &some, &o->err));
	assert_int_equal(o->err.code, LT_E_CONNECT);
}

/* -- an order that was given before --------------------------------------------------------------- */

/* Found on the server that stands there now, with the checkpoint that it was reckoned from. */
static bool
is_of_this_loss(struct order *o, const char *base_server, const char *held)
{
	strcpy(o->w.turn.at.server, SERVER);
	o->w.turn.at.place = (struct change_place){ .file = OLD, .pos = 20 };
	strcpy(o->w.base_at.server, base_server);
	strcpy(o->w.held.file, held);
	return converge_again_is_of_this_loss(&o->w);
}

static void
a_turn_counts_for_a_loss_of_its_kind_and_of_its_file(void **state)
{
	struct order *o = *state;

	assert_true(is_of_this_loss(o, SERVER, OLD));
	assert_false(is_of_this_loss(o, SERVER, NEW));      /* what was written behind it is lost, too */
	assert_false(is_of_this_loss(o, "the first", OLD)); /* it came as a replica, and crashed since */
	o->heal.crashed = false;
	assert_true(is_of_this_loss(o, "the first", ""));
	assert_false(is_of_this_loss(o, SERVER, ""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_loss_is_behind_what_is_left_of_the_old_file, begin, end),
		cmocka_unit_test_setup_teardown(a_log_that_reaches_as_far_as_its_peers_lost_nothing, begin, end),
		cmocka_unit_test_setup_teardown(behind_the_file_that_lost_its_end_there_must_be_another, begin, end),
		cmocka_unit_test_setup_teardown(a_checkpoint_must_stand_in_what_is_left, begin, end),
		cmocka_unit_test_setup_teardown(checkpoints_of_a_later_file_are_not_of_before_the_loss, begin, end),
		cmocka_unit_test_setup_teardown(
		    without_a_heartbeat_since_it_came_back_it_is_to_be_asked_later, begin, end),
		cmocka_unit_test_setup_teardown(
		    without_a_heartbeat_before_the_loss_nothing_can_be_compared, begin, end),
		cmocka_unit_test_setup_teardown(heartbeats_that_do_not_count_on_are_of_other_tables, begin, end),
		cmocka_unit_test_setup_teardown(the_file_is_proved_by_an_event_that_a_peer_has_read, begin, end),
		cmocka_unit_test_setup_teardown(a_turn_counts_for_a_loss_of_its_kind_and_of_its_file, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
