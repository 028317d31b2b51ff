#include "binlog/image.h"

#include "binlog/column.h"
#include "binlog/json_diff.h"
#include "binlog/table_map.h"

size_t
binlog_image_columns(const struct change_table *table, const uint8_t *present)
{
	size_t n = 0;

	if (present == NULL)
		return table->ncolumns;
	for (size_t i = 0; i < table->ncolumns; i++)
		n += present[i / 8] >> (i % 8) & 1;
	return n;
}

/* Names of columns are no row values, so the message may have them. */
static bool
blame(const struct change_table *table, size_t i, struct lt_err *err)
{
	const struct change_column *c = &table->columns[i];

	if (err != NULL && err->where.table[0] == '\0')
		lt_where_table(&err->where, table->schema, table->name);
	return lt_wrap(err, "column %zu %.*s", i + 1, LT_FMT(c->name));
}

static bool
no_bitmap(const struct change_table *table, struct lt_err *err)
{
	if (err != NULL && err->where.table[0] == '\0')
		lt_where_table(&err->where, table->schema, table->name);
	return lt_fail(err, LT_E_TRUNCATED, "row image: it ends in its bitmap of NULLs");
}

static inline bool
bit(const uint8_t *map, size_t i)
{
	return (map[i / 8] >> (i % 8) & 1) != 0;
}

bool
binlog_image_take(const struct change_table *table, const uint8_t *present, size_t columns, struct lt_cur *in,
    struct lt_str *out, struct lt_err *err)
{
	const uint8_t *start = in->at, *nulls = lt_cur_take(in, (columns + 7) / 8);
	struct lt_str value;

	if (nulls == NULL)
		return no_bitmap(table, err);
	for (size_t i = 0, k = 0; i < table->ncolumns; i++) {
		if ((present != NULL && !bit(present, i)) || bit(nulls, k++))
			continue;
		if (!binlog_column_take(&table->columns[i], in, &value, err))
			return blame(table, i, err);
	}
	*out = lt_str_of(start, (size_t)(in->at - start));
	return true;
}

static bool
decode_edits(struct lt_str diffs, struct lt_arena *scratch, struct change_value *out, struct lt_err *err)
{
	out->kind = CHANGE_JSON_DIFF;
	return binlog_json_diff_text(diffs, scratch, &out->bytes, err);
}

static bool
decode_image(const struct change_table *table, const struct change_image *image, struct lt_arena *scratch,
    struct change_value *out, struct lt_err *err)
{
	struct lt_cur in = lt_cur_str(image->bytes);
	size_t columns = binlog_image_columns(table, image->present);
	const uint8_t *nulls = lt_cur_take(&in, (columns + 7) / 8);
	struct lt_str value;

	if (nulls == NULL)
		return no_bitmap(table, err);
	for (size_t i = 0, k = 0; i < table->ncolumns; i++) {
		const struct change_column *c = &table->columns[i];

		if (!change_image_has(image, i)) {
			out[i].kind = CHANGE_ABSENT;
		} else if (bit(nulls, k++)) {
			out[i].kind = CHANGE_NULL;
		} else if (!binlog_column_take(c, &in, &value, err) ||
			   !(image->partial != NULL && bit(image->partial, i)
				   ? decode_edits(value, scratch, &out[i], err)
				   : binlog_column_decode(c, value, scratch, &out[i], err))) {
			return blame(table, i, err);
		}
	}
	if (lt_cur_left(&in) > 0)
		return lt_fail(err, LT_E_CORRUPT, "row image: %zu bytes behind the last column", lt_cur_left(&in));
	return true;
}

const struct change_codec *
binlog_codec(void)
{
	static const struct change_codec codec = { "binlog", decode_image };

	return &codec;
}
