#include "converge/settle_priv.h"

#include "base/fault.h"
#include "base/log.h"
#include "converge/record.h"
#include "converge/told.h"
#include "mysql/sql.h"
#include "mysql/stmt.h"

/* R21: so long the observing reader may take to get to the end of the log; in steps, since the group may have to give
 * way meanwhile. */
#define FENCE_MS 500
#define FENCE_STEP_MS 10
/* How often one group begins again because of values that others took. */
#define TRIES 8
/* Where absent rows were there after all, so many groups look first. */
#define WARY_GROUPS 16
/* How often parked rows are looked at where something was written, and how many at once; many take this part of the
 * time at most. */
#define TEND_US 500000
#define TEND_ROWS 100
#define TEND_SHARE 4
/* How often the log is told of functions that fail. */
#define FAILED_US 10000000
/* Beside the mark's bytes. */
#define MARK_ROOM 1024

static struct settle *
settle_of(struct pipeline_settle *base)
{
	return (struct settle *)base;
}

/* -- the connection ------------------------------------------------------------------------------- */

/* Once for each connection. */
static bool
meet(struct settle *t, struct lt_err *err)
{
	static const char mark[] = "INSERT INTO lutra.mark (channel, pipeline, lane, bytes) VALUES (?, ?, ?, ?)"
				   " ON DUPLICATE KEY UPDATE bytes = VALUES(bytes)";
	struct my_rows *rows = NULL;
	bool ok;

	if (t->shapes != NULL)
		return true;
	if (!t->log->identity(t->log->ctx, t->conn, t->server, err) ||
	    !my_query(t->conn, "SELECT @@max_allowed_packet", &rows, err))
		return lt_wrap(err, "while asking the target who it is");
	ok = rows->nrows == 1 && lt_str_u64(my_rows_at(rows, 0, 0), &t->packet_bytes);
	my_rows_free(rows);
	if (!ok)
		return lt_fail(err, LT_E_PROTOCOL, "max_allowed_packet is no number");
	if (!my_prepare(t->conn, LT_STR(mark), &t->mark, err))
		return lt_wrap(err, "lutra.mark");
	t->shapes = converge_shapes_new(t->channel, pipeline_load_router(t->sink));
	return true;
}

/* -- the question --------------------------------------------------------------------------------- */

/* What several transactions of the group do to one key: a row to lock it by, and what it is most likely to be. */
static void
hold_change(struct settle *t, const struct conflict_change *c, const struct converge_shape *shape)
{
	uint32_t known = t->nrows;
	struct settle_row *r = settle_row_of(t, c->key, shape, c->after != NULL ? c->after : c->before);

	if (t->nrows > known)
		r->fresh = c->before == NULL;
	else if (c->after != NULL)
		r->image = c->after;
	if (c->policy->unique && c->after != NULL) {
		struct settle_after *a = lt_arena_alloc(t->arena, sizeof(*a));

		*a = (struct settle_after){ c->after, r->afters };
		r->afters = a;
	}
}

static void
take_changes(struct settle *t, const struct conflict_txn *txn, const struct converge_changes *changes)
{
	struct conflict_txn *to;

	if ((t->ntxns & (t->ntxns - 1)) == 0) /* the room grows in powers of two */
		t->txns = lt_arena_grow(
		    t->arena, t->txns, t->ntxns * sizeof(*t->txns), LT_MAX(t->ntxns * 2, 1u) * sizeof(*t->txns));
	to = &t->txns[t->ntxns++];
	*to = *txn;
	to->changes = changes->at;
	to->nchanges = changes->count;
	for (uint32_t i = 0; i < changes->count; i++)
		hold_change(t, &changes->at[i], changes->shapes[i]);
}

/* A group that the peer has, and this site has lost: each of its transactions is what it was. */
static bool
take_given(struct settle *t, const struct change_txn *from, struct lt_err *err)
{
	const struct converge_told *told = converge_told_of(from);
	uint32_t site = t->channel->sites[t->pipeline->to].id;
	struct conflict_mark mark;

	if (!conflict_mark_decode(told->mark, t->arena, &mark, err))
		return lt_wrap(err, "lutra.mark");
	for (uint32_t i = 0; i < mark.ntxns; i++) {
		struct converge_changes changes = { .arena = t->arena };
		struct conflict_txn txn = { .version = mark.txns[i].version, .seen = mark.txns[i].seen, .given = true };

		if (conflict_origin_site(txn.version.origin) != site)
			continue;
		if (!converge_changes_of(t->shapes, from, told->owner, i, &changes, err))
			return false;
		take_changes(t, &txn, &changes);
	}
	return true;
}

static bool
take_txn(struct settle *t, const struct change_txn *from, struct lt_err *err)
{
	const struct converge_told *told = converge_told_of(from);
	struct converge_changes changes;
	struct conflict_txn txn;

	if (told != NULL && told->kind == CONVERGE_GIVEN)
		return take_given(t, from, err);
	if (told == NULL || told->kind != CONVERGE_LOCAL) {
		LT_ASSERT(change_txn_rows(from) == 0);
		return true;
	}
	txn = (struct conflict_txn){ .version = told->version, .seen = told->seen };
	if (conflict_clock_is_ahead(
		told->version, (int64_t)lt_wall_us(t->clock), (int64_t)t->channel->conflicts.max_skew_us)) {
		change_txn_where(from, &err->where);
		return lt_fail(err, LT_E_CLOCK_AHEAD, "a transaction of site %s is from the future",
		    t->channel->sites[t->pipeline->from].name);
	}
	if (!converge_changes_make(t->shapes, from, t->arena, &changes, err))
		return false;
	take_changes(t, &txn, &changes);
	return true;
}

static bool
take_txns(struct settle *t, struct change_txn *const *txns, size_t n, size_t *culprit, struct lt_err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (take_txn(t, txns[i], err))
			continue;
		*culprit = i;
		if (err->code != LT_E_CLOCK_AHEAD)
			return false;
		converge_site_count(t->target, &(struct converge_tally){ .held = 1 });
		/* Those before it need not wait with it (R5). */
		if (t->nrows > 0)
			err->code = LT_E_FENCE_LATE;
		return false;
	}
	return true;
}

/* -- the fence ------------------------------------------------------------------------------------ */

static bool
ask_end(struct settle *t, struct change_place *out, struct lt_err *err)
{
	const struct my_server *server = my_conn_server(t->conn);
	bool renamed = server->flavor == MY_MYSQL && server->version >= 80200;
	struct my_rows *rows = NULL;
	bool ok;

	if (!pipeline_load_heed(t->sink, 1, err) ||
	    !my_query(t->conn, renamed ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS", &rows, err))
		return false;
	*out = (struct change_place){ .file = "" };
	ok = rows->nrows == 1 && rows->ncolumns >= 2 && lt_str_u64(my_rows_at(rows, 0, 1), &out->pos);
	if (ok)
		lt_str_copy(out->file, sizeof(out->file), my_rows_at(rows, 0, 0));
	my_rows_free(rows);
	return ok || lt_fail(err, LT_E_LOG_OFF, "the target writes no binary log");
}

/* While rows of a table are locked nobody changes it, and the reader has met what was done before. */
static bool
is_as_looked(struct settle *t, struct lt_err *err)
{
	return converge_site_is_as_looked(t->target, (size_t)(t->pipeline - t->channel->pipelines)) ||
	       lt_fail(
		   err, LT_E_TABLES_CHANGED, "tables of site %s were changed", t->channel->sites[t->pipeline->to].name);
}

/* With all rows locked: what the observing reader knows then is what is locked (docs/fence.md). */
static bool
pass_fence(struct settle *t, struct lt_err *err)
{
	t->end = (struct change_place){ .file = "" };
	if (t->nrows == 0)
		return true;
	if (!lt_fault("r21_fence") && !ask_end(t, &t->end, err))
		return lt_wrap(err, "while asking where the target's log ends");
	for (unsigned waited_ms = 0; waited_ms < FENCE_MS; waited_ms += FENCE_STEP_MS) {
		*err = (struct lt_err){ 0 };
		if (converge_site_fence(t->target, t->server, &t->end, FENCE_STEP_MS, t->stop, err))
			return is_as_looked(t, err);
		if (err->code != LT_E_FENCE_LATE || !pipeline_load_heed(t->sink, 1, err))
			return false;
	}
	return false;
}

/* -- the decision --------------------------------------------------------------------------------- */

static const struct conflict_row *
view_row(void *ctx, struct lt_str key)
{
	const struct settle *t = ctx;
	uint32_t i = conflict_keys_find(&t->keys, key);

	return i != CONFLICT_NO_KEY ? t->rows[i]->found : NULL;
}

/* What was applied here is not applied once more: a site gets back what it lost from several peers, and a person may
 * have given a position further back. */
static void
drop_known(struct settle *t, struct conflict_question *q)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < t->ntxns; i++) {
		if (!conflict_vector_has(q->applied, t->txns[i].version))
			t->txns[kept++] = t->txns[i];
	}
	q->ntxns = t->ntxns = kept;
}

static bool
decide(struct settle *t, struct conflict_decision *out, struct lt_err *err)
{
	static const struct conflict_vector nothing;
	static const struct conflict_peers nobody;
	struct conflict_view view = { .row = view_row, .ctx = t };
	struct conflict_question q = { .applied = &nothing,
		.heard = &nobody,
		.txns = t->txns,
		.ntxns = t->ntxns,
		.parked = t->parked,
		.nparked = t->nparked,
		.view = &view };
	const struct conflict_observer *observer;
	bool known;

	if (t->unique) {
		settle_list_holders(t);
		view.parked = settle_view_parked;
		view.claims = settle_view_claims;
		view.holders = settle_view_holders;
	}
	/* No fence was passed for a group without rows to decide, so perhaps nothing was read yet; nor is it asked. */
	observer = converge_site_hold_past(t->target, t->server, &t->end);
	known = observer != NULL || t->nrows == 0;
	if (observer != NULL) {
		q.memory = conflict_observer_memory(observer);
		q.applied = &conflict_observer_clock(observer)->seen;
		q.heard = converge_site_held_peers(t->target);
		drop_known(t, &q);
	}
	if (known)
		conflict_decide(&q, t->arena, out);
	converge_site_release(t->target);
	return known || lt_fail(err, LT_E_FENCE_LATE, "site %s: its log is being read anew",
			    t->channel->sites[t->pipeline->to].name);
}

/* All that the core asks to be locked besides is locked already (settle_compete()). */
static bool
lock_and_decide(struct settle *t, struct conflict_decision *out, struct lt_err *err)
{
	if (!settle_lock(t, err) || !settle_compete(t, err))
		return false;
	lt_step("settle.locked");
	if (!pass_fence(t, err))
		return false;
	lt_step("settle.fenced");
	if (!decide(t, out, err))
		return false;
	for (uint32_t i = 0; i < out->nneed; i++) {
		uint32_t at = conflict_keys_find(&t->keys, out->need[i]);

		LT_ASSERT(at != CONFLICT_NO_KEY && t->rows[at]->locked);
	}
	lt_step("settle.decided");
	return true;
}

/* -- what is written beside the rows -------------------------------------------------------------- */

static bool
write_mark(struct settle *t, const struct conflict_mark *mark, struct lt_err *err)
{
	struct lt_buf bytes = { 0 };
	struct my_param params[] = {
		{ .kind = MY_PARAM_TEXT, .bytes = lt_str_z(t->channel->name) },
		{ .kind = MY_PARAM_TEXT, .bytes = lt_str_z(t->pipeline->name) },
		{ .kind = MY_PARAM_U64, .u64 = pipeline_load_lane(t->sink) },
		{ .kind = MY_PARAM_BYTES },
	};
	struct my_reply reply;
	bool ok;

	conflict_mark_encode(mark, &bytes);
	params[3].bytes = lt_buf_str(&bytes);
	if (bytes.len + MARK_ROOM > t->packet_bytes)
		ok = lt_fail(err, LT_E_PACKET_TOO_LARGE,
		    "the mark of origin of a group takes %zu bytes, and max_allowed_packet is %llu", bytes.len,
		    (unsigned long long)t->packet_bytes);
	else
		ok = pipeline_load_heed(t->sink, 1, err) &&
		     my_send_execute(t->conn, t->mark, params, LT_COUNT(params), err) && my_recv(t->conn, &reply, err);
	lt_buf_free(&bytes);
	return ok;
}

static const struct conflict_change *
change_of(const struct conflict_txn *txn, struct lt_str key)
{
	for (uint32_t i = 0; i < txn->nchanges; i++) {
		if (lt_str_eq(txn->changes[i].key, key))
			return &txn->changes[i];
	}
	return NULL;
}

/* What a line of the conflict log says of an operation of the group. */
static struct converge_conflict
line_of(const struct settle *t, const struct conflict_txn *txn, struct lt_str key)
{
	const struct conflict_change *c = change_of(txn, key);
	const struct settle_row *r = t->rows[conflict_keys_find(&t->keys, key)];

	return (struct converge_conflict){ .shape = r->shape,
		.key = key,
		.version = txn->version,
		.other = CONFLICT_UNKNOWN,
		.before = c->before,
		.after = c->after,
		.found = r->found,
		.now = r->wanted,
		.rule = converge_rule_name(c->policy) };
}

static struct converge_conflict
drift_line(const struct settle *t, struct lt_str key)
{
	struct converge_conflict line;
	uint32_t i = 0;

	while (change_of(&t->txns[i], key) == NULL)
		i++;
	line = line_of(t, &t->txns[i], key);
	line.won = true;
	line.rule = CONVERGE_RULE_DRIFT;
	return line;
}

static const char *
failed_rule(struct settle *t, const char *failed)
{
	struct lt_buf text = { 0 };
	const char *rule;

	lt_buf_printf(&text, CONVERGE_RULE_FAILED "%s", failed);
	rule = lt_arena_str(t->arena, lt_buf_str(&text)).ptr;
	lt_buf_free(&text);
	return rule;
}

static bool
record(struct settle *t, const struct conflict_decision *d, struct lt_err *err)
{
	struct converge_conflict *lines = lt_arena_alloc(t->arena, (d->nclashes + 1) * sizeof(*lines));
	size_t n = 0;

	for (uint32_t i = 0; i < d->nclashes; i++) {
		const struct conflict_clash *clash = &d->clashes[i];

		lines[n] = line_of(t, &t->txns[clash->txn], clash->key);
		lines[n].other = clash->other;
		if (clash->failed != NULL)
			lines[n].rule = failed_rule(t, clash->failed);
		lines[n++].won = clash->won;
		t->tally.lost += clash->won ? 0 : 1;
	}
	t->tally.conflicts = d->nclashes;
	if (d->drift)
		lines[n++] = drift_line(t, d->drift_key);
	return n == 0 || converge_record_add(t->sink, t->channel->name, t->pipeline->name, lines, n, err);
}

static void
note_decided(struct settle *t, const struct conflict_decision *d)
{
	for (uint32_t i = 0; i < t->nrows; i++)
		t->rows[i]->wanted = t->rows[i]->found;
	for (uint32_t i = 0; i < d->nwrites; i++)
		t->rows[conflict_keys_find(&t->keys, d->writes[i].key)]->wanted = d->writes[i].row;
	t->tally.drift = d->drift ? 1 : 0;
	t->drift_key = d->drift_key;
	t->tally.failed = d->nfailed;
	t->failed_key = d->failed_key;
	t->failure = d->failure;
}

static bool
write_decided(struct settle *t, const struct conflict_decision *d, struct lt_err *err)
{
	note_decided(t, d);
	if (!settle_write(t, err))
		return false;
	t->contested = false;
	return settle_park(t, d, err) && write_mark(t, &d->mark, err);
}

/* -- a group -------------------------------------------------------------------------------------- */

static bool
settle_group(struct settle *t, struct change_txn *const *txns, size_t n, size_t *culprit, struct lt_err *err)
{
	struct conflict_decision d;

	if (!meet(t, err) || !take_txns(t, txns, n, culprit, err) || !lock_and_decide(t, &d, err))
		return false;
	if (!write_decided(t, &d, err) || !settle_write_single(t, txns, n, err) || !record(t, &d, err))
		return false;
	lt_step("settle.written");
	return true;
}

/* Somebody has a key or a value that was to be free: the next try knows. */
static void
note_failure(struct settle *t, struct lt_err *err)
{
	if (!t->contested || err->code != LT_E_DUPLICATE)
		return;
	t->wary = WARY_GROUPS;
	t->again = ++t->tries < TRIES;
	t->care = t->care < SETTLE_ONE_BY_ONE ? t->care + 1 : t->care;
	if (!t->again)
		lt_fail(err, LT_E_LOCK_WAIT, "others took the same unique values first, %d times", TRIES);
}

/* Nothing is known of it yet. */
static void
begin(struct settle *t, struct change_sink *s)
{
	lt_arena_reset(t->arena);
	t->sink = s;
	t->conn = pipeline_load_conn(s);
	t->keys = t->claims = (struct conflict_keys){ .arena = t->arena };
	t->txns = NULL;
	t->rows = NULL;
	t->claimed = NULL;
	t->nrows = t->rows_cap = t->ntxns = t->nparked = t->claims_cap = 0;
	t->unique = false;
	t->tally = (struct converge_tally){ 0 };
	t->contested = true;
}

static bool
settle_apply(struct pipeline_settle *base, struct change_sink *s, struct change_txn *const *txns, size_t n,
    size_t *culprit, struct lt_err *err)
{
	struct settle *t = settle_of(base);

	begin(t, s);
	if (!t->again) {
		t->tries = 0;
		t->care = t->wary > 0 ? SETTLE_LOOK_FIRST : SETTLE_AT_ONCE;
		t->wary -= t->wary > 0 ? 1 : 0;
	}
	t->again = false;
	*culprit = n;
	if (settle_group(t, txns, n, culprit, err))
		return true;
	note_failure(t, err);
	if (n == 1 && err->where.file[0] == '\0')
		change_txn_where(txns[0], &err->where);
	return false;
}

static bool
settle_again(struct pipeline_settle *base, const struct lt_err *err)
{
	(void)err;
	return settle_of(base)->again;
}

/* -- parked rows ---------------------------------------------------------------------------------- */

static size_t
number_of_pipeline(const struct settle *t)
{
	return (size_t)(t->pipeline - t->channel->pipelines);
}

/* Whether a parked row could come back: whenever something was written at the site. */
static bool
is_worth_a_look(const struct settle *t, const struct converge_tending *site)
{
	return !t->tend.begun || t->tend.owed ||
	       (site->unique && (site->written != t->tend.written || t->tend.behind_len > 0));
}

static bool
settle_due(struct pipeline_settle *base, struct change_sink *s, bool *due, struct lt_err *err)
{
	struct settle *t = settle_of(base);
	uint64_t now_us = lt_mono_us(t->clock);
	struct converge_tending site;

	*due = false;
	converge_site_tending(t->target, &site);
	if (!site.hurry && now_us - t->tend.looked_us < t->tend.pause_us)
		return true;
	t->tend.looked_us = now_us;
	t->tend.pause_us = TEND_US;
	if (is_worth_a_look(t, &site)) {
		if (!converge_parked_any(pipeline_load_conn(s), t->channel->name, due, err) ||
		    !my_exec(pipeline_load_conn(s), "COMMIT", NULL, err))
			return false;
		t->tend.begun = true;
	}
	if (!*due) {
		t->tend.owed = false;
		t->tend.behind_len = 0;
		t->tend.written = site.written;
		converge_site_tended(t->target, site.written);
		return true;
	}
	converge_site_note_unique(t->target);
	t->tend.owed = true;
	if (t->tend.behind_len > 0)
		return true;
	t->tend.written = site.written;
	t->tend.broken = false;
	converge_site_round_begin(t->target, number_of_pipeline(t));
	return true;
}

static bool
is_mapped(const struct settle *t, const struct converge_parked *p)
{
	struct lt_buf names[2] = { 0 };
	const struct model_rule *rule = NULL;
	bool mapped = model_mapping_branch(t->pipeline->mapping, p->schema, p->table, 0, names, &rule) && rule != NULL;

	lt_buf_free(&names[0]);
	lt_buf_free(&names[1]);
	return mapped;
}

/* Of a table that is not mapped any more a row stays parked; of one that is gone it goes, too. */
static bool
sort_out(struct settle *t, struct converge_parked_list *list, bool *gone, struct lt_err *err)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		struct converge_parked p = list->at[i];
		const struct schema_table *table;
		struct lt_err why = { 0 };

		if (!is_mapped(t, &p))
			continue;
		if (pipeline_router_table(pipeline_load_router(t->sink), p.schema, p.table, &table, &why)) {
			list->at[kept++] = p;
			continue;
		}
		if (why.code != LT_E_TABLE_MISSING) {
			*err = why;
			return false;
		}
		p.parked.row = NULL;
		*gone = true;
		if (!converge_parked_put(t->conn, t->channel->name, &p, NULL, 0, err))
			return false;
	}
	list->count = kept;
	return true;
}

/* The next ones of them, a piece at a time. */
static bool
take_parked(struct settle *t, bool *gone, struct lt_err *err)
{
	struct converge_parked_list list = { 0 };
	struct lt_str behind = lt_str_of(t->tend.behind, t->tend.behind_len), *keys;

	if (!converge_parked_next(t->conn, t->channel->name, TEND_ROWS, &behind, t->arena, &list, err) ||
	    !sort_out(t, &list, gone, err) || !settle_join_parked(t, &list, err))
		return false;
	t->tend.behind_len = LT_MIN(behind.len, sizeof(t->tend.behind));
	if (behind.len > 0)
		memcpy(t->tend.behind, behind.ptr, t->tend.behind_len);
	keys = lt_arena_alloc(t->arena, list.count * sizeof(*keys));
	for (size_t i = 0; i < list.count; i++)
		keys[i] = list.at[i].key;
	t->parked = keys;
	t->nparked = (uint32_t)list.count;
	return true;
}

/* A piece of them was looked at, or has to be once more. */
static void
note_looked(struct settle *t, bool committed)
{
	if (t->tend.open && !committed) {
		t->tend.written = UINT64_MAX;
		t->tend.broken = true;
	} else {
		converge_site_round_met(t->target, number_of_pipeline(t), t->keys.at, t->keys.count);
	}
	if (t->tend.behind_len > 0)
		t->tend.pause_us = LT_MIN((lt_mono_us(t->clock) - t->tend.looked_us) * TEND_SHARE, TEND_US);
	else if (!t->tend.broken)
		converge_site_round_end(t->target, number_of_pipeline(t));
	t->tend.open = t->tend.looks = t->tend.owed = false;
}

static bool
settle_tend(struct pipeline_settle *base, struct change_sink *s, bool *worth, struct lt_err *err)
{
	struct settle *t = settle_of(base);
	struct conflict_decision d;

	*worth = false;
	begin(t, s);
	t->care = SETTLE_ONE_BY_ONE;
	t->tend.open = t->tend.looks = true;
	if (!meet(t, err) || !take_parked(t, worth, err))
		return false;
	if (t->nparked > 0 && !lock_and_decide(t, &d, err))
		return false;
	t->tend.open = *worth = *worth || (t->nparked > 0 && (d.nwrites > 0 || d.nparks > 0));
	if (!*worth || t->nparked == 0 || write_decided(t, &d, err))
		return true;
	if (t->contested && err->code == LT_E_DUPLICATE)
		lt_fail(err, LT_E_LOCK_WAIT, "others took the same unique values first");
	return false;
}

/* -- the rest ------------------------------------------------------------------------------------- */

/* Often it fails again and again. */
static void
tell_failed(struct settle *t)
{
	const struct converge_shape *shape = converge_shapes_of_key(t->shapes, t->failed_key);
	uint64_t now_us = lt_mono_us(t->clock);

	if (t->failed_told_us != 0 && now_us - t->failed_told_us < FAILED_US)
		return;
	t->failed_told_us = now_us;
	lt_log(LT_LOG_WARN,
	    "%s %s: a function of %.*s.%.*s failed (%s%s%.*s), so the newest write stood; `lutra status` counts them",
	    t->channel->name, t->pipeline->name, LT_FMT(converge_shape_target(shape)->schema),
	    LT_FMT(converge_shape_target(shape)->name), t->failure.failed, t->failure.details.len > 0 ? ": " : "",
	    LT_FMT(t->failure.details));
}

static void
tell_drift(const struct settle *t)
{
	const struct converge_shape *shape = converge_shapes_of_key(t->shapes, t->drift_key);

	lt_log(LT_LOG_WARN,
	    "%s %s: a row of %.*s.%.*s was not as it must have been: it was changed past the log, or decided "
	    "wrongly; `lutra status` counts such rows",
	    t->channel->name, t->pipeline->name, LT_FMT(converge_shape_target(shape)->schema),
	    LT_FMT(converge_shape_target(shape)->name));
}

static void
settle_done(struct pipeline_settle *base, bool committed)
{
	struct settle *t = settle_of(base);

	if (t->tend.looks)
		note_looked(t, committed);
	if (!committed)
		return;
	converge_site_count(t->target, &t->tally);
	if (t->tally.drift > 0)
		tell_drift(t);
	if (t->tally.failed > 0)
		tell_failed(t);
}

static void
settle_close(struct pipeline_settle *base)
{
	struct settle *t = settle_of(base);

	converge_shapes_free(t->shapes);
	lt_arena_free(t->arena);
	free(t);
}

struct pipeline_settle *
converge_settle_new(const struct model_channel *channel, size_t index, struct converge_site *target,
    const struct pipeline_origin *log, const struct lt_clock *clock, struct lt_wake *stop)
{
	struct settle *t = lt_new(struct settle);

	t->base = (struct pipeline_settle){ .apply = settle_apply,
		.again = settle_again,
		.due = settle_due,
		.tend = settle_tend,
		.done = settle_done,
		.close = settle_close };
	t->channel = channel;
	t->pipeline = &channel->pipelines[index];
	t->target = target;
	t->log = log;
	t->clock = clock;
	t->stop = stop;
	t->arena = lt_arena_new();
	return &t->base;
}
