/* A statement's values written into its text; declared in sql_priv.h. */
#include <stdio.h>

#include "change/json.h"
#include "mysql/sql.h"
#include "pipeline/sql_priv.h"

static void
add_number(void *ctx, struct lt_str path, struct lt_str number)
{
	struct lt_buf *out = ctx;

	lt_buf_z(out, ", ");
	my_sql_text(out, path);
	lt_buf_z(out, ", ");
	lt_buf_str_add(out, number); /* a literal with a point is a DECIMAL */
}

static void
add_plain(struct lt_buf *out, struct lt_str text)
{
	lt_buf_z(out, "CAST(");
	my_sql_text(out, text);
	lt_buf_z(out, " AS JSON)");
}

/* The document, and over it its numbers that are no DOUBLE. */
static void
add_json(struct lt_str text, struct lt_buf *out)
{
	struct lt_buf numbers = { 0 };

	change_json_numbers(text, add_number, &numbers);
	if (numbers.len > 0)
		lt_buf_z(out, "JSON_REPLACE(");
	add_plain(out, text);
	if (numbers.len > 0) {
		lt_buf_str_add(out, lt_buf_str(&numbers));
		lt_buf_c(out, ')');
	}
	lt_buf_free(&numbers);
}

/* The text of a string without its quotes: what stands in such ones has nothing that is escaped. */
static struct lt_str
unquoted(struct lt_str text)
{
	return text.len >= 2 && text.ptr[0] == '"' ? lt_str_of(text.ptr + 1, text.len - 2) : text;
}

static void
add_cast(struct lt_buf *out, struct lt_str text, const char *type)
{
	lt_buf_z(out, "CAST(");
	my_sql_text(out, unquoted(text));
	lt_buf_printf(out, " AS %s)", type);
}

/* Bytes, of base64 in lines. */
static void
add_base64(struct lt_buf *out, struct lt_str digits)
{
	lt_buf_z(out, "FROM_BASE64('");
	for (size_t i = 0; i < digits.len; i++) {
		if (digits.ptr[i] == '\\')
			i++; /* "\\n" */
		else
			lt_buf_c(out, digits.ptr[i]);
	}
	lt_buf_z(out, "')");
}

static unsigned
length_of_base64(struct lt_str digits)
{
	size_t n = 0;

	for (size_t i = 0; i < digits.len; i++) {
		if (digits.ptr[i] == '\\')
			i++;
		else
			n += digits.ptr[i] != '=';
	}
	return (unsigned)(n * 3 / 4);
}

/* A column of that type with the value in it: no cast has these types. */
static void
add_column(struct lt_buf *out, const char *type, struct lt_buf *value)
{
	lt_buf_printf(out,
	    "(SELECT c FROM JSON_TABLE(JSON_ARRAY(%s), '$[*]' COLUMNS (c %s PATH '$' ERROR ON ERROR)) AS t)",
	    lt_buf_cstr(value), type);
}

/* "\"base64:type252:AP8=\"" */
static void
add_bytes(struct lt_buf *out, struct lt_str text, const struct change_json_mark *mark)
{
	static const char *const blobs[] = { "TINYBLOB", "MEDIUMBLOB", "LONGBLOB", "BLOB" };
	enum { VARBINARY = 15, BIT = 16, FIRST_BLOB = 249, BINARY = 254 };
	struct lt_str all = unquoted(text);
	const char *colon = memrchr(all.ptr, ':', all.len);
	struct lt_str digits =
	    colon != NULL ? lt_str_of(colon + 1, (size_t)(all.ptr + all.len - colon) - 1) : LT_STR("");
	struct lt_buf value = { 0 };
	char type[32];

	add_base64(&value, digits);
	if (mark->wire == VARBINARY) {
		lt_buf_str_add(out, lt_buf_str(&value));
	} else if (mark->wire == BIT) {
		snprintf(type, sizeof(type), "BIT(%u)", 8 * LT_MAX(length_of_base64(digits), 1u));
		lt_buf_clear(&value);
		lt_buf_z(&value, "CAST(CONV(HEX(");
		add_base64(&value, digits);
		lt_buf_z(&value, "), 16, 10) AS UNSIGNED)");
		add_column(out, type, &value);
	} else if (mark->wire == BINARY) {
		snprintf(type, sizeof(type), "BINARY(%u)", length_of_base64(digits));
		add_column(out, type, &value);
	} else if (mark->wire >= FIRST_BLOB && mark->wire < FIRST_BLOB + LT_COUNT(blobs)) {
		add_column(out, blobs[mark->wire - FIRST_BLOB], &value);
	} else {
		add_plain(out, text);
	}
	lt_buf_free(&value);
}

/* One that a TIMESTAMP column holds in every time zone. */
static void
add_datetime(struct lt_buf *out, struct lt_str text, const struct change_json_mark *mark)
{
	enum { TIMESTAMP = 7 };
	struct lt_str shown = unquoted(text), year = lt_str_of(shown.ptr, LT_MIN(shown.len, (size_t)4));
	struct lt_buf value = { 0 };

	add_cast(&value, text, "DATETIME(6)");
	if (mark->wire == TIMESTAMP && lt_str_cmp(year, LT_STR("1971")) >= 0 && lt_str_cmp(year, LT_STR("2037")) <= 0)
		add_column(out, "TIMESTAMP(6)", &value);
	else
		lt_buf_str_add(out, lt_buf_str(&value));
	lt_buf_free(&value);
}

static void
add_marked(struct lt_buf *out, struct lt_str text, const struct change_json_mark *mark)
{
	char type[32];

	switch (mark->kind) {
	case CHANGE_DATE: add_cast(out, text, "DATE"); break;
	case CHANGE_TIME: add_cast(out, text, "TIME(6)"); break;
	case CHANGE_DATETIME: add_datetime(out, text, mark); break;
	case CHANGE_DECIMAL:
		snprintf(type, sizeof(type), "DECIMAL(%u,%u)", mark->precision, mark->scale);
		add_cast(out, text, type);
		break;
	default: add_bytes(out, text, mark);
	}
}

/* The document built of its parts: so each keeps its type. */
static void
add_part(void *ctx, enum change_json_part part, struct lt_str text, const struct change_json_mark *mark)
{
	struct lt_buf *out = ctx;

	if (part != CHANGE_JSON_END && out->len > 0 && out->ptr[out->len - 1] != '(')
		lt_buf_z(out, ", ");
	switch (part) {
	case CHANGE_JSON_PLAIN: add_plain(out, text); break;
	case CHANGE_JSON_MARKED: add_marked(out, text, mark); break;
	case CHANGE_JSON_OBJECT: lt_buf_z(out, "JSON_OBJECT("); break;
	case CHANGE_JSON_ARRAY: lt_buf_z(out, "JSON_ARRAY("); break;
	case CHANGE_JSON_KEY:
		lt_buf_z(out, "JSON_UNQUOTE(");
		my_sql_text(out, text);
		lt_buf_c(out, ')');
		break;
	case CHANGE_JSON_END: lt_buf_c(out, ')'); break;
	}
}

static void
add_typed(const struct change_value *v, struct lt_buf *out)
{
	struct lt_buf expression = { 0 };

	change_json_parts(v, add_part, &expression);
	lt_buf_z(out, "CAST(");
	lt_buf_str_add(out, lt_buf_str(&expression));
	lt_buf_z(out, " AS JSON)");
	lt_buf_free(&expression);
}

/* -- edits ---------------------------------------------------------------------------------------- */

struct edited {
	struct lt_buf names; /* a byte for each edit: the innermost function comes first, and is named last */
	struct lt_buf rest;
};

enum { NAME_REPLACE, NAME_INSERT, NAME_ARRAY_INSERT, NAME_REMOVE };

static void
add_edit(void *ctx, const struct change_json_step *step)
{
	struct edited *e = ctx;
	bool cell = step->path.len > 0 && step->path.ptr[step->path.len - 1] == ']';
	int name = step->op == CHANGE_JSON_REMOVE    ? NAME_REMOVE
		   : step->op == CHANGE_JSON_REPLACE ? NAME_REPLACE
		   : cell                            ? NAME_ARRAY_INSERT
						     : NAME_INSERT;

	lt_buf_c(&e->names, (char)name);
	lt_buf_z(&e->rest, ", ");
	my_sql_text(&e->rest, step->path);
	if (step->op != CHANGE_JSON_REMOVE) {
		lt_buf_z(&e->rest, ", ");
		add_typed(&step->value, &e->rest);
	}
	lt_buf_c(&e->rest, ')');
}

/* "JSON_REMOVE(JSON_REPLACE(`j`, '$.a', CAST(...)), '$.b')" */
static void
add_edits(const struct change_value *edits, struct lt_str column, struct lt_buf *out)
{
	static const char *const names[] = { "JSON_REPLACE(", "JSON_INSERT(", "JSON_ARRAY_INSERT(", "JSON_REMOVE(" };
	struct lt_arena *arena = lt_arena_new();
	struct edited e = { .names = { 0 } };

	change_json_steps(edits, arena, add_edit, &e);
	for (size_t i = e.names.len; i > 0; i--)
		lt_buf_z(out, names[(unsigned char)e.names.ptr[i - 1]]);
	my_sql_name(out, column);
	lt_buf_str_add(out, lt_buf_str(&e.rest));
	lt_buf_free(&e.names);
	lt_buf_free(&e.rest);
	lt_arena_free(arena);
}

static void
add_double(double d, struct lt_buf *out)
{
	char text[40];

	snprintf(text, sizeof(text), "%.17e", d); /* an exponent makes it no DECIMAL */
	lt_buf_z(out, text);
}

static void
add_value(const struct my_param *p, bool json, struct lt_buf *out)
{
	switch (p->kind) {
	case MY_PARAM_I64: lt_buf_i64(out, p->i64); break;
	case MY_PARAM_U64: lt_buf_u64(out, p->u64); break;
	case MY_PARAM_FLOAT: add_double((double)p->f32, out); break;
	case MY_PARAM_DOUBLE: add_double(p->f64, out); break;
	case MY_PARAM_DECIMAL: lt_buf_str_add(out, p->bytes); break;
	case MY_PARAM_TEXT:
		if (json)
			add_json(p->bytes, out);
		else
			my_sql_text(out, p->bytes);
		break;
	case MY_PARAM_BYTES: my_sql_bytes(out, p->bytes); break;
	default: LT_ASSERT(p->kind == MY_PARAM_NULL); lt_buf_z(out, "NULL");
	}
}

/* The value of a slot of the row in hand. */
static const struct change_value *
value_of(const struct pipeline_route *r, const struct pipeline_slot *slot)
{
	const struct change_value *values = slot->after ? r->after : r->before;

	return values != NULL ? &values[slot->column->source] : NULL;
}

static bool
is_native_json(const struct pipeline_route *r, const struct pipeline_text *t, size_t slot)
{
	return r->json_native && slot < t->nslots && t->slots[slot].column->bind == PIPELINE_BIND_JSON &&
	       lt_str_eqz(t->slots[slot].column->target->base_type, "json");
}

static const struct change_value *
edits_of(const struct pipeline_route *r, const struct pipeline_slot *slot)
{
	const struct change_value *edits = slot->after && r->edits != NULL ? &r->edits[slot->column->source] : NULL;

	return edits != NULL && edits->kind == CHANGE_JSON_DIFF ? edits : NULL;
}

static bool
has_marks(const struct pipeline_route *r, const struct pipeline_slot *slot, const struct my_param *param)
{
	const struct change_value *v = value_of(r, slot);

	return r->json_marks && param->kind == MY_PARAM_TEXT && v != NULL && v->kind == CHANGE_JSON && v->nmarks > 0;
}

void
pipeline_sql_literal(
    const struct pipeline_route *r, const struct pipeline_text *t, const struct my_param *params, struct lt_buf *out)
{
	bool quoted = false, json;
	size_t n = 0;

	for (size_t i = 0; i < t->sql.len; i++) {
		char c = t->sql.ptr[i];

		quoted ^= c == '`'; /* a doubled one within a name ends it and begins it again */
		if (c != '?' || quoted) {
			lt_buf_c(out, c);
			continue;
		}
		json = is_native_json(r, t, n);
		if (json && edits_of(r, &t->slots[n]) != NULL)
			add_edits(edits_of(r, &t->slots[n]), t->slots[n].column->target->name, out);
		else if (json && has_marks(r, &t->slots[n], &params[n]))
			add_typed(value_of(r, &t->slots[n]), out);
		else
			add_value(&params[n], json, out);
		n++;
	}
	LT_ASSERT(n == t->nslots + (t->limit ? 1 : 0));
}

static void
note(void *ctx, struct lt_str path, struct lt_str number)
{
	(void)path;
	(void)number;
	*(bool *)ctx = true;
}

bool
pipeline_sql_needs_literal(const struct pipeline_route *r, const struct pipeline_text *t, const struct my_param *params)
{
	bool needs = false;

	for (size_t i = 0; i < t->nslots && !needs; i++) {
		if (params[i].kind != MY_PARAM_TEXT || !is_native_json(r, t, i))
			continue;
		needs = edits_of(r, &t->slots[i]) != NULL || has_marks(r, &t->slots[i], &params[i]);
		if (!needs)
			change_json_numbers(params[i].bytes, note, &needs);
	}
	return needs;
}
