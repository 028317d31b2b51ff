#include "converge/heal.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/fault.h"
#include "converge/altered.h"
#include "converge/heal_priv.h"
#include "mysql/sql.h"
#include "pipeline/connect.h"
#include "schema/ddl.h"

bool
converge_heal_refuse(const struct converge_healing *w, struct lt_err *err, const char *why)
{
	return lt_fail(err, LT_E_CANNOT_HEAL, "site %s: %s", w->site->model->name, why);
}

bool
converge_heal_by_hand(const struct converge_healing *w, struct lt_err *err)
{
	const struct change_place *at = &w->turn.at.place;
	size_t len = strlen(err->message);

	snprintf(err->message + len, sizeof(err->message) - len,
	    ": let its rows stand, and write there what users wrote at site %s since: its log has that behind %s:%llu",
	    w->site->model->name, at->file, (unsigned long long)at->pos);
	return false;
}

/* -- the site's log ------------------------------------------------------------------------------- */

static bool
meet(struct converge_healing *w, struct lt_err *err)
{
	struct my_rows *rows = NULL;
	bool ok;

	if (!pipeline_connect(w->site->model, false, w->h->gone, &w->conn, err) ||
	    !my_exec(w->conn, "SET SESSION autocommit=1, time_zone='+00:00'", NULL, err) ||
	    !w->site->origin.identity(w->site->origin.ctx, w->conn, w->server, err) ||
	    !my_query(w->conn, "SELECT @@server_id", &rows, err))
		return false;
	ok = rows->nrows == 1 && lt_str_u64(my_rows_at(rows, 0, 0), &w->server_id);
	my_rows_free(rows);
	return ok || lt_fail(err, LT_E_PROTOCOL, "server_id is no number");
}

static void
keep_state(const struct conflict_checkpoint *from, struct lt_arena *arena, struct conflict_checkpoint *out)
{
	*out = *from;
	out->seen = conflict_vector_copy(&from->seen, arena);
	out->turn = lt_arena_str(arena, from->turn);
	out->pins = NULL;
	out->npins = 0;
}

static void
take(struct converge_healing *w, const struct converge_found *found)
{
	w->has_base = true;
	w->base = found->id;
	change_position_copy(&w->base_at, &found->at);
	keep_state(&found->state, w->arena, &w->base_state);
}

/* Written before the loss: those that another server wrote itself since it stands there tell nothing of it. After a
 * crash the one before: so some of what Lutra wrote last is read again, to be compared. */
static bool
take_base(void *ctx, const struct converge_found *found, struct lt_err *err)
{
	struct converge_healing *w = ctx;
	bool more, turned = found->state.turn_origin != 0;

	if (turned && w->has_base)
		return false;
	if (turned && !converge_turn_read(&found->state, &w->turn, err))
		return false;
	w->done = turned && strcmp(w->turn.at.server, w->server) == 0;
	if (turned && !w->done)
		return converge_heal_refuse(
		    w, err, "it lost the end of its log before, and no checkpoint was written since");
	if (!w->done &&
	    (w->h->crashed ? !converge_crash_is_old(w, &found->at) : strcmp(found->at.server, w->server) == 0))
		return true;
	more = w->h->crashed && !w->done && !w->has_base;
	take(w, found);
	return more;
}

/* The one before that, unless it is of before another loss. */
static bool
take_older(void *ctx, const struct converge_found *found, struct lt_err *err)
{
	struct converge_healing *w = ctx;

	(void)err;
	if (found->id >= w->base || !converge_crash_is_old(w, &found->at))
		return true;
	if (found->state.turn_origin == 0)
		take(w, found);
	return false;
}

/* Of users' transactions a scan shows no rows: they are counted, and no vector has them. */
static void
note_own(struct converge_healing *w)
{
	conflict_vector_raise(&w->survived, w->base_state.origin, w->count);
}

void
converge_heal_follow(struct converge_healing *w, const struct converge_scan *r, const struct change_position *at)
{
	const struct conflict_clock *clock = converge_log_clock(r->source);

	change_position_copy(&w->turn.at, at);
	w->count = clock->count;
	conflict_vector_free(&w->survived);
	conflict_vector_merge(&w->survived, &clock->seen);
	note_own(w);
}

bool
converge_heal_read(
    struct converge_healing *w, struct converge_scan *r, converge_look_fn *look, void *ctx, struct lt_err *err)
{
	struct change_position at;
	struct change_txn *t;
	bool ok;

	change_position_init(&at);
	change_position_copy(&at, &w->base_at);
	change_position_copy(&w->turn.at, &w->base_at);
	w->count = w->base_state.count;
	conflict_vector_merge(&w->survived, &w->base_state.seen);
	note_own(w);
	ok = converge_scan_open(r, w->site, &w->base_at, &w->base_state, NULL, err);
	if (ok && strcmp(at.server, r->source->server) != 0) /* by GTIDs: the place is another server's */
		at.place = w->turn.at.place = (struct change_place){ .file = "" };
	while (ok && (ok = converge_scan_next(r, w->h, &t, err)) && t != NULL) {
		ok = look(ctx, r, t, &at, err);
		change_txn_free(t);
	}
	if (ok && strcmp(r->source->server, w->server) != 0)
		ok = lt_fail(err, LT_E_SERVER_BUSY, "site %s: two servers answer for it", w->site->model->name);
	converge_scan_close(r);
	lt_str_copy(w->turn.at.server, sizeof(w->turn.at.server), lt_str_z(w->server));
	change_position_clear(&at);
	return ok;
}

static bool
follow_replicated(void *ctx, const struct converge_scan *r, const struct change_txn *t, struct change_position *at,
    struct lt_err *err)
{
	struct converge_healing *w = ctx;

	(void)err;
	change_txn_advance(t, at);
	if (converge_told_of(t) != NULL && t->server_id != w->server_id)
		converge_heal_follow(w, r, at);
	return true;
}

/* The loss is where the server began to write by itself: in front of the last of what only it wrote. */
static bool
find_loss(struct converge_healing *w, struct lt_err *err)
{
	struct converge_scan r = { 0 };

	return converge_heal_read(w, &r, follow_replicated, w, err);
}

/* What was read again since the server came back has checkpoints, too, so those before the loss may be at its very end:
 * then nothing is behind them that could be compared. */
static bool
find_crash(struct converge_healing *w, struct lt_err *err)
{
	uint64_t base;
	bool ok;

	do {
		base = w->base;
		ok = converge_crash_find(w, err) &&
		     (converge_crash_has_beat(w) || converge_store_each(w->site, w->conn, take_older, w, err));
	} while (ok && w->base != base);
	return ok;
}

/* -- what peers have of it ------------------------------------------------------------------------ */

/** What a peer's log says of the site's. */
struct told_of {
	struct converge_healing *w;
	const char *pipeline;
	struct change_place last; /* how far it had read it: in the file that lost its end, and there still */
	struct converge_regain *regain;
	struct converge_regain *there;   /* the site's tables, as the one before has the peer's */
	uint64_t newest;                 /* of the site's transactions that it lost and the peer has */
	struct converge_altered altered; /* of some of them rows stand in marks, or are parked, or do not fit */
	struct lt_err misfit;            /* why, of the first of those */
	bool later;                      /* it wrote as an origin that it does not know of */
};

static void
note_lane(void *ctx, const struct converge_lane_row *row)
{
	struct told_of *here = ctx;
	const struct change_position *end = &here->w->turn.at;

	if (lt_str_eqz(row->pipeline, here->pipeline) && lt_str_eqz(row->server, here->w->server) &&
	    row->place.last_pos != 0 && strcmp(row->place.file, here->w->held.file) == 0 &&
	    change_place_cmp(&row->place, &end->place) <= 0)
		here->last = row->place;
}

static void
note_lost(struct told_of *here, struct conflict_version v)
{
	struct converge_heal *h = here->w->h;

	h->lost += v.seq > here->newest ? 1 : 0;
	here->newest = LT_MAX(here->newest, v.seq);
	here->w->turn.above_us = LT_MAX(here->w->turn.above_us, v.clock_us);
}

/* Of tables whose operations a mark lists, or whose rows may be parked, it names no columns. */
static void
note_won(struct told_of *here, const struct conflict_won *won)
{
	const struct schema_table *table = converge_regain_table(here->regain, won->key);
	struct lt_where where = { .line = 0 };

	if (!won->listed && won->after == NULL && won->state != CONFLICT_PARKED)
		return;
	if (table != NULL)
		lt_where_table(&where, table->schema, table->name);
	converge_altered_note(&here->altered, lt_str_z(where.table));
}

/* A row that does not fit at the site is of behind a statement that the site has not run yet, or of before one that it
 * has, which comes behind the row in the log. */
static bool
note_unfit(struct told_of *here, const struct change_txn *t, struct lt_err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < t->nrows; i++) {
		const struct change_table *table = t->rows[i].table;
		struct lt_where where = { .line = 0 };
		bool fits = true;

		ok = converge_regain_fits(here->there, table, &fits, err);
		if (fits)
			continue;
		lt_where_table(&where, table->schema, table->name);
		converge_altered_note(&here->altered, lt_str_z(where.table));
	}
	return ok;
}

/* Whether the site has lost that transaction of it. */
static bool
is_lost(struct told_of *here, struct conflict_version v)
{
	const struct converge_healing *w = here->w;

	if (conflict_origin_site(v.origin) != w->site->model->id)
		return false;
	here->later = here->later || v.origin > w->base_state.origin; /* numbers begin anew with each */
	if (v.origin != w->base_state.origin)
		return !conflict_vector_has(&w->survived, v);
	if (v.seq > w->count)
		note_lost(here, v);
	return v.seq > w->count;
}

/* A row that does not fit its table may be of before a statement, which comes behind it in the log. */
static bool
put_off(struct told_of *here, struct lt_err *err)
{
	if (lt_err_kind(err) == LT_KIND_RETRY)
		return false;
	err->code = LT_E_CANNOT_HEAL;
	if (err->where.table[0] == '\0')
		return false;
	converge_altered_note(&here->altered, lt_str_z(err->where.table));
	here->misfit = here->misfit.code != LT_OK ? here->misfit : *err;
	*err = (struct lt_err){ 0 };
	return true;
}

/* What is lost is made up as it will be given back: so it is known that it can. */
static bool
look_at_group(void *ctx, struct change_txn *t, const struct conflict_mark *mark, struct lt_err *err)
{
	struct told_of *here = ctx;
	const uint32_t *owner;
	bool lost = false;

	for (uint32_t i = 0; i < mark->ntxns; i++)
		lost = is_lost(here, mark->txns[i].version) || lost;
	if (here->later)
		return converge_heal_refuse(here->w, err,
		    "its peers have what users wrote there behind another loss, and this server knows nothing of that: it would "
		    "count as the same as what they write now: compare the sites");
	if (!lost)
		return true;
	if (!converge_regain_rows(here->regain, t, mark, &owner, err))
		return put_off(here, err);
	if (!note_unfit(here, t, err))
		return false;
	for (uint32_t i = 0; i < mark->ntxns; i++) {
		const struct conflict_mark_txn *txn = &mark->txns[i];
		bool its = conflict_origin_site(txn->version.origin) == here->w->site->model->id;

		for (uint32_t k = 0; its && k < txn->nwon; k++)
			note_won(here, &txn->won[k]);
	}
	return true;
}

static size_t
back_of(const struct converge_healing *w, size_t index)
{
	const struct model_channel *c = w->h->channel;

	return (size_t)(model_channel_back(c, &c->pipelines[index]) - c->pipelines);
}

/* To the checkpoint before that one, if there is one: so some of what came from the site before the loss is read. */
static void
reach_back(const struct converge_healing *w, struct converge_site *peer, struct change_position *place,
    struct conflict_checkpoint *state)
{
	struct change_position before;
	struct lt_err none = { 0 };
	bool found;

	if (place->place.file[0] == '\0' || place->place.pos == 0)
		return;
	change_position_init(&before);
	change_position_copy(&before, place);
	before.place.pos--;
	found = converge_site_stored(peer, &before, place, w->arena, state, &none);
	(void)found; /* else both are as they were */
	change_position_clear(&before);
}

/* Whoever mends that by hand needs what the peer does not have, too. */
static bool
fail_altered(
    const struct told_of *here, const struct change_txn *t, struct lt_str table, const char *peer, struct lt_err *err)
{
	const struct converge_healing *w = here->w;
	struct lt_buf statement = { 0 };

	schema_ddl_shown(t->ddl, t->ddl_mode, &statement);
	*err = (struct lt_err){ 0 };
	change_txn_where(t, &err->where);
	lt_str_copy(err->where.table, sizeof(err->where.table), table);
	lt_fail(err, LT_E_CANNOT_HEAL,
	    "site %s: behind what it lost site %s ran: %.200s: what was lost of %.*s is of the table as it was, so it cannot be "
	    "given back. Site %s has it",
	    w->site->model->name, peer, lt_buf_cstr(&statement), LT_FMT(table), peer);
	lt_buf_free(&statement);
	return converge_heal_by_hand(w, err);
}

static bool
scan_peer(struct told_of *here, struct converge_scan *r, const char *peer, struct lt_err *err)
{
	struct change_txn *t;
	bool ok = true, more = true;

	while (ok && more) {
		struct lt_str table;

		ok = converge_scan_next(r, here->w->h, &t, err);
		more = ok && t != NULL;
		if (more && t->kind == CHANGE_TXN_DDL && converge_altered_by(&here->altered, t, &table))
			ok = fail_altered(here, t, table, peer, err);
		if (more)
			change_txn_free(t);
	}
	if (ok && here->misfit.code != LT_OK)
		*err = here->misfit;
	return ok && here->misfit.code == LT_OK;
}

/* Of what the site has not applied yet, which is all that a peer can have written after the loss. */
static bool
read_peer(struct converge_healing *w, size_t index, uint64_t *newest, struct lt_err *err)
{
	const struct model_pipeline *p = &w->h->channel->pipelines[index];
	struct converge_site *peer = w->h->sites[p->from];
	struct change_position from, place;
	struct conflict_checkpoint state;
	struct told_of here = { .w = w,
		.pipeline = w->h->channel->pipelines[back_of(w, index)].name,
		.regain = converge_regain_new(w->h->channel, p, w->h->gone),
		.there = converge_regain_new(w->h->channel, model_channel_back(w->h->channel, p), w->h->gone),
		.newest = w->count,
		.altered = { .arena = w->arena } };
	struct converge_scan r = {
		.lane = w->h->crashed ? note_lane : NULL, .group = look_at_group, .regain = here.regain, .ctx = &here
	};
	bool ok, opened = false;

	change_position_init(&from);
	change_position_init(&place);
	ok = converge_store_lane(w->h->channel, index, w->conn, &from, err) &&
	     converge_site_stored(peer, &from, &place, w->arena, &state, err);
	if (ok && w->h->crashed)
		reach_back(w, peer, &place, &state);
	if (ok) {
		opened = true;
		ok = converge_scan_open(&r, peer, &place, &state, &from, err) &&
		     scan_peer(&here, &r, peer->model->name, err);
	}
	if (opened)
		converge_scan_close(&r);
	converge_regain_free(here.regain);
	converge_regain_free(here.there);
	change_position_clear(&from);
	change_position_clear(&place);
	ok = ok && (!w->h->crashed || converge_crash_prove(w, &here.last, err));
	*newest = here.newest;
	return ok || lt_wrap(err, "while looking for what site %s has", peer->model->name);
}

static bool
fail_unlike(const struct converge_healing *w, const struct converge_site *one, const struct converge_site *other,
    uint64_t has, struct lt_err *err)
{
	return lt_fail(err, LT_E_CANNOT_HEAL,
	    "site %s: its peers do not have the same of what it lost, and none hands it on: site %s has its transactions up "
	    "to number %" PRIu64 ", site %s up to number %" PRIu64
	    ": take the one that has less out of the channel first",
	    w->site->model->name, one->model->name, w->last, other->model->name, has);
}

static bool
read_peers(struct converge_healing *w, struct lt_err *err)
{
	const struct converge_site *first = NULL;

	for (size_t i = 0; i < w->h->channel->npipelines; i++) {
		const struct model_pipeline *p = &w->h->channel->pipelines[i];
		uint64_t newest = 0;

		if (p->to != w->h->site)
			continue;
		w->h->lost = 0;
		if (!read_peer(w, i, &newest, err))
			return false;
		if (first != NULL && newest != w->last)
			return fail_unlike(w, first, w->h->sites[p->from], newest, err);
		w->last = newest;
		first = first != NULL ? first : w->h->sites[p->from];
	}
	return true;
}

/* -- what was heard of it ------------------------------------------------------------------------- */

/** Whether a site can begin again with what it has heard. */
struct usable {
	const struct conflict_peers *heard;
	const struct converge_healing *w;
	size_t site; /* of the one that lost its tail those behind the loss do not count */
	bool found;
	struct change_position at; /* of the newest one; owned */
	struct conflict_checkpoint state;
};

/* What was read once more after a crash was noted once more. Those from before another loss go, too. */
static bool
stays(const struct converge_healing *w, const struct converge_found *found)
{
	return found->id <= w->base && found->state.turn_origin == 0 &&
	       (!w->h->crashed || found->id == w->base || converge_site_reaches(&found->at, &w->turn.at));
}

static bool
is_usable(void *ctx, const struct converge_found *found, struct lt_err *err)
{
	struct usable *u = ctx;

	(void)err;
	u->found =
	    (u->site != u->w->h->site || stays(u->w, found)) && conflict_peers_have(u->heard, &found->state.seen);
	if (!u->found)
		return true;
	change_position_copy(&u->at, &found->at);
	keep_state(&found->state, u->w->arena, &u->state);
	return false;
}

/* Nothing is written yet. */
static bool
find_usable(const struct converge_healing *w, size_t site, struct my_conn *c, const struct conflict_peers *heard,
    bool *found, struct lt_err *err)
{
	struct usable u = { .heard = heard, .w = w, .site = site };
	bool ok;

	change_position_init(&u.at);
	ok = converge_store_each(w->h->sites[site], c, is_usable, &u, err) &&
	     (!u.found || converge_heal_reread(w, site, &u.at, &u.state, err));
	*found = u.found;
	change_position_clear(&u.at);
	return ok;
}

static bool
read_heard(struct converge_healing *w, struct converge_site *s, struct my_conn *c, struct conflict_peers *heard,
    struct lt_err *err)
{
	struct lt_buf sql = { 0 };
	struct my_rows *rows = NULL;
	bool ok;

	lt_buf_z(&sql, "SELECT CAST(heard AS BINARY) FROM lutra.site WHERE channel=");
	my_sql_text(&sql, lt_str_z(s->channel->name));
	for (size_t i = 0; i < w->h->channel->nsites; i++) {
		if (w->h->sites[i] != s)
			conflict_peers_add(heard, w->h->channel->sites[i].id);
	}
	ok = my_query(c, lt_buf_cstr(&sql), &rows, err) &&
	     (rows->nrows == 1 || lt_fail(err, LT_E_STATE_BROKEN, "lutra.site has lost the channel's row")) &&
	     conflict_peers_decode(my_rows_at(rows, 0, 0), heard, err);
	my_rows_free(rows);
	lt_buf_free(&sql);
	return ok;
}

static bool
write_heard(struct converge_site *s, struct my_conn *c, const struct conflict_peers *heard, struct lt_err *err)
{
	struct lt_buf sql = { 0 }, bytes = { 0 };
	bool ok;

	conflict_peers_encode(heard, &bytes);
	lt_buf_z(&sql, "UPDATE lutra.site SET heard=");
	my_sql_bytes(&sql, lt_buf_str(&bytes));
	lt_buf_z(&sql, " WHERE channel=");
	my_sql_text(&sql, lt_str_z(s->channel->name));
	ok = my_exec(c, lt_buf_cstr(&sql), NULL, err);
	lt_buf_free(&bytes);
	lt_buf_free(&sql);
	return ok;
}

/* What the peer took for seen by the site is no more than what its log still holds; the peer must be able to begin
 * again with that. `write` false: only whether it is. */
static bool
lower_peer(struct converge_healing *w, size_t index, bool write, struct lt_err *err)
{
	struct converge_site *peer = w->h->sites[index];
	struct conflict_peers heard = { 0 };
	struct my_conn *c = NULL;
	bool ok, found = true;

	ok = pipeline_connect(peer->model, false, w->h->gone, &c, err) &&
	     my_exec(c, "SET SESSION autocommit=1, time_zone='+00:00'", NULL, err) &&
	     read_heard(w, peer, c, &heard, err);
	if (ok) {
		conflict_peers_lower(&heard, w->site->model->id, &w->survived);
		ok = write ? write_heard(peer, c, &heard, err) : find_usable(w, index, c, &heard, &found, err);
	}
	if (ok && !found)
		ok = lt_fail(err, LT_E_CANNOT_HEAL,
		    "site %s: more is lost than it keeps checkpoints for: compare the sites, and begin the channel anew",
		    peer->model->name);
	conflict_peers_free(&heard);
	my_close(c);
	return ok;
}

static bool
lower_peers(struct converge_healing *w, bool write, struct lt_err *err)
{
	for (size_t i = 0; i < w->h->channel->nsites; i++) {
		if (i != w->h->site && !lower_peer(w, i, write, err))
			return false;
	}
	return true;
}

/* The same of the site itself, with what its own database says. */
static bool
check_site(struct converge_healing *w, struct lt_err *err)
{
	struct conflict_peers heard = { 0 };
	bool found = false;
	bool ok =
	    read_heard(w, w->site, w->conn, &heard, err) && find_usable(w, w->h->site, w->conn, &heard, &found, err);

	conflict_peers_free(&heard);
	return ok && (found || converge_heal_refuse(w, err, "none of its checkpoints before the loss can be begun at"));
}

/* -- what its checkpoints say --------------------------------------------------------------------- */

/** Rewriting checkpoints: the statements. */
struct rewrite {
	struct converge_healing *w;
	struct lt_buf *sql;
};

static bool
turn_checkpoint(void *ctx, const struct converge_found *found, struct lt_err *err)
{
	struct rewrite *r = ctx;
	struct conflict_checkpoint state = found->state;
	struct lt_arena *arena;
	struct lt_buf bytes = { 0 };
	bool ok;

	lt_buf_clear(r->sql);
	if (!stays(r->w, found)) {
		lt_buf_printf(r->sql, "DELETE FROM lutra.checkpoint WHERE id=%" PRIu64 " AND channel=", found->id);
		my_sql_text(r->sql, lt_str_z(r->w->site->channel->name));
		return my_exec(r->w->conn, lt_buf_cstr(r->sql), NULL, err);
	}
	arena = lt_arena_new();
	converge_turn_note(&r->w->turn, arena, &state);
	conflict_checkpoint_encode(&state, &bytes);
	lt_buf_z(r->sql, "UPDATE lutra.checkpoint SET state=");
	my_sql_bytes(r->sql, lt_buf_str(&bytes));
	lt_buf_printf(r->sql, " WHERE id=%" PRIu64 " AND channel=", found->id);
	my_sql_text(r->sql, lt_str_z(r->w->site->channel->name));
	ok = my_exec(r->w->conn, lt_buf_cstr(r->sql), NULL, err);
	lt_buf_free(&bytes);
	lt_arena_free(arena);
	return ok;
}

/* Until it is back nothing is forgotten that it may not have seen: it comes later than what its writer knew. */
static bool
await_lost(struct converge_healing *w, struct lt_err *err)
{
	struct conflict_peers heard = { 0 };
	bool ok = read_heard(w, w->site, w->conn, &heard, err);

	conflict_peers_await(&heard, w->base_state.origin, &w->survived, w->last);
	ok = ok && write_heard(w->site, w->conn, &heard, err);
	conflict_peers_free(&heard);
	return ok;
}

static bool
turn(struct converge_healing *w, struct lt_err *err)
{
	struct lt_buf sql = { 0 };
	struct rewrite r = { w, &sql };
	bool ok = my_exec(w->conn, "BEGIN", NULL, err) && await_lost(w, err) &&
		  converge_store_each(w->site, w->conn, turn_checkpoint, &r, err) &&
		  my_exec(w->conn, "COMMIT", NULL, err);

	lt_buf_free(&sql);
	return ok || lt_wrap(err, "lutra.checkpoint");
}

/* -- the whole ------------------------------------------------------------------------------------ */

static bool
look(struct converge_healing *w, struct lt_err *err)
{
	return meet(w, err) && converge_crash_meet(w, err) && converge_store_each(w->site, w->conn, take_base, w, err);
}

/* Who reads on without the turn takes what is new for what was lost. */
static bool
check_stands(const struct converge_healing *w, struct lt_err *err)
{
	const struct model_channel *c = w->h->channel;

	for (size_t i = 0; i < c->npipelines; i++) {
		if (c->pipelines[i].from == w->h->site && !w->h->stands[i])
			return lt_fail(err, LT_E_USAGE, "%s is not stopped by E%d: the site has its log",
			    c->pipelines[i].name, (int)LT_E_LOG_HISTORY);
	}
	return true;
}

/* Before the sites stand still: it may be done, and those that go on are not to be disturbed. Peers are asked by what
 * they read. */
static bool
look_before(struct converge_healing *w, bool *done, struct lt_err *err)
{
	*done = false;
	if (!look(w, err) || !(w->done ? converge_again_check(w, err) : check_stands(w, err)))
		return false;
	*done = w->done && converge_again_is_known(w);
	return true;
}

static bool
heal(struct converge_healing *w, struct lt_err *err)
{
	if (!look(w, err))
		return false;
	if (w->done)
		return true;
	if (!check_stands(w, err))
		return false;
	if (!w->has_base)
		return converge_heal_refuse(w, err,
		    "its server holds no checkpoint from before the loss: compare the sites, and begin the channel anew");
	if (!(w->h->crashed ? find_crash(w, err) : find_loss(w, err)) || !read_peers(w, err) ||
	    (w->h->crashed && !converge_crash_check_tables(w, err)) || !check_site(w, err) ||
	    !lower_peers(w, false, err))
		return false;
	w->turn.origin = w->base_state.origin + conflict_origin(0, 1);
	lt_step("heal.lower");
	if (!lower_peers(w, true, err))
		return false;
	lt_step("heal.turn");
	if (!turn(w, err))
		return false;
	lt_step("heal.turned");
	return true;
}

static void
begin(struct converge_healing *w, struct converge_heal *h)
{
	*w = (struct converge_healing){ .h = h, .site = h->sites[h->site], .arena = lt_arena_new() };
	change_position_init(&w->base_at);
	converge_turn_init(&w->turn);
}

static void
end(struct converge_healing *w)
{
	change_position_copy(&w->h->at, &w->turn.at);
	w->h->again = w->done;
	my_close(w->conn);
	conflict_vector_free(&w->survived);
	change_position_clear(&w->base_at);
	converge_turn_clear(&w->turn);
	lt_arena_free(w->arena);
}

static bool
heal_at_rest(struct converge_heal *h, struct lt_err *err)
{
	struct converge_healing w;
	bool ok = true;

	begin(&w, h);
	for (size_t i = 0; ok && i < h->channel->nsites; i++)
		ok = converge_site_halt(h->sites[i], h->gone, err);
	ok = ok && heal(&w, err);
	for (size_t i = 0; i < h->channel->nsites; i++)
		converge_site_go_on(h->sites[i]);
	end(&w);
	return ok;
}

bool
converge_heal(struct converge_heal *h, struct lt_err *err)
{
	struct converge_healing w;
	bool ok, done;

	begin(&w, h);
	ok = look_before(&w, &done, err);
	end(&w);
	return ok && (done || heal_at_rest(h, err));
}
