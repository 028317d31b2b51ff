/* Whether both ends of a conflict channel hold the same rows before it begins: counts and sums of all rows, piece by
 * piece along the primary key. The servers do the sums, so that neither memory nor rows come here. */
#include <stdio.h>

#include "base/clock.h"
#include "mysql/sql.h"
#include "pipeline/check_priv.h"

enum {
	PIECE_ROWS = 5000,
	TRIES = 5,      /* of a piece that differs, until nothing is written meanwhile */
	BUDGET_S = 600, /* for all tables */
};

/* What a piece holds at each end. */
struct sums {
	uint64_t rows[2], sum[2];
};

/* One table. */
struct equal {
	const struct check_tables *t;
	const struct check_pair *pair;
	const struct schema_key *key; /* NULL: all of the table is one piece */
	struct lt_buf columns;        /* of each row: one text */
	struct lt_str *low,
	    *high; /* [key->nparts]: the piece is behind low (NULL: the first), up to high (NULL: the last) */
	struct lt_arena *arenas[2]; /* owned: of low and high */
	uint64_t pieces, differ, unsure;
	struct sums all;
};

/* -- statements ----------------------------------------------------------------------------------- */

static bool
has_form(struct lt_str base_type)
{
	static const char *const names[] = { "decimal", "date", "time", "datetime", "timestamp", "uuid", "inet4",
		"inet6", "double" };

	return lt_str_one_of(base_type, names, LT_COUNT(names));
}

/* A text that is equal where the values are: for what is short the value itself, else a digest of its bytes. */
static void
add_value(struct lt_buf *sql, const struct schema_column *c)
{
	static const char *const numbers[] = { "bit", "enum", "set" };
	struct lt_buf name = { 0 };

	my_sql_name(&name, c->name);
	if (pipeline_check_is_integer(c->base_type) || lt_str_one_of(c->base_type, numbers, LT_COUNT(numbers)))
		lt_buf_printf(sql, "COALESCE(%s + 0, '~')", lt_buf_cstr(&name));
	else if (lt_str_eqz(c->base_type, "float")) /* printed as such it has six digits */
		lt_buf_printf(sql, "COALESCE(CAST(%s * 1E0 AS CHAR), '~')", lt_buf_cstr(&name));
	else if (has_form(c->base_type))
		lt_buf_printf(sql, "COALESCE(CAST(%s AS CHAR), '~')", lt_buf_cstr(&name));
	else
		lt_buf_printf(sql, "COALESCE(SHA2(%s, 256), '~')", lt_buf_cstr(&name));
	lt_buf_free(&name);
}

static void
add_columns(struct equal *e)
{
	const struct schema_table *table = e->pair->source;

	lt_buf_z(&e->columns, "CONCAT_WS('#'");
	for (size_t i = 0; i < table->ncolumns; i++) {
		if (table->columns[i].generated != SCHEMA_PLAIN)
			continue;
		lt_buf_z(&e->columns, ", ");
		add_value(&e->columns, &table->columns[i]);
	}
	lt_buf_c(&e->columns, ')');
}

static const struct schema_column *
part_column(const struct equal *e, size_t i)
{
	return &e->pair->source->columns[e->key->parts[i].column];
}

/* `a` = 1 AND `b` = 2: the first n parts. */
static void
add_prefix(const struct equal *e, const struct lt_str *key, size_t n, struct lt_buf *sql)
{
	for (size_t i = 0; i < n; i++) {
		my_sql_name(sql, part_column(e, i)->name);
		lt_buf_z(sql, " = ");
		pipeline_check_literal(sql, part_column(e, i), key[i]);
		lt_buf_z(sql, " AND ");
	}
}

/* `a` >= 1 AND (`a` > 1 OR `a` = 1 AND `b` > 2): a form that servers take as a range of the index, as they do not with
 * (`a`, `b`) > (1, 2). */
static void
add_bound(const struct equal *e, const struct lt_str *key, bool low, struct lt_buf *sql)
{
	my_sql_name(sql, part_column(e, 0)->name);
	lt_buf_z(sql, low ? " >= " : " <= ");
	pipeline_check_literal(sql, part_column(e, 0), key[0]);
	lt_buf_z(sql, " AND (");
	for (size_t i = 0; i < e->key->nparts; i++) {
		bool last = i + 1 == e->key->nparts;

		add_prefix(e, key, i, sql);
		my_sql_name(sql, part_column(e, i)->name);
		lt_buf_z(sql, low ? " > " : last ? " <= " : " < ");
		pipeline_check_literal(sql, part_column(e, i), key[i]);
		lt_buf_z(sql, last ? ")" : " OR ");
	}
}

static void
add_piece(const struct equal *e, struct lt_buf *sql)
{
	if (e->low != NULL || e->high != NULL)
		lt_buf_z(sql, " WHERE ");
	if (e->low != NULL)
		add_bound(e, e->low, true, sql);
	if (e->low != NULL && e->high != NULL)
		lt_buf_z(sql, " AND ");
	if (e->high != NULL)
		add_bound(e, e->high, false, sql);
}

static void
add_key_names(const struct equal *e, struct lt_buf *sql)
{
	for (size_t i = 0; i < e->key->nparts; i++) {
		lt_buf_z(sql, i > 0 ? ", " : "");
		my_sql_name(sql, part_column(e, i)->name);
	}
}

/* -- pieces --------------------------------------------------------------------------------------- */

/* Where the next piece ends: at the key of its last row at the source; NULL: it is the last one. */
static bool
find_high(struct equal *e, struct lt_err *err)
{
	const struct schema_table *table = e->pair->source;
	struct lt_buf sql = { 0 };
	struct my_rows *rows = NULL;
	bool ok = true;

	e->high = NULL;
	if (e->key == NULL)
		return true;
	lt_buf_z(&sql, "SELECT ");
	add_key_names(e, &sql);
	lt_buf_z(&sql, " FROM ");
	my_sql_table(&sql, table->schema, table->name);
	add_piece(e, &sql);
	lt_buf_z(&sql, " ORDER BY ");
	add_key_names(e, &sql);
	lt_buf_printf(&sql, " LIMIT 1 OFFSET %d", PIECE_ROWS - 1);
	ok = my_query(e->t->from->conn, lt_buf_cstr(&sql), &rows, err);
	if (ok && rows->nrows == 1) {
		lt_arena_reset(e->arenas[1]);
		e->high = lt_arena_alloc(e->arenas[1], e->key->nparts * sizeof(*e->high));
		for (size_t i = 0; i < e->key->nparts; i++)
			e->high[i] = lt_arena_str(e->arenas[1], my_rows_at(rows, 0, i));
	}
	my_rows_free(rows);
	lt_buf_free(&sql);
	return ok;
}

static bool
sum_end(const struct equal *e, size_t end, struct sums *out, struct lt_err *err)
{
	const struct schema_table *table = end == 0 ? e->pair->source : e->pair->target;
	const struct check_site *site = end == 0 ? e->t->from : e->t->to;
	struct lt_buf sql = { 0 };
	struct my_rows *rows = NULL;
	bool ok;

	lt_buf_z(&sql, "SELECT COUNT(*), COALESCE(BIT_XOR(CAST(CONV(LEFT(SHA2(");
	lt_buf_str_add(&sql, lt_buf_str(&e->columns));
	lt_buf_z(&sql, ", 256), 16), 16, 10) AS UNSIGNED)), 0) FROM ");
	my_sql_table(&sql, table->schema, table->name);
	add_piece(e, &sql);
	ok = my_query(site->conn, lt_buf_cstr(&sql), &rows, err);
	if (ok && (rows->nrows != 1 || !lt_str_u64(my_rows_at(rows, 0, 0), &out->rows[end]) ||
		      !lt_str_u64(my_rows_at(rows, 0, 1), &out->sum[end])))
		ok = lt_fail(err, LT_E_PROTOCOL, "no sum of the rows of %.*s.%.*s came", LT_FMT(table->schema),
		    LT_FMT(table->name));
	my_rows_free(rows);
	lt_buf_free(&sql);
	return ok;
}

static bool
sum_both(const struct equal *e, struct sums *out, bool *same, struct lt_err *err)
{
	if (!sum_end(e, 0, out, err) || !sum_end(e, 1, out, err))
		return false;
	*same = out->rows[0] == out->rows[1] && out->sum[0] == out->sum[1];
	return true;
}

/* Where the logs of both ends stand, as one text. */
static bool
read_logs(const struct equal *e, struct lt_buf *out, struct lt_err *err)
{
	const struct check_site *sites[] = { e->t->from, e->t->to };

	lt_buf_clear(out);
	for (size_t i = 0; i < LT_COUNT(sites); i++) {
		struct my_rows *rows = NULL;

		if (!my_query(sites[i]->conn, pipeline_check_log_status(sites[i]), &rows, err))
			return false;
		for (size_t j = 0; rows->nrows > 0 && j < LT_MIN(rows->ncolumns, (size_t)2); j++)
			lt_buf_printf(out, "%.*s ", LT_FMT(my_rows_at(rows, 0, j)));
		my_rows_free(rows);
	}
	return true;
}

/* A piece that differs counts only where neither end wrote anything while it was summed. */
static bool
look_again(const struct equal *e, struct sums *sums, bool *same, bool *quiet, struct lt_err *err)
{
	struct lt_buf before = { 0 }, after = { 0 };
	bool ok = true;

	*quiet = false;
	for (int i = 0; i < TRIES && ok && !*same && !*quiet; i++) {
		ok = read_logs(e, &before, err) && sum_both(e, sums, same, err) && read_logs(e, &after, err);
		*quiet = ok && lt_str_eq(lt_buf_str(&before), lt_buf_str(&after));
	}
	lt_buf_free(&before);
	lt_buf_free(&after);
	return ok;
}

static bool
compare_piece(struct equal *e, struct lt_err *err)
{
	struct sums sums = { 0 };
	bool same, quiet = false;

	if (!find_high(e, err) || !sum_both(e, &sums, &same, err) ||
	    (!same && !look_again(e, &sums, &same, &quiet, err)))
		return false;
	e->pieces++;
	e->differ += !same && quiet;
	e->unsure += !same && !quiet;
	for (size_t i = 0; i < 2; i++)
		e->all.rows[i] += sums.rows[i];
	return true;
}

/* The next piece begins where this one ends. */
static void
step(struct equal *e)
{
	struct lt_arena *arena = e->arenas[0];

	e->low = e->high;
	e->arenas[0] = e->arenas[1];
	e->arenas[1] = arena;
}

/* -- tables --------------------------------------------------------------------------------------- */

/* Values of the key are in the same order at both ends, and can be written down. */
static bool
is_sound(const struct check_pair *pair, const struct schema_key *key)
{
	for (size_t i = 0; i < key->nparts; i++) {
		const struct schema_key_part *part = &key->parts[i];
		const struct schema_column *a, *b;
		size_t at;

		if (part->column == SIZE_MAX || part->prefix != 0)
			return false;
		a = &pair->source->columns[part->column];
		at = schema_table_column(pair->target, a->name);
		b = at != SIZE_MAX ? &pair->target->columns[at] : NULL;
		if (b == NULL || !pipeline_check_is_sound_key(a) || !lt_str_eq(a->collation, b->collation))
			return false;
	}
	return true;
}

static bool
compare_table(struct equal *e, uint64_t end_us, bool *whole, struct lt_err *err)
{
	const struct schema_key *key = schema_table_find_key(e->pair->source);
	bool ok = true;

	e->key = key != NULL && is_sound(e->pair, key) ? key : NULL;
	e->arenas[0] = lt_arena_new();
	e->arenas[1] = lt_arena_new();
	add_columns(e);
	do {
		*whole = lt_mono_us(lt_clock_real()) < end_us;
		ok = *whole && compare_piece(e, err);
		step(e);
	} while (ok && e->low != NULL);
	lt_buf_free(&e->columns);
	lt_arena_free(e->arenas[0]);
	lt_arena_free(e->arenas[1]);
	return ok;
}

static void
say_table(struct check_survey *s, const struct equal *e)
{
	char mend[200];

	if (e->differ + e->unsure == 0)
		return;
	s->otherwise = e->differ > 0 ? PIPELINE_FAIL : PIPELINE_WARN;
	snprintf(mend, sizeof(mend), "stop writing, load a dump of %s at %s, and check again (docs/guide/conflicts.md)",
	    e->t->from->name, e->t->to->name);
	pipeline_check_finding(s, mend,
	    "%.*s.%.*s differs in %llu of %llu pieces: %llu rows at %s and %llu at %s; what nobody writes any more would differ for ever%s",
	    LT_FMT(e->pair->to_schema), LT_FMT(e->pair->to_table), (unsigned long long)(e->differ + e->unsure),
	    (unsigned long long)e->pieces, (unsigned long long)e->all.rows[0], e->t->from->name,
	    (unsigned long long)e->all.rows[1], e->t->to->name,
	    e->differ > 0 ? "" : " (but there were writes all the time: it may be these)");
}

void
pipeline_check_equal(struct check *k, const struct check_tables *t)
{
	struct check_survey s = { k, t, "equal at the start", PIPELINE_FAIL, 0 };
	uint64_t end_us = lt_mono_us(lt_clock_real()) + (uint64_t)BUDGET_S * 1000000, rows = 0;
	struct lt_err err = { 0 };
	size_t compared = 0, left = 0;
	char fine[80];

	for (size_t i = 0; i < t->npairs; i++) {
		struct equal e = { .t = t, .pair = &t->pairs[i] };
		struct lt_err now = { 0 };
		bool whole = true;

		if (e.pair->target == NULL)
			continue;
		if (my_alive(t->from->conn) && my_alive(t->to->conn) && compare_table(&e, end_us, &whole, &now)) {
			compared++;
		} else {
			left++;
			err = now.code != LT_OK ? now : err;
		}
		rows += e.all.rows[0];
		say_table(&s, &e);
	}
	snprintf(fine, sizeof(fine), "%zu tables with %llu rows are the same", compared, (unsigned long long)rows);
	pipeline_check_survey_end(&s, fine);
	if (left > 0)
		pipeline_check_warn(k, "equal at the start", t->pipeline->name, NULL,
		    "%zu tables were not compared: %s", left,
		    err.code != LT_OK ? err.message : "the time for it was over");
}

/* -- whether it has begun ------------------------------------------------------------------------- */

static bool
has_lane(const struct check *k, const struct model_pipeline *p)
{
	struct my_rows *rows = NULL;
	struct lt_err ignored = { 0 };
	struct lt_buf sql = { 0 };
	bool found;

	lt_buf_z(&sql, "SELECT 1 FROM lutra.lane WHERE channel = ");
	my_sql_text(&sql, lt_str_z(k->channel->name));
	lt_buf_z(&sql, " AND pipeline = ");
	my_sql_text(&sql, lt_str_z(p->name));
	lt_buf_z(&sql, " LIMIT 1");
	found = my_query(k->sites[p->to].conn, lt_buf_cstr(&sql), &rows, &ignored) && rows->nrows > 0;
	my_rows_free(rows);
	lt_buf_free(&sql);
	return found;
}

bool
pipeline_check_begun(const struct check *k, const struct model_pipeline *p)
{
	const struct model_pipeline *back = model_channel_back(k->channel, p);

	return has_lane(k, p) || (back != NULL && has_lane(k, back));
}
