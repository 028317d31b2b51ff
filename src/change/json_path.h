/* change/json_path.h - the paths of JSON edits, as the server prints them: $.name."any name"[3][last-1]. */
#ifndef CHANGE_JSON_PATH_H
#define CHANGE_JSON_PATH_H

#include "base/arena.h"
#include "base/err.h"

/** One step into a document. */
struct change_json_leg {
	bool cell;         /* of an array, else a member of an object */
	bool from_end;     /* `index` counts from the last cell */
	size_t index;      /* cell */
	struct lt_str key; /* member; borrowed from the path or from the arena */
};

/** Take the `$`; false: no path. */
LT_MUST_USE bool change_json_path_begin(struct lt_str *path, struct lt_err *err);
/** Take the next leg off a path that has one. */
LT_MUST_USE bool change_json_path_leg(
    struct lt_str *path, struct lt_arena *arena, struct change_json_leg *out, struct lt_err *err);

#endif
