#include "pipeline/lane.h"

#include "base/fault.h"
#include "mysql/sql.h"
#include "mysql/stmt.h"

static const char move_sql[] =
    "UPDATE lutra.lane SET seq=?, server=?, file=?, pos=?, last_pos=?, last_crc=?, gtids=?, ahead=?"
    " WHERE channel=? AND pipeline=? AND lane=? AND epoch=? AND seq=?";

enum { MOVE_PARAMS = 13 };

static void
where_lane(struct lt_buf *sql, const struct pipeline_lane *l)
{
	lt_buf_z(sql, " WHERE channel=");
	my_sql_text(sql, lt_str_z(l->channel));
	lt_buf_z(sql, " AND pipeline=");
	my_sql_text(sql, lt_str_z(l->pipeline));
}

/* -- reading -------------------------------------------------------------------------------------- */

enum { LANE, EPOCH, SEQ, SERVER, FILE_NAME, POS, LAST_POS, LAST_CRC, GTIDS, AHEAD };
static const char read_sql[] =
    "SELECT lane, epoch, seq, server, file, pos, last_pos, last_crc, gtids, ahead FROM lutra.lane";

static bool
parse_position(const struct my_rows *rows, size_t row, struct change_position *at, struct lt_err *err)
{
	struct change_gtid_set *gtids = NULL;
	uint64_t crc;

	if (!lt_str_u64(my_rows_at(rows, row, POS), &at->place.pos) ||
	    !lt_str_u64(my_rows_at(rows, row, LAST_POS), &at->place.last_pos) ||
	    !lt_str_u64(my_rows_at(rows, row, LAST_CRC), &crc))
		return lt_fail(err, LT_E_STATE_BROKEN, "lutra.lane holds no numbers");
	if (!change_gtid_set_parse(my_rows_at(rows, row, GTIDS), &gtids, err))
		return lt_wrap(err, "lutra.lane");
	at->place.last_crc = (uint32_t)crc;
	lt_str_copy(at->server, sizeof(at->server), my_rows_at(rows, row, SERVER));
	lt_str_copy(at->place.file, sizeof(at->place.file), my_rows_at(rows, row, FILE_NAME));
	change_gtid_set_free(at->gtids);
	at->gtids = gtids;
	return true;
}

/* Queue lanes [from, to) that never moved: their number is 0, so that nothing stands in them. */
static bool
send_lanes(struct pipeline_lane *l, size_t from, size_t to, struct lt_err *err)
{
	struct lt_buf sql = { 0 };
	bool ok;

	lt_buf_z(&sql, "INSERT INTO lutra.lane (channel, pipeline, lane, epoch, seq, server, file, pos, last_pos,"
		       " last_crc, gtids) VALUES ");
	for (size_t lane = from; lane < to; lane++) {
		lt_buf_z(&sql, lane > from ? ", (" : "(");
		my_sql_text(&sql, lt_str_z(l->channel));
		lt_buf_z(&sql, ", ");
		my_sql_text(&sql, lt_str_z(l->pipeline));
		lt_buf_printf(&sql, ", %zu, %llu, 0, '', '', 0, 0, 0, '')", lane, (unsigned long long)l->epoch);
	}
	ok = my_send_query(l->conn, lt_buf_str(&sql), err);
	lt_buf_free(&sql);
	return ok;
}

static bool
has_lane(const struct my_rows *rows, size_t lane)
{
	uint64_t n;

	for (size_t i = 0; i < rows->nrows; i++) {
		if (lt_str_u64(my_rows_at(rows, i, LANE), &n) && n == lane)
			return true;
	}
	return false;
}

/* All lanes, the newest move first. */
static bool
take_rows(struct pipeline_lane *l, const struct my_rows *rows, struct pipeline_lane_claim *claim,
    struct change_position *at, struct lt_err *err)
{
	for (size_t i = 0; i < rows->nrows; i++) {
		uint64_t lane, epoch, seq;
		char server[64];

		if (!lt_str_u64(my_rows_at(rows, i, LANE), &lane) || !lt_str_u64(my_rows_at(rows, i, EPOCH), &epoch) ||
		    !lt_str_u64(my_rows_at(rows, i, SEQ), &seq))
			return lt_fail(err, LT_E_STATE_BROKEN, "lutra.lane holds no numbers");
		if (i > 0 && epoch != l->epoch)
			return lt_fail(err, LT_E_STATE_BROKEN, "the lanes in lutra.lane differ in their epoch");
		l->epoch = epoch;
		if (i == 0)
			claim->newest = seq;
		if (lane == 0)
			l->seq = seq;
		lt_str_copy(server, sizeof(server), my_rows_at(rows, i, SERVER));
		if (!pipeline_window_parse(&claim->window, server, my_rows_at(rows, i, AHEAD), err))
			return false;
	}
	if (!has_lane(rows, 0))
		return lt_fail(err, LT_E_STATE_BROKEN, "lutra.lane has no lane 0");
	if (!parse_position(rows, 0, at, err))
		return false;
	for (size_t lane = 1; lane < claim->lanes; lane++) {
		if (!has_lane(rows, lane) && (!send_lanes(l, lane, lane + 1, err) || !my_recv(l->conn, NULL, err)))
			return false;
	}
	return true;
}

/* The other lanes will move, and know nothing of what they hold now. */
static bool
bring_together(
    struct pipeline_lane *l, struct pipeline_lane_claim *claim, const struct change_position *at, struct lt_err *err)
{
	struct pipeline_move move = { .end = at };
	struct lt_buf sql = { 0 }, ahead = { 0 };
	bool ok = true;

	pipeline_window_text(&claim->window, at, &ahead);
	if (claim->window.count == 0 || lt_fault("r02_window"))
		goto out;
	move.number = ++claim->newest;
	move.ahead = lt_buf_str(&ahead);
	lt_buf_z(&sql, "UPDATE lutra.lane SET ahead=NULL");
	where_lane(&sql, l);
	lt_buf_z(&sql, " AND lane<>0");
	ok = my_exec(l->conn, lt_buf_cstr(&sql), NULL, err) && pipeline_lane_set(l, &move, err);
out:
	lt_buf_free(&sql);
	lt_buf_free(&ahead);
	return ok;
}

/* In one round trip: the epoch is raised, what the target has of the pipeline is read, the lanes' move is prepared. */
static bool
send_claim(struct pipeline_lane *l, struct lt_err *err)
{
	struct lt_buf raise = { 0 }, read = { 0 }, rest = { 0 };
	bool ok;

	lt_buf_z(&raise, lt_fault("r15_state") ? "DELETE FROM lutra.lane" : "UPDATE lutra.lane SET epoch=epoch+1");
	where_lane(&raise, l);
	lt_buf_z(&raise, lt_fault("r02_claim") ? " AND epoch=0" : "");
	lt_buf_z(&read, read_sql);
	where_lane(&read, l);
	lt_buf_z(&read, lt_fault("r02_newest") ? " ORDER BY lane" : " ORDER BY seq DESC");
	lt_buf_z(&read, lt_fault("r02_claim") ? "" : " FOR UPDATE");
	lt_buf_z(&rest, "SELECT EXISTS (SELECT 1 FROM lutra.pause");
	where_lane(&rest, l);
	lt_buf_z(&rest, "), EXISTS (SELECT 1 FROM lutra.schema_version");
	where_lane(&rest, l);
	lt_buf_c(&rest, ')');
	ok = my_send_query(l->conn, lt_buf_str(&raise), err) && my_send_query(l->conn, lt_buf_str(&read), err) &&
	     my_send_query(l->conn, lt_buf_str(&rest), err) && my_send_prepare(l->conn, LT_STR(move_sql), err);
	lt_buf_free(&raise);
	lt_buf_free(&read);
	lt_buf_free(&rest);
	return ok;
}

bool
pipeline_lane_claim(struct pipeline_lane *l, struct my_conn *c, struct pipeline_lane_claim *claim,
    struct change_position *at, bool *found, struct lt_err *err)
{
	struct my_rows *rows = NULL, *rest = NULL;
	struct my_reply raised;
	bool ok = false;

	*l = (struct pipeline_lane){ .channel = claim->channel, .pipeline = claim->pipeline, .conn = c };
	if (!send_claim(l, err) || !my_recv(c, &raised, err) || !my_recv_rows(c, &rows, err) ||
	    !my_recv_rows(c, &rest, err) || !my_recv_prepared(c, &l->move, err))
		goto out;
	if (rest->nrows != 1 || rest->ncolumns != 2) {
		lt_fail(err, LT_E_STATE_BROKEN, "the target does not tell whether the pipeline is paused");
		goto out;
	}
	claim->paused = lt_str_eqz(my_rows_at(rest, 0, 0), "1");
	claim->begun = lt_str_eqz(my_rows_at(rest, 0, 1), "1");
	*found = (raised.affected > 0 || lt_fault("r02_claim")) && rows->nrows > 0;
	if (*found && (!take_rows(l, rows, claim, at, err) || !bring_together(l, claim, at, err))) {
		lt_wrap(err, "pipeline %s", l->pipeline);
		goto out;
	}
	lt_step("lane.claim");
	ok = my_exec(c, "COMMIT", NULL, err);
out:
	my_rows_free(rows);
	my_rows_free(rest);
	return ok ? true : lt_wrap(err, "while claiming the pipeline at its target");
}

bool
pipeline_lane_join(
    struct pipeline_lane *l, struct my_conn *c, const struct pipeline_lane *first, size_t lane, struct lt_err *err)
{
	struct lt_buf sql = { 0 };
	struct my_rows *rows = NULL;
	bool ok = false;

	*l = *first;
	l->conn = c;
	l->lane = lane;
	lt_buf_z(&sql, "SELECT seq FROM lutra.lane");
	where_lane(&sql, l);
	lt_buf_printf(&sql, " AND lane=%zu AND epoch=%llu", lane, (unsigned long long)l->epoch);
	if (!my_send_query(c, lt_buf_str(&sql), err) || !my_send_query(c, LT_STR("COMMIT"), err) ||
	    !my_send_prepare(c, LT_STR(move_sql), err) || !my_recv_rows(c, &rows, err) || !my_recv(c, NULL, err) ||
	    !my_recv_prepared(c, &l->move, err))
		goto out;
	if (rows->nrows != 1 || !lt_str_u64(my_rows_at(rows, 0, 0), &l->seq)) {
		lt_fail(err, LT_E_FENCED, "another Lutra has just claimed pipeline %s", l->pipeline);
		goto out;
	}
	ok = true;
out:
	my_rows_free(rows);
	lt_buf_free(&sql);
	return ok ? true : lt_wrap(err, "while taking lane %zu", lane);
}

bool
pipeline_lane_there(const struct pipeline_lane *l, bool *there, struct lt_err *err)
{
	struct lt_buf sql = { 0 };
	struct my_rows *rows = NULL;
	bool ok;

	lt_buf_z(&sql, "SELECT 1 FROM lutra.lane");
	where_lane(&sql, l);
	ok = my_query(l->conn, lt_buf_cstr(&sql), &rows, err);
	if (ok)
		*there = rows->nrows > 0;
	my_rows_free(rows);
	lt_buf_free(&sql);
	return ok;
}

/* -- moving --------------------------------------------------------------------------------------- */

static struct my_param
text_param(const char *text)
{
	return (struct my_param){ .kind = MY_PARAM_TEXT, .bytes = lt_str_z(text) };
}

static struct my_param
number_param(uint64_t n)
{
	return (struct my_param){ .kind = MY_PARAM_U64, .u64 = n };
}

static void
fill_params(const struct pipeline_lane *l, const struct pipeline_move *move, struct lt_buf *scratch, struct my_param *p)
{
	const struct change_position *end = move->end;

	lt_buf_clear(scratch);
	change_gtid_set_text(end->gtids, scratch);
	p[0] = number_param(move->number);
	p[1] = text_param(end->server);
	p[2] = text_param(end->place.file);
	p[3] = number_param(end->place.pos);
	p[4] = number_param(end->place.last_pos);
	p[5] = number_param(end->place.last_crc);
	p[6] = (struct my_param){ .kind = MY_PARAM_TEXT, .bytes = lt_buf_str(scratch) };
	p[7] = (struct my_param){ .kind = MY_PARAM_TEXT, .bytes = move->ahead };
	p[8] = text_param(l->channel);
	p[9] = text_param(l->pipeline);
	p[10] = number_param(l->lane);
	p[11] = number_param(l->epoch);
	p[12] = number_param(l->seq);
}

bool
pipeline_lane_create(struct pipeline_lane *l, size_t lanes, const struct change_position *at, struct lt_err *err)
{
	const struct pipeline_move first = { .number = 1, .end = at };
	struct lt_buf scratch = { 0 };
	struct lt_err later = { 0 };
	struct my_reply moved;
	bool ok;

	l->epoch = 1;
	l->seq = 0;
	ok = send_lanes(l, 0, lanes, err) && pipeline_lane_send(l, &first, &scratch, err);
	lt_buf_free(&scratch);
	if (!ok)
		return false;
	ok = my_recv(l->conn, NULL, err);
	if (!ok && err->code == LT_E_DUPLICATE)
		lt_fail(err, LT_E_FENCED, "another Lutra has just begun pipeline %s", l->pipeline);
	if (!my_recv(l->conn, &moved, ok ? err : &later) || !ok || !pipeline_lane_moved(l, &moved, err))
		return false;
	lt_step("lane.create");
	return true;
}

bool
pipeline_lane_send(
    struct pipeline_lane *l, const struct pipeline_move *move, struct lt_buf *scratch, struct lt_err *err)
{
	struct my_param params[MOVE_PARAMS];

	fill_params(l, move, scratch, params);
	l->before = l->seq;
	if (!my_send_execute(l->conn, l->move, params, MOVE_PARAMS, err))
		return false;
	l->seq = move->number;
	return true;
}

bool
pipeline_lane_moved(struct pipeline_lane *l, const struct my_reply *reply, struct lt_err *err)
{
	if (reply->affected == 1 || lt_fault("r02_claim") || lt_fault("r02_owner"))
		return true;
	return lt_fail(
	    err, LT_E_FENCED, "the progress of pipeline %s was moved or claimed by another Lutra", l->pipeline);
}

bool
pipeline_lane_set(struct pipeline_lane *l, const struct pipeline_move *move, struct lt_err *err)
{
	struct lt_buf scratch = { 0 };
	struct my_reply reply;
	bool ok = pipeline_lane_send(l, move, &scratch, err) && my_recv(l->conn, &reply, err) &&
		  pipeline_lane_moved(l, &reply, err);

	lt_buf_free(&scratch);
	return ok;
}

void
pipeline_lane_undo(struct pipeline_lane *l)
{
	l->seq = l->before;
}
