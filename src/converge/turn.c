#include "converge/turn.h"

#include "base/cur.h"

void
converge_turn_init(struct converge_turn *t)
{
	*t = (struct converge_turn){ 0 };
	change_position_init(&t->at);
}

void
converge_turn_clear(struct converge_turn *t)
{
	change_position_clear(&t->at);
}

void
converge_turn_copy(struct converge_turn *dst, const struct converge_turn *src)
{
	dst->origin = src->origin;
	dst->above_us = src->above_us;
	change_position_copy(&dst->at, &src->at);
}

void
converge_turn_note(const struct converge_turn *t, struct lt_arena *arena, struct conflict_checkpoint *out)
{
	const struct change_place *place = &t->at.place;
	struct lt_buf bytes = { 0 }, gtids = { 0 };

	out->turn_origin = t->origin;
	out->turn_us = t->above_us;
	if (t->origin == 0)
		return;
	change_gtid_set_text(t->at.gtids, &gtids);
	lt_buf_lenstr(&bytes, lt_str_z(t->at.server));
	lt_buf_lenstr(&bytes, lt_str_z(place->file));
	lt_buf_le(&bytes, place->pos, 8);
	lt_buf_le(&bytes, place->last_pos, 8);
	lt_buf_le(&bytes, place->last_crc, 4);
	lt_buf_lenstr(&bytes, lt_buf_str(&gtids));
	out->turn = lt_arena_str(arena, lt_buf_str(&bytes));
	lt_buf_free(&bytes);
	lt_buf_free(&gtids);
}

bool
converge_turn_read(const struct conflict_checkpoint *from, struct converge_turn *out, struct lt_err *err)
{
	struct lt_cur in = lt_cur_str(from->turn);
	struct change_gtid_set *gtids = NULL;
	struct lt_str server, file, text;
	struct change_place place = { .pos = 0 };

	out->origin = 0;
	if (from->turn_origin == 0)
		return true;
	server = lt_cur_lenstr(&in);
	file = lt_cur_lenstr(&in);
	place.pos = lt_cur_u64(&in);
	place.last_pos = lt_cur_u64(&in);
	place.last_crc = lt_cur_u32(&in);
	text = lt_cur_lenstr(&in);
	if (!lt_cur_ok(&in) || lt_cur_left(&in) > 0)
		return lt_fail(err, LT_E_STATE_BROKEN, "lutra.checkpoint: where the log lost its tail cannot be read");
	if (!change_gtid_set_parse(text, &gtids, err))
		return lt_wrap(err, "lutra.checkpoint");
	lt_str_copy(place.file, sizeof(place.file), file);
	lt_str_copy(out->at.server, sizeof(out->at.server), server);
	out->at.place = place;
	change_gtid_set_free(out->at.gtids);
	out->at.gtids = gtids;
	out->origin = from->turn_origin;
	out->above_us = from->turn_us;
	return true;
}

bool
converge_turn_is_before(const struct converge_turn *t, const char *server, const struct change_txn *txn)
{
	if (strcmp(t->at.server, server) == 0 && t->at.place.file[0] != '\0' && txn->end.file[0] != '\0')
		return change_place_cmp(&txn->end, &t->at.place) > 0;
	return txn->gtid.kind != CHANGE_GTID_NONE && !change_gtid_set_has(t->at.gtids, &txn->gtid);
}
