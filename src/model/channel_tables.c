#include "base/arena.h"
#include "model/channel_priv.h"
#include "model/field.h"

static const struct model_key entry_keys[] = { { "from", true }, { "to", false }, { "include", false },
	{ "exclude", false }, { "rename", false }, { "set", false }, { "weight", false } };

/* A list of column names. */
static bool
read_names(const struct model_yaml *node, const char *what, struct lt_arena *arena, const struct lt_str **out,
    size_t *count, struct lt_err *err)
{
	struct lt_str *names;
	size_t n = 0;

	if (node->kind != MODEL_YAML_LIST || node->count == 0)
		return model_yaml_fail(
		    node, err, LT_E_CONFIG_VALUE, "%s: a list of columns is wanted, as [a, b]", what);
	names = lt_arena_alloc(arena, node->count * sizeof(*names));
	for (const struct model_yaml *i = node->first; i != NULL; i = i->next) {
		if (!model_field_text(i, what, &names[n++], err))
			return false;
	}
	*out = names;
	*count = n;
	return true;
}

static bool
read_renames(const struct model_yaml *node, struct lt_arena *arena, struct model_entry *e, struct lt_err *err)
{
	struct lt_str *from, *to;
	size_t n = 0;

	if (node->kind != MODEL_YAML_MAP || node->count == 0)
		return model_yaml_fail(
		    node, err, LT_E_CONFIG_VALUE, "rename: columns with their new names are wanted, as { old: new }");
	from = lt_arena_alloc(arena, node->count * sizeof(*from));
	to = lt_arena_alloc(arena, node->count * sizeof(*to));
	for (const struct model_yaml *i = node->first; i != NULL; i = i->next, n++) {
		from[n] = i->key->text;
		if (!model_field_text(i, "rename", &to[n], err))
			return false;
	}
	e->rename_from = from;
	e->rename_to = to;
	e->nrenames = n;
	return true;
}

static bool
is_number(struct lt_str s)
{
	size_t at = s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+'), digits = 0, points = 0;

	for (; at < s.len; at++) {
		digits += s.ptr[at] >= '0' && s.ptr[at] <= '9';
		points += s.ptr[at] == '.';
	}
	return digits > 0 && points <= 1 && digits + points + (s.ptr[0] == '-' || s.ptr[0] == '+') == s.len;
}

static bool
read_constant(const struct model_yaml *node, struct model_constant *out, struct lt_err *err)
{
	if (node->kind != MODEL_YAML_TEXT)
		return model_yaml_fail(
		    node, err, LT_E_CONFIG_VALUE, "set: a number, a text, null, $schema or $table is wanted");
	*out = (struct model_constant){ .column = node->key->text, .kind = MODEL_CONSTANT_TEXT, .text = node->text };
	if (model_yaml_is_null(node))
		out->kind = MODEL_CONSTANT_NULL;
	else if (!node->quoted && is_number(node->text))
		out->kind = MODEL_CONSTANT_NUMBER;
	else if (lt_str_eqz(node->text, "$schema"))
		out->kind = MODEL_CONSTANT_SCHEMA;
	else if (lt_str_eqz(node->text, "$table"))
		out->kind = MODEL_CONSTANT_TABLE;
	return true;
}

static bool
read_constants(const struct model_yaml *node, struct lt_arena *arena, struct model_entry *e, struct lt_err *err)
{
	struct model_constant *constants;

	if (node->kind != MODEL_YAML_MAP || node->count == 0)
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE,
		    "set: columns of the target with values are wanted, as { region: hz }");
	constants = lt_arena_alloc(arena, node->count * sizeof(*constants));
	e->constants = constants;
	for (const struct model_yaml *i = node->first; i != NULL; i = i->next) {
		if (!read_constant(i, &constants[e->nconstants++], err))
			return false;
	}
	return true;
}

static bool
read_weight(const struct model_yaml *node, unsigned *out, struct lt_err *err)
{
	uint64_t n;

	if (!model_field_number(node, "weight", (struct model_bounds){ 1, 1000 }, &n, err))
		return false;
	*out = (unsigned)n;
	return true;
}

static bool
read_entry(const struct model_yaml *node, struct lt_arena *arena, struct model_entry *e, struct lt_err *err)
{
	const struct model_yaml *to, *include, *exclude, *rename, *set, *weight;

	if (node->kind == MODEL_YAML_TEXT)
		return model_field_text(node, "tables", &e->from, err);
	if (!model_field_map(node, "entry of tables", entry_keys, LT_COUNT(entry_keys), err))
		return false;
	to = model_yaml_get(node, "to");
	include = model_yaml_get(node, "include");
	exclude = model_yaml_get(node, "exclude");
	rename = model_yaml_get(node, "rename");
	set = model_yaml_get(node, "set");
	weight = model_yaml_get(node, "weight");
	if (!model_field_text(model_yaml_get(node, "from"), "from", &e->from, err))
		return false;
	if (to != NULL && !model_field_text(to, "to", &e->to, err))
		return false;
	if (include != NULL && !read_names(include, "include", arena, &e->include, &e->ninclude, err))
		return false;
	if (exclude != NULL && !read_names(exclude, "exclude", arena, &e->exclude, &e->nexclude, err))
		return false;
	if (rename != NULL && !read_renames(rename, arena, e, err))
		return false;
	if (set != NULL && !read_constants(set, arena, e, err))
		return false;
	return weight == NULL || read_weight(weight, &e->weight, err);
}

static const struct model_yaml *
child_at(const struct model_yaml *list, size_t index)
{
	const struct model_yaml *n = list->first;

	while (index-- > 0 && n->next != NULL)
		n = n->next;
	return n;
}

/* In conflict channels all sites have the same tables: one row is one row everywhere. */
static bool
check_plain(const struct model_channel *c, const struct model_yaml *node, struct lt_err *err)
{
	if (!c->conflicts.on || node->kind != MODEL_YAML_MAP)
		return true;
	for (const struct model_yaml *n = node->first; n != NULL; n = n->next) {
		if (!lt_str_eqz(n->key->text, "from"))
			return model_yaml_fail(n->key, err, LT_E_CONFIG_VALUE,
			    "%.*s: where conflicts are decided a table has the same name and columns at all sites, whole",
			    LT_FMT(n->key->text));
	}
	return true;
}

/* Each pipeline asks a server of its own how names compare, so each has its own. */
static bool
make_equal_mappings(
    struct model_channel *c, const struct model_entry *entries, size_t count, size_t *bad, struct lt_err *err)
{
	for (size_t i = 0; i < c->npipelines; i++) {
		if (!model_mapping_new(entries, count, &c->pipelines[i].mapping, bad, err))
			return false;
	}
	return true;
}

static bool
make_mappings(struct model_channel *c, const struct model_yaml *node, const struct model_entry *entries, size_t count,
    struct lt_err *err)
{
	size_t bad = 0;
	bool ok;

	if (c->conflicts.on)
		ok = make_equal_mappings(c, entries, count, &bad, err);
	else
		ok = model_mapping_new(entries, count, &c->pipelines[0].mapping, &bad, err) &&
		     (!c->pipelines[0].two_way ||
			 model_mapping_invert(c->pipelines[0].mapping, &c->pipelines[1].mapping, &bad, err));
	if (!ok)
		model_yaml_at(child_at(node, bad), err);
	return ok;
}

bool
model_channel_tables(struct model_channel *c, const struct model_yaml *node, struct lt_err *err)
{
	struct lt_arena *arena;
	struct model_entry *entries;
	size_t n = 0;
	bool ok = true;

	if (node->kind != MODEL_YAML_LIST || node->count == 0)
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE, "tables: a list of names is wanted, as [shop.*]");
	arena = lt_arena_new();
	entries = lt_arena_zalloc(arena, node->count * sizeof(*entries));
	for (const struct model_yaml *i = node->first; ok && i != NULL; i = i->next)
		ok = read_entry(i, arena, &entries[n++], err) && check_plain(c, i, err);
	if (ok)
		ok = make_mappings(c, node, entries, n, err);
	lt_arena_free(arena);
	return ok;
}
