#include "schema/type_priv.h"

static const struct base {
	const char *name;
	enum schema_class class_;
	unsigned width;
	bool fixed, blob;
} bases[] = {
	{ "tinyint", SCHEMA_CLASS_INT, 1, false, false },
	{ "smallint", SCHEMA_CLASS_INT, 2, false, false },
	{ "mediumint", SCHEMA_CLASS_INT, 3, false, false },
	{ "int", SCHEMA_CLASS_INT, 4, false, false },
	{ "bigint", SCHEMA_CLASS_INT, 8, false, false },
	{ "decimal", SCHEMA_CLASS_DECIMAL, 0, false, false },
	{ "float", SCHEMA_CLASS_FLOAT, 4, false, false },
	{ "double", SCHEMA_CLASS_DOUBLE, 8, false, false },
	{ "date", SCHEMA_CLASS_DATE, 0, false, false },
	{ "time", SCHEMA_CLASS_TIME, 0, false, false },
	{ "datetime", SCHEMA_CLASS_DATETIME, 0, false, false },
	{ "timestamp", SCHEMA_CLASS_TIMESTAMP, 0, false, false },
	{ "year", SCHEMA_CLASS_YEAR, 0, false, false },
	{ "bit", SCHEMA_CLASS_BIT, 0, false, false },
	{ "enum", SCHEMA_CLASS_ENUM, 0, false, false },
	{ "set", SCHEMA_CLASS_SET, 0, false, false },
	{ "char", SCHEMA_CLASS_TEXT, 0, true, false },
	{ "varchar", SCHEMA_CLASS_TEXT, 0, false, false },
	{ "tinytext", SCHEMA_CLASS_TEXT, 1, false, true },
	{ "text", SCHEMA_CLASS_TEXT, 2, false, true },
	{ "mediumtext", SCHEMA_CLASS_TEXT, 3, false, true },
	{ "longtext", SCHEMA_CLASS_TEXT, 4, false, true },
	{ "binary", SCHEMA_CLASS_BYTES, 0, true, false },
	{ "varbinary", SCHEMA_CLASS_BYTES, 0, false, false },
	{ "tinyblob", SCHEMA_CLASS_BYTES, 1, false, true },
	{ "blob", SCHEMA_CLASS_BYTES, 2, false, true },
	{ "mediumblob", SCHEMA_CLASS_BYTES, 3, false, true },
	{ "longblob", SCHEMA_CLASS_BYTES, 4, false, true },
	{ "json", SCHEMA_CLASS_JSON, 4, false, true },
	{ "vector", SCHEMA_CLASS_VECTOR, 0, false, false },
	{ "uuid", SCHEMA_CLASS_FIXED, 16, true, false },
	{ "inet6", SCHEMA_CLASS_FIXED, 16, true, false },
	{ "inet4", SCHEMA_CLASS_FIXED, 4, true, false },
	{ "geometry", SCHEMA_CLASS_GEOMETRY, 4, false, true },
	{ "point", SCHEMA_CLASS_GEOMETRY, 4, false, true },
	{ "linestring", SCHEMA_CLASS_GEOMETRY, 4, false, true },
	{ "polygon", SCHEMA_CLASS_GEOMETRY, 4, false, true },
	{ "multipoint", SCHEMA_CLASS_GEOMETRY, 4, false, true },
	{ "multilinestring", SCHEMA_CLASS_GEOMETRY, 4, false, true },
	{ "multipolygon", SCHEMA_CLASS_GEOMETRY, 4, false, true },
	{ "geometrycollection", SCHEMA_CLASS_GEOMETRY, 4, false, true },
	{ "geomcollection", SCHEMA_CLASS_GEOMETRY, 4, false, true },
};

/** Numbers of the first pair of brackets: "decimal(10,2)". Returns how many there were. */
static size_t
read_args(struct lt_str type, uint32_t args[2])
{
	const char *open = type.len == 0 ? NULL : (const char *)memchr(type.ptr, '(', type.len);
	const char *end;
	size_t n = 0;

	if (open == NULL)
		return 0;
	end = type.ptr + type.len;
	for (const char *p = open + 1; p < end && n < 2; p++) {
		uint64_t value = 0;

		if (*p < '0' || *p > '9')
			break;
		for (; p < end && *p >= '0' && *p <= '9'; p++)
			value = LT_MIN(value * 10 + (uint64_t)(*p - '0'), UINT32_MAX);
		args[n++] = (uint32_t)value;
		if (p == end || *p != ',')
			break;
	}
	return n;
}

struct schema_type
schema_type_of(const struct schema_column *c)
{
	struct schema_type t = { .class_ = SCHEMA_CLASS_OTHER };
	size_t nargs = read_args(c->type, t.args);

	for (size_t i = 0; i < LT_COUNT(bases); i++) {
		if (!lt_str_eqz(c->base_type, bases[i].name))
			continue;
		t.class_ = bases[i].class_;
		t.width = bases[i].width;
		t.fixed = bases[i].fixed;
		t.blob = bases[i].blob;
	}
	if (nargs == 0)
		t.args[0] = t.class_ == SCHEMA_CLASS_DECIMAL ? 10 : t.class_ == SCHEMA_CLASS_BIT ? 1 : t.fixed ? 1 : 0;
	if (t.class_ == SCHEMA_CLASS_FIXED)
		t.args[0] = t.width;
	t.capacity = t.blob ? ((uint64_t)1 << (8 * t.width)) - 1 : t.args[0];
	return t;
}

struct lt_str
schema_type_lower(struct lt_arena *arena, struct lt_str s)
{
	char *out = (char *)lt_arena_zalloc(arena, s.len + 1);

	for (size_t i = 0; i < s.len; i++)
		out[i] = (char)(s.ptr[i] >= 'A' && s.ptr[i] <= 'Z' ? s.ptr[i] + ('a' - 'A') : s.ptr[i]);
	return lt_str_of(out, s.len);
}

bool
schema_type_unsigned(struct lt_str type)
{
	static const char word[] = " unsigned";
	size_t len = sizeof(word) - 1;
	struct lt_str base = lt_str_of(type.ptr, LT_MIN(type.len, 5));

	/* "enum(' unsigned')" is none. */
	if (lt_str_ieq(base, LT_STR("enum(")) || lt_str_ieq(lt_str_of(type.ptr, LT_MIN(type.len, 4)), LT_STR("set(")))
		return false;
	for (size_t i = 0; i + len <= type.len; i++)
		if (lt_str_ieq(lt_str_of(type.ptr + i, len), LT_STR(" unsigned")))
			return true;
	return false;
}

/** One quoted member from `*at` on, unescaped into `out` (room for the rest of the type); false when there is none. */
static bool
read_member(struct lt_str type, size_t *at, char *out, size_t *len)
{
	size_t i = *at, n = 0;

	if (i >= type.len || type.ptr[i] != '\'')
		return false;
	for (i++; i < type.len; i++) {
		char c = type.ptr[i];

		if (c == '\'') {
			if (i + 1 >= type.len || type.ptr[i + 1] != '\'') {
				*at = i + 1;
				*len = n;
				return true;
			}
			i++;
		} else if (c == '\\' && i + 1 < type.len) {
			/* Both engines write \0 \n \r and \\ so. */
			c = type.ptr[++i];
			c = (char)(c == '0' ? 0 : c == 'n' ? '\n' : c == 'r' ? '\r' : c);
		}
		out[n++] = c;
	}
	return false;
}

const struct lt_str *
schema_type_members(struct lt_arena *arena, struct lt_str type, size_t *count)
{
	const char *open = type.len == 0 ? NULL : (const char *)memchr(type.ptr, '(', type.len);
	size_t at = open == NULL ? type.len : (size_t)(open - type.ptr) + 1;
	/* A member costs at least three bytes of text. */
	struct lt_str *members = (struct lt_str *)lt_arena_zalloc(arena, (type.len / 3 + 1) * sizeof(*members));
	char *text = (char *)lt_arena_alloc(arena, type.len + 1);
	size_t n = 0, len;

	while (read_member(type, &at, text, &len)) {
		members[n++] = lt_str_of(text, len);
		text += len;
		if (at >= type.len || type.ptr[at] != ',')
			break;
		at++;
	}
	*count = n;
	return members;
}

struct lt_str
schema_charset_name(struct lt_str name)
{
	return lt_str_eqz(name, "utf8") ? LT_STR("utf8mb3") : name;
}
