#include "pipeline/otter.h"

#include "base/buf.h"
#include "mysql/sql.h"

bool
pipeline_otter_is_mark(const struct model_otter *o, struct lt_str schema, struct lt_str table)
{
	return o != NULL && o->on && lt_str_ieq(schema, lt_str_z(o->schema)) && lt_str_ieq(table, LT_STR("retl_mark"));
}

/* By name where the log has names, else by the place in Otter's own definition. */
static size_t
column_at(const struct change_table *t, struct lt_str name, size_t otherwise)
{
	for (size_t i = 0; i < t->ncolumns; i++) {
		if (lt_str_ieq(t->columns[i].name, name))
			return i;
	}
	return otherwise;
}

static bool
is_number(const struct change_value *v, uint64_t n)
{
	return (v->kind == CHANGE_INT || v->kind == CHANGE_UINT) && v->u64 == n;
}

static bool
ends_with_sync(struct lt_str s)
{
	static const struct lt_str end = { "_SYNC", 5 };

	return s.len >= end.len && lt_str_ieq(lt_str_of(s.ptr + s.len - end.len, end.len), end);
}

static enum pipeline_otter_says
judge(const struct model_otter *o, const struct change_value *channel, const struct change_value *info)
{
	bool text = info->kind == CHANGE_TEXT || info->kind == CHANGE_BYTES;

	if (text && ends_with_sync(info->bytes))
		return PIPELINE_OTTER_OPTED_OUT;
	if (text && o->info != NULL && lt_str_eqz(info->bytes, o->info))
		return PIPELINE_OTTER_OURS;
	return o->has_channel && is_number(channel, o->channel) ? PIPELINE_OTTER_OURS : PIPELINE_OTTER_NOTHING;
}

bool
pipeline_otter_look(const struct model_otter *o, const struct change_row *row, struct lt_arena *scratch,
    enum pipeline_otter_says *out, struct lt_err *err)
{
	const struct change_image *images[2] = { row->op != CHANGE_DELETE ? &row->after : NULL,
		row->op != CHANGE_INSERT ? &row->before : NULL };
	const struct change_table *t = row->table;
	size_t channel = column_at(t, LT_STR("channel_id"), 1), info = column_at(t, LT_STR("channel_info"), 2);

	*out = PIPELINE_OTTER_NOTHING;
	if (LT_MAX(channel, info) >= t->ncolumns)
		return lt_fail(err, LT_E_SCHEMA_MISMATCH, "%s.retl_mark has no channel_id and channel_info", o->schema);
	for (size_t i = 0; i < LT_COUNT(images) && *out == PIPELINE_OTTER_NOTHING; i++) {
		struct change_value *values;

		if (images[i] == NULL)
			continue;
		lt_arena_reset(scratch);
		values = lt_arena_alloc(scratch, t->ncolumns * sizeof(*values));
		if (!t->codec->decode(t, images[i], scratch, values, err))
			return lt_wrap(err, "%s.retl_mark", o->schema);
		*out = judge(o, &values[channel], &values[info]);
	}
	return true;
}

void
pipeline_otter_statements(const struct model_otter *o, unsigned id, struct lt_buf out[2])
{
	lt_buf_z(&out[0], "UPDATE ");
	my_sql_table(&out[0], lt_str_z(o->schema), LT_STR("retl_mark"));
	lt_buf_printf(&out[0], " SET channel_id=0, channel_info=NULL WHERE id=%u", id);

	lt_buf_z(&out[1], "INSERT INTO ");
	my_sql_table(&out[1], lt_str_z(o->schema), LT_STR("retl_mark"));
	lt_buf_printf(
	    &out[1], " (id, channel_id, channel_info) VALUES (%u, %llu, ", id, (unsigned long long)o->channel);
	if (o->info != NULL)
		my_sql_text(&out[1], lt_str_z(o->info));
	else
		lt_buf_z(&out[1], "NULL");
	lt_buf_z(&out[1], ") ON DUPLICATE KEY UPDATE channel_id=VALUES(channel_id), channel_info=VALUES(channel_info)");
}
