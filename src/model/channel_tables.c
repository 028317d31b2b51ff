#include "base/arena.h"
#include "model/channel_priv.h"
#include "model/field.h"

static const struct model_key entry_keys[] = { { "from", true }, { "to", false }, { "include", false },
	{ "exclude", false }, { "rename", false } };

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
read_entry(const struct model_yaml *node, struct lt_arena *arena, struct model_entry *e, struct lt_err *err)
{
	const struct model_yaml *to, *include, *exclude, *rename;

	if (node->kind == MODEL_YAML_TEXT)
		return model_field_text(node, "tables", &e->from, err);
	if (!model_field_map(node, "entry of tables", entry_keys, LT_COUNT(entry_keys), err))
		return false;
	to = model_yaml_get(node, "to");
	include = model_yaml_get(node, "include");
	exclude = model_yaml_get(node, "exclude");
	rename = model_yaml_get(node, "rename");
	if (!model_field_text(model_yaml_get(node, "from"), "from", &e->from, err))
		return false;
	if (to != NULL && !model_field_text(to, "to", &e->to, err))
		return false;
	if (include != NULL && !read_names(include, "include", arena, &e->include, &e->ninclude, err))
		return false;
	if (exclude != NULL && !read_names(exclude, "exclude", arena, &e->exclude, &e->nexclude, err))
		return false;
	return rename == NULL || read_renames(rename, arena, e, err);
}

static const struct model_yaml *
child_at(const struct model_yaml *list, size_t index)
{
	const struct model_yaml *n = list->first;

	while (index-- > 0 && n->next != NULL)
		n = n->next;
	return n;
}

static bool
make_mappings(struct model_channel *c, const struct model_yaml *node, const struct model_entry *entries, size_t count,
    struct lt_err *err)
{
	size_t bad = 0;

	if (!model_mapping_new(entries, count, &c->pipelines[0].mapping, &bad, err)) {
		model_yaml_at(child_at(node, bad), err);
		return false;
	}
	if (c->npipelines == 2 && !model_mapping_invert(c->pipelines[0].mapping, &c->pipelines[1].mapping, &bad, err)) {
		model_yaml_at(child_at(node, bad), err);
		return false;
	}
	return true;
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
		ok = read_entry(i, arena, &entries[n++], err);
	if (ok)
		ok = make_mappings(c, node, entries, n, err);
	lt_arena_free(arena);
	return ok;
}
