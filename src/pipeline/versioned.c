#include "pipeline/versioned_priv.h"

enum in_force { IN_FORCE, HISTORY, NOT_TOLD };

/* Without an end: the greatest TIMESTAMP(6), before and since MariaDB 11.5, or transaction number. */
static bool
is_without_end(const struct change_value *v)
{
	const struct change_time *t = &v->time;
	bool last;

	if (v->kind == CHANGE_UINT)
		return v->u64 == UINT64_MAX;
	if (v->kind != CHANGE_TIMESTAMP || t->micro != 999999)
		return false;
	last = t->year == 2038 && t->month == 1 && t->day == 19 && t->hour == 3 && t->minute == 14 && t->second == 7;
	return last ||
	       (t->year == 2106 && t->month == 2 && t->day == 7 && t->hour == 6 && t->minute == 28 && t->second == 15);
}

static bool
look(const struct change_table *table, const struct change_image *image, struct lt_arena *scratch, enum in_force *out,
    struct lt_err *err)
{
	size_t end = table->row_end - 1;
	struct change_value *values;

	*out = NOT_TOLD;
	if (!change_image_has(image, end))
		return true;
	lt_arena_reset(scratch);
	values = lt_arena_alloc(scratch, table->ncolumns * sizeof(*values));
	if (!table->codec->decode(table, image, scratch, values, err))
		return false;
	*out = is_without_end(&values[end]) ? IN_FORCE : HISTORY;
	return true;
}

bool
pipeline_versioned_row(struct change_row *row, struct lt_arena *scratch, bool *keep, struct lt_err *err)
{
	enum in_force was = NOT_TOLD, is = NOT_TOLD;

	*keep = true;
	if (row->table->row_end == 0)
		return true;
	if ((row->op != CHANGE_INSERT && !look(row->table, &row->before, scratch, &was, err)) ||
	    (row->op != CHANGE_DELETE && !look(row->table, &row->after, scratch, &is, err)))
		return false;
	if (row->op != CHANGE_UPDATE) {
		*keep = (row->op == CHANGE_INSERT ? is : was) != HISTORY;
		return true;
	}
	if (is == NOT_TOLD)
		is = was; /* it did not change */
	if (was == HISTORY && is == HISTORY) {
		*keep = false;
	} else if (is == HISTORY) {
		row->op = CHANGE_DELETE;
		row->after = (struct change_image){ 0 };
	} else if (was == HISTORY) {
		row->op = CHANGE_INSERT;
		row->before = (struct change_image){ 0 };
	}
	return true;
}
