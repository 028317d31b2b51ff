/* Functions of users (ADR 47): a table's writes as Lua has them, and what comes out as a value of the column's own,
 * byte for byte as the site would give it back. What does not fit is refused here, since the server would stop at it.
 */
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "change/collation.h"
#include "converge/shape_priv.h"
#include "model/site.h"
#include "schema/describe.h"
#include "script/script.h"

/** Of a column, or of all: `at` is SHAPE_ALL. */
struct shape_function {
	struct conflict_function function;
	const struct script *script;     /* borrowed from the channel */
	const struct shape_table *table; /* borrowed */
	size_t at;
	struct shape_type type;     /* of a column of numbers */
	const struct lt_str *names; /* of all columns, where it is asked about rows */
};

#define SHAPE_ALL SIZE_MAX

/* -- in ------------------------------------------------------------------------------------------- */

static struct script_value
integer(uint64_t n, struct lt_str kept)
{
	/* What Lua's integers cannot hold comes as its digits: that is not taken for a smaller number. */
	if (n > INT64_MAX)
		return (struct script_value){ .kind = SCRIPT_STRING, .string = kept };
	return (struct script_value){ .kind = SCRIPT_INTEGER, .integer = (int64_t)n };
}

static struct script_value
value_of(const struct change_column *c, struct lt_str kept)
{
	struct change_value v;

	if (kept.ptr == NULL)
		return (struct script_value){ .kind = SCRIPT_NULL };
	if (!converge_shape_value_read(c, kept, &v))
		return (struct script_value){ .kind = SCRIPT_NONE };
	switch (c->kind) {
	case CHANGE_INT: return (struct script_value){ .kind = SCRIPT_INTEGER, .integer = v.i64 };
	case CHANGE_UINT:
	case CHANGE_YEAR:
	case CHANGE_BIT:
	case CHANGE_ENUM:
	case CHANGE_SET: return integer(v.u64, kept);
	case CHANGE_FLOAT: return (struct script_value){ .kind = SCRIPT_REAL, .real = (double)v.f32 };
	case CHANGE_DOUBLE: return (struct script_value){ .kind = SCRIPT_REAL, .real = v.f64 };
	default: return (struct script_value){ .kind = SCRIPT_STRING, .string = kept };
	}
}

/* One value, or one for each column; NULL: no row. */
static const struct script_value *
image(const struct shape_function *f, const struct conflict_row *row, struct lt_arena *arena)
{
	size_t first = f->at == SHAPE_ALL ? 0 : f->at, count = f->at == SHAPE_ALL ? f->table->ncolumns : 1;
	struct script_value *values;

	if (row == NULL)
		return NULL;
	values = lt_arena_zalloc(arena, count * sizeof(*values));
	for (size_t i = 0; i < count && first + i < row->count; i++)
		values[i] = value_of(f->table->columns[first + i].kept, row->values[first + i]);
	return values;
}

static struct lt_str
site_name(const struct shape_function *f, uint32_t id, struct lt_arena *arena)
{
	char text[16];

	for (size_t i = 0; i < f->table->nsites; i++) {
		if (f->table->sites[i].id == id)
			return lt_str_z(f->table->sites[i].name);
	}
	snprintf(text, sizeof(text), "%u", id); /* of one that has left */
	return lt_arena_str(arena, lt_str_z(text));
}

static bool
call(const struct shape_function *f, const struct conflict_op *const *ops, uint32_t nops, struct lt_arena *arena,
    struct script_value *out, struct conflict_verdict *verdict)
{
	struct script_write *writes = lt_arena_alloc(arena, nops * sizeof(*writes));
	struct script_call c = { .writes = writes, .nwrites = nops };
	struct script_failure failure;

	for (uint32_t i = 0; i < nops; i++)
		writes[i] = (struct script_write){ site_name(f, conflict_origin_site(ops[i]->version.origin), arena),
			ops[i]->version.clock_us, image(f, ops[i]->before, arena), image(f, ops[i]->after, arena) };
	if (f->at == SHAPE_ALL) {
		c.columns = f->names;
		c.ncolumns = (uint32_t)f->table->ncolumns;
	}
	if (script_call(f->script, &c, arena, out, &failure)) {
		if (out->kind == SCRIPT_NONE)
			verdict->failed = "no value";
		return out->kind != SCRIPT_NONE;
	}
	verdict->failed = failure.what;
	verdict->details = failure.details;
	return false;
}

static void
decide_row(const void *ctx, const struct conflict_op *const *writes, uint32_t nwrites, struct lt_arena *arena,
    struct conflict_verdict *out)
{
	struct script_value v = { 0 };

	if (!call(ctx, writes, nwrites, arena, &v, out))
		return;
	if ((v.kind == SCRIPT_WRITE || v.kind == SCRIPT_INTEGER) && v.integer >= 1 && v.integer <= (int64_t)nwrites)
		out->stands = (uint32_t)v.integer - 1;
	else
		out->failed = "none of them";
}

/* -- out ------------------------------------------------------------------------------------------ */

/* As digits; a real where it is whole. */
static bool
whole_text(const struct script_value *v, char text[24], struct lt_str *out)
{
	int64_t n = v->integer;

	if (v->kind == SCRIPT_STRING) {
		*out = v->string;
		return true;
	}
	if (v->kind == SCRIPT_REAL) {
		if (v->real < (double)INT64_MIN || v->real >= -(double)INT64_MIN || !(v->real == trunc(v->real)))
			return false;
		n = (int64_t)v->real;
	} else if (v->kind != SCRIPT_INTEGER) {
		return false;
	}
	*out = lt_str_of(text, (size_t)snprintf(text, 24, "%lld", (long long)n));
	return true;
}

static bool
is_in_range(const struct shape_function *f, const struct change_column *c, const struct change_value *v)
{
	switch (c->kind) {
	case CHANGE_INT: return v->i64 < 0 ? 0 - (uint64_t)v->i64 <= f->type.least : (uint64_t)v->i64 <= f->type.most;
	case CHANGE_UINT: return v->u64 <= f->type.most;
	case CHANGE_YEAR: return v->u64 == 0 || (v->u64 >= 1901 && v->u64 <= 2155);
	case CHANGE_ENUM: return v->u64 >= 1 && v->u64 <= c->nmembers;
	case CHANGE_SET: return c->nmembers >= 64 || v->u64 >> c->nmembers == 0;
	case CHANGE_BIT: return c->length >= 64 || v->u64 >> c->length == 0;
	default: return false;
	}
}

static bool
make_integer(const struct shape_function *f, const struct script_value *v, struct lt_arena *arena, struct lt_str *out)
{
	const struct shape_column *c = &f->table->columns[f->at];
	struct change_value value;
	struct lt_str text;
	char room[24];

	return whole_text(v, room, &text) && converge_shape_value_found(c, text, arena, out) &&
	       converge_shape_value_read(c->kept, *out, &value) && is_in_range(f, c->kept, &value);
}

static bool
make_real(const struct shape_function *f, const struct script_value *v, struct lt_arena *arena, struct lt_str *out)
{
	const struct change_column *c = f->table->columns[f->at].kept;
	struct change_value value = { .kind = c->kind };
	double d = v->kind == SCRIPT_INTEGER ? (double)v->integer : v->real;

	if ((v->kind != SCRIPT_INTEGER && v->kind != SCRIPT_REAL) || !isfinite(d) ||
	    (c->kind == CHANGE_FLOAT && !isfinite((float)d)) || (c->is_unsigned && d < 0))
		return false;
	if (c->kind == CHANGE_FLOAT)
		value.f32 = (float)d + 0.0F; /* no -0: MariaDB has none */
	else
		value.f64 = d + 0.0;
	*out = converge_shape_value_keep(NULL, &value, arena);
	return true;
}

static bool
make_decimal(const struct shape_function *f, const struct script_value *v, struct lt_arena *arena, struct lt_str *out)
{
	const struct change_column *c = f->table->columns[f->at].kept;
	struct lt_str text;
	size_t whole;
	char room[24];

	/* A real has no digits of its own: how many are meant, the function must say. */
	if (v->kind == SCRIPT_REAL || !whole_text(v, room, &text) ||
	    !converge_shape_decimal(text, c->scale, arena, out))
		return false;
	whole = out->len - (out->ptr[0] == '-') - (c->scale > 0 ? c->scale + 1u : 0);
	if (whole == 1 && out->ptr[out->ptr[0] == '-'] == '0')
		whole = 0;
	return whole <= (size_t)c->precision - c->scale && !(c->is_unsigned && out->ptr[0] == '-');
}

static bool
is_day(const struct change_time *t)
{
	return t->year >= 1000 && lt_day_exists(t->year, t->month, t->day);
}

static bool
make_time(const struct shape_function *f, const struct script_value *v, struct lt_arena *arena, struct lt_str *out)
{
	const struct shape_column *c = &f->table->columns[f->at];
	struct change_time t;

	if (v->kind != SCRIPT_STRING || !converge_shape_value_found(c, v->string, arena, out) ||
	    !converge_shape_time_parse(c->kept->kind, *out, c->kept->scale, &t) || t.minute > 59 || t.second > 59)
		return false;
	switch (c->kept->kind) {
	case CHANGE_TIME:
		if (t.negative && (t.hour | t.minute | t.second | t.micro) == 0)
			*out = lt_str_of(out->ptr + 1, out->len - 1); /* no -0: servers have none */
		return t.hour < 838 || (t.hour == 838 && t.micro == 0);
	case CHANGE_TIMESTAMP: /* the range that every server has */
		return is_day(&t) && t.hour < 24 && lt_str_cmp(*out, LT_STR("1970-01-01 00:00:01")) >= 0 &&
		       lt_str_cmp(*out, LT_STR("2038-01-19 03:14:07")) <= 0;
	default: return is_day(&t) && t.hour < 24;
	}
}

/* Whether it is text of that character set, and how many characters; others than these nobody can tell here. */
static bool
count_characters(struct lt_str s, struct lt_str charset, size_t *out)
{
	bool ascii = lt_str_eqz(charset, "ascii"), narrow = !lt_str_eqz(charset, "utf8mb4");

	*out = s.len;
	if (lt_str_eqz(charset, "latin1"))
		return true;
	if (!converge_shape_charset_is_utf8(charset) || !lt_utf8_valid(s))
		return false;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if ((ascii && c >= 0x80) || (narrow && c >= 0xf0))
			return false;
		*out -= (c & 0xc0) == 0x80;
	}
	return true;
}

static bool
make_text(const struct shape_function *f, const struct script_value *v, struct lt_str *out)
{
	const struct shape_column *c = &f->table->columns[f->at];
	struct lt_str charset = c->kept->charset;
	uint64_t bytes = schema_blob_max(c->target);
	size_t characters;

	*out = c->padded ? converge_shape_cut_blanks(v->string, charset) : v->string;
	if (!count_characters(*out, charset, &characters))
		return false;
	return bytes > 0 ? out->len <= bytes : characters <= c->kept->length / change_charset_width(charset);
}

static bool
make_bytes(const struct shape_function *f, const struct script_value *v, struct lt_arena *arena, struct lt_str *out)
{
	const struct shape_column *c = &f->table->columns[f->at];
	uint64_t bytes = schema_blob_max(c->target);
	bool fixed = lt_str_eqz(c->target->base_type, "binary");
	char *padded;

	*out = v->string;
	if (bytes == 0 && !fixed && !lt_str_eqz(c->target->base_type, "varbinary"))
		return false;
	if (out->len > (bytes > 0 ? bytes : c->kept->length))
		return false;
	if (!fixed || out->len == c->kept->length)
		return true;
	padded = lt_arena_zalloc(arena, c->kept->length);
	memcpy(padded, out->ptr, out->len);
	*out = lt_str_of(padded, c->kept->length);
	return true;
}

/* What one of the writes had is a value of the column, whatever it is. */
static bool
find_given(const struct shape_function *f, const struct conflict_op *const *ops, uint32_t nops, struct lt_str wanted,
    struct lt_str *out)
{
	for (uint32_t i = 0; i < 2 * nops; i++) {
		const struct conflict_row *row = i % 2 == 0 ? ops[i / 2]->after : ops[i / 2]->before;

		if (row == NULL || f->at >= row->count || row->values[f->at].ptr == NULL ||
		    !lt_str_eq(row->values[f->at], wanted))
			continue;
		*out = row->values[f->at];
		return true;
	}
	return false;
}

static bool
make(const struct shape_function *f, const struct script_value *v, struct lt_arena *arena, struct lt_str *out)
{
	const struct shape_column *c = &f->table->columns[f->at];

	*out = (struct lt_str){ 0 };
	if (v->kind == SCRIPT_NULL)
		return c->target->nullable;
	switch (c->kept->kind) {
	case CHANGE_INT:
	case CHANGE_UINT:
	case CHANGE_YEAR:
	case CHANGE_BIT:
	case CHANGE_ENUM:
	case CHANGE_SET: return make_integer(f, v, arena, out);
	case CHANGE_FLOAT:
	case CHANGE_DOUBLE: return make_real(f, v, arena, out);
	case CHANGE_DECIMAL: return make_decimal(f, v, arena, out);
	case CHANGE_DATE:
	case CHANGE_TIME:
	case CHANGE_DATETIME:
	case CHANGE_TIMESTAMP: return make_time(f, v, arena, out);
	case CHANGE_TEXT: return v->kind == SCRIPT_STRING && make_text(f, v, out);
	case CHANGE_BYTES: return v->kind == SCRIPT_STRING && make_bytes(f, v, arena, out);
	default: return false; /* as JSON is kept, only the server knows: one of those given */
	}
}

static void
decide_column(const void *ctx, const struct conflict_op *const *writes, uint32_t nwrites, struct lt_arena *arena,
    struct conflict_verdict *out)
{
	const struct shape_function *f = ctx;
	struct script_value v = { 0 };

	if (!call(f, writes, nwrites, arena, &v, out))
		return;
	if (v.kind == SCRIPT_STRING && find_given(f, writes, nwrites, v.string, &out->value))
		return;
	if (!make(f, &v, arena, &out->value))
		out->failed = "does not fit";
}

/* -- made once ------------------------------------------------------------------------------------ */

static struct shape_function *
new_function(struct shape_table *t, const struct script *script, size_t at)
{
	struct shape_function *f = lt_arena_zalloc(t->arena, sizeof(*f));

	f->function.ctx = f;
	f->script = script;
	f->table = t;
	f->at = at;
	return f;
}

const struct conflict_function *
converge_shape_function_of_row(struct shape_table *t, const struct script *script)
{
	struct shape_function *f = new_function(t, script, SHAPE_ALL);
	struct lt_str *names = lt_arena_alloc(t->arena, t->ncolumns * sizeof(*names));

	for (size_t i = 0; i < t->ncolumns; i++)
		names[i] = t->columns[i].kept->name;
	f->names = names;
	f->function.decide = decide_row;
	return &f->function;
}

bool
converge_shape_function_of_column(struct shape_table *t, size_t at, const struct script *script,
    const struct conflict_function **ret, struct lt_err *err)
{
	const struct shape_column *c = &t->columns[at];
	struct shape_function *f = new_function(t, script, at);
	bool real = c->kept->kind == CHANGE_FLOAT || c->kept->kind == CHANGE_DOUBLE;

	for (size_t i = 0; i < t->key.nparts; i++) {
		if (t->key.parts[i].at == at)
			return converge_shape_table_fail(t, err,
			    "column %.*s is in the primary key, which no function makes", LT_FMT(c->kept->name));
	}
	/* FLOAT(7,2): the server rounds what is written. */
	if (!converge_shape_type_of(c, real, &f->type) && real)
		return converge_shape_table_fail(t, err, "column %.*s (%.*s) cannot be decided by `function`",
		    LT_FMT(c->kept->name), LT_FMT(c->target->type));
	f->function.decide = decide_column;
	*ret = &f->function;
	return true;
}
