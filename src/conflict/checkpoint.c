#include "conflict/checkpoint.h"

#include "base/fault.h"
#include "conflict/wire_priv.h"

/* A log that lost its tail has more to tell. */
enum { FORM = 1, FORM_TURN = 2 };

void
conflict_checkpoint_clock(const struct conflict_checkpoint *c, int64_t interval_us, struct conflict_clock *out)
{
	conflict_clock_init(out, c->origin, interval_us);
	out->now_us = lt_fault("conflict_checkpoint_clock") ? 0 : c->now_us;
	out->has_beat = c->has_beat && !lt_fault("conflict_checkpoint_beat");
	out->beat_us = c->beat_us;
	out->count = c->count;
	conflict_vector_merge(&out->seen, &c->seen);
}

void
conflict_checkpoint_encode(const struct conflict_checkpoint *c, struct lt_buf *out)
{
	lt_buf_le(out, c->turn_origin != 0 ? FORM_TURN : FORM, 1);
	lt_buf_lenstr(out, c->place);
	lt_buf_le(out, (uint64_t)c->now_us, 8);
	lt_buf_le(out, c->has_beat, 1);
	lt_buf_le(out, (uint64_t)c->beat_us, 8);
	lt_buf_le(out, c->origin, 4);
	lt_buf_lenenc(out, c->count);
	conflict_put_vector(out, &c->seen);
	conflict_put_pins(out, c->pins, c->npins);
	if (c->turn_origin == 0)
		return;
	lt_buf_lenstr(out, c->turn);
	lt_buf_le(out, c->turn_origin, 4);
	lt_buf_le(out, (uint64_t)c->turn_us, 8);
}

bool
conflict_checkpoint_decode(
    struct lt_str bytes, struct lt_arena *arena, struct conflict_checkpoint *out, struct lt_err *err)
{
	struct lt_cur in = lt_cur_str(bytes);
	struct conflict_checkpoint c = { 0 };
	bool turns = bytes.len > 0 && (uint8_t)bytes.ptr[0] == FORM_TURN;

	if (!conflict_get_form(&in, turns ? FORM_TURN : FORM, "checkpoint", err))
		return false;
	c.place = lt_cur_lenstr(&in);
	c.now_us = conflict_get_clock(&in);
	c.has_beat = conflict_get_byte(&in, 1) == 1;
	c.beat_us = conflict_get_clock(&in);
	c.origin = lt_cur_u32(&in);
	c.count = lt_cur_lenenc(&in);
	c.seen = conflict_get_vector(&in, arena);
	c.pins = conflict_get_pins(&in, arena, &c.npins);
	if (turns) {
		c.turn = lt_cur_lenstr(&in);
		c.turn_origin = lt_cur_u32(&in);
		c.turn_us = conflict_get_clock(&in);
	}
	if (!conflict_get_end(&in, "checkpoint", err))
		return false;
	*out = c;
	return true;
}
