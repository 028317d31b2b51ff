/* A table of the site: which columns its rows have, by what they are told apart, by which rule they are decided. */
#include <stdarg.h>
#include <stdio.h>

#include "converge/shape_priv.h"
#include "schema/describe.h"

bool(converge_shape_table_fail)(const struct shape_table *t, struct lt_err *err, const char *fmt, ...)
{
	char why[LT_ERR_MESSAGE];
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	lt_where_table(&err->where, t->target->schema, t->target->name);
	return lt_fail(err, LT_E_CONFLICT_TABLE, "table %.*s.%.*s cannot be in a conflict channel as it is: %s",
	    LT_FMT(t->target->schema), LT_FMT(t->target->name), why);
}

/* -- columns -------------------------------------------------------------------------------------- */

static bool
add_columns(struct shape_table *t, struct lt_err *err)
{
	const struct schema_table *target = t->target;
	struct change_table *kept = t->kept;
	struct change_column *columns = lt_arena_zalloc(kept->arena, (target->ncolumns + 1) * sizeof(*columns));

	t->columns = lt_arena_zalloc(t->arena, (target->ncolumns + 1) * sizeof(*t->columns));
	for (size_t i = 0; i < target->ncolumns; i++) {
		const struct schema_column *c = &target->columns[i];

		if (c->generated != SCHEMA_PLAIN)
			continue;
		if (!schema_describe(c, kept->arena, &columns[t->ncolumns]))
			return converge_shape_table_fail(t, err, "column %.*s has a type (%.*s) that is not known here",
			    LT_FMT(c->name), LT_FMT(c->type));
		t->columns[t->ncolumns] = (struct shape_column){
			.target = c,
			.kept = &columns[t->ncolumns],
			.padded = lt_str_eqz(c->base_type, "char"),
		};
		t->ncolumns++;
	}
	kept->schema = lt_arena_str(kept->arena, target->schema);
	kept->name = lt_arena_str(kept->arena, target->name);
	kept->columns = columns;
	kept->ncolumns = t->ncolumns;
	kept->named = kept->signs_told = kept->visibility_told = true;
	kept->codec = &converge_shape_codec;
	kept->met = true;
	t->values = lt_arena_zalloc(t->arena, (t->ncolumns + 1) * sizeof(*t->values));
	return t->ncolumns > 0 || converge_shape_table_fail(t, err, "it has no columns but generated ones");
}

/* -- indexes -------------------------------------------------------------------------------------- */

static size_t
value_of(const struct shape_table *t, const struct schema_column *target)
{
	size_t i = 0;

	while (i < t->ncolumns && t->columns[i].target != target)
		i++;
	return i;
}

/* Collations whose space is more than a byte are told apart by their bytes only. */
static bool
is_known(const struct pipeline_part *p, const struct schema_column *c)
{
	if (p->kind == PIPELINE_PART_UNKNOWN || (p->kind == PIPELINE_PART_TEXT_WEIGHED && p->ascii_only))
		return false;
	return p->kind != PIPELINE_PART_TEXT_FOLDED || converge_shape_blank(c->charset).len == 1;
}

static bool
add_part(struct shape_table *t, const struct schema_key *key, size_t at, const struct pipeline_part *p,
    struct shape_part *out, struct lt_err *err)
{
	const struct schema_column *c =
	    key->parts[at].column != SIZE_MAX ? &t->target->columns[key->parts[at].column] : NULL;

	if (c == NULL || c->generated != SCHEMA_PLAIN)
		return converge_shape_table_fail(
		    t, err, "index %.*s is on an expression or a generated column", LT_FMT(key->name));
	if (pipeline_weigher_failed(t->weigher, err))
		return lt_wrap(err, "while asking what characters weigh");
	if (!is_known(p, c))
		return converge_shape_table_fail(t, err,
		    "index %.*s: values of column %.*s (%.*s%s%.*s) cannot be told apart as the server does: give the column "
		    "a _bin collation",
		    LT_FMT(key->name), LT_FMT(c->name), LT_FMT(c->type), c->collation.len > 0 ? " " : "",
		    LT_FMT(c->collation));
	*out = (struct shape_part){ .at = value_of(t, c),
		.kind = p->kind,
		.weights = p->weights,
		.counts_spaces = pipeline_collation_counts_spaces(c->collation),
		.prefix = p->prefix };
	return true;
}

static bool
add_index(struct shape_table *t, const struct pipeline_route *route, const struct schema_key *key,
    struct shape_index *out, struct lt_err *err)
{
	struct pipeline_index index;
	bool ok = true;

	pipeline_index_make(route, key, &index);
	*out = (struct shape_index){ .key = key, .nparts = key->nparts };
	out->parts = lt_arena_zalloc(t->arena, key->nparts * sizeof(*out->parts));
	for (size_t i = 0; ok && i < key->nparts; i++)
		ok = add_part(t, key, i, &index.parts[i], &out->parts[i], err);
	free(index.parts);
	return ok;
}

/* A row's values are all that a mapping brings. */
static bool
is_whole(struct shape_table *t, const struct pipeline_route *route, struct lt_err *err)
{
	for (size_t i = 0; i < t->ncolumns; i++) {
		const struct pipeline_column *c = pipeline_route_column(route, t->columns[i].target);

		if (c == NULL || c->constant)
			return converge_shape_table_fail(
			    t, err, "the mapping leaves out column %.*s", LT_FMT(t->columns[i].target->name));
	}
	return true;
}

static bool
add_indexes(struct shape_table *t, struct pipeline_router *router, struct lt_err *err)
{
	const struct schema_table *target = t->target;
	struct pipeline_route *route;

	if (target->temporal)
		return converge_shape_table_fail(t, err, "it is system-versioned");
	if (target->has_triggers)
		return converge_shape_table_fail(t, err, "it has triggers, which fire for what arrives, too");
	if (target->cascades && !pipeline_router_logs_cascades(router))
		return converge_shape_table_fail(
		    t, err, "foreign keys change rows below it by themselves, and the server does not log that");
	if (target->nkeys == 0 || !lt_str_eqz(target->keys[0].name, "PRIMARY"))
		return converge_shape_table_fail(t, err, "it has no primary key");
	if (!pipeline_router_get(router, t->kept, &route, err) || !is_whole(t, route, err))
		return false;
	t->weigher = route->weigher;
	if (!add_index(t, route, &target->keys[0], &t->key, err))
		return false;
	t->uniques = lt_arena_zalloc(t->arena, target->nkeys * sizeof(*t->uniques));
	for (size_t i = 1; i < target->nkeys; i++) {
		if (target->keys[i].unique && !add_index(t, route, &target->keys[i], &t->uniques[t->nuniques++], err))
			return false;
	}
	return true;
}

/* -- all of it ------------------------------------------------------------------------------------ */

void
converge_shape_table_free(struct shape_table *t)
{
	if (t == NULL)
		return;
	change_table_unref(t->kept);
	lt_buf_free(&t->scratch);
	lt_arena_free(t->arena);
	free(t);
}

bool
converge_shape_table_begin(const struct schema_table *target, struct shape_table **ret, struct lt_err *err)
{
	struct shape_table *t = lt_new(struct shape_table);

	t->arena = lt_arena_new();
	t->target = target;
	t->kept = change_table_new();
	converge_shape_key_tag(target, t->tag);
	if (!add_columns(t, err)) {
		converge_shape_table_free(t);
		return false;
	}
	*ret = t;
	return true;
}

bool
converge_shape_table_new(const struct model_channel *channel, struct pipeline_router *router,
    const struct schema_table *target, struct shape_table **ret, struct lt_err *err)
{
	const struct model_conflict_policy *policy = model_conflicts_of(channel, target->schema, target->name);
	struct shape_table *t = NULL;

	if (policy == NULL)
		return lt_fail(err, LT_E_CONFIG_MAPPING, "a regex under `conflicts` gave up on the name %.*s.%.*s",
		    LT_FMT(target->schema), LT_FMT(target->name));
	if (!converge_shape_table_begin(target, &t, err))
		return false;
	t->single = policy->kind == MODEL_CONFLICT_NONE;
	t->sites = channel->sites;
	t->nsites = channel->nsites;
	if (!t->single && (!add_indexes(t, router, err) || !converge_shape_policy_make(policy, t, err))) {
		converge_shape_table_free(t);
		return false;
	}
	*ret = t;
	return true;
}
