/* Applying on one connection: one target transaction after the other (R5), and what is remembered of it. */
#include "base/fault.h"
#include "pipeline/load.h"
#include "pipeline/pipeline_priv.h"

/* Locks: the pause doubles from the first to the last while a group of one waits. */
#define LOCK_PAUSE_MS 5
#define LOCK_PAUSE_MAX_MS 1000

bool
pipeline_is_ending(const struct pipeline *p)
{
	return atomic_load(&p->ending);
}

void
pipeline_position_after(
    const struct change_position *from, struct change_txn *const *txns, size_t n, struct change_position *out)
{
	change_position_copy(out, from);
	for (size_t i = 0; i < n; i++)
		change_txn_advance(txns[i], out);
}

void
pipeline_remember_stop(struct pipeline *p, struct change_txn *t)
{
	pipeline_position_after(&p->applied, &t, 1, &p->stop.end);
	p->stop.by_txn = true;
	p->stop.txn = t;
	p->stop.kind = t->kind;
	p->stop.sql_mode = t->ddl_mode;
	lt_buf_clear(&p->stop.statement);
	lt_buf_clear(&p->stop.schema);
	lt_buf_str_add(&p->stop.statement, t->ddl);
	lt_buf_str_add(&p->stop.schema, t->ddl_schema);
}

void
pipeline_stop_clear(struct pipeline_stop *stop)
{
	change_txn_free(stop->txn);
	stop->txn = NULL;
	stop->by_txn = false;
}

bool
pipeline_is_lock(enum lt_code code)
{
	return code == LT_E_LOCK_WAIT || code == LT_E_DEADLOCK || code == LT_E_FENCE_LATE;
}

bool
pipeline_in_doubt(const struct pipeline *p)
{
	return p->doubt.count > 0 && change_place_cmp(&p->doubt.at, &p->applied.place) == 0;
}

void
pipeline_note_saved(struct pipeline *p)
{
	p->saved = p->applied.place;
	p->saved_us = lt_mono_us(p->clock);
	p->unsaved = false;
	if (p->origin.saved != NULL)
		p->origin.saved(p->origin.ctx, &p->applied);
}

void
pipeline_note_applied(struct pipeline *p, const struct change_position *end, const struct change_sink_done *done)
{
	change_position_copy(&p->applied, end);
	p->now.transactions += done->transactions;
	p->now.rows += done->rows;
	p->now.groups++;
	p->now.turn++;
	pipeline_note_saved(p);
	p->owed.file[0] = '\0'; /* places of another server's log would not compare */
	pipeline_note_running(p, false);
}

void
pipeline_note_passed(struct pipeline *p, struct change_txn *const *txns, size_t n)
{
	if (p->origin.passed != NULL)
		p->origin.passed(p->origin.ctx, txns, n);
}

static void
note_left(void *ctx)
{
	struct pipeline *p = ctx;

	p->left.waits = false;
	pipeline_note_applied(p, &p->left.end, &p->left.done);
	pipeline_note_lag(p, p->left.commit_us, &p->left.gtid);
}

/* By now, with all of the group judged, more may have come. */
static bool
is_followed(void *ctx)
{
	struct pipeline *p = ctx;

	p->behind.left = pipeline_group_is_full(p->behind.group) || lt_queue_bytes(p->behind.queue) > 0;
	return p->behind.left;
}

/* With nothing but places in it, the next group is not applied. */
static size_t
take_next(void *ctx, struct change_txn *const **txns)
{
	struct pipeline *p = ctx;
	struct pipeline_group *g = p->behind.group;

	pipeline_group_take_ahead(g, p->behind.queue);
	atomic_store(&p->group_bytes, g->bytes + g->ahead.bytes);
	*txns = g->ahead.txns;
	return g->ahead.rows > 0 ? g->ahead.count : 0;
}

/* One target transaction for txns[0..n). On success `applied` has moved; or with `leave`, where more follows, it will
 * have when the reply to COMMIT was read. */
static bool
apply_once(struct pipeline *p, struct change_sink *sink, struct change_txn *const *txns, size_t n, bool leave,
    struct lt_err *err)
{
	const struct pipeline_load_follow follow = {
		.next = take_next, .leaves = is_followed, .committed = note_left, .ctx = p
	};
	struct change_sink_done done;
	struct change_position end;
	size_t culprit;
	bool ok;

	change_position_init(&end);
	pipeline_position_after(p->left.waits ? &p->left.end : &p->applied, txns, n, &end);
	p->behind.left = false;
	if (leave)
		pipeline_load_follow(sink, &follow);
	ok = sink->ops->apply(sink, txns, n, &end, &done, &culprit, err);
	if (ok && p->behind.left) {
		change_position_copy(&p->left.end, &end);
		p->left.done = done;
		p->left.commit_us = txns[n - 1]->commit_us;
		p->left.gtid = txns[n - 1]->gtid;
		p->left.waits = true;
	} else if (ok) {
		pipeline_note_applied(p, &end, &done);
		pipeline_note_passed(p, txns, n);
	}
	change_position_clear(&end);
	return ok;
}

bool
pipeline_apply_hear(struct pipeline *p, struct change_sink *sink, struct lt_err *err)
{
	if (!p->left.waits || pipeline_load_hear(sink, err))
		return true;
	p->left.refused = p->applied.place;
	return false;
}

/* What a pipeline may come to stop at: where it is not the server's or the lane's state that is wrong. */
static bool
is_about_txn(const struct lt_err *err)
{
	return err->code == LT_E_COMMIT_UNSURE || (lt_err_kind(err) != LT_KIND_RETRY && err->code != LT_E_FENCED);
}

/* A single transaction that meets a lock is tried again for as long as it takes; the state says so. */
static bool
apply_single(struct pipeline *p, struct change_sink *sink, struct change_txn *const *txn, struct lt_err *err)
{
	int pause = LOCK_PAUSE_MS;

	for (;;) {
		memset(err, 0, sizeof(*err));
		if (apply_once(p, sink, txn, 1, false, err))
			return true;
		if (!pipeline_is_lock(err->code)) {
			if (is_about_txn(err))
				pipeline_remember_stop(p, *txn);
			if (err->code == LT_E_COMMIT_UNSURE)
				change_txn_where(*txn, &err->where);
			return false;
		}
		p->now.retries++;
		change_txn_where(*txn, &err->where);
		/* A lock wait has lasted a second already; deadlocks come and go. */
		if (err->code == LT_E_LOCK_WAIT || pause > LOCK_PAUSE_MS * 8)
			pipeline_set_state(p, PIPELINE_RETRYING, err);
		if (pipeline_is_ending(p) || !pipeline_orders_running(p, sink))
			return lt_fail(err, LT_E_CANCELLED, "the pipeline ends or is paused");
		lt_wake_wait(p->pause, pause);
		pause = LT_MIN(pause * 2, LOCK_PAUSE_MAX_MS);
	}
}

/* Where one was refused at the same place, it is not left once more: what R5 says needs the group that it was of. Who
 * settles a group hears at once how it ended. */
static bool
may_leave(const struct pipeline *p)
{
	return p->origin.settle == NULL && change_place_cmp(&p->left.refused, &p->applied.place) != 0;
}

bool
pipeline_apply_group(struct pipeline *p, struct change_sink *sink, struct change_txn *const *txns, size_t n, bool leave,
    struct lt_err *err)
{
	bool together = n > 1 && !pipeline_in_doubt(p);

	if (!together && !pipeline_apply_hear(p, sink, err))
		return false;
	if (n == 1)
		return apply_single(p, sink, txns, err);
	if (together) {
		if (apply_once(p, sink, txns, n, leave && may_leave(p), err))
			return true;
		if (p->left.waits) { /* it is not known what this one stands upon */
			p->left.refused = p->applied.place;
			return false;
		}
		if (lt_err_kind(err) == LT_KIND_RETRY || err->code == LT_E_FENCED)
			return false;
		p->now.retries++;
		if (pipeline_is_lock(err->code)) {
			memset(err, 0, sizeof(*err));
			return pipeline_apply_group(p, sink, txns, n / 2, false, err) &&
			       pipeline_apply_group(p, sink, txns + n / 2, n - n / 2, false, err);
		}
		if (lt_fault("r05_redo"))
			return false;
	}
	for (size_t i = 0; i < n; i++) {
		memset(err, 0, sizeof(*err));
		if (!apply_single(p, sink, &txns[i], err))
			return false;
	}
	return true;
}

/* Nothing to write: only `applied` moves, and the lane every now and then; not because of what Lutra wrote (R11), but
 * where sites have heartbeats: they would leave ever more log to be read again. */
void
pipeline_pass_places(struct pipeline *p, struct change_txn *const *txns, size_t n)
{
	struct change_position end;

	change_position_init(&end);
	pipeline_position_after(&p->applied, txns, n, &end);
	change_position_copy(&p->applied, &end);
	change_position_clear(&end);
	for (size_t i = 0; i < n; i++)
		p->unsaved = p->unsaved || !txns[i]->quiet || p->origin.passed != NULL || lt_fault("r11_quiet");
	pipeline_note_running(p, false);
	pipeline_note_passed(p, txns, n);
}

uint64_t
pipeline_age_ms(const struct pipeline *p, uint64_t commit_us)
{
	uint64_t now = lt_wall_us(p->clock);

	return commit_us > 0 && now > commit_us ? (now - commit_us) / 1000 : 0;
}

uint64_t
pipeline_held_lag(struct pipeline *p)
{
	return pipeline_age_ms(p, atomic_load(&p->held_us));
}

void
pipeline_note_lag(struct pipeline *p, uint64_t commit_us, const struct change_gtid *gtid)
{
	p->now.lag_ms = pipeline_age_ms(p, commit_us);
	if (gtid->kind != CHANGE_GTID_NONE)
		change_gtid_text(gtid, p->now.applied_gtid);
}
