/* The same server came back without the end of its log. A server that starts begins a new file and never writes to an
 * old one, so what of the file that was current is still there is as it was, and all behind that file is new. GTIDs are
 * given a second time: they tell nothing. */
#include "converge/heal_priv.h"
#include "pipeline/connect.h"

static int
file_cmp(const char *a, const char *b)
{
	struct change_place left = { .pos = 0 }, right = { .pos = 0 };

	lt_str_copy(left.file, sizeof(left.file), lt_str_z(a));
	lt_str_copy(right.file, sizeof(right.file), lt_str_z(b));
	return change_place_cmp(&left, &right);
}

/* -- what peers have read ------------------------------------------------------------------------- */

bool
converge_crash_held(const struct converge_healing *w, size_t pipeline, struct change_position *at, struct lt_err *err)
{
	const struct model_channel *c = w->h->channel;
	struct my_conn *peer = NULL;
	bool ok = pipeline_connect(&c->sites[c->pipelines[pipeline].to], false, w->h->gone, &peer, err) &&
		  converge_store_lane(c, pipeline, peer, at, err);

	my_close(peer);
	return ok;
}

bool
converge_crash_meet(struct converge_healing *w, struct lt_err *err)
{
	const struct model_channel *c = w->h->channel;
	bool ok = true, begun = false, same = true;

	for (size_t i = 0; ok && i < c->npipelines; i++) {
		struct change_position at;
		bool here;

		if (!w->h->stands[i])
			continue;
		change_position_init(&at);
		ok = converge_crash_held(w, i, &at, err);
		here = ok && strcmp(at.server, w->server) == 0 && at.place.file[0] != '\0';
		if (begun)
			same = same && here == w->h->crashed && (!here || strcmp(at.place.file, w->held.file) == 0);
		if (here && change_place_cmp(&at.place, &w->held) > 0)
			w->held = at.place;
		w->h->crashed = here;
		begun = true;
		change_position_clear(&at);
	}
	if (ok && !same)
		ok = converge_heal_refuse(
		    w, err, "its peers have read its log up to different files: compare the sites");
	return ok;
}

bool
converge_crash_is_old(const struct converge_healing *w, const struct change_position *at)
{
	return strcmp(at->server, w->server) == 0 && at->place.file[0] != '\0' &&
	       file_cmp(at->place.file, w->held.file) <= 0;
}

static bool
want_all(void *ctx, struct lt_str schema, struct lt_str table)
{
	(void)ctx, (void)schema, (void)table;
	return true;
}

static bool
drop_rows(void *ctx, struct change_txn *t, size_t first, struct lt_err *err)
{
	(void)ctx, (void)err;
	t->nrows = first;
	t->shown = true;
	return true;
}

static bool
is_enough(void *ctx, const struct change_txn *t)
{
	(void)ctx, (void)t;
	return false;
}

/* What the log holds behind the place comes only after the event in front of it was met. Without GTIDs no other server
 * of the site answers. */
bool
converge_crash_log_has(const struct pipeline_origin *origin, const char *server, const struct change_place *read,
    bool *has, struct lt_err *err)
{
	const struct change_filter filter = { want_all, change_filter_no_ddl, NULL, drop_rows, false };
	struct change_position at;

	change_position_init(&at);
	lt_str_copy(at.server, sizeof(at.server), lt_str_z(server));
	at.place = *read;
	*has = origin->look(origin->ctx, &at, &filter, is_enough, err);
	change_position_clear(&at);
	if (*has || err->code != LT_E_LOG_HISTORY)
		return *has;
	*err = (struct lt_err){ 0 };
	return true;
}

bool
converge_crash_prove(const struct converge_healing *w, const struct change_place *last, struct lt_err *err)
{
	bool has = false;

	if (last->file[0] == '\0')
		return converge_heal_refuse(w, err,
		    "no place of that file before the loss is in what its peer's log still tells: compare the sites");
	if (!converge_crash_log_has(&w->site->origin, w->server, last, &has, err))
		return false;
	return has ||
	       converge_heal_refuse(w, err, "its file is not the one that its peers have read: compare the sites");
}

/* -- the site's log ------------------------------------------------------------------------------- */

/** Where a pipeline into the site stands, by the site's log. */
struct lane_at {
	bool known;
	uint64_t seq;
	struct change_place place;
};

/** What Lutra wrote before the loss, and what came of it. */
struct converge_looking {
	struct converge_healing *w;
	struct lane_at *now, *last; /* in the arena, of each pipeline: as read, and before the loss */
	bool goes_on;               /* behind the file that lost its end there is more */
	bool beat, beat_behind;     /* a heartbeat is in the log before the loss, and behind it */
	uint64_t beats;             /* how many the last one says; */
	bool broken;                /* one did not count on from that: */
	uint64_t logged, found;
};

static void
note_lane(void *ctx, const struct converge_lane_row *row)
{
	struct converge_looking *l = ctx;
	const struct model_channel *c = l->w->h->channel;

	for (size_t i = 0; i < c->npipelines; i++) {
		if (lt_str_eqz(row->pipeline, c->pipelines[i].name) && row->seq >= l->now[i].seq)
			l->now[i] = (struct lane_at){ true, row->seq, row->place };
	}
}

/* Each heartbeat counts on from the one before, in the tables. */
static void
note_beat(struct converge_looking *l, const struct converge_told *told)
{
	if (told == NULL || told->kind != CONVERGE_BEAT || !told->beat.counts)
		return;
	if (l->beat && !l->broken && told->beat.before != l->beats) {
		l->broken = true;
		l->logged = l->beats;
		l->found = told->beat.before;
	}
	l->beat_behind = l->goes_on;
	l->beat = l->beat || !l->goes_on;
	l->beats = told->beat.upto;
}

static bool
look_at(void *ctx, const struct converge_scan *r, const struct change_txn *t, struct change_position *at,
    struct lt_err *err)
{
	struct converge_looking *l = ctx;
	struct converge_healing *w = l->w;
	const struct converge_told *told = converge_told_of(t);

	if (file_cmp(t->end.file, w->held.file) > 0) {
		l->goes_on = true;
		note_beat(l, told);
		return true;
	}
	if (change_place_cmp(&t->end, &w->held) >= 0)
		return converge_heal_refuse(
		    w, err, "its log reaches as far as its peers have read it: compare the sites");
	change_txn_advance(t, at);
	note_beat(l, told);
	memcpy(l->last, l->now, w->h->channel->npipelines * sizeof(*l->last));
	if (told != NULL)
		converge_heal_follow(w, r, at);
	return true;
}

/** Further back than the checkpoint: where pipelines stood that were not moved behind it. */
struct reaching {
	struct converge_looking *l;
	struct change_place until; /* behind it all is known */
	struct lt_arena *scratch;
};

static bool
want_lane(void *ctx, struct lt_str schema, struct lt_str table)
{
	(void)ctx;
	return converge_table_of(schema, table) == CONVERGE_TABLE_LANE;
}

static void
note_older(struct converge_looking *l, const struct converge_lane_row *row)
{
	const struct model_channel *c = l->w->h->channel;

	for (size_t i = 0; i < c->npipelines; i++) {
		if (lt_str_eqz(row->pipeline, c->pipelines[i].name) && row->seq >= l->last[i].seq)
			l->last[i] = (struct lane_at){ true, row->seq, row->place };
	}
}

static bool
take_older(void *ctx, struct change_txn *t, size_t first, struct lt_err *err)
{
	struct reaching *r = ctx;
	struct change_place begins = { .pos = t->pos };
	bool ok = true;

	lt_str_copy(begins.file, sizeof(begins.file), lt_str_z(t->file));
	for (size_t i = first; ok && i < t->nrows && change_place_cmp(&begins, &r->until) < 0; i++) {
		struct converge_lane_row row;

		lt_arena_reset(r->scratch);
		ok = converge_table_lane(&t->rows[i], r->l->w->h->channel->name, r->scratch, &row, err);
		if (ok && row.ours)
			note_older(r->l, &row);
	}
	t->nrows = first;
	t->shown = true;
	return ok;
}

static bool
is_before(void *ctx, const struct change_txn *t)
{
	const struct reaching *r = ctx;

	return change_place_cmp(&t->end, &r->until) < 0;
}

static bool
knows_lanes(const struct converge_looking *l)
{
	const struct converge_healing *w = l->w;
	bool knows = true;

	for (size_t i = 0; i < w->h->channel->npipelines; i++)
		knows = knows && (w->h->channel->pipelines[i].to != w->h->site || l->last[i].known);
	return knows;
}

static bool
reach_to(void *ctx, const struct converge_found *found, struct lt_err *err)
{
	struct reaching *r = ctx;
	const struct converge_healing *w = r->l->w;
	const struct change_filter filter = { want_lane, change_filter_no_ddl, r, take_older, true };
	size_t n = w->h->channel->npipelines * sizeof(struct lane_at);
	struct lane_at *known;

	if (strcmp(found->at.server, w->server) != 0 || found->at.place.file[0] == '\0' ||
	    change_place_cmp(&found->at.place, &r->until) >= 0)
		return true;
	known = lt_arena_alloc(w->arena, n);
	memcpy(known, r->l->last, n);
	if (!w->site->origin.look(w->site->origin.ctx, &found->at, &filter, is_before, err)) {
		if (lt_err_kind(err) == LT_KIND_RETRY)
			return false;
		*err = (struct lt_err){ 0 };  /* no more of the log is there, */
		memcpy(r->l->last, known, n); /* and a later move may stand in what could not be read */
		return false;
	}
	r->until = found->at.place;
	return !knows_lanes(r->l);
}

/* A pipeline that was paused long before the loss, or by which nothing came, stood still since. */
static bool
reach_further(struct converge_looking *l, struct lt_err *err)
{
	struct reaching r = { .l = l, .until = l->w->base_at.place };
	bool ok;

	if (knows_lanes(l))
		return true;
	r.scratch = lt_arena_new();
	ok = converge_store_each(l->w->site, l->w->conn, reach_to, &r, err);
	lt_arena_free(r.scratch);
	return ok;
}

static bool
check_lane(const struct converge_looking *l, size_t pipeline, struct lt_err *err)
{
	const struct converge_healing *w = l->w;
	const struct lane_at *logged = &l->last[pipeline];
	struct change_position at;
	bool ok;

	change_position_init(&at);
	ok = converge_store_lane(w->h->channel, pipeline, w->conn, &at, err);
	if (ok && !logged->known)
		ok = lt_fail(err, LT_E_CANNOT_HEAL,
		    "site %s: pipeline %s was moved last before all that its checkpoints reach back to in its log, so its tables "
		    "cannot be compared with that: compare the sites",
		    w->site->model->name, w->h->channel->pipelines[pipeline].name);
	else if (ok && change_place_cmp(&at.place, &logged->place) != 0)
		ok = lt_fail(err, LT_E_CANNOT_HEAL,
		    "site %s: its tables are of another moment than the end of its log: pipeline %s stands at %s:%llu there, "
		    "and at %s:%llu in the log: compare the sites",
		    w->site->model->name, w->h->channel->pipelines[pipeline].name, at.place.file,
		    (unsigned long long)at.place.pos, logged->place.file, (unsigned long long)logged->place.pos);
	change_position_clear(&at);
	return ok;
}

/* The engine and the log each lose an end of their own. Of what Lutra wrote itself both must hold the same. */
bool
converge_crash_check_tables(const struct converge_healing *w, struct lt_err *err)
{
	struct converge_looking *l = w->looking;
	const struct model_channel *c = w->h->channel;
	bool ok;

	if (!l->beat_behind)
		return lt_fail(err, LT_E_SERVER_BUSY,
		    "site %s: no heartbeat was written since it came back: give the order again in a moment",
		    w->site->model->name);
	if (!l->beat)
		return converge_heal_refuse(w, err,
		    "no heartbeat is in its log between its checkpoints and the loss, so its tables cannot be compared "
		    "with that: compare the sites");
	if (l->broken)
		return lt_fail(err, LT_E_CANNOT_HEAL,
		    "site %s: its tables are of another moment than the end of its log: heartbeat %llu was the last there, "
		    "and %llu in the log: compare the sites",
		    w->site->model->name, (unsigned long long)l->found, (unsigned long long)l->logged);
	ok = reach_further(l, err);
	for (size_t i = 0; ok && i < c->npipelines; i++)
		ok = c->pipelines[i].to != w->h->site || check_lane(l, i, err);
	return ok;
}

bool
converge_crash_has_beat(const struct converge_healing *w)
{
	return w->looking->beat;
}

bool
converge_crash_find(struct converge_healing *w, struct lt_err *err)
{
	size_t n = w->h->channel->npipelines * sizeof(struct lane_at);
	struct converge_looking *l = lt_arena_zalloc(w->arena, sizeof(*l));
	struct converge_scan r = { .lane = note_lane, .ctx = l };

	l->w = w;
	l->now = lt_arena_zalloc(w->arena, n);
	l->last = lt_arena_zalloc(w->arena, n);
	w->looking = l;
	if (!converge_heal_read(w, &r, look_at, l, err)) {
		if (err->code != LT_E_LOG_HISTORY)
			return false;
		err->code = LT_E_CANNOT_HEAL; /* the place is one of its tables */
		return lt_wrap(err, "site %s: where its checkpoint stands", w->site->model->name);
	}
	return l->goes_on ||
	       converge_heal_refuse(w, err, "nothing is in its log behind the file that its peers have read last");
}
