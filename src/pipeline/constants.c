#include "pipeline/constants_priv.h"

bool
pipeline_key_has(const struct schema_key *key, size_t column)
{
	for (size_t i = 0; key != NULL && i < key->nparts; i++) {
		if (key->parts[i].column == column)
			return true;
	}
	return false;
}

void
pipeline_constants_make_room(struct pipeline_route *route, const struct model_rule *rule)
{
	size_t constants, all;

	model_rule_constants(rule, &constants);
	all = route->from->ncolumns + constants;
	route->columns = lt_calloc(all, sizeof(*route->columns));
	route->before = lt_calloc(all, sizeof(*route->before));
	route->after = lt_calloc(all, sizeof(*route->after));
	route->constants = lt_calloc(constants + 1, sizeof(*route->constants));
}

/* "-7" as what a log's integer would be; false: text. */
static bool
integer(struct lt_str text, struct change_value *out)
{
	bool negative = text.len > 0 && text.ptr[0] == '-';
	uint64_t n;

	if (text.len > 0 && (negative || text.ptr[0] == '+'))
		text = lt_str_of(text.ptr + 1, text.len - 1);
	if (!lt_str_u64(text, &n) || (negative && n > INT64_MAX))
		return false;
	*out = (struct change_value){ .kind = negative ? CHANGE_INT : CHANGE_UINT };
	if (negative)
		out->i64 = -(int64_t)n;
	else
		out->u64 = n;
	return true;
}

static bool
is_integer_type(const struct schema_column *c)
{
	static const char *const types[] = { "tinyint", "smallint", "mediumint", "int", "bigint" };

	for (size_t i = 0; i < LT_COUNT(types); i++) {
		if (lt_str_eqz(c->base_type, types[i]))
			return true;
	}
	return false;
}

/* Numbers go as numbers where the column takes them so, all else as text: the target converts it as it would a literal.
 */
static struct change_value
value_of(const struct pipeline_route *route, const struct model_constant *constant, const struct schema_column *target,
    enum pipeline_bind *bind)
{
	struct change_value v = { .kind = CHANGE_TEXT, .bytes = constant->text };

	*bind = PIPELINE_BIND_UTF8;
	switch (constant->kind) {
	case MODEL_CONSTANT_NULL: v.kind = CHANGE_NULL; break;
	case MODEL_CONSTANT_NUMBER:
		if (is_integer_type(target) && integer(constant->text, &v))
			*bind = PIPELINE_BIND_NUMBER;
		break;
	case MODEL_CONSTANT_TEXT: break;
	case MODEL_CONSTANT_SCHEMA: v.bytes = route->from->schema; break;
	case MODEL_CONSTANT_TABLE: v.bytes = route->from->name; break;
	}
	return v;
}

bool
pipeline_constants_add(
    struct pipeline_route *route, const struct model_rule *rule, const struct schema_key *key, struct lt_err *err)
{
	size_t count;
	const struct model_constant *constants = model_rule_constants(rule, &count);

	for (size_t i = 0; i < count; i++) {
		size_t at = schema_table_column(route->target, constants[i].column), source = route->from->ncolumns + i;
		struct pipeline_column *c = &route->columns[route->ncolumns];

		if (at == SIZE_MAX)
			return lt_fail(err, LT_E_COLUMN_MISSING,
			    "the target's table %.*s.%.*s has no column %.*s, which `set` names",
			    LT_FMT(route->target->schema), LT_FMT(route->target->name), LT_FMT(constants[i].column));
		if (route->target->columns[at].generated != SCHEMA_PLAIN)
			return lt_fail(err, LT_E_CONFIG_MAPPING, "set: the target makes column %.*s itself",
			    LT_FMT(constants[i].column));
		route->constants[i] = (struct change_column){
			.name = constants[i].column, .kind = CHANGE_TEXT, .charset = LT_STR("utf8mb4"), .nullable = true
		};
		*c = (struct pipeline_column){ .source = source,
			.target = &route->target->columns[at],
			.from = &route->constants[i],
			.in_key = pipeline_key_has(key, at),
			.constant = true };
		route->before[source] = route->after[source] = value_of(route, &constants[i], c->target, &c->bind);
		route->ncolumns++;
	}
	return true;
}
