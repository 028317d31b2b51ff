/* Reading the conflict log; declared in record.h. */
#include <openssl/evp.h>

#include "converge/record.h"
#include "converge/record_priv.h"
#include "mysql/sql.h"

#define DIGEST_BYTES 16

void
converge_record_digest(struct lt_buf *sql, struct lt_str key)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	LT_ASSERT(EVP_Digest(key.ptr, key.len, md, &len, EVP_sha256(), NULL) == 1 && len >= DIGEST_BYTES);
	my_sql_bytes(sql, lt_str_of(md, DIGEST_BYTES));
}

static void
add_where(struct lt_buf *sql, const struct converge_record_wish *wish)
{
	lt_buf_z(sql, " FROM lutra.conflict WHERE channel=");
	my_sql_text(sql, lt_str_z(wish->channel));
	if (wish->id > 0)
		lt_buf_printf(sql, " AND id=%llu", (unsigned long long)wish->id);
	if (wish->schema.len > 0) {
		lt_buf_z(sql, " AND table_schema=");
		my_sql_text(sql, wish->schema);
	}
	if (wish->table.len > 0) {
		lt_buf_z(sql, " AND table_name=");
		my_sql_text(sql, wish->table);
	}
	if (wish->key.len > 0) {
		lt_buf_z(sql, " AND digest=");
		converge_record_digest(sql, wish->key);
	}
	if (wish->since_us > 0)
		lt_buf_printf(sql, " AND at >= FROM_UNIXTIME(%llu.%06llu)",
		    (unsigned long long)wish->since_us / 1000000, (unsigned long long)wish->since_us % 1000000);
	if (wish->lost)
		lt_buf_z(sql, " AND won=0");
}

/* *ret NULL: no such table; an older Lutra made the schema, or none. */
static bool
ask(struct my_conn *c, struct lt_buf *sql, struct my_rows **ret, struct lt_err *err)
{
	enum { NO_SUCH_SCHEMA = 1049 };
	struct lt_err why = { 0 };

	if (my_query(c, lt_buf_cstr(sql), ret, &why))
		return true;
	if (why.code != LT_E_TABLE_MISSING && why.server_errno != NO_SUCH_SCHEMA) {
		*err = why;
		return lt_wrap(err, "while reading lutra.conflict");
	}
	return my_query(c, "SELECT 1 FROM DUAL WHERE 1 = 0", ret, err);
}

bool
converge_record_read(
    struct my_conn *c, const struct converge_record_wish *wish, struct my_rows **ret, struct lt_err *err)
{
	struct lt_buf sql = { 0 };
	bool ok;

	lt_buf_z(&sql,
	    "SELECT id, CAST(UNIX_TIMESTAMP(at) * 1000000 AS UNSIGNED), pipeline, table_schema, table_name, row_key,"
	    " operation, met, clock_us, origin, seq, met_clock_us, met_origin, met_seq, rule, won");
	if (wish->images)
		lt_buf_z(&sql, ", before_image, after_image, found_image, now_image");
	add_where(&sql, wish);
	lt_buf_printf(&sql, " ORDER BY at DESC, id DESC LIMIT %zu", wish->limit);
	ok = ask(c, &sql, ret, err);
	lt_buf_free(&sql);
	return ok;
}

bool
converge_record_count(
    struct my_conn *c, const struct converge_record_wish *wish, struct my_rows **ret, struct lt_err *err)
{
	struct lt_buf sql = { 0 };
	bool ok;

	lt_buf_z(&sql, "SELECT table_schema, table_name, operation, met, rule, SUM(won=1), SUM(won=0)");
	add_where(&sql, wish);
	lt_buf_z(&sql, " GROUP BY table_schema, table_name, operation, met, rule"
		       " ORDER BY table_schema, table_name, operation, met, rule");
	ok = ask(c, &sql, ret, err);
	lt_buf_free(&sql);
	return ok;
}

bool
converge_record_is_whole(struct lt_str text)
{
	return text.len > 0 && text.ptr[text.len - 1] == '}';
}
