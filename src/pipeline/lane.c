#include "pipeline/lane.h"

#include "base/fault.h"
#include "mysql/sql.h"
#include "mysql/stmt.h"

static const char move_sql[] = "UPDATE lutra.lane SET seq=?, server=?, file=?, pos=?, last_pos=?, last_crc=?, gtids=?"
			       " WHERE channel=? AND pipeline=? AND lane=0 AND epoch=? AND seq=?";
static const char create_sql[] =
    "INSERT INTO lutra.lane (seq, server, file, pos, last_pos, last_crc, gtids, channel, pipeline, epoch, lane)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

enum { MOVE_PARAMS = 11 };

static void
where_lane(struct lt_buf *sql, const struct pipeline_lane *l)
{
	lt_buf_z(sql, " WHERE channel=");
	my_sql_text(sql, lt_str_z(l->channel));
	lt_buf_z(sql, " AND pipeline=");
	my_sql_text(sql, lt_str_z(l->pipeline));
}

/* Columns in the order of the SELECT in read_rows(). */
static bool
parse_row(const struct my_rows *rows, struct pipeline_lane *l, struct change_position *at, struct lt_err *err)
{
	struct change_gtid_set *gtids = NULL;
	uint64_t crc;

	if (!lt_str_u64(my_rows_at(rows, 0, 0), &l->epoch) || !lt_str_u64(my_rows_at(rows, 0, 1), &l->seq) ||
	    !lt_str_u64(my_rows_at(rows, 0, 4), &at->place.pos) ||
	    !lt_str_u64(my_rows_at(rows, 0, 5), &at->place.last_pos) || !lt_str_u64(my_rows_at(rows, 0, 6), &crc))
		return lt_fail(err, LT_E_STATE_BROKEN, "lutra.lane holds no numbers for pipeline %s", l->pipeline);
	if (!change_gtid_set_parse(my_rows_at(rows, 0, 7), &gtids, err))
		return lt_wrap(err, "lutra.lane, pipeline %s", l->pipeline);
	at->place.last_crc = (uint32_t)crc;
	lt_str_copy(at->server, sizeof(at->server), my_rows_at(rows, 0, 2));
	lt_str_copy(at->place.file, sizeof(at->place.file), my_rows_at(rows, 0, 3));
	change_gtid_set_free(at->gtids);
	at->gtids = gtids;
	return true;
}

static bool
read_row(struct pipeline_lane *l, struct change_position *at, struct lt_err *err)
{
	struct lt_buf sql = { 0 };
	struct my_rows *rows = NULL;
	bool ok = false;

	lt_buf_z(&sql, "SELECT epoch, seq, server, file, pos, last_pos, last_crc, gtids FROM lutra.lane");
	where_lane(&sql, l);
	lt_buf_z(&sql, lt_fault("r02_claim") ? " AND lane=0" : " AND lane=0 FOR UPDATE");
	if (!my_query(l->conn, lt_buf_cstr(&sql), &rows, err))
		goto out;
	if (rows->nrows != 1) {
		lt_fail(err, LT_E_STATE_BROKEN, "lutra.lane has no lane 0 for pipeline %s", l->pipeline);
		goto out;
	}
	ok = parse_row(rows, l, at, err);
out:
	my_rows_free(rows);
	lt_buf_free(&sql);
	return ok;
}

bool
pipeline_lane_claim(struct pipeline_lane *l, struct my_conn *c, const char *channel, const char *pipeline,
    struct change_position *at, bool *found, struct lt_err *err)
{
	struct lt_buf sql = { 0 };
	struct my_reply reply;
	bool ok = false;

	*l = (struct pipeline_lane){ .channel = channel, .pipeline = pipeline, .conn = c };
	lt_buf_z(&sql, lt_fault("r15_state") ? "DELETE FROM lutra.lane" : "UPDATE lutra.lane SET epoch=epoch+1");
	where_lane(&sql, l);
	if (lt_fault("r02_claim"))
		lt_buf_z(&sql, " AND epoch=0");
	if (!my_exec(c, lt_buf_cstr(&sql), &reply, err))
		goto out;
	*found = (reply.affected > 0 && !lt_fault("r15_state")) || (lt_fault("r02_claim") && read_row(l, at, NULL));
	if (*found && !read_row(l, at, err))
		goto out;
	lt_step("lane.claim");
	if (!my_exec(c, "COMMIT", NULL, err) || !my_prepare(c, LT_STR(move_sql), &l->move, err))
		goto out;
	ok = true;
out:
	lt_buf_free(&sql);
	return ok ? true : lt_wrap(err, "while claiming the pipeline at its target");
}

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
fill_params(
    const struct pipeline_lane *l, const struct change_position *end, struct lt_buf *scratch, struct my_param *p)
{
	lt_buf_clear(scratch);
	change_gtid_set_text(end->gtids, scratch);
	p[0] = number_param(l->seq + 1);
	p[1] = text_param(end->server);
	p[2] = text_param(end->place.file);
	p[3] = number_param(end->place.pos);
	p[4] = number_param(end->place.last_pos);
	p[5] = number_param(end->place.last_crc);
	p[6] = (struct my_param){ .kind = MY_PARAM_TEXT, .bytes = lt_buf_str(scratch) };
	p[7] = text_param(l->channel);
	p[8] = text_param(l->pipeline);
	p[9] = number_param(l->epoch);
	p[10] = number_param(l->seq);
}

bool
pipeline_lane_create(struct pipeline_lane *l, const struct change_position *at, struct lt_err *err)
{
	struct my_param params[MOVE_PARAMS];
	struct lt_buf scratch = { 0 };
	struct my_stmt *create = NULL;
	struct my_reply reply;
	bool ok = false;

	l->epoch = 1;
	l->seq = 0;
	fill_params(l, at, &scratch, params);
	params[10] = number_param(0); /* the lane */
	if (!my_prepare(l->conn, LT_STR(create_sql), &create, err))
		goto out;
	if (!my_send_execute(l->conn, create, params, MOVE_PARAMS, err) || !my_recv(l->conn, &reply, err)) {
		if (err->code == LT_E_DUPLICATE)
			lt_fail(err, LT_E_FENCED, "another Lutra has just begun pipeline %s", l->pipeline);
		goto out;
	}
	l->seq = 1;
	lt_step("lane.create");
	ok = true;
out:
	if (create != NULL && my_alive(l->conn))
		my_stmt_close(create);
	lt_buf_free(&scratch);
	return ok;
}

bool
pipeline_lane_send(
    struct pipeline_lane *l, const struct change_position *end, struct lt_buf *scratch, struct lt_err *err)
{
	struct my_param params[MOVE_PARAMS];

	fill_params(l, end, scratch, params);
	if (!my_send_execute(l->conn, l->move, params, MOVE_PARAMS, err))
		return false;
	l->seq++;
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
pipeline_lane_set(struct pipeline_lane *l, const struct change_position *end, struct lt_err *err)
{
	struct lt_buf scratch = { 0 };
	struct my_reply reply;
	bool ok = pipeline_lane_send(l, end, &scratch, err) && my_recv(l->conn, &reply, err) &&
		  pipeline_lane_moved(l, &reply, err);

	lt_buf_free(&scratch);
	return ok;
}

void
pipeline_lane_undo(struct pipeline_lane *l)
{
	LT_ASSERT(l->seq > 0);
	l->seq--;
}
