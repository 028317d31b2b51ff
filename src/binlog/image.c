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

/* Bits beyond the last column may be anything. */
static inline bool
any(const uint8_t *map, size_t bits)
{
	size_t i = 0;

	for (; i + 8 <= bits; i += 8)
		if (map[i / 8] != 0)
			return true;
	return i < bits && (map[i / 8] & ((1u << (bits - i)) - 1)) != 0;
}

/** Take the value of column `i` at `*at`. */
static inline bool
take(const struct change_table *table, size_t i, const uint8_t **at, const uint8_t *end, struct lt_str *out,
    struct lt_err *err)
{
	const uint8_t *behind = binlog_column_cut(&table->columns[i], *at, end, out);
	struct lt_cur in;

	if (behind == NULL) {
		in = lt_cur_of(*at, (size_t)(end - *at));
		if (!binlog_column_take(&table->columns[i], &in, out, err))
			return blame(table, i, err);
		behind = in.at;
	}
	*at = behind;
	return true;
}

/** Every column present, none NULL: columns of fixed widths are passed over together. */
static bool
pass_full(const struct change_table *table, const uint8_t **at, const uint8_t *end, struct lt_err *err)
{
	const uint8_t *p = *at;
	struct lt_str value;

	for (size_t i = 0; i < table->ncolumns;) {
		const struct change_column *c = &table->columns[i];

		if (c->wire.run > 0 && c->wire.all <= (size_t)(end - p)) {
			p += c->wire.all;
			i += c->wire.run;
		} else if (take(table, i, &p, end, &value, err)) {
			i++;
		} else {
			return false;
		}
	}
	*at = p;
	return true;
}

static bool
pass_some(const struct change_table *table, const uint8_t *present, const uint8_t *nulls, const uint8_t **at,
    const uint8_t *end, struct lt_err *err)
{
	struct lt_str value;

	for (size_t i = 0, k = 0; i < table->ncolumns; i++) {
		if ((present != NULL && !bit(present, i)) || bit(nulls, k++))
			continue;
		if (!take(table, i, at, end, &value, err))
			return false;
	}
	return true;
}

bool
binlog_image_take(const struct change_table *table, const uint8_t *present, size_t columns, struct lt_cur *in,
    struct lt_str *out, struct lt_err *err)
{
	const uint8_t *start = in->at, *nulls = lt_cur_take(in, (columns + 7) / 8);

	if (nulls == NULL)
		return no_bitmap(table, err);
	if (present == NULL && !any(nulls, columns) ? !pass_full(table, &in->at, in->end, err)
						    : !pass_some(table, present, nulls, &in->at, in->end, err))
		return false;
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
	size_t columns = binlog_image_columns(table, image->present);
	const uint8_t *nulls = (const uint8_t *)image->bytes.ptr, *at, *end;
	struct lt_str value;
	bool full;

	if (image->bytes.len < (columns + 7) / 8)
		return no_bitmap(table, err);
	at = nulls + (columns + 7) / 8;
	end = nulls + image->bytes.len;
	full = image->present == NULL && !any(nulls, columns);
	for (size_t i = 0, k = 0; i < table->ncolumns; i++) {
		const struct change_column *c = &table->columns[i];

		if (!full && !change_image_has(image, i)) {
			out[i].kind = CHANGE_ABSENT;
		} else if (!full && bit(nulls, k++)) {
			out[i].kind = CHANGE_NULL;
		} else if (!take(table, i, &at, end, &value, err)) {
			return false;
		} else if (!(image->partial != NULL && bit(image->partial, i)
				   ? decode_edits(value, scratch, &out[i], err)
				   : binlog_column_decode(c, value, scratch, &out[i], err))) {
			return blame(table, i, err);
		}
	}
	if (at < end)
		return lt_fail(err, LT_E_CORRUPT, "row image: %zu bytes behind the last column", (size_t)(end - at));
	return true;
}

const struct change_codec *
binlog_codec(void)
{
	static const struct change_codec codec = { "binlog", decode_image };

	return &codec;
}
