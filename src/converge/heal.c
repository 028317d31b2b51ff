#include "converge/heal.h"

#include <inttypes.h>

#include "base/fault.h"
#include "converge/site_priv.h"
#include "mysql/sql.h"
#include "pipeline/connect.h"
#include "pipeline/select.h"

#define READ_STEP_MS 200

/** What is found out before anything is written. */
struct healing {
	struct converge_heal *h;
	struct converge_site *site;
	struct my_conn *conn; /* owned: to the site */
	char server[64];      /* who stands there now */
	uint64_t server_id;
	uint64_t base;                  /* the newest checkpoint before the loss, by its id in lutra.checkpoint; */
	bool has_base;                  /* found */
	bool done;                      /* by an order before this one: `at` is known */
	struct change_position base_at; /* owned */
	struct conflict_checkpoint base_state; /* in arena */
	struct conflict_vector survived;       /* owned: what the site's log holds before the loss */
	uint64_t count;                        /* the number of its last transaction there */
	struct converge_turn turn;             /* owned: to be noted */
	struct lt_arena *arena;                /* owned */
};

static bool
refuse(const struct healing *w, struct lt_err *err, const char *why)
{
	return lt_fail(err, LT_E_CANNOT_HEAL, "site %s: %s", w->site->model->name, why);
}

/* -- reading a site's log up to its end, for what is ours in it ----------------------------------- */

/** Only lutra.lane is let through, which makes marks of origin known. */
struct reading {
	struct pipeline_select select;
	struct change_filter inner;
	struct change_source *source; /* owned */
	struct change_position end;   /* owned */
};

static bool
want_lane(void *ctx, struct lt_str schema, struct lt_str table)
{
	(void)ctx;
	return lt_str_eqz(schema, "lutra") && lt_str_eqz(table, "lane");
}

static bool
want_no_ddl(void *ctx, struct lt_str schema, struct lt_str sql, uint64_t mode, struct lt_err *err)
{
	(void)ctx, (void)schema, (void)sql, (void)mode, (void)err;
	return false;
}

static bool
take_rows(void *ctx, struct change_txn *t, size_t first, struct lt_err *err)
{
	const struct reading *r = ctx;

	return r->inner.rows(r->inner.ctx, t, first, err);
}

static bool
reading_open(struct reading *r, struct converge_site *s, const struct change_position *from,
    const struct conflict_checkpoint *state, const struct change_position *behind, struct lt_err *err)
{
	struct change_filter filter = { want_lane, want_no_ddl, r, take_rows, true };
	struct change_describer ignored;
	struct converge_log_start start = { .channel = s->channel->name,
		.origin = &s->origin,
		.place = from,
		.state = state,
		.interval_us = s->interval_us,
		.behind = behind,
		.txn_limit_bytes = s->channel->memory_bytes / PIPELINE_MEMORY_SHARES };

	pipeline_select_init(&r->select, s->channel->name, converge_site_mapping(s), NULL);
	pipeline_select_filter(&r->select, &r->inner, &ignored);
	change_position_init(&r->end);
	return s->origin.now(s->origin.ctx, &r->end, err) && converge_log_open(&start, &filter, NULL, &r->source, err);
}

static void
reading_close(struct reading *r)
{
	change_source_close(r->source);
	pipeline_select_clear(&r->select);
	change_position_clear(&r->end);
}

/* *t NULL: the log's end, as it was, is reached. Users may write on. */
static bool
reading_next(struct reading *r, const struct converge_heal *h, struct change_txn **t, struct lt_err *err)
{
	struct change_place at = { .file = "" };

	*t = NULL;
	change_source_place(r->source, &at);
	while (*t == NULL && change_place_cmp(&at, &r->end.place) < 0) {
		if (lt_wake_raised(h->gone))
			return lt_fail(err, LT_E_CANCELLED, "nobody waits for the answer any more");
		if (!change_source_next(r->source, READ_STEP_MS, t, err))
			return false;
		change_source_place(r->source, &at);
	}
	return true;
}

/* -- the site's log ------------------------------------------------------------------------------- */

static bool
meet(struct healing *w, struct lt_err *err)
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

/* Written before the server came to stand here: those that it wrote itself tell nothing of the loss. */
static bool
take_base(void *ctx, const struct converge_found *found, struct lt_err *err)
{
	struct healing *w = ctx;
	bool turned = found->state.turn_origin != 0;

	if (turned && !converge_turn_read(&found->state, &w->turn, err))
		return false;
	if (turned && strcmp(w->turn.at.server, w->server) == 0) {
		w->done = true;
		return false;
	}
	if (turned)
		return refuse(w, err, "it lost the end of its log before, and no checkpoint was written since");
	if (strcmp(found->at.server, w->server) == 0)
		return true;
	w->has_base = true;
	w->base = found->id;
	change_position_copy(&w->base_at, &found->at);
	w->base_state = found->state;
	w->base_state.seen = conflict_vector_copy(&found->state.seen, w->arena);
	w->base_state.pins = NULL;
	w->base_state.npins = 0;
	return false;
}

static void
follow(struct healing *w, const struct conflict_clock *clock)
{
	w->count = clock->count;
	conflict_vector_free(&w->survived);
	conflict_vector_merge(&w->survived, &clock->seen);
}

/* The loss is where the server began to write by itself: in front of the last of what only it wrote. */
static bool
find_loss(struct healing *w, struct lt_err *err)
{
	struct change_position at;
	struct reading r = { 0 };
	struct change_txn *t;
	bool ok;

	change_position_init(&at);
	change_position_copy(&at, &w->base_at);
	change_position_copy(&w->turn.at, &w->base_at);
	w->count = w->base_state.count;
	conflict_vector_merge(&w->survived, &w->base_state.seen);
	ok = reading_open(&r, w->site, &w->base_at, &w->base_state, NULL, err);
	if (ok && strcmp(at.server, r.source->server) != 0)
		at.place = w->turn.at.place = (struct change_place){ .file = "" };
	while (ok && (ok = reading_next(&r, w->h, &t, err)) && t != NULL) {
		change_txn_advance(t, &at);
		if (converge_told_of(t) != NULL && t->server_id != w->server_id) {
			change_position_copy(&w->turn.at, &at);
			follow(w, converge_log_clock(r.source));
		}
		change_txn_free(t);
	}
	lt_str_copy(w->turn.at.server, sizeof(w->turn.at.server), lt_str_z(w->server));
	if (ok && strcmp(r.source->server, w->server) != 0)
		ok = lt_fail(err, LT_E_SERVER_BUSY, "site %s: two servers answer for it", w->site->model->name);
	reading_close(&r);
	change_position_clear(&at);
	return ok;
}

/* -- what peers have of it ------------------------------------------------------------------------ */

static bool
look_at_mark(struct healing *w, const struct converge_told *told, uint64_t *newest, struct lt_err *err)
{
	struct lt_arena *arena = lt_arena_new();
	struct conflict_mark mark;
	bool ok = conflict_mark_decode(told->mark, arena, &mark, err);

	for (uint32_t i = 0; ok && i < mark.ntxns; i++) {
		struct conflict_version v = mark.txns[i].version;

		if (v.origin != w->base_state.origin || v.seq <= w->count)
			continue;
		if (v.seq > *newest)
			w->h->lost++;
		*newest = LT_MAX(*newest, v.seq);
		w->turn.above_us = LT_MAX(w->turn.above_us, v.clock_us);
		for (uint32_t k = 0; ok && k < mark.txns[i].nwon; k++) {
			if (mark.txns[i].won[k].listed)
				ok = refuse(w, err,
				    "what it lost is of a table with another policy than last-writer-wins: compare the sites");
			else if (mark.txns[i].won[k].state == CONFLICT_PARKED)
				ok = refuse(w, err, "a row that it lost is parked at a peer: compare the sites");
		}
	}
	lt_arena_free(arena);
	return ok;
}

/* Of what the site has not applied yet, which is all that a peer can have written after the loss. */
static bool
read_peer(struct healing *w, struct converge_site *peer, size_t index, uint64_t *newest, struct lt_err *err)
{
	struct change_position from, place;
	struct conflict_checkpoint state;
	struct reading r = { 0 };
	struct change_txn *t;
	bool ok, opened = false;

	change_position_init(&from);
	change_position_init(&place);
	ok = converge_store_lane(w->h->channel, index, w->conn, &from, err) &&
	     converge_site_stored(peer, &from, &place, w->arena, &state, err);
	if (ok) {
		opened = true;
		ok = reading_open(&r, peer, &place, &state, &from, err);
	}
	while (ok && (ok = reading_next(&r, w->h, &t, err)) && t != NULL) {
		const struct converge_told *told = converge_told_of(t);

		if (told != NULL && told->kind == CONVERGE_MARK && t->own && told->mark.ptr != NULL)
			ok = look_at_mark(w, told, newest, err);
		change_txn_free(t);
	}
	if (opened)
		reading_close(&r);
	change_position_clear(&from);
	change_position_clear(&place);
	return ok || lt_wrap(err, "while looking for what site %s has", peer->model->name);
}

static bool
read_peers(struct healing *w, struct lt_err *err)
{
	uint64_t first = 0;
	bool begun = false;

	for (size_t i = 0; i < w->h->channel->npipelines; i++) {
		const struct model_pipeline *p = &w->h->channel->pipelines[i];
		uint64_t newest = w->count;

		if (p->to != w->h->site)
			continue;
		w->h->lost = 0;
		if (!read_peer(w, w->h->sites[p->from], i, &newest, err))
			return false;
		if (begun && newest != first)
			return refuse(w, err,
			    "its peers do not have the same of what it lost, and none hands it on: compare the sites");
		first = newest;
		begun = true;
	}
	return true;
}

/* -- what was heard of it ------------------------------------------------------------------------- */

/** Whether a site can begin again with what it has heard. */
struct usable {
	const struct conflict_peers *heard;
	uint64_t below; /* the id of a checkpoint; those behind it do not count */
	bool found;
};

static bool
is_usable(void *ctx, const struct converge_found *found, struct lt_err *err)
{
	struct usable *u = ctx;

	(void)err;
	u->found = found->id <= u->below && conflict_peers_have(u->heard, &found->state.seen);
	return !u->found;
}

static bool
read_heard(
    struct healing *w, struct converge_site *s, struct my_conn *c, struct conflict_peers *heard, struct lt_err *err)
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
lower_peer(struct healing *w, struct converge_site *peer, bool write, struct lt_err *err)
{
	struct conflict_peers heard = { 0 };
	struct usable u = { &heard, UINT64_MAX, false };
	struct my_conn *c = NULL;
	bool ok;

	ok = pipeline_connect(peer->model, false, w->h->gone, &c, err) &&
	     my_exec(c, "SET SESSION autocommit=1, time_zone='+00:00'", NULL, err) &&
	     read_heard(w, peer, c, &heard, err);
	if (ok) {
		conflict_peers_lower(&heard, w->site->model->id, &w->survived);
		ok = write ? write_heard(peer, c, &heard, err) : converge_store_each(peer, c, is_usable, &u, err);
	}
	if (ok && !write && !u.found)
		ok = lt_fail(err, LT_E_CANNOT_HEAL,
		    "site %s: more is lost than it keeps checkpoints for: compare the sites, and begin the channel anew",
		    peer->model->name);
	conflict_peers_free(&heard);
	my_close(c);
	return ok;
}

static bool
lower_peers(struct healing *w, bool write, struct lt_err *err)
{
	for (size_t i = 0; i < w->h->channel->nsites; i++) {
		if (i != w->h->site && !lower_peer(w, w->h->sites[i], write, err))
			return false;
	}
	return true;
}

/* The same of the site itself, with what its own database says. */
static bool
check_site(struct healing *w, struct lt_err *err)
{
	struct conflict_peers heard = { 0 };
	struct usable u = { &heard, w->base, false };
	bool ok =
	    read_heard(w, w->site, w->conn, &heard, err) && converge_store_each(w->site, w->conn, is_usable, &u, err);

	conflict_peers_free(&heard);
	return ok && (u.found || refuse(w, err, "none of its checkpoints before the loss can be begun at"));
}

/* -- what its checkpoints say --------------------------------------------------------------------- */

/** Rewriting checkpoints: the statements. */
struct rewrite {
	struct healing *w;
	struct lt_buf *sql;
};

static bool
turn_checkpoint(void *ctx, const struct converge_found *found, struct lt_err *err)
{
	struct rewrite *r = ctx;
	struct conflict_checkpoint state = found->state;
	struct lt_arena *arena;
	struct lt_buf bytes = { 0 };
	struct my_reply reply;
	bool ok;

	lt_buf_clear(r->sql);
	if (found->id > r->w->base || state.turn_origin != 0) {
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
	ok = my_exec(r->w->conn, lt_buf_cstr(r->sql), &reply, err);
	lt_buf_free(&bytes);
	lt_arena_free(arena);
	return ok;
}

static bool
turn(struct healing *w, struct lt_err *err)
{
	struct lt_buf sql = { 0 };
	struct rewrite r = { w, &sql };
	bool ok = my_exec(w->conn, "BEGIN", NULL, err) &&
		  converge_store_each(w->site, w->conn, turn_checkpoint, &r, err) &&
		  my_exec(w->conn, "COMMIT", NULL, err);

	lt_buf_free(&sql);
	return ok || lt_wrap(err, "lutra.checkpoint");
}

/* -- the whole ------------------------------------------------------------------------------------ */

static bool
heal(struct healing *w, struct lt_err *err)
{
	if (!meet(w, err) || !converge_store_each(w->site, w->conn, take_base, w, err))
		return false;
	if (w->done) {
		change_position_copy(&w->h->at, &w->turn.at);
		return true;
	}
	if (!w->has_base)
		return refuse(w, err,
		    "its server is the one that was read before, or holds no checkpoint from before it stood in: compare the sites, and begin the channel anew");
	if (!find_loss(w, err) || !read_peers(w, err) || !check_site(w, err) || !lower_peers(w, false, err))
		return false;
	w->turn.origin = w->base_state.origin + conflict_origin(0, 1);
	lt_step("heal.lower");
	if (!lower_peers(w, true, err))
		return false;
	lt_step("heal.turn");
	if (!turn(w, err))
		return false;
	lt_step("heal.turned");
	change_position_copy(&w->h->at, &w->turn.at);
	return true;
}

bool
converge_heal(struct converge_heal *h, struct lt_err *err)
{
	struct healing w = { .h = h, .site = h->sites[h->site], .arena = lt_arena_new() };
	bool ok = true;

	change_position_init(&w.base_at);
	converge_turn_init(&w.turn);
	for (size_t i = 0; ok && i < h->channel->nsites; i++)
		ok = converge_site_halt(h->sites[i], h->gone, err);
	ok = ok && heal(&w, err);
	for (size_t i = 0; i < h->channel->nsites; i++)
		converge_site_go_on(h->sites[i]);
	my_close(w.conn);
	conflict_vector_free(&w.survived);
	change_position_clear(&w.base_at);
	converge_turn_clear(&w.turn);
	lt_arena_free(w.arena);
	return ok;
}
