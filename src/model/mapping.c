#include "model/mapping.h"

#include <stdatomic.h>

#include "model/pattern_priv.h"

enum { ENTRIES_MAX = 4096 };

enum rule_class { CLASS_LITERAL, CLASS_RANGE, CLASS_WILD, CLASS_COUNT };

/** One compiled entry. */
struct model_rule {
	struct model_entry entry; /* copied into the mapping's arena */
	size_t index;             /* of the entry in the file */
	size_t head, branch;      /* index of the first entry with this `from`, and which of those it is */
	enum rule_class class;
	struct model_pattern from, to; /* owned; `to` empty when same */
	bool same;                     /* the names stay */
};

struct model_mapping {
	struct lt_arena *arena;   /* owned */
	struct model_rule *rules; /* owned; in the order they are tried */
	size_t count;
	atomic_bool *fold;          /* owned: what model_mapping_fold() said */
	struct model_mapping *back; /* owned; in an inverse: the direction it is made from, else NULL */
};

static enum rule_class
class_of(const struct model_pattern *p)
{
	if (model_pattern_is_literal(p))
		return CLASS_LITERAL;
	return p->stars == 0 && !model_pattern_has_regex(p) ? CLASS_RANGE : CLASS_WILD;
}

static const struct lt_str *
copy_names(struct lt_arena *arena, const struct lt_str *names, size_t count)
{
	struct lt_str *copy = lt_arena_alloc(arena, (count + 1) * sizeof(*copy));

	for (size_t i = 0; i < count; i++)
		copy[i] = lt_arena_str(arena, names[i]);
	return copy;
}

static const struct model_constant *
copy_constants(struct lt_arena *arena, const struct model_constant *constants, size_t count)
{
	struct model_constant *copy = lt_arena_alloc(arena, (count + 1) * sizeof(*copy));

	for (size_t i = 0; i < count; i++) {
		copy[i] = constants[i];
		copy[i].column = lt_arena_str(arena, constants[i].column);
		copy[i].text = lt_arena_str(arena, constants[i].text);
	}
	return copy;
}

static struct model_entry
copy_entry(struct lt_arena *arena, const struct model_entry *e)
{
	struct model_entry copy = *e;

	copy.from = lt_arena_str(arena, e->from);
	copy.to = lt_arena_str(arena, e->to);
	copy.include = copy_names(arena, e->include, e->ninclude);
	copy.exclude = copy_names(arena, e->exclude, e->nexclude);
	copy.rename_from = copy_names(arena, e->rename_from, e->nrenames);
	copy.rename_to = copy_names(arena, e->rename_to, e->nrenames);
	copy.constants = copy_constants(arena, e->constants, e->nconstants);
	copy.weight = e->weight > 0 ? e->weight : MODEL_WEIGHT_DEFAULT;
	return copy;
}

static bool
has_name(const struct lt_str *names, size_t count, struct lt_str name)
{
	for (size_t i = 0; i < count; i++) {
		if (lt_str_ieq(names[i], name))
			return true;
	}
	return false;
}

static bool
check_names(const struct lt_str *names, size_t count, const char *what, struct lt_err *err)
{
	for (size_t i = 0; i < count; i++) {
		if (names[i].len == 0 || names[i].len > MODEL_NAME_BYTES_MAX)
			return lt_fail(err, LT_E_CONFIG_MAPPING, "%s: that is no column name", what);
		if (has_name(names, i, names[i]))
			return lt_fail(
			    err, LT_E_CONFIG_MAPPING, "%s: the column %.*s stands twice", what, LT_FMT(names[i]));
	}
	return true;
}

static const struct model_constant *
constant_of(const struct model_entry *e, struct lt_str column)
{
	for (size_t i = 0; i < e->nconstants; i++) {
		if (lt_str_ieq(e->constants[i].column, column))
			return &e->constants[i];
	}
	return NULL;
}

static bool
check_constants(const struct model_entry *e, struct lt_err *err)
{
	for (size_t i = 0; i < e->nconstants; i++) {
		struct lt_str name = e->constants[i].column;

		if (name.len == 0 || name.len > MODEL_NAME_BYTES_MAX)
			return lt_fail(err, LT_E_CONFIG_MAPPING, "set: that is no column name");
		if (constant_of(e, name) != &e->constants[i])
			return lt_fail(err, LT_E_CONFIG_MAPPING, "set: the column %.*s stands twice", LT_FMT(name));
		if (has_name(e->rename_to, e->nrenames, name))
			return lt_fail(err, LT_E_CONFIG_MAPPING, "set: the column %.*s is the new name of another one",
			    LT_FMT(name));
	}
	return true;
}

static bool
check_columns(const struct model_entry *e, struct lt_err *err)
{
	if (e->ninclude > 0 && e->nexclude > 0)
		return lt_fail(err, LT_E_CONFIG_MAPPING, "either include or exclude, not both");
	if (!check_names(e->include, e->ninclude, "include", err) ||
	    !check_names(e->exclude, e->nexclude, "exclude", err) ||
	    !check_names(e->rename_from, e->nrenames, "rename", err) ||
	    !check_names(e->rename_to, e->nrenames, "rename", err) || !check_constants(e, err))
		return false;
	for (size_t i = 0; i < e->nrenames; i++) {
		if (has_name(e->exclude, e->nexclude, e->rename_from[i]))
			return lt_fail(
			    err, LT_E_CONFIG_MAPPING, "rename: the column %.*s is excluded", LT_FMT(e->rename_from[i]));
		if (e->ninclude > 0 && !has_name(e->include, e->ninclude, e->rename_from[i]))
			return lt_fail(err, LT_E_CONFIG_MAPPING, "rename: the column %.*s is not included",
			    LT_FMT(e->rename_from[i]));
		if (has_name(e->include, e->ninclude, e->rename_to[i]) &&
		    !has_name(e->rename_from, e->nrenames, e->rename_to[i]))
			return lt_fail(err, LT_E_CONFIG_MAPPING,
			    "rename: the column %.*s is there under its own name too", LT_FMT(e->rename_to[i]));
	}
	return true;
}

/* The k-th range of a pattern, schema first. */
static const struct model_token *
range_at(const struct model_pattern *p, size_t k)
{
	const struct model_part *parts[] = { &p->schema, &p->table };

	for (size_t i = 0; i < LT_COUNT(parts); i++) {
		for (size_t j = 0; j < parts[i]->count; j++) {
			if (parts[i]->tokens[j].kind == MODEL_RANGE && k-- == 0)
				return &parts[i]->tokens[j];
		}
	}
	return NULL;
}

static bool
check_wildcards(const struct model_pattern *from, const struct model_pattern *to, struct lt_err *err)
{
	if (to->stars != 0 && to->stars != from->stars)
		return lt_fail(err, LT_E_CONFIG_MAPPING, "`to` has %zu *, `from` has %zu: as many, or none", to->stars,
		    from->stars);
	if (to->ranges != 0 && to->ranges != from->ranges)
		return lt_fail(err, LT_E_CONFIG_MAPPING, "`to` has %zu ranges, `from` has %zu: as many, or none",
		    to->ranges, from->ranges);
	for (size_t k = 0; k < to->ranges; k++) {
		const struct model_token *a = range_at(from, k), *b = range_at(to, k);

		if (a->high - a->low != b->high - b->low)
			return lt_fail(err, LT_E_CONFIG_MAPPING, "range %zu has %llu names in `from` and %llu in `to`",
			    k + 1, (unsigned long long)(a->high - a->low + 1),
			    (unsigned long long)(b->high - b->low + 1));
	}
	return true;
}

static bool
compile(struct lt_arena *arena, const struct model_entry *entry, struct model_rule *r, struct lt_err *err)
{
	r->entry = copy_entry(arena, entry);
	if (!check_columns(&r->entry, err) || !model_pattern_parse_from(r->entry.from, arena, &r->from, err))
		return false;
	r->class = class_of(&r->from);
	r->same = r->entry.to.len == 0 || (!model_pattern_has_regex(&r->from) && lt_str_eq(r->entry.to, r->entry.from));
	if (r->same)
		return true;
	return model_pattern_parse_to(r->entry.to, r->from.groups, arena, &r->to, err) &&
	       check_wildcards(&r->from, &r->to, err);
}

/* Entries with the same `from` are several targets of what it matches. */
static bool
find_head(struct model_mapping *m, size_t at, struct lt_err *err)
{
	struct model_rule *r = &m->rules[at];
	struct model_match match = { .fold = false };

	r->head = at;
	for (size_t i = 0; i < at; i++) {
		const struct model_rule *old = &m->rules[i];
		bool twin = lt_str_eq(old->entry.from, r->entry.from);

		if (r->class == CLASS_LITERAL && old->class == CLASS_LITERAL)
			twin = model_pattern_match(&old->from, r->from.schema.tokens[0].text,
				   r->from.table.tokens[0].text, &match) == MODEL_YES;
		if (!twin)
			continue;
		if (r->same == old->same && (r->same || lt_str_eq(r->entry.to, old->entry.to)))
			return lt_fail(
			    err, LT_E_CONFIG_MAPPING, "entry %zu has the same `from` and the same `to`", i + 1);
		r->head = old->head;
		r->branch = old->branch + 1;
	}
	return true;
}

/* Literals first, then ranges, then the rest; each in file order. */
static void
sort_rules(struct model_mapping *m)
{
	struct model_rule *sorted = lt_calloc(m->count + 1, sizeof(*sorted));
	size_t n = 0;

	for (int class = 0; class < CLASS_COUNT; class ++) {
		for (size_t i = 0; i < m->count; i++) {
			if (m->rules[i].class == (enum rule_class) class)
				sorted[n++] = m->rules[i];
		}
	}
	LT_ASSERT(n == m->count);
	free(m->rules);
	m->rules = sorted;
}

bool
model_mapping_new(
    const struct model_entry *entries, size_t count, struct model_mapping **ret, size_t *bad, struct lt_err *err)
{
	struct model_mapping *m = lt_new(struct model_mapping);
	bool ok = false;

	*bad = 0;
	m->arena = lt_arena_new();
	m->fold = lt_new(atomic_bool);
	m->rules = lt_calloc(count + 1, sizeof(*m->rules));
	if (count > ENTRIES_MAX) {
		*bad = ENTRIES_MAX;
		lt_fail(err, LT_E_CONFIG_MAPPING, "more than %d entries", ENTRIES_MAX);
		goto out;
	}
	for (size_t i = 0; i < count; i++) {
		*bad = i;
		m->rules[i].index = i;
		m->count = i + 1;
		if (!compile(m->arena, &entries[i], &m->rules[i], err) || !find_head(m, i, err))
			goto out;
	}
	sort_rules(m);
	*ret = m;
	m = NULL; /* now the caller's */
	ok = true;
out:
	model_mapping_free(m);
	return ok;
}

void
model_mapping_free(struct model_mapping *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->count; i++) {
		model_pattern_clear(&m->rules[i].from);
		model_pattern_clear(&m->rules[i].to);
	}
	model_mapping_free(m->back);
	free(m->rules);
	free(m->fold);
	lt_arena_free(m->arena);
	free(m);
}

static enum model_answer find(const struct model_mapping *m, struct lt_str schema, struct lt_str table, size_t branch,
    struct lt_buf out[2], const struct model_rule **rule);

static bool
same_name(const struct model_mapping *m, struct lt_str a, struct lt_str b)
{
	return atomic_load(m->fold) ? lt_str_ieq(a, b) : lt_str_eq(a, b);
}

/* In an inverse: whether the direction it is made from leads from `names` back to schema.table by the same entry. */
static enum model_answer
leads_back(const struct model_mapping *m, const struct model_rule *r, struct lt_str schema, struct lt_str table,
    struct lt_buf names[2])
{
	struct lt_buf there[2] = { 0 };
	const struct model_rule *rule = NULL;
	enum model_answer answer = find(m->back, lt_buf_str(&names[0]), lt_buf_str(&names[1]), 0, there, &rule);

	if (answer == MODEL_YES && (rule->index != r->index || !same_name(m, lt_buf_str(&there[0]), schema) ||
				       !same_name(m, lt_buf_str(&there[1]), table)))
		answer = MODEL_NO;
	lt_buf_free(&there[0]);
	lt_buf_free(&there[1]);
	return answer;
}

static enum model_answer
try_rule(const struct model_mapping *m, const struct model_rule *r, struct lt_str schema, struct lt_str table,
    struct lt_buf out[2])
{
	struct model_match match = { .fold = atomic_load(m->fold) };
	enum model_answer answer = model_pattern_match(&r->from, schema, table, &match);

	if (answer != MODEL_YES)
		return answer;
	lt_buf_clear(&out[0]);
	lt_buf_clear(&out[1]);
	if (!r->same) {
		model_pattern_write(&r->to, &match, &out[0], &out[1]);
	} else if (match.fold && !model_pattern_has_regex(&r->from)) {
		model_pattern_write(
		    &r->from, &match, &out[0], &out[1]); /* as the file has them: the target may not fold */
	} else {
		lt_buf_str_add(&out[0], schema);
		lt_buf_str_add(&out[1], table);
	}
	return m->back != NULL ? leads_back(m, r, schema, table, out) : MODEL_YES;
}

static const struct model_rule *
branch_of(const struct model_mapping *m, const struct model_rule *head, size_t branch)
{
	for (size_t i = 0; i < m->count && branch > 0; i++) {
		if (m->rules[i].head == head->index && m->rules[i].branch == branch)
			return &m->rules[i];
	}
	return branch == 0 ? head : NULL;
}

/* The first rule that matches, or another one with its `from`. A target in a system schema, or an empty name put
 * together from wildcards, is no target. */
static enum model_answer
find(const struct model_mapping *m, struct lt_str schema, struct lt_str table, size_t branch, struct lt_buf out[2],
    const struct model_rule **rule)
{
	if (model_is_system_schema(schema))
		return MODEL_NO;
	for (size_t i = 0; i < m->count; i++) {
		const struct model_rule *r = &m->rules[i];
		enum model_answer answer = r->branch == 0 ? try_rule(m, r, schema, table, out) : MODEL_NO;

		if (answer == MODEL_GAVE_UP)
			return answer;
		if (answer == MODEL_NO)
			continue;
		r = branch_of(m, r, branch);
		if (r == NULL || (branch > 0 && try_rule(m, r, schema, table, out) != MODEL_YES) || out[0].len == 0 ||
		    out[1].len == 0 || model_is_system_schema(lt_buf_str(&out[0])))
			return MODEL_NO;
		*rule = r;
		return MODEL_YES;
	}
	return MODEL_NO;
}

void
model_mapping_fold(const struct model_mapping *m, bool fold)
{
	atomic_store(m->fold, fold);
}

bool
model_mapping_branch(const struct model_mapping *m, struct lt_str schema, struct lt_str table, size_t branch,
    struct lt_buf names[2], const struct model_rule **rule)
{
	const struct model_rule *found = NULL;

	if (find(m, schema, table, branch, names, &found) == MODEL_NO)
		return false;
	*rule = found; /* NULL when a regex gave up */
	return true;
}

bool
model_mapping_table(const struct model_mapping *m, struct lt_str schema, struct lt_str table, struct lt_buf *to_schema,
    struct lt_buf *to_table, const struct model_rule **rule)
{
	struct lt_buf out[2] = { *to_schema, *to_table };
	bool found = model_mapping_branch(m, schema, table, 0, out, rule);

	*to_schema = out[0];
	*to_table = out[1];
	return found;
}

bool
model_mapping_fans(const struct model_mapping *m)
{
	for (size_t i = 0; i < m->count; i++) {
		if (m->rules[i].branch > 0)
			return true;
	}
	return false;
}

bool
model_mapping_weighted(const struct model_mapping *m)
{
	for (size_t i = 0; i < m->count; i++) {
		if (m->rules[i].entry.weight != MODEL_WEIGHT_DEFAULT)
			return true;
	}
	return false;
}

bool
model_mapping_schema(const struct model_mapping *m, struct lt_str schema)
{
	if (model_is_system_schema(schema))
		return false;
	for (size_t i = 0; i < m->count; i++) {
		if (model_pattern_schema(&m->rules[i].from, schema, atomic_load(m->fold)))
			return true;
	}
	return false;
}

/* The part's one literal, or nothing. */
static struct lt_str
only_name(const struct model_part *part)
{
	bool literal = part->regex == NULL && part->count == 1 && part->tokens[0].kind == MODEL_LITERAL;

	return literal ? part->tokens[0].text : (struct lt_str){ 0 };
}

size_t
model_mapping_count(const struct model_mapping *m)
{
	return m->count;
}

void
model_mapping_end(const struct model_mapping *m, size_t entry, bool target, struct lt_str *schema, struct lt_str *table)
{
	const struct model_rule *r = &m->rules[entry];
	const struct model_pattern *end = target && !r->same ? &r->to : &r->from;

	*schema = only_name(&end->schema);
	*table = only_name(&end->table);
}

unsigned
model_rule_weight(const struct model_rule *r)
{
	return r->entry.weight;
}

const struct model_constant *
model_rule_constants(const struct model_rule *r, size_t *count)
{
	*count = r->entry.nconstants;
	return r->entry.constants;
}

bool
model_rule_column(const struct model_rule *r, struct lt_str column, struct lt_str *target)
{
	const struct model_entry *e;

	LT_ASSERT(r != NULL);
	e = &r->entry;
	for (size_t i = 0; i < e->nrenames; i++) {
		if (lt_str_ieq(e->rename_from[i], column)) {
			*target = e->rename_to[i];
			return true;
		}
	}
	if (has_name(e->exclude, e->nexclude, column) ||
	    (e->ninclude > 0 && !has_name(e->include, e->ninclude, column)) || constant_of(e, column) != NULL)
		return false;
	*target = column;
	return true;
}

/* The column lists as the other end sees them. What the given direction can never write (a name that was renamed away)
 * is left out. */
static struct model_entry
invert_entry(struct lt_arena *arena, const struct model_rule *r)
{
	const struct model_entry *e = &r->entry;
	struct lt_str *include = lt_arena_alloc(arena, (e->ninclude + 1) * sizeof(*include));
	struct lt_str *exclude = lt_arena_alloc(arena, (e->nexclude + e->nrenames + 1) * sizeof(*exclude));
	struct model_entry back = { .from = e->from, .weight = e->weight };

	if (!r->same) {
		back.from = e->to;
		back.to = e->from;
	}
	for (size_t i = 0; i < e->ninclude; i++)
		LT_ASSERT(model_rule_column(r, e->include[i], &include[back.ninclude++]));
	for (size_t i = 0; i < e->nexclude; i++) {
		if (!has_name(e->rename_to, e->nrenames, e->exclude[i]))
			exclude[back.nexclude++] = e->exclude[i];
	}
	for (size_t i = 0; i < e->nrenames && e->ninclude == 0; i++) {
		if (!has_name(e->rename_to, e->nrenames, e->rename_from[i]))
			exclude[back.nexclude++] = e->rename_from[i];
	}
	back.include = include;
	back.exclude = exclude;
	back.rename_from = e->rename_to;
	back.rename_to = e->rename_from;
	back.nrenames = e->nrenames;
	return back;
}

/* A name can be taken apart in one way only when at most one of its pieces has no fixed length. */
static bool
is_ambiguous(const struct model_part *part)
{
	size_t loose = 0;

	for (size_t i = 0; i < part->count; i++) {
		const struct model_token *t = &part->tokens[i];

		loose += t->kind == MODEL_STAR || (t->kind == MODEL_RANGE && t->width == 0);
	}
	return loose > 1;
}

static bool
check_one_to_one(const struct model_rule *r, struct lt_err *err)
{
	if (r->branch > 0)
		return lt_fail(err, LT_E_CONFIG_MAPPING,
		    "two-way: entry %zu has the same `from`: one table would go to several (fan-out), which has no way back",
		    r->head + 1);
	if (r->entry.nconstants > 0)
		return lt_fail(err, LT_E_CONFIG_MAPPING, "two-way: what `set` puts into a column has no way back");
	if (r->same)
		return true;
	if (model_pattern_has_regex(&r->from))
		return lt_fail(err, LT_E_CONFIG_MAPPING,
		    "two-way: the names of a regex cannot be changed, since that has no way back");
	if (r->from.stars != r->to.stars || r->from.ranges != r->to.ranges)
		return lt_fail(err, LT_E_CONFIG_MAPPING,
		    "two-way: several tables would go to one (fan-in), which has no way back");
	if (is_ambiguous(&r->from.schema) || is_ambiguous(&r->from.table) || is_ambiguous(&r->to.schema) ||
	    is_ambiguous(&r->to.table))
		return lt_fail(err, LT_E_CONFIG_MAPPING,
		    "two-way: more than one * or open range in one name has no certain way back");
	return true;
}

/* Whether the literal target of `r` is also what `other` makes of some table. */
static bool
literal_taken(const struct model_mapping *m, const struct model_rule *r, const struct model_rule *other)
{
	const struct model_pattern *to = r->same ? &r->from : &r->to;
	struct lt_str schema = to->schema.tokens[0].text, table = to->table.tokens[0].text;
	struct lt_buf names[2] = { 0 }, there[2] = { 0 };
	const struct model_rule *rule = NULL;
	struct model_match match = { .fold = false };
	bool taken = false;

	if (model_pattern_match(other->same ? &other->from : &other->to, schema, table, &match) != MODEL_NO) {
		if (other->same) {
			lt_buf_str_add(&names[0], schema);
			lt_buf_str_add(&names[1], table);
		} else {
			model_pattern_write(&other->from, &match, &names[0], &names[1]);
		}
		taken = find(m, lt_buf_str(&names[0]), lt_buf_str(&names[1]), 0, there, &rule) == MODEL_GAVE_UP ||
			rule == other;
	}
	for (size_t i = 0; i < 2; i++) {
		lt_buf_free(&names[i]);
		lt_buf_free(&there[i]);
	}
	return taken;
}

static bool
check_pair(const struct model_mapping *m, const struct model_rule *a, const struct model_rule *b, struct lt_err *err)
{
	const struct model_pattern *x = a->same ? &a->from : &a->to, *y = b->same ? &b->from : &b->to;
	bool taken;

	if ((a->same && b->same) || !model_pattern_overlap(x, y))
		return true;
	if (model_pattern_is_literal(x))
		taken = literal_taken(m, a, b);
	else if (model_pattern_is_literal(y))
		taken = literal_taken(m, b, a);
	else
		taken = true;
	if (!taken)
		return true;
	return lt_fail(err, LT_E_CONFIG_MAPPING,
	    "two-way: its target names may be those of entry %zu too (fan-in), which has no way back",
	    LT_MIN(a->index, b->index) + 1);
}

static bool
check_invertible(const struct model_mapping *m, size_t *bad, struct lt_err *err)
{
	for (size_t i = 0; i < m->count; i++) {
		*bad = m->rules[i].index;
		if (!check_one_to_one(&m->rules[i], err))
			return false;
	}
	for (size_t i = 0; i < m->count; i++) {
		for (size_t j = 0; j < i; j++) {
			*bad = LT_MAX(m->rules[i].index, m->rules[j].index);
			if (!check_pair(m, &m->rules[i], &m->rules[j], err))
				return false;
		}
	}
	return true;
}

bool
model_mapping_invert(const struct model_mapping *m, struct model_mapping **ret, size_t *bad, struct lt_err *err)
{
	struct model_entry *there = lt_calloc(m->count + 1, sizeof(*there)),
			   *back = lt_calloc(m->count + 1, sizeof(*back));
	struct lt_arena *arena = lt_arena_new();
	struct model_mapping *inverse = NULL;
	bool ok = false;

	*bad = 0;
	if (m->back == NULL && !check_invertible(m, bad, err))
		goto out;
	for (size_t i = 0; i < m->count; i++) {
		there[m->rules[i].index] = m->rules[i].entry;
		back[m->rules[i].index] = invert_entry(arena, &m->rules[i]);
	}
	if (m->back != NULL) { /* the inverse of an inverse is what that was made from */
		for (size_t i = 0; i < m->count; i++)
			there[m->back->rules[i].index] = m->back->rules[i].entry;
		ok = model_mapping_new(there, m->count, ret, bad, err);
		goto out;
	}
	if (!model_mapping_new(back, m->count, &inverse, bad, err) ||
	    !model_mapping_new(there, m->count, &inverse->back, bad, err))
		goto out;
	*ret = inverse;
	inverse = NULL; /* now the caller's */
	ok = true;
out:
	model_mapping_free(inverse);
	lt_arena_free(arena);
	free(there);
	free(back);
	return ok;
}
