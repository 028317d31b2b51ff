#include "binlog/partial.h"

#include "base/buf.h"
#include "binlog/column.h"
#include "binlog/image.h"
#include "binlog/json_diff.h"

size_t
binlog_partial_columns(const struct change_table *table)
{
	size_t n = 0;

	for (size_t i = 0; i < table->ncolumns; i++)
		n += table->columns[i].wire_type == BINLOG_COL_JSON;
	return n;
}

static inline bool
bit(const uint8_t *map, size_t i)
{
	return (map[i / 8] >> (i % 8) & 1) != 0;
}

static inline void
set_bit(uint8_t *map, size_t i)
{
	map[i / 8] = (uint8_t)(map[i / 8] | 1u << (i % 8));
}

/* Reads an image column by column. */
struct walk {
	const struct change_image *image;
	struct lt_cur in;
	const uint8_t *nulls;
	size_t next; /* bit of `nulls` */
};

enum has { HAS_NOT, HAS_NULL, HAS_VALUE };

static bool
walk_begin(const struct change_table *table, const struct change_image *image, struct walk *w, struct lt_err *err)
{
	*w = (struct walk){ .image = image, .in = lt_cur_str(image->bytes) };
	w->nulls = lt_cur_take(&w->in, (binlog_image_columns(table, image->present) + 7) / 8);
	return w->nulls != NULL || lt_fail(err, LT_E_TRUNCATED, "row image: it ends in its bitmap of NULLs");
}

/* `value`: without its length; `whole`: with it. */
static bool
walk_next(struct walk *w, const struct change_column *c, size_t i, enum has *has, struct lt_str *value,
    struct lt_str *whole, struct lt_err *err)
{
	const uint8_t *start = w->in.at;

	*has = HAS_NOT;
	if (!change_image_has(w->image, i))
		return true;
	*has = HAS_NULL;
	if (bit(w->nulls, w->next++))
		return true;
	*has = HAS_VALUE;
	if (!binlog_column_take(c, &w->in, value, err))
		return false;
	*whole = lt_str_of(start, (size_t)(w->in.at - start));
	return true;
}

/* The image in the making. */
struct making {
	struct lt_arena *arena;
	struct lt_buf values;
	uint8_t *present, *partial, *nulls;
	size_t columns;
	bool any_partial;
};

static bool
add_partial(
    struct making *m, size_t i, enum has has_before, struct lt_str before, struct lt_str diffs, struct lt_err *err)
{
	if (has_before == HAS_NULL && diffs.len > 0)
		return lt_fail(err, LT_E_CORRUPT, "edits of a JSON value that was NULL");
	if (has_before == HAS_NOT && diffs.len == 0)
		return true; /* as it was, and nobody knows how */
	set_bit(m->present, i);
	if (has_before == HAS_NULL) {
		set_bit(m->nulls, m->columns);
	} else if (has_before == HAS_NOT) {
		set_bit(m->partial, i);
		m->any_partial = true;
	} else if (!binlog_json_edit(before, diffs, m->arena, &diffs, err)) {
		return false;
	}
	m->columns++;
	if (has_before == HAS_NULL)
		return true;
	lt_buf_le(&m->values, diffs.len, 4);
	lt_buf_str_add(&m->values, diffs);
	return true;
}

static void
add_plain(struct making *m, size_t i, enum has has, struct lt_str whole)
{
	if (has == HAS_NOT)
		return;
	set_bit(m->present, i);
	if (has == HAS_NULL)
		set_bit(m->nulls, m->columns);
	else
		lt_buf_str_add(&m->values, whole);
	m->columns++;
}

static bool
add_columns(const struct change_table *table, struct walk *before, struct walk *after, const uint8_t *bits,
    struct making *m, struct lt_err *err)
{
	for (size_t i = 0, json = 0; i < table->ncolumns; i++) {
		const struct change_column *c = &table->columns[i];
		struct lt_str value[2] = { { 0 } }, whole[2] = { { 0 } };
		bool partial = c->wire_type == BINLOG_COL_JSON && bit(bits, json++);
		enum has was, is;

		if (!walk_next(before, c, i, &was, &value[0], &whole[0], err) ||
		    !walk_next(after, c, i, &is, &value[1], &whole[1], err))
			return false;
		if (!partial || is != HAS_VALUE)
			add_plain(m, i, is, whole[1]);
		else if (!add_partial(m, i, was, value[0], value[1], err))
			return lt_wrap(err, "column %zu %.*s", i + 1, LT_FMT(c->name));
	}
	return true;
}

bool
binlog_partial_whole(const struct change_table *table, const struct change_image *before,
    const struct change_image *after, const uint8_t *bits, struct lt_arena *arena, struct change_image *out,
    struct lt_err *err)
{
	size_t map = (table->ncolumns + 7) / 8, nulls;
	struct making m = { .arena = arena };
	struct walk was, is;
	char *bytes;
	bool ok = false;

	m.present = lt_arena_zalloc(arena, 3 * map + 1);
	m.partial = m.present + map;
	m.nulls = m.partial + map;
	if (!walk_begin(table, before, &was, err) || !walk_begin(table, after, &is, err) ||
	    !add_columns(table, &was, &is, bits, &m, err))
		goto out;
	nulls = (m.columns + 7) / 8;
	bytes = lt_arena_alloc(arena, nulls + m.values.len + 1);
	memcpy(bytes, m.nulls, nulls);
	if (m.values.len > 0)
		memcpy(bytes + nulls, m.values.ptr, m.values.len);
	*out = (struct change_image){
		.bytes = lt_str_of(bytes, nulls + m.values.len),
		.present = m.columns == table->ncolumns ? NULL : m.present,
		.partial = m.any_partial ? m.partial : NULL,
	};
	ok = true;
out:
	lt_buf_free(&m.values);
	return ok;
}
