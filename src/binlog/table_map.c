#include "binlog/table_map.h"

#include "base/cur.h"
#include "binlog/column.h"
#include "binlog/table_meta.h"

#define MAX_COLUMNS 4096 /* MAX_FIELDS of both engines */

static struct lt_str
take_name(struct lt_cur *in)
{
	struct lt_str name = lt_cur_lenstr(in);

	lt_cur_take(in, 1); /* a zero byte */
	return name;
}

static bool
take_head(struct lt_cur *in, size_t id_width, struct binlog_table_name *out, struct lt_err *err)
{
	struct binlog_table_name n;

	n.table_id = lt_cur_le(in, id_width);
	lt_cur_u16(in); /* flags: nothing a reader needs */
	n.schema = take_name(in);
	n.table = take_name(in);
	if (!lt_cur_ok(in))
		return lt_fail(err, LT_E_TRUNCATED, "table map: it ends in its names");
	*out = n;
	return true;
}

bool
binlog_table_map_name(struct lt_str body, size_t id_width, struct binlog_table_name *out, struct lt_err *err)
{
	struct lt_cur in = lt_cur_str(body);

	return take_head(&in, id_width, out, err);
}

static bool
take_columns(struct lt_cur *in, bool mariadb, struct change_table *t, struct lt_err *err)
{
	uint64_t n = lt_cur_lenenc(in);
	const uint8_t *types, *nulls;
	struct lt_str meta;
	struct change_column *columns;

	if (lt_cur_ok(in) && n > MAX_COLUMNS)
		return lt_fail(err, LT_E_CORRUPT, "table map: %llu columns", (unsigned long long)n);
	types = lt_cur_take(in, (size_t)n);
	meta = lt_cur_lenstr(in);
	nulls = lt_cur_take(in, ((size_t)n + 7) / 8);
	if (!lt_cur_ok(in))
		return lt_fail(err, LT_E_TRUNCATED, "table map: it ends in its columns");

	columns = lt_arena_zalloc(t->arena, (size_t)n * sizeof(*columns));
	t->columns = columns;
	t->ncolumns = (size_t)n;
	for (size_t i = 0; i < n; i++) {
		columns[i].wire_type = types[i];
		columns[i].nullable = (nulls[i / 8] >> (i % 8) & 1) != 0;
	}
	if (!binlog_table_meta_types(lt_cur_str(meta), columns, (size_t)n, err) ||
	    !binlog_table_meta_optional(*in, mariadb, t, columns, err))
		return false;
	for (size_t i = 0; i < n; i++)
		binlog_column_describe(&columns[i]);
	binlog_column_measure(columns, (size_t)n);
	return true;
}

bool
binlog_table_map_decode(
    struct lt_str body, size_t id_width, bool mariadb, struct change_table **ret, struct lt_err *err)
{
	struct lt_cur in = lt_cur_str(body);
	struct binlog_table_name name;
	struct change_table *t = NULL;
	bool ok = false;

	if (!take_head(&in, id_width, &name, err))
		goto out;
	t = change_table_new();
	t->schema = lt_arena_str(t->arena, name.schema);
	t->name = lt_arena_str(t->arena, name.table);
	t->codec = binlog_codec();
	if (!take_columns(&in, mariadb, t, err)) {
		if (err != NULL)
			lt_where_table(&err->where, name.schema, name.table);
		goto out;
	}
	*ret = t;
	t = NULL;
	ok = true;
out:
	change_table_unref(t);
	return ok;
}
