#include <stdarg.h>
#include <stdio.h>

#include "change/collation.h"
#include "schema/history.h"
#include "schema/type_priv.h"

/* The column type numbers of MySQL's and MariaDB's logs, which every kind of source gives its columns (MySQL
 * include/field_types.h; MariaDB adds 140 and 141). */
enum wire {
	WIRE_TIMESTAMP = 7, /* 7, 11, 12: the old forms, whose fraction digits no log tells */
	WIRE_LONGLONG = 8,
	WIRE_TIME = 11,
	WIRE_DATETIME = 12,
	WIRE_TIMESTAMP2 = 17,
	WIRE_BLOB_COMPRESSED = 140,
	WIRE_VARCHAR_COMPRESSED = 141,
};

#define BINARY_COLLATION 63

/** What one table's completion needs; lives on the stack. */
struct completion {
	const struct schema_table *known;
	struct change_table *draft;
	struct lt_arena *arena; /* the draft's */
};

/* -- which types of the log a declared type may have ---------------------------------------------- */

struct wires {
	enum schema_class class_;
	unsigned width; /* of an INT; else 0 */
	bool fixed, blob;
	uint8_t types[5]; /* ended by 0 */
};

static const struct wires wires[] = {
	{ SCHEMA_CLASS_INT, 1, false, false, { 1 } },
	{ SCHEMA_CLASS_INT, 2, false, false, { 2 } },
	{ SCHEMA_CLASS_INT, 3, false, false, { 9 } },
	{ SCHEMA_CLASS_INT, 4, false, false, { 3 } },
	{ SCHEMA_CLASS_INT, 8, false, false, { 8 } },
	{ SCHEMA_CLASS_DECIMAL, 0, false, false, { 246 } },
	{ SCHEMA_CLASS_FLOAT, 0, false, false, { 4 } },
	{ SCHEMA_CLASS_DOUBLE, 0, false, false, { 5 } },
	{ SCHEMA_CLASS_DATE, 0, false, false, { 10, 14 } },
	{ SCHEMA_CLASS_TIME, 0, false, false, { 19, WIRE_TIME } },
	{ SCHEMA_CLASS_DATETIME, 0, false, false, { 18, WIRE_DATETIME } },
	{ SCHEMA_CLASS_TIMESTAMP, 0, false, false, { 17, WIRE_TIMESTAMP } },
	{ SCHEMA_CLASS_YEAR, 0, false, false, { 13 } },
	{ SCHEMA_CLASS_BIT, 0, false, false, { 16 } },
	{ SCHEMA_CLASS_ENUM, 0, false, false, { 247 } },
	{ SCHEMA_CLASS_SET, 0, false, false, { 248 } },
	{ SCHEMA_CLASS_TEXT, 0, true, false, { 254 } },
	{ SCHEMA_CLASS_TEXT, 0, false, false, { 15, 253, WIRE_VARCHAR_COMPRESSED } },
	{ SCHEMA_CLASS_TEXT, 0, false, true, { 252, WIRE_BLOB_COMPRESSED, 249, 250, 251 } },
	{ SCHEMA_CLASS_BYTES, 0, true, false, { 254 } },
	{ SCHEMA_CLASS_BYTES, 0, false, false, { 15, 253, WIRE_VARCHAR_COMPRESSED } },
	{ SCHEMA_CLASS_BYTES, 0, false, true, { 252, WIRE_BLOB_COMPRESSED, 249, 250, 251 } },
	{ SCHEMA_CLASS_JSON, 0, false, true, { 245 } },
	{ SCHEMA_CLASS_GEOMETRY, 0, false, true, { 255 } },
	{ SCHEMA_CLASS_VECTOR, 0, false, false, { 242, 15 } },
	{ SCHEMA_CLASS_FIXED, 0, true, false, { 254 } },
};

static bool
is_logged_as(const struct schema_type *t, uint8_t wire)
{
	for (size_t i = 0; i < LT_COUNT(wires); i++) {
		const struct wires *w = &wires[i];

		if (w->class_ != t->class_ || (w->width != 0 && w->width != t->width) || w->fixed != t->fixed ||
		    w->blob != t->blob)
			continue;
		for (size_t j = 0; j < LT_COUNT(w->types) && w->types[j] != 0; j++)
			if (w->types[j] == wire)
				return true;
	}
	return false;
}

/* -- what differs --------------------------------------------------------------------------------- */

static bool differs(struct lt_err *err, const struct schema_column *k, const char *fmt, ...) LT_PRINTF(3, 4);

/** LT_E_SCHEMA_MISMATCH with both sides; false. */
static bool
differs(struct lt_err *err, const struct schema_column *k, const char *fmt, ...)
{
	char log[160];
	va_list args;

	va_start(args, fmt);
	vsnprintf(log, sizeof(log), fmt, args);
	va_end(args);
	return lt_fail(err, LT_E_SCHEMA_MISMATCH,
	    "column %.*s: the log has %s, the schema that was read has %.*s%s%.*s", LT_FMT(k->name), log,
	    LT_FMT(k->type), k->charset.len != 0 ? " in " : "", LT_FMT(k->charset));
}

static bool
check_length(
    const struct schema_column *k, const struct schema_type *t, const struct change_column *d, struct lt_err *err)
{
	unsigned width = t->class_ == SCHEMA_CLASS_TEXT ? change_charset_width(k->charset) : 1;

	if (d->wire_type == WIRE_BLOB_COMPRESSED || d->wire_type == WIRE_VARCHAR_COMPRESSED)
		return true;
	if (t->blob) {
		if (d->wire_meta != t->width)
			return differs(err, k, "a length of %u bytes before the value", d->wire_meta);
		return true;
	}
	if (t->class_ == SCHEMA_CLASS_VECTOR)
		width = d->wire_type == 15 ? 4 : 0;
	if (width != 0 && d->length != t->capacity * width)
		return differs(err, k, "at most %u bytes", d->length);
	return true;
}

static bool
check_numbers(
    const struct schema_column *k, const struct schema_type *t, const struct change_column *d, struct lt_err *err)
{
	switch (t->class_) {
	case SCHEMA_CLASS_DECIMAL:
		if (d->precision != t->args[0] || d->scale != t->args[1])
			return differs(err, k, "decimal(%u,%u)", d->precision, d->scale);
		return true;
	case SCHEMA_CLASS_TIME:
	case SCHEMA_CLASS_DATETIME:
	case SCHEMA_CLASS_TIMESTAMP:
		if (d->wire_type > WIRE_DATETIME && d->scale != t->args[0])
			return differs(err, k, "%u fraction digits", d->scale);
		return true;
	case SCHEMA_CLASS_BIT:
		if (d->length != t->args[0])
			return differs(err, k, "bit(%u)", d->length);
		return true;
	case SCHEMA_CLASS_TEXT:
	case SCHEMA_CLASS_BYTES:
	case SCHEMA_CLASS_FIXED:
	case SCHEMA_CLASS_VECTOR: return check_length(k, t, d, err);
	default: return true;
	}
}

static bool
check_collation(
    const struct schema_column *k, const struct schema_type *t, const struct change_column *d, struct lt_err *err)
{
	const char *charset = d->collation == 0 ? NULL : change_collation_charset(d->collation);
	bool bytes = t->class_ == SCHEMA_CLASS_BYTES || t->class_ == SCHEMA_CLASS_FIXED;
	bool text = t->class_ == SCHEMA_CLASS_TEXT || t->class_ == SCHEMA_CLASS_ENUM || t->class_ == SCHEMA_CLASS_SET;

	if (charset == NULL)
		return true;
	if (bytes && d->collation != BINARY_COLLATION)
		return differs(err, k, "text in %s", charset);
	if (text && !lt_str_eqz(schema_charset_name(k->charset), charset))
		return differs(err, k, "collation %u of character set %s", d->collation, charset);
	return true;
}

static bool
is_ascii(struct lt_str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] >= 0x80)
			return false;
	return true;
}

/** Names that no known character set explains are compared as far as they are ASCII. */
static bool
check_members(const struct schema_column *k, const struct change_column *d, struct lt_err *err)
{
	if (d->nmembers == 0)
		return true;
	if (d->nmembers != k->nmembers)
		return differs(err, k, "%zu members", d->nmembers);
	for (size_t i = 0; i < d->nmembers; i++)
		if ((d->members_utf8 || is_ascii(d->members[i])) && !lt_str_eq(d->members[i], k->members[i]))
			return differs(err, k, "'%.*s' as member %zu", LT_FMT(d->members[i]), i + 1);
	return true;
}

static bool
is_number(const struct schema_type *t)
{
	return t->class_ == SCHEMA_CLASS_INT || t->class_ == SCHEMA_CLASS_DECIMAL || t->class_ == SCHEMA_CLASS_FLOAT ||
	       t->class_ == SCHEMA_CLASS_DOUBLE;
}

static bool
check(const struct completion *c, const struct schema_column *k, const struct change_column *d, struct lt_err *err)
{
	struct schema_type t = schema_type_of(k);

	if (d->name.len != 0 && !lt_str_ieq(d->name, k->name))
		return differs(err, k, "column %.*s in its place", LT_FMT(d->name));
	if (t.class_ == SCHEMA_CLASS_OTHER)
		return true; /* a type newer than we are: only its own values will fail */
	if (!is_logged_as(&t, d->wire_type))
		return differs(err, k, "type %u", d->wire_type);
	if (c->draft->signs_told && is_number(&t) && d->is_unsigned != k->is_unsigned)
		return differs(err, k, d->is_unsigned ? "an unsigned number" : "a signed number");
	if (c->draft->visibility_told && d->invisible != k->invisible)
		return differs(err, k, d->invisible ? "an invisible column" : "a visible column");
	return check_numbers(k, &t, d, err) && check_collation(k, &t, d, err) && check_members(k, d, err);
}

/* -- the primary key ------------------------------------------------------------------------------ */

static void
add_part(struct lt_buf *out, struct lt_str name, uint32_t prefix)
{
	lt_buf_printf(out, "%s%.*s", out->len > 0 ? ", " : "", LT_FMT(name));
	if (prefix > 0)
		lt_buf_printf(out, "(%u)", prefix);
}

/** Only these can have prefixes in a key. */
static bool
has_prefixes(const struct change_column *d)
{
	return d->kind == CHANGE_TEXT || d->kind == CHANGE_BYTES;
}

static bool
is_primary(const struct schema_key *key)
{
	return lt_str_eqz(key->name, "PRIMARY");
}

static void
show_key(const struct schema_table *known, const struct schema_key *key, struct lt_buf *out)
{
	lt_buf_clear(out);
	for (size_t i = 0; i < key->nparts; i++)
		if (key->parts[i].column != SIZE_MAX)
			add_part(out, known->columns[key->parts[i].column].name, key->parts[i].prefix);
}

/** Without a PRIMARY KEY one of the unique ones without NULL is it to a server; which one is left to it. */
static bool
is_known_key(const struct schema_table *known, struct lt_str key, struct lt_buf *shown)
{
	bool primary = known->nkeys > 0 && is_primary(&known->keys[0]);

	for (size_t i = 0; i < known->nkeys; i++) {
		if (!(primary ? i == 0 : known->keys[i].unique && known->keys[i].not_null))
			continue;
		show_key(known, &known->keys[i], shown);
		if (lt_str_ieq(lt_buf_str(shown), key))
			return true;
	}
	return !primary && key.len == 0;
}

/** With what rows are told apart the log's table may be another one though its columns are the same. To the keys of a
 * system versioned table a server adds the end of the row. */
static bool
check_key(const struct completion *c, const struct change_column *columns, struct lt_err *err)
{
	struct lt_buf log = { 0 }, known = { 0 };
	bool ok;

	if (!c->draft->key_told || c->known->temporal)
		return true;
	for (size_t i = 0; i < c->draft->nkey; i++) {
		const struct change_key_part *part = &c->draft->key[i];

		add_part(&log, columns[part->column].name, has_prefixes(&columns[part->column]) ? part->prefix : 0);
	}
	ok = is_known_key(c->known, lt_buf_str(&log), &known) ||
	     lt_fail(err, LT_E_SCHEMA_MISMATCH, "the log has primary key (%.*s), the schema that was read has (%.*s)",
		 LT_FMT(lt_buf_str(&log)), LT_FMT(lt_buf_str(&known)));
	lt_buf_free(&log);
	lt_buf_free(&known);
	return ok;
}

/* -- filling in ----------------------------------------------------------------------------------- */

static void
fill_members(struct lt_arena *arena, const struct schema_column *k, struct change_column *d)
{
	struct lt_str *members = (struct lt_str *)lt_arena_zalloc(arena, (k->nmembers + 1) * sizeof(*members));

	for (size_t i = 0; i < k->nmembers; i++)
		members[i] = lt_arena_str(arena, k->members[i]);
	d->members = members;
	d->nmembers = k->nmembers;
}

/** What the log leaves open: checked before. */
static void
fill(const struct completion *c, const struct schema_column *k, struct change_column *d)
{
	struct schema_type t = schema_type_of(k);

	d->name = lt_arena_str(c->arena, k->name);
	if (is_number(&t))
		d->is_unsigned = k->is_unsigned;
	switch (t.class_) {
	case SCHEMA_CLASS_INT: d->kind = k->is_unsigned ? CHANGE_UINT : CHANGE_INT; break;
	case SCHEMA_CLASS_TIME:
	case SCHEMA_CLASS_DATETIME:
	case SCHEMA_CLASS_TIMESTAMP: d->scale = (uint8_t)t.args[0]; break;
	case SCHEMA_CLASS_ENUM:
	case SCHEMA_CLASS_SET: fill_members(c->arena, k, d); break;
	case SCHEMA_CLASS_TEXT:
		d->kind = CHANGE_TEXT;
		d->charset = lt_arena_str(c->arena, schema_charset_name(k->charset));
		break;
	case SCHEMA_CLASS_BYTES:
	case SCHEMA_CLASS_FIXED:
		d->kind = CHANGE_BYTES;
		d->collation = BINARY_COLLATION;
		break;
	case SCHEMA_CLASS_VECTOR: /* MariaDB's is a VARBINARY in the log */ d->kind = CHANGE_VECTOR; break;
	default: break;
	}
}

/** Columns of the log that no catalog shows, behind the declared ones. */
struct hidden {
	size_t ends;        /* of an implicit system versioning period: 2 or 0 */
	size_t hashes;      /* MariaDB: one for each unique key that is too long for an index */
	size_t expressions; /* MySQL before 8.0.27 logs those of its indexes on expressions, later ones do not */
};

static struct hidden
hidden_of(const struct schema_table *known)
{
	struct hidden h = { .ends = known->temporal ? 2 : 0 };

	for (size_t i = 0; i < known->ncolumns; i++)
		if (known->columns[i].generated == SCHEMA_ROW_END)
			h.ends = 0; /* an explicit period is declared */
	for (size_t i = 0; i < known->nkeys; i++) {
		h.hashes += known->keys[i].hash;
		for (size_t j = 0; j < known->keys[i].nparts; j++)
			h.expressions += known->keys[i].parts[j].column == SIZE_MAX;
	}
	return h;
}

/** Without names in the log nothing but number and types tells a hidden column from one that the table has lost. */
static bool
fits(const struct completion *c, const struct hidden *h)
{
	size_t n = c->draft->ncolumns, declared = c->known->ncolumns, more = h->ends + h->hashes;
	size_t ends = 0, hashes = 0;

	if (c->draft->named)
		return n <= declared + more + h->expressions;
	if (n != declared + more)
		return n == declared + more + h->expressions && more == 0;
	for (size_t i = declared; i < n; i++) {
		hashes += c->draft->columns[i].wire_type == WIRE_LONGLONG;
		ends += c->draft->columns[i].wire_type == WIRE_TIMESTAMP2 && c->draft->columns[i].scale == 6;
	}
	return ends == h->ends && hashes == h->hashes;
}

/** Columns that no catalog shows: MariaDB's hashes of long unique keys, and the ends of an implicit system versioning
 * period. */
static bool
is_hidden(const struct completion *c, const struct change_column *d, const struct schema_column *k)
{
	bool system = lt_str_starts(d->name, LT_STR("DB_ROW_HASH_")) ||
		      (c->known->temporal &&
			  (lt_str_ieq(d->name, LT_STR("row_start")) || lt_str_ieq(d->name, LT_STR("row_end"))));

	if (d->name.len == 0)
		return k == NULL;
	return system && (k == NULL || !lt_str_ieq(k->name, d->name));
}

/** Of the two ends of an implicit period the later one comes last; where the log has no names, hashes are no
 * timestamps. */
static bool
is_row_end(const struct completion *c, const struct change_column *d)
{
	return c->known->temporal &&
	       (d->name.len != 0 ? lt_str_ieq(d->name, LT_STR("row_end")) : d->kind == CHANGE_TIMESTAMP);
}

/** By name, the log may lack columns: those of a later statement, where the schema was read behind both. */
static size_t
skip_later(const struct completion *c, const struct change_column *d, size_t next)
{
	for (size_t i = next; c->draft->named && d->name.len != 0 && i < c->known->ncolumns; i++)
		if (lt_str_ieq(c->known->columns[i].name, d->name))
			return i;
	return next;
}

static bool
all_columns(const struct completion *c, struct change_column *columns, struct lt_err *err)
{
	const struct schema_table *known = c->known;
	struct hidden hidden = hidden_of(known);
	size_t next = 0, met = 0;

	if (!fits(c, &hidden))
		return lt_fail(err, LT_E_SCHEMA_MISMATCH, "the log has %zu columns, the schema that was read has %zu",
		    c->draft->ncolumns, known->ncolumns);
	for (size_t i = 0; i < c->draft->ncolumns; i++) {
		const struct schema_column *k = next < known->ncolumns ? &known->columns[next] : NULL;

		if (is_hidden(c, &columns[i], k)) {
			columns[i].hidden = true;
			if (is_row_end(c, &columns[i]))
				c->draft->row_end = i + 1;
			continue;
		}
		next = skip_later(c, &columns[i], next);
		k = next < known->ncolumns ? &known->columns[next] : NULL;
		if (k == NULL)
			return lt_fail(err, LT_E_SCHEMA_MISMATCH,
			    "column %.*s of the log is not in the schema that was read", LT_FMT(columns[i].name));
		if (!check(c, k, &columns[i], err))
			return false;
		fill(c, k, &columns[i]);
		if (k->generated == SCHEMA_ROW_END)
			c->draft->row_end = i + 1;
		next++;
		met++;
	}
	if (next != known->ncolumns && !c->draft->named)
		return lt_fail(err, LT_E_SCHEMA_MISMATCH, "column %.*s of the schema that was read is not in the log",
		    LT_FMT(known->columns[next].name));
	/* Of a schema that was read behind a later statement the key may be a later one too. */
	return met < known->ncolumns || check_key(c, columns, err);
}

bool
schema_complete(const struct schema_table *known, struct change_table *draft, struct lt_err *err)
{
	struct completion c = { .known = known, .draft = draft, .arena = draft->arena };
	struct change_column *columns;

	if (err != NULL)
		lt_where_table(&err->where, draft->schema, draft->name);
	if (known == NULL)
		return lt_fail(
		    err, LT_E_SCHEMA_MISMATCH, "the log has a table that was not there when the schema was read");
	columns = (struct change_column *)lt_arena_zalloc(draft->arena, (draft->ncolumns + 1) * sizeof(*columns));
	if (draft->ncolumns != 0)
		memcpy(columns, draft->columns, draft->ncolumns * sizeof(*columns));
	if (!all_columns(&c, columns, err))
		return false;
	draft->columns = columns;
	draft->named = true;
	return true;
}
