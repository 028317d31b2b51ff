#include "mysql/stmt.h"

#include <stdio.h>

#include "mysql/conn_priv.h"

struct my_stmt {
	struct my_conn *conn;         /* borrowed: it owns us */
	struct my_stmt *next, **link; /* in its list; link points at what points at us */
	uint32_t id;
	size_t nparams;
};

/* Types of the binary protocol; the upper byte is a flag. */
enum {
	TYPE_FLOAT = 4,
	TYPE_DOUBLE = 5,
	TYPE_NULL = 6,
	TYPE_LONGLONG = 8,
	TYPE_DATE = 10,
	TYPE_TIME = 11,
	TYPE_DATETIME = 12,
	TYPE_NEWDECIMAL = 246,
	TYPE_BLOB = 252,
	TYPE_VAR_STRING = 253,
	TYPE_UNSIGNED = 0x8000,
};

static bool
read_prepared(struct my_conn *c, struct my_prepared *out, struct lt_err *err)
{
	struct lt_str packet;
	struct my_prepared p = { 0 };

	if (!my_reply_packet(c, MY_SMALL_MAX, &packet, err))
		return false;
	if (packet.len > 0 && (uint8_t)packet.ptr[0] == MY_HEAD_ERR)
		return my_refused(c, packet, err);
	if (!my_prepared_decode(packet, &p, err))
		return my_dead(c);
	if (!my_skip_columns(c, p.nparams, err) || !my_skip_columns(c, p.ncolumns, err))
		return false;
	*out = p;
	return true;
}

static bool
take_prepared(struct my_conn *c, struct my_stmt **ret, struct lt_err *err)
{
	struct my_prepared p = { 0 };
	struct my_stmt *s;

	if (!read_prepared(c, &p, err))
		return false;
	s = lt_new(struct my_stmt);
	s->conn = c;
	s->id = p.id;
	s->nparams = p.nparams;
	s->next = c->stmts;
	s->link = &c->stmts;
	if (s->next != NULL)
		s->next->link = &s->next;
	c->stmts = s;
	*ret = s;
	return true;
}

bool
my_prepare(struct my_conn *c, struct lt_str sql, struct my_stmt **ret, struct lt_err *err)
{
	return my_ask(c, MY_COM_STMT_PREPARE, sql, err) && take_prepared(c, ret, err);
}

bool
my_send_prepare(struct my_conn *c, struct lt_str sql, struct lt_err *err)
{
	return my_send_text(c, MY_COM_STMT_PREPARE, sql, err);
}

bool
my_recv_prepared(struct my_conn *c, struct my_stmt **ret, struct lt_err *err)
{
	return my_begin_reply(c, err) && take_prepared(c, ret, err);
}

size_t
my_stmt_nparams(const struct my_stmt *s)
{
	return s->nparams;
}

void
my_stmt_close(struct my_stmt *s)
{
	uint8_t id[4];

	if (s == NULL)
		return;
	for (int i = 0; i < 4; i++)
		id[i] = (uint8_t)(s->id >> (8 * i));
	/* Five bytes are never too many: it cannot fail. */
	if (!s->conn->dead)
		LT_ASSERT(my_queue_command(s->conn, MY_COM_STMT_CLOSE, lt_str_of(id, sizeof(id)), NULL, NULL));
	*s->link = s->next;
	if (s->next != NULL)
		s->next->link = s->link;
	free(s);
}

void
my_stmts_free(struct my_conn *c)
{
	while (c->stmts != NULL) {
		struct my_stmt *s = c->stmts;

		c->stmts = s->next;
		free(s);
	}
}

/* -- parameters ----------------------------------------------------------------------------------- */

/* MySQL 9.7 takes no binary TIME of 838 hours with microseconds (error 1690), though its column holds it: it goes as
 * text. */
static bool
is_time_text(const struct my_param *p)
{
	return p->kind == MY_PARAM_TIME && p->time.hour >= 838 && p->time.micro != 0;
}

static unsigned
type_of(const struct my_param *p)
{
	if (is_time_text(p))
		return TYPE_VAR_STRING;

	switch (p->kind) {
	case MY_PARAM_I64: return TYPE_LONGLONG;
	case MY_PARAM_U64: return TYPE_LONGLONG | TYPE_UNSIGNED;
	case MY_PARAM_FLOAT: return TYPE_FLOAT;
	case MY_PARAM_DOUBLE: return TYPE_DOUBLE;
	case MY_PARAM_DECIMAL: return TYPE_NEWDECIMAL;
	case MY_PARAM_TEXT: return TYPE_VAR_STRING;
	case MY_PARAM_BYTES: return TYPE_BLOB;
	case MY_PARAM_DATE: return TYPE_DATE;
	case MY_PARAM_DATETIME: return TYPE_DATETIME;
	case MY_PARAM_TIME: return TYPE_TIME;
	case MY_PARAM_NULL: break;
	}
	return TYPE_NULL;
}

/* Length, then the date, then as much of the time as is not zero. */
static void
put_date(struct lt_buf *b, const struct my_time *t, bool with_time)
{
	bool micro = with_time && t->micro != 0;
	bool time = with_time && (micro || t->hour != 0 || t->minute != 0 || t->second != 0);

	lt_buf_le(b, micro ? 11 : time ? 7 : 4, 1);
	lt_buf_le(b, t->year, 2);
	lt_buf_le(b, t->month, 1);
	lt_buf_le(b, t->day, 1);
	if (!time)
		return;
	lt_buf_le(b, t->hour, 1);
	lt_buf_le(b, t->minute, 1);
	lt_buf_le(b, t->second, 1);
	if (micro)
		lt_buf_le(b, t->micro, 4);
}

static void
put_time(struct lt_buf *b, const struct my_param *p)
{
	const struct my_time *t = &p->time;

	if (is_time_text(p)) {
		char text[32];
		int n = snprintf(text, sizeof(text), "%s%u:%02u:%02u.%06u", t->negative ? "-" : "", t->hour, t->minute,
		    t->second, t->micro);

		lt_buf_lenstr(b, lt_str_of(text, (size_t)n));
		return;
	}
	lt_buf_le(b, t->micro != 0 ? 12 : 8, 1);
	lt_buf_le(b, t->negative, 1);
	lt_buf_le(b, t->hour / 24, 4);
	lt_buf_le(b, t->hour % 24, 1);
	lt_buf_le(b, t->minute, 1);
	lt_buf_le(b, t->second, 1);
	if (t->micro != 0)
		lt_buf_le(b, t->micro, 4);
}

static void
put_value(struct lt_buf *b, const struct my_param *p)
{
	uint64_t bits = 0;

	switch (p->kind) {
	case MY_PARAM_NULL: return;
	case MY_PARAM_I64: lt_buf_le(b, (uint64_t)p->i64, 8); return;
	case MY_PARAM_U64: lt_buf_le(b, p->u64, 8); return;
	case MY_PARAM_FLOAT: {
		uint32_t half;

		memcpy(&half, &p->f32, sizeof(half));
		lt_buf_le(b, half, 4);
		return;
	}
	case MY_PARAM_DOUBLE:
		memcpy(&bits, &p->f64, sizeof(bits));
		lt_buf_le(b, bits, 8);
		return;
	case MY_PARAM_DECIMAL:
	case MY_PARAM_TEXT:
	case MY_PARAM_BYTES: lt_buf_lenstr(b, p->bytes); return;
	case MY_PARAM_DATE: put_date(b, &p->time, false); return;
	case MY_PARAM_DATETIME: put_date(b, &p->time, true); return;
	case MY_PARAM_TIME: put_time(b, p); return;
	}
}

size_t
my_params_bytes(const struct my_param *params, size_t nparams)
{
	size_t bytes = 0;

	for (size_t i = 0; i < nparams; i++) {
		bool is_bytes = params[i].kind == MY_PARAM_DECIMAL || params[i].kind == MY_PARAM_TEXT ||
				params[i].kind == MY_PARAM_BYTES;

		bytes += is_bytes ? params[i].bytes.len + 9 : 32;
	}
	return bytes;
}

/* The types go with every execute: the same statement may get NULL once and a number the next time. */
void
my_stmt_encode(struct lt_buf *b, const struct my_stmt *s, const struct my_param *params, size_t nparams)
{
	size_t nulls_at, nulls_len = (nparams + 7) / 8;

	lt_buf_le(b, MY_COM_STMT_EXECUTE, 1);
	lt_buf_le(b, s->id, 4);
	lt_buf_le(b, 0, 1); /* no cursor */
	lt_buf_le(b, 1, 4); /* once */
	if (nparams == 0)
		return;
	nulls_at = b->len;
	memset(lt_buf_reserve(b, nulls_len), 0, nulls_len);
	b->len += nulls_len;
	lt_buf_le(b, 1, 1); /* types follow */
	for (size_t i = 0; i < nparams; i++) {
		if (params[i].kind == MY_PARAM_NULL)
			b->ptr[nulls_at + i / 8] = (char)(b->ptr[nulls_at + i / 8] | 1 << (i % 8));
		lt_buf_le(b, type_of(&params[i]), 2);
	}
	for (size_t i = 0; i < nparams; i++)
		put_value(b, &params[i]);
}

/* The type of a parameter in all rows: that of its first value. */
static unsigned
bulk_type(const struct my_param *params, size_t nparams, size_t nrows, size_t at)
{
	for (size_t row = 0; row < nrows; row++) {
		const struct my_param *p = &params[row * nparams + at];

		if (p->kind != MY_PARAM_NULL)
			return type_of(p);
	}
	return TYPE_VAR_STRING; /* NULL in every row */
}

void
my_stmt_encode_bulk(
    struct lt_buf *b, const struct my_stmt *s, const struct my_param *params, size_t nparams, size_t nrows)
{
	enum { SEND_TYPES = 128, HAS_VALUE = 0, IS_NULL = 1 };

	lt_buf_le(b, MY_COM_STMT_BULK_EXECUTE, 1);
	lt_buf_le(b, s->id, 4);
	lt_buf_le(b, SEND_TYPES, 2);
	for (size_t i = 0; i < nparams; i++)
		lt_buf_le(b, bulk_type(params, nparams, nrows, i), 2);
	for (size_t i = 0; i < nparams * nrows; i++) {
		bool null = params[i].kind == MY_PARAM_NULL;

		lt_buf_le(b, null ? IS_NULL : HAS_VALUE, 1);
		put_value(b, &params[i]);
	}
}
