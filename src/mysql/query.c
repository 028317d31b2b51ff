#include <stdarg.h>
#include <stdio.h>

#include "base/arena.h"
#include "mysql/conn_priv.h"

#define ASK_LIMIT_ABOVE ((size_t)256 << 10) /* no server worth writing to takes less */

/* -- reading one reply ---------------------------------------------------------------------------- */

bool
my_reply_packet(struct my_conn *c, size_t limit, struct lt_str *out, struct lt_err *err)
{
	return my_packet_read(c, limit, MY_WAIT_DEFAULT, out, err) ? true : my_dead(c);
}

/* The packet that ends rows, in either form. */
static bool
read_end(struct my_conn *c, struct lt_str packet, struct my_reply *out, struct lt_err *err)
{
	bool ok =
	    (c->caps & MY_CAP_DEPRECATE_EOF) != 0 ? my_ok_decode(packet, out, err) : my_eof_decode(packet, out, err);

	return ok ? true : my_dead(c);
}

/* Column definitions, and the end-of-columns packet where the protocol still has it. `names` may be NULL. */
static bool
read_columns(struct my_conn *c, size_t count, struct lt_buf *names, struct lt_arena *arena, struct lt_err *err)
{
	struct lt_str packet, name;
	struct my_reply end;

	for (size_t i = 0; i < count; i++) {
		if (!my_reply_packet(c, MY_SMALL_MAX, &packet, err))
			return false;
		if (packet.len > 0 && (uint8_t)packet.ptr[0] == MY_HEAD_ERR) /* a server that ends */
			return my_refused(c, packet, err);
		if (!my_column_decode(packet, &name, err))
			return my_dead(c);
		if (names != NULL) {
			name = lt_arena_str(arena, name);
			lt_buf_add(names, &name, sizeof(name));
		}
	}
	if ((c->caps & MY_CAP_DEPRECATE_EOF) != 0)
		return true;
	if (!my_reply_packet(c, MY_SMALL_MAX, &packet, err))
		return false;
	return my_eof_decode(packet, &end, err) ? true : my_dead(c);
}

bool
my_skip_columns(struct my_conn *c, size_t count, struct lt_err *err)
{
	return count == 0 || read_columns(c, count, NULL, NULL, err);
}

static bool
tell_columns(struct my_conn *c, size_t count, const struct my_rows_sink *sink, struct lt_err *err)
{
	struct lt_arena *arena;
	struct lt_buf names = { 0 };
	bool ok;

	if (sink->columns == NULL)
		return my_skip_columns(c, count, err);
	arena = lt_arena_new();
	ok = read_columns(c, count, &names, arena, err);
	if (ok)
		sink->columns(sink->ctx, count, (const struct lt_str *)(const void *)names.ptr);
	lt_buf_free(&names);
	lt_arena_free(arena);
	return ok;
}

static bool
hand_over(struct my_conn *c, struct lt_str packet, size_t ncolumns, struct my_rows_sink *sink, struct lt_err *err)
{
	if (!my_text_row_decode(packet, ncolumns, c->cells, err))
		return my_dead(c);
	c->in_rows = true;
	if (!sink->each(sink->ctx, ncolumns, c->cells, err))
		sink->stopped = true;
	c->in_rows = false;
	return true;
}

static bool
read_rows(struct my_conn *c, size_t ncolumns, struct my_reply *out, struct my_rows_sink *sink, struct lt_err *err)
{
	bool first = !sink->had_rows;
	struct lt_str packet;

	if (!(first ? tell_columns(c, ncolumns, sink, err) : my_skip_columns(c, ncolumns, err)))
		return false;
	sink->had_rows = true;
	if (ncolumns > c->ncells) {
		c->cells = lt_realloc(c->cells, ncolumns * sizeof(*c->cells));
		c->ncells = ncolumns;
	}
	for (;;) {
		if (!my_reply_packet(c, MY_ROW_MAX, &packet, err))
			return false;
		if (packet.len == 0)
			return my_garbled(c, "an empty packet among rows", err);
		if ((uint8_t)packet.ptr[0] == MY_HEAD_ERR)
			return my_refused(c, packet, err);
		/* A row may begin with the same byte, but only when its first value has 16 MB and more. */
		if ((uint8_t)packet.ptr[0] == MY_HEAD_EOF && packet.len < MY_PIECE_MAX)
			return read_end(c, packet, out, err);
		if (first && sink->each != NULL && !sink->stopped && !hand_over(c, packet, ncolumns, sink, err))
			return false;
	}
}

static bool
read_result(struct my_conn *c, struct my_reply *out, struct my_rows_sink *sink, struct lt_err *err)
{
	struct lt_str packet;
	struct lt_cur in;
	uint64_t ncolumns;

	if (!my_reply_packet(c, MY_SMALL_MAX, &packet, err))
		return false;
	switch (packet.len > 0 ? (uint8_t)packet.ptr[0] : MY_HEAD_INFILE) {
	case MY_HEAD_OK: return my_ok_decode(packet, out, err) ? true : my_dead(c);
	case MY_HEAD_ERR: return my_refused(c, packet, err);
	default: break;
	}
	in = lt_cur_str(packet);
	ncolumns = lt_cur_lenenc(&in);
	if (!lt_cur_ok(&in) || lt_cur_left(&in) > 0 || ncolumns == 0 || ncolumns > MY_COLUMNS_MAX)
		return my_garbled(c, "the server's reply is neither OK, error nor rows", err);
	return read_rows(c, (size_t)ncolumns, out, sink, err);
}

bool
my_read_reply(struct my_conn *c, struct my_reply *out, struct my_rows_sink *sink, struct lt_err *err)
{
	struct lt_err drained = { 0 };
	struct my_reply r = { 0 };

	do {
		/* Once `each` said no its error stands, whatever comes behind. */
		if (!read_result(c, &r, sink, sink->stopped ? &drained : err))
			return false;
	} while ((r.status & MY_STATUS_MORE_RESULTS) != 0);
	if (sink->stopped)
		return false;
	if (out != NULL)
		*out = r;
	return true;
}

/* -- one statement at a time ---------------------------------------------------------------------- */

bool
my_exec(struct my_conn *c, const char *sql, struct my_reply *out, struct lt_err *err)
{
	struct my_rows_sink sink = { 0 };
	struct my_reply r;

	if (!my_ask(c, MY_COM_QUERY, lt_str_z(sql), err) || !my_read_reply(c, &r, &sink, err))
		return false;
	if (sink.had_rows)
		return lt_fail(err, LT_E_INTERNAL, "a statement that should return no rows returned some");
	if (out != NULL)
		*out = r;
	return true;
}

static const char *
format(struct lt_buf *b, const char *fmt, va_list args)
{
	va_list again;
	int n;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	LT_ASSERT(n >= 0);
	vsnprintf(lt_buf_reserve(b, (size_t)n + 1), (size_t)n + 1, fmt, args);
	b->len += (size_t)n;
	return lt_buf_cstr(b);
}

bool
my_execf(struct my_conn *c, struct lt_err *err, const char *fmt, ...)
{
	struct lt_buf sql = { 0 };
	va_list args;
	bool ok;

	va_start(args, fmt);
	ok = my_exec(c, format(&sql, fmt, args), NULL, err);
	va_end(args);
	lt_buf_free(&sql);
	return ok;
}

bool
my_query_each(struct my_conn *c, struct lt_str sql, my_row_fn each, void *ctx, struct lt_err *err)
{
	struct my_rows_sink sink = { .each = each, .ctx = ctx };

	return my_ask(c, MY_COM_QUERY, sql, err) && my_read_reply(c, NULL, &sink, err);
}

bool
my_ping(struct my_conn *c, struct lt_err *err)
{
	struct my_rows_sink sink = { 0 };

	return my_ask(c, MY_COM_PING, LT_STR(""), err) && my_read_reply(c, NULL, &sink, err);
}

/* -- rows held whole ------------------------------------------------------------------------------ */

struct collector {
	struct lt_arena *arena;
	struct lt_buf names, values; /* struct lt_str; their bytes lie in the arena */
	size_t ncolumns;
};

static void
collect_names(void *ctx, size_t ncolumns, const struct lt_str *names)
{
	struct collector *k = ctx;

	k->ncolumns = ncolumns;
	for (size_t i = 0; i < ncolumns; i++) {
		struct lt_str name = lt_arena_str(k->arena, names[i]);

		lt_buf_add(&k->names, &name, sizeof(name));
	}
}

static bool
collect_row(void *ctx, size_t ncolumns, const struct lt_str *values, struct lt_err *err)
{
	struct collector *k = ctx;

	for (size_t i = 0; i < ncolumns; i++) {
		struct lt_str v = values[i].ptr != NULL ? lt_arena_str(k->arena, values[i]) : values[i];

		lt_buf_add(&k->values, &v, sizeof(v));
	}
	if (lt_arena_bytes(k->arena) + k->values.len > MY_ROWS_LIMIT)
		return lt_fail(err, LT_E_PACKET_TOO_LARGE, "a result of more than %zu bytes", MY_ROWS_LIMIT);
	return true;
}

/* Move an array into the arena. */
static const struct lt_str *
settle_array(struct lt_arena *arena, const struct lt_buf *b)
{
	void *copy = lt_arena_alloc(arena, b->len);

	if (b->len > 0)
		memcpy(copy, b->ptr, b->len);
	return copy;
}

static struct my_rows *
rows_of(struct collector *k)
{
	struct my_rows *rows = lt_arena_zalloc(k->arena, sizeof(*rows));

	rows->ncolumns = k->ncolumns;
	rows->nrows = k->ncolumns > 0 ? k->values.len / sizeof(struct lt_str) / k->ncolumns : 0;
	rows->names = settle_array(k->arena, &k->names);
	rows->values = settle_array(k->arena, &k->values);
	rows->arena = k->arena;
	return rows;
}

bool
my_read_rows(struct my_conn *c, struct my_rows **ret, struct lt_err *err)
{
	struct collector k = { .arena = lt_arena_new() };
	struct my_rows_sink sink = { .each = collect_row, .ctx = &k, .columns = collect_names };
	bool ok = my_read_reply(c, NULL, &sink, err);

	if (ok) {
		*ret = rows_of(&k);
		k.arena = NULL; /* now the rows' */
	}
	lt_arena_free(k.arena);
	lt_buf_free(&k.names);
	lt_buf_free(&k.values);
	return ok;
}

bool
my_query(struct my_conn *c, const char *sql, struct my_rows **ret, struct lt_err *err)
{
	return my_ask(c, MY_COM_QUERY, lt_str_z(sql), err) && my_read_rows(c, ret, err);
}

bool
my_queryf(struct my_conn *c, struct my_rows **ret, struct lt_err *err, const char *fmt, ...)
{
	struct lt_buf sql = { 0 };
	va_list args;
	bool ok;

	va_start(args, fmt);
	ok = my_query(c, format(&sql, fmt, args), ret, err);
	va_end(args);
	lt_buf_free(&sql);
	return ok;
}

void
my_rows_free(struct my_rows *rows)
{
	if (rows != NULL)
		lt_arena_free(rows->arena);
}

struct lt_str
my_rows_at(const struct my_rows *rows, size_t row, size_t column)
{
	LT_ASSERT(row < rows->nrows && column < rows->ncolumns);
	return rows->values[row * rows->ncolumns + column];
}

static const char select_limit[] = "SELECT @@max_allowed_packet";

/* Takes the rows over. */
static void
note_limit(struct my_conn *c, struct my_rows *rows)
{
	uint64_t limit = 0;

	if (rows->nrows != 1 || !lt_str_u64(my_rows_at(rows, 0, 0), &limit) || limit < 1024)
		limit = MY_PACKET_MAX;
	c->max_packet = (size_t)LT_MIN(limit, (uint64_t)MY_PACKET_MAX);
	my_rows_free(rows);
}

bool
my_know_limit(struct my_conn *c, size_t bytes, struct lt_err *err)
{
	struct my_rows *rows = NULL;

	if (bytes <= ASK_LIMIT_ABOVE || c->max_packet != 0)
		return true;
	if (!my_query(c, select_limit, &rows, err))
		return false;
	note_limit(c, rows);
	return true;
}

bool
my_send_limit(struct my_conn *c, struct lt_err *err)
{
	return my_send_query(c, LT_STR(select_limit), err);
}

bool
my_recv_limit(struct my_conn *c, struct lt_err *err)
{
	struct my_rows *rows = NULL;

	if (!my_recv_rows(c, &rows, err))
		return false;
	note_limit(c, rows);
	return true;
}
