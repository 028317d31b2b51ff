#include "change/collation.h"
#include "schema/history.h"
#include "schema/type_priv.h"

/** One pair of columns. */
struct pair {
	const struct schema_column *from, *to;
	struct schema_type a, b; /* of from and to */
};

static bool
holds_int(const struct pair *p)
{
	if (p->from->is_unsigned == p->to->is_unsigned)
		return p->a.width <= p->b.width;
	return p->from->is_unsigned && p->a.width < p->b.width;
}

/** At most as many digits on both sides of the point, and a sign where one may come. */
static bool
holds_decimal(const struct pair *p)
{
	uint64_t whole_a = (uint64_t)p->a.args[0] - p->a.args[1], whole_b = (uint64_t)p->b.args[0] - p->b.args[1];

	return whole_a <= whole_b && p->a.args[1] <= p->b.args[1] && (p->from->is_unsigned || !p->to->is_unsigned);
}

/** The target may have more members, behind those of the source: numbers and names then mean the same. */
static bool
holds_members(const struct pair *p)
{
	if (p->from->nmembers > p->to->nmembers)
		return false;
	for (size_t i = 0; i < p->from->nmembers; i++)
		if (!lt_str_eq(p->from->members[i], p->to->members[i]))
			return false;
	return true;
}

/** Lengths are in characters for CHAR and VARCHAR, in bytes for TEXT: compare in the unit of the target. */
static bool
holds_text(const struct pair *p)
{
	unsigned width = change_charset_width(p->from->charset);
	uint64_t need = p->a.capacity;

	if (p->b.blob && !p->a.blob)
		need *= width == 0 ? 4 : width;
	return need <= p->b.capacity && (!p->b.fixed || p->a.fixed); /* CHAR strips blanks at the end */
}

/** BINARY(n) pads, so only the same n gives the same value back. */
static bool
holds_bytes(const struct pair *p)
{
	if (p->b.fixed)
		return p->a.fixed && p->a.args[0] == p->b.args[0];
	return p->a.capacity <= p->b.capacity;
}

static bool
is_geometry(const struct schema_column *c, struct lt_str name)
{
	bool collection = lt_str_eqz(name, "geomcollection") || lt_str_eqz(name, "geometrycollection");

	return lt_str_eq(c->base_type, name) || (collection && (lt_str_eqz(c->base_type, "geomcollection") ||
								   lt_str_eqz(c->base_type, "geometrycollection")));
}

/** MySQL's JSON and MariaDB's, which is a LONGTEXT in utf8mb4_bin with a check. */
static bool
is_json(const struct schema_column *c)
{
	return lt_str_eqz(c->base_type, "json") ||
	       (lt_str_eqz(c->base_type, "longtext") && lt_str_eqz(c->collation, "utf8mb4_bin"));
}

static bool
holds(const struct pair *p)
{
	if (p->a.class_ != p->b.class_)
		return (is_json(p->from) && is_json(p->to)) ||
		       (p->a.class_ == SCHEMA_CLASS_FLOAT && p->b.class_ == SCHEMA_CLASS_DOUBLE &&
			   (p->from->is_unsigned || !p->to->is_unsigned));
	switch (p->a.class_) {
	case SCHEMA_CLASS_INT: return holds_int(p);
	case SCHEMA_CLASS_DECIMAL: return holds_decimal(p);
	case SCHEMA_CLASS_FLOAT:
	case SCHEMA_CLASS_DOUBLE: return p->from->is_unsigned || !p->to->is_unsigned;
	case SCHEMA_CLASS_TIME:
	case SCHEMA_CLASS_DATETIME:
	case SCHEMA_CLASS_TIMESTAMP:
	case SCHEMA_CLASS_BIT: return p->a.args[0] <= p->b.args[0];
	case SCHEMA_CLASS_ENUM:
	case SCHEMA_CLASS_SET: return holds_members(p);
	case SCHEMA_CLASS_TEXT: return holds_text(p);
	case SCHEMA_CLASS_BYTES: return holds_bytes(p);
	case SCHEMA_CLASS_GEOMETRY:
		return lt_str_eqz(p->to->base_type, "geometry") || is_geometry(p->to, p->from->base_type);
	case SCHEMA_CLASS_VECTOR: return p->a.args[0] == p->b.args[0];
	case SCHEMA_CLASS_FIXED:
	case SCHEMA_CLASS_OTHER: return lt_str_eq(p->from->base_type, p->to->base_type);
	default: return true; /* DATE, YEAR, JSON */
	}
}

static void
begin_line(struct lt_buf *out, const struct schema_table *t, struct lt_str column)
{
	lt_buf_printf(out, "%.*s.%.*s: column %.*s ", LT_FMT(t->schema), LT_FMT(t->name), LT_FMT(column));
}

static void
compare_pair(const struct schema_table *source, const struct pair *p, struct lt_buf *out)
{
	struct lt_str from = p->from->name;

	if (p->to->generated != SCHEMA_PLAIN) {
		if (p->from->generated == SCHEMA_PLAIN) {
			begin_line(out, source, from);
			lt_buf_z(out, "is generated at the target only\n");
		}
		return; /* both compute it */
	}
	if (!holds(p)) {
		begin_line(out, source, from);
		lt_buf_printf(out, "is %.*s, but at the target %.*s\n", LT_FMT(p->from->type), LT_FMT(p->to->type));
	} /* another character set is no difference: the target converts, and refuses a character that does not fit */
	if (p->from->nullable && !p->to->nullable) {
		begin_line(out, source, from);
		lt_buf_z(out, "may be NULL, but not at the target\n");
	}
}

static bool
target_name(const struct schema_map *map, struct lt_str column, struct lt_str *out)
{
	*out = column;
	return map == NULL || map->column == NULL || map->column(map->ctx, column, out);
}

static bool
is_constant(const struct schema_map *map, struct lt_str target_column)
{
	return map != NULL && map->fills != NULL && map->fills(map->ctx, target_column);
}

/** Columns that the source does not fill must be able to fill themselves. */
static void
compare_rest(const struct schema_table *target, const bool *filled, const struct schema_map *map, struct lt_buf *out)
{
	for (size_t i = 0; i < target->ncolumns; i++) {
		const struct schema_column *c = &target->columns[i];

		if (filled[i] || c->nullable || c->has_default || c->auto_increment || c->generated != SCHEMA_PLAIN)
			continue;
		if (is_constant(map, c->name))
			continue;
		begin_line(out, target, c->name);
		lt_buf_z(out, "gets no value from the source and has no default\n");
	}
}

void
schema_compare(const struct schema_table *source, const struct schema_table *target, const struct schema_map *map,
    struct lt_buf *out)
{
	bool *filled = (bool *)lt_calloc(target->ncolumns + 1, sizeof(*filled));

	for (size_t i = 0; i < source->ncolumns; i++) {
		struct pair p = { .from = &source->columns[i] };
		struct lt_str name = p.from->name;
		size_t to;

		if (!target_name(map, p.from->name, &name))
			continue;
		to = schema_table_column(target, name);
		if (to == SIZE_MAX) {
			begin_line(out, source, p.from->name);
			lt_buf_printf(out, "is missing at the target (as %.*s)\n", LT_FMT(name));
			continue;
		}
		filled[to] = true;
		p.to = &target->columns[to];
		p.a = schema_type_of(p.from);
		p.b = schema_type_of(p.to);
		compare_pair(source, &p, out);
	}
	compare_rest(target, filled, map, out);
	free(filled);
}

/* -- keys ----------------------------------------------------------------------------------------- */

static struct lt_str
part_name(const struct schema_table *t, const struct schema_key_part *part)
{
	return part->column == SIZE_MAX ? lt_str_of(NULL, 0) : t->columns[part->column].name;
}

/** Index in `b` of the column that this part is on; SIZE_MAX: none. */
static size_t
part_in(const struct schema_table *a, const struct schema_key_part *part, const struct schema_table *b,
    const struct schema_map *map)
{
	struct lt_str name = part_name(a, part);

	if (part->column == SIZE_MAX || !target_name(map, name, &name))
		return SIZE_MAX;
	return schema_table_column(b, name);
}

/** Whether `b` has a key of the same parts in the same order, whatever its name; what an expression says is not known
 * here. `map` gives the names of a's columns in b (NULL: the same); parts
 * of b's key that are constants do not count. */
static bool
has_key(const struct schema_table *a, const struct schema_key *key, const struct schema_table *b,
    const struct schema_map *map)
{
	for (size_t i = 0; i < b->nkeys; i++) {
		const struct schema_key *other = &b->keys[i];
		bool same = other->unique == key->unique;
		size_t n = 0;

		for (size_t j = 0; same && j < other->nparts; j++) {
			const struct schema_key_part *part = &other->parts[j];

			if (is_constant(map, part_name(b, part)))
				continue;
			same = n < key->nparts && key->parts[n].prefix == part->prefix &&
			       part_in(a, &key->parts[n], b, map) == part->column;
			n++;
		}
		if (same && n == key->nparts)
			return true;
	}
	return false;
}

static bool
is_mapped(const struct schema_table *t, const struct schema_key *key, const struct schema_map *map)
{
	for (size_t i = 0; i < key->nparts; i++) {
		struct lt_str name = part_name(t, &key->parts[i]);

		if (name.ptr != NULL && !target_name(map, name, &name))
			return false;
	}
	return true;
}

static void
key_line(struct lt_buf *out, const struct schema_table *t, const struct schema_key *key, const char *what)
{
	lt_buf_printf(out, "%.*s.%.*s: %skey %.*s (", LT_FMT(t->schema), LT_FMT(t->name), key->unique ? "unique " : "",
	    LT_FMT(key->name));
	for (size_t i = 0; i < key->nparts; i++) {
		struct lt_str name = part_name(t, &key->parts[i]);

		lt_buf_z(out, i > 0 ? ", " : "");
		lt_buf_str_add(out, name.ptr != NULL ? name : LT_STR("an expression"));
	}
	lt_buf_printf(out, ") %s\n", what);
}

void
schema_compare_keys(const struct schema_table *before, const struct schema_table *source,
    const struct schema_table *target, const struct schema_map *map, struct lt_buf *out)
{
	for (size_t i = 0; i < source->nkeys; i++) {
		const struct schema_key *key = &source->keys[i];

		if (is_mapped(source, key, map) && !has_key(source, key, before, NULL) &&
		    !has_key(source, key, target, map))
			key_line(out, source, key, "is new at the source and missing at the target");
	}
	for (size_t i = 0; i < before->nkeys; i++) {
		const struct schema_key *key = &before->keys[i];

		if (is_mapped(before, key, map) && !has_key(before, key, source, NULL) &&
		    has_key(before, key, target, map))
			key_line(out, before, key, "is gone at the source and still at the target");
	}
}
