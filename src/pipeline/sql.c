#include "pipeline/sql_priv.h"

#include "base/fault.h"
#include "mysql/sql.h"

void
pipeline_sql_slot(struct pipeline_text *t, const struct pipeline_column *column, bool after)
{
	t->slots[t->nslots++] = (struct pipeline_slot){ column, after };
}

/* The value as one of the source's character set (FOREIGN) or of the binary one. */
static void
add_converted(struct lt_buf *sql, const struct pipeline_column *c, const char *value)
{
	lt_buf_printf(sql, "CONVERT(%s USING %.*s)", value, LT_FMT(c->from->charset));
}

/* The value to store: what a column of the target takes. */
static void
add_stored(struct pipeline_text *t, const struct pipeline_column *c)
{
	if (c->bind == PIPELINE_BIND_FOREIGN)
		add_converted(&t->sql, c, "?");
	else if (c->bind == PIPELINE_BIND_UTF8 && c->target->charset.len > 0 &&
		 !lt_str_eqz(c->target->charset, "utf8mb4"))
		lt_buf_z(&t->sql,
		    "CONVERT(? USING utf8mb4)"); /* of a bare parameter MySQL does not say which column refuses it */
	else
		lt_buf_c(&t->sql, '?');
	pipeline_sql_slot(t, c, true);
}

void
pipeline_sql_key_value(struct lt_buf *sql, const struct pipeline_column *c, const char *value)
{
	bool same = lt_str_eq(c->from->charset, c->target->charset);

	if (c->bind != PIPELINE_BIND_FOREIGN) {
		lt_buf_z(sql, value);
		return;
	}
	if (!same)
		lt_buf_z(sql, "CONVERT(");
	add_converted(sql, c, value);
	if (!same)
		lt_buf_printf(sql, " USING %.*s)", LT_FMT(c->target->charset));
	lt_buf_printf(sql, " COLLATE %.*s", LT_FMT(c->target->collation));
}

static void
add_key_equal(struct pipeline_text *t, const struct pipeline_column *c)
{
	my_sql_name(&t->sql, c->target->name);
	lt_buf_z(&t->sql, " = ");
	pipeline_sql_key_value(&t->sql, c, "?");
	pipeline_sql_slot(t, c, false);
}

static bool
is_real(const struct pipeline_column *c)
{
	return lt_str_eqz(c->target->base_type, "float") || lt_str_eqz(c->target->base_type, "double");
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
		pipeline_sql_slot(t, c, false);
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
	case PIPELINE_BIND_INDEX: /* as integers: a sum of a SET is a DOUBLE, which lacks the last of its 64 bits, and
				   * of a cast of the highest of them MariaDB warns */
		if (c->from->kind == CHANGE_BIT)
			lt_buf_printf(&t->sql, "%s+0 <=> ?", n);
		else if (c->from->kind == CHANGE_SET)
			lt_buf_printf(&t->sql, "%s & 18446744073709551615 <=> ?", n);
		else
			lt_buf_printf(&t->sql, "CAST(%s AS UNSIGNED) <=> ?", n);
		break;
	case PIPELINE_BIND_FLOAT:
	case PIPELINE_BIND_DOUBLE:
		lt_buf_printf(&t->sql, "%s <=> ?", n);
		if (!is_real(c))
			break;
		/* -0 equals 0, but for its sign. */
		lt_buf_printf(&t->sql, " AND (%s <> 0 OR LEFT(%s, 1) <=> LEFT(?, 1))", n, n);
		pipeline_sql_slot(t, c, false);
		break;
	default: lt_buf_printf(&t->sql, "%s <=> ?", n);
	}
	pipeline_sql_slot(t, c, false);
	lt_buf_free(&name);
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

bool
pipeline_sql_conditions(const struct pipeline_route *r, const struct change_image *before, bool verify,
    const char *first, struct pipeline_text *t)
{
	const char *between = first;
	bool by_key = has_key(r, before);

	if (!by_key && !r->keyless)
		return false;
	for (size_t i = 0; i < r->ncolumns && by_key; i++) {
		const struct pipeline_column *c = &r->columns[i];

		if (!c->in_key)
			continue;
		lt_buf_z(&t->sql, between);
		between = " AND ";
		add_key_equal(t, c);
	}
	for (size_t i = 0; i < r->ncolumns && (r->keyless || verify); i++) {
		const struct pipeline_column *c = &r->columns[i];

		if ((c->in_key && !r->keyless) || !pipeline_column_in(c, before))
			continue;
		lt_buf_z(&t->sql, between);
		between = " AND ";
		add_same(r, t, c);
	}
	return between != first;
}

/* R7: an image that lacks a part of the target's key has the source's own; whether the target has one such row, its
 * count tells. */
static bool
add_source_key(const struct pipeline_route *r, const struct change_image *before, struct pipeline_text *t)
{
	const char *between = " WHERE ";

	for (size_t i = 0; i < r->ncolumns; i++) {
		const struct pipeline_column *c = &r->columns[i];

		if (!pipeline_column_in(c, before) || c->bind == PIPELINE_BIND_JSON || c->bind == PIPELINE_BIND_OPAQUE)
			continue;
		lt_buf_z(&t->sql, between);
		between = " AND ";
		my_sql_name(&t->sql, c->target->name);
		lt_buf_z(&t->sql, " <=> ");
		pipeline_sql_key_value(&t->sql, c, "?");
		pipeline_sql_slot(t, c, false);
	}
	return between[1] == 'A';
}

bool
pipeline_sql_is_written(const struct pipeline_column *c)
{
	return c->target->generated == SCHEMA_PLAIN;
}

/* R9: rows alike are one as good as the other only where all of the row is known. */
static bool
is_whole(const struct pipeline_route *r, const struct change_image *image)
{
	for (size_t i = 0; i < r->ncolumns; i++) {
		if (pipeline_sql_is_written(&r->columns[i]) && !pipeline_column_in(&r->columns[i], image))
			return false;
	}
	return true;
}

static bool
add_where(const struct pipeline_route *r, const struct change_image *before, bool verify, struct pipeline_text *t)
{
	if (r->keyless ? !is_whole(r, before) : !has_key(r, before))
		return add_source_key(r, before, t);
	if (!pipeline_sql_conditions(r, before, verify, " WHERE ", t))
		return false; /* nothing to find the row by */
	if (r->keyless) {
		lt_buf_z(&t->sql, " LIMIT ?");
		t->limit = true;
	}
	return true;
}

/* (?, ?, CONVERT(? USING gbk)) */
static void
add_tuple(const struct pipeline_route *r, const struct change_image *after, struct pipeline_text *out)
{
	const char *between = "(";
	size_t first = out->nslots;

	for (size_t i = 0; i < r->ncolumns; i++) {
		if (!pipeline_sql_is_written(&r->columns[i]) || !pipeline_column_in(&r->columns[i], after))
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
		if (!pipeline_sql_is_written(&r->columns[i]) || !pipeline_column_in(&r->columns[i], after))
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

bool
pipeline_sql_keeps_itself(
    const struct pipeline_route *r, const struct change_image *after, const struct schema_column *target)
{
	const struct pipeline_column *c = pipeline_route_column(r, target);

	if (c == NULL || (!lt_str_eqz(target->base_type, "timestamp") && !lt_str_eqz(target->base_type, "datetime")))
		return false;
	return pipeline_sql_is_written(c) && (c->constant || !pipeline_column_in(c, after));
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

		if (!pipeline_sql_is_written(c) || c->constant ||
		    !(pipeline_column_in(c, after) || lt_fault("r07_missing")))
			continue;
		lt_buf_z(&out->sql, between);
		my_sql_name(&out->sql, c->target->name);
		lt_buf_z(&out->sql, " = ");
		add_stored(out, c);
		between = ", ";
	}
	for (size_t i = 0; i < r->target->ncolumns; i++) {
		if (!pipeline_sql_keeps_itself(r, after, &r->target->columns[i]))
			continue;
		lt_buf_z(&out->sql, between);
		my_sql_name(&out->sql, r->target->columns[i].name);
		lt_buf_z(&out->sql, " = ");
		my_sql_name(&out->sql, r->target->columns[i].name);
		between = ", ";
	}
	if (between[0] == ' ') { /* only what is not mapped changed: the row must be there all the same */
		const struct pipeline_column *c = r->columns;

		while (c < r->columns + r->ncolumns - 1 && !pipeline_sql_is_written(c))
			c++;
		lt_buf_z(&out->sql, " SET ");
		my_sql_name(&out->sql, c->target->name);
		lt_buf_z(&out->sql, " = ");
		my_sql_name(&out->sql, c->target->name);
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
