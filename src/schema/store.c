#include "mysql/sql.h"
#include "schema/build_priv.h"
#include "schema/history_priv.h"

/* One version of a table is a row of schema_version, a row of schema_column for each column and a row of schema_key for
 * each part of a key. Places are compared here, not by the server: file names do not sort as text. */

#define STATEMENT_MAX ((size_t)256 << 10) /* well below the smallest max_allowed_packet in use (1 MB) */

#define OF_PIPELINE "channel varchar(64) NOT NULL, pipeline varchar(132) NOT NULL, version bigint unsigned NOT NULL, "
#define AS_TABLE ") ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"

static const char *const install[] = {
	"CREATE DATABASE IF NOT EXISTS lutra CHARACTER SET utf8mb4",
	"CREATE TABLE IF NOT EXISTS lutra.schema_version (" OF_PIPELINE
	"place_file varchar(255) NOT NULL, place_pos bigint unsigned NOT NULL, schema_name varchar(64) NOT NULL, "
	"table_name varchar(64) NOT NULL, engine varchar(64) NOT NULL, collation_name varchar(64) NOT NULL, "
	"transactional tinyint NOT NULL, has_triggers tinyint NOT NULL, temporal tinyint NOT NULL, "
	"parents int unsigned NOT NULL, children int unsigned NOT NULL, cascades tinyint NOT NULL, "
	"read_file varchar(255) NULL COMMENT 'NULL: the table was so at its place, not only where the log ended then', "
	"read_pos bigint unsigned NOT NULL DEFAULT 0, "
	"PRIMARY KEY (channel, pipeline, version)" AS_TABLE,
	"CREATE TABLE IF NOT EXISTS lutra.schema_column (" OF_PIPELINE
	"ordinal int unsigned NOT NULL, column_name varchar(64) NOT NULL, column_type mediumtext NOT NULL, "
	"data_type varchar(64) NOT NULL, charset_name varchar(64) NOT NULL, collation_name varchar(64) NOT NULL, "
	"nullable tinyint NOT NULL, auto_increment tinyint NOT NULL, invisible tinyint NOT NULL, has_default tinyint "
	"NOT NULL, "
	"generated_kind tinyint NOT NULL COMMENT '1 virtual, 2 stored, 3 row end', "
	"PRIMARY KEY (channel, pipeline, version, ordinal)" AS_TABLE,
	"CREATE TABLE IF NOT EXISTS lutra.schema_key (" OF_PIPELINE
	"ordinal int unsigned NOT NULL, part int unsigned NOT NULL, key_name varchar(64) NOT NULL, is_unique tinyint "
	"NOT NULL, "
	"nullable tinyint NOT NULL, column_ordinal int unsigned NULL COMMENT 'NULL: an expression', "
	"prefix_length int unsigned NOT NULL, is_hash tinyint NOT NULL DEFAULT 0, PRIMARY KEY (channel, pipeline, version, ordinal, part)" AS_TABLE,
};

const char *const *
schema_history_statements(size_t *count)
{
	*count = LT_COUNT(install);
	return install;
}

/* -- reading -------------------------------------------------------------------------------------- */

/** A row of schema_version, or what is built from it. */
struct stored {
	uint64_t version;
	struct change_place at, read;
	bool sure;
	struct schema_build *build; /* owned */
};

/** Lives on the stack. */
struct reading {
	struct my_conn *conn;          /* borrowed */
	const struct change_place *at; /* newest place wanted; NULL: all */
	struct stored *stored;         /* owned */
	size_t n, cap;
	struct lt_buf sql;
	struct lt_str channel, pipeline; /* borrowed */
};

static void
end(struct reading *r)
{
	for (size_t i = 0; i < r->n; i++)
		schema_build_free(r->stored[i].build);
	free(r->stored);
	lt_buf_free(&r->sql);
}

static bool
number(struct lt_str text, uint64_t *out, struct lt_err *err)
{
	return lt_str_u64(text, out) ||
	       lt_fail(err, LT_E_STATE_BROKEN, "the schema history holds '%.*s' as a number", LT_FMT(text));
}

static bool
numbers(const struct lt_str *values, size_t n, uint64_t *out, struct lt_err *err)
{
	for (size_t i = 0; i < n; i++)
		if (!number(values[i], &out[i], err))
			return false;
	return true;
}

/** " WHERE channel=.. AND pipeline=.." */
static void
add_where(struct reading *r)
{
	lt_buf_z(&r->sql, " WHERE channel=");
	my_sql_text(&r->sql, r->channel);
	lt_buf_z(&r->sql, " AND pipeline=");
	my_sql_text(&r->sql, r->pipeline);
}

/** version, place_file, place_pos, schema_name, table_name, engine, collation_name, transactional, has_triggers,
 * temporal, parents, children, cascades, read_file, read_pos */
static bool
take_version(void *ctx, size_t ncolumns, const struct lt_str *values, struct lt_err *err)
{
	struct reading *r = (struct reading *)ctx;
	struct stored s = { 0 };
	struct schema_table *t;
	uint64_t n[6];

	(void)ncolumns;
	if (!number(values[0], &s.version, err) || !number(values[2], &s.at.pos, err) ||
	    !numbers(&values[7], LT_COUNT(n), n, err) || !number(values[14], &s.read.pos, err))
		return false;
	lt_str_copy(s.at.file, sizeof(s.at.file), values[1]);
	s.sure = values[13].ptr == NULL;
	lt_str_copy(s.read.file, sizeof(s.read.file), s.sure ? LT_STR("") : values[13]);
	if (r->at != NULL && change_place_cmp(&s.at, r->at) > 0)
		return true;
	s.build = schema_build_new(values[3], values[4]);
	t = s.build->table;
	t->engine = schema_build_str(s.build, values[5]);
	t->collation = schema_build_str(s.build, values[6]);
	t->transactional = n[0] != 0;
	t->has_triggers = n[1] != 0;
	t->temporal = n[2] != 0;
	t->nparents = (size_t)n[3];
	t->nchildren = (size_t)n[4];
	t->cascades = n[5] != 0;
	if (r->n == r->cap) {
		r->cap = r->cap == 0 ? 64 : r->cap * 2;
		r->stored = (struct stored *)lt_realloc(r->stored, r->cap * sizeof(*r->stored));
	}
	r->stored[r->n++] = s;
	return true;
}

static bool
read_versions(struct reading *r, struct lt_err *err)
{
	lt_buf_clear(&r->sql);
	lt_buf_z(&r->sql,
	    "SELECT version, place_file, place_pos, schema_name, table_name, engine, collation_name, transactional,"
	    " has_triggers, temporal, parents, children, cascades, read_file, read_pos FROM lutra.schema_version");
	add_where(r);
	return my_query_each(r->conn, lt_buf_str(&r->sql), take_version, r, err);
}

static int
by_table_and_place(const void *a, const void *b)
{
	const struct stored *x = (const struct stored *)a, *y = (const struct stored *)b;
	int c = lt_str_cmp(x->build->table->schema, y->build->table->schema);

	if (c == 0)
		c = lt_str_cmp(x->build->table->name, y->build->table->name);
	if (c == 0)
		c = change_place_cmp(&x->at, &y->at);
	return c != 0 ? c : x->version < y->version ? -1 : x->version > y->version;
}

static int
by_version(const void *a, const void *b)
{
	const struct stored *x = (const struct stored *)a, *y = (const struct stored *)b;

	return x->version < y->version ? -1 : x->version > y->version;
}

/** Of each table keep the newest; then in order of version, which find() needs. */
static void
keep_newest(struct reading *r)
{
	size_t n = 0;

	if (r->n == 0)
		return;
	qsort(r->stored, r->n, sizeof(*r->stored), by_table_and_place);
	for (size_t i = 0; i < r->n; i++) {
		const struct schema_table *t = r->stored[i].build->table;
		const struct schema_table *next = i + 1 < r->n ? r->stored[i + 1].build->table : NULL;

		if (next != NULL && lt_str_eq(t->schema, next->schema) && lt_str_eq(t->name, next->name))
			schema_build_free(r->stored[i].build);
		else
			r->stored[n++] = r->stored[i];
	}
	r->n = n;
	qsort(r->stored, r->n, sizeof(*r->stored), by_version);
}

static struct schema_build *
find(const struct reading *r, uint64_t version)
{
	struct stored key = { .version = version };
	const struct stored *s = (const struct stored *)bsearch(&key, r->stored, r->n, sizeof(key), by_version);

	return s == NULL ? NULL : s->build;
}

/** version, column_name, column_type, data_type, charset_name, collation_name, nullable, auto_increment, invisible,
 * has_default, generated_kind */
static bool
take_column(void *ctx, size_t ncolumns, const struct lt_str *values, struct lt_err *err)
{
	struct schema_column *c;
	struct schema_build *b;
	uint64_t version, n[5];

	(void)ncolumns;
	if (!number(values[0], &version, err) || !numbers(&values[6], LT_COUNT(n), n, err))
		return false;
	b = find((const struct reading *)ctx, version);
	if (b == NULL)
		return true;
	c = schema_build_column(b, values[1], values[2], values[3]);
	c->charset = schema_build_str(b, values[4]);
	c->collation = schema_build_str(b, values[5]);
	c->nullable = n[0] != 0;
	c->auto_increment = n[1] != 0;
	c->invisible = n[2] != 0;
	c->has_default = n[3] != 0;
	c->generated = n[4] <= SCHEMA_ROW_END ? (enum schema_generated)n[4] : SCHEMA_PLAIN;
	return true;
}

/** version, key_name, is_unique, nullable, prefix_length, is_hash, column_ordinal */
static bool
take_part(void *ctx, size_t ncolumns, const struct lt_str *values, struct lt_err *err)
{
	struct schema_key_part part = { .column = SIZE_MAX };
	struct schema_build *b;
	uint64_t version, n[4], ordinal;

	(void)ncolumns;
	if (!number(values[0], &version, err) || !numbers(&values[2], LT_COUNT(n), n, err))
		return false;
	b = find((const struct reading *)ctx, version);
	if (b == NULL)
		return true;
	part.prefix = (uint32_t)n[2];
	if (values[6].ptr != NULL) {
		if (!number(values[6], &ordinal, err))
			return false;
		part.column = (size_t)ordinal;
		if (part.column >= b->ncolumns)
			return lt_fail(err, LT_E_STATE_BROKEN, "key %.*s of %.*s.%.*s is on a column that is not there",
			    LT_FMT(values[1]), LT_FMT(b->table->schema), LT_FMT(b->table->name));
	}
	schema_build_part(b, values[1], n[0] != 0, n[1] != 0, &part);
	b->keys[b->nkeys - 1].hash = n[3] != 0;
	return true;
}

/** What is read of the stored versions, in this order: keys name columns. */
static const struct detail {
	const char *select, *order;
	my_row_fn take;
} details[] = {
	{ "SELECT version, column_name, column_type, data_type, charset_name, collation_name, nullable, auto_increment,"
	  " invisible, has_default, generated_kind FROM lutra.schema_column",
	    "version, ordinal", take_column },
	{ "SELECT version, key_name, is_unique, nullable, prefix_length, is_hash, column_ordinal FROM lutra.schema_key",
	    "version, ordinal, part", take_part },
};

static bool
send_detail(struct reading *r, const struct detail *d, struct lt_err *err)
{
	lt_buf_clear(&r->sql);
	lt_buf_z(&r->sql, d->select);
	add_where(r);
	lt_buf_printf(&r->sql, " AND version BETWEEN %llu AND %llu ORDER BY %s",
	    (unsigned long long)r->stored[0].version, (unsigned long long)r->stored[r->n - 1].version, d->order);
	return my_send_query(r->conn, lt_buf_str(&r->sql), err);
}

/** In one round trip. */
static bool
read_details(struct reading *r, struct lt_err *err)
{
	size_t sent = 0;
	bool ok = true;

	for (; ok && sent < LT_COUNT(details); sent += ok)
		ok = send_detail(r, &details[sent], err);
	for (size_t i = 0; i < sent && my_alive(r->conn); i++) {
		struct lt_err later = { 0 };

		ok = my_recv_each(r->conn, ok ? details[i].take : NULL, r, ok ? err : &later) && ok;
	}
	return ok;
}

bool
schema_history_load(struct schema_history *h, struct my_conn *target, const char *channel, const char *pipeline,
    const struct change_place *at, bool *found, struct lt_err *err)
{
	struct reading r = { .conn = target, .at = at, .channel = lt_str_z(channel), .pipeline = lt_str_z(pipeline) };
	bool ok = false;

	if (!read_versions(&r, err))
		goto out;
	keep_newest(&r);
	if (r.n != 0 && !read_details(&r, err))
		goto out;
	for (size_t i = 0; i < r.n; i++) {
		struct schema_version *v =
		    schema_history_add(h, &r.stored[i].at, schema_build_finish(r.stored[i].build), true);

		v->sure = r.stored[i].sure;
		v->read = r.stored[i].read;
		r.stored[i].build = NULL;
	}
	*found = r.n != 0;
	ok = true;
out:
	end(&r);
	return ok || lt_wrap(err, "while reading the schema history");
}

/* -- writing -------------------------------------------------------------------------------------- */

enum { VERSION, COLUMN, KEY, KINDS };

static const struct {
	const char *table, *insert;
} kinds[KINDS] = {
	[VERSION] = { "schema_version",
	    "INSERT INTO lutra.schema_version (channel, pipeline, version, place_pos, transactional, has_triggers, "
	    "temporal, parents,"
	    " children, cascades, read_pos, place_file, schema_name, table_name, engine, collation_name, read_file) VALUES " },
	[COLUMN] = { "schema_column",
	    "INSERT INTO lutra.schema_column (channel, pipeline, version, ordinal, nullable, auto_increment, "
	    "invisible, has_default,"
	    " generated_kind, column_name, column_type, data_type, charset_name, collation_name) VALUES " },
	[KEY] = { "schema_key", "INSERT INTO lutra.schema_key (channel, pipeline, version, ordinal, part, is_unique, "
				"nullable, prefix_length, is_hash, key_name,"
				" column_ordinal) VALUES " },
};

/** Lives on the stack. */
struct writing {
	struct reading *r;        /* what is stored already; borrowed */
	struct lt_buf sql[KINDS]; /* a statement being made for each table */
	uint64_t next;            /* version number */
};

static bool
flush(struct writing *w, int kind, struct lt_err *err)
{
	bool ok = w->sql[kind].len == 0 || my_exec(w->r->conn, lt_buf_cstr(&w->sql[kind]), NULL, err);

	lt_buf_clear(&w->sql[kind]);
	return ok;
}

static bool
flush_all(struct writing *w, struct lt_err *err)
{
	const char *sql[KINDS];
	size_t n = 0;

	for (int kind = 0; kind < KINDS; kind++)
		if (w->sql[kind].len > 0)
			sql[n++] = lt_buf_cstr(&w->sql[kind]);
	return my_exec_all(w->r->conn, sql, n, err);
}

/** A row, open at its end: behind the one before it, or in a new statement. NULL: failed. */
static struct lt_buf *
begin_row(struct writing *w, int kind, uint64_t version, struct lt_err *err)
{
	struct lt_buf *sql = &w->sql[kind];

	if (sql->len > STATEMENT_MAX && !flush(w, kind, err))
		return NULL;
	if (sql->len == 0)
		lt_buf_z(sql, kinds[kind].insert);
	else
		lt_buf_c(sql, ',');
	lt_buf_c(sql, '(');
	my_sql_text(sql, w->r->channel);
	lt_buf_c(sql, ',');
	my_sql_text(sql, w->r->pipeline);
	lt_buf_printf(sql, ",%llu", (unsigned long long)version);
	return sql;
}

static void
add_texts(struct lt_buf *sql, const struct lt_str *texts, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		lt_buf_c(sql, ',');
		my_sql_text(sql, texts[i]);
	}
}

static void
add_numbers(struct lt_buf *sql, const uint64_t *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		lt_buf_c(sql, ',');
		lt_buf_u64(sql, list[i]);
	}
}

static bool
write_column(struct writing *w, uint64_t version, size_t ordinal, const struct schema_column *c, struct lt_err *err)
{
	const uint64_t n[] = { ordinal, c->nullable, c->auto_increment, c->invisible, c->has_default,
		(uint64_t)c->generated };
	const struct lt_str texts[] = { c->name, c->type, c->base_type, c->charset, c->collation };
	struct lt_buf *sql = begin_row(w, COLUMN, version, err);

	if (sql == NULL)
		return false;
	add_numbers(sql, n, LT_COUNT(n));
	add_texts(sql, texts, LT_COUNT(texts));
	lt_buf_c(sql, ')');
	return true;
}

static bool
write_key(struct writing *w, uint64_t version, size_t ordinal, const struct schema_key *k, struct lt_err *err)
{
	for (size_t i = 0; i < k->nparts; i++) {
		const uint64_t n[] = { ordinal, i, k->unique, !k->not_null, k->parts[i].prefix, k->hash };
		struct lt_buf *sql = begin_row(w, KEY, version, err);

		if (sql == NULL)
			return false;
		add_numbers(sql, n, LT_COUNT(n));
		add_texts(sql, &k->name, 1);
		if (k->parts[i].column == SIZE_MAX)
			lt_buf_z(sql, ",NULL)");
		else
			lt_buf_printf(sql, ",%zu)", k->parts[i].column);
	}
	return true;
}

static bool
write_version(struct writing *w, const struct schema_version *v, struct lt_err *err)
{
	const struct schema_table *t = v->table;
	const uint64_t n[] = { v->at.pos, t->transactional, t->has_triggers, t->temporal, t->nparents, t->nchildren,
		t->cascades, v->read.pos };
	const struct lt_str texts[] = { lt_str_z(v->at.file), t->schema, t->name, t->engine, t->collation };
	struct lt_str read_file = lt_str_z(v->read.file);
	uint64_t version = w->next++;
	struct lt_buf *sql = begin_row(w, VERSION, version, err);

	if (sql == NULL)
		return false;
	add_numbers(sql, n, LT_COUNT(n));
	add_texts(sql, texts, LT_COUNT(texts));
	if (v->sure)
		lt_buf_z(sql, ",NULL");
	else
		add_texts(sql, &read_file, 1);
	lt_buf_c(sql, ')');
	for (size_t i = 0; i < t->ncolumns; i++)
		if (!write_column(w, version, i, &t->columns[i], err))
			return false;
	for (size_t i = 0; i < t->nkeys; i++)
		if (!write_key(w, version, i, &t->keys[i], err))
			return false;
	return true;
}

/** Versions of the table that are stored for the same or a later place are no longer true: the log went another way, or
 * was begun anew. */
static bool
is_overtaken(const struct stored *s, const struct schema_history *h)
{
	if (h->anew)
		return true;
	for (size_t i = 0; i < h->nversions; i++) {
		const struct schema_version *v = h->versions[i];

		if (!v->saved && lt_str_eq(s->build->table->name, v->table->name) &&
		    lt_str_eq(s->build->table->schema, v->table->schema) && change_place_cmp(&s->at, &v->at) >= 0)
			return true;
	}
	return false;
}

static bool
drop_overtaken(struct reading *r, const struct schema_history *h, struct lt_err *err)
{
	struct lt_buf list = { 0 };
	bool ok = true;

	for (size_t i = 0; i < r->n; i++)
		if (is_overtaken(&r->stored[i], h))
			lt_buf_printf(
			    &list, "%s%llu", list.len == 0 ? "" : ",", (unsigned long long)r->stored[i].version);
	for (size_t i = 0; ok && list.len != 0 && i < KINDS; i++) {
		lt_buf_clear(&r->sql);
		lt_buf_printf(&r->sql, "DELETE FROM lutra.%s", kinds[i].table);
		add_where(r);
		lt_buf_z(&r->sql, " AND version IN (");
		lt_buf_str_add(&r->sql, lt_buf_str(&list));
		lt_buf_c(&r->sql, ')');
		ok = my_exec(r->conn, lt_buf_cstr(&r->sql), NULL, err);
	}
	lt_buf_free(&list);
	return ok;
}

static bool
has_unsaved(const struct schema_history *h)
{
	if (h->anew)
		return true;
	for (size_t i = 0; i < h->nversions; i++)
		if (!h->versions[i]->saved)
			return true;
	return false;
}

bool
schema_history_save(
    struct schema_history *h, struct my_conn *target, const char *channel, const char *pipeline, struct lt_err *err)
{
	struct reading r = { .conn = target, .channel = lt_str_z(channel), .pipeline = lt_str_z(pipeline) };
	struct writing w = { .r = &r, .next = 1 };
	bool ok = false;

	if (!has_unsaved(h))
		return true;
	if (!read_versions(&r, err) || !drop_overtaken(&r, h, err))
		goto out;
	for (size_t i = 0; i < r.n; i++)
		w.next = LT_MAX(w.next, r.stored[i].version + 1);
	for (size_t i = 0; i < h->nversions; i++)
		if (!h->versions[i]->saved && !write_version(&w, h->versions[i], err))
			goto out;
	if (!flush_all(&w, err))
		goto out;
	for (size_t i = 0; i < h->nversions; i++)
		h->versions[i]->saved = true;
	h->anew = false;
	ok = true;
out:
	for (int kind = 0; kind < KINDS; kind++)
		lt_buf_free(&w.sql[kind]);
	end(&r);
	return ok || lt_wrap(err, "while writing the schema history");
}
