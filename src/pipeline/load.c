#include "pipeline/load.h"

#include "base/fault.h"
#include "pipeline/connect.h"
#include "pipeline/lane.h"
#include "pipeline/route.h"
#include "pipeline/state.h"

/* Statements in flight: enough to hide a round trip of 20 ms at 50 000 rows/s. */
#define WINDOW 1024

enum fk_checks { FK_UNKNOWN, FK_OFF, FK_ON };
enum expect_kind { EXPECT_LANE, EXPECT_SETTING, EXPECT_ROW };

/* What the next reply must be. */
struct expect {
	enum expect_kind kind;
	size_t txn, row; /* EXPECT_ROW */
	uint32_t count;
};

/* Owner: the loader's thread. */
struct load {
	struct change_sink base;
	const struct model_channel *channel;
	const struct model_pipeline *pipeline;
	struct my_conn *conn;           /* owned */
	struct pipeline_router *router; /* owned */
	struct pipeline_lane lane;
	bool claimed, lane_exists;
	bool open;       /* a transaction that has moved the lane */
	enum fk_checks fk;
	struct expect expects[WINDOW]; /* ring */
	size_t first, due;
	struct change_txn *const *txns; /* the group in hand */
	size_t culprit;
	struct change_sink_done done;
	struct lt_buf scratch; /* owned */
};

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

	pipeline_router_free(l->router);
	my_close(l->conn);
	lt_buf_free(&l->scratch);
	free(l);
}

/* -- replies --------------------------------------------------------------------------------------------------------- */

static void
blame(struct load *l, const struct expect *e, struct lt_err *err)
{
	const struct change_txn *t = l->txns[e->txn];
	const struct change_row *row = &t->rows[e->row];

	l->culprit = e->txn;
	change_txn_where(t, &err->where);
	lt_where_table(&err->where, row->table->schema, row->table->name);
}

static const char *
op_name(enum change_op op)
{
	static const char *const names[] = { [CHANGE_INSERT] = "INSERT", [CHANGE_UPDATE] = "UPDATE", [CHANGE_DELETE] = "DELETE" };

	return names[op];
}

static bool
judge_row(struct load *l, const struct expect *e, const struct my_reply *reply, struct lt_err *err)
{
	const struct change_row *row = &l->txns[e->txn]->rows[e->row];

	if (reply->affected == e->count)
		return true;
	if (reply->affected < e->count)
		lt_fail(err, LT_E_ROW_MISSING, "%s met %llu rows where the log has %u", op_name(row->op),
		    (unsigned long long)reply->affected, e->count);
	else
		lt_fail(err, LT_E_ROWS_AFFECTED, "%s met %llu rows where the log has %u", op_name(row->op),
		    (unsigned long long)reply->affected, e->count);
	blame(l, e, err);
	return false;
}

/* Take and judge the next reply. */
static bool
take(struct load *l, struct lt_err *err)
{
	struct expect e = l->expects[l->first];
	struct my_reply reply;

	l->first = (l->first + 1) % WINDOW;
	l->due--;
	if (!my_recv(l->conn, &reply, err)) {
		if (e.kind == EXPECT_ROW && my_alive(l->conn)) {
			lt_wrap(err, "%s", op_name(l->txns[e.txn]->rows[e.row].op));
			blame(l, &e, err);
		}
		return false;
	}
	switch (e.kind) {
	case EXPECT_LANE: return pipeline_lane_moved(&l->lane, &reply, err);
	case EXPECT_SETTING: return true;
	case EXPECT_ROW: return judge_row(l, &e, &reply, err);
	}
	return true;
}

static bool
take_until(struct load *l, size_t due, struct lt_err *err)
{
	while (l->due > due) {
		if (!take(l, err))
			return false;
	}
	return true;
}

/* Room for one more statement; early news of a failure. */
static bool
make_room(struct load *l, struct lt_err *err)
{
	return l->due < WINDOW || take_until(l, WINDOW / 2, err);
}

static void
expect(struct load *l, struct expect e)
{
	l->expects[(l->first + l->due) % WINDOW] = e;
	l->due++;
	l->done.statements++;
}

/* -- a group --------------------------------------------------------------------------------------------------------- */

/* R3: 0x10 means that the log holds the cascades, so the target must not make them; else flag 2 says. */
static bool
set_fk_checks(struct load *l, uint16_t flags, struct lt_err *err)
{
	bool off = (flags & (CHANGE_ROW_FK_LOGGED | CHANGE_ROW_NO_FK_CHECKS)) != 0;
	enum fk_checks want = off ? FK_OFF : FK_ON;

	if (l->fk == want)
		return true;
	if (!make_room(l, err))
		return false;
	if (!my_send_query(l->conn, off ? LT_STR("SET foreign_key_checks=0") : LT_STR("SET foreign_key_checks=1"), err))
		return false;
	l->fk = want;
	expect(l, (struct expect){ .kind = EXPECT_SETTING });
	return true;
}

static bool
same_image(const struct change_image *a, const struct change_image *b)
{
	return lt_str_eq(a->bytes, b->bytes) && a->present == b->present;
}

/* How many rows from `at` on are one statement: identical images of one event of a keyless table (R9). */
static uint32_t
run_of(const struct change_txn *t, size_t at, const struct pipeline_route *route)
{
	const struct change_row *first = &t->rows[at];
	size_t n = 1;

	if (!route->keyless || first->op == CHANGE_INSERT)
		return 1;
	while (at + n < t->nrows) {
		const struct change_row *row = &t->rows[at + n];

		if (row->event != first->event || row->op != first->op || row->table != first->table ||
		    !same_image(&row->before, &first->before) || !same_image(&row->after, &first->after))
			break;
		n++;
	}
	return (uint32_t)n;
}

static bool
send_row(struct load *l, size_t txn, size_t at, uint32_t *count, struct lt_err *err)
{
	const struct change_txn *t = l->txns[txn];
	const struct change_row *row = &t->rows[at];
	struct pipeline_route *route = NULL;
	struct pipeline_bound bound;
	struct expect e = { .kind = EXPECT_ROW, .txn = txn, .row = at };

	if (!set_fk_checks(l, row->flags, err) || !make_room(l, err))
		return false;
	/* A failure from here on may be that of an earlier statement, whose place is set then. */
	if (!pipeline_router_get(l->router, row->table, &route, err))
		goto failed;
	e.count = run_of(t, at, route);
	if (!pipeline_router_bind(l->router, route, row, e.count, &bound, err))
		goto failed;
	if (!my_send_execute(l->conn, bound.stmt, bound.params, bound.nparams, err))
		return false;
	expect(l, e);
	*count = e.count;
	return true;
failed:
	if (l->culprit == SIZE_MAX && my_alive(l->conn))
		blame(l, &e, err);
	return false;
}

static bool
send_group(struct load *l, size_t n, const struct change_position *end, struct lt_err *err)
{
	if (!pipeline_lane_send(&l->lane, end, &l->scratch, err))
		return false;
	l->open = true;
	expect(l, (struct expect){ .kind = EXPECT_LANE });
	for (size_t i = 0; i < n; i++) {
		const struct change_txn *t = l->txns[i];

		for (size_t row = 0; row < t->nrows;) {
			uint32_t count = 1;

			if (!send_row(l, i, row, &count, err))
				return false;
			row += count;
		}
		l->done.rows += t->nrows;
		l->done.transactions += t->kind == CHANGE_TXN_ROWS && t->nrows > 0 ? 1 : 0;
	}
	if (lt_fault("r01_commit")) {
		if (!make_room(l, err) || !my_send_query(l->conn, LT_STR("COMMIT"), err))
			return false;
		expect(l, (struct expect){ .kind = EXPECT_SETTING });
	}
	return take_until(l, 0, err);
}

void
pipeline_load_rollback(struct change_sink *s)
{
	struct load *l = load_of(s);
	struct my_reply reply;
	struct lt_err ignored = { 0 };

	while (l->due > 0 && my_alive(l->conn)) {
		l->first = (l->first + 1) % WINDOW;
		l->due--;
		if (!my_recv(l->conn, &reply, &ignored))
			continue; /* what follows a failure fails too, or is undone with it */
	}
	l->first = l->due = 0;
	l->fk = FK_UNKNOWN;
	if (l->open)
		pipeline_lane_undo(&l->lane);
	l->open = false;
	if (my_alive(l->conn) && !my_exec(l->conn, "ROLLBACK", NULL, &ignored))
		my_cancel(l->conn); /* its state is not known: let nobody use it again */
}

bool
pipeline_load_commit(struct change_sink *s, struct lt_err *err)
{
	struct load *l = load_of(s);

	if (!(lt_fault("r12_start") && !l->lane_exists) && !my_exec(l->conn, "COMMIT", NULL, err))
		return lt_wrap(err, "COMMIT");
	l->open = false;
	l->lane_exists = true;
	return true;
}

/* The key finds a row, but not with the values that the log has: both ends wrote it. */
static void
tell_missing_from_differing(struct load *l, size_t n, struct lt_err *err)
{
	const struct change_txn *t;

	if (err->code != LT_E_ROW_MISSING || n != 1 || l->channel->verify == MODEL_VERIFY_OFF || !my_alive(l->conn))
		return;
	t = l->txns[0];
	/* The rows before the failing one are undone by now, so only rows that the transaction met first can be told. */
	for (size_t i = 0; i < t->nrows; i++) {
		struct pipeline_route *route = NULL;
		struct pipeline_bound bound;
		struct my_reply reply;
		struct lt_err ignored = { 0 };

		if (t->rows[i].op == CHANGE_INSERT)
			continue;
		if (!pipeline_router_get(l->router, t->rows[i].table, &route, &ignored) ||
		    !pipeline_router_probe(l->router, route, &t->rows[i], &bound, &ignored) ||
		    !my_send_execute(l->conn, bound.stmt, bound.params, bound.nparams, &ignored) ||
		    !my_recv(l->conn, &reply, &ignored) || reply.affected == 0)
			return;
	}
	err->code = LT_E_ROW_DIFFERS;
}

static bool
load_apply(struct change_sink *s, struct change_txn *const *txns, size_t n, const struct change_position *end,
    struct change_sink_done *done, size_t *culprit, struct lt_err *err)
{
	struct load *l = load_of(s);

	LT_ASSERT(l->claimed && l->lane_exists && l->due == 0);
	l->txns = txns;
	l->culprit = SIZE_MAX;
	l->done = (struct change_sink_done){ 0 };
	if (!send_group(l, n, end, err)) {
		pipeline_load_rollback(s);
		tell_missing_from_differing(l, n, err);
		pipeline_load_rollback(s);
		*culprit = LT_MIN(l->culprit, n);
		return false;
	}
	if (!pipeline_load_commit(s, err)) {
		pipeline_load_rollback(s);
		*culprit = n;
		return false;
	}
	*done = l->done;
	return true;
}

/* -- progress -------------------------------------------------------------------------------------------------------- */

static bool
load_claim(struct change_sink *s, struct change_position *at, bool *found, struct lt_err *err)
{
	struct load *l = load_of(s);

	if (!pipeline_lane_claim(&l->lane, l->conn, l->channel->name, l->pipeline->name, at, found, err))
		return false;
	l->claimed = true;
	l->lane_exists = *found;
	return true;
}

bool
pipeline_load_begin(struct change_sink *s, const struct change_position *at, struct lt_err *err)
{
	struct load *l = load_of(s);

	LT_ASSERT(l->claimed && !l->open);
	if (!l->lane_exists)
		return pipeline_lane_create(&l->lane, at, err);
	l->open = true;
	return pipeline_lane_set(&l->lane, at, err);
}

static bool
load_advance(struct change_sink *s, const struct change_position *end, struct lt_err *err)
{
	if (pipeline_load_begin(s, end, err) && pipeline_load_commit(s, err))
		return true;
	pipeline_load_rollback(s);
	return false;
}

static const struct change_sink_ops load_ops = { load_claim, load_apply, load_advance, load_cancel, load_close };

struct my_conn *
pipeline_load_conn(struct change_sink *s)
{
	return load_of(s)->conn;
}

/* -- session --------------------------------------------------------------------------------------------------------- */

static bool
set_session(struct my_conn *c, struct lt_err *err)
{
	static const char *const settings[] = {
		"SET SESSION autocommit=0, time_zone='+00:00',"
		" sql_mode='STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO',"
		" unique_checks=1, foreign_key_checks=1, innodb_lock_wait_timeout=1, wait_timeout=28800",
		"SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
	};

	for (size_t i = 0; i < LT_COUNT(settings); i++) {
		if (my_exec(c, settings[i], NULL, err))
			continue;
		if (my_alive(c))
			err->code = LT_E_SESSION;
		return lt_wrap(err, "while setting the session");
	}
	return true;
}

bool
pipeline_load_open(const struct model_channel *channel, size_t index, struct change_sink **ret, struct lt_err *err)
{
	const struct model_pipeline *pipeline = &channel->pipelines[index];
	struct load *l = lt_new(struct load);
	bool ok = false;

	l->base.ops = &load_ops;
	l->channel = channel;
	l->pipeline = pipeline;
	if (!pipeline_connect(&channel->sites[pipeline->to], true, &l->conn, err))
		goto out;
	if (!set_session(l->conn, err) || !pipeline_state_install(l->conn, err)) {
		lt_wrap(err, "site %s", channel->sites[pipeline->to].name);
		goto out;
	}
	l->router = pipeline_router_new(pipeline->mapping, l->conn, channel->verify == MODEL_VERIFY_ON && !lt_fault("r08_verify"));
	*ret = &l->base;
	l = NULL;
	ok = true;
out:
	if (l != NULL)
		load_close(&l->base);
	return ok;
}
