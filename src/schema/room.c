#include "schema/room.h"

#include "schema/type_priv.h"

#define ROOM(what, n) ((struct schema_room){ SCHEMA_ROOM_##what, (n) })

/* A TIME put into a DATETIME gets the day on which that is done. A TIMESTAMP is a moment, the others are what a clock
 * shows: one made of the other is right in one time zone only. */
static struct schema_room
room_of_time(const struct change_column *from, const struct schema_type *to)
{
	bool time = from->kind == CHANGE_TIME, day = from->kind == CHANGE_DATE;
	bool moment = from->kind == CHANGE_TIMESTAMP;

	switch (to->class_) {
	case SCHEMA_CLASS_TIME:
		if (!time)
			return ROOM(NONE, 0);
		break;
	case SCHEMA_CLASS_DATETIME:
		if (time || moment)
			return ROOM(NONE, 0);
		break;
	case SCHEMA_CLASS_TIMESTAMP:
		if (!moment)
			return ROOM(NONE, 0);
		break;
	case SCHEMA_CLASS_DATE: return time || moment ? ROOM(NONE, 0) : day ? ROOM(ANY, 0) : ROOM(DATE, 0);
	case SCHEMA_CLASS_TEXT:
	case SCHEMA_CLASS_BYTES: return ROOM(ANY, 0);
	default: return ROOM(NONE, 0);
	}
	return from->scale > to->args[0] ? ROOM(DIGITS, to->args[0]) : ROOM(ANY, 0);
}

static struct schema_room
room_of_number(const struct change_column *from, const struct schema_type *to)
{
	bool real = from->kind == CHANGE_FLOAT || from->kind == CHANGE_DOUBLE, decimal = from->kind == CHANGE_DECIMAL;

	switch (to->class_) {
	case SCHEMA_CLASS_INT:
	case SCHEMA_CLASS_YEAR: return real || decimal ? ROOM(DIGITS, 0) : ROOM(ANY, 0);
	case SCHEMA_CLASS_DECIMAL:
		return real || (decimal && from->scale > to->args[1]) ? ROOM(DIGITS, to->args[1]) : ROOM(ANY, 0);
	case SCHEMA_CLASS_FLOAT: return from->kind == CHANGE_FLOAT ? ROOM(ANY, 0) : ROOM(FLOAT, 0);
	case SCHEMA_CLASS_DOUBLE: return real ? ROOM(ANY, 0) : ROOM(DOUBLE, 0);
	default: return ROOM(ANY, 0);
	}
}

/* A blank is a byte of its own there. */
static bool
has_narrow_blanks(struct lt_str charset)
{
	static const char *const wide[] = { "ucs2", "utf16", "utf16le", "utf32" };

	for (size_t i = 0; i < LT_COUNT(wide); i++) {
		if (lt_str_eqz(charset, wide[i]))
			return false;
	}
	return true;
}

struct schema_room
schema_room_of(const struct change_column *from, const struct schema_column *to)
{
	struct schema_type type = schema_type_of(to);

	switch (from->kind) {
	case CHANGE_DATE:
	case CHANGE_TIME:
	case CHANGE_DATETIME:
	case CHANGE_TIMESTAMP: return room_of_time(from, &type);
	case CHANGE_INT:
	case CHANGE_UINT:
	case CHANGE_DECIMAL:
	case CHANGE_FLOAT:
	case CHANGE_DOUBLE: return room_of_number(from, &type);
	case CHANGE_TEXT:
		return type.class_ == SCHEMA_CLASS_TEXT && type.fixed && has_narrow_blanks(from->charset)
			   ? ROOM(CHAR, 0)
			   : ROOM(ANY, 0);
	case CHANGE_BYTES:
		return type.class_ == SCHEMA_CLASS_BYTES && type.fixed ? ROOM(BINARY, type.args[0]) : ROOM(ANY, 0);
	default: return ROOM(ANY, 0);
	}
}
