#include "conflict/wire_priv.h"

enum { ROW_NONE, ROW_THERE };
enum { VALUE_NULL, VALUE_THERE };
#define PIN_LEAST 12 /* bytes: key's length 1, version 10, state 1 */

void
conflict_put_version(struct lt_buf *out, struct conflict_version v)
{
	lt_buf_le(out, (uint64_t)v.clock_us, 8);
	lt_buf_lenenc(out, v.seq);
	lt_buf_lenenc(out, v.origin);
}

void
conflict_put_vector(struct lt_buf *out, const struct conflict_vector *v)
{
	lt_buf_lenenc(out, v->count);
	for (uint32_t i = 0; i < v->count; i++) {
		lt_buf_lenenc(out, v->at[i].origin);
		lt_buf_lenenc(out, v->at[i].seq);
	}
}

void
conflict_put_row(struct lt_buf *out, const struct conflict_row *row)
{
	lt_buf_le(out, row != NULL ? ROW_THERE : ROW_NONE, 1);
	if (row == NULL)
		return;
	lt_buf_lenenc(out, row->count);
	for (uint32_t i = 0; i < row->count; i++) {
		lt_buf_le(out, row->values[i].ptr != NULL ? VALUE_THERE : VALUE_NULL, 1);
		if (row->values[i].ptr != NULL)
			lt_buf_lenstr(out, row->values[i]);
	}
}

void
conflict_put_op(struct lt_buf *out, const struct conflict_op *op)
{
	conflict_put_version(out, op->version);
	conflict_put_vector(out, &op->seen);
	conflict_put_row(out, op->before);
	conflict_put_row(out, op->after);
}

void
conflict_put_pins(struct lt_buf *out, const struct conflict_pin *pins, uint32_t npins)
{
	lt_buf_lenenc(out, npins);
	for (uint32_t i = 0; i < npins; i++) {
		lt_buf_lenstr(out, pins[i].key);
		conflict_put_version(out, pins[i].version);
		lt_buf_le(out, pins[i].state, 1);
	}
}

static uint32_t
get_origin(struct lt_cur *in)
{
	uint64_t n = lt_cur_lenenc(in);

	if (n > UINT32_MAX)
		in->failed = true;
	return (uint32_t)n;
}

int64_t
conflict_get_clock(struct lt_cur *in)
{
	int64_t clock_us = (int64_t)lt_cur_u64(in);

	if (clock_us > CONFLICT_CLOCK_MAX)
		in->failed = true;
	return clock_us;
}

struct conflict_version
conflict_get_version(struct lt_cur *in)
{
	struct conflict_version v;

	v.clock_us = conflict_get_clock(in);
	v.seq = lt_cur_lenenc(in);
	v.origin = get_origin(in);
	return v;
}

uint32_t
conflict_get_count(struct lt_cur *in, size_t least)
{
	uint64_t n = lt_cur_lenenc(in);

	if (n > lt_cur_left(in) / least) {
		in->failed = true;
		return 0;
	}
	return in->failed ? 0 : (uint32_t)LT_MIN(n, UINT32_MAX);
}

uint8_t
conflict_get_byte(struct lt_cur *in, uint8_t most)
{
	uint8_t n = lt_cur_u8(in);

	if (n > most)
		in->failed = true;
	return in->failed ? 0 : n;
}

/* Ascending without doubles, as it is searched. */
struct conflict_vector
conflict_get_vector(struct lt_cur *in, struct lt_arena *arena)
{
	struct conflict_vector v = { .count = conflict_get_count(in, 2) };

	v.at = lt_arena_alloc(arena, v.count * sizeof(*v.at));
	for (uint32_t i = 0; i < v.count; i++) {
		v.at[i].origin = get_origin(in);
		v.at[i].seq = lt_cur_lenenc(in);
		if (i > 0 && v.at[i].origin <= v.at[i - 1].origin)
			in->failed = true;
	}
	return v;
}

const struct conflict_row *
conflict_get_row(struct lt_cur *in, struct lt_arena *arena)
{
	struct conflict_row *row;

	if (conflict_get_byte(in, ROW_THERE) == ROW_NONE)
		return NULL;
	row = lt_arena_alloc(arena, sizeof(*row));
	row->count = conflict_get_count(in, 1);
	row->values = lt_arena_alloc(arena, row->count * sizeof(*row->values));
	for (uint32_t i = 0; i < row->count; i++) {
		row->values[i] = lt_str_of(NULL, 0);
		if (conflict_get_byte(in, VALUE_THERE) == VALUE_THERE)
			row->values[i] = lt_cur_lenstr(in);
	}
	return row;
}

const struct conflict_op *
conflict_get_op(struct lt_cur *in, struct lt_arena *arena)
{
	struct conflict_op *op = lt_arena_alloc(arena, sizeof(*op));

	op->version = conflict_get_version(in);
	op->seen = conflict_get_vector(in, arena);
	op->before = conflict_get_row(in, arena);
	op->after = conflict_get_row(in, arena);
	return op;
}

struct lt_str
conflict_get_key(struct lt_cur *in)
{
	struct lt_str key = lt_cur_lenstr(in);

	if (key.len > CONFLICT_KEY_MAX)
		in->failed = true;
	return key;
}

struct conflict_pin *
conflict_get_pins(struct lt_cur *in, struct lt_arena *arena, uint32_t *npins)
{
	uint32_t count = conflict_get_count(in, PIN_LEAST);
	struct conflict_pin *pins = lt_arena_alloc(arena, count * sizeof(*pins));

	for (uint32_t i = 0; i < count && lt_cur_ok(in); i++) {
		pins[i].key = conflict_get_key(in);
		pins[i].version = conflict_get_version(in);
		pins[i].state = (enum conflict_state)conflict_get_byte(in, CONFLICT_PARKED);
	}
	*npins = count;
	return pins;
}

bool
conflict_get_form(struct lt_cur *in, uint8_t known, const char *what, struct lt_err *err)
{
	uint8_t form = lt_cur_u8(in);

	if (!lt_cur_ok(in))
		return lt_fail(err, LT_E_STATE_BROKEN, "%s: empty", what);
	if (form > known)
		return lt_fail(err, LT_E_STATE_NEWER, "%s: form %u, and this Lutra knows %u", what, form, known);
	if (form == 0)
		return lt_fail(err, LT_E_STATE_BROKEN, "%s: form 0", what);
	return true;
}

bool
conflict_get_end(const struct lt_cur *in, const char *what, struct lt_err *err)
{
	if (!lt_cur_ok(in))
		return lt_fail(err, LT_E_STATE_BROKEN, "%s: ends early, or holds what nobody writes", what);
	if (lt_cur_left(in) > 0)
		return lt_fail(err, LT_E_STATE_BROKEN, "%s: %zu bytes behind its end", what, lt_cur_left(in));
	return true;
}
