/* The observing reader: log in, versions and memory out. It waits for nothing but the log (R21). */
#include <stdio.h>

#include "base/fault.h"
#include "base/log.h"
#include "converge/changes.h"
#include "converge/site_priv.h"
#include "pipeline/connect.h"
#include "pipeline/select.h"
#include "schema/ddl.h"

#define READ_STEP_MS 200
/* Why the log cannot be read is told again so often. */
#define TELL_AGAIN_US 60000000
/* Memory comes by the megabyte. */
#define OVER_LEAST ((uint64_t)2 << 20)

/** One connection's reading. */
struct observing {
	struct converge_site *site;
	struct my_conn *conn;           /* owned: catalog, weights */
	struct pipeline_router *router; /* owned */
	struct converge_shapes *shapes; /* owned */
	struct pipeline_select select;  /* what is mapped */
	struct change_source *source;   /* owned */
	struct lt_arena *arena;         /* owned: of the transaction in hand */
	struct converge_watcher watcher;
	bool select_made;
	bool changed; /* a statement that changes mapped tables was met since the catalog was looked at */
};

/* -- where to begin ------------------------------------------------------------------------------- */

/* The newest checkpoint of which every peer durably has all (R18). */
static bool
take_usable(void *ctx, const struct converge_found *found, struct lt_err *err)
{
	struct converge_site *s = ctx;
	struct converge_turn turn;

	converge_turn_init(&turn);
	if (!converge_turn_read(&found->state, &turn, err)) {
		converge_turn_clear(&turn);
		return false;
	}
	pthread_mutex_lock(&s->lock);
	if (conflict_peers_have(&s->durable, &found->state.seen)) {
		converge_turn_copy(&s->turn, &turn);
		s->observer = conflict_observer_resume(&found->state, s->interval_us, &s->memory);
		change_position_copy(&s->at, &found->at);
		s->read = found->at.place;
	}
	pthread_mutex_unlock(&s->lock);
	converge_turn_clear(&turn);
	return s->observer == NULL;
}

static bool
begin(struct converge_site *s, struct lt_err *err)
{
	struct my_conn *c = NULL;
	bool ok;

	if (s->observer != NULL)
		return true;
	ok = pipeline_connect(s->model, false, s->stop, &c, err) && converge_store_each(s, c, take_usable, s, err);
	my_close(c);
	return ok && (s->observer != NULL ||
			 lt_fail(err, LT_E_CHECKPOINT_GONE,
			     "site %s: lutra.checkpoint has none of which every peer has all", s->model->name));
}

static bool
describe(void *ctx, struct change_table *draft, struct lt_err *err)
{
	const struct observing *o = ctx;

	return converge_log_describe(o->router, draft, err);
}

/* A person ordered all who send the log to pass over what stands there. */
static bool
is_left_behind(void *ctx, const char *server, const struct change_place *at)
{
	const struct observing *o = ctx;
	struct converge_site *s = o->site;
	bool left = s->nsent > 0;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->nsent && left; i++) {
		const struct converge_sent *sent = &s->sent[i];

		left = sent->known && strcmp(sent->saved.server, server) == 0 &&
		       change_place_cmp(&sent->saved.place, at) > 0;
	}
	pthread_mutex_unlock(&s->lock);
	return left;
}

/* No pipeline stops at it, whosoever table it is of. */
static bool
makes_trigger(const struct observing *o, struct lt_str schema, struct lt_str sql, uint64_t sql_mode)
{
	struct schema_ddl ddl;

	schema_ddl_classify(sql, schema, sql_mode, o->arena, &ddl);
	return strcmp(ddl.verb, "CREATE TRIGGER") == 0;
}

/* What comes to the site is decided only by who has looked at its tables since. Those that are not mapped may be made
 * and dropped all day. */
static void
note_statement(void *ctx, struct lt_str schema, struct lt_str sql, uint64_t sql_mode, bool wanted)
{
	struct observing *o = ctx;
	struct converge_site *s = o->site;

	o->changed = o->changed || wanted;
	if (!wanted && !makes_trigger(o, schema, sql, sql_mode))
		return;
	pthread_mutex_lock(&s->lock);
	s->altered++;
	pthread_mutex_unlock(&s->lock);
}

static void
look_at_tables(struct observing *o)
{
	converge_shapes_free(o->shapes);
	pipeline_router_free(o->router);
	o->router = pipeline_router_new(converge_site_mapping(o->site), o->conn, false);
	o->shapes = converge_shapes_new(o->site->channel, o->router);
	o->changed = false;
}

static bool
open_log(struct observing *o, struct lt_err *err)
{
	struct converge_site *s = o->site;
	struct conflict_checkpoint state;
	struct converge_log_start start = { .channel = s->channel->name,
		.origin = &s->origin,
		.place = &s->at,
		.state = &state,
		.interval_us = s->interval_us,
		.txn_limit_bytes = s->channel->memory_bytes / PIPELINE_MEMORY_SHARES,
		.watcher = &o->watcher };
	struct change_filter filter;
	struct change_describer describer;

	if (!pipeline_connect(s->model, false, s->stop, &o->conn, err) || !converge_site_measure(s, o->conn, err))
		return false;
	o->watcher = (struct converge_watcher){ is_left_behind, note_statement, o };
	look_at_tables(o);
	pipeline_select_init(&o->select, s->channel->name, converge_site_mapping(s), NULL);
	o->select_made = true;
	pipeline_select_filter(&o->select, &filter, &describer);
	describer = (struct change_describer){ describe, o };
	conflict_observer_checkpoint(s->observer, LT_STR(""), o->arena, &state);
	converge_turn_note(&s->turn, o->arena, &state);
	return converge_log_open(&start, &filter, &describer, &o->source, err);
}

static void
close_log(struct observing *o)
{
	change_source_close(o->source);
	if (o->select_made)
		pipeline_select_clear(&o->select);
	converge_shapes_free(o->shapes);
	pipeline_router_free(o->router);
	my_close(o->conn);
	lt_arena_free(o->arena);
}

/* Beyond what may be spilled memory is taken all the same, as much again as is to be used at all; then reading waits
 * until there is room, and with it whatever comes to the site (R24). */
static bool
has_room(struct converge_site *s, struct lt_err *err)
{
	struct lt_err why = { 0 };
	bool has;

	pthread_mutex_lock(&s->lock);
	has =
	    change_heap_has_room(s->heap, LT_MAX(s->channel->memory_bytes / PIPELINE_MEMORY_SHARES, OVER_LEAST), &why);
	pthread_mutex_unlock(&s->lock);
	return has || lt_fail(err, LT_E_KEYS_FULL, "what must be remembered of rows has no room: %s", why.message);
}

/* -- reading -------------------------------------------------------------------------------------- */

/* Behind the lock. */
static bool
tell_local(struct observing *o, const struct change_txn *t, const struct converge_changes *changes, struct lt_err *err)
{
	const struct converge_told *told = converge_told_of(t);
	struct conflict_txn txn = { .changes = changes->at, .nchanges = changes->count };

	conflict_observer_local(o->site->observer, (int64_t)t->written_us, &txn);
	o->site->status.local++;
	return conflict_version_same(txn.version, told->version) ||
	       lt_fail(err, LT_E_INTERNAL, "two clocks over one log differ");
}

/* The audit's alarm. Behind the lock. */
static void
note_back(struct observing *o, const struct change_txn *t)
{
	struct converge_site *s = o->site;
	struct converge_back *back = &s->status.back;
	struct lt_str key = conflict_observer_back_key(s->observer);
	const struct converge_shape *shape = converge_shapes_of_key(o->shapes, key);
	struct lt_buf text = { 0 };

	if (back->at.file[0] == '\0')
		lt_log(LT_LOG_WARN,
		    "site %s: in its log the version of a row went back, in the transaction that ends at %s:%llu: it was decided "
		    "wrongly; `lutra status` counts such rows",
		    s->model->name, t->end.file, (unsigned long long)t->end.pos);
	back->at = t->end;
	back->table[0] = '\0';
	if (shape != NULL)
		snprintf(back->table, sizeof(back->table), "%.*s.%.*s", LT_FMT(converge_shape_target(shape)->schema),
		    LT_FMT(converge_shape_target(shape)->name));
	converge_shape_key_text(shape, key, &text);
	lt_str_copy(back->key, sizeof(back->key), lt_buf_str(&text));
	lt_buf_free(&text);
}

static bool
tell_mark(struct observing *o, const struct change_txn *t, const struct converge_told *told, struct lt_err *err)
{
	uint64_t before = conflict_observer_went_back(o->site->observer);
	struct conflict_mark mark;

	if (told->mark.ptr == NULL)
		return true;
	if (!conflict_mark_decode(told->mark, o->arena, &mark, err))
		return false;
	conflict_observer_mark(o->site->observer, &mark);
	if (conflict_observer_went_back(o->site->observer) > before)
		note_back(o, t);
	converge_site_round_pins(o->site, mark.pins, mark.npins);
	o->site->status.marks++;
	return true;
}

static bool
tell(struct observing *o, const struct change_txn *t, const struct converge_changes *changes, struct lt_err *err)
{
	const struct converge_told *told = converge_told_of(t);

	if (told == NULL)
		return true; /* a place between transactions */
	if (told->begins != 0) {
		conflict_observer_begin(o->site->observer, told->begins, told->above_us);
		o->site->turn.origin = 0;
	}
	switch (told->kind) {
	case CONVERGE_LOCAL: return tell_local(o, t, changes, err);
	case CONVERGE_MARK: return tell_mark(o, t, told, err);
	case CONVERGE_BEAT:
		conflict_observer_beat(o->site->observer, told->beat.timed ? &told->beat.us : NULL);
		return true;
	case CONVERGE_OTHER: conflict_observer_pass(o->site->observer, (int64_t)t->written_us); return true;
	case CONVERGE_GIVEN: break; /* to senders alone */
	}
	return true;
}

/* Images that lack columns cannot be sent either: who is behind them was ordered to. Nothing of them is remembered. */
static bool
make_changes(struct observing *o, const struct change_txn *t, struct converge_changes *out, struct lt_err *err)
{
	struct change_place at = { .pos = t->pos };

	*out = (struct converge_changes){ .arena = o->arena, .own = true };
	if (converge_changes_of(o->shapes, t, NULL, 0, out, err))
		return true;
	lt_str_copy(at.file, sizeof(at.file), lt_str_z(t->file));
	if (err->code != LT_E_CONFLICT_IMAGE || !is_left_behind(o, o->source->server, &at)) {
		change_txn_where(t, &err->where);
		return false;
	}
	*err = (struct lt_err){ 0 };
	*out = (struct converge_changes){ 0 };
	return true;
}

static bool
take(struct observing *o, struct change_txn *t, struct lt_err *err)
{
	struct converge_site *s = o->site;
	const struct converge_told *told = converge_told_of(t);
	struct converge_changes changes = { 0 };
	bool ok;

	lt_arena_reset(o->arena);
	if (told != NULL && told->kind == CONVERGE_LOCAL && !make_changes(o, t, &changes, err))
		return false;
	pthread_mutex_lock(&s->lock);
	ok = tell(o, t, &changes, err);
	if (ok) {
		change_txn_advance(t, &s->at);
		s->read = s->at.place;
		pthread_cond_broadcast(&s->moved);
	}
	pthread_mutex_unlock(&s->lock);
	return ok;
}

/* Nothing came: what stands behind the last transaction, such as a new file's head, was passed. */
static void
note_place(struct observing *o)
{
	struct converge_site *s = o->site;

	pthread_mutex_lock(&s->lock);
	change_source_place(o->source, &s->read);
	pthread_cond_broadcast(&s->moved);
	pthread_mutex_unlock(&s->lock);
}

static bool
is_halted(struct converge_site *s)
{
	bool halted;

	pthread_mutex_lock(&s->lock);
	halted = s->halted;
	pthread_mutex_unlock(&s->lock);
	return halted;
}

static bool
read_on(struct observing *o, struct lt_err *err)
{
	struct converge_site *s = o->site;

	while (!converge_site_is_ending(s) && !is_halted(s)) {
		struct change_txn *t = NULL;
		bool ok;

		if (!has_room(s, err))
			return false;
		if (!change_source_next(o->source, READ_STEP_MS, &t, err))
			return false;
		if (t == NULL)
			note_place(o);
		ok = t == NULL || take(o, t, err);
		change_txn_free(t);
		if (!ok)
			return false;
		if (o->changed) /* its rows may be told apart by other columns, or by another collation */
			look_at_tables(o);
	}
	return true;
}

/* The same server as before, or one that has all of it: places are its own from here on. */
static void
meet(struct observing *o)
{
	struct converge_site *s = o->site;

	pthread_mutex_lock(&s->lock);
	if (strcmp(s->at.server, o->source->server) != 0)
		s->at.place = s->read = (struct change_place){ .file = "" };
	memcpy(s->at.server, o->source->server, sizeof(s->at.server));
	s->status.err = (struct lt_err){ 0 };
	pthread_mutex_unlock(&s->lock);
}

static void
note_failure(struct converge_site *s, const struct lt_err *err)
{
	uint64_t now = lt_mono_us(s->clock);
	bool news;

	pthread_mutex_lock(&s->lock);
	news = s->told_code != err->code || now - s->told_us >= TELL_AGAIN_US;
	s->told_code = err->code;
	s->told_us = news ? now : s->told_us;
	s->status.err = *err;
	pthread_mutex_unlock(&s->lock);
	if (news)
		lt_log(LT_LOG_WARN, "site %s: its log cannot be read for conflicts: E%d %s", s->model->name,
		    (int)err->code, err->message);
}

static bool
await_base(struct converge_site *s)
{
	pthread_mutex_lock(&s->lock);
	if (s->halted)
		converge_site_start_over(s);
	while ((!s->based || s->halted) && !converge_site_is_ending(s)) {
		s->reader_rests = s->halted;
		pthread_cond_broadcast(&s->moved);
		pthread_cond_wait(&s->moved, &s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	return !converge_site_is_ending(s);
}

/* Another server, and not all of it is there: what is known of the site is what that server has. */
static void
begin_anew(struct converge_site *s)
{
	pthread_mutex_lock(&s->lock);
	converge_site_start_over(s);
	pthread_mutex_unlock(&s->lock);
}

void
converge_observe(void *site)
{
	struct converge_site *s = site;
	unsigned tries = 0;

	do {
		struct observing o = { .site = s };
		struct change_place from;
		struct lt_err err = { 0 };

		if (!await_base(s))
			return;
		o.arena = lt_arena_new();
		if (begin(s, &err) && has_room(s, &err) && open_log(&o, &err)) {
			meet(&o);
			from = s->at.place; /* nobody else moves it */
			(void)read_on(&o, &err);
			tries = change_place_cmp(&from, &s->at.place) != 0 ? 0 : tries;
		}
		close_log(&o);
		if (err.code != LT_OK && err.code != LT_E_CANCELLED)
			note_failure(s, &err);
		if (err.code == LT_E_LOG_HISTORY)
			begin_anew(s);
	} while (converge_site_wait(s, tries++));
}
