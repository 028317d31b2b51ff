/* Whether the rows that are there already are the same at both ends: counts of small tables, and a sample by key of
 * every one.
 *
 * Values are compared as the text that the servers print, and only where both print alike. It is a hint for people,
 * with a limit of time: under traffic both ends differ all the time. */
#include <stdio.h>

#include "base/clock.h"
#include "mysql/sql.h"
#include "pipeline/check_priv.h"

enum {
	COUNT_LIMIT = 100000, /* rows, by the servers' estimate */
	SAMPLE_ROWS = 200,
	SAMPLE_EDGE = 70,     /* of these at each end of the key */
	VALUE_LIMIT = 1024,   /* of a long value */
	BUDGET_US = 30000000, /* for all tables */
};

/* One table's sample. */
struct sample {
	const struct check_pair *pair;
	const struct schema_key *key; /* of the source */
	struct lt_buf columns[2];     /* select lists: source, target; key columns first */
	struct lt_buf target_key;     /* (`a`, `b`) */
	struct lt_buf keys;           /* literals for IN */
	size_t nvalues;
	bool *integers;                /* owned; which of the values are integers */
	uint64_t rows[2][SAMPLE_ROWS]; /* digests */
	size_t nrows[2];
};

static bool
is_one_of(struct lt_str name, const char *const *list)
{
	for (; *list != NULL; list++) {
		if (lt_str_eqz(name, *list))
			return true;
	}
	return false;
}

bool
pipeline_check_is_integer(struct lt_str base_type)
{
	static const char *const list[] = { "tinyint", "smallint", "mediumint", "int", "bigint", "year", NULL };

	return is_one_of(base_type, list);
}

static bool
is_binary(struct lt_str base_type)
{
	static const char *const list[] = { "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", NULL };

	return is_one_of(base_type, list);
}

static bool
is_long(struct lt_str base_type)
{
	static const char *const list[] = { "text", "mediumtext", "longtext", "blob", "mediumblob", "longblob", NULL };

	return is_one_of(base_type, list);
}

static bool
is_text(struct lt_str base_type)
{
	static const char *const list[] = { "char", "varchar", "tinytext", "text", "mediumtext", "longtext", NULL };

	return is_one_of(base_type, list);
}

/* Whether both servers print equal values of these columns as equal text. */
static bool
prints_alike(const struct schema_column *a, const struct schema_column *b)
{
	static const char *const exact[] = { "decimal", "date", "time", "datetime", "timestamp", "enum", "set", "float",
		"double", "uuid", "inet4", "inet6", NULL };

	if (a->generated != SCHEMA_PLAIN || b->generated != SCHEMA_PLAIN)
		return false;
	if (pipeline_check_is_integer(a->base_type) || is_text(a->base_type))
		return pipeline_check_is_integer(a->base_type) ? pipeline_check_is_integer(b->base_type)
							       : is_text(b->base_type);
	if (is_binary(a->base_type))
		return lt_str_eq(a->base_type, b->base_type);
	return is_one_of(a->base_type, exact) && lt_str_eq(a->type, b->type);
}

bool
pipeline_check_is_sound_key(const struct schema_column *c)
{
	return !lt_str_eqz(c->base_type, "float") && !lt_str_eqz(c->base_type, "double") &&
	       !lt_str_eqz(c->base_type, "set") && !lt_str_eqz(c->base_type, "enum");
}

void
pipeline_check_literal(struct lt_buf *out, const struct schema_column *c, struct lt_str value)
{
	if (pipeline_check_is_integer(c->base_type) || lt_str_eqz(c->base_type, "decimal"))
		lt_buf_str_add(out, value);
	else if (is_binary(c->base_type))
		my_sql_bytes(out, value);
	else
		my_sql_text(out, value);
}

/* -- the sample ----------------------------------------------------------------------------------- */

static void
add_column(struct lt_buf *list, const struct schema_column *c)
{
	if (list->len > 0)
		lt_buf_z(list, ", ");
	if (is_long(c->base_type)) {
		lt_buf_z(list, "LEFT(");
		my_sql_name(list, c->name);
		lt_buf_printf(list, ", %d)", VALUE_LIMIT);
	} else {
		my_sql_name(list, c->name);
	}
}

/* The target's column for one of the source; NULL if it is not mapped, not there, or prints otherwise. */
static const struct schema_column *
other_end(const struct sample *s, const struct schema_column *c)
{
	struct lt_str name;
	size_t at;

	if (!model_rule_column(s->pair->rule, c->name, &name))
		return NULL;
	at = schema_table_column(s->pair->target, name);
	if (at == SIZE_MAX || !prints_alike(c, &s->pair->target->columns[at]))
		return NULL;
	return &s->pair->target->columns[at];
}

static void
take_column(struct sample *s, const struct schema_column *c, const struct schema_column *target)
{
	add_column(&s->columns[0], c);
	add_column(&s->columns[1], target);
	s->integers[s->nvalues++] = pipeline_check_is_integer(c->base_type);
}

/* False: this table cannot be sampled. */
static bool
plan(struct sample *s)
{
	const struct schema_table *source = s->pair->source;

	s->key = schema_table_find_key(source);
	if (s->key == NULL)
		return false;
	s->integers = lt_calloc(source->ncolumns + s->key->nparts, sizeof(*s->integers));
	for (size_t i = 0; i < s->key->nparts; i++) {
		const struct schema_column *c, *target;

		if (s->key->parts[i].column == SIZE_MAX || s->key->parts[i].prefix != 0)
			return false;
		c = &source->columns[s->key->parts[i].column];
		target = other_end(s, c);
		if (target == NULL || !pipeline_check_is_sound_key(c))
			return false;
		take_column(s, c, target);
		if (i > 0)
			lt_buf_z(&s->target_key, ", ");
		my_sql_name(&s->target_key, target->name);
	}
	for (size_t i = 0; i < source->ncolumns; i++) {
		const struct schema_column *target = other_end(s, &source->columns[i]);

		if (target != NULL)
			take_column(s, &source->columns[i], target);
	}
	return true;
}

/* An integer without the zeros that ZEROFILL puts in front. */
static struct lt_str
plain_integer(struct lt_str text)
{
	while (text.len > 1 && text.ptr[0] == '0')
		text = lt_str_of(text.ptr + 1, text.len - 1);
	return text;
}

static uint64_t
digest(const struct sample *s, const struct lt_str *values)
{
	uint64_t h = 0xcbf29ce484222325u;

	for (size_t i = 0; i < s->nvalues; i++) {
		struct lt_str value = s->integers[i] && values[i].ptr != NULL ? plain_integer(values[i]) : values[i];

		h = (h ^ (values[i].ptr == NULL ? 1 : lt_str_hash(value))) * 0x100000001b3u;
		h ^= h >> 29;
	}
	return h;
}

static bool
is_taken(const struct sample *s, uint64_t row)
{
	for (size_t i = 0; i < s->nrows[0]; i++) {
		if (s->rows[0][i] == row)
			return true;
	}
	return false;
}

static bool
take_source(void *ctx, size_t ncolumns, const struct lt_str *values, struct lt_err *err)
{
	struct sample *s = ctx;
	uint64_t row = digest(s, values);
	bool several = s->key->nparts > 1;

	(void)ncolumns;
	(void)err;
	if (s->nrows[0] == SAMPLE_ROWS || is_taken(s, row))
		return true;
	s->rows[0][s->nrows[0]++] = row;
	lt_buf_z(&s->keys, s->keys.len > 0 ? ", " : "");
	lt_buf_z(&s->keys, several ? "(" : "");
	for (size_t i = 0; i < s->key->nparts; i++) {
		lt_buf_z(&s->keys, i > 0 ? ", " : "");
		pipeline_check_literal(&s->keys, &s->pair->source->columns[s->key->parts[i].column], values[i]);
	}
	lt_buf_z(&s->keys, several ? ")" : "");
	return true;
}

static bool
take_target(void *ctx, size_t ncolumns, const struct lt_str *values, struct lt_err *err)
{
	struct sample *s = ctx;

	(void)ncolumns;
	(void)err;
	if (s->nrows[1] < SAMPLE_ROWS)
		s->rows[1][s->nrows[1]++] = digest(s, values);
	return true;
}

/* Up to `limit` rows in the key's order from `begin` on (ptr NULL: from its first, or, backwards, its last row). */
static bool
read_source(struct sample *s, struct my_conn *c, struct lt_str begin, bool backwards, int limit, struct lt_err *err)
{
	const struct schema_table *table = s->pair->source;
	struct lt_buf sql = { 0 };
	bool ok;

	lt_buf_z(&sql, "SELECT ");
	lt_buf_str_add(&sql, lt_buf_str(&s->columns[0]));
	lt_buf_z(&sql, " FROM ");
	my_sql_table(&sql, table->schema, table->name);
	if (begin.ptr != NULL) {
		lt_buf_z(&sql, " WHERE ");
		my_sql_name(&sql, table->columns[s->key->parts[0].column].name);
		lt_buf_z(&sql, " >= ");
		lt_buf_str_add(&sql, begin);
	}
	lt_buf_z(&sql, " ORDER BY ");
	for (size_t i = 0; i < s->key->nparts; i++) {
		lt_buf_z(&sql, i > 0 ? ", " : "");
		my_sql_name(&sql, table->columns[s->key->parts[i].column].name);
		lt_buf_z(&sql, backwards ? " DESC" : "");
	}
	lt_buf_printf(&sql, " LIMIT %d", limit);
	ok = my_query_each(c, lt_buf_str(&sql), take_source, s, err);
	lt_buf_free(&sql);
	return ok;
}

/* Rows from the middle of the key's range, where the key is one integer; else further ones from its beginning. */
static bool
read_middle(struct sample *s, struct my_conn *c, struct lt_err *err)
{
	const struct schema_table *table = s->pair->source;
	const struct schema_column *first = &table->columns[s->key->parts[0].column];
	struct lt_buf sql = { 0 };
	struct my_rows *rows = NULL;
	bool ok;

	if (!pipeline_check_is_integer(first->base_type))
		return read_source(s, c, (struct lt_str){ 0 }, false, SAMPLE_ROWS - SAMPLE_EDGE, err);
	lt_buf_z(&sql, "SELECT MIN(");
	my_sql_name(&sql, first->name);
	lt_buf_z(&sql, ") DIV 2 + MAX(");
	my_sql_name(&sql, first->name);
	lt_buf_z(&sql, ") DIV 2 FROM ");
	my_sql_table(&sql, table->schema, table->name);
	ok = my_query(c, lt_buf_cstr(&sql), &rows, err);
	if (ok && rows->nrows == 1 && my_rows_at(rows, 0, 0).ptr != NULL)
		ok = read_source(s, c, my_rows_at(rows, 0, 0), false, SAMPLE_ROWS - 2 * SAMPLE_EDGE, err);
	my_rows_free(rows);
	lt_buf_free(&sql);
	return ok;
}

static bool
read_target(struct sample *s, struct my_conn *c, struct lt_err *err)
{
	struct lt_buf sql = { 0 };
	bool ok;

	if (s->nrows[0] == 0)
		return true;
	lt_buf_z(&sql, "SELECT ");
	lt_buf_str_add(&sql, lt_buf_str(&s->columns[1]));
	lt_buf_z(&sql, " FROM ");
	my_sql_table(&sql, s->pair->target->schema, s->pair->target->name);
	lt_buf_z(&sql, " WHERE (");
	lt_buf_str_add(&sql, lt_buf_str(&s->target_key));
	lt_buf_z(&sql, ") IN (");
	lt_buf_str_add(&sql, lt_buf_str(&s->keys));
	lt_buf_c(&sql, ')');
	ok = my_query_each(c, lt_buf_str(&sql), take_target, s, err);
	lt_buf_free(&sql);
	return ok;
}

static size_t
matched(const struct sample *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->nrows[1]; i++)
		n += is_taken(s, s->rows[1][i]);
	return n;
}

/* What was found out about one table. */
struct finding {
	bool counted, sampled;
	uint64_t rows[2];
	size_t taken, missing, different;
};

static bool
compare_sample(const struct check_tables *t, const struct check_pair *pair, struct finding *f, struct lt_err *err)
{
	const struct lt_str edge = { 0 };
	struct sample s = { .pair = pair };
	bool ok = true;

	if (plan(&s)) {
		ok = read_source(&s, t->from->conn, edge, false, SAMPLE_EDGE, err) &&
		     read_source(&s, t->from->conn, edge, true, SAMPLE_EDGE, err) &&
		     read_middle(&s, t->from->conn, err) && read_target(&s, t->to->conn, err);
		f->sampled = ok;
		f->taken = s.nrows[0];
		f->missing = s.nrows[0] - LT_MIN(s.nrows[0], s.nrows[1]);
		f->different = s.nrows[1] - matched(&s);
	}
	lt_buf_free(&s.columns[0]);
	lt_buf_free(&s.columns[1]);
	lt_buf_free(&s.target_key);
	lt_buf_free(&s.keys);
	free(s.integers);
	return ok;
}

/* -- counts --------------------------------------------------------------------------------------- */

static bool
ask_number(struct my_conn *c, const char *sql, uint64_t *out, struct lt_err *err)
{
	struct my_rows *rows = NULL;
	struct lt_str text = { 0 };

	if (!my_query(c, sql, &rows, err))
		return false;
	*out = 0;
	if (rows->nrows == 1)
		text = my_rows_at(rows, 0, 0);
	if (text.ptr != NULL && !lt_str_u64(text, out))
		*out = UINT64_MAX;
	my_rows_free(rows);
	return true;
}

static bool
count_rows(struct my_conn *c, const struct schema_table *table, uint64_t *rows, bool *counted, struct lt_err *err)
{
	struct lt_buf sql = { 0 };
	uint64_t estimate;
	bool ok;

	lt_buf_z(&sql, "SELECT TABLE_ROWS FROM information_schema.TABLES WHERE TABLE_SCHEMA = ");
	my_sql_text(&sql, table->schema);
	lt_buf_z(&sql, " AND TABLE_NAME = ");
	my_sql_text(&sql, table->name);
	ok = ask_number(c, lt_buf_cstr(&sql), &estimate, err);
	*counted = ok && estimate < COUNT_LIMIT;
	if (*counted) {
		lt_buf_clear(&sql);
		lt_buf_z(&sql, "SELECT COUNT(*) FROM ");
		my_sql_table(&sql, table->schema, table->name);
		ok = ask_number(c, lt_buf_cstr(&sql), rows, err);
	}
	lt_buf_free(&sql);
	return ok;
}

static bool
compare_counts(const struct check_tables *t, const struct check_pair *pair, struct finding *f, struct lt_err *err)
{
	bool here, there;

	if (pair->shared)
		return true; /* the target holds the rows of several */
	if (!count_rows(t->from->conn, pair->source, &f->rows[0], &here, err) ||
	    !count_rows(t->to->conn, pair->target, &f->rows[1], &there, err))
		return false;
	f->counted = here && there;
	return true;
}

/* -- the whole ------------------------------------------------------------------------------------ */

static void
say_finding(struct check_survey *s, const struct check_pair *pair, const struct finding *f)
{
	const struct check_tables *t = s->t;
	struct lt_buf text = { 0 };
	char mend[200];

	if (f->counted && f->rows[0] != f->rows[1])
		lt_buf_printf(&text, ", %llu rows at %s and %llu at %s", (unsigned long long)f->rows[0], t->from->name,
		    (unsigned long long)f->rows[1], t->to->name);
	if (f->sampled && f->missing + f->different > 0)
		lt_buf_printf(&text, ", of %zu rows sampled at %s %zu are missing at %s and %zu differ", f->taken,
		    t->from->name, f->missing, t->to->name, f->different);
	if (text.len == 0)
		return;
	snprintf(mend, sizeof(mend),
	    "load a dump of %s with its position at %s, and give the position as start (docs/guide/begin-with-data.md)",
	    t->from->name, t->to->name);
	pipeline_check_finding(s, mend, "ends differ: %.*s.%.*s%.*s (fine while changes are under way)",
	    LT_FMT(pair->to_schema), LT_FMT(pair->to_table), LT_FMT(lt_buf_str(&text)));
	lt_buf_free(&text);
}

void
pipeline_check_data(struct check *k, const struct check_tables *t)
{
	struct check_survey s = { k, t, "existing data", PIPELINE_WARN, 0 };
	uint64_t end_us = lt_mono_us(lt_clock_real()) + BUDGET_US;
	size_t compared = 0, left = 0;
	struct lt_err err = { 0 };
	char fine[80];

	for (size_t i = 0; i < t->npairs; i++) {
		const struct check_pair *pair = &t->pairs[i];
		struct finding f = { 0 };
		struct lt_err now = { 0 };

		if (pair->target == NULL)
			continue;
		if (lt_mono_us(lt_clock_real()) > end_us || !my_alive(t->from->conn) || !my_alive(t->to->conn)) {
			left++;
			continue;
		}
		if (!compare_counts(t, pair, &f, &now) || !compare_sample(t, pair, &f, &now)) {
			left++;
			err = now;
		}
		compared += f.counted || f.sampled;
		say_finding(&s, pair, &f);
	}
	snprintf(fine, sizeof(fine), "%zu tables compared, no difference found", compared);
	pipeline_check_survey_end(&s, fine);
	if (left > 0)
		pipeline_check_warn(k, "existing data", t->pipeline->name, NULL, "%zu tables were not compared: %s",
		    left, err.code != LT_OK ? err.message : "the time for it was over");
}
