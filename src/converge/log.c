#include "converge/log.h"

#include <pthread.h>

#include "base/fault.h"
#include "base/log.h"
#include "converge/tables.h"
#include "converge/turn.h"
#include "schema/history.h"

/** A table that could not be described, and why. */
struct refused {
	uint64_t table; /* change_table.id */
	struct lt_err err;
};

/* Owner: the reader's thread. */
struct log {
	struct change_source base;
	struct pipeline_origin origin; /* of it */
	size_t txn_limit_bytes;
	pthread_mutex_t lock;        /* of the next two, since any thread may cancel */
	struct change_source *inner; /* owned */
	bool cancelled;
	struct change_position at;         /* owned: all up to there was handed out or passed over */
	const char *channel;               /* borrowed */
	struct change_filter filter;       /* of who takes the transactions, */
	struct change_describer describer; /* both */
	struct conflict_clock clock;
	struct converge_turn turn;              /* ahead */
	const struct converge_giver *giver;     /* borrowed; NULL: what was applied here is not looked at */
	const struct converge_watcher *watcher; /* both borrowed; NULL: who sends */
	struct lt_arena *scratch;               /* owned: decoding of our own rows */
	bool has_behind, met;                   /* `behind` was passed */
	bool elsewhere; /* it is not known as a place of this log: GTIDs tell what is before it */
	struct change_position behind;
	struct change_gtid newest; /* elsewhere: of those before it */
	struct refused *refused;   /* owned: met before `behind` */
	size_t nrefused;
};

/* -- what Lutra wrote ----------------------------------------------------------------------------- */

static bool
want_table(void *ctx, struct lt_str schema, struct lt_str table)
{
	struct log *l = ctx;

	return converge_table_of(schema, table) != CONVERGE_TABLE_NONE || l->filter.table(l->filter.ctx, schema, table);
}

/* Rows before `behind` may have another shape than whoever takes the transactions knows: nobody will look at them. */
static void
put_off(struct log *l, const struct change_table *draft, const struct lt_err *err)
{
	l->refused = lt_realloc(l->refused, (l->nrefused + 1) * sizeof(*l->refused));
	l->refused[l->nrefused++] = (struct refused){ draft->id, *err };
}

/* Ours are read by place. */
static bool
describe(void *ctx, struct change_table *draft, struct lt_err *err)
{
	struct log *l = ctx;
	struct lt_err why = { 0 };

	if (converge_table_of(draft->schema, draft->name) != CONVERGE_TABLE_NONE || l->describer.complete == NULL ||
	    l->describer.complete(l->describer.ctx, draft, &why))
		return true;
	if (l->has_behind && lt_err_kind(&why) == LT_KIND_FATAL) {
		put_off(l, draft, &why);
		return true;
	}
	*err = why;
	return false;
}

/* A transaction that is handed on. */
static bool
check_tables(const struct log *l, const struct change_txn *t, struct lt_err *err)
{
	for (size_t i = 0; i < l->nrefused; i++) {
		for (size_t k = 0; k < t->ntables; k++) {
			if (t->tables[k]->id != l->refused[i].table)
				continue;
			*err = l->refused[i].err;
			change_txn_where(t, &err->where);
			return false;
		}
	}
	return true;
}

static bool
want_ddl(void *ctx, struct lt_str schema, struct lt_str sql, uint64_t sql_mode, struct lt_err *err)
{
	struct log *l = ctx;
	bool wanted = l->filter.ddl(l->filter.ctx, schema, sql, sql_mode, err);

	if (l->watcher != NULL)
		l->watcher->met(l->watcher->ctx, schema, sql, sql_mode, wanted);
	return wanted;
}

/* One piece: the struct, its vector, its mark. */
static struct converge_told *
tell(struct change_txn *t, enum converge_kind kind, const struct conflict_vector *seen, struct lt_str mark)
{
	size_t vector = seen != NULL ? seen->count * sizeof(*seen->at) : 0;
	struct converge_told *told = lt_calloc(1, sizeof(*told) + vector + mark.len);
	char *at = (char *)(told + 1);

	*told = (struct converge_told){ .kind = kind };
	if (vector > 0) {
		memcpy(at, seen->at, vector);
		told->seen = (struct conflict_vector){ (struct conflict_seen *)(void *)at, seen->count, 0 };
	}
	if (mark.ptr != NULL) {
		memcpy(at + vector, mark.ptr, mark.len);
		told->mark = lt_str_of(at + vector, mark.len);
	}
	free(t->told);
	t->told = told;
	return told;
}

/* A row of ours, by place in every version of schema lutra. */
static bool
take_row(struct log *l, struct change_txn *t, const struct change_row *row, struct lt_err *err)
{
	struct converge_own own;

	lt_arena_reset(l->scratch);
	if (!converge_table_read(row, l->channel, l->scratch, &own, err))
		return false;
	if (!own.ours)
		return true;
	switch (own.table) {
	case CONVERGE_TABLE_MARK: tell(t, CONVERGE_MARK, NULL, own.mark); break;
	case CONVERGE_TABLE_SITE: tell(t, CONVERGE_BEAT, NULL, (struct lt_str){ 0 })->beat = own.beat; break;
	case CONVERGE_TABLE_LANE:
		if (t->told == NULL)
			tell(t, CONVERGE_MARK, NULL, (struct lt_str){ 0 });
		break;
	default: break;
	}
	return true;
}

static enum converge_table
table_of_rows(const struct change_txn *t, size_t first)
{
	return first < t->nrows ? converge_table_of(t->rows[first].table->schema, t->rows[first].table->name)
				: CONVERGE_TABLE_NONE;
}

/* What was applied here is wanted only where it may have to be given back. */
static bool
is_to_look_at(const struct log *l, const struct change_txn *t)
{
	return t->own && l->giver != NULL && l->giver->may(l->giver->ctx);
}

static bool
take_wanted(struct log *l, struct change_txn *t, size_t first, struct lt_err *err)
{
	bool back = table_of_rows(t, first) == CONVERGE_TABLE_NONE && is_to_look_at(l, t);
	bool ok;

	t->own = t->own && !back;
	ok = l->filter.rows(l->filter.ctx, t, first, err);
	t->own = t->own || back;
	return ok;
}

/* Rows of ours are looked at; lutra.lane's go on to who knows marks of origin, lutra.parked's to who gives back, all
 * others end here. */
static bool
sift(void *ctx, struct change_txn *t, size_t first, struct lt_err *err)
{
	struct log *l = ctx;
	enum converge_table table = table_of_rows(t, first);

	for (size_t i = first; table != CONVERGE_TABLE_NONE && i < t->nrows; i++) {
		if (!take_row(l, t, &t->rows[i], err))
			return false;
	}
	if (table == CONVERGE_TABLE_PARKED && is_to_look_at(l, t))
		return true;
	if (table != CONVERGE_TABLE_NONE && table != CONVERGE_TABLE_LANE) {
		t->nrows = first;
		t->shown = true;
		return true;
	}
	return l->filter.rows == NULL || take_wanted(l, t, first, err);
}

bool
converge_log_describe(struct pipeline_router *router, struct change_table *draft, struct lt_err *err)
{
	const struct schema_table *known = NULL;
	struct lt_err differs = { 0 };

	if (!pipeline_router_table(router, draft->schema, draft->name, &known, &differs)) {
		if (lt_err_kind(&differs) == LT_KIND_RETRY) {
			*err = differs;
			return false;
		}
		return true;
	}
	if (!schema_complete(known, draft, &differs))
		return draft->named || lt_fail(err, LT_E_CONFLICT_IMAGE, "the log does not name the table's columns");
	return true;
}

/* -- numbering ------------------------------------------------------------------------------------ */

static bool
take_mark(struct log *l, const struct converge_told *told, struct lt_err *err)
{
	struct conflict_mark mark;

	if (told->mark.ptr == NULL)
		return true; /* progress alone */
	lt_arena_reset(l->scratch);
	if (!conflict_mark_decode(told->mark, l->scratch, &mark, err))
		return lt_wrap(err, "lutra.mark");
	for (uint32_t i = 0; i < mark.ntxns; i++)
		conflict_clock_applied(&l->clock, mark.txns[i].version);
	return true;
}

static bool
tell_what_it_is(struct log *l, struct change_txn *t, struct lt_err *err)
{
	const struct converge_told *told = t->told;
	bool local = t->kind == CHANGE_TXN_ROWS && change_txn_rows(t) > 0 && !t->own;

	if (told != NULL && told->kind == CONVERGE_MARK && t->own)
		return take_mark(l, told, err);
	if (told != NULL && told->kind == CONVERGE_BEAT) {
		struct converge_beat beat = told->beat;

		conflict_clock_beat(&l->clock, beat.timed ? &beat.us : NULL);
		tell(t, CONVERGE_BEAT, &l->clock.seen, (struct lt_str){ 0 })->beat = beat;
		return true;
	}
	if (local) {
		struct conflict_version version = conflict_clock_local(&l->clock, (int64_t)t->written_us);

		tell(t, CONVERGE_LOCAL, &l->clock.seen, (struct lt_str){ 0 })->version = version;
	} else {
		conflict_clock_pass(&l->clock, (int64_t)t->written_us);
		tell(t, CONVERGE_OTHER, NULL, (struct lt_str){ 0 });
	}
	return true;
}

static bool
number(struct log *l, struct change_txn *t, struct lt_err *err)
{
	struct converge_told *told;
	bool turns;

	if (t->kind == CHANGE_TXN_PLACE && t->gtid.kind == CHANGE_GTID_NONE)
		return true; /* between transactions; when it comes depends on who reads */
	turns = l->turn.origin != 0 && converge_turn_is_before(&l->turn, l->base.server, t);
	if (turns)
		conflict_clock_begin(&l->clock, l->turn.origin, l->turn.above_us);
	if (!tell_what_it_is(l, t, err))
		return false;
	told = t->told;
	if (turns) {
		told->begins = l->turn.origin;
		told->above_us = l->turn.above_us;
		l->turn.origin = 0;
	}
	return true;
}

/* -- passing over what was handed on -------------------------------------------------------------- */

static bool
is_before(const struct log *l, const struct change_txn *t)
{
	if (!l->elsewhere)
		return change_place_cmp(&t->end, &l->behind.place) <= 0;
	return t->gtid.kind == CHANGE_GTID_NONE || change_gtid_set_has(l->behind.gtids, &t->gtid);
}

/* Versions go by the log's order: that of a replica must be its source's, with nothing of its own in between. */
static bool
check_order(struct log *l, const struct change_txn *t, bool before, struct lt_err *err)
{
	struct change_gtid *newest = &l->newest;
	bool known = before || (t->gtid.kind != CHANGE_GTID_NONE && change_gtid_set_has(l->behind.gtids, &t->gtid));
	bool same = t->gtid.kind == CHANGE_GTID_MYSQL && newest->kind == CHANGE_GTID_MYSQL &&
		    memcmp(t->gtid.uuid, newest->uuid, sizeof(newest->uuid)) == 0 &&
		    strcmp(t->gtid.tag, newest->tag) == 0;

	if (!known)
		return true;
	if (!before || (same && t->gtid.seq < newest->seq)) {
		change_txn_where(t, &err->where);
		return lt_fail(err, LT_E_LOG_ORDER,
		    "the server's log has this transaction behind one that came later, or never, in the log that was read before");
	}
	if (t->gtid.kind != CHANGE_GTID_NONE)
		*newest = t->gtid;
	return true;
}

/* The log must hold what was read of it (R13). A place by hand, or behind a rotation, has no event to compare. */
static bool
check_met(struct log *l, const struct change_txn *t, struct lt_err *err)
{
	const struct change_place *at = &l->behind.place;

	if (change_place_cmp(&t->end, at) != 0)
		return true;
	l->met = true;
	if (at->last_pos == 0 || lt_fault("r13_history") ||
	    (t->end.last_pos == at->last_pos && t->end.last_crc == at->last_crc))
		return true;
	change_txn_where(t, &err->where);
	return lt_fail(err, LT_E_LOG_HISTORY,
	    "the event that ends at %s:%llu is not the one that was read there before", at->file,
	    (unsigned long long)at->pos);
}

static bool
pass_over(struct log *l, struct change_txn **t, struct lt_err *err)
{
	bool by_place = !l->elsewhere && l->behind.place.last_pos != 0;
	bool before = l->has_behind && is_before(l, *t), ok = true;

	if (l->elsewhere)
		ok = check_order(l, *t, before, err);
	if (before || !ok) {
		ok = ok && (!by_place || check_met(l, *t, err));
		change_txn_free(*t);
		*t = NULL;
		return ok;
	}
	if (!l->has_behind)
		return true;
	l->has_behind = false;
	if (!by_place || l->met || lt_fault("r13_history"))
		return true;
	change_txn_where(*t, &err->where);
	change_txn_free(*t);
	*t = NULL;
	return lt_fail(err, LT_E_LOG_HISTORY, "no transaction ends at %s:%llu, where reading had come to before",
	    l->behind.place.file, (unsigned long long)l->behind.place.pos);
}

/* Who sends asks of each group that was applied here whether its site still has what it wrote. */
static bool
look_back(struct log *l, struct change_txn *t, struct lt_err *err)
{
	const struct converge_told *told = converge_told_of(t);
	struct conflict_mark mark;
	bool own = told != NULL && told->kind == CONVERGE_MARK && t->own && told->mark.ptr != NULL;

	if (l->giver == NULL || !own)
		return true;
	lt_arena_reset(l->scratch);
	if (!conflict_mark_decode(told->mark, l->scratch, &mark, err))
		return lt_wrap(err, "lutra.mark");
	return l->giver->look(l->giver->ctx, t, &mark, err);
}

/* -- what cannot be read -------------------------------------------------------------------------- */

static bool
open_inner(struct log *l, const struct change_position *from, struct change_source **ret, struct lt_err *err)
{
	struct change_filter ours = { want_table, want_ddl, l, sift, true };
	struct change_describer names = { describe, l };

	return l->origin.open(l->origin.ctx, from, &ours, &names, l->txn_limit_bytes, ret, err);
}

/* Behind what cannot be read, in the same server's log: places of another one are no places here. */
static bool
open_behind(struct log *l, const struct change_place *at, struct change_position *end, struct change_source **ret,
    struct lt_err *err)
{
	struct change_source *inner = NULL;

	if (!l->origin.behind(l->origin.ctx, &l->at, at, end, err) || !open_inner(l, end, &inner, err))
		return false;
	if (strcmp(end->server, l->base.server) != 0 || strcmp(inner->server, l->base.server) != 0) {
		change_source_close(inner);
		return lt_fail(err, LT_E_LINK_LOST, "another server came in the place of the one whose log was read");
	}
	*ret = inner;
	return true;
}

/* Nobody can have sent it before: it is not that the log was damaged since, or memory is less than it was. */
static bool
is_so_for_all(enum lt_code code)
{
	return code == LT_E_STATEMENT_FORMAT || code == LT_E_INCIDENT || code == LT_E_EVENT_UNKNOWN ||
	       code == LT_E_EVENT_UNSUPPORTED || code == LT_E_TYPE_UNSUPPORTED || code == LT_E_CHARSET;
}

/* Of what was sent, or passed over by order, who sends wants no more than the count. Who remembers what is written goes
 * by the places of those who send: behind what nobody can send they are by order only. */
static bool
may_pass(const struct log *l, enum lt_code code, const struct change_place *at)
{
	if (l->watcher != NULL)
		return is_so_for_all(code) && l->watcher->passes(l->watcher->ctx, l->base.server, at);
	return l->has_behind && !l->elsewhere && change_place_cmp(at, &l->behind.place) < 0;
}

static void
go_on_with(struct log *l, struct change_source *inner)
{
	struct change_source *old;

	pthread_mutex_lock(&l->lock);
	old = l->inner;
	l->inner = inner;
	if (l->cancelled)
		change_source_cancel(inner);
	pthread_mutex_unlock(&l->lock);
	change_source_close(old);
}

/* It is counted as every transaction is; its stamp is not known. */
static struct change_txn *
stand_in(struct log *l, const struct change_position *end)
{
	struct change_txn *t = change_txn_new(CHANGE_TXN_PLACE);

	lt_str_copy(t->file, sizeof(t->file), lt_str_z(l->at.place.file));
	t->pos = l->at.place.pos;
	t->end = end->place;
	t->passed = change_gtid_set_copy(end->gtids);
	conflict_clock_pass(&l->clock, 0);
	tell(t, CONVERGE_OTHER, NULL, (struct lt_str){ 0 });
	return t;
}

/* `err`: why it cannot be read, and what is told where it is not to be passed over. */
static bool
read_past(struct log *l, struct change_txn **ret, struct lt_err *err)
{
	struct change_place at = { .pos = err->where.pos };
	struct change_source *inner = NULL;
	struct change_position end;
	struct lt_err failed = { 0 };
	bool ok;

	lt_str_copy(at.file, sizeof(at.file), lt_str_z(err->where.file));
	if (!pipeline_is_unreadable(err) || !may_pass(l, err->code, &at))
		return false;
	change_position_init(&end);
	ok = open_behind(l, &at, &end, &inner, &failed);
	if (ok) {
		lt_log(LT_LOG_INFO, "%s:%llu is passed over, as it was before: E%d %s", at.file,
		    (unsigned long long)at.pos, (int)err->code, err->message);
		go_on_with(l, inner);
		*ret = stand_in(l, &end);
		*err = (struct lt_err){ 0 };
	} else if (lt_err_kind(&failed) == LT_KIND_RETRY) {
		*err = failed;
	}
	change_position_clear(&end);
	return ok;
}

/* Numbered, whether or not it can be read. */
static bool
next_numbered(struct log *l, int timeout_ms, struct change_txn **ret, struct lt_err *err)
{
	if (!change_source_next(l->inner, timeout_ms, ret, err)) {
		if (!read_past(l, ret, err))
			return false;
	} else if (*ret != NULL && !number(l, *ret, err)) {
		change_txn_where(*ret, &err->where);
		change_txn_free(*ret);
		*ret = NULL;
		return false;
	}
	if (*ret != NULL)
		change_txn_advance(*ret, &l->at);
	return true;
}

static bool
log_next(struct change_source *s, int timeout_ms, struct change_txn **ret, struct lt_err *err)
{
	struct log *l = (struct log *)s;

	*ret = NULL;
	if (!next_numbered(l, timeout_ms, ret, err))
		return false;
	if (*ret == NULL)
		return true;
	if (!pass_over(l, ret, err))
		return false;
	if (*ret == NULL || (check_tables(l, *ret, err) && look_back(l, *ret, err)))
		return true;
	change_txn_where(*ret, &err->where);
	change_txn_free(*ret);
	*ret = NULL;
	return false;
}

static void
log_place(const struct change_source *s, struct change_place *out)
{
	change_source_place(((const struct log *)s)->inner, out);
}

static void
log_cancel(struct change_source *s)
{
	struct log *l = (struct log *)s;

	pthread_mutex_lock(&l->lock);
	l->cancelled = true;
	change_source_cancel(l->inner);
	pthread_mutex_unlock(&l->lock);
}

const struct conflict_clock *
converge_log_clock(const struct change_source *s)
{
	return &((const struct log *)s)->clock;
}

static void
log_close(struct change_source *s)
{
	struct log *l = (struct log *)s;

	change_source_close(l->inner);
	conflict_clock_free(&l->clock);
	converge_turn_clear(&l->turn);
	change_position_clear(&l->behind);
	change_position_clear(&l->at);
	pthread_mutex_destroy(&l->lock);
	free(l->refused);
	lt_arena_free(l->scratch);
	free(l);
}

bool
converge_log_open(const struct converge_log_start *start, const struct change_filter *filter,
    const struct change_describer *describer, struct change_source **ret, struct lt_err *err)
{
	static const struct change_source_ops ops = { log_next, log_cancel, log_close, log_place };
	struct log *l = lt_new(struct log);

	l->base.ops = &ops;
	l->channel = start->channel;
	l->filter = *filter;
	if (describer != NULL)
		l->describer = *describer;
	l->scratch = lt_arena_new();
	conflict_checkpoint_clock(start->state, start->interval_us, &l->clock);
	l->giver = start->giver;
	l->watcher = start->watcher;
	l->origin = *start->origin;
	l->txn_limit_bytes = start->txn_limit_bytes;
	pthread_mutex_init(&l->lock, NULL);
	change_position_init(&l->at);
	change_position_copy(&l->at, start->place);
	converge_turn_init(&l->turn);
	change_position_init(&l->behind);
	l->has_behind = start->behind != NULL;
	if (l->has_behind) {
		change_position_copy(&l->behind, start->behind);
		l->met = change_place_cmp(&start->place->place, &l->behind.place) == 0;
	}
	if (!converge_turn_read(start->state, &l->turn, err) || !open_inner(l, start->place, &l->inner, err)) {
		log_close(&l->base);
		return false;
	}
	memcpy(l->base.server, l->inner->server, sizeof(l->base.server));
	l->elsewhere =
	    l->has_behind && (l->behind.place.file[0] == '\0' || strcmp(l->base.server, l->behind.server) != 0);
	*ret = &l->base;
	return true;
}
