#include "mysql/conn_priv.h"

static bool
usable(const struct my_conn *c, struct lt_err *err)
{
	if (c->dead)
		return lt_fail(err, LT_E_LINK_LOST, "the connection is closed already");
	if (c->in_rows)
		return lt_fail(err, LT_E_INTERNAL, "a statement was sent from within a row callback");
	return true;
}

/* -- replies -------------------------------------------------------------------------------------- */

static size_t
on_the_way(const struct my_conn *c)
{
	return c->expect.len - c->expect_at;
}

size_t
my_pending(const struct my_conn *c)
{
	return on_the_way(c) + (c->taken.len - c->taken_at) / sizeof(struct my_taken);
}

static void
begin_next(struct my_conn *c)
{
	c->seq = (uint8_t)c->expect.ptr[c->expect_at++];
	if (on_the_way(c) == 0) {
		lt_buf_clear(&c->expect);
		c->expect_at = 0;
	}
}

static bool
read_next(struct my_conn *c, struct my_reply *out, struct lt_err *err)
{
	struct my_rows_sink sink = { 0 };

	begin_next(c);
	if (!my_read_reply(c, out, &sink, err))
		return false;
	if (sink.had_rows)
		return lt_fail(err, LT_E_INTERNAL, "a queued statement returned rows");
	return true;
}

bool
my_settle(struct my_conn *c, size_t bytes, struct lt_err *err)
{
	if (!usable(c, err))
		return false;
	while (on_the_way(c) > 0) {
		struct my_taken t = { 0 };
		struct lt_err e = { 0 };

		if (!read_next(c, &t.reply, &e)) {
			t.err = lt_new(struct lt_err);
			*t.err = e;
		}
		lt_buf_add(&c->taken, &t, sizeof(t));
		if (c->dead) {
			if (err != NULL)
				*err = e;
			return false;
		}
	}
	return my_know_limit(c, bytes, err);
}

static bool
take(struct my_conn *c, struct my_reply *out, struct lt_err *err)
{
	struct my_taken t;

	memcpy(&t, c->taken.ptr + c->taken_at, sizeof(t));
	c->taken_at += sizeof(t);
	if (c->taken_at == c->taken.len) {
		lt_buf_clear(&c->taken);
		c->taken_at = 0;
	}
	if (t.err == NULL) {
		if (out != NULL)
			*out = t.reply;
		return true;
	}
	if (err != NULL)
		*err = *t.err;
	free(t.err);
	return false;
}

bool
my_recv(struct my_conn *c, struct my_reply *out, struct lt_err *err)
{
	if (c->taken.len > c->taken_at)
		return take(c, out, err);
	if (!usable(c, err))
		return false;
	if (on_the_way(c) == 0)
		return lt_fail(err, LT_E_INTERNAL, "no reply is on its way");
	return read_next(c, out, err);
}

bool
my_answered(const struct my_conn *c)
{
	return c->dead || c->taken.len > c->taken_at || my_io_has_input(&c->io);
}

/* What cannot be put aside: it is the next one on the line, whatever was taken off before. */
bool
my_begin_reply(struct my_conn *c, struct lt_err *err)
{
	if (!usable(c, err))
		return false;
	if (on_the_way(c) == 0)
		return lt_fail(err, LT_E_INTERNAL, "no reply to a query is on its way");
	begin_next(c);
	return true;
}

bool
my_recv_rows(struct my_conn *c, struct my_rows **ret, struct lt_err *err)
{
	return my_begin_reply(c, err) && my_read_rows(c, ret, err);
}

bool
my_recv_each(struct my_conn *c, my_row_fn each, void *ctx, struct lt_err *err)
{
	struct my_rows_sink sink = { .each = each, .ctx = ctx };

	return my_begin_reply(c, err) && my_read_reply(c, NULL, &sink, err);
}

/* -- commands ------------------------------------------------------------------------------------- */

/* Number and bound the packet that begins at `start`. What is being read keeps its own count. */
static bool
close_packet(struct my_conn *c, size_t start, uint8_t *reply_seq, struct lt_err *err)
{
	uint8_t reading = c->seq;
	bool ok;

	c->seq = 0;
	ok = my_packet_end(c, start, err);
	*reply_seq = c->seq;
	c->seq = reading;
	return ok;
}

bool
my_queue_command(struct my_conn *c, uint8_t command, struct lt_str body, uint8_t *reply_seq, struct lt_err *err)
{
	size_t start = my_packet_begin(c);
	uint8_t seq;

	lt_buf_le(&c->io.out, command, 1);
	lt_buf_str_add(&c->io.out, body);
	return close_packet(c, start, reply_seq != NULL ? reply_seq : &seq, err);
}

bool
my_ask(struct my_conn *c, uint8_t command, struct lt_str body, struct lt_err *err)
{
	uint8_t reply_seq = 0;

	if (!my_settle(c, body.len, err) || !my_queue_command(c, command, body, &reply_seq, err))
		return false;
	c->seq = reply_seq;
	return my_io_push(&c->io, err) ? true : my_dead(c);
}

/* A command is queued and will be answered: note that, and send once enough lies there. */
static bool
queued(struct my_conn *c, uint8_t reply_seq, struct lt_err *err)
{
	lt_buf_le(&c->expect, reply_seq, 1);
	if (c->io.out.len - c->io.out_at < MY_QUEUE_BYTES)
		return true;
	return my_flush(c, err);
}

bool
my_flush(struct my_conn *c, struct lt_err *err)
{
	if (!usable(c, err))
		return false;
	return my_io_push(&c->io, err) ? true : my_dead(c);
}

bool
my_send_text(struct my_conn *c, uint8_t command, struct lt_str sql, struct lt_err *err)
{
	uint8_t reply_seq = 0;

	if (!usable(c, err) || !my_know_limit(c, sql.len, err))
		return false;
	if (!my_queue_command(c, command, sql, &reply_seq, err))
		return false;
	return queued(c, reply_seq, err);
}

bool
my_send_query(struct my_conn *c, struct lt_str sql, struct lt_err *err)
{
	return my_send_text(c, MY_COM_QUERY, sql, err);
}

bool
my_send_execute(struct my_conn *c, struct my_stmt *s, const struct my_param *params, size_t nparams, struct lt_err *err)
{
	uint8_t reply_seq = 0;
	size_t start;

	if (!usable(c, err) || !my_know_limit(c, my_params_bytes(params, nparams), err))
		return false;
	if (nparams != my_stmt_nparams(s))
		return lt_fail(
		    err, LT_E_INTERNAL, "%zu values for a statement that takes %zu", nparams, my_stmt_nparams(s));
	start = my_packet_begin(c);
	my_stmt_encode(&c->io.out, s, params, nparams);
	return close_packet(c, start, &reply_seq, err) && queued(c, reply_seq, err);
}

bool
my_send_bulk(struct my_conn *c, struct my_stmt *s, const struct my_param *params, size_t nparams, size_t nrows,
    struct lt_err *err)
{
	uint8_t reply_seq = 0;
	size_t start;

	if (!usable(c, err) || !my_know_limit(c, my_params_bytes(params, nparams * nrows), err))
		return false;
	if (!c->server.bulk || nparams != my_stmt_nparams(s) || nrows == 0 || nparams == 0)
		return lt_fail(
		    err, LT_E_INTERNAL, "no bulk of %zu rows with %zu values is possible here", nrows, nparams);
	start = my_packet_begin(c);
	my_stmt_encode_bulk(&c->io.out, s, params, nparams, nrows);
	return close_packet(c, start, &reply_seq, err) && queued(c, reply_seq, err);
}

bool
my_exec_all(struct my_conn *c, const char *const *sql, size_t n, struct lt_err *err)
{
	bool ok = true;

	LT_ASSERT(my_pending(c) == 0);
	for (size_t i = 0; i < n; i++) {
		if (!my_send_query(c, lt_str_z(sql[i]), err))
			return my_dead(c); /* some may be on their way */
	}
	for (size_t i = 0; i < n && my_alive(c); i++) {
		struct lt_err later = { 0 };

		ok = my_recv(c, NULL, ok ? err : &later) && ok;
	}
	return ok;
}

/* -- raw packets ---------------------------------------------------------------------------------- */

bool
my_check_link(struct my_conn *c, struct lt_err *err)
{
	return usable(c, err) && (my_io_check(&c->io, err) || my_dead(c));
}

bool
my_command(struct my_conn *c, uint8_t command, struct lt_str body, struct lt_err *err)
{
	return my_ask(c, command, body, err);
}

bool
my_send_packet(struct my_conn *c, struct lt_str body, struct lt_err *err)
{
	uint8_t seq = c->seq;
	size_t start;
	bool ok;

	if (!usable(c, err))
		return false;
	c->seq = 0;
	start = my_packet_begin(c);
	lt_buf_str_add(&c->io.out, body);
	ok = my_packet_end(c, start, err);
	c->seq = seq;
	return (ok && my_io_push(&c->io, err)) || my_dead(c);
}

void
my_renumber(struct my_conn *c, uint8_t number)
{
	c->seq = number;
}

uint64_t
my_received(const struct my_conn *c)
{
	return c->io.received;
}

/* What stands for no packet: an error, the end of the stream. */
static bool
judge(struct my_conn *c, struct lt_str *packet, struct lt_err *err)
{
	if (packet->len == 0)
		return my_garbled(c, "an empty packet", err);
	if ((uint8_t)packet->ptr[0] == MY_HEAD_ERR)
		return my_refused(c, *packet, err);
	if ((uint8_t)packet->ptr[0] == MY_HEAD_EOF && packet->len < MY_PIECE_MAX)
		packet->len = 0;
	return true;
}

bool
my_read_piece(struct my_conn *c, int timeout_ms, struct lt_str *out, bool *more, struct lt_err *err)
{
	bool first = !c->joining;
	struct lt_str piece;

	if (!usable(c, err) || !my_packet_piece(c, LT_MAX(timeout_ms, -1), &piece, more, err) ||
	    (first && !judge(c, &piece, err)))
		return false;
	*out = piece;
	return true;
}

bool
my_read_packet(struct my_conn *c, int timeout_ms, size_t limit, struct lt_str *out, struct lt_err *err)
{
	struct lt_str packet;

	if (!usable(c, err) || !my_packet_read(c, limit, LT_MAX(timeout_ms, -1), &packet, err))
		return false;
	if (!judge(c, &packet, err))
		return false;
	*out = packet;
	return true;
}
