#include "node/frame.h"

#include <stdio.h>

#include "base/cur.h"

enum { CODE_MAX = 9999 };

void
node_frame_encode(const struct node_frame *f, struct lt_buf *out)
{
	size_t body = 2;

	LT_ASSERT(f->count <= NODE_FRAME_ARGS);
	for (size_t i = 0; i < f->count; i++)
		body += 4 + f->args[i].len;
	lt_buf_le(out, body, 4);
	lt_buf_le(out, f->kind, 1);
	lt_buf_le(out, f->count, 1);
	for (size_t i = 0; i < f->count; i++) {
		lt_buf_le(out, f->args[i].len, 4);
		lt_buf_str_add(out, f->args[i]);
	}
}

static bool
decode_body(struct lt_cur *in, struct node_frame *out)
{
	out->kind = lt_cur_u8(in);
	out->count = lt_cur_u8(in);
	if (out->count > NODE_FRAME_ARGS)
		return false;
	for (size_t i = 0; i < out->count; i++) {
		uint32_t len = lt_cur_u32(in);

		out->args[i] = lt_cur_bytes(in, len);
	}
	return lt_cur_ok(in) && lt_cur_left(in) == 0;
}

enum node_frame_state
node_frame_decode(struct lt_str bytes, size_t limit, struct node_frame *out, size_t *used, struct lt_err *err)
{
	struct lt_cur in = lt_cur_str(bytes), body;
	struct node_frame f = { 0 };
	uint32_t len;

	if (lt_cur_left(&in) < 4)
		return NODE_FRAME_MORE;
	len = lt_cur_u32(&in);
	if (len < 2 || len > limit) {
		lt_fail(err, LT_E_CONTROL, "control frame of %u bytes, 2 to %zu wanted", len, limit);
		return NODE_FRAME_BAD;
	}
	if (lt_cur_left(&in) < len)
		return NODE_FRAME_MORE;
	body = lt_cur_of(in.at, len);
	if (!decode_body(&body, &f)) {
		lt_fail(err, LT_E_CONTROL, "control frame does not hold what it says");
		return NODE_FRAME_BAD;
	}

	*out = f;
	*used = 4 + (size_t)len;
	return NODE_FRAME_WHOLE;
}

void
node_frame_ok(struct lt_str text, bool found, struct lt_buf *out)
{
	struct node_frame f = {
		.kind = NODE_ANSWER_OK, .count = 2, .args = { text, found ? LT_STR("1") : LT_STR("0") }
	};

	node_frame_encode(&f, out);
}

void
node_frame_error(const struct lt_err *e, struct lt_buf *out)
{
	struct node_frame f = { .kind = NODE_ANSWER_ERROR };
	const struct lt_where *w = &e->where;
	char numbers[5][24];

	snprintf(numbers[0], sizeof(numbers[0]), "%d", (int)e->code);
	snprintf(numbers[1], sizeof(numbers[1]), "%u", (unsigned)e->server_errno);
	snprintf(numbers[2], sizeof(numbers[2]), "%llu", (unsigned long long)w->pos);
	snprintf(numbers[3], sizeof(numbers[3]), "%u", w->line);
	snprintf(numbers[4], sizeof(numbers[4]), "%u", w->column);
	for (size_t i = 0; i < LT_COUNT(numbers); i++)
		f.args[f.count++] = lt_str_z(numbers[i]);
	f.args[f.count++] = lt_str_z(e->sqlstate);
	f.args[f.count++] = lt_str_z(e->message);
	f.args[f.count++] = lt_str_z(w->pipeline);
	f.args[f.count++] = lt_str_z(w->file);
	f.args[f.count++] = lt_str_z(w->gtid);
	f.args[f.count++] = lt_str_z(w->table);
	node_frame_encode(&f, out);
}

void
node_frame_error_read(const struct node_frame *f, struct lt_err *out)
{
	uint64_t n[5];
	struct lt_where *w = &out->where;
	bool good = f->count == 11;

	*out = (struct lt_err){ 0 };
	for (size_t i = 0; good && i < LT_COUNT(n); i++)
		good = lt_str_u64(f->args[i], &n[i]);
	/* A code that is not known here still is one: a newer Lutra's. */
	if (!good || n[0] == LT_OK || n[0] > CODE_MAX) {
		lt_fail(out, LT_E_CONTROL, "the answer on the control socket cannot be read");
		return;
	}
	lt_fail(out, (enum lt_code)n[0], "%.*s", LT_FMT(f->args[6]));
	out->server_errno = (uint16_t)n[1];
	w->pos = n[2];
	w->line = (uint32_t)n[3];
	w->column = (uint32_t)n[4];
	lt_str_copy(out->sqlstate, sizeof(out->sqlstate), f->args[5]);
	lt_str_copy(w->pipeline, sizeof(w->pipeline), f->args[7]);
	lt_str_copy(w->file, sizeof(w->file), f->args[8]);
	lt_str_copy(w->gtid, sizeof(w->gtid), f->args[9]);
	lt_str_copy(w->table, sizeof(w->table), f->args[10]);
}
