/* `conflicts`: the rules by which it is decided who wins, by table and column. */
#include "model/conflicts.h"

#include "model/channel_priv.h"
#include "model/field.h"
#include "model/pattern_priv.h"
#include "script/script.h"

enum { ENTRIES_MAX = 1024, COLUMNS_MAX = 4096 };

#define DAY_MS ((uint64_t)86400 * 1000)

static const struct model_key conflict_keys[] = { { "policy", true }, { "tables", false }, { "heartbeat", false },
	{ "max-skew", false }, { "keep", false }, { "shadow", false } };
static const struct model_key entry_keys[] = { { "table", true }, { "policy", false }, { "columns", false } };
static const struct model_key policy_keys[] = { { "trusted", false }, { "function", false },
	{ "function-file", false } };
static const struct model_key rule_keys[] = { { "function", false }, { "function-file", false } };
static const struct model_key keep_keys[] = { { "age", false }, { "rows", false } };

static const char *const kinds[] = { [MODEL_CONFLICT_NONE] = "none",
	[MODEL_CONFLICT_ROW] = "last-writer-wins",
	[MODEL_CONFLICT_COLUMN] = "column-last-writer-wins" };
static const char *const rules[] = {
	[MODEL_CONFLICT_COUNTER] = "counter", [MODEL_CONFLICT_GREATEST] = "greatest", [MODEL_CONFLICT_LEAST] = "least"
};

/** The file that is read. */
struct reading {
	struct model_channel *channel;
	const char *path;
};

static void
clear_policy(struct model_conflict_policy *p)
{
	free(p->tables);
	if (p->pattern != NULL)
		model_pattern_clear(p->pattern);
	free(p->pattern);
	free(p->trusted);
	script_free(p->function);
	for (size_t i = 0; i < p->ncolumns; i++) {
		free(p->columns[i].name);
		script_free(p->columns[i].function);
	}
	free(p->columns);
}

void
model_conflicts_clear(struct model_conflicts *k)
{
	for (size_t i = 0; i < k->npolicies; i++)
		clear_policy(&k->policies[i]);
	free(k->policies);
	lt_arena_free(k->arena);
	*k = (struct model_conflicts){ 0 };
}

/* -- functions ------------------------------------------------------------------------------------ */

static bool
read_file(const char *path, const struct model_yaml *node, struct lt_buf *out, struct lt_err *err)
{
	struct lt_str name;
	char *full;
	bool ok;

	if (!model_field_text(node, "function-file", &name, err))
		return false;
	full = model_resolve(path, name);
	model_yaml_at(node, err);
	ok = model_read_file(full, SCRIPT_TEXT_MAX, false, out, err);
	free(full);
	return ok;
}

/* `{ function: TEXT }` or `{ function-file: NAME }`; `column` may be NULL. */
static bool
read_function(const struct reading *r, const struct model_yaml *map, const char *tables, const char *column,
    struct script **out, struct lt_err *err)
{
	const struct model_yaml *inside = model_yaml_get(map, "function"),
				*beside = model_yaml_get(map, "function-file");
	struct lt_buf text = { 0 };
	struct lt_str s = { 0 };
	bool ok;

	if ((inside != NULL) == (beside != NULL))
		return model_yaml_fail(
		    map, err, LT_E_CONFIG_VALUE, "a function is wanted, in `function` or in `function-file`");
	ok = inside != NULL ? model_field_text(inside, "function", &s, err) : read_file(r->path, beside, &text, err);
	if (beside != NULL)
		s = lt_buf_str(&text);
	if (ok) {
		model_yaml_at(inside != NULL ? inside : beside, err);
		ok = script_new(s, out, err) ||
		     lt_wrap(err, "function of %s%s%s%s%.*s", tables != NULL ? tables : "all tables",
			 column != NULL ? ", column " : "", column != NULL ? column : "", beside != NULL ? ", " : "",
			 LT_FMT(beside != NULL ? beside->text : LT_STR("")));
	}
	lt_buf_free(&text);
	return ok;
}

/* -- a policy ------------------------------------------------------------------------------------- */

static bool
add_trusted(
    const struct model_channel *c, const struct model_yaml *node, struct model_conflict_policy *p, struct lt_err *err)
{
	const char *names[MODEL_SITES_MAX];
	struct lt_str name;
	size_t site;

	if (!model_field_text(node, "trusted", &name, err))
		return false;
	model_channel_site_names(c, names);
	if (!model_channel_site(c, name, &site))
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE, "trusted: there is no site of that name");
	for (size_t i = 0; i < p->ntrusted; i++) {
		if (p->trusted[i] == site)
			return model_yaml_fail(
			    node, err, LT_E_CONFIG_VALUE, "trusted: the site %s stands twice", names[site]);
	}
	p->trusted[p->ntrusted++] = site;
	return true;
}

static bool
read_trusted(
    const struct model_channel *c, const struct model_yaml *node, struct model_conflict_policy *p, struct lt_err *err)
{
	if (node->kind == MODEL_YAML_MAP || (node->kind == MODEL_YAML_LIST && node->count == 0))
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE,
		    "trusted: a site or a list of sites, the most trusted first, is wanted");
	p->kind = MODEL_CONFLICT_HOME;
	p->trusted = lt_calloc(c->nsites, sizeof(*p->trusted));
	if (node->kind == MODEL_YAML_TEXT)
		return add_trusted(c, node, p, err);
	for (const struct model_yaml *n = node->first; n != NULL; n = n->next) {
		if (!add_trusted(c, n, p, err)) /* no site stands twice: there are no more than sites */
			return false;
	}
	return true;
}

static bool
read_policy_map(
    const struct reading *r, const struct model_yaml *node, struct model_conflict_policy *p, struct lt_err *err)
{
	const struct model_yaml *trusted;

	if (!model_field_map(node, "policy", policy_keys, LT_COUNT(policy_keys), err))
		return false;
	trusted = model_yaml_get(node, "trusted");
	if (node->count != 1)
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE,
		    "policy: one of { trusted: SITE }, { function: TEXT }, { function-file: NAME } is wanted");
	if (trusted != NULL)
		return read_trusted(r->channel, trusted, p, err);
	p->kind = MODEL_CONFLICT_FUNCTION;
	return read_function(r, node, p->tables, NULL, &p->function, err);
}

static bool
read_policy(const struct reading *r, const struct model_yaml *node, struct model_conflict_policy *p, struct lt_err *err)
{
	if (node->kind == MODEL_YAML_MAP)
		return read_policy_map(r, node, p, err);
	for (size_t i = 0; node->kind == MODEL_YAML_TEXT && i < LT_COUNT(kinds); i++) {
		if (lt_str_eqz(node->text, kinds[i])) {
			p->kind = (enum model_conflict_kind)i;
			return true;
		}
	}
	return model_yaml_fail(node, err, LT_E_CONFIG_VALUE,
	    "policy: none, last-writer-wins, column-last-writer-wins, { trusted: SITE } or { function: TEXT } is wanted");
}

/* -- an entry of `tables` ------------------------------------------------------------------------- */

static bool
read_rule(const struct reading *r, const struct model_yaml *node, const char *tables, struct model_conflict_column *out,
    struct lt_err *err)
{
	if (node->kind == MODEL_YAML_MAP) {
		out->rule = MODEL_CONFLICT_MADE;
		return model_field_map(node, "rule of a column", rule_keys, LT_COUNT(rule_keys), err) &&
		       read_function(r, node, tables, out->name, &out->function, err);
	}
	for (size_t i = MODEL_CONFLICT_COUNTER; node->kind == MODEL_YAML_TEXT && i < LT_COUNT(rules); i++) {
		if (lt_str_eqz(node->text, rules[i])) {
			out->rule = (enum model_conflict_rule)i;
			return true;
		}
	}
	return model_yaml_fail(node, err, LT_E_CONFIG_VALUE,
	    "columns: counter, greatest or least is wanted, or { function: TEXT } (others go by the last writer)");
}

static bool
read_columns(
    const struct reading *r, const struct model_yaml *node, struct model_conflict_policy *p, struct lt_err *err)
{
	if (node->kind != MODEL_YAML_MAP || node->count == 0 || node->count > COLUMNS_MAX)
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE,
		    "columns: columns with their rules are wanted, as { amount: counter }");
	p->columns = lt_calloc(node->count, sizeof(*p->columns));
	for (const struct model_yaml *n = node->first; n != NULL; n = n->next) {
		struct model_conflict_column *column = &p->columns[p->ncolumns];

		if (n->key->text.len == 0 || n->key->text.len > MODEL_NAME_BYTES_MAX)
			return model_yaml_fail(n->key, err, LT_E_CONFIG_VALUE, "columns: that is no column name");
		for (size_t i = 0; i < p->ncolumns; i++) {
			if (lt_str_ieq(lt_str_z(p->columns[i].name), n->key->text))
				return model_yaml_fail(n->key, err, LT_E_CONFIG_VALUE,
				    "columns: the column %s stands twice", p->columns[i].name);
		}
		column->name = lt_str_dup(n->key->text);
		p->ncolumns++;
		if (!read_rule(r, n, p->tables, column, err))
			return false;
	}
	return true;
}

static bool
read_pattern(
    struct model_conflicts *k, const struct model_yaml *node, struct model_conflict_policy *p, struct lt_err *err)
{
	struct lt_str text;

	if (!model_field_text(node, "table", &text, err))
		return false;
	p->tables = lt_str_dup(text);
	p->pattern = lt_new(struct model_pattern);
	model_yaml_at(node, err);
	return model_pattern_parse_from(lt_arena_str(k->arena, text), k->arena, p->pattern, err);
}

static bool
read_entry(const struct reading *r, const struct model_yaml *node, struct model_conflict_policy *p, struct lt_err *err)
{
	const struct model_yaml *policy, *columns;

	if (!model_field_map(node, "entry of conflicts: tables", entry_keys, LT_COUNT(entry_keys), err) ||
	    !read_pattern(&r->channel->conflicts, model_yaml_get(node, "table"), p, err))
		return false;
	policy = model_yaml_get(node, "policy");
	columns = model_yaml_get(node, "columns");
	if (policy == NULL && columns == NULL)
		return model_yaml_fail(
		    node, err, LT_E_CONFIG_MISSING, "entry of conflicts: tables: `policy` or `columns` is wanted");
	p->kind = MODEL_CONFLICT_COLUMN;
	if (policy != NULL && !read_policy(r, policy, p, err))
		return false;
	if (columns == NULL)
		return true;
	if (p->kind != MODEL_CONFLICT_COLUMN)
		return model_yaml_fail(columns->key, err, LT_E_CONFIG_VALUE,
		    "columns: rules for columns go with the policy column-last-writer-wins");
	return read_columns(r, columns, p, err);
}

/* The entries, and behind them the default. */
static bool
read_policies(
    const struct reading *r, const struct model_yaml *policy, const struct model_yaml *tables, struct lt_err *err)
{
	struct model_conflicts *k = &r->channel->conflicts;
	size_t entries = tables != NULL ? tables->count : 0;
	struct model_conflict_policy *p;

	if (tables != NULL && (tables->kind != MODEL_YAML_LIST || entries == 0))
		return model_yaml_fail(tables, err, LT_E_CONFIG_VALUE,
		    "conflicts: tables: a list is wanted, as [{ table: shop.stock, policy: none }]");
	if (entries > ENTRIES_MAX)
		return model_yaml_fail(
		    tables, err, LT_E_CONFIG_VALUE, "conflicts: tables: more than %d entries", ENTRIES_MAX);
	k->policies = lt_calloc(entries + 1, sizeof(*k->policies));
	k->npolicies = entries + 1;
	p = k->policies;
	for (const struct model_yaml *n = tables != NULL ? tables->first : NULL; n != NULL; n = n->next) {
		if (!read_entry(r, n, p++, err))
			return false;
	}
	return policy == NULL || read_policy(r, policy, p, err);
}

/* -- the whole ------------------------------------------------------------------------------------ */

static bool
read_keep(struct model_conflicts *k, const struct model_yaml *node, struct lt_err *err)
{
	const struct model_yaml *age, *rows;
	uint64_t ms;

	if (node == NULL)
		return true;
	if (!model_field_map(node, "keep", keep_keys, LT_COUNT(keep_keys), err))
		return false;
	age = model_yaml_get(node, "age");
	rows = model_yaml_get(node, "rows");
	if (age != NULL) {
		if (!model_field_span(age, "age", (struct model_bounds){ 60000, 3650 * DAY_MS }, &ms, err))
			return false;
		k->keep_us = ms * 1000;
	}
	return rows == NULL || model_field_number(rows, "rows", (struct model_bounds){ 1, UINT64_C(1000000000000) },
				   &k->keep_rows, err);
}

static bool
read_times(struct model_conflicts *k, const struct model_yaml *node, struct lt_err *err)
{
	const struct model_yaml *heartbeat = model_yaml_get(node, "heartbeat"),
				*skew = model_yaml_get(node, "max-skew");
	uint64_t ms;

	if (heartbeat != NULL &&
	    !model_field_ms(heartbeat, "heartbeat", (struct model_bounds){ 100, 60000 }, &k->heartbeat_ms, err))
		return false;
	if (skew != NULL) {
		if (!model_field_span(skew, "max-skew", (struct model_bounds){ 1000, DAY_MS }, &ms, err))
			return false;
		k->max_skew_us = ms * 1000;
	}
	/* A heartbeat's time counts up to half of it, and stands in for the clock for two intervals (R20). */
	if (k->max_skew_us >= (uint64_t)k->heartbeat_ms * 1000 * 4)
		return true;
	return model_yaml_fail(skew != NULL ? skew : heartbeat, err, LT_E_CONFIG_VALUE,
	    "max-skew: at least four times `heartbeat` is wanted (%u ms)", k->heartbeat_ms);
}

static bool
is_any(const struct model_conflicts *k)
{
	for (size_t i = 0; i < k->npolicies; i++) {
		if (k->policies[i].kind != MODEL_CONFLICT_NONE)
			return true;
	}
	return false;
}

static bool
read_all(const struct reading *r, const struct model_yaml *node, struct lt_err *err)
{
	struct model_conflicts *k = &r->channel->conflicts;
	const struct model_yaml *shadow;

	if (node == NULL || node->kind != MODEL_YAML_MAP)
		return read_policies(r, node, NULL, err);
	if (!model_field_map(node, "conflicts", conflict_keys, LT_COUNT(conflict_keys), err) ||
	    !read_policies(r, model_yaml_get(node, "policy"), model_yaml_get(node, "tables"), err))
		return false;
	shadow = model_yaml_get(node, "shadow");
	if (shadow != NULL && !model_field_switch(shadow, "shadow", &k->shadow, err))
		return false;
	return read_times(k, node, err) && read_keep(k, model_yaml_get(node, "keep"), err);
}

/* Whether it belongs to the channel's direction. */
static bool
check_direction(
    const struct model_channel *c, const struct model_yaml *root, const struct model_yaml *node, struct lt_err *err)
{
	const struct model_yaml *shadow =
	    node != NULL && node->kind == MODEL_YAML_MAP ? model_yaml_get(node, "shadow") : NULL;
	bool two_way = c->pipelines[0].two_way;

	if (node == NULL && two_way)
		return model_yaml_fail(root, err, LT_E_CONFIG_MISSING,
		    "the key `conflicts` is missing: a two-way channel must say what holds when both "
		    "sites write a row (none: they never do)");
	if (node == NULL)
		return true;
	if (!two_way && !c->conflicts.shadow)
		return model_yaml_fail(node->key, err, LT_E_CONFIG_KEY,
		    "conflicts: has a meaning in two-way channels only (or with `shadow: yes`, which tells what two-way would have met)");
	if (two_way && c->conflicts.shadow)
		return model_yaml_fail(shadow, err, LT_E_CONFIG_VALUE,
		    "shadow: one-way channels only; a two-way one decides its conflicts");
	if (!two_way && !c->conflicts.on)
		return model_yaml_fail(
		    shadow, err, LT_E_CONFIG_VALUE, "shadow: with `policy: none` alone there is nothing to tell");
	if (c->nsites > 2 && !c->conflicts.on)
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE,
		    "conflicts: in a mesh what two sites wrote may come to a third in any order, so that a row that went from one"
		    " to the other would stop it there: a policy is wanted, last-writer-wins say");
	return true;
}

/* R23: each side's commits would wait for the other's acknowledgement. */
static bool
check_sites(const struct model_channel *c, const struct model_yaml *root, struct lt_err *err)
{
	const struct model_yaml *sites = model_yaml_get(root, "sites");

	for (size_t i = 0; c->conflicts.on && i < c->nsites; i++) {
		if (c->sites[i].semi_sync)
			return model_yaml_fail(model_yaml_get(model_yaml_get(sites, c->sites[i].name), "semi-sync"),
			    err, LT_E_CONFIG_VALUE,
			    "semi-sync: not where conflicts are decided: commits of two sites would wait for each other's acknowledgement");
	}
	return true;
}

bool
model_channel_conflicts(struct model_channel *c, const struct model_yaml *root, const char *path, struct lt_err *err)
{
	const struct reading r = { c, path };
	const struct model_yaml *node = model_yaml_get(root, "conflicts");
	struct model_conflicts *k = &c->conflicts;

	k->arena = lt_arena_new();
	k->heartbeat_ms = 1000;
	k->max_skew_us = 60000000;
	k->keep_us = 30 * DAY_MS * 1000;
	k->keep_rows = 1000000;
	if (!read_all(&r, node, err))
		return false;
	k->on = is_any(k);
	return check_direction(c, root, node, err) && check_sites(c, root, err);
}

bool
model_channel_conflicts_mapped(const struct model_channel *c, const struct model_yaml *node, struct lt_err *err)
{
	const struct model_yaml *tables = c->conflicts.npolicies > 1 ? model_yaml_get(node, "tables") : NULL;
	const struct model_yaml *n = tables != NULL ? tables->first : NULL;
	struct lt_buf names[2] = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && n != NULL; i++, n = n->next) {
		const struct model_pattern *p = c->conflicts.policies[i].pattern;
		const struct model_rule *rule;

		if (model_pattern_is_literal(p) &&
		    !model_mapping_table(c->pipelines[0].mapping, p->schema.tokens[0].text, p->table.tokens[0].text,
			&names[0], &names[1], &rule))
			ok = model_yaml_fail(model_yaml_get(n, "table"), err, LT_E_CONFIG_VALUE,
			    "table: %s is not mapped by this channel's `tables`", c->conflicts.policies[i].tables);
	}
	lt_buf_free(&names[0]);
	lt_buf_free(&names[1]);
	return ok;
}

/* -- asked later ---------------------------------------------------------------------------------- */

const struct model_conflict_policy *
model_conflicts_of(const struct model_channel *channel, struct lt_str schema, struct lt_str table)
{
	const struct model_conflicts *k = &channel->conflicts;
	struct model_match match = { .fold = true };

	LT_ASSERT(k->npolicies > 0);
	for (size_t i = 0; i + 1 < k->npolicies; i++) {
		enum model_answer answer = model_pattern_match(k->policies[i].pattern, schema, table, &match);

		if (answer == MODEL_GAVE_UP)
			return NULL;
		if (answer == MODEL_YES)
			return &k->policies[i];
	}
	return &k->policies[k->npolicies - 1];
}

enum model_conflict_rule
model_conflict_rule_of(const struct model_conflict_policy *policy, struct lt_str column)
{
	for (size_t i = 0; i < policy->ncolumns; i++) {
		if (lt_str_ieq(lt_str_z(policy->columns[i].name), column))
			return policy->columns[i].rule;
	}
	return MODEL_CONFLICT_LAST;
}
