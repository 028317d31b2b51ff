#include "converge/parked.h"

#include "base/cur.h"
#include "mysql/sql.h"

/* Of one statement. */
#define LIST_MAX 256
#define FORM 1

enum { VALUE_NULL, VALUE_THERE };
enum { ID, SCHEMA, TABLE, KEY, ROW, CLOCK, SEQ, ORIGIN, COLUMNS };

static const char columns[] = "p.id, p.schema_name, p.table_name, p.row_key, p.image, p.clock_us, p.seq, p.origin";

/* -- a row as bytes ------------------------------------------------------------------------------- */

static void
put_row(const struct conflict_row *row, struct lt_buf *out)
{
	lt_buf_le(out, FORM, 1);
	lt_buf_lenenc(out, row->count);
	for (uint32_t i = 0; i < row->count; i++) {
		lt_buf_le(out, row->values[i].ptr != NULL ? VALUE_THERE : VALUE_NULL, 1);
		if (row->values[i].ptr != NULL)
			lt_buf_lenstr(out, row->values[i]);
	}
}

bool
converge_parked_row(struct lt_str bytes, struct lt_arena *arena, const struct conflict_row **ret, struct lt_err *err)
{
	struct lt_str copy = lt_arena_str(arena, bytes);
	struct lt_cur in = lt_cur_str(copy);
	uint8_t form = lt_cur_u8(&in);
	uint64_t count = lt_cur_lenenc(&in);
	struct conflict_row *row = lt_arena_alloc(arena, sizeof(*row));

	if (lt_cur_ok(&in) && form > FORM)
		return lt_fail(err, LT_E_STATE_NEWER, "lutra.parked holds a row of form %u", form);
	if (!lt_cur_ok(&in) || count > lt_cur_left(&in))
		return lt_fail(err, LT_E_STATE_BROKEN, "lutra.parked holds what is no row");
	row->count = (uint32_t)count;
	row->values = lt_arena_alloc(arena, row->count * sizeof(*row->values));
	for (uint32_t i = 0; i < row->count; i++) {
		row->values[i] = (struct lt_str){ 0 };
		if (lt_cur_u8(&in) == VALUE_THERE)
			row->values[i] = lt_cur_lenstr(&in);
	}
	if (!lt_cur_ok(&in) || lt_cur_left(&in) > 0)
		return lt_fail(err, LT_E_STATE_BROKEN, "lutra.parked holds what is no row");
	*ret = row;
	return true;
}

/* -- reading -------------------------------------------------------------------------------------- */

static bool
take(const struct my_rows *rows, size_t i, struct lt_arena *arena, struct converge_parked_list *out, struct lt_err *err)
{
	struct converge_parked p = { .schema = lt_arena_str(arena, my_rows_at(rows, i, SCHEMA)),
		.table = lt_arena_str(arena, my_rows_at(rows, i, TABLE)),
		.key = lt_arena_str(arena, my_rows_at(rows, i, KEY)) };
	uint64_t clock, seq, origin;

	if (!lt_str_u64(my_rows_at(rows, i, CLOCK), &clock) || !lt_str_u64(my_rows_at(rows, i, SEQ), &seq) ||
	    !lt_str_u64(my_rows_at(rows, i, ORIGIN), &origin))
		return lt_fail(err, LT_E_STATE_BROKEN, "lutra.parked holds no numbers");
	/* Of a row that nobody remembered when it was parked the clock is below zero. */
	p.parked.version = (struct conflict_version){ (int64_t)clock, seq, (uint32_t)origin };
	if (!converge_parked_row(my_rows_at(rows, i, ROW), arena, &p.parked.row, err))
		return false;
	if (out->count == out->cap) {
		size_t cap = out->cap > 0 ? out->cap * 2 : 8;

		out->at = lt_arena_grow(arena, out->at, out->cap * sizeof(*out->at), cap * sizeof(*out->at));
		out->cap = cap;
	}
	out->at[out->count++] = p;
	return true;
}

static bool
read_all(
    struct my_conn *c, struct lt_buf *sql, struct lt_arena *arena, struct converge_parked_list *out, struct lt_err *err)
{
	struct my_rows *rows = NULL;
	bool ok = my_query(c, lt_buf_cstr(sql), &rows, err);

	for (size_t i = 0; ok && i < rows->nrows; i++)
		ok = take(rows, i, arena, out, err);
	my_rows_free(rows);
	return ok || lt_wrap(err, "while reading lutra.parked");
}

/* Keys and claims may be long: their digest is the index. */
static void
digest(struct lt_buf *sql, struct lt_str bytes)
{
	lt_buf_z(sql, "UNHEX(SHA2(");
	my_sql_bytes(sql, bytes);
	lt_buf_z(sql, ", 256))");
}

static void
digests(struct lt_buf *sql, const struct lt_str *items, size_t n)
{
	lt_buf_z(sql, " IN (");
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			lt_buf_z(sql, ", ");
		digest(sql, items[i]);
	}
	lt_buf_c(sql, ')');
}

bool
converge_parked_any(struct my_conn *c, const char *channel, bool *any, struct lt_err *err)
{
	struct lt_buf sql = { 0 };
	struct my_rows *rows = NULL;
	bool ok;

	lt_buf_z(&sql, "SELECT 1 FROM lutra.parked WHERE channel=");
	my_sql_text(&sql, lt_str_z(channel));
	lt_buf_z(&sql, " LIMIT 1");
	ok = my_query(c, lt_buf_cstr(&sql), &rows, err) || lt_wrap(err, "while reading lutra.parked");
	if (ok)
		*any = rows->nrows > 0;
	my_rows_free(rows);
	lt_buf_free(&sql);
	return ok;
}

bool
converge_parked_find(struct my_conn *c, const char *channel, const struct lt_str *keys, size_t n,
    struct lt_arena *arena, struct converge_parked_list *out, struct lt_err *err)
{
	struct lt_buf sql = { 0 };
	bool ok = true;

	for (size_t at = 0; ok && at < n; at += LIST_MAX) {
		lt_buf_clear(&sql);
		lt_buf_printf(&sql, "SELECT %s FROM lutra.parked p WHERE p.channel=", columns);
		my_sql_text(&sql, lt_str_z(channel));
		lt_buf_z(&sql, " AND p.id");
		digests(&sql, keys + at, LT_MIN(n - at, (size_t)LIST_MAX));
		ok = read_all(c, &sql, arena, out, err);
	}
	lt_buf_free(&sql);
	return ok;
}

bool
converge_parked_waiting(struct my_conn *c, const char *channel, const struct lt_str *claims, size_t n,
    struct lt_arena *arena, struct converge_parked_list *out, struct lt_err *err)
{
	struct lt_buf sql = { 0 };
	bool ok = true;

	for (size_t at = 0; ok && at < n; at += LIST_MAX) {
		lt_buf_clear(&sql);
		lt_buf_printf(&sql,
		    "SELECT %s FROM lutra.parked p WHERE EXISTS (SELECT 1 FROM lutra.parked_claim w WHERE"
		    " w.channel=p.channel AND w.id=p.id AND w.claim",
		    columns);
		digests(&sql, claims + at, LT_MIN(n - at, (size_t)LIST_MAX));
		lt_buf_z(&sql, ") AND p.channel=");
		my_sql_text(&sql, lt_str_z(channel));
		ok = read_all(c, &sql, arena, out, err);
	}
	lt_buf_free(&sql);
	return ok;
}

bool
converge_parked_next(struct my_conn *c, const char *channel, size_t limit, struct lt_str *behind,
    struct lt_arena *arena, struct converge_parked_list *out, struct lt_err *err)
{
	struct lt_buf sql = { 0 };
	struct my_rows *rows = NULL;
	bool ok;

	lt_buf_printf(&sql, "SELECT %s FROM lutra.parked p WHERE p.channel=", columns);
	my_sql_text(&sql, lt_str_z(channel));
	if (behind->len > 0) {
		lt_buf_z(&sql, " AND p.id > ");
		my_sql_bytes(&sql, *behind);
	}
	lt_buf_printf(&sql, " ORDER BY p.id LIMIT %zu", limit);
	*out = (struct converge_parked_list){ 0 };
	ok = my_query(c, lt_buf_cstr(&sql), &rows, err);
	for (size_t i = 0; ok && i < rows->nrows; i++)
		ok = take(rows, i, arena, out, err);
	if (ok)
		*behind = rows->nrows == limit ? lt_arena_str(arena, my_rows_at(rows, rows->nrows - 1, ID))
					       : (struct lt_str){ 0 };
	my_rows_free(rows);
	lt_buf_free(&sql);
	return ok || lt_wrap(err, "while reading lutra.parked");
}

/* -- writing -------------------------------------------------------------------------------------- */

static void
where_id(struct lt_buf *sql, const char *channel, struct lt_str key)
{
	lt_buf_z(sql, " WHERE channel=");
	my_sql_text(sql, lt_str_z(channel));
	lt_buf_z(sql, " AND id=");
	digest(sql, key);
}

static bool
forget(struct my_conn *c, const char *channel, struct lt_str key, struct lt_err *err)
{
	static const char *const tables[] = { "DELETE FROM lutra.parked_claim", "DELETE FROM lutra.parked" };
	struct lt_buf sql = { 0 };
	bool ok = true;

	for (size_t i = 0; ok && i < LT_COUNT(tables); i++) {
		lt_buf_clear(&sql);
		lt_buf_z(&sql, tables[i]);
		where_id(&sql, channel, key);
		ok = my_exec(c, lt_buf_cstr(&sql), NULL, err);
	}
	lt_buf_free(&sql);
	return ok;
}

static void
insert_row(struct lt_buf *sql, const char *channel, const struct converge_parked *p)
{
	struct lt_buf bytes = { 0 };

	put_row(p->parked.row, &bytes);
	lt_buf_z(sql, "INSERT INTO lutra.parked (channel, id, schema_name, table_name, row_key, image, clock_us, seq, "
		      "origin) VALUES (");
	my_sql_text(sql, lt_str_z(channel));
	lt_buf_z(sql, ", ");
	digest(sql, p->key);
	lt_buf_z(sql, ", ");
	my_sql_text(sql, p->schema);
	lt_buf_z(sql, ", ");
	my_sql_text(sql, p->table);
	lt_buf_z(sql, ", ");
	my_sql_bytes(sql, p->key);
	lt_buf_z(sql, ", ");
	my_sql_bytes(sql, lt_buf_str(&bytes));
	lt_buf_printf(sql, ", %llu, %llu, %u)", (unsigned long long)p->parked.version.clock_us,
	    (unsigned long long)p->parked.version.seq, p->parked.version.origin);
	lt_buf_free(&bytes);
}

static void
insert_claims(struct lt_buf *sql, const char *channel, struct lt_str key, const struct lt_str *claims, size_t nclaims)
{
	lt_buf_z(sql, "INSERT INTO lutra.parked_claim (channel, claim, id) VALUES ");
	for (size_t i = 0; i < nclaims; i++) {
		lt_buf_z(sql, i > 0 ? ", (" : "(");
		my_sql_text(sql, lt_str_z(channel));
		lt_buf_z(sql, ", ");
		digest(sql, claims[i]);
		lt_buf_z(sql, ", ");
		digest(sql, key);
		lt_buf_c(sql, ')');
	}
}

bool
converge_parked_put(struct my_conn *c, const char *channel, const struct converge_parked *p,
    const struct lt_str *claims, size_t nclaims, struct lt_err *err)
{
	struct lt_buf sql = { 0 };
	bool ok = forget(c, channel, p->key, err);

	if (ok && p->parked.row != NULL) {
		insert_row(&sql, channel, p);
		ok = my_exec(c, lt_buf_cstr(&sql), NULL, err);
		lt_buf_clear(&sql);
		insert_claims(&sql, channel, p->key, claims, nclaims);
		ok = ok && nclaims > 0 && my_exec(c, lt_buf_cstr(&sql), NULL, err);
	}
	lt_buf_free(&sql);
	return ok || lt_wrap(err, "while parking a row");
}
