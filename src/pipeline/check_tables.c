/* The mapped tables of one direction: each at both ends, alike enough, and fit to be applied. */
#include <stdarg.h>
#include <stdio.h>

#include "mysql/sql.h"
#include "pipeline/check_priv.h"
#include "pipeline/rule_map.h"
#include "schema/catalog.h"
#include "schema/history.h"

enum { LINES_PER_CHECK = 20 };

/* -- pairs ---------------------------------------------------------------------------------------- */

static bool
is_mapped(void *ctx, struct lt_str schema, struct lt_str table)
{
	const struct check_tables *t = ctx;
	struct lt_buf to_schema = { 0 }, to_table = { 0 };
	const struct model_rule *rule;
	bool mapped = model_mapping_table(t->pipeline->mapping, schema, table, &to_schema, &to_table, &rule);

	lt_buf_free(&to_schema);
	lt_buf_free(&to_table);
	return mapped;
}

/* Letter case of ASCII plays no part in the order, so that servers which fold names are served too. */
static int
fold_cmp(struct lt_str a, struct lt_str b)
{
	for (size_t i = 0; i < a.len && i < b.len; i++) {
		unsigned char x = (unsigned char)a.ptr[i], y = (unsigned char)b.ptr[i];

		x = x >= 'A' && x <= 'Z' ? (unsigned char)(x | 0x20) : x;
		y = y >= 'A' && y <= 'Z' ? (unsigned char)(y | 0x20) : y;
		if (x != y)
			return x < y ? -1 : 1;
	}
	return (a.len > b.len) - (a.len < b.len);
}

static int
name_cmp(struct lt_str schema_a, struct lt_str table_a, struct lt_str schema_b, struct lt_str table_b)
{
	int order = fold_cmp(schema_a, schema_b);

	return order != 0 ? order : fold_cmp(table_a, table_b);
}

static int
by_target(const void *a, const void *b)
{
	const struct check_pair *x = a, *y = b;

	return name_cmp(x->to_schema, x->to_table, y->to_schema, y->to_table);
}

/* The first pair with this target name, or NULL. */
static struct check_pair *
find_pair(const struct check_tables *t, struct lt_str schema, struct lt_str table)
{
	size_t low = 0, high = t->npairs;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (name_cmp(t->pairs[mid].to_schema, t->pairs[mid].to_table, schema, table) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == t->npairs || name_cmp(t->pairs[low].to_schema, t->pairs[low].to_table, schema, table) != 0)
		return NULL;
	return &t->pairs[low];
}

static bool
is_paired(void *ctx, struct lt_str schema, struct lt_str table)
{
	return find_pair(ctx, schema, table) != NULL;
}

static bool
names_equal(const struct check_site *site, struct lt_str a, struct lt_str b)
{
	return lt_str_eqz(pipeline_check_var(site, "lower_case_table_names"), "0") ? lt_str_eq(a, b) : lt_str_ieq(a, b);
}

static void
make_pairs(struct check_tables *t)
{
	struct lt_buf names[2] = { 0 };
	const struct model_rule *rule;

	for (size_t i = 0; i < t->nsources; i++) {
		const struct schema_table *source = t->sources[i];

		for (size_t j = 0;
		     model_mapping_branch(t->pipeline->mapping, source->schema, source->name, j, names, &rule) &&
		     rule != NULL; /* else nobody knows: the pipeline stops there too */
		     j++) {
			t->pairs = lt_realloc(t->pairs, (t->npairs + 1) * sizeof(*t->pairs));
			t->pairs[t->npairs++] = (struct check_pair){ .source = source,
				.to_schema = lt_arena_str(t->arena, lt_buf_str(&names[0])),
				.to_table = lt_arena_str(t->arena, lt_buf_str(&names[1])),
				.rule = rule };
		}
	}
	lt_buf_free(&names[0]);
	lt_buf_free(&names[1]);
	if (t->npairs == 0)
		return;
	qsort(t->pairs, t->npairs, sizeof(*t->pairs), by_target);
	for (size_t i = 1; i < t->npairs; i++) {
		if (by_target(&t->pairs[i - 1], &t->pairs[i]) == 0)
			t->pairs[i - 1].shared = t->pairs[i].shared = true;
	}
}

static void
join_targets(struct check_tables *t)
{
	for (size_t i = 0; i < t->ntargets; i++) {
		struct schema_table *target = t->targets[i];
		struct check_pair *pair = find_pair(t, target->schema, target->name);

		for (; pair != NULL && pair < t->pairs + t->npairs &&
		       name_cmp(pair->to_schema, pair->to_table, target->schema, target->name) == 0;
		     pair++) {
			if (names_equal(t->to, pair->to_schema, target->schema) &&
			    names_equal(t->to, pair->to_table, target->name))
				pair->target = target;
		}
	}
}

bool
pipeline_check_tables_read(
    struct check *k, const struct model_pipeline *p, struct check_tables *out, const char **where, struct lt_err *err)
{
	struct check_tables t = {
		.pipeline = p, .from = &k->sites[p->from], .to = &k->sites[p->to], .arena = lt_arena_new()
	};

	model_mapping_fold(p->mapping, !lt_str_eqz(pipeline_check_var(t.from, "lower_case_table_names"), "0"));
	*where = t.from->name;
	if (!schema_catalog_tables(t.from->conn, is_mapped, &t, &t.sources, &t.nsources, err))
		goto failed;
	make_pairs(&t);
	*where = t.to->name;
	if (t.npairs > 0 && !schema_catalog_tables(t.to->conn, is_paired, &t, &t.targets, &t.ntargets, err))
		goto failed;
	join_targets(&t);
	*out = t;
	return true;
failed:
	pipeline_check_tables_clear(&t);
	return false;
}

void
pipeline_check_tables_clear(struct check_tables *t)
{
	schema_catalog_free(t->sources, t->nsources);
	schema_catalog_free(t->targets, t->ntargets);
	free(t->pairs);
	lt_arena_free(t->arena);
}

/* -- checks of each pair -------------------------------------------------------------------------- */

void
pipeline_check_finding(struct check_survey *s, const char *mend, const char *fmt, ...)
{
	char text[1024];
	va_list args;

	if (s->findings++ >= LINES_PER_CHECK) {
		s->k->failures += s->otherwise == PIPELINE_FAIL;
		return;
	}
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (s->otherwise == PIPELINE_FAIL)
		pipeline_check_fail(s->k, s->what, s->t->pipeline->name, mend, "%s", text);
	else
		pipeline_check_warn(s->k, s->what, s->t->pipeline->name, mend, "%s", text);
}

void
pipeline_check_survey_end(struct check_survey *s, const char *fine)
{
	if (s->findings == 0)
		pipeline_check_ok(s->k, s->what, s->t->pipeline->name, "%s", fine);
	else if (s->findings > LINES_PER_CHECK)
		pipeline_check_warn(
		    s->k, s->what, s->t->pipeline->name, NULL, "and %zu tables more", s->findings - LINES_PER_CHECK);
}

static void
check_present(struct check *k, const struct check_tables *t)
{
	struct check_survey s = { k, t, "table at target", PIPELINE_FAIL, 0 };
	char fine[64];

	for (size_t i = 0; i < t->npairs; i++) {
		const struct check_pair *pair = &t->pairs[i];
		char mend[700];

		if (pair->target != NULL)
			continue;
		snprintf(mend, sizeof(mend), "create it at %s with what SHOW CREATE TABLE `%.*s`.`%.*s` prints at %s",
		    t->to->name, LT_FMT(pair->source->schema), LT_FMT(pair->source->name), t->from->name);
		pipeline_check_finding(&s, mend, "%.*s.%.*s is not at %s (or not visible)", LT_FMT(pair->to_schema),
		    LT_FMT(pair->to_table), t->to->name);
	}
	snprintf(fine, sizeof(fine), "all %zu mapped tables are there", t->npairs);
	pipeline_check_survey_end(&s, fine);
}

/* More is asked of those: pipeline_check_alike(). */
static bool
is_decided(const struct check *k, const struct check_pair *pair)
{
	return pipeline_check_decided(k, pair->to_schema, pair->to_table);
}

static void
check_shapes(struct check *k, const struct check_tables *t)
{
	struct check_survey s = { k, t, "columns", PIPELINE_FAIL, 0 };
	struct lt_buf lines = { 0 };
	struct schema_map map;

	for (size_t i = 0; i < t->npairs; i++) {
		const struct check_pair *pair = &t->pairs[i];

		if (pair->target == NULL || is_decided(k, pair))
			continue;
		lt_buf_clear(&lines);
		map = pipeline_rule_map(pair->rule);
		schema_compare(pair->source, pair->target, &map, &lines);
		while (lines.len > 0 && lines.ptr[lines.len - 1] == '\n')
			lines.len--;
		for (size_t j = 0; j < lines.len; j++)
			lines.ptr[j] = lines.ptr[j] == '\n' ? ';' : lines.ptr[j];
		if (lines.len > 0)
			pipeline_check_finding(&s, "make the columns alike, or exclude them in the channel file",
			    "%.*s.%.*s: %.*s", LT_FMT(pair->to_schema), LT_FMT(pair->to_table),
			    LT_FMT(lt_buf_str(&lines)));
	}
	lt_buf_free(&lines);
	pipeline_check_survey_end(&s, "every mapped column fits");
}

/* Rows of other engines are logged apart from the mark and cannot be rolled back. */
static void
check_engines(struct check *k, const struct check_tables *t)
{
	struct check_survey at_target = { k, t, "engine at target", PIPELINE_FAIL, 0 };
	struct check_survey at_source = { k, t, "engine at source", k->two_way ? PIPELINE_FAIL : PIPELINE_WARN, 0 };
	char mend[700];

	for (size_t i = 0; i < t->npairs; i++) {
		const struct schema_table *ends[2] = { t->pairs[i].source, t->pairs[i].target };

		for (size_t j = 0; j < 2; j++) {
			if (ends[j] == NULL || ends[j]->transactional)
				continue;
			snprintf(mend, sizeof(mend), "ALTER TABLE `%.*s`.`%.*s` ENGINE=InnoDB", LT_FMT(ends[j]->schema),
			    LT_FMT(ends[j]->name));
			pipeline_check_finding(j == 0 ? &at_source : &at_target, mend,
			    "%.*s.%.*s is %.*s, which has no transactions", LT_FMT(ends[j]->schema),
			    LT_FMT(ends[j]->name), LT_FMT(ends[j]->engine));
		}
	}
	pipeline_check_survey_end(&at_source, "all have transactions");
	pipeline_check_survey_end(&at_target, "all have transactions");
}

static const struct schema_column *
target_of(const struct check_pair *pair, const struct schema_column *column)
{
	struct lt_str name = column->name;
	size_t at = SIZE_MAX;

	if (model_rule_column(pair->rule, column->name, &name))
		at = schema_table_column(pair->target, name);
	return at == SIZE_MAX ? NULL : &pair->target->columns[at];
}

static void
check_charsets(struct check *k, const struct check_tables *t)
{
	struct check_survey s = { k, t, "character sets", PIPELINE_WARN, 0 };

	for (size_t i = 0; i < t->npairs; i++) {
		const struct check_pair *pair = &t->pairs[i];

		for (size_t j = 0; pair->target != NULL && !is_decided(k, pair) && j < pair->source->ncolumns; j++) {
			const struct schema_column *from = &pair->source->columns[j], *to = target_of(pair, from);

			if (to == NULL || from->charset.len == 0 || to->charset.len == 0 ||
			    lt_str_eq(from->charset, to->charset))
				continue;
			pipeline_check_finding(&s, "make the character sets alike",
			    "%.*s.%.*s: column %.*s is in %.*s, at the target in"
			    " %.*s: a character that does not fit there stops the pipeline",
			    LT_FMT(pair->source->schema), LT_FMT(pair->source->name), LT_FMT(from->name),
			    LT_FMT(from->charset), LT_FMT(to->charset));
			break;
		}
	}
	pipeline_check_survey_end(&s, "alike at both ends");
}

static void
check_keys(struct check *k, const struct check_tables *t)
{
	struct check_survey s = { k, t, "key", PIPELINE_WARN, 0 };
	char mend[700];

	for (size_t i = 0; i < t->npairs; i++) {
		const struct schema_table *end = t->pairs[i].target != NULL ? t->pairs[i].target : t->pairs[i].source;

		if (schema_table_find_key(end) != NULL || is_decided(k, &t->pairs[i]))
			continue;
		snprintf(
		    mend, sizeof(mend), "give `%.*s`.`%.*s` a primary key", LT_FMT(end->schema), LT_FMT(end->name));
		pipeline_check_finding(&s, mend, "%.*s.%.*s has no primary key and no unique one without NULL: %s",
		    LT_FMT(end->schema), LT_FMT(end->name),
		    k->two_way ? "rows written at both ends are not told apart" : "each change reads the whole table");
	}
	pipeline_check_survey_end(&s, "every table has one");
}

/* Programs that dump print six digits of a FLOAT: what they brought over is another value than the log's before images
 * tell, and a row that is found or compared by it is not found. */
static void
check_floats(struct check *k, const struct check_tables *t)
{
	struct check_survey s = { k, t, "FLOAT columns", PIPELINE_WARN, 0 };

	for (size_t i = 0; i < t->npairs; i++) {
		const struct check_pair *pair = &t->pairs[i];
		bool keyless = pair->target != NULL && schema_table_find_key(pair->target) == NULL;

		if (pair->target == NULL || (!keyless && k->channel->verify == MODEL_VERIFY_OFF) || is_decided(k, pair))
			continue;
		for (size_t j = 0; j < pair->source->ncolumns; j++) {
			const struct schema_column *from = &pair->source->columns[j];

			if (!lt_str_eqz(from->base_type, "float") || target_of(pair, from) == NULL)
				continue;
			pipeline_check_finding(&s,
			    "where rows came over as text, bring the column's values over once more (SELECT f * 1E0), or make it a DOUBLE at both ends",
			    "%.*s.%.*s: rows are %s column %.*s, of which mysqldump and mariadb-dump bring over six digits: the next change"
			    " of a row that came so stops the pipeline (%s)",
			    LT_FMT(pair->source->schema), LT_FMT(pair->source->name),
			    keyless ? "found by their values, also of" : "compared before they are changed, also in",
			    LT_FMT(from->name), keyless ? "E5000" : "E5001");
			break;
		}
	}
	pipeline_check_survey_end(&s, "no row is found by one");
}

static const char *const trigger_mends[] = {
	[PIPELINE_WARN] = "let it do nothing for Lutra's account (IF CURRENT_USER() ...), or drop it there",
	[PIPELINE_FAIL] =
	    "drop it there, and let the statement do at every site what the trigger did; or exclude the table",
};

static void
check_triggers(struct check *k, const struct check_tables *t)
{
	struct check_survey s = { k, t, "triggers at target", PIPELINE_WARN, 0 };
	enum pipeline_verdict unseen_is = PIPELINE_WARN;
	const struct schema_table *unseen = NULL;
	struct lt_buf grant = { 0 };

	for (size_t i = 0; i < t->npairs; i++) {
		const struct schema_table *target = t->pairs[i].target;

		if (target == NULL)
			continue;
		s.otherwise = pipeline_check_verdict(k, &t->pairs[i]);
		if (t->to->held == NULL ||
		    (pipeline_held_on(t->to->held, target->schema, target->name) & PIPELINE_PRIV_TRIGGER) == 0) {
			unseen = unseen == NULL || s.otherwise > unseen_is ? target : unseen;
			unseen_is = LT_MAX(unseen_is, s.otherwise);
		}
		if (target->has_triggers)
			pipeline_check_finding(&s, trigger_mends[s.otherwise],
			    "%.*s.%.*s has triggers: they fire for applied rows too, and what they write comes on top of what arrives",
			    LT_FMT(target->schema), LT_FMT(target->name));
	}
	if (unseen != NULL) {
		s.otherwise = unseen_is;
		lt_buf_z(&grant, "GRANT TRIGGER ON ");
		my_sql_name(&grant, unseen->schema);
		lt_buf_printf(&grant, ".* TO %.*s", LT_FMT(lt_buf_str(&t->to->account)));
		pipeline_check_finding(&s, lt_buf_cstr(&grant),
		    "without TRIGGER the account sees none of %.*s.%.*s: if there are any, rows of a group may meet them in another order"
		    " than the log's, and updates go in slower forms",
		    LT_FMT(unseen->schema), LT_FMT(unseen->name));
		lt_buf_free(&grant);
	}
	pipeline_check_survey_end(&s, "none");
}

static void
check_versioned(struct check *k, const struct check_tables *t)
{
	struct check_survey s = { k, t, "system versioning", PIPELINE_WARN, 0 };

	for (size_t i = 0; i < t->npairs; i++) {
		const struct schema_table *target = t->pairs[i].target;

		if (is_decided(k, &t->pairs[i]))
			continue;
		if (t->pairs[i].source->temporal || (target != NULL && target->temporal))
			pipeline_check_finding(&s,
			    "exclude the row's period columns, and do not rely on the target's history",
			    "%.*s.%.*s is system-versioned: each end keeps a history of its own",
			    LT_FMT(t->pairs[i].to_schema), LT_FMT(t->pairs[i].to_table));
	}
	pipeline_check_survey_end(&s, "none");
}

static const char *const cascade_mends[] = {
	[PIPELINE_WARN] = "keep the same foreign keys at both ends, and map parent and child tables together",
	[PIPELINE_FAIL] =
	    "make them RESTRICT and let the application delete or change the rows below, or exclude the tables",
};

static void
check_cascades(struct check *k, const struct check_tables *t)
{
	bool logged = !t->from->mariadb && t->from->version >= SCHEMA_MYSQL_LOGS_CASCADES &&
		      !lt_str_ieq(pipeline_check_var(t->from, "innodb_native_foreign_keys"), LT_STR("ON"));
	struct check_survey s = { k, t, "cascades", PIPELINE_WARN, 0 };
	size_t found = 0;
	char fine[120];

	for (size_t i = 0; i < t->npairs; i++) {
		const struct check_pair *pair = &t->pairs[i];

		if (!pair->source->cascades && (pair->target == NULL || !pair->target->cascades))
			continue;
		found++;
		s.otherwise = pipeline_check_verdict(k, pair);
		if (!logged)
			pipeline_check_finding(&s, cascade_mends[s.otherwise],
			    "foreign keys change rows below %.*s.%.*s by themselves, and %s does not log that: the target must do the same",
			    LT_FMT(pair->source->schema), LT_FMT(pair->source->name), t->from->name);
	}
	for (size_t i = 0; i < t->npairs && !logged; i++) {
		const struct check_pair *pair = &t->pairs[i];

		s.otherwise = PIPELINE_FAIL;
		if (is_decided(k, pair) && (pair->source->cascaded || (pair->target != NULL && pair->target->cascaded)))
			pipeline_check_finding(&s, cascade_mends[PIPELINE_FAIL],
			    "rows of %.*s.%.*s are changed by foreign keys to other tables, and %s does not log that",
			    LT_FMT(pair->source->schema), LT_FMT(pair->source->name), t->from->name);
	}
	snprintf(fine, sizeof(fine),
	    found > 0 ? "%zu tables, and their cascades are in the log" : "no foreign key cascades", found);
	pipeline_check_survey_end(&s, fine);
}

/* -- auto-increment ------------------------------------------------------------------------------- */

static uint64_t
gcd(uint64_t a, uint64_t b)
{
	while (b != 0) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static bool
has_auto_increment(const struct schema_table *table)
{
	for (size_t i = 0; i < table->ncolumns; i++) {
		if (table->columns[i].auto_increment)
			return true;
	}
	return false;
}

/* Numbers that a site gives: offset + n * increment. */
struct series {
	uint64_t step, from;
};

static bool
read_series(const struct check_site *s, struct series *out)
{
	return pipeline_check_number(s, "auto_increment_increment", &out->step) &&
	       pipeline_check_number(s, "auto_increment_offset", &out->from);
}

/* They meet if and only if their offsets are equal modulo the increments' common divisor. */
static bool
meet(const struct series *a, const struct series *b)
{
	uint64_t common = gcd(LT_MAX(a->step, 1), LT_MAX(b->step, 1));

	return a->from % common == b->from % common;
}

/* Where conflicts are decided, two rows that got one number would be taken for one row, and one of them would go. */
static void
check_auto_increment(struct check *k, const struct check_tables *t)
{
	struct series a = { 1, 1 }, b = { 1, 1 };
	const char *name = t->pipeline->name;
	size_t count = 0;
	bool fails = false;
	char mend[200];

	for (size_t i = 0; i < t->npairs; i++) {
		if (!has_auto_increment(t->pairs[i].source))
			continue;
		count++;
		fails = fails || pipeline_check_verdict(k, &t->pairs[i]) == PIPELINE_FAIL;
	}
	if (!read_series(t->from, &a) || !read_series(t->to, &b) || count == 0) {
		pipeline_check_ok(k, "auto_increment", name, "no mapped table has such a column");
		return;
	}
	if (!meet(&a, &b)) {
		pipeline_check_ok(k, "auto_increment", name, "every %llu from %llu at %s, every %llu from %llu at %s",
		    (unsigned long long)a.step, (unsigned long long)a.from, t->from->name, (unsigned long long)b.step,
		    (unsigned long long)b.from, t->to->name);
		return;
	}
	snprintf(mend, sizeof(mend),
	    "SET GLOBAL auto_increment_increment = %zu, GLOBAL auto_increment_offset = %zu at %s, and offset = %zu at %s",
	    k->channel->nsites, t->pipeline->from + 1, t->from->name, t->pipeline->to + 1, t->to->name);
	(fails ? pipeline_check_fail : pipeline_check_warn)(k, "auto_increment", name, mend,
	    "%zu tables have such a column, and both sites can give the same number (every %llu from %llu, every %llu from %llu)%s",
	    count, (unsigned long long)a.step, (unsigned long long)a.from, (unsigned long long)b.step,
	    (unsigned long long)b.from, fails ? ": of two rows with one number only one stays" : "");
}

/* Where a row of one table refers to a row of another, each is decided by itself. */
static void
check_references(struct check *k, const struct check_tables *t)
{
	struct check_survey s = { k, t, "foreign keys", PIPELINE_WARN, 0 };

	for (size_t i = 0; i < t->npairs; i++) {
		const struct schema_table *source = t->pairs[i].source;

		if (source->nparents > 0 && is_decided(k, &t->pairs[i]))
			pipeline_check_finding(&s,
			    "see to it that no site deletes a row while another may write one that refers to it",
			    "%.*s.%.*s has foreign keys: a row whose parent was deleted at another site meanwhile stops the pipeline"
			    " (E5003)",
			    LT_FMT(source->schema), LT_FMT(source->name));
	}
	pipeline_check_survey_end(&s, "none");
}

static void
check_entries(struct check *k, const struct check_tables *t)
{
	const struct model_mapping *mapping = t->pipeline->mapping;

	for (size_t i = 0; i < model_mapping_count(mapping); i++) {
		struct lt_str schema, table;
		bool found = false;

		model_mapping_end(mapping, i, false, &schema, &table);
		if (schema.ptr == NULL || table.ptr == NULL)
			continue;
		for (size_t j = 0; j < t->nsources && !found; j++)
			found = names_equal(t->from, t->sources[j]->schema, schema) &&
				names_equal(t->from, t->sources[j]->name, table);
		if (!found)
			pipeline_check_fail(k, "table at source", t->pipeline->name,
			    "mend the entry under `tables`, or create the table",
			    "%.*s.%.*s is not at %s (or not visible)", LT_FMT(schema), LT_FMT(table), t->from->name);
	}
}

/* Whether no pipeline before it has the same source (or target): what is of one site is said once in a mesh. */
static bool
is_first_of(const struct check *k, const struct model_pipeline *p, bool source)
{
	for (const struct model_pipeline *q = k->channel->pipelines; q != p; q++) {
		if (source ? q->from == p->from : q->to == p->to)
			return false;
	}
	return true;
}

static void
check_source(struct check *k, const struct check_tables *t)
{
	check_engines(k, t);
	check_keys(k, t);
	check_versioned(k, t);
	check_cascades(k, t);
	if (k->channel->conflicts.on)
		check_references(k, t);
}

static void
check_target(struct check *k, const struct check_tables *t)
{
	check_triggers(k, t);
	if (k->channel->conflicts.on)
		pipeline_check_decidable(k, t);
}

void
pipeline_check_tables_converge(struct check *k, const struct check_tables *t)
{
	check_cascades(k, t);
	check_triggers(k, t);
	pipeline_check_decidable(k, t);
}

void
pipeline_check_tables(struct check *k, const struct check_tables *t)
{
	check_entries(k, t);
	pipeline_check_otter(k, t);
	if (t->npairs == 0) {
		pipeline_check_warn(k, "tables", t->pipeline->name,
		    "correct `tables`, or grant SELECT on what it names", "no table at %s matches (or none is visible)",
		    t->from->name);
		return;
	}
	check_present(k, t);
	check_shapes(k, t);
	pipeline_check_mapping(k, t);
	check_charsets(k, t);
	check_floats(k, t);
	if (is_first_of(k, t->pipeline, true))
		check_source(k, t);
	if (is_first_of(k, t->pipeline, false))
		check_target(k, t);
	if (k->channel->conflicts.on && pipeline_check_is_first(k, t->pipeline))
		pipeline_check_alike(k, t);
	if (k->two_way && pipeline_check_is_first(k, t->pipeline))
		check_auto_increment(k, t);
}
