/* What must be so at all ends of a table whose conflicts are decided: a row is the same bytes everywhere, and found by
 * the same keys. */
#include <stdio.h>

#include "pipeline/check_priv.h"
#include "schema/history.h"

/* Also where a shadow only tells what would be decided. */
static bool
has_policy(const struct check *k, struct lt_str schema, struct lt_str table)
{
	const struct model_conflict_policy *policy;

	if (!k->channel->conflicts.on)
		return false;
	policy = model_conflicts_of(k->channel, schema, table);
	return policy == NULL || policy->kind != MODEL_CONFLICT_NONE;
}

bool
pipeline_check_decided(const struct check *k, struct lt_str schema, struct lt_str table)
{
	return k->decides && has_policy(k, schema, table);
}

enum pipeline_verdict
pipeline_check_verdict(const struct check *k, const struct check_pair *pair)
{
	return pipeline_check_decided(k, pair->to_schema, pair->to_table) ? PIPELINE_FAIL : PIPELINE_WARN;
}

/* -- names of character sets ---------------------------------------------------------------------- */

/* What older servers call utf8 is utf8mb3. */
static struct lt_str
behind_utf8(struct lt_str name)
{
	static const struct lt_str names[] = { { "utf8mb3", 7 }, { "utf8", 4 } };

	for (size_t i = 0; i < LT_COUNT(names); i++) {
		size_t n = names[i].len;

		if (lt_str_starts(name, names[i]) && (name.len == n || name.ptr[n] == '_'))
			return lt_str_of(name.ptr + n, name.len - n);
	}
	return (struct lt_str){ 0 };
}

static bool
same_name(struct lt_str a, struct lt_str b)
{
	struct lt_str x = behind_utf8(a), y = behind_utf8(b);

	return x.ptr != NULL && y.ptr != NULL ? lt_str_eq(x, y) : lt_str_eq(a, b);
}

/* -- columns -------------------------------------------------------------------------------------- */

/* Whether each takes all that the other holds, in the same form. JSON is text in one engine and a value in another. */
static bool
same_type(const struct check_pair *pair, size_t i)
{
	const struct schema_column *a = &pair->source->columns[i], *b = &pair->target->columns[i];
	struct schema_table one = *pair->source, other = *pair->target;
	struct lt_buf lines = { 0 };
	bool same;

	if (lt_str_eqz(a->base_type, "json") != lt_str_eqz(b->base_type, "json"))
		return false;
	one.columns = a;
	other.columns = b;
	one.ncolumns = other.ncolumns = 1;
	schema_compare(&one, &other, NULL, &lines);
	schema_compare(&other, &one, NULL, &lines);
	same = lines.len == 0;
	lt_buf_free(&lines);
	return same;
}

static void
compare_column(const struct check_pair *pair, size_t i, struct lt_buf *out)
{
	const struct schema_column *a = &pair->source->columns[i], *b = &pair->target->columns[i];
	const char *comma = out->len > 0 ? "; " : "";

	if (!lt_str_ieq(a->name, b->name))
		lt_buf_printf(out, "%scolumn %zu is %.*s and %.*s", comma, i + 1, LT_FMT(a->name), LT_FMT(b->name));
	else if (a->generated != b->generated)
		lt_buf_printf(out, "%scolumn %.*s is made by the server itself at one of them", comma, LT_FMT(a->name));
	else if (!same_type(pair, i))
		lt_buf_printf(out, "%scolumn %.*s is %.*s%s and %.*s%s", comma, LT_FMT(a->name), LT_FMT(a->type),
		    a->nullable ? "" : " NOT NULL", LT_FMT(b->type), b->nullable ? "" : " NOT NULL");
	else if (!same_name(a->charset, b->charset))
		lt_buf_printf(out, "%scolumn %.*s is in %.*s and in %.*s", comma, LT_FMT(a->name), LT_FMT(a->charset),
		    LT_FMT(b->charset));
}

/* Only what two tables have at the same place is one value. */
static void
compare_columns(const struct check_pair *pair, struct lt_buf *out)
{
	const struct schema_table *a = pair->source, *b = pair->target;

	for (size_t i = 0; i < LT_MIN(a->ncolumns, b->ncolumns) && out->len == 0; i++)
		compare_column(pair, i, out);
	if (out->len == 0 && a->ncolumns != b->ncolumns)
		lt_buf_printf(out, "%zu columns and %zu", a->ncolumns, b->ncolumns);
}

/* -- keys ----------------------------------------------------------------------------------------- */

static bool
same_key(const struct schema_key *a, const struct schema_key *b)
{
	if (a->nparts != b->nparts || lt_str_eqz(a->name, "PRIMARY") != lt_str_eqz(b->name, "PRIMARY"))
		return false;
	for (size_t i = 0; i < a->nparts; i++) {
		if (a->parts[i].column != b->parts[i].column || a->parts[i].prefix != b->parts[i].prefix)
			return false;
	}
	return true;
}

/* Unique keys of `a` that `b` has not, by their parts: a value would be given to one row only at some sites. */
static void
missing_keys(const struct schema_table *a, const struct schema_table *b, const char *where, struct lt_buf *out)
{
	for (size_t i = 0; i < a->nkeys; i++) {
		bool found = !a->keys[i].unique;

		for (size_t j = 0; j < b->nkeys && !found; j++)
			found = b->keys[j].unique && same_key(&a->keys[i], &b->keys[j]);
		if (!found)
			lt_buf_printf(out, "%sunique key %.*s is at %s only", out->len > 0 ? "; " : "",
			    LT_FMT(a->keys[i].name), where);
	}
}

static bool
is_in_unique_key(const struct schema_table *t, size_t column)
{
	for (size_t i = 0; i < t->nkeys; i++) {
		for (size_t j = 0; t->keys[i].unique && j < t->keys[i].nparts; j++) {
			if (t->keys[i].parts[j].column == column)
				return true;
		}
	}
	return false;
}

static void
check_collations(struct check_survey *keys, struct check_survey *others, const struct check_pair *pair)
{
	for (size_t i = 0; i < pair->source->ncolumns; i++) {
		const struct schema_column *a = &pair->source->columns[i], *b = &pair->target->columns[i];
		bool in_key = is_in_unique_key(pair->source, i);

		if (same_name(a->collation, b->collation))
			continue;
		pipeline_check_finding(in_key ? keys : others, "give the column the same collation at all sites",
		    "%.*s.%.*s: column %.*s is in %.*s at %s and in %.*s at %s%s", LT_FMT(pair->to_schema),
		    LT_FMT(pair->to_table), LT_FMT(a->name), LT_FMT(a->collation), keys->t->from->name,
		    LT_FMT(b->collation), keys->t->to->name,
		    in_key ? ": two rows that are one row there" : ": queries answer otherwise");
	}
}

void
pipeline_check_alike(struct check *k, const struct check_tables *t)
{
	enum pipeline_verdict verdict = k->decides ? PIPELINE_FAIL : PIPELINE_WARN;
	struct check_survey s = { k, t, "tables alike", verdict, 0 };
	struct check_survey keys = { k, t, "collations of keys", verdict, 0 },
			    others = { k, t, "collations", PIPELINE_WARN, 0 };
	struct lt_buf out = { 0 };

	for (size_t i = 0; i < t->npairs; i++) {
		const struct check_pair *pair = &t->pairs[i];

		if (pair->target == NULL || !has_policy(k, pair->to_schema, pair->to_table))
			continue;
		lt_buf_clear(&out);
		compare_columns(pair, &out);
		if (out.len == 0) {
			check_collations(&keys, &others, pair);
			missing_keys(pair->source, pair->target, t->from->name, &out);
			missing_keys(pair->target, pair->source, t->to->name, &out);
		}
		if (out.len > 0)
			pipeline_check_finding(&s,
			    "make the table alike at all sites, or name it with `policy: none` under `conflicts: tables` where one site alone writes it",
			    "%.*s.%.*s, at %s and at %s: %.*s", LT_FMT(pair->to_schema), LT_FMT(pair->to_table),
			    t->from->name, t->to->name, LT_FMT(lt_buf_str(&out)));
	}
	lt_buf_free(&out);
	pipeline_check_survey_end(&s, "columns and unique keys are the same");
	pipeline_check_survey_end(&keys, "the same");
	pipeline_check_survey_end(&others, "the same");
}

/* -- one site's tables ---------------------------------------------------------------------------- */

void
pipeline_check_decidable(struct check *k, const struct check_tables *t)
{
	struct check_survey s = { k, t, "conflict tables", k->decides ? PIPELINE_FAIL : PIPELINE_WARN, 0 };
	void *site = k->decider->open(k->channel, t->pipeline->mapping, t->to->conn);
	size_t count = 0;
	char fine[80];

	for (size_t i = 0; i < t->npairs; i++) {
		struct schema_table *target = t->pairs[i].target;
		struct lt_err err = { 0 };

		if (target == NULL || !has_policy(k, target->schema, target->name))
			continue;
		count++;
		if (k->decider->fits(site, target, &err))
			continue;
		if (lt_err_kind(&err) == LT_KIND_RETRY)
			k->passing = err;
		pipeline_check_finding(&s,
		    "change the table at all sites, exclude it, or name it with `policy: none` under `conflicts: tables` where one"
		    " site alone writes it",
		    "%s", err.message);
	}
	k->decider->close(site);
	snprintf(fine, sizeof(fine), "%zu tables of %s can be decided", count, t->to->name);
	pipeline_check_survey_end(&s, fine);
}
