#include "binlog/table_meta.h"

#include "binlog/charset.h"
#include "binlog/column.h"

#define UNKNOWN_TYPE 243 /* MYSQL_TYPE_INVALID */

/* MySQL sql/field.cc, Field_typed_array::do_save_field_metadata: the element's type, then what that needs. Values are
 * JSON behind four bytes of length. */
static uint16_t
typed_array_meta(struct lt_cur *in)
{
	switch (lt_cur_u8(in)) {
	case BINLOG_COL_VARCHAR: lt_cur_take(in, 3); break;
	case BINLOG_COL_NEWDECIMAL: lt_cur_take(in, 2); break;
	case BINLOG_COL_TIME2:
	case BINLOG_COL_DATETIME2:
	case BINLOG_COL_TIMESTAMP2: lt_cur_take(in, 1); break;
	default: break;
	}
	return 4;
}

/* The first byte is the real type, but a CHAR longer than 255 bytes has the upper bits of its length, inverted, in it.
 */
static void
string_meta(struct lt_cur *in, struct change_column *c)
{
	unsigned type = lt_cur_u8(in), low = lt_cur_u8(in);
	unsigned high = ((type & 0x30) ^ 0x30) << 4;

	c->wire_type = (uint8_t)(type | 0x30);
	c->wire_meta = (uint16_t)(high | low);
}

/* False: a type that is not known. */
static bool
one_meta(struct lt_cur *in, struct change_column *c)
{
	switch (c->wire_type) {
	case BINLOG_COL_STRING:
	case BINLOG_COL_ENUM:
	case BINLOG_COL_SET: string_meta(in, c); return true;
	case BINLOG_COL_NEWDECIMAL:
		c->wire_meta = (uint16_t)(lt_cur_u8(in) << 8);
		c->wire_meta |= lt_cur_u8(in);
		return true;
	case BINLOG_COL_VARCHAR:
	case BINLOG_COL_VAR_STRING:
	case BINLOG_COL_VARCHAR_COMPRESSED:
	case BINLOG_COL_BIT: c->wire_meta = lt_cur_u16(in); return true;
	case BINLOG_COL_FLOAT:
	case BINLOG_COL_DOUBLE:
	case BINLOG_COL_TINY_BLOB:
	case BINLOG_COL_MEDIUM_BLOB:
	case BINLOG_COL_LONG_BLOB:
	case BINLOG_COL_BLOB:
	case BINLOG_COL_BLOB_COMPRESSED:
	case BINLOG_COL_JSON:
	case BINLOG_COL_GEOMETRY:
	case BINLOG_COL_VECTOR:
	case BINLOG_COL_TIME2:
	case BINLOG_COL_DATETIME2:
	case BINLOG_COL_TIMESTAMP2: c->wire_meta = lt_cur_u8(in); return true;
	case BINLOG_COL_TYPED_ARRAY: c->wire_meta = typed_array_meta(in); return true;
	default: return c->wire_type <= BINLOG_COL_VARCHAR;
	}
}

bool
binlog_table_meta_types(struct lt_cur meta, struct change_column *columns, size_t n, struct lt_err *err)
{
	size_t unknown = n;

	for (size_t i = 0; i < n; i++) {
		if (!one_meta(&meta, &columns[i]) && unknown == n)
			unknown = i;
	}
	if (lt_cur_ok(&meta) && lt_cur_left(&meta) == 0)
		return true;
	if (unknown == n)
		return lt_fail(err, LT_E_CORRUPT, "table map: the columns' metadata does not fit their types");
	for (size_t i = unknown; i < n; i++) {
		columns[i].wire_type = UNKNOWN_TYPE;
		columns[i].wire_meta = 0;
	}
	return true;
}

enum {
	FIELD_SIGNEDNESS = 1,
	FIELD_DEFAULT_CHARSET = 2,
	FIELD_COLUMN_CHARSET = 3,
	FIELD_NAME = 4,
	FIELD_SET_MEMBERS = 5,
	FIELD_ENUM_MEMBERS = 6,
	FIELD_KEY = 8,
	FIELD_KEY_WITH_PREFIXES = 9,
	FIELD_DEFAULT_CHARSET_OF_MEMBERS = 10,
	FIELD_COLUMN_CHARSET_OF_MEMBERS = 11,
	FIELD_VISIBILITY = 12,
};

struct meta {
	struct change_table *table;
	struct change_column *columns;
	bool mariadb;
};

static bool
is_members(uint8_t type)
{
	return type == BINLOG_COL_ENUM || type == BINLOG_COL_SET;
}

/* Which columns the character set fields count differs: MySQL leaves GEOMETRY out and takes VECTOR in, MariaDB the
 * other way. */
static bool
has_charset(const struct meta *m, const struct change_column *c, bool members)
{
	if (members)
		return is_members(c->wire_type);
	switch (c->wire_type) {
	case BINLOG_COL_STRING:
	case BINLOG_COL_VAR_STRING:
	case BINLOG_COL_VARCHAR:
	case BINLOG_COL_VARCHAR_COMPRESSED:
	case BINLOG_COL_TINY_BLOB:
	case BINLOG_COL_MEDIUM_BLOB:
	case BINLOG_COL_LONG_BLOB:
	case BINLOG_COL_BLOB:
	case BINLOG_COL_BLOB_COMPRESSED: return true;
	case BINLOG_COL_GEOMETRY: return m->mariadb;
	case BINLOG_COL_VECTOR: return !m->mariadb;
	default: return false;
	}
}

static bool
cut(struct lt_err *err, const char *what)
{
	return lt_fail(err, LT_E_CORRUPT, "table map: its %s are cut off", what);
}

static bool
signedness(const struct meta *m, struct lt_cur *in, struct lt_err *err)
{
	size_t k = 0;
	uint8_t bits = 0;

	for (size_t i = 0; i < m->table->ncolumns; i++) {
		if (!binlog_column_is_number(m->columns[i].wire_type))
			continue;
		if (k % 8 == 0)
			bits = lt_cur_u8(in);
		m->columns[i].is_unsigned = (bits >> (7 - k % 8) & 1) != 0;
		k++;
	}
	m->table->signs_told = true;
	return lt_cur_ok(in) || cut(err, "signs");
}

static uint16_t
take_collation(struct lt_cur *in)
{
	uint64_t id = lt_cur_lenenc(in);

	return id <= UINT16_MAX ? (uint16_t)id : 0;
}

/* One collation for all, then pairs of (number among the columns that have one, collation). */
static bool
default_charset(const struct meta *m, struct lt_cur *in, bool members, struct lt_err *err)
{
	uint16_t common = take_collation(in);
	uint64_t next = 0;
	size_t k = 0;
	bool more = lt_cur_left(in) > 0;

	if (more)
		next = lt_cur_lenenc(in);
	for (size_t i = 0; i < m->table->ncolumns; i++) {
		if (!has_charset(m, &m->columns[i], members))
			continue;
		m->columns[i].collation = common;
		if (more && k == next) {
			m->columns[i].collation = take_collation(in);
			more = lt_cur_left(in) > 0;
			if (more)
				next = lt_cur_lenenc(in);
		}
		k++;
	}
	return lt_cur_ok(in) ? !more || cut(err, "exceptional collations name columns that are not there, or")
			     : cut(err, "collations");
}

static bool
column_charset(const struct meta *m, struct lt_cur *in, bool members, struct lt_err *err)
{
	for (size_t i = 0; i < m->table->ncolumns; i++) {
		if (has_charset(m, &m->columns[i], members))
			m->columns[i].collation = take_collation(in);
	}
	return lt_cur_ok(in) || cut(err, "collations");
}

static bool
names(const struct meta *m, struct lt_cur *in, struct lt_err *err)
{
	bool all = m->table->ncolumns > 0;

	for (size_t i = 0; i < m->table->ncolumns; i++) {
		struct lt_str name = lt_cur_lenstr(in);

		if (!lt_cur_ok(in))
			return cut(err, "names");
		m->columns[i].name = lt_arena_str(m->table->arena, name);
		all = all && name.len > 0;
	}
	m->table->named = all;
	m->table->key_told = all; /* with the names comes the key, where there is one */
	return true;
}

static bool
members_of(const struct meta *m, struct change_column *c, struct lt_cur *in)
{
	uint64_t n = lt_cur_lenenc(in);
	struct lt_str *list;

	if (!lt_cur_ok(in) || n > lt_cur_left(in)) /* each has a byte of length at least */
		return false;
	list = lt_arena_alloc(m->table->arena, (size_t)n * sizeof(*list));
	for (size_t i = 0; i < n; i++) {
		struct lt_str name = lt_cur_lenstr(in);

		if (!lt_cur_ok(in))
			return false;
		list[i] = lt_arena_str(m->table->arena, name);
	}
	c->nmembers = (size_t)n;
	c->members = list;
	return true;
}

static bool
members(const struct meta *m, struct lt_cur *in, uint8_t type, struct lt_err *err)
{
	for (size_t i = 0; i < m->table->ncolumns; i++) {
		if (m->columns[i].wire_type == type && !members_of(m, &m->columns[i], in))
			return cut(err, "members");
	}
	return true;
}

/* Both engines count a prefix in characters, and give 0 for a whole column. */
static bool
key(const struct meta *m, struct lt_cur *in, bool prefixes, struct lt_err *err)
{
	size_t max = lt_cur_left(in); /* each part takes a byte at least */
	struct change_key_part *parts = lt_arena_zalloc(m->table->arena, (max + 1) * sizeof(*parts));
	size_t n = 0;

	while (lt_cur_left(in) > 0) {
		uint64_t column = lt_cur_lenenc(in), prefix = prefixes ? lt_cur_lenenc(in) : 0;

		if (!lt_cur_ok(in))
			return cut(err, "key");
		if (column >= m->table->ncolumns || prefix > UINT32_MAX)
			return lt_fail(err, LT_E_CORRUPT, "table map: its key names a column that is not there");
		parts[n].column = (size_t)column;
		parts[n++].prefix = (uint32_t)prefix;
	}
	m->table->key = parts;
	m->table->nkey = n;
	m->table->key_told = true;
	return true;
}

static bool
visibility(const struct meta *m, struct lt_cur *in, struct lt_err *err)
{
	uint8_t bits = 0;

	for (size_t i = 0; i < m->table->ncolumns; i++) {
		if (i % 8 == 0)
			bits = lt_cur_u8(in);
		m->columns[i].invisible = (bits >> (7 - i % 8) & 1) == 0;
	}
	m->table->visibility_told = true;
	return lt_cur_ok(in) || cut(err, "columns' visibility");
}

static bool
one_field(const struct meta *m, uint8_t field, struct lt_cur *in, struct lt_err *err)
{
	switch (field) {
	case FIELD_SIGNEDNESS: return signedness(m, in, err);
	case FIELD_DEFAULT_CHARSET:
	case FIELD_DEFAULT_CHARSET_OF_MEMBERS:
		return default_charset(m, in, field == FIELD_DEFAULT_CHARSET_OF_MEMBERS, err);
	case FIELD_COLUMN_CHARSET:
	case FIELD_COLUMN_CHARSET_OF_MEMBERS:
		return column_charset(m, in, field == FIELD_COLUMN_CHARSET_OF_MEMBERS, err);
	case FIELD_NAME: return names(m, in, err);
	case FIELD_SET_MEMBERS: return members(m, in, BINLOG_COL_SET, err);
	case FIELD_ENUM_MEMBERS: return members(m, in, BINLOG_COL_ENUM, err);
	case FIELD_KEY:
	case FIELD_KEY_WITH_PREFIXES: return key(m, in, field == FIELD_KEY_WITH_PREFIXES, err);
	case FIELD_VISIBILITY: return visibility(m, in, err);
	default: return true; /* geometry types, dimensions: the schema tells them; and what is newer than we are */
	}
}

void
binlog_table_meta_members(struct change_table *table, struct change_column *columns)
{
	struct lt_buf utf8 = { 0 };

	for (size_t i = 0; i < table->ncolumns; i++) {
		struct change_column *c = &columns[i];
		struct lt_str *list;
		bool ok = true;

		if (c->nmembers == 0)
			continue;
		list = lt_arena_alloc(table->arena, c->nmembers * sizeof(*list));
		for (size_t k = 0; ok && k < c->nmembers; k++) {
			lt_buf_clear(&utf8);
			ok = binlog_charset_utf8(c->collation, c->members[k], &utf8);
			list[k] = lt_arena_str(table->arena, lt_buf_str(&utf8));
		}
		if (!ok)
			continue;
		c->members = list;
		c->members_utf8 = true;
	}
	lt_buf_free(&utf8);
}

bool
binlog_table_meta_optional(
    struct lt_cur in, bool mariadb, struct change_table *table, struct change_column *columns, struct lt_err *err)
{
	struct meta m = { table, columns, mariadb };

	while (lt_cur_left(&in) > 0) {
		uint8_t field = lt_cur_u8(&in);
		struct lt_cur value = lt_cur_str(lt_cur_lenstr(&in));

		if (!lt_cur_ok(&in))
			return lt_fail(err, LT_E_TRUNCATED, "table map: it ends in its optional field %u", field);
		if (!one_field(&m, field, &value, err))
			return false;
	}
	return true;
}
