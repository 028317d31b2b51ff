/* schema/room.h - what a column of a target keeps of a value, where servers take it all the same and bend it. */
#ifndef SCHEMA_ROOM_H
#define SCHEMA_ROOM_H

#include "change/table.h"
#include "schema/table.h"

enum schema_room_kind {
	SCHEMA_ROOM_ANY,    /* whole, or the server refuses it */
	SCHEMA_ROOM_NONE,   /* never whole */
	SCHEMA_ROOM_DIGITS, /* so many behind the point */
	SCHEMA_ROOM_DATE,   /* no time of day */
	SCHEMA_ROOM_FLOAT,
	SCHEMA_ROOM_DOUBLE,
	SCHEMA_ROOM_CHAR,   /* no blanks at the end */
	SCHEMA_ROOM_BINARY, /* so many bytes, no fewer */
};

struct schema_room {
	enum schema_room_kind kind;
	uint32_t count;
};

struct schema_room schema_room_of(const struct change_column *from, const struct schema_column *to);

#endif
