#include "converge/record.h"

#include "converge/record_priv.h"
#include "mysql/sql.h"

#define KEY_MAX ((size_t)4 << 10)
/* Of one INSERT: a line's images, escaped, are half a megabyte at most, and any server takes four. */
#define SQL_BYTES ((size_t)256 << 10)

const char *
converge_rule_name(const struct conflict_policy *p)
{
	switch (p->kind) {
	case CONFLICT_BY_ROW: return "last-writer-wins";
	case CONFLICT_BY_HOME: return "trusted";
	case CONFLICT_BY_FUNCTION: return "function";
	case CONFLICT_BY_COLUMN: break;
	}
	return "column-last-writer-wins";
}

/* The text, or its beginning and what it was. */
static void
add_text(struct lt_buf *sql, struct lt_buf *text, size_t max)
{
	size_t len = text->len, cut = max;

	if (len > max) {
		while (cut > 0 && ((unsigned char)text->ptr[cut] & 0xc0) == 0x80)
			cut--;
		text->len = cut;
		lt_buf_printf(text, "... (%zu bytes in all)", len);
	}
	my_sql_text(sql, lt_buf_str(text));
}

static void
add_image(
    struct lt_buf *sql, const struct converge_shape *shape, const struct conflict_row *row, struct lt_buf *scratch)
{
	lt_buf_z(sql, ", ");
	if (row == NULL) {
		lt_buf_z(sql, "NULL");
		return;
	}
	lt_buf_clear(scratch);
	converge_shape_json(shape, row, scratch);
	add_text(sql, scratch, CONVERGE_IMAGE_MAX);
}

static const struct conflict_row *
any_row(const struct converge_conflict *line)
{
	if (line->after != NULL)
		return line->after;
	return line->before != NULL ? line->before : line->found;
}

static void
add_version(struct lt_buf *sql, struct conflict_version v)
{
	lt_buf_printf(sql, ", %lld, %u, %llu", (long long)v.clock_us, v.origin, (unsigned long long)v.seq);
}

/* What the write was that it met. The row tells no more than this: in the place of one that was there before there may
 * be another one by now, deleted and inserted. */
static const char *
met(const struct converge_conflict *line)
{
	if (line->found == NULL)
		return "delete";
	return line->before == NULL ? "insert" : "update";
}

static void
add_line(struct lt_buf *sql, const char *names, const struct converge_conflict *line, struct lt_buf *scratch)
{
	const struct schema_table *table = converge_shape_target(line->shape);
	const char *operation = line->before == NULL ? "insert" : line->after == NULL ? "delete" : "update";

	lt_buf_printf(sql, "(%s, ", names);
	my_sql_text(sql, table->schema);
	lt_buf_z(sql, ", ");
	my_sql_text(sql, table->name);
	lt_buf_z(sql, ", ");
	lt_buf_clear(scratch);
	converge_shape_key_json(line->shape, any_row(line), scratch);
	add_text(sql, scratch, KEY_MAX);
	lt_buf_z(sql, ", ");
	converge_record_digest(sql, line->key);
	lt_buf_printf(sql, ", '%s', '%s'", operation, met(line));
	add_version(sql, line->version);
	add_version(sql, line->other);
	lt_buf_z(sql, ", ");
	my_sql_text(sql, lt_str_z(line->rule));
	lt_buf_printf(sql, ", %d", line->won);
	add_image(sql, line->shape, line->before, scratch);
	add_image(sql, line->shape, line->after, scratch);
	add_image(sql, line->shape, line->found, scratch);
	add_image(sql, line->shape, line->now, scratch);
	lt_buf_c(sql, ')');
}

bool
converge_record_add(struct change_sink *sink, const char *channel, const char *pipeline,
    const struct converge_conflict *lines, size_t count, struct lt_err *err)
{
	struct lt_buf sql = { 0 }, scratch = { 0 }, names = { 0 };
	bool ok = true;

	my_sql_text(&names, lt_str_z(channel));
	lt_buf_z(&names, ", ");
	my_sql_text(&names, lt_str_z(pipeline));
	for (size_t i = 0; ok && i < count; i++) {
		if (sql.len == 0)
			lt_buf_z(&sql,
			    "INSERT INTO lutra.conflict (channel, pipeline, table_schema, table_name, row_key, digest,"
			    " operation, met, clock_us, origin, seq, met_clock_us, met_origin, met_seq, rule, won,"
			    " before_image, after_image, found_image, now_image) VALUES ");
		else
			lt_buf_z(&sql, ", ");
		add_line(&sql, lt_buf_cstr(&names), &lines[i], &scratch);
		if (sql.len < SQL_BYTES && i + 1 < count)
			continue;
		ok =
		    pipeline_load_heed(sink, 1, err) && my_exec(pipeline_load_conn(sink), lt_buf_cstr(&sql), NULL, err);
		lt_buf_clear(&sql);
	}
	lt_buf_free(&sql);
	lt_buf_free(&scratch);
	lt_buf_free(&names);
	return ok ? true : lt_wrap(err, "while writing the conflict log");
}
