#include "converge/tables.h"

/* Columns by place. */
enum { CHANNEL, MARK_BYTES = 3, SITE_BEATS = 3, SITE_BEAT = 4 };
enum { PARKED_SCHEMA = 2, PARKED_TABLE, PARKED_KEY, PARKED_IMAGE };
enum { PIPELINE = 1, SEQ = 4, SERVER, FILE_NAME, POS, LAST_POS, LAST_CRC, LANE_COLUMNS };

static const struct known {
	const char *name;
	enum converge_table table;
	size_t columns; /* at least */
} known[] = {
	{ "lane", CONVERGE_TABLE_LANE, 1 },
	{ "mark", CONVERGE_TABLE_MARK, MARK_BYTES + 1 },
	{ "site", CONVERGE_TABLE_SITE, SITE_BEAT + 1 },
	{ "checkpoint", CONVERGE_TABLE_CHECKPOINT, 2 },
	{ "parked", CONVERGE_TABLE_PARKED, PARKED_IMAGE + 1 },
};

enum converge_table
converge_table_of(struct lt_str schema, struct lt_str table)
{
	if (!lt_str_eqz(schema, "lutra"))
		return CONVERGE_TABLE_NONE;
	for (size_t i = 0; i < LT_COUNT(known); i++) {
		if (lt_str_eqz(table, known[i].name))
			return known[i].table;
	}
	return CONVERGE_TABLE_NONE;
}

static bool
is_bytes(const struct change_value *v)
{
	return v->kind == CHANGE_TEXT || v->kind == CHANGE_BYTES;
}

static bool
broken(const struct change_table *t, struct lt_err *err)
{
	return lt_fail(
	    err, LT_E_STATE_BROKEN, "a row of lutra.%.*s in the log is not as Lutra writes it", LT_FMT(t->name));
}

static bool
number_of(const struct change_value *v, uint64_t *out)
{
	if (v->kind == CHANGE_INT && v->i64 >= 0)
		*out = (uint64_t)v->i64;
	else if (v->kind == CHANGE_UINT)
		*out = v->u64;
	else
		return false;
	return true;
}

/* NULL: the server's clock was not believed. What the reader's clock counts with stays far from where numbers end. */
static bool
take_time(const struct change_value *v, struct converge_beat *out)
{
	out->timed = v->kind == CHANGE_INT;
	out->us = out->timed ? v->i64 : 0;
	return (out->timed || v->kind == CHANGE_NULL) && out->us >= 0 && out->us <= CONFLICT_CLOCK_MAX;
}

/* How many heartbeats the site had, in front of this one and with it. */
static bool
take_beats(const struct change_row *row, const struct change_value *after, struct lt_arena *scratch,
    struct converge_beat *out, struct lt_err *err)
{
	const struct change_table *t = row->table;
	struct change_value *v = lt_arena_alloc(scratch, t->ncolumns * sizeof(*v));

	if (row->op != CHANGE_UPDATE)
		return true;
	if (!t->codec->decode(t, &row->before, scratch, v, err))
		return lt_wrap(err, "lutra.site");
	out->counts = number_of(&v[SITE_BEATS], &out->before) && number_of(&after[SITE_BEATS], &out->upto);
	return true;
}

bool
converge_table_read(const struct change_row *row, const char *channel, struct lt_arena *scratch,
    struct converge_own *out, struct lt_err *err)
{
	const struct change_table *t = row->table;
	struct change_value *v = lt_arena_alloc(scratch, LT_MAX(t->ncolumns, (size_t)1) * sizeof(*v));
	const struct known *k = known;

	*out = (struct converge_own){ .table = converge_table_of(t->schema, t->name) };
	while (k->table != out->table)
		k++;
	if (row->op == CHANGE_DELETE || out->table == CONVERGE_TABLE_CHECKPOINT || out->table == CONVERGE_TABLE_PARKED)
		return true;
	if (!t->codec->decode(t, &row->after, scratch, v, err))
		return lt_wrap(err, "lutra.%s", k->name);
	if (out->table == CONVERGE_TABLE_LANE && t->ncolumns > 0 && v[CHANNEL].kind == CHANGE_ABSENT)
		return true; /* an image that is not FULL: who knows marks looks at the one before */
	if (t->ncolumns < k->columns || !is_bytes(&v[CHANNEL]))
		return broken(t, err);
	out->ours = lt_str_eqz(v[CHANNEL].bytes, channel);
	if (!out->ours)
		return true;
	if (out->table == CONVERGE_TABLE_MARK) {
		if (!is_bytes(&v[MARK_BYTES]))
			return broken(t, err);
		out->mark = v[MARK_BYTES].bytes;
	}
	if (out->table == CONVERGE_TABLE_SITE) {
		if (!take_time(&v[SITE_BEAT], &out->beat))
			return broken(t, err);
		return take_beats(row, v, scratch, &out->beat, err);
	}
	return true;
}

bool
converge_table_lane(const struct change_row *row, const char *channel, struct lt_arena *scratch,
    struct converge_lane_row *out, struct lt_err *err)
{
	const struct change_table *t = row->table;
	struct change_value *v = lt_arena_alloc(scratch, LT_MAX(t->ncolumns, (size_t)1) * sizeof(*v));
	struct change_place *at = &out->place;
	uint64_t crc;

	*out = (struct converge_lane_row){ .ours = false };
	if (row->op == CHANGE_DELETE || t->ncolumns < LANE_COLUMNS)
		return true;
	if (!t->codec->decode(t, &row->after, scratch, v, err))
		return lt_wrap(err, "lutra.lane");
	if (!is_bytes(&v[CHANNEL]) || !lt_str_eqz(v[CHANNEL].bytes, channel))
		return true;
	if (!is_bytes(&v[PIPELINE]) || !is_bytes(&v[SERVER]) || !is_bytes(&v[FILE_NAME]) ||
	    v[FILE_NAME].bytes.len >= sizeof(at->file) || !number_of(&v[SEQ], &out->seq) ||
	    !number_of(&v[POS], &at->pos) || !number_of(&v[LAST_POS], &at->last_pos) || !number_of(&v[LAST_CRC], &crc))
		return broken(t, err);
	lt_str_copy(at->file, sizeof(at->file), v[FILE_NAME].bytes);
	at->last_crc = (uint32_t)crc;
	out->pipeline = v[PIPELINE].bytes;
	out->server = v[SERVER].bytes;
	out->ours = true;
	return true;
}

bool
converge_table_parked(const struct change_table *t, const struct change_image *image, const char *channel,
    struct lt_arena *scratch, struct converge_parked_row *out, struct lt_err *err)
{
	struct change_value *v = lt_arena_alloc(scratch, LT_MAX(t->ncolumns, (size_t)1) * sizeof(*v));

	*out = (struct converge_parked_row){ .ours = false };
	if (!t->codec->decode(t, image, scratch, v, err))
		return lt_wrap(err, "lutra.parked");
	if (t->ncolumns <= PARKED_IMAGE || !is_bytes(&v[CHANNEL]) || !is_bytes(&v[PARKED_SCHEMA]) ||
	    !is_bytes(&v[PARKED_TABLE]) || !is_bytes(&v[PARKED_KEY]) || !is_bytes(&v[PARKED_IMAGE]))
		return broken(t, err);
	out->ours = lt_str_eqz(v[CHANNEL].bytes, channel);
	out->key = v[PARKED_KEY].bytes;
	out->image = v[PARKED_IMAGE].bytes;
	return true;
}
