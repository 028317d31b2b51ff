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
	for (size_t i = 0; i < table->ncolumns; i += 8) {
		size_t left = table->ncolumns - i;

		n += (size_t)__builtin_popcount(present[i / 8] & (left < 8 ? (1u << left) - 1 : 0xffu));
	}
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

/** Take a value by its column's type, or say why that cannot be: where it ends, or NULL. Rare, and kept out of the
 * loops for that. */
__attribute__((noinline)) static const uint8_t *
take(const struct change_column *c, const uint8_t *at, const uint8_t *end, struct lt_str *out, struct lt_err *err)
{
	struct lt_cur in = lt_cur_of(at, (size_t)(end - at));

	return binlog_column_take(c, &in, out, err) ? in.at : NULL;
}

/** Every column present, none NULL: columns of fixed widths are passed over together. Where it ends; NULL: failed. */
static const uint8_t *
pass_full(const struct change_table *table, const uint8_t *at, const uint8_t *end, struct lt_err *err)
{
	struct lt_str value;

	for (size_t i = 0; i < table->ncolumns;) {
		const struct change_column *c = &table->columns[i];
		const uint8_t *behind;

		if (c->wire.run > 0 && c->wire.all <= (size_t)(end - at)) {
			at += c->wire.all;
			i += c->wire.run;
			continue;
		}
		behind = binlog_column_cut(c, at, end, &value);
		at = behind != NULL ? behind : take(c, at, end, &value, err);
		if (at == NULL) {
			(void)blame(table, i, err);
			return NULL;
		}
		i++;
	}
	return at;
}

static const uint8_t *
pass_some(const struct change_table *table, const uint8_t *present, const uint8_t *nulls, const uint8_t *at,
    const uint8_t *end, struct lt_err *err)
{
	struct lt_str value;

	for (size_t i = 0, k = 0; i < table->ncolumns; i++) {
		const struct change_column *c = &table->columns[i];
		const uint8_t *behind;

		if ((present != NULL && !bit(present, i)) || bit(nulls, k++))
			continue;
		behind = binlog_column_cut(c, at, end, &value);
		at = behind != NULL ? behind : take(c, at, end, &value, err);
		if (at == NULL) {
			(void)blame(table, i, err);
			return NULL;
		}
	}
	return at;
}

bool
binlog_image_take(const struct change_table *table, const uint8_t *present, size_t columns, struct lt_cur *in,
    struct lt_str *out, struct lt_err *err)
{
	const uint8_t *start = in->at, *nulls = lt_cur_take(in, (columns + 7) / 8), *behind;

	if (nulls == NULL)
		return no_bitmap(table, err);
	if (present == NULL && !any(nulls, columns))
		behind = pass_full(table, in->at, in->end, err);
	else
		behind = pass_some(table, present, nulls, in->at, in->end, err);
	if (behind == NULL)
		return false;
	in->at = behind;
	*out = lt_str_of(start, (size_t)(behind - start));
	return true;
}

/** One value that is neither absent nor NULL: where it ends, or NULL. */
static inline const uint8_t *
decode_one(const struct change_column *c, const uint8_t *at, const uint8_t *end, struct lt_arena *scratch,
    struct change_value *out, struct lt_err *err)
{
	struct lt_str value, slow;
	const uint8_t *behind = binlog_column_cut(c, at, end, &value);

	if (behind == NULL) {
		behind = take(c, at, end, &slow, err);
		value = slow;
	}
	if (behind != NULL &&
	    (binlog_column_pick(c, value, end, out) || binlog_column_decode(c, value, scratch, out, err)))
		return behind;
	return NULL;
}

static bool
surplus(size_t bytes, struct lt_err *err)
{
	return lt_fail(err, LT_E_CORRUPT, "row image: %zu bytes behind the last column", bytes);
}

/** Every column present, none NULL, none as edits: nothing is asked in the loop but what the value is. */
static bool
decode_full(const struct change_table *table, struct lt_str bytes, struct lt_arena *scratch, struct change_value *out,
    struct lt_err *err)
{
	const uint8_t *at = (const uint8_t *)bytes.ptr, *end = at + bytes.len;

	for (size_t i = 0; i < table->ncolumns; i++) {
		at = decode_one(&table->columns[i], at, end, scratch, &out[i], err);
		if (at == NULL)
			return blame(table, i, err);
	}
	return at == end || surplus((size_t)(end - at), err);
}

static bool
decode_some(const struct change_table *table, const struct change_image *image, struct lt_str bytes,
    struct lt_arena *scratch, struct change_value *out, struct lt_err *err)
{
	const uint8_t *at = (const uint8_t *)bytes.ptr, *end = at + bytes.len;
	const uint8_t *nulls = (const uint8_t *)image->bytes.ptr;

	for (size_t i = 0, k = 0; i < table->ncolumns; i++) {
		const struct change_column *c = &table->columns[i];
		bool edits = image->partial != NULL && bit(image->partial, i);
		struct lt_str diffs;

		if (!change_image_has(image, i)) {
			out[i].kind = CHANGE_ABSENT;
			continue;
		}
		if (bit(nulls, k++)) {
			out[i].kind = CHANGE_NULL;
			continue;
		}
		at = edits ? take(c, at, end, &diffs, err) : decode_one(c, at, end, scratch, &out[i], err);
		if (at == NULL || (edits && !binlog_json_diff_value(diffs, scratch, &out[i], err)))
			return blame(table, i, err);
	}
	return at == end || surplus((size_t)(end - at), err);
}

static bool
decode_image(const struct change_table *table, const struct change_image *image, struct lt_arena *scratch,
    struct change_value *out, struct lt_err *err)
{
	size_t columns = binlog_image_columns(table, image->present), head = (columns + 7) / 8;
	struct lt_str bytes;

	if (image->bytes.len < head)
		return no_bitmap(table, err);
	bytes = lt_str_of(image->bytes.ptr + head, image->bytes.len - head);
	if (image->present == NULL && image->partial == NULL && !any((const uint8_t *)image->bytes.ptr, columns))
		return decode_full(table, bytes, scratch, out, err);
	return decode_some(table, image, bytes, scratch, out, err);
}

const struct change_codec *
binlog_codec(void)
{
	static const struct change_codec codec = { "binlog", decode_image };

	return &codec;
}
