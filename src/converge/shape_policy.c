/* A table's rules for the core: the channel's words, checked against the table; and how values of a column are ordered
 * and added. */
#include <float.h>
#include <stdio.h>

#include "converge/shape_priv.h"
#include "model/site.h"

/* -- decimals: any number as digits around a fixed point ------------------------------------------ */

#define PLACES 38 /* of MariaDB's DECIMAL */
#define DIGITS (65 + 2 + PLACES)

struct number {
	int32_t d[DIGITS]; /* the highest first */
};

/* Adds `sign` times the number that the text is; what is kept is well-formed. */
static void
accumulate(struct number *n, struct lt_str text, int32_t sign)
{
	bool negative = text.len > 0 && text.ptr[0] == '-';
	const char *point = text.len > 0 ? memchr(text.ptr, '.', text.len) : NULL;
	size_t whole = point != NULL ? (size_t)(point - text.ptr) : text.len, at = DIGITS - PLACES - (whole - negative);

	if (whole - negative > DIGITS - PLACES)
		return;
	for (size_t i = negative; i < text.len && at < DIGITS; i++) {
		if (text.ptr[i] != '.')
			n->d[at++] += (negative ? -sign : sign) * (text.ptr[i] - '0');
	}
}

static void
negate(struct number *n)
{
	for (size_t i = 0; i < DIGITS; i++)
		n->d[i] = -n->d[i];
}

/* What is left over in front of the highest digit. */
static int32_t
carry(struct number *n)
{
	int32_t over = 0;

	for (size_t i = DIGITS; i-- > 0;) {
		int32_t d = n->d[i] + over;

		over = d >= 0 ? d / 10 : -((9 - d) / 10);
		n->d[i] = d - over * 10;
	}
	return over;
}

/* Bring it to digits from 0 to 9; true: it is negative. */
static bool
settle(struct number *n)
{
	struct number copy = *n;

	if (carry(&copy) >= 0) {
		*n = copy;
		return false;
	}
	negate(n);
	(void)carry(n);
	return true;
}

static int
compare_decimals(struct lt_str a, struct lt_str b)
{
	struct number n = { 0 };
	bool negative;

	accumulate(&n, a, 1);
	accumulate(&n, b, -1);
	negative = settle(&n);
	for (size_t i = 0; i < DIGITS; i++) {
		if (n.d[i] != 0)
			return negative ? -1 : 1;
	}
	return 0;
}

/* -- compare -------------------------------------------------------------------------------------- */

static int
compare_number(const void *ctx, struct lt_str a, struct lt_str b)
{
	(void)ctx;
	return compare_decimals(a, b);
}

static double
real_of(const struct shape_type *t, struct lt_str kept)
{
	struct change_column c = { .kind = t->kind };
	struct change_value v;

	if (!converge_shape_value_read(&c, kept, &v))
		return 0;
	return t->kind == CHANGE_FLOAT ? (double)v.f32 : v.f64;
}

static int
compare_real(const void *ctx, struct lt_str a, struct lt_str b)
{
	double x = real_of(ctx, a), y = real_of(ctx, b);

	return (x > y) - (x < y);
}

static int64_t
micros_of(const struct shape_type *t, struct lt_str kept)
{
	struct change_time v = { 0 };
	int64_t days, us;

	if (!converge_shape_time_parse(t->kind, kept, t->scale, &v))
		return 0;
	days = ((int64_t)v.year * 16 + v.month) * 32 +
	       v.day; /* in order, not in number; a TIME has none, and more hours */
	us = (((days * 32 + v.hour) * 60 + v.minute) * 60 + v.second) * 1000000 + v.micro;
	return v.negative ? -us : us;
}

static int
compare_time(const void *ctx, struct lt_str a, struct lt_str b)
{
	int64_t x = micros_of(ctx, a), y = micros_of(ctx, b);

	return (x > y) - (x < y);
}

/* -- add ------------------------------------------------------------------------------------------ */

static struct lt_str
zero_if_null(struct lt_str value)
{
	return value.ptr != NULL ? value : LT_STR("0");
}

/* As text with `places` behind the point, held to `whole` digits in front of it and, where `least` says so, to no less
 * than zero. */
static struct lt_str
number_text(struct number *n, const struct shape_type *t, struct lt_arena *arena)
{
	bool negative = settle(n), over = false, zero = true;
	size_t first = DIGITS - PLACES, top = first - t->whole, end = first + t->scale;
	char *text = lt_arena_alloc(arena, DIGITS + 3), *to = text;

	for (size_t i = 0; i < top; i++)
		over = over || n->d[i] != 0;
	if (negative && t->least == 0)
		memset(n, 0, sizeof(*n));
	for (size_t i = top; over && i < end && !(negative && t->least == 0); i++)
		n->d[i] = 9;
	for (size_t i = top; i < end; i++)
		zero = zero && n->d[i] == 0;
	if (negative && !zero)
		*to++ = '-';
	while (top + 1 < first && n->d[top] == 0)
		top++;
	if (t->whole == 0)
		*to++ = '0';
	for (size_t i = top; i < end; i++) {
		if (i == first)
			*to++ = '.';
		*to++ = (char)('0' + n->d[i]);
	}
	return lt_str_of(text, (size_t)(to - text));
}

static struct lt_str
add_decimal(const void *ctx, struct lt_str value, struct lt_str before, struct lt_str after, struct lt_arena *arena)
{
	struct number n = { 0 };

	if (conflict_value_eq(value, before))
		return after;
	accumulate(&n, zero_if_null(value), 1);
	accumulate(&n, after, 1);
	accumulate(&n, before, -1);
	return number_text(&n, ctx, arena);
}

static struct lt_str
add_integer(const void *ctx, struct lt_str value, struct lt_str before, struct lt_str after, struct lt_arena *arena)
{
	const struct shape_type *t = ctx;
	struct lt_str sum;
	char text[32];

	if (conflict_value_eq(value, before))
		return after;
	sum = add_decimal(&(struct shape_type){ .whole = 22, .least = 1 }, value, before, after, arena);
	snprintf(text, sizeof(text), "%llu", (unsigned long long)t->most);
	if (compare_decimals(sum, lt_str_z(text)) > 0)
		return lt_arena_str(arena, lt_str_z(text));
	snprintf(text, sizeof(text), "%s%llu", t->least > 0 ? "-" : "", (unsigned long long)t->least);
	if (compare_decimals(sum, lt_str_z(text)) < 0)
		return lt_arena_str(arena, lt_str_z(text));
	return sum;
}

static struct lt_str
add_real(const void *ctx, struct lt_str value, struct lt_str before, struct lt_str after, struct lt_arena *arena)
{
	const struct shape_type *t = ctx;
	double most = t->kind == CHANGE_FLOAT ? (double)FLT_MAX : DBL_MAX, sum;
	struct change_value v = { .kind = t->kind };

	if (conflict_value_eq(value, before))
		return after;
	sum = (value.ptr != NULL ? real_of(t, value) : 0) + (real_of(t, after) - real_of(t, before));
	sum = sum > most ? most : sum;
	sum = sum < -most ? -most : sum;
	if (t->least == 0 && sum < 0)
		sum = 0;
	if (t->kind == CHANGE_FLOAT)
		v.f32 = (float)sum;
	else
		v.f64 = sum;
	return converge_shape_value_keep(NULL, &v, arena);
}

/* -- types ---------------------------------------------------------------------------------------- */

static void
integer_range(const struct shape_column *c, struct shape_type *out)
{
	static const struct {
		const char *name;
		unsigned bits;
	} widths[] = { { "tinyint", 8 }, { "smallint", 16 }, { "mediumint", 24 }, { "int", 32 }, { "bigint", 64 } };
	unsigned bits = 64;

	for (size_t i = 0; i < LT_COUNT(widths); i++) {
		if (lt_str_eqz(c->target->base_type, widths[i].name))
			bits = widths[i].bits;
	}
	out->most = UINT64_MAX >> (64 - bits + !c->target->is_unsigned);
	out->least = c->target->is_unsigned ? 0 : out->most + 1;
}

/* FLOAT(7,2): what is written is rounded. */
static bool
is_rounded(const struct shape_column *c)
{
	return memchr(c->target->type.ptr, '(', c->target->type.len) != NULL;
}

bool
converge_shape_type_of(const struct shape_column *c, bool counter, struct shape_type *out)
{
	const struct change_column *kept = c->kept;

	*out = (struct shape_type){ .kind = kept->kind, .scale = kept->scale, .least = !kept->is_unsigned };
	out->type.ctx = out;
	switch (kept->kind) {
	case CHANGE_INT:
	case CHANGE_UINT:
		integer_range(c, out);
		out->type.compare = compare_number;
		out->type.add = add_integer;
		return true;
	case CHANGE_DECIMAL:
		out->whole = (unsigned)kept->precision - kept->scale;
		out->type.compare = compare_number;
		out->type.add = add_decimal;
		return true;
	case CHANGE_FLOAT:
	case CHANGE_DOUBLE:
		out->type.compare = compare_real;
		out->type.add = add_real;
		return !counter || !is_rounded(c);
	case CHANGE_YEAR:
	case CHANGE_BIT:
	case CHANGE_ENUM:
	case CHANGE_SET: out->type.compare = compare_number; return !counter;
	case CHANGE_DATE:
	case CHANGE_TIME:
	case CHANGE_DATETIME:
	case CHANGE_TIMESTAMP: out->type.compare = compare_time; return !counter;
	default: return false;
	}
}

/* -- policies ------------------------------------------------------------------------------------- */

static enum conflict_rule
rule_of(enum model_conflict_rule rule)
{
	switch (rule) {
	case MODEL_CONFLICT_COUNTER: return CONFLICT_SUM;
	case MODEL_CONFLICT_GREATEST: return CONFLICT_MAX;
	case MODEL_CONFLICT_LEAST: return CONFLICT_MIN;
	case MODEL_CONFLICT_MADE: return CONFLICT_FUNCTION;
	case MODEL_CONFLICT_LAST: break;
	}
	return CONFLICT_LAST;
}

/* As the channel file has them. */
static const char *const rule_names[] = {
	[CONFLICT_SUM] = "counter",
	[CONFLICT_MAX] = "greatest",
	[CONFLICT_MIN] = "least",
	[CONFLICT_FUNCTION] = "function",
};

void
converge_shape_rules(const struct converge_shape *s, struct lt_buf *out)
{
	const struct conflict_policy *p = converge_shape_policy(s);
	const char *comma = "";

	for (uint32_t i = 0; p->kind == CONFLICT_BY_COLUMN && i < p->ncolumns; i++) {
		if (p->columns[i].rule == CONFLICT_LAST)
			continue;
		lt_buf_printf(
		    out, "%s%.*s: %s", comma, LT_FMT(s->table->columns[i].kept->name), rule_names[p->columns[i].rule]);
		comma = ", ";
	}
}

static size_t
find_column(const struct shape_table *t, const char *name)
{
	size_t i = 0;

	while (i < t->ncolumns && !lt_str_ieq(t->columns[i].kept->name, lt_str_z(name)))
		i++;
	return i;
}

static bool
add_rule(const struct model_conflict_column *c, struct shape_table *t, size_t at, struct conflict_column *rules,
    struct lt_err *err)
{
	struct shape_type *type = lt_arena_zalloc(t->arena, sizeof(*type));
	struct conflict_column *rule = &rules[at];

	*rule = (struct conflict_column){ .rule = rule_of(c->rule) };
	if (c->rule == MODEL_CONFLICT_MADE)
		return converge_shape_function_of_column(t, at, c->function, &rule->function, err);
	rule->type = &type->type;
	return converge_shape_type_of(&t->columns[at], c->rule == MODEL_CONFLICT_COUNTER, type) ||
	       converge_shape_table_fail(t, err, "column %s (%.*s) cannot be decided by `%s`", c->name,
		   LT_FMT(t->columns[at].target->type), rule_names[rule->rule]);
}

static bool
add_rules(const struct model_conflict_policy *from, struct shape_table *t, struct lt_err *err)
{
	struct conflict_column *rules = lt_arena_zalloc(t->arena, t->ncolumns * sizeof(*rules));

	for (size_t i = 0; i < from->ncolumns; i++) {
		const struct model_conflict_column *c = &from->columns[i];
		size_t at = find_column(t, c->name);

		if (c->rule == MODEL_CONFLICT_LAST)
			continue;
		if (at == t->ncolumns)
			return converge_shape_table_fail(
			    t, err, "it has no column %s to be written, which `conflicts` names", c->name);
		if (!add_rule(c, t, at, rules, err))
			return false;
	}
	t->policy.columns = rules;
	t->policy.ncolumns = (uint32_t)t->ncolumns;
	return true;
}

bool
converge_shape_policy_make(const struct model_conflict_policy *from, struct shape_table *t, struct lt_err *err)
{
	uint32_t *trusted;

	t->policy = (struct conflict_policy){ .kind = CONFLICT_BY_ROW };
	if (from->kind == MODEL_CONFLICT_ROW || from->kind == MODEL_CONFLICT_NONE) {
		t->policy.unique = t->nuniques > 0;
		return true;
	}
	if (t->nuniques > 0)
		return converge_shape_table_fail(t, err,
		    "it has a unique index (%.*s) beside its primary key, which only `last-writer-wins` can decide",
		    LT_FMT(t->uniques[0].key->name));
	if (from->kind == MODEL_CONFLICT_COLUMN) {
		t->policy.kind = CONFLICT_BY_COLUMN;
		return add_rules(from, t, err);
	}
	if (from->kind == MODEL_CONFLICT_FUNCTION) {
		t->policy.kind = CONFLICT_BY_FUNCTION;
		t->policy.function = converge_shape_function_of_row(t, from->function);
		return true;
	}
	t->policy.kind = CONFLICT_BY_HOME;
	trusted = lt_arena_alloc(t->arena, (from->ntrusted + 1) * sizeof(*trusted));
	for (size_t i = 0; i < from->ntrusted; i++)
		trusted[i] = t->sites[from->trusted[i]].id;
	t->policy.trusted = trusted;
	t->policy.ntrusted = (uint32_t)from->ntrusted;
	return true;
}
