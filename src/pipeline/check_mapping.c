/* What entries of `tables` do beyond names: constants, several tables into one. */
#include <limits.h>

#include "pipeline/check_priv.h"

static bool
is_member(const struct schema_column *c, struct lt_str text)
{
	for (size_t i = 0; i < c->nmembers; i++) {
		if (lt_str_ieq(c->members[i], text))
			return true;
	}
	return false;
}

static struct lt_str
text_of(const struct check_pair *pair, const struct model_constant *c)
{
	switch (c->kind) {
	case MODEL_CONSTANT_SCHEMA: return pair->source->schema;
	case MODEL_CONSTANT_TABLE: return pair->source->name;
	case MODEL_CONSTANT_NULL:
	case MODEL_CONSTANT_NUMBER:
	case MODEL_CONSTANT_TEXT: break;
	}
	return c->text;
}

/* Bytes that a VARCHAR(n) of ASCII can take: enough for names and marks; longer texts the server itself refuses. */
static bool
fits_length(const struct schema_column *c, struct lt_str text)
{
	const char *open = memchr(c->type.ptr, '(', c->type.len);
	unsigned long n = open != NULL ? strtoul(open + 1, NULL, 10) : 0;
	size_t characters = 0;

	if (!lt_str_eqz(c->base_type, "char") && !lt_str_eqz(c->base_type, "varchar"))
		return true;
	for (size_t i = 0; i < text.len; i++)
		characters += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
	return characters <= n;
}

/* Why the column cannot hold it; NULL: it can, or only the server knows. */
static const char *
misfit(const struct check_pair *pair, const struct schema_column *c, const struct model_constant *constant)
{
	static const char *const numbers[] = { "tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float",
		"double", "bit", "year" };
	static const char *const texts[] = { "char", "varchar", "tinytext", "text", "mediumtext", "longtext", "binary",
		"varbinary", "tinyblob", "blob", "mediumblob", "longblob" };

	if (c->generated != SCHEMA_PLAIN)
		return "is made by the target itself";
	if (constant->kind == MODEL_CONSTANT_NULL)
		return c->nullable ? NULL : "may not be NULL";
	if (lt_str_one_of(c->base_type, numbers, LT_COUNT(numbers)))
		return constant->kind == MODEL_CONSTANT_NUMBER ? NULL : "wants a number";
	if (lt_str_eqz(c->base_type, "enum"))
		return is_member(c, text_of(pair, constant)) ? NULL : "has no such member";
	if (lt_str_one_of(c->base_type, texts, LT_COUNT(texts)))
		return fits_length(c, text_of(pair, constant)) ? NULL : "is too short for it";
	return NULL;
}

static void
check_constants(struct check *k, const struct check_tables *t)
{
	struct check_survey s = { k, t, "set", PIPELINE_FAIL, 0 };
	size_t found = 0;

	for (size_t i = 0; i < t->npairs; i++) {
		const struct check_pair *pair = &t->pairs[i];
		size_t count;
		const struct model_constant *constants = model_rule_constants(pair->rule, &count);

		found += count;
		for (size_t j = 0; pair->target != NULL && j < count; j++) {
			size_t at = schema_table_column(pair->target, constants[j].column);
			const char *why =
			    at == SIZE_MAX ? "is not there" : misfit(pair, &pair->target->columns[at], &constants[j]);

			if (why != NULL)
				pipeline_check_finding(&s,
				    "mend the column at the target, or `set` in the channel file",
				    "%.*s.%.*s: column %.*s %s", LT_FMT(pair->to_schema), LT_FMT(pair->to_table),
				    LT_FMT(constants[j].column), why);
		}
	}
	if (found > 0)
		pipeline_check_survey_end(&s, "every column that `set` names takes its value");
}

/* -- several tables into one ---------------------------------------------------------------------- */

static const struct model_constant *
constant_of(const struct check_pair *pair, struct lt_str column)
{
	size_t count;
	const struct model_constant *constants = model_rule_constants(pair->rule, &count);

	for (size_t i = 0; i < count; i++) {
		if (lt_str_ieq(constants[i].column, column))
			return &constants[i];
	}
	return NULL;
}

/* A part of the key that is another constant for each of the two. */
static bool
told_apart(const struct check_pair *a, const struct check_pair *b, const struct schema_key *key)
{
	for (size_t i = 0; i < key->nparts; i++) {
		struct lt_str name = a->target->columns[key->parts[i].column].name;
		const struct model_constant *x = constant_of(a, name), *y = constant_of(b, name);

		if (x != NULL && y != NULL && !lt_str_ieq(text_of(a, x), text_of(b, y)))
			return true;
	}
	return false;
}

static void
check_fan_in(struct check *k, const struct check_tables *t)
{
	struct check_survey s = { k, t, "several tables into one", PIPELINE_WARN, 0 };
	size_t found = 0;

	for (size_t i = 1; i < t->npairs; i++) {
		const struct check_pair *a = &t->pairs[i - 1], *b = &t->pairs[i];
		const struct schema_key *key = b->target != NULL ? schema_table_find_key(b->target) : NULL;

		if (!b->shared || a->target != b->target || key == NULL)
			continue;
		found++;
		if (!told_apart(a, b, key))
			pipeline_check_finding(&s,
			    "give the target a column in its key that `set` fills with another value for each source table",
			    "%.*s.%.*s and %.*s.%.*s both go to %.*s.%.*s: rows with the same key %.*s meet there",
			    LT_FMT(a->source->schema), LT_FMT(a->source->name), LT_FMT(b->source->schema),
			    LT_FMT(b->source->name), LT_FMT(b->to_schema), LT_FMT(b->to_table), LT_FMT(key->name));
	}
	if (found > 0)
		pipeline_check_survey_end(&s, "their keys are told apart by what `set` says");
}

/* -- Otter's marks -------------------------------------------------------------------------------- */

static void
check_marks(struct check *k, const struct check_site *s, bool written)
{
	const struct model_otter *o = &k->channel->otter;
	struct my_rows *rows = NULL;
	struct lt_err err = { 0 };

	if (my_queryf(
		s->conn, &rows, &err, "SELECT id, channel_id, channel_info FROM `%s`.retl_mark LIMIT 0", o->schema))
		pipeline_check_ok(k, "otter", s->name, "marks are in %s.retl_mark", o->schema);
	else if (written)
		pipeline_check_fail(k, "otter", s->name, "run Otter's own script for its system schema there",
		    "marks cannot be written: %s", err.message);
	else
		pipeline_check_warn(
		    k, "otter", s->name, NULL, "marks cannot be seen in %s.retl_mark: %s", o->schema, err.message);
	my_rows_free(rows);
}

void
pipeline_check_otter(struct check *k, const struct check_tables *t)
{
	if (!k->channel->otter.on)
		return;
	check_marks(k, t->from, false);
	if (k->channel->otter.write)
		check_marks(k, t->to, true);
}

/* What the log's order was right for, another order may break. */
static void
check_weights(struct check *k, const struct check_tables *t)
{
	struct check_survey s = { k, t, "weight", PIPELINE_WARN, 0 };
	unsigned lightest = UINT_MAX, heaviest = 0;

	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < t->npairs; i++) {
			const struct check_pair *pair = &t->pairs[i];
			unsigned weight = model_rule_weight(pair->rule);

			if (pair->target == NULL || (pair->target->nparents == 0 && pair->target->nchildren == 0))
				continue;
			lightest = LT_MIN(lightest, weight);
			heaviest = LT_MAX(heaviest, weight);
			if (pass == 1 && lightest < heaviest)
				pipeline_check_finding(&s,
				    "give tables with foreign keys one weight, or each child more than its parents",
				    "%.*s.%.*s has foreign keys and weight %u, others have %u to %u",
				    LT_FMT(pair->to_schema), LT_FMT(pair->to_table), weight, lightest, heaviest);
		}
	}
	if (model_mapping_weighted(t->pipeline->mapping))
		pipeline_check_survey_end(&s, "no foreign keys between tables of several weights");
}

static void
check_mode(struct check *k, const struct check_tables *t)
{
	if (k->channel->sync == MODEL_SYNC_ROW)
		pipeline_check_warn(k, "sync-mode", t->pipeline->name,
		    "take `sync-mode: row` out where it is not needed",
		    "rows are read again at the source when they are applied: inexact, what comes may be later than the"
		    " transaction, and each costs a round trip");
}

void
pipeline_check_mapping(struct check *k, const struct check_tables *t)
{
	check_mode(k, t);
	check_constants(k, t);
	check_fan_in(k, t);
	check_weights(k, t);
}
