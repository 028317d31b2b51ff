#include "pipeline/room_priv.h"

#include <stdio.h>

/* Digits that a FLOAT and a DOUBLE always give back; integers that they hold each. */
enum { FLOAT_DIGITS = 6, DOUBLE_DIGITS = 15 };
#define FLOAT_INTEGERS ((uint64_t)1 << 24)
#define DOUBLE_INTEGERS ((uint64_t)1 << 53)

static bool
is_temporal(enum change_kind kind)
{
	return kind == CHANGE_DATE || kind == CHANGE_TIME || kind == CHANGE_DATETIME || kind == CHANGE_TIMESTAMP;
}

static bool
has_seconds(const struct change_time *t, uint32_t digits)
{
	uint32_t unit = 1;

	for (uint32_t i = digits; i < 6; i++)
		unit *= 10;
	return t->micro % unit == 0;
}

static bool
has_fraction(struct lt_str decimal, uint32_t digits)
{
	const char *point = memchr(decimal.ptr, '.', decimal.len);

	for (const char *c = point; c != NULL && c < decimal.ptr + decimal.len; c++) {
		if (c > point + digits && *c != '0')
			return false;
	}
	return true;
}

static bool
has_places(double d, uint32_t digits)
{
	char text[400]; /* DBL_MAX has 309 digits in front of the point */

	snprintf(text, sizeof(text), "%.*f", (int)digits, d);
	return strtod(text, NULL) == d;
}

/* From the first digit that is no zero to the last one. */
static size_t
significant(struct lt_str decimal)
{
	size_t n = 0, zeros = 0;

	for (size_t i = 0; i < decimal.len; i++) {
		char c = decimal.ptr[i];

		if (c < '0' || c > '9' || (n == 0 && c == '0'))
			continue;
		n++;
		zeros = c == '0' ? zeros + 1 : 0;
	}
	return n - zeros;
}

static bool
keeps_digits(const struct change_value *v, uint32_t digits)
{
	if (is_temporal(v->kind))
		return has_seconds(&v->time, digits);
	switch (v->kind) {
	case CHANGE_DECIMAL: return has_fraction(v->bytes, digits);
	case CHANGE_FLOAT: return has_places((double)v->f32, digits);
	case CHANGE_DOUBLE: return has_places(v->f64, digits);
	default: return true;
	}
}

static bool
keeps_number(const struct change_value *v, uint64_t integers, size_t digits)
{
	switch (v->kind) {
	case CHANGE_INT: return v->i64 >= -(int64_t)integers && v->i64 <= (int64_t)integers;
	case CHANGE_UINT: return v->u64 <= integers;
	case CHANGE_DECIMAL: return significant(v->bytes) <= digits;
	case CHANGE_DOUBLE: return (double)(float)v->f64 == v->f64;
	default: return true;
	}
}

static bool
keeps(const struct schema_room *room, const struct change_value *v)
{
	switch (room->kind) {
	case SCHEMA_ROOM_ANY: return true;
	case SCHEMA_ROOM_NONE: return false;
	case SCHEMA_ROOM_DIGITS: return keeps_digits(v, room->count);
	case SCHEMA_ROOM_DATE:
		return v->time.hour == 0 && v->time.minute == 0 && v->time.second == 0 && v->time.micro == 0;
	case SCHEMA_ROOM_FLOAT: return keeps_number(v, FLOAT_INTEGERS, FLOAT_DIGITS);
	case SCHEMA_ROOM_DOUBLE: return keeps_number(v, DOUBLE_INTEGERS, DOUBLE_DIGITS);
	case SCHEMA_ROOM_CHAR: return v->bytes.len == 0 || v->bytes.ptr[v->bytes.len - 1] != ' ';
	case SCHEMA_ROOM_BINARY: return v->bytes.len == room->count;
	}
	return true;
}

bool
pipeline_room_keeps(const struct pipeline_column *c, const struct change_value *v, struct lt_err *err)
{
	if (v->kind == CHANGE_NULL || keeps(&c->room, v))
		return true;
	return lt_fail(err, LT_E_VALUE_REFUSED, "column %.*s: the target's %.*s would keep only a part of the value",
	    LT_FMT(c->target->name), LT_FMT(c->target->type));
}
