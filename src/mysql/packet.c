#include "mysql/conn_priv.h"

#define HEAD 4
#define KEEP_MAX ((size_t)1 << 20)

bool
my_dead(struct my_conn *c)
{
	c->dead = true;
	return false;
}

bool
my_garbled(struct my_conn *c, const char *what, struct lt_err *err)
{
	lt_fail(err, LT_E_PROTOCOL, "%s", what);
	return my_dead(c);
}

bool
my_refused(struct my_conn *c, struct lt_str packet, struct lt_err *err)
{
	struct lt_err mine = { 0 };
	struct lt_err *to = err != NULL ? err : &mine;

	my_err_decode(packet, to);
	if (to->code == LT_E_LINK_LOST || to->code == LT_E_PROTOCOL || to->server_errno == 1053)
		c->dead = true;
	return false;
}

size_t
my_packet_begin(struct my_conn *c)
{
	size_t start = c->io.out.len;

	lt_buf_le(&c->io.out, 0, HEAD);
	return start;
}

static void
put_head(struct my_conn *c, size_t at, size_t len)
{
	uint8_t *p = (uint8_t *)c->io.out.ptr + at;

	for (int i = 0; i < 3; i++)
		p[i] = (uint8_t)(len >> (8 * i));
	p[3] = c->seq++;
}

bool
my_packet_end(struct my_conn *c, size_t start, struct lt_err *err)
{
	struct lt_buf *out = &c->io.out;
	size_t len = out->len - start - HEAD;
	size_t extra = len / MY_PIECE_MAX; /* pieces behind the first; a full last piece is followed by an empty one */

	size_t limit = c->max_packet != 0 ? c->max_packet : MY_PACKET_MAX;

	if (len > limit) {
		out->len = start;
		return lt_fail(
		    err, LT_E_PACKET_TOO_LARGE, "a packet of %zu bytes, and the server takes %zu", len, limit);
	}
	lt_buf_reserve(out, extra * HEAD);
	out->len += extra * HEAD;
	for (size_t i = extra; i > 0; i--) {
		size_t from = start + HEAD + i * MY_PIECE_MAX;

		memmove(
		    out->ptr + from + i * HEAD, out->ptr + from, i == extra ? len - i * MY_PIECE_MAX : MY_PIECE_MAX);
	}
	for (size_t i = 0; i <= extra; i++)
		put_head(c, start + i * (MY_PIECE_MAX + HEAD), i < extra ? MY_PIECE_MAX : len - extra * MY_PIECE_MAX);
	return true;
}

/* A server that closes sends its last error without minding whose turn it is. */
static bool
is_farewell(const struct my_conn *c, const uint8_t *head, size_t len)
{
	return !c->joining && len >= 3 && len < MY_SMALL_MAX && head[HEAD] == MY_HEAD_ERR;
}

/* Inside compressed frames a server numbers packets as its buffer happens to be sent; what is damaged there is found by
 * the frame. */
static bool
is_due(const struct my_conn *c, uint8_t number)
{
	return number == c->seq || c->io.zip != NULL;
}

/* The next piece, whole; its header is checked before its bytes are waited for. */
static bool
read_piece(struct my_conn *c, size_t limit, int timeout_ms, struct lt_str *out, struct lt_err *err)
{
	struct my_io *io = &c->io;
	const uint8_t *head;
	size_t len;

	if (!my_io_fill(io, HEAD, timeout_ms, err))
		return false;
	head = (const uint8_t *)io->in.ptr + io->in_at;
	len = (size_t)lt_le(head, 3);
	if (!is_due(c, head[3]) && (len == 0 || len > MY_SMALL_MAX))
		return lt_fail(err, LT_E_PROTOCOL, "packet number %u where %u was due", head[3], c->seq);
	if (len + c->join.len > limit)
		return lt_fail(err, LT_E_PACKET_TOO_LARGE, "the server sends a packet of more than %zu bytes", limit);
	if (!my_io_fill(io, HEAD + len, timeout_ms, err))
		return false;
	head = (const uint8_t *)io->in.ptr + io->in_at;
	if (!is_due(c, head[3])) {
		if (!is_farewell(c, head, len))
			return lt_fail(err, LT_E_PROTOCOL, "packet number %u where %u was due", head[3], c->seq);
		c->dead = true;
	}
	io->in_at += HEAD + len;
	c->seq++;
	*out = lt_str_of(head + HEAD, len);
	return true;
}

/* The next packet, if it lies there whole, and nothing is to be sent: nearly all of a server's log. */
static bool
lies_there(struct my_conn *c, struct lt_str *out)
{
	struct my_io *io = &c->io;
	size_t left = io->in.len - io->in_at, len;
	uint32_t head;

	if (left < HEAD || c->joining || my_io_to_send(io))
		return false;
	head = lt_le32((const uint8_t *)io->in.ptr + io->in_at);
	len = head & MY_PIECE_MAX;
	if (len == MY_PIECE_MAX || len > left - HEAD || head >> 24 != c->seq)
		return false;
	*out = lt_str_of(io->in.ptr + io->in_at + HEAD, len);
	io->in_at += HEAD + len;
	c->seq++;
	return true;
}

bool
my_packet_piece(struct my_conn *c, int timeout_ms, struct lt_str *out, bool *more, struct lt_err *err)
{
	struct lt_err mine;                            /* large: made only where it is needed */
	struct lt_err *to = err != NULL ? err : &mine; /* cppcheck-suppress uninitvar */

	if (lies_there(c, out)) {
		*more = false;
		return true;
	}
	if (err == NULL)
		mine = (struct lt_err){ 0 };
	if (!c->joining)
		lt_buf_clear(&c->join);
	if (!read_piece(c, MY_PIECE_MAX, timeout_ms, out, to))
		return to->code == LT_E_TIMEOUT ? false : my_dead(c);
	*more = c->joining = out->len == MY_PIECE_MAX;
	return true;
}

bool
my_packet_read(struct my_conn *c, size_t limit, int timeout_ms, struct lt_str *out, struct lt_err *err)
{
	struct lt_err mine;                            /* large: made only where it is needed */
	struct lt_err *to = err != NULL ? err : &mine; /* cppcheck-suppress uninitvar */
	struct lt_str piece = { 0 };

	if (limit >= MY_PIECE_MAX && lies_there(c, out))
		return true;
	if (err == NULL)
		mine = (struct lt_err){ 0 };
	if (!c->joining) {
		lt_buf_clear(&c->join);
		if (c->join.cap > KEEP_MAX)
			lt_buf_free(&c->join);
	}
	do {
		if (!read_piece(c, limit, timeout_ms, &piece, to))
			return to->code == LT_E_TIMEOUT ? false : my_dead(c);
		if (!c->joining && piece.len < MY_PIECE_MAX) {
			*out = piece;
			return true;
		}
		lt_buf_str_add(&c->join, piece);
		c->joining = piece.len == MY_PIECE_MAX;
	} while (c->joining);
	*out = lt_buf_str(&c->join);
	return true;
}
