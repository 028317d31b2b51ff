#include "pipeline/load.h"

#include "base/clock.h"
#include "base/fault.h"
#include "pipeline/connect.h"
#include "pipeline/grants.h"
#include "pipeline/load_priv.h"
#include "pipeline/state.h"
#include "pipeline/warm.h"

/* Where folded rows could not be written, the reason may be there for a while: so many groups go as they are. */
#define UNMERGED_GROUPS 16

/* A KILL QUERY that came late meets the ROLLBACK instead. */
#define ROLLBACK_TRIES 5

/* At such a distance one connection leaves the target waiting for what COMMIT waits for. */
#define FAR_US 10000

/* COMMIT and ROLLBACK of a transaction that spilled may take the server long. */
#define LARGE_IO_TIMEOUT_MS 600000

static struct load *
load_of(struct change_sink *s)
{
	return (struct load *)s;
}

static void
load_cancel(struct change_sink *s)
{
	my_cancel(load_of(s)->conn);
}

static void
load_close(struct change_sink *s)
{
	struct load *l = load_of(s);

	if (l->settle != NULL)
		l->settle->close(l->settle);
	pipeline_router_free(l->router);
	pipeline_batch_free(l->batch);
	free(l->params);
	my_close(l->conn);
	my_close(l->source);
	pipeline_window_clear(&l->window);
	lt_buf_free(&l->scratch);
	free(l);
}

void
pipeline_load_rollback(struct change_sink *s)
{
	struct load *l = load_of(s);
	struct my_reply reply;
	struct lt_err ignored = { 0 };

	while (l->due > 0 && my_alive(l->conn)) {
		l->first = (l->first + 1) % LOAD_WINDOW;
		l->due--;
		if (!my_recv(l->conn, &reply, &ignored))
			continue; /* what follows a failure fails too, or is undone with it */
	}
	l->first = l->due = 0;
	l->fk = l->strict = LOAD_UNKNOWN;
	if (l->open)
		pipeline_lane_undo(&l->lane);
	l->open = false;
	l->plan = (struct load_plan){ 0 };
	pipeline_load_tell_settle(l, false);
	lt_step("load.rollback");
	for (int i = 0; i < ROLLBACK_TRIES && my_alive(l->conn); i++) {
		memset(&ignored, 0, sizeof(ignored));
		if (my_exec(l->conn, "ROLLBACK", NULL, &ignored))
			return;
		if (ignored.code != LT_E_QUERY_KILLED)
			break;
	}
	if (my_alive(l->conn))
		my_cancel(l->conn); /* its state is not known: let nobody use it again */
}

/* An error in reply to COMMIT does not tell what became of the transaction, but for what the server rolls back by
 * itself: only the lane tells (R2), read by another connection when this one is gone. */
bool
pipeline_load_doubt(struct load *l, struct lt_err *err)
{
	if (err->code == LT_E_LOCK_WAIT || err->code == LT_E_DEADLOCK)
		return false;
	my_cancel(l->conn);
	if (lt_err_kind(err) != LT_KIND_RETRY)
		err->code = LT_E_COMMIT_UNSURE;
	return false;
}

/* Alone, when every reply was read and judged (R1). */
static bool
send_commit(struct load *l, struct lt_err *err)
{
	if (!my_send_query(l->conn, LT_STR("COMMIT"), err) || !my_flush(l->conn, err))
		return false;
	lt_step("load.commit.sent");
	return true;
}

static bool
commit(struct load *l, struct lt_err *err)
{
	return send_commit(l, err) && (my_recv(l->conn, NULL, err) || pipeline_load_doubt(l, err));
}

bool
pipeline_load_commit(struct change_sink *s, struct lt_err *err)
{
	struct load *l = load_of(s);

	lt_step("load.commit");
	if (!(lt_fault("r12_start") && !l->lane_exists) && !commit(l, err))
		return lt_wrap(err, "COMMIT");
	lt_step("load.committed");
	l->open = false;
	l->lane_exists = true;
	pipeline_load_tell_settle(l, true);
	return true;
}

void
pipeline_load_follow(struct change_sink *s, const struct pipeline_load_follow *follow)
{
	load_of(s)->follow = *follow;
}

bool
pipeline_load_hear(struct change_sink *s, struct lt_err *err)
{
	struct load *l = load_of(s);

	return l->left.ctx == NULL || pipeline_load_take(l, l->due - 1, err);
}

/* What follows is sent behind it, and read behind its reply. If it is refused, that is of no account: the lane's move
 * meets no row, or stands in the same transaction, and no other COMMIT comes. */
static bool
leave_commit(struct load *l, struct lt_err *err)
{
	LT_ASSERT(l->due == 0);
	lt_step("load.commit");
	if (!send_commit(l, err))
		return lt_wrap(err, "COMMIT");
	l->expects[l->first] = (struct expect){ .kind = EXPECT_COMMIT };
	l->due = 1;
	l->left = l->follow;
	l->open = false;
	lt_step("load.commit.left");
	return true;
}

bool
pipeline_load_move(struct load *l, const struct change_position *end, struct lt_err *err)
{
	struct pipeline_move move = { .end = end };
	struct lt_buf ahead = { 0 };
	bool ok;

	if (l->turn != NULL) {
		move.number = l->turn->number;
		move.ahead = l->turn->ahead;
	} else {
		move.number = ++l->newest;
		pipeline_window_text(&l->window, end, &ahead);
		move.ahead = lt_buf_str(&ahead);
	}
	ok = pipeline_lane_send(&l->lane, &move, &l->scratch, err);
	lt_buf_free(&ahead);
	return ok;
}

/* The locks are held, all replies are good: now it is the order's business. */
static bool
await_turn(struct load *l, struct lt_err *err)
{
	return l->turn == NULL || l->turn->wait(l->turn->ctx, err);
}

/* The key finds a row, but not with the values that the log has: both ends wrote it. */
static void
tell_missing_from_differing(struct load *l, size_t n, struct lt_err *err)
{
	const struct change_txn *t;

	if (err->code != LT_E_ROW_MISSING || n != 1 || l->channel->verify == MODEL_VERIFY_OFF || !my_alive(l->conn))
		return;
	t = l->txns[0];
	/* The rows before the failing one are undone by now, so only rows that the transaction met first can be told.
	 */
	for (size_t i = 0; i < t->nrows; i++) {
		struct lt_err ignored = { 0 };
		bool there = false;

		if (t->rows[i].op != CHANGE_INSERT &&
		    (!pipeline_load_probe(l, &t->rows[i], &there, &ignored) || !there))
			return;
	}
	err->code = LT_E_ROW_DIFFERS;
}

/* The lane did not move because it is not there any more. */
static void
tell_lost_from_fenced(struct load *l, struct lt_err *err)
{
	struct lt_err ignored = { 0 };
	bool there = true;

	if (err->code == LT_E_FENCED && my_alive(l->conn) && pipeline_lane_there(&l->lane, &there, &ignored) && !there)
		lt_fail(err, LT_E_STATE_BROKEN, "lutra.lane has lost the progress of pipeline %s", l->pipeline->name);
}

bool
pipeline_load_edits(const struct change_txn *t)
{
	for (size_t i = 0; i < t->nrows; i++) {
		if (t->rows[i].after.partial != NULL)
			return true;
	}
	return false;
}

/* Only where every row of the group gathered with others came out as the log says; else all is undone and done in the
 * log's order. */
static bool
worth_gathering(const struct load *l, size_t n)
{
	uint64_t rows = 0;

	if (l->channel->sync == MODEL_SYNC_ROW)
		return false;
	for (size_t i = 0; i < n; i++) {
		rows += change_txn_rows(l->txns[i]);
		if (pipeline_load_edits(l->txns[i]))
			return false;
	}
	return rows >= LOAD_GATHER_ROWS;
}

/* Whether the order of the log may do better: not where the server is away, locked, or somebody else's. */
static bool
is_about_data(const struct load *l, const struct lt_err *err)
{
	return my_alive(l->conn) && lt_err_kind(err) != LT_KIND_RETRY && err->code != LT_E_FENCED &&
	       err->code != LT_E_LOCK_WAIT && err->code != LT_E_DEADLOCK;
}

/* Whether somebody else carries out groups. */
static bool
decides(const struct load *l)
{
	return l->settle != NULL && l->settle->apply != NULL;
}

/* The group failed, perhaps before the COMMIT that was left was heard of: what became of that comes first. */
static bool
hear_first(struct load *l, struct lt_err *err)
{
	struct lt_err heard = { 0 };

	if (my_alive(l->conn) && !pipeline_load_hear(&l->base, &heard))
		*err = heard;
	return false;
}

static bool
send_group(struct load *l, size_t n, bool gather, const struct change_position *end, struct lt_err *err)
{
	bool spilled = l->txns[0]->spill != NULL;

	if (decides(l))
		return pipeline_load_send_settled(l, n, gather, end, err);
	my_set_io_timeout(l->conn, spilled ? LARGE_IO_TIMEOUT_MS : PIPELINE_IO_TIMEOUT_MS);
	if (spilled) {
		LT_ASSERT(n == 1);
		return pipeline_load_send_parts(l, gather, end, err);
	}
	return gather ? pipeline_load_send_gathered(l, n, end, err) : pipeline_load_send(l, n, end, err);
}

static bool
send(struct load *l, size_t n, bool gather, const struct change_position *end, struct lt_err *err)
{
	return send_group(l, n, gather, end, err) || hear_first(l, err);
}

/* Warnings are read behind their statement, one at a time: that is for whom there were some. */
static bool
send_in_order(struct load *l, size_t n, const struct change_position *end, struct lt_err *err)
{
	l->unsure = false;
	if (send(l, n, false, end, err))
		return true;
	if (!l->unsure || !my_alive(l->conn))
		return false;
	pipeline_load_rollback(&l->base);
	memset(err, 0, sizeof(*err));
	return send(l, n, false, end, err);
}

bool
pipeline_load_merges(const struct load *l)
{
	return l->channel->mode == MODEL_MODE_MERGE && l->unmerged == 0 && !decides(l);
}

static void
begin_group(struct load *l, struct change_txn *const *txns, size_t n)
{
	l->txns = txns;
	l->merge = pipeline_load_merges(l);
	l->unmerged -= l->unmerged > 0 ? 1 : 0;
	pipeline_load_plan_use(l, n);
}

static bool
end_group(struct load *l, struct lt_err *err)
{
	bool leaves = l->follow.ctx != NULL && l->follow.leaves(l->follow.ctx);

	return leaves ? leave_commit(l, err) : pipeline_load_commit(&l->base, err);
}

static bool
apply(struct load *l, size_t n, const struct change_position *end, size_t *culprit, struct lt_err *err)
{
	struct change_sink *s = &l->base;
	bool sent = false;

	if (worth_gathering(l, n)) {
		sent = send(l, n, true, end, err);
		if (!sent) {
			pipeline_load_rollback(s);
			if (!is_about_data(l, err)) {
				tell_lost_from_fenced(l, err);
				*culprit = n;
				return false;
			}
			if (l->merge)
				l->unmerged = UNMERGED_GROUPS;
			memset(err, 0, sizeof(*err));
		}
	}
	if (!sent && !send_in_order(l, n, end, err)) {
		pipeline_load_rollback(s);
		tell_missing_from_differing(l, n, err);
		tell_lost_from_fenced(l, err);
		pipeline_load_rollback(s);
		*culprit = LT_MIN(l->culprit, n);
		return false;
	}
	if (!await_turn(l, err) || !end_group(l, err)) {
		pipeline_load_rollback(s);
		*culprit = n;
		return false;
	}
	return true;
}

static bool
load_apply(struct change_sink *s, struct change_txn *const *txns, size_t n, const struct change_position *end,
    struct change_sink_done *done, size_t *culprit, struct lt_err *err)
{
	struct load *l = load_of(s);
	bool ok;

	LT_ASSERT(l->claimed && l->lane_exists && l->due == (l->left.ctx != NULL ? 1 : 0));
	begin_group(l, txns, n);
	ok = apply(l, n, end, culprit, err);
	l->follow = (struct pipeline_load_follow){ 0 };
	if (ok)
		*done = l->done;
	return ok;
}

/* -- progress ------------------------------------------------------------------------------------- */

size_t
pipeline_load_writers(const struct change_sink *s)
{
	const struct load *l = (const struct load *)s;

	return l->far ? l->channel->far_writers : l->channel->writers;
}

/* Lane 0 is that of the connection that claims; each writer has one of its own. */
static size_t
lanes_of(const struct load *l)
{
	size_t writers = pipeline_load_writers(&l->base);

	return writers > 1 ? writers + 1 : 1;
}

/* A slow answer by itself may be a busy machine. */
static bool
look_how_far(struct load *l, struct lt_err *err)
{
	uint64_t round_us = l->answer_us;

	if (l->channel->far_writers != l->channel->writers && round_us >= FAR_US &&
	    !pipeline_load_round(&l->base, &round_us, err))
		return false;
	l->far = LT_MIN(round_us, l->answer_us) >= FAR_US;
	return true;
}

static bool
load_claim(struct change_sink *s, struct change_position *at, bool *found, struct lt_err *err)
{
	struct load *l = load_of(s);
	struct pipeline_lane_claim claim = { .channel = l->channel->name, .pipeline = l->pipeline->name };
	bool ok;

	if (!look_how_far(l, err))
		return false;
	claim.lanes = lanes_of(l);
	ok = pipeline_lane_claim(&l->lane, l->conn, &claim, at, found, err);
	pipeline_window_clear(&l->window);
	l->window = claim.window;
	if (!ok)
		return false;
	l->newest = claim.newest;
	l->claimed = true;
	l->lane_exists = *found;
	l->paused = claim.paused;
	l->begun = claim.begun;
	return true;
}

bool
pipeline_load_paused(const struct change_sink *s)
{
	return ((const struct load *)s)->paused;
}

bool
pipeline_load_begun(const struct change_sink *s)
{
	return ((const struct load *)s)->begun;
}

bool
pipeline_load_begin(struct change_sink *s, const struct change_position *at, struct lt_err *err)
{
	struct load *l = load_of(s);
	struct my_reply reply;

	LT_ASSERT(l->claimed && !l->open);
	if (!l->lane_exists) {
		l->newest = 1;
		return pipeline_lane_create(&l->lane, lanes_of(l), at, err);
	}
	l->open = true;
	return pipeline_load_move(l, at, err) && my_recv(l->conn, &reply, err) &&
	       pipeline_lane_moved(&l->lane, &reply, err);
}

static bool
load_advance(struct change_sink *s, const struct change_position *end, struct lt_err *err)
{
	if (pipeline_load_begin(s, end, err) && pipeline_load_commit(s, err))
		return true;
	pipeline_load_rollback(s);
	tell_lost_from_fenced(load_of(s), err);
	return false;
}

uint64_t
pipeline_load_number(struct change_sink *s)
{
	return ++load_of(s)->newest;
}

const struct pipeline_window *
pipeline_load_window(const struct change_sink *s)
{
	return &((const struct load *)s)->window;
}

void
pipeline_load_forget_window(struct change_sink *s)
{
	pipeline_window_clear(&load_of(s)->window);
}

void
pipeline_load_take_turns(struct change_sink *s, const struct pipeline_load_turn *turn)
{
	load_of(s)->turn = turn;
}

bool
pipeline_load_check(struct change_sink *s, struct lt_err *err)
{
	return my_check_link(load_of(s)->conn, err) || lt_wrap(err, "while there was nothing to apply");
}

bool
pipeline_load_round(struct change_sink *s, uint64_t *round_us, struct lt_err *err)
{
	uint64_t began_us = lt_mono_us(lt_clock_real());

	if (!my_ping(load_of(s)->conn, err))
		return lt_wrap(err, "while measuring the round trip to the target");
	*round_us = lt_mono_us(lt_clock_real()) - began_us;
	return true;
}

bool
pipeline_load_bound(struct change_sink *s, uint64_t *round_us, struct lt_err *err)
{
	uint64_t began_us = lt_mono_us(lt_clock_real());

	if (!my_exec(load_of(s)->conn, "SET SESSION wait_timeout=10", NULL, err))
		return lt_wrap(err, "while setting the session");
	*round_us = lt_mono_us(lt_clock_real()) - began_us;
	return true;
}

uint32_t
pipeline_load_session(struct change_sink *s)
{
	return my_conn_server(load_of(s)->conn)->thread_id;
}

size_t
pipeline_load_lane(const struct change_sink *s)
{
	return ((const struct load *)s)->lane.lane;
}

struct pipeline_router *
pipeline_load_router(struct change_sink *s)
{
	return load_of(s)->router;
}

static const struct change_sink_ops load_ops = { load_claim, load_apply, load_advance, load_cancel, load_close };

struct my_conn *
pipeline_load_conn(struct change_sink *s)
{
	return load_of(s)->conn;
}

/* -- session -------------------------------------------------------------------------------------- */

/* A session whose client is gone without a word holds the lane, and all that it has locked, until the server gives up
 * on it. MariaDB does after ten seconds in a transaction; MySQL has no such limit, but one for any silence, which
 * pipeline_load_bound() sets once nothing takes long any more. */
static const char *const settings[] = {
	"SET SESSION autocommit=0, time_zone='+00:00', sql_mode='STRICT_ALL_TABLES," LOAD_SQL_MODE "',"
	" unique_checks=1, foreign_key_checks=1, innodb_lock_wait_timeout=1, lock_wait_timeout=5,"
	" wait_timeout=28800 /*M!100300 , idle_write_transaction_timeout=10 */",
	"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
};

static bool
queue_settings(struct my_conn *c, size_t count, struct lt_err *err)
{
	for (size_t i = 0; i < count; i++) {
		if (!my_send_query(c, lt_str_z(settings[i]), err))
			return false;
	}
	return true;
}

static bool
recv_settings(struct my_conn *c, size_t count, uint64_t *answer_us, struct lt_err *err)
{
	uint64_t began_us = lt_mono_us(lt_clock_real());

	for (size_t i = 0; i < count; i++) {
		if (my_recv(c, NULL, err))
			continue;
		if (my_alive(c))
			err->code = LT_E_SESSION;
		return lt_wrap(err, "while setting the session");
	}
	*answer_us = lt_mono_us(lt_clock_real()) - began_us;
	return true;
}

/* Without TRIGGER none is shown, and then there may be some. */
static bool
recv_grants(struct load *l, struct lt_err *err)
{
	struct pipeline_held *held = pipeline_held_new(false);
	bool ok = pipeline_held_recv(held, l->conn, err);

	pipeline_router_hold(l->router, held);
	return ok || lt_wrap(err, "while reading what the account may do");
}

/* The session, what is there of schema `lutra`, what the account may do and how much the server takes at once, in one
 * round trip. A connection on which one of them fails is closed. */
static bool
begin_session(struct load *l, struct lt_err *err)
{
	size_t count = lt_fault("r03_session") ? 0 : LT_COUNT(settings);
	uint64_t version;

	if (!queue_settings(l->conn, count, err) || !pipeline_state_ask(l->conn, err) ||
	    !my_send_query(l->conn, LT_STR("SHOW GRANTS"), err) || !my_send_limit(l->conn, err) ||
	    !recv_settings(l->conn, count, &l->answer_us, err) || !pipeline_state_recv(l->conn, &version, err) ||
	    !recv_grants(l, err) || !my_recv_limit(l->conn, err))
		return false;
	/* Else the wait that is to be seen ends after a second by itself. */
	if (lt_fault("r04_give_way") && !my_exec(l->conn, "SET SESSION innodb_lock_wait_timeout=50", NULL, err))
		return false;
	return pipeline_state_make(l->conn, version, err);
}

bool
pipeline_load_open(const struct model_channel *channel, size_t index, const struct pipeline_origin *origin,
    struct change_sink **ret, struct lt_err *err)
{
	const struct model_pipeline *pipeline = &channel->pipelines[index];
	struct load *l = lt_new(struct load);
	bool ok = false;

	l->base.ops = &load_ops;
	l->channel = channel;
	l->pipeline = pipeline;
	l->origin = origin;
	if (!pipeline_connect(&channel->sites[pipeline->to], true, origin->stop, &l->conn, err))
		goto out;
	l->router = pipeline_router_new(
	    pipeline->mapping, l->conn, channel->verify == MODEL_VERIFY_ON && !lt_fault("r08_verify"));
	l->batch = pipeline_batch_new();
	if (!begin_session(l, err)) {
		lt_wrap(err, "site %s", channel->sites[pipeline->to].name);
		goto out;
	}
	if (origin->settle != NULL)
		l->settle = origin->settle(origin->ctx, origin->stop);
	*ret = &l->base;
	l = NULL;
	ok = true;
out:
	if (l != NULL)
		load_close(&l->base);
	return ok;
}

bool
pipeline_load_warm(struct change_sink *s, const struct schema_history *history, struct lt_err *err)
{
	struct load *l = load_of(s);

	return (pipeline_warm(l->router, l->pipeline->mapping, history, l->conn, err) &&
		   (lt_fault("r12_start") || my_exec(l->conn, "COMMIT", NULL, err))) ||
	       lt_wrap(err, "while reading the target's tables");
}

bool
pipeline_load_open_writer(struct change_sink *first, size_t lane, struct change_sink **ret, struct lt_err *err)
{
	struct load *f = load_of(first);
	struct change_sink *s = NULL;
	uint64_t round_us; /* the first connection measures it */
	struct load *l;

	LT_ASSERT(f->claimed && f->lane_exists);
	if (!pipeline_load_open(f->channel, (size_t)(f->pipeline - f->channel->pipelines), f->origin, &s, err))
		return false;
	l = load_of(s);
	if (!pipeline_lane_join(&l->lane, l->conn, &f->lane, lane, err) || !pipeline_load_bound(s, &round_us, err)) {
		load_close(s);
		return false;
	}
	l->claimed = l->lane_exists = true;
	*ret = s;
	return true;
}
