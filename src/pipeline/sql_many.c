/* One statement for many rows. */
#include <stdio.h>

#include "mysql/sql.h"
#include "pipeline/sql_priv.h"

/* Beyond this many rows a chain of conditions and a join with a table of values lose more than they win: the chain is
 * gone through for each row that is found, and the table of values leaves its place in memory. */
#define CHAIN_ROWS_MAX 64
#define JOIN_ROWS_MAX 64

/* The table of values and the target in a join. */
#define VALUES "lutra_v"
#define TARGET "lutra_t"

static bool
ends_comment(struct lt_str name)
{
	for (size_t i = 0; i + 1 < name.len; i++) {
		if (name.ptr[i] == '*' && name.ptr[i + 1] == '/')
			return true;
	}
	return false;
}

/* "DELETE (hint) FROM `s`.`t`": with many values the optimizer of MySQL would rather read all of a small table, and
 * lock it. False: a name that a hint cannot hold. */
static bool
begin_by_key(const struct pipeline_route *r, const char *verb, const char *from, struct pipeline_text *out)
{
	const struct schema_key *key = schema_table_find_key(r->target);

	if (key == NULL || ends_comment(r->target->name) || ends_comment(key->name))
		return false;
	lt_buf_printf(&out->sql, "%s /*+ INDEX(", verb);
	my_sql_name(&out->sql, r->target->name);
	lt_buf_c(&out->sql, ' ');
	my_sql_name(&out->sql, key->name);
	lt_buf_printf(&out->sql, ") */ %s", from);
	my_sql_table(&out->sql, r->target->schema, r->target->name);
	return true;
}

static const struct pipeline_column *
only_key_column(const struct pipeline_route *r)
{
	const struct pipeline_column *key = NULL;

	for (size_t i = 0; i < r->ncolumns; i++) {
		if (!r->columns[i].in_key)
			continue;
		if (key != NULL)
			return NULL;
		key = &r->columns[i];
	}
	return key;
}

static bool
delete_in(const struct pipeline_column *key, size_t rows, struct pipeline_text *out)
{
	lt_buf_z(&out->sql, " WHERE ");
	my_sql_name(&out->sql, key->target->name);
	for (size_t i = 0; i < rows; i++) {
		lt_buf_z(&out->sql, i == 0 ? " IN (" : ", ");
		pipeline_sql_key_value(&out->sql, key, "?");
	}
	lt_buf_c(&out->sql, ')');
	pipeline_sql_slot(out, key, false);
	return true;
}

/* " WHERE (`a` = ? AND `b` = ?) OR (...": the single rows' own conditions. */
static bool
add_chain(const struct pipeline_route *r, const struct change_image *before, bool verify, size_t rows,
    struct pipeline_text *out)
{
	size_t nslots;

	if (r->keyless || rows > CHAIN_ROWS_MAX || !pipeline_sql_conditions(r, before, verify, " WHERE (", out))
		return false;
	nslots = out->nslots;
	for (size_t i = 1; i < rows; i++) {
		out->nslots = 0; /* the same slots again */
		if (!pipeline_sql_conditions(r, before, verify, ") OR (", out))
			return false;
	}
	out->nslots = nslots;
	lt_buf_c(&out->sql, ')');
	return true;
}

bool
pipeline_sql_delete_many(const struct pipeline_route *r, const struct change_image *before, bool verify, size_t rows,
    struct pipeline_text *out)
{
	const struct pipeline_column *key = only_key_column(r);

	if (r->keyless || !begin_by_key(r, "DELETE", "FROM ", out))
		return false;
	if (key != NULL && !verify && pipeline_column_in(key, before))
		return delete_in(key, rows, out);
	return add_chain(r, before, verify, rows, out);
}

bool
pipeline_sql_delete_in_order(
    const struct pipeline_route *r, const struct change_image *before, size_t rows, struct pipeline_text *out)
{
	const struct pipeline_column *key = only_key_column(r);

	if (r->keyless || key == NULL || !pipeline_column_in(key, before))
		return false;
	lt_buf_z(&out->sql, "DELETE FROM ");
	my_sql_table(&out->sql, r->target->schema, r->target->name);
	if (!delete_in(key, rows, out))
		return false;
	lt_buf_z(&out->sql, " ORDER BY ");
	my_sql_name(&out->sql, key->target->name);
	lt_buf_printf(&out->sql, " LIMIT %zu", rows);
	return true;
}

bool
pipeline_sql_prove(
    const struct pipeline_route *r, const struct change_image *before, size_t rows, struct pipeline_text *out)
{
	const struct pipeline_column *still = NULL;

	/* Of a column outside the key: else the server keeps a list of what it has found. */
	for (size_t i = 0; i < r->ncolumns && still == NULL; i++) {
		if (!r->columns[i].in_key && pipeline_sql_is_written(&r->columns[i]))
			still = &r->columns[i];
	}
	if (still == NULL || r->target->has_triggers || r->keyless || !begin_by_key(r, "UPDATE", "", out))
		return false;
	lt_buf_z(&out->sql, " SET ");
	my_sql_name(&out->sql, still->target->name);
	lt_buf_z(&out->sql, " = ");
	my_sql_name(&out->sql, still->target->name);
	return add_chain(r, before, true, rows, out);
}

/* -- upsert --------------------------------------------------------------------------------------- */

static size_t
unique_keys(const struct schema_table *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->nkeys; i++)
		n += t->keys[i].unique ? 1 : 0;
	return n;
}

bool
pipeline_sql_is_complete(const struct pipeline_route *r, const struct change_image *after)
{
	size_t wanted = 0, held = 0;

	for (size_t i = 0; i < r->target->ncolumns; i++)
		wanted += r->target->columns[i].generated == SCHEMA_PLAIN ? 1 : 0;
	for (size_t i = 0; i < r->ncolumns; i++)
		held += pipeline_sql_is_written(&r->columns[i]) && pipeline_column_in(&r->columns[i], after) ? 1 : 0;
	return held == wanted;
}

bool
pipeline_sql_upsert(const struct pipeline_route *r, const struct change_image *after, size_t rows, bool alias,
    struct pipeline_text *out)
{
	const char *between = " ON DUPLICATE KEY UPDATE ";
	const struct schema_table *t = r->target;

	if (r->keyless || unique_keys(t) != 1 || t->has_triggers || !r->triggers_told || t->temporal ||
	    t->nparents > 0 || t->nchildren > 0 || !pipeline_sql_is_complete(r, after))
		return false;
	pipeline_sql_insert(r, after, rows, out);
	if (alias)
		lt_buf_z(&out->sql, " AS " VALUES);
	for (size_t i = 0; i < r->ncolumns; i++) {
		const struct pipeline_column *c = &r->columns[i];

		if (c->in_key || c->constant || !pipeline_sql_is_written(c))
			continue;
		lt_buf_z(&out->sql, between);
		my_sql_name(&out->sql, c->target->name);
		lt_buf_z(&out->sql, alias ? " = " VALUES "." : " = VALUES(");
		my_sql_name(&out->sql, c->target->name);
		if (!alias)
			lt_buf_c(&out->sql, ')');
		between = ", ";
	}
	return between[0] == ',';
}

/* -- join with a table of values ------------------------------------------------------------------ */

static bool
has_length(struct lt_str base_type)
{
	return lt_str_eqz(base_type, "varchar") || lt_str_eqz(base_type, "char");
}

/* "varchar(120)": one character more, so that what is too long for the column stays too long. A length lets the server
 * hold the value in the row. */
static void
add_char(struct lt_buf *sql, const struct schema_column *target)
{
	size_t begin = target->base_type.len + 1, end = target->type.len;
	uint64_t length = 0;

	while (end > begin && target->type.ptr[end - 1] != ')')
		end--;
	if (has_length(target->base_type) && end > begin &&
	    lt_str_u64(lt_str_of(target->type.ptr + begin, end - 1 - begin), &length))
		lt_buf_printf(sql, "CAST(? AS CHAR(%llu))", (unsigned long long)length + 1);
	else
		lt_buf_z(sql, "CAST(? AS CHAR)");
}

/* A parameter of a type that gives every value back as it was bound. */
static bool
add_typed(struct lt_buf *sql, const struct pipeline_column *c)
{
	switch (c->bind) {
	case PIPELINE_BIND_NUMBER:
		lt_buf_z(sql, c->from->kind == CHANGE_INT ? "CAST(? AS SIGNED)" : "CAST(? AS UNSIGNED)");
		return true;
	case PIPELINE_BIND_INDEX: lt_buf_z(sql, "CAST(? AS UNSIGNED)"); return true;
	case PIPELINE_BIND_FLOAT: lt_buf_z(sql, "CAST(? AS FLOAT)"); return true;
	case PIPELINE_BIND_DOUBLE: lt_buf_z(sql, "CAST(? AS DOUBLE)"); return true;
	case PIPELINE_BIND_DECIMAL:
	case PIPELINE_BIND_TEMPORAL: lt_buf_z(sql, "CAST(? AS CHAR(100))"); return true; /* stored as text is */
	case PIPELINE_BIND_UTF8:
	case PIPELINE_BIND_NAME:
	case PIPELINE_BIND_JSON: add_char(sql, c->target); return true;
	case PIPELINE_BIND_FOREIGN:
	case PIPELINE_BIND_BYTES: lt_buf_z(sql, "CAST(? AS BINARY)"); return true;
	case PIPELINE_BIND_OPAQUE: break;
	}
	return false;
}

/* Whether a column of the key can be compared with a column of the table of values so that the index serves, and no
 * value becomes another on the way. */
static bool
joins(const struct pipeline_column *c)
{
	bool same = lt_str_eq(c->from->charset, c->target->charset);
	struct lt_str type = c->target->base_type;

	switch (c->bind) {
	case PIPELINE_BIND_NUMBER: return type.len >= 3 && memcmp(type.ptr + type.len - 3, "int", 3) == 0;
	case PIPELINE_BIND_BYTES: return lt_str_eqz(type, "binary") || lt_str_eqz(type, "varbinary");
	case PIPELINE_BIND_UTF8: return has_length(type) && (same || lt_str_eqz(c->target->charset, "utf8mb4"));
	case PIPELINE_BIND_FOREIGN: return has_length(type) && same;
	default: return false;
	}
}

static bool
is_set(const struct pipeline_column *c, const struct change_image *after)
{
	return !c->in_key && !c->constant && pipeline_sql_is_written(c) && change_image_has(after, c->source);
}

/* "ROW(CAST(? AS SIGNED), ...)": the key before, then what is set. */
static bool
add_row(const struct pipeline_route *r, const struct change_image *before, const struct change_image *after,
    struct pipeline_text *out)
{
	const char *between = "ROW(";

	for (size_t pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < r->ncolumns; i++) {
			const struct pipeline_column *c = &r->columns[i];

			if (pass == 0 ? !c->in_key : !is_set(c, after))
				continue;
			if (pass == 0 && (!joins(c) || !pipeline_column_in(c, before)))
				return false;
			lt_buf_z(&out->sql, between);
			between = ", ";
			if (!add_typed(&out->sql, c))
				return false;
			pipeline_sql_slot(out, c, pass == 1);
		}
	}
	lt_buf_c(&out->sql, ')');
	return true;
}

/* " ON t.k = v.v0 AND ...": one side in the column's own collation. */
static void
add_on(const struct pipeline_text *out, struct lt_buf *sql)
{
	for (size_t i = 0; i < out->nslots && !out->slots[i].after; i++) {
		const struct pipeline_column *c = out->slots[i].column;
		char value[32];

		snprintf(value, sizeof(value), VALUES ".v%zu", i);
		lt_buf_z(sql, i == 0 ? " ON " TARGET "." : " AND " TARGET ".");
		my_sql_name(sql, c->target->name);
		lt_buf_z(sql, " = ");
		if (c->bind == PIPELINE_BIND_UTF8)
			lt_buf_printf(sql, "CONVERT(%s USING %.*s) COLLATE %.*s", value, LT_FMT(c->target->charset),
			    LT_FMT(c->target->collation));
		else
			pipeline_sql_key_value(sql, c, value);
	}
}

static bool
add_set(const struct pipeline_route *r, const struct change_image *after, const struct pipeline_text *out,
    struct lt_buf *sql)
{
	const char *between = " SET ";

	for (size_t i = 0; i < out->nslots; i++) {
		const struct pipeline_column *c = out->slots[i].column;

		if (!out->slots[i].after)
			continue;
		lt_buf_printf(sql, "%s" TARGET ".", between);
		my_sql_name(sql, c->target->name);
		if (c->bind == PIPELINE_BIND_FOREIGN)
			lt_buf_printf(sql, " = CONVERT(" VALUES ".v%zu USING %.*s)", i, LT_FMT(c->from->charset));
		else
			lt_buf_printf(sql, " = " VALUES ".v%zu", i);
		between = ", ";
	}
	for (size_t i = 0; i < r->target->ncolumns; i++) {
		if (!pipeline_sql_keeps_itself(r, after, &r->target->columns[i]))
			continue;
		lt_buf_printf(sql, "%s" TARGET ".", between);
		my_sql_name(sql, r->target->columns[i].name);
		lt_buf_z(sql, " = " TARGET ".");
		my_sql_name(sql, r->target->columns[i].name);
		between = ", ";
	}
	return between[0] == ',';
}

bool
pipeline_sql_update_many(const struct pipeline_route *r, const struct change_image *before,
    const struct change_image *after, size_t rows, struct pipeline_text *out)
{
	size_t nslots;

	if (r->keyless || r->target->has_triggers || rows > JOIN_ROWS_MAX)
		return false;
	lt_buf_z(&out->sql, "UPDATE (VALUES ");
	if (!add_row(r, before, after, out))
		return false;
	nslots = out->nslots;
	for (size_t i = 1; i < rows; i++) {
		out->nslots = 0; /* the same slots again */
		lt_buf_z(&out->sql, ", ");
		if (!add_row(r, before, after, out))
			return false;
	}
	out->nslots = nslots;
	lt_buf_z(&out->sql, ") AS " VALUES " (");
	for (size_t i = 0; i < nslots; i++)
		lt_buf_printf(&out->sql, "%sv%zu", i == 0 ? "" : ", ", i);
	/* The optimizer would rather read all of a small table, and lock it. */
	lt_buf_z(&out->sql, ") STRAIGHT_JOIN ");
	my_sql_table(&out->sql, r->target->schema, r->target->name);
	lt_buf_z(&out->sql, " AS " TARGET " FORCE INDEX (");
	my_sql_name(&out->sql, schema_table_find_key(r->target)->name);
	lt_buf_c(&out->sql, ')');
	add_on(out, &out->sql);
	return add_set(r, after, out, &out->sql);
}
