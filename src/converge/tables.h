/* converge/tables.h - rows of schema `lutra` as a log shows them (pipeline/state.h has the tables). */
#ifndef CONVERGE_TABLES_H
#define CONVERGE_TABLES_H

#include "change/position.h"
#include "change/row.h"
#include "converge/told.h"

enum converge_table {
	CONVERGE_TABLE_NONE, /* none of ours, or one that says nothing in a log */
	CONVERGE_TABLE_LANE,
	CONVERGE_TABLE_MARK,
	CONVERGE_TABLE_SITE,
	CONVERGE_TABLE_CHECKPOINT,
	CONVERGE_TABLE_PARKED,
};

enum converge_table converge_table_of(struct lt_str schema, struct lt_str table);

struct converge_own {
	enum converge_table table;
	bool ours;                 /* of the channel, and there behind the change */
	struct lt_str mark;        /* MARK: the bytes */
	struct converge_beat beat; /* SITE */
};

/** What a row of such a table says; bytes lie in `scratch` or borrow from the image. LT_E_STATE_BROKEN. */
LT_MUST_USE bool converge_table_read(const struct change_row *row, const char *channel, struct lt_arena *scratch,
    struct converge_own *out, struct lt_err *err);

/** A row of lutra.lane behind its change; strings as above. */
struct converge_lane_row {
	bool ours; /* of the channel, whole, and there behind the change; else nothing else is set */
	struct lt_str pipeline, server;
	uint64_t seq;
	struct change_place place;
};

/** LT_E_STATE_BROKEN. */
LT_MUST_USE bool converge_table_lane(const struct change_row *row, const char *channel, struct lt_arena *scratch,
    struct converge_lane_row *out, struct lt_err *err);

/** A row of lutra.parked, of which `image` is what converge_parked_row() takes; strings as above. */
struct converge_parked_row {
	bool ours;
	struct lt_str key, image;
};

/** What such a row says before its change or behind it; LT_E_STATE_BROKEN. */
LT_MUST_USE bool converge_table_parked(const struct change_table *t, const struct change_image *image,
    const char *channel, struct lt_arena *scratch, struct converge_parked_row *out, struct lt_err *err);

#endif
