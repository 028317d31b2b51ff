#include "schema/describe.h"

#include "change/collation.h"
#include "schema/type_priv.h"

static enum change_kind
kind_of(const struct schema_type *t, bool is_unsigned)
{
	switch (t->class_) {
	case SCHEMA_CLASS_INT: return is_unsigned ? CHANGE_UINT : CHANGE_INT;
	case SCHEMA_CLASS_DECIMAL: return CHANGE_DECIMAL;
	case SCHEMA_CLASS_FLOAT: return CHANGE_FLOAT;
	case SCHEMA_CLASS_DOUBLE: return CHANGE_DOUBLE;
	case SCHEMA_CLASS_DATE: return CHANGE_DATE;
	case SCHEMA_CLASS_TIME: return CHANGE_TIME;
	case SCHEMA_CLASS_DATETIME: return CHANGE_DATETIME;
	case SCHEMA_CLASS_TIMESTAMP: return CHANGE_TIMESTAMP;
	case SCHEMA_CLASS_YEAR: return CHANGE_YEAR;
	case SCHEMA_CLASS_BIT: return CHANGE_BIT;
	case SCHEMA_CLASS_ENUM: return CHANGE_ENUM;
	case SCHEMA_CLASS_SET: return CHANGE_SET;
	case SCHEMA_CLASS_TEXT: return CHANGE_TEXT;
	case SCHEMA_CLASS_BYTES:
	case SCHEMA_CLASS_FIXED: return CHANGE_BYTES;
	case SCHEMA_CLASS_JSON: return CHANGE_JSON;
	case SCHEMA_CLASS_GEOMETRY: return CHANGE_GEOMETRY;
	case SCHEMA_CLASS_VECTOR: return CHANGE_VECTOR;
	case SCHEMA_CLASS_OTHER: break;
	}
	return CHANGE_ABSENT;
}

static void
copy_members(const struct schema_column *c, struct lt_arena *arena, struct change_column *out)
{
	struct lt_str *members = lt_arena_alloc(arena, (c->nmembers + 1) * sizeof(*members));

	for (size_t i = 0; i < c->nmembers; i++)
		members[i] = lt_arena_str(arena, c->members[i]);
	out->members = members;
	out->nmembers = c->nmembers;
	out->members_utf8 = true;
}

uint64_t
schema_blob_max(const struct schema_column *c)
{
	struct schema_type t = schema_type_of(c);

	return t.blob ? t.capacity : 0;
}

bool
schema_describe(const struct schema_column *c, struct lt_arena *arena, struct change_column *out)
{
	struct schema_type t = schema_type_of(c);
	enum change_kind kind = kind_of(&t, c->is_unsigned);

	if (kind == CHANGE_ABSENT)
		return false;
	*out = (struct change_column){ .name = lt_arena_str(arena, c->name),
		.kind = kind,
		.is_unsigned = c->is_unsigned,
		.nullable = c->nullable,
		.invisible = c->invisible };
	switch (kind) {
	case CHANGE_DECIMAL:
		out->precision = (uint8_t)t.args[0];
		out->scale = (uint8_t)t.args[1];
		break;
	case CHANGE_TIME:
	case CHANGE_DATETIME:
	case CHANGE_TIMESTAMP: out->scale = (uint8_t)t.args[0]; break;
	case CHANGE_ENUM:
	case CHANGE_SET: copy_members(c, arena, out); break;
	case CHANGE_BIT:
	case CHANGE_BYTES: out->length = t.blob ? 0 : t.args[0]; break;
	case CHANGE_TEXT:
		out->charset = lt_arena_str(arena, schema_charset_name(c->charset));
		out->length = t.blob ? 0 : t.args[0] * change_charset_width(out->charset);
		break;
	default: break;
	}
	return true;
}
