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

/* The document, and over it its numbers that are no DOUBLE. */
static void
add_json(struct lt_str text, struct lt_buf *out)
{
	struct lt_buf numbers = { 0 };

	change_json_numbers(text, add_number, &numbers);
	if (numbers.len > 0)
		lt_buf_z(out, "JSON_REPLACE(");
	lt_buf_z(out, "CAST(");
	my_sql_text(out, text);
	lt_buf_z(out, " AS JSON)");
	if (numbers.len > 0) {
		lt_buf_str_add(out, lt_buf_str(&numbers));
		lt_buf_c(out, ')');
	}
	lt_buf_free(&numbers);
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

static bool
is_native_json(const struct pipeline_route *r, const struct pipeline_text *t, size_t slot)
{
	return r->json_native && slot < t->nslots && t->slots[slot].column->bind == PIPELINE_BIND_JSON &&
	       lt_str_eqz(t->slots[slot].column->target->base_type, "json");
}

void
pipeline_sql_literal(
    const struct pipeline_route *r, const struct pipeline_text *t, const struct my_param *params, struct lt_buf *out)
{
	bool quoted = false;
	size_t n = 0;

	for (size_t i = 0; i < t->sql.len; i++) {
		char c = t->sql.ptr[i];

		quoted ^= c == '`'; /* a doubled one within a name ends it and begins it again */
		if (c != '?' || quoted) {
			lt_buf_c(out, c);
			continue;
		}
		add_value(&params[n], is_native_json(r, t, n), out);
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
		if (params[i].kind == MY_PARAM_TEXT && is_native_json(r, t, i))
			change_json_numbers(params[i].bytes, note, &needs);
	}
	return needs;
}
