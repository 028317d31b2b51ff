/* A QUERY body: a code, or a statement whose parts lie inside the body and whose verb can be told. */
#include "base/utf8.h"
#include "binlog/query.h"
#include "fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct binlog_format format = { .known = true, .query_size = 13, .id_width = 6 };
	struct lt_str body = lt_str_of(data, size), name;
	struct lt_buf text = { 0 };
	struct lt_err err = { 0 };
	struct binlog_query q;

	if (!binlog_query_decode(body, &format, &q, &err)) {
		LT_ASSERT(err.code == LT_E_TRUNCATED || err.code == LT_E_CORRUPT);
		return 0;
	}
	LT_ASSERT(q.schema.len + q.sql.len < size);
	(void)binlog_query_verb(q.sql, &name);
	LT_ASSERT(name.len <= q.sql.len);
	if (binlog_query_utf8(q.sql, q.charset, &text, &err))
		LT_ASSERT(lt_utf8_valid(lt_buf_str(&text)));
	lt_buf_free(&text);
	return 0;
}
