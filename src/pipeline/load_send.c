#include "base/fault.h"
#include "pipeline/load_priv.h"
#include "pipeline/otter.h"

#define OTTER_ROW 301

/* Bounds of one statement that many rows share. */
#define GATHER_ROWS 1000
#define GATHER_BYTES ((size_t)1 << 20)
#define GATHER_PARAMS 32000

/* -- replies -------------------------------------------------------------------------------------- */

static void
blame(struct load *l, const struct expect *e, struct lt_err *err)
{
	const struct change_txn *t = l->txns[e->txn];
	const struct change_row *row = &t->rows[e->row];

	l->culprit = e->txn;
	l->culprit_row = e->row;
	change_txn_where(t, &err->where);
	lt_where_table(&err->where, row->table->schema, row->table->name);
}

static const char *
op_name(enum change_op op)
{
	static const char *const names[] = {
		[CHANGE_INSERT] = "INSERT", [CHANGE_UPDATE] = "UPDATE", [CHANGE_DELETE] = "DELETE"
	};

	return names[op];
}

/* An upsert counts a row that it found and changed as two, and any other as less: twice the rows proves that each was
 * there. In a join with a table of values a warning may be a value that became another on its way. */
static bool
is_as_logged(const struct expect *e, const struct my_reply *reply)
{
	bool many = e->route != NULL && e->form == PIPELINE_FORM_MANY && e->op == CHANGE_UPDATE;
	bool upsert = e->route != NULL && e->form == PIPELINE_FORM_UPSERT;

	if (reply->affected != (upsert ? 2ull * e->count : e->count))
		return false;
	return many || e->warnings > 0 ? reply->warnings == e->warnings : true;
}

static bool
judge_row(struct load *l, const struct expect *e, const struct my_reply *reply, struct lt_err *err)
{
	const struct change_row *row = &l->txns[e->txn]->rows[e->row];

	if (is_as_logged(e, reply))
		return true;
	if (reply->affected == e->count && e->route == NULL)
		lt_fail(err, LT_E_VALUE_REFUSED, "%s: %u warnings where %u values are no member of their ENUM",
		    op_name(row->op), reply->warnings, e->warnings);
	else if (reply->affected < e->count)
		lt_fail(err, LT_E_ROW_MISSING, "%s met %llu rows where the log has %u", op_name(row->op),
		    (unsigned long long)reply->affected, e->count);
	else
		lt_fail(err, LT_E_ROWS_AFFECTED, "%s met %llu rows where the log has %u", op_name(row->op),
		    (unsigned long long)reply->affected, e->count);
	blame(l, e, err);
	return false;
}

/* All of it: rows met, values complained of, text. */
static bool
judge(struct load *l, const struct expect *e, struct my_reply *reply, struct lt_err *err)
{
	if (pipeline_load_text_named(l, e, reply, err)) {
		if (!judge_row(l, e, reply, err))
			return false;
		if (pipeline_load_text_kept(l, e, reply, err))
			return true;
	}
	if (my_alive(l->conn)) {
		lt_wrap(err, "%s", op_name(l->txns[e->txn]->rows[e->row].op));
		blame(l, e, err);
	}
	return false;
}

/* A form that failed once, but for a lock, would fail again and again: the route does without it. */
static void
note_form(const struct load *l, const struct expect *e, const struct lt_err *err)
{
	if (e->kind == EXPECT_ROW && e->route != NULL && my_alive(l->conn) && err->code != LT_E_DEADLOCK &&
	    err->code != LT_E_LOCK_WAIT && lt_err_kind(err) != LT_KIND_RETRY)
		e->route->refused |= 1u << e->form;
}

/* Of the group before the one in hand. */
static bool
take_commit(struct load *l, struct lt_err *err)
{
	struct pipeline_load_follow left = l->left;

	l->left = (struct pipeline_load_follow){ 0 };
	if (!my_recv(l->conn, NULL, err) && !pipeline_load_doubt(l, err))
		return lt_wrap(err, "COMMIT");
	lt_step("load.committed");
	left.committed(left.ctx);
	return true;
}

/* Take and judge the next reply. */
static bool
take(struct load *l, struct lt_err *err)
{
	struct expect e = l->expects[l->first];
	struct my_reply reply;

	if (l->turn != NULL && l->turn->called_off(l->turn->ctx, e.count))
		return lt_fail(err, LT_E_CANCELLED, "the group gives way to those before it");
	l->first = (l->first + 1) % LOAD_WINDOW;
	l->due--;
	if (e.kind == EXPECT_COMMIT)
		return take_commit(l, err);
	if (!my_recv(l->conn, &reply, err)) {
		if (e.kind == EXPECT_ROW && my_alive(l->conn)) {
			lt_wrap(err, "%s", op_name(l->txns[e.txn]->rows[e.row].op));
			blame(l, &e, err);
			pipeline_load_text_refused(l, &e, err);
		}
		if (e.kind == EXPECT_LANE && err->code == LT_E_TABLE_MISSING)
			err->code = LT_E_STATE_BROKEN;
		note_form(l, &e, err);
		return false;
	}
	lt_step("load.reply");
	switch (e.kind) {
	case EXPECT_LANE: return pipeline_lane_moved(&l->lane, &reply, err);
	case EXPECT_COMMIT:
	case EXPECT_SETTING: return true;
	case EXPECT_ROW:
		if (judge(l, &e, &reply, err))
			return true;
		note_form(l, &e, err);
		return false;
	}
	return true;
}

bool
pipeline_load_take(struct load *l, size_t due, struct lt_err *err)
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
	return l->due < LOAD_WINDOW || pipeline_load_take(l, LOAD_WINDOW / 2, err);
}

static void
expect(struct load *l, struct expect e)
{
	l->expects[(l->first + l->due) % LOAD_WINDOW] = e;
	l->due++;
	l->done.statements++;
}

/* -- a group -------------------------------------------------------------------------------------- */

static bool
set(struct load *l, enum load_setting *now, enum load_setting want, struct lt_str statement, struct lt_err *err)
{
	if (*now == want)
		return true;
	if (!make_room(l, err) || !my_send_query(l->conn, statement, err))
		return false;
	*now = want;
	expect(l, (struct expect){ .kind = EXPECT_SETTING });
	return true;
}

/* R3: 0x10 means that the log holds the cascades, so the target must not make them; else flag 2 says. */
static bool
set_fk_checks(struct load *l, uint16_t flags, struct lt_err *err)
{
	bool off = (flags & (CHANGE_ROW_FK_LOGGED | CHANGE_ROW_NO_FK_CHECKS)) != 0 && !lt_fault("r03_flags");

	return set(l, &l->fk, off ? LOAD_OFF : LOAD_ON,
	    off ? LT_STR("SET foreign_key_checks=0") : LT_STR("SET foreign_key_checks=1"), err);
}

/* The value of an ENUM that is none of its members is refused in strict mode. So it goes without, and the number of
 * warnings says that nothing else did. */
static bool
set_strict(struct load *l, bool on, struct lt_err *err)
{
	return set(l, &l->strict, on ? LOAD_ON : LOAD_OFF,
	    on ? LT_STR("SET sql_mode='STRICT_ALL_TABLES," LOAD_SQL_MODE "'")
	       : LT_STR("SET sql_mode='" LOAD_SQL_MODE "'"),
	    err);
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

/* -- in the order of the log ---------------------------------------------------------------------- */

static struct my_param *
room_for(struct load *l, size_t params)
{
	if (params > l->params_cap) {
		l->params = lt_realloc(l->params, params * sizeof(*l->params));
		l->params_cap = params;
	}
	return l->params;
}

static bool
send_values(struct load *l, struct pipeline_route *route, const struct pipeline_statement *s,
    const struct change_row *row, struct lt_err *err)
{
	if (!pipeline_router_is_odd(route, s, l->params))
		return my_send_execute(
		    l->conn, pipeline_statement_stmt(s), l->params, pipeline_statement_width(s), err);
	lt_buf_clear(&l->scratch);
	LT_ASSERT(pipeline_router_text(route, row, l->params, &l->scratch));
	return my_send_query(l->conn, lt_buf_str(&l->scratch), err);
}

/* One row, or as many identical ones as `e->count` says. */
static bool
send_one(
    struct load *l, struct pipeline_route *route, const struct change_row *row, struct expect e, struct lt_err *err)
{
	const struct pipeline_statement *s = NULL;
	struct my_param *params;

	if (!set_fk_checks(l, row->flags, err) || !make_room(l, err))
		return false;
	if (l->channel->sync == MODEL_SYNC_ROW) {
		bool done = false;

		if (!set_strict(l, true, err) || !pipeline_load_take(l, 0, err) ||
		    !pipeline_load_reread(l, route, row, &done, err) || done)
			return done;
	}
	if (!pipeline_router_statement(l->router, route, row, (struct pipeline_want){ PIPELINE_FORM_ROW, 1 }, &s, err))
		return false;
	params = room_for(l, pipeline_statement_width(s));
	pipeline_router_forget(l->router);
	/* Edits of JSON values read the target's row. */
	if ((row->after.partial != NULL && !pipeline_load_take(l, 0, err)) ||
	    !pipeline_router_values(l->router, route, s, row, e.count, params, err))
		return false;
	/* One for each row that is stored. */
	e.warnings = (uint16_t)LT_MIN((uint64_t)pipeline_statement_nonmembers(s, params) * e.count, UINT16_MAX);
	e.converts = route->converts ? route : NULL;
	if (!set_strict(l, e.warnings == 0, err) || !make_room(l, err) || !send_values(l, route, s, row, err))
		return false;
	expect(l, e);
	lt_step("load.row");
	return !route->careful || pipeline_load_take(l, 0, err) || pipeline_load_text_whose(l, s, params, err);
}

bool
pipeline_load_send_row(struct load *l, size_t txn, size_t at, uint32_t *count, struct lt_err *err)
{
	const struct change_txn *t = l->txns[txn];
	struct pipeline_route *route = NULL;
	struct expect e = { .kind = EXPECT_ROW, .txn = txn, .row = at };

	if (pipeline_router_get(l->router, t->rows[at].table, &route, err)) {
		e.count = run_of(t, at, route);
		*count = e.count;
		if (send_one(l, route, &t->rows[at], e, err))
			return true;
	}
	/* It may have been the failure of an earlier statement, whose place is set then. */
	if (l->culprit == SIZE_MAX && my_alive(l->conn))
		blame(l, &e, err);
	return false;
}

/* For an Otter that reads this target's log. */
bool
pipeline_load_otter_mark(struct load *l, struct lt_err *err)
{
	struct lt_buf sql[2] = { 0 };
	bool ok = true;

	/* Otter itself goes through the rows up to 300; of Lutra's connections each has one, lest they wait for
	 * another. */
	pipeline_otter_statements(&l->channel->otter, OTTER_ROW + (unsigned)l->lane.lane, sql);
	for (size_t i = 0; ok && i < LT_COUNT(sql); i++) {
		ok = make_room(l, err) && my_send_query(l->conn, lt_buf_str(&sql[i]), err);
		if (ok)
			expect(l, (struct expect){ .kind = EXPECT_SETTING });
	}
	lt_buf_free(&sql[0]);
	lt_buf_free(&sql[1]);
	lt_step("load.otter");
	return ok;
}

bool
pipeline_load_lane_first(struct load *l, size_t n, const struct change_position *end, struct lt_err *err)
{
	l->culprit = SIZE_MAX;
	l->done = (struct change_sink_done){ 0 };
	for (size_t i = 0; i < n; i++) {
		const struct change_txn *t = l->txns[i];

		l->done.rows += change_txn_rows(t);
		l->done.transactions += t->kind == CHANGE_TXN_ROWS && change_txn_rows(t) > 0 ? 1 : 0;
	}
	if (!pipeline_load_move(l, end, err))
		return false;
	l->open = true;
	expect(l, (struct expect){ .kind = EXPECT_LANE });
	lt_step("load.lane");
	return !l->channel->otter.write || pipeline_load_otter_mark(l, err);
}

bool
pipeline_load_settle(struct load *l, struct lt_err *err)
{
	if (lt_fault("r01_commit")) {
		if (!make_room(l, err) || !my_send_query(l->conn, LT_STR("COMMIT"), err))
			return false;
		expect(l, (struct expect){ .kind = EXPECT_SETTING });
	}
	if (!pipeline_load_take(l, 0, err))
		return false;
	lt_step("load.replied");
	return true;
}

bool
pipeline_load_group(struct load *l, size_t n, struct lt_err *err)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t row = 0; row < l->txns[i]->nrows;) {
			uint32_t count = 1;

			if (!pipeline_load_send_row(l, i, row, &count, err))
				return false;
			row += count;
		}
	}
	return true;
}

bool
pipeline_load_send(struct load *l, size_t n, const struct change_position *end, struct lt_err *err)
{
	return pipeline_load_lane_first(l, n, end, err) && pipeline_load_look(l, n, err) &&
	       pipeline_load_group(l, n, err) && pipeline_load_settle(l, err);
}

bool
pipeline_load_probe(struct load *l, const struct change_row *row, bool *there, struct lt_err *err)
{
	const struct pipeline_statement *s = NULL;
	struct pipeline_route *route = NULL;
	struct my_param *params;
	struct my_reply reply;

	*there = false;
	if (!pipeline_router_get(l->router, row->table, &route, err) ||
	    !pipeline_router_statement(
		l->router, route, row, (struct pipeline_want){ PIPELINE_FORM_PROBE, 1 }, &s, err))
		return false;
	if (s == NULL)
		return true;
	params = room_for(l, pipeline_statement_width(s));
	pipeline_router_forget(l->router);
	if (!pipeline_router_values(l->router, route, s, row, 1, params, err) ||
	    !my_send_execute(l->conn, pipeline_statement_stmt(s), params, pipeline_statement_width(s), err) ||
	    !my_recv(l->conn, &reply, err))
		return false;
	*there = reply.affected > 0;
	return true;
}

/* -- gathered ------------------------------------------------------------------------------------- */

/* How many rows of the run from `at` on fit one statement. */
static size_t
rows_that_fit(const struct pipeline_run *run, size_t at, size_t width)
{
	size_t most = LT_MIN(GATHER_ROWS, GATHER_PARAMS / LT_MAX(width, 1)), bytes = 0, n = 0;

	while (n < most && at + n < run->count) {
		const struct change_row *row = run->rows[at + n].row;

		bytes += row->before.bytes.len + row->after.bytes.len;
		if (n > 0 && bytes > GATHER_BYTES)
			break;
		n++;
	}
	return n;
}

/* Values of rows [at, at + n) of the run, one row behind the other; *odd: those of some are for no parameters. */
static bool
gather_values(struct load *l, const struct pipeline_run *run, size_t at, size_t n, const struct pipeline_statement *s,
    bool *odd, struct lt_err *err)
{
	size_t width = pipeline_statement_width(s);
	struct my_param *params = room_for(l, n * width);

	*odd = false;
	pipeline_router_forget(l->router);
	for (size_t i = 0; i < n && !*odd; i++) {
		if (!pipeline_router_values(
			l->router, run->route, s, run->rows[at + i].row, 1, params + i * width, err))
			return false;
		*odd = pipeline_router_is_odd(run->route, s, params + i * width);
	}
	return true;
}

static struct expect
expect_of(const struct pipeline_run *run, size_t at, size_t n, enum pipeline_form form)
{
	return (struct expect){ .kind = EXPECT_ROW,
		.txn = run->rows[at].txn,
		.row = run->rows[at].at,
		.count = (uint32_t)n,
		.op = run->first->op,
		.route = form != PIPELINE_FORM_ROW ? run->route : NULL,
		.converts = run->route->converts ? run->route : NULL,
		.form = form };
}

/* MariaDB: a single-row statement, run for many rows by one command. *at stays: the caller sends the row as it is. */
static bool
send_bulk(struct load *l, const struct pipeline_run *run, enum pipeline_form form, size_t *at, struct lt_err *err)
{
	const struct pipeline_statement *s = NULL;
	size_t n, width;
	bool odd; /* never: MariaDB's JSON is text */

	if (!pipeline_router_statement(l->router, run->route, run->first, (struct pipeline_want){ form, 1 }, &s, err))
		return false;
	if (s == NULL)
		return true;
	width = pipeline_statement_width(s);
	n = rows_that_fit(run, *at, width);
	if (n < 2 || width == 0)
		return true;
	if (!make_room(l, err) || !gather_values(l, run, *at, n, s, &odd, err) ||
	    !my_send_bulk(l->conn, pipeline_statement_stmt(s), l->params, width, n, err))
		return false;
	expect(l, expect_of(run, *at, n, form));
	lt_step("load.bulk");
	*at += n;
	return true;
}

/* One statement for rows [at, at + rows) of the run; *sent stays false if there is no such form. */
static bool
send_form(struct load *l, const struct pipeline_run *run, size_t at, struct pipeline_want want, bool *sent,
    struct lt_err *err)
{
	const struct pipeline_statement *s = NULL;
	bool odd;

	if (!pipeline_router_statement(l->router, run->route, run->first, want, &s, err))
		return false;
	if (s == NULL)
		return true;
	if (!make_room(l, err) || !gather_values(l, run, at, want.rows, s, &odd, err))
		return false;
	if (odd)
		return true;
	if (!my_send_execute(
		l->conn, pipeline_statement_stmt(s), l->params, pipeline_statement_width(s) * want.rows, err))
		return false;
	expect(l, expect_of(run, at, want.rows, want.form));
	lt_step("load.many");
	*sent = true;
	return true;
}

/* A form of updates does not compare before images itself. */
static bool
send_proved(struct load *l, const struct pipeline_run *run, size_t at, struct pipeline_want want, bool *sent,
    struct lt_err *err)
{
	bool proved = run->first->op != CHANGE_UPDATE || !run->route->verify;

	if (!proved && !send_form(l, run, at, (struct pipeline_want){ PIPELINE_FORM_PROVE, want.rows }, &proved, err))
		return false;
	return !proved || send_form(l, run, at, want, sent, err);
}

static bool
has_form(struct load *l, const struct pipeline_run *run, struct pipeline_want want, bool *has, struct lt_err *err)
{
	const struct pipeline_statement *s = NULL;

	if (!pipeline_router_statement(l->router, run->route, run->first, want, &s, err))
		return false;
	*has = s != NULL;
	return true;
}

/* Others: a statement of as many rows as a few sizes say, so that few are prepared. A join of few rows is faster than
 * an upsert of many (ADR 22). */
static bool
send_multi(struct load *l, const struct pipeline_run *run, size_t *at, struct lt_err *err)
{
	static const size_t sizes[] = { 512, 64, 8 };
	static const enum pipeline_form forms[] = { PIPELINE_FORM_MANY, PIPELINE_FORM_UPSERT };
	size_t wants = (run->first->op == CHANGE_UPDATE ? LT_COUNT(forms) : 1) * LT_COUNT(sizes);
	bool has, sent = false;

	for (size_t i = 0; i < wants && !sent; i++) {
		struct pipeline_want want = { forms[i / LT_COUNT(sizes)], sizes[i % LT_COUNT(sizes)] };

		if (rows_that_fit(run, *at, 2 * run->route->ncolumns) < want.rows)
			continue;
		if (!has_form(l, run, want, &has, err) || (has && !send_proved(l, run, *at, want, &sent, err)))
			return false;
		if (sent)
			*at += want.rows;
	}
	return true;
}

/* As many rows from *at on as go together; *at stays if none do. */
static bool
send_some(struct load *l, const struct pipeline_run *run, size_t *at, struct lt_err *err)
{
	size_t before = *at;

	/* MariaDB runs a bulk delete once for each row. */
	if ((!my_conn_server(l->conn)->bulk || run->first->op == CHANGE_DELETE) && !send_multi(l, run, at, err))
		return false;
	if (!my_conn_server(l->conn)->bulk || *at > before)
		return true;
	if (run->first->op == CHANGE_UPDATE && run->plain && !run->route->verify &&
	    !send_bulk(l, run, PIPELINE_FORM_UPSERT, at, err))
		return false;
	return *at > before || send_bulk(l, run, PIPELINE_FORM_ROW, at, err);
}

static bool
may_gather(const struct load *l, const struct pipeline_run *run)
{
	if (run->count < 2 || run->route->careful || (run->route->odd && run->first->op != CHANGE_DELETE) ||
	    (run->route->keyless && run->first->op != CHANGE_INSERT))
		return false;
	return my_conn_server(l->conn)->bulk || run->first->op != CHANGE_UPDATE || run->plain;
}

static bool
send_run(struct load *l, const struct pipeline_run *run, struct lt_err *err)
{
	bool gather = may_gather(l, run);

	if (!set_fk_checks(l, run->first->flags, err))
		return false;
	for (size_t at = 0; at < run->count;) {
		size_t before = at;

		/* A single row in between may have gone without. */
		if (gather && (!set_strict(l, true, err) || !send_some(l, run, &at, err)))
			return false;
		if (at > before)
			continue;
		if (!send_one(l, run->route, run->rows[at].row, expect_of(run, at, 1, PIPELINE_FORM_ROW), err))
			return false;
		at++;
	}
	return true;
}

bool
pipeline_load_group_gathered(struct load *l, size_t n, struct lt_err *err)
{
	size_t planned = l->planned;

	l->planned = 0;
	if (planned == 0)
		pipeline_batch_begin(l->batch, l->merge);
	if (!pipeline_batch_add(l->batch, l->router, l->txns, planned, n, err) ||
	    !pipeline_batch_end(l->batch, l->router, l->txns, n, err))
		return false;
	for (size_t level = 0; level < pipeline_batch_levels(l->batch); level++) {
		for (const struct pipeline_run *run = pipeline_batch_runs(l->batch, level); run != NULL;
		     run = run->next) {
			if (!send_run(l, run, err))
				return false;
		}
	}
	return true;
}

bool
pipeline_load_send_gathered(struct load *l, size_t n, const struct change_position *end, struct lt_err *err)
{
	return pipeline_load_lane_first(l, n, end, err) && pipeline_load_look(l, n, err) &&
	       pipeline_load_group_gathered(l, n, err) && pipeline_load_plan_ahead(l, err) &&
	       pipeline_load_settle(l, err);
}
