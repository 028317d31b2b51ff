#include "pipeline/sql_priv.h"

#include "base/fault.h"
#include "mysql/sql.h"

static void
add_slot(struct pipeline_text *t, const struct pipeline_column *column, bool after)
{
	t->slots[t->nslots++] = (struct pipeline_slot){ column, after };
}

/* The parameter as a value of the source's character set (FOREIGN) or of the binary one. */
static void
add_converted(struct lt_buf *sql, const struct pipeline_column *c)
{
	lt_buf_printf(sql, "CONVERT(? USING %.*s)", LT_FMT(c->from->charset));
}

/* The value to store: what a column of the target takes. */
static void
add_stored(struct pipeline_text *t, const struct pipeline_column *c)
{
	if (c->bind == PIPELINE_BIND_FOREIGN)
		add_converted(&t->sql, c);
	else
		lt_buf_c(&t->sql, '?');
	add_slot(t, c, true);
}

/* A key's value in the column's own character set and collation, so that the index serves. */
static void
add_key_value(struct pipeline_text *t, const struct pipeline_column *c)
{
	if (c->bind == PIPELINE_BIND_FOREIGN) {
		bool same = lt_str_eq(c->from->charset, c->target->charset);

		if (!same)
			lt_buf_z(&t->sql, "CONVERT(");
		add_converted(&t->sql, c);
		if (!same)
			lt_buf_printf(&t->sql, " USING %.*s)", LT_FMT(c->target->charset));
		lt_buf_printf(&t->sql, " COLLATE %.*s", LT_FMT(c->target->collation));
	} else {
		lt_buf_c(&t->sql, '?');
	}
}

static void
add_key_equal(struct pipeline_text *t, const struct pipeline_column *c)
{
	my_sql_name(&t->sql, c->target->name);
	lt_buf_z(&t->sql, " = ");
	add_key_value(t, c);
	add_slot(t, c, false);
}

/* NULL-safe and exact: bytes for text, bits for floats, values for JSON (R8). */
static void
add_same(const struct pipeline_route *r, struct pipeline_text *t, const struct pipeline_column *c)
{
	struct lt_buf name = { 0 };
	const char *n;

	my_sql_name(&name, c->target->name);
	n = lt_buf_cstr(&name);
	if (c->constant) {
		lt_buf_printf(&t->sql, "%s <=> ?", n);
		add_slot(t, c, false);
		lt_buf_free(&name);
		return;
	}
	switch (c->bind) {
	case PIPELINE_BIND_UTF8:
	case PIPELINE_BIND_NAME:
		/* Both sides in one character set, compared as bytes. */
		lt_buf_printf(&t->sql, "CAST(CONVERT(%s USING utf8mb4) AS BINARY) <=> CAST(? AS BINARY)", n);
		break;
	case PIPELINE_BIND_FOREIGN:
		lt_buf_printf(&t->sql, "CAST(CONVERT(%s USING %.*s) AS BINARY) <=> CAST(? AS BINARY)", n,
		    LT_FMT(c->from->charset));
		break;
	case PIPELINE_BIND_JSON:
		if (r->json_native)
			lt_buf_printf(&t->sql, "%s <=> CAST(? AS JSON)", n);
		else
			lt_buf_printf(&t->sql, "CAST(%s AS BINARY) <=> CAST(? AS BINARY)", n);
		break;
	case PIPELINE_BIND_OPAQUE: lt_buf_printf(&t->sql, "HEX(%s) <=> HEX(CAST(? AS BINARY))", n); break;
	case PIPELINE_BIND_INDEX: lt_buf_printf(&t->sql, "%s+0 <=> ?", n); break;
	default: lt_buf_printf(&t->sql, "%s <=> ?", n);
	}
	add_slot(t, c, false);
	lt_buf_free(&name);
}

static void
and_between(struct pipeline_text *t, bool *first)
{
	lt_buf_z(&t->sql, *first ? " WHERE " : " AND ");
	*first = false;
}

static bool
has_key(const struct pipeline_route *r, const struct change_image *image)
{
	for (size_t i = 0; i < r->ncolumns; i++) {
		if (r->columns[i].in_key && !pipeline_column_in(&r->columns[i], image))
			return false;
	}
	return !r->keyless;
}

/* R7: an image that lacks a part of the target's key has the source's own; whether the target has one such row, its
 * count tells. */
static void
add_source_key(const struct pipeline_route *r, const struct change_image *before, struct pipeline_text *t, bool *first)
{
	for (size_t i = 0; i < r->ncolumns; i++) {
		const struct pipeline_column *c = &r->columns[i];

		if (!pipeline_column_in(c, before) || c->bind == PIPELINE_BIND_JSON || c->bind == PIPELINE_BIND_OPAQUE)
			continue;
		and_between(t, first);
		my_sql_name(&t->sql, c->target->name);
		lt_buf_z(&t->sql, " <=> ");
		add_key_value(t, c);
		add_slot(t, c, false);
	}
}

static bool
add_where(const struct pipeline_route *r, const struct change_image *before, bool verify, struct pipeline_text *t)
{
	bool first = true, by_key = has_key(r, before);

	if (!by_key && !r->keyless) {
		add_source_key(r, before, t, &first);
		return !first;
	}
	for (size_t i = 0; i < r->ncolumns && by_key; i++) {
		const struct pipeline_column *c = &r->columns[i];

		if (!c->in_key)
			continue;
		and_between(t, &first);
		add_key_equal(t, c);
	}
	for (size_t i = 0; i < r->ncolumns && (r->keyless || verify); i++) {
		const struct pipeline_column *c = &r->columns[i];

		if ((c->in_key && !r->keyless) || !pipeline_column_in(c, before))
			continue;
		and_between(t, &first);
		add_same(r, t, c);
	}
	if (first)
		return false; /* nothing to find the row by */
	if (r->keyless) {
		lt_buf_z(&t->sql, " LIMIT ?");
		t->limit = true;
	}
	return true;
}

static bool
is_written(const struct pipeline_column *c)
{
	return c->target->generated == SCHEMA_PLAIN;
}

/* (?, ?, CONVERT(? USING gbk)) */
static void
add_tuple(const struct pipeline_route *r, const struct change_image *after, struct pipeline_text *out)
{
	const char *between = "(";
	size_t first = out->nslots;

	for (size_t i = 0; i < r->ncolumns; i++) {
		if (!is_written(&r->columns[i]) || !pipeline_column_in(&r->columns[i], after))
			continue;
		lt_buf_z(&out->sql, between);
		add_stored(out, &r->columns[i]);
		between = ", ";
	}
	lt_buf_z(&out->sql, out->nslots == first ? "()" : ")");
}

void
pipeline_sql_insert(
    const struct pipeline_route *r, const struct change_image *after, size_t rows, struct pipeline_text *out)
{
	const char *between = "";
	size_t nslots;

	lt_buf_z(&out->sql, "INSERT INTO ");
	my_sql_table(&out->sql, r->target->schema, r->target->name);
	lt_buf_z(&out->sql, " (");
	for (size_t i = 0; i < r->ncolumns; i++) {
		if (!is_written(&r->columns[i]) || !pipeline_column_in(&r->columns[i], after))
			continue;
		lt_buf_z(&out->sql, between);
		my_sql_name(&out->sql, r->columns[i].target->name);
		between = ", ";
	}
	lt_buf_z(&out->sql, ") VALUES ");
	add_tuple(r, after, out);
	nslots = out->nslots;
	for (size_t i = 1; i < rows; i++) {
		out->nslots = 0; /* the same slots again */
		lt_buf_z(&out->sql, ", ");
		add_tuple(r, after, out);
	}
	out->nslots = nslots;
}

/* A mapped temporal column that the image leaves out did not change, so ON UPDATE CURRENT_TIMESTAMP must not change it
 * here. */
static bool
keeps_itself(const struct pipeline_route *r, const struct change_image *after, const struct schema_column *target)
{
	if (!lt_str_eqz(target->base_type, "timestamp") && !lt_str_eqz(target->base_type, "datetime"))
		return false;
	for (size_t i = 0; i < r->ncolumns; i++) {
		if (r->columns[i].target == target)
			return is_written(&r->columns[i]) &&
			       (r->columns[i].constant || !pipeline_column_in(&r->columns[i], after));
	}
	return false;
}

bool
pipeline_sql_update(const struct pipeline_route *r, const struct change_image *before, const struct change_image *after,
    bool verify, struct pipeline_text *out)
{
	const char *between = " SET ";

	lt_buf_z(&out->sql, "UPDATE ");
	my_sql_table(&out->sql, r->target->schema, r->target->name);
	for (size_t i = 0; i < r->ncolumns; i++) {
		const struct pipeline_column *c = &r->columns[i];

		if (!is_written(c) || c->constant || !(pipeline_column_in(c, after) || lt_fault("r07_missing")))
			continue;
		lt_buf_z(&out->sql, between);
		my_sql_name(&out->sql, c->target->name);
		lt_buf_z(&out->sql, " = ");
		add_stored(out, c);
		between = ", ";
	}
	for (size_t i = 0; i < r->target->ncolumns; i++) {
		if (!keeps_itself(r, after, &r->target->columns[i]))
			continue;
		lt_buf_z(&out->sql, between);
		my_sql_name(&out->sql, r->target->columns[i].name);
		lt_buf_z(&out->sql, " = ");
		my_sql_name(&out->sql, r->target->columns[i].name);
		between = ", ";
	}
	if (between[0] == ' ') { /* only what is not mapped changed: the row must be there all the same */
		lt_buf_z(&out->sql, " SET ");
		my_sql_name(&out->sql, r->columns[0].target->name);
		lt_buf_z(&out->sql, " = ");
		my_sql_name(&out->sql, r->columns[0].target->name);
	}
	return add_where(r, before, verify, out);
}

bool
pipeline_sql_delete(
    const struct pipeline_route *r, const struct change_image *before, bool verify, struct pipeline_text *out)
{
	lt_buf_z(&out->sql, "DELETE FROM ");
	my_sql_table(&out->sql, r->target->schema, r->target->name);
	return add_where(r, before, verify, out);
}

bool
pipeline_sql_delete_in(
    const struct pipeline_route *r, const struct change_image *before, size_t rows, struct pipeline_text *out)
{
	const struct pipeline_column *key = NULL;

	for (size_t i = 0; i < r->ncolumns; i++) {
		if (!r->columns[i].in_key)
			continue;
		if (key != NULL)
			return false;
		key = &r->columns[i];
	}
	if (key == NULL || r->keyless || !pipeline_column_in(key, before))
		return false;
	lt_buf_z(&out->sql, "DELETE FROM ");
	my_sql_table(&out->sql, r->target->schema, r->target->name);
	lt_buf_z(&out->sql, " WHERE ");
	my_sql_name(&out->sql, key->target->name);
	for (size_t i = 0; i < rows; i++) {
		lt_buf_z(&out->sql, i == 0 ? " IN (" : ", ");
		add_key_value(out, key);
	}
	lt_buf_c(&out->sql, ')');
	add_slot(out, key, false);
	return true;
}

bool
pipeline_sql_probe(const struct pipeline_route *r, const struct change_image *before, struct pipeline_text *out)
{
	if (r->keyless)
		return false;
	lt_buf_z(&out->sql, "UPDATE ");
	my_sql_table(&out->sql, r->target->schema, r->target->name);
	lt_buf_z(&out->sql, " SET ");
	for (size_t i = 0; i < r->ncolumns; i++) {
		if (!r->columns[i].in_key)
			continue;
		my_sql_name(&out->sql, r->columns[i].target->name);
		lt_buf_z(&out->sql, " = ");
		my_sql_name(&out->sql, r->columns[i].target->name);
		break;
	}
	return add_where(r, before, false, out);
}

bool
pipeline_sql_read(const struct pipeline_route *r, const struct change_image *before,
    const struct pipeline_column *const *columns, size_t ncolumns, struct pipeline_text *out)
{
	for (size_t i = 0; i < ncolumns; i++) {
		lt_buf_z(&out->sql, i == 0 ? "SELECT " : ", ");
		my_sql_name(&out->sql, columns[i]->target->name);
	}
	lt_buf_z(&out->sql, " FROM ");
	my_sql_table(&out->sql, r->target->schema, r->target->name);
	if (!add_where(r, before, false, out))
		return false;
	lt_buf_z(&out->sql, " FOR UPDATE");
	return true;
}

bool
pipeline_sql_where(const struct pipeline_route *r, const struct change_image *image, struct pipeline_text *out)
{
	return has_key(r, image) && add_where(r, image, false, out);
}
