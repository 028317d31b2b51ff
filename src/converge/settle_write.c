/* What was decided goes into the table: from what the row is in this transaction to what it is to be. */
#include "converge/settle_priv.h"

void
settle_unchecked(struct change_txn *changes)
{
	for (size_t i = 0; i < changes->nrows; i++)
		changes->rows[i].flags |= CHANGE_ROW_NO_FK_CHECKS;
}

bool
settle_write_one(struct settle *t, const struct converge_shape *shape, const struct conflict_row *before,
    const struct conflict_row *after, struct lt_err *err)
{
	struct change_txn *one = change_txn_new(CHANGE_TXN_ROWS);
	bool ok;

	converge_shape_change(shape, before, after, one);
	settle_unchecked(one);
	ok = pipeline_load_write(t->sink, one, err);
	change_txn_free(one);
	return ok;
}

/* -- values that change hands --------------------------------------------------------------------- */

/** Of one row. */
struct values {
	struct lt_str *at;
	uint32_t count;
};

/* None of a row that is not there. */
static bool
values_of(struct settle *t, const struct settle_row *r, const struct conflict_row *row, struct values *out,
    struct lt_err *err)
{
	*out = (struct values){ 0 };
	return row == NULL || converge_shape_claims(r->shape, row, t->arena, &out->at, &out->count, err);
}

static bool
has_value(const struct values *values, struct lt_str value)
{
	for (uint32_t i = 0; i < values->count; i++) {
		if (lt_str_eq(values->at[i], value))
			return true;
	}
	return false;
}

/* Values of further unique indexes that rows are to have and have not. */
static bool
wanted_values(struct settle *t, struct conflict_keys *wanted, struct lt_err *err)
{
	for (uint32_t i = 0; i < t->nrows; i++) {
		const struct settle_row *r = t->rows[i];
		struct values has, gets;

		if (converge_shape_uniques(r->shape) == 0 || conflict_row_eq(r->now, r->wanted))
			continue;
		if (!values_of(t, r, r->now, &has, err) || !values_of(t, r, r->wanted, &gets, err))
			return false;
		for (uint32_t k = 0; k < gets.count; k++) {
			if (!has_value(&has, gets.at[k]))
				conflict_keys_add(wanted, gets.at[k]);
		}
	}
	return true;
}

/* A row that another one takes a value of is deleted and comes again, so that the value is free in between. */
static bool
gives_way(
    struct settle *t, const struct settle_row *r, const struct conflict_keys *wanted, bool *gives, struct lt_err *err)
{
	struct values has;

	*gives = false;
	if (wanted->count == 0 || r->wanted == NULL || converge_shape_uniques(r->shape) == 0)
		return true;
	if (!values_of(t, r, r->now, &has, err))
		return false;
	for (uint32_t k = 0; k < has.count; k++)
		*gives = *gives || conflict_keys_find(wanted, has.at[k]) != CONFLICT_NO_KEY;
	return true;
}

/* -- all ------------------------------------------------------------------------------------------ */

/* Deletions first, then what comes. */
static bool
fill(struct settle *t, struct change_txn *out, struct lt_err *err)
{
	struct conflict_keys wanted = { .arena = t->arena };

	if (!wanted_values(t, &wanted, err))
		return false;
	for (uint32_t i = 0; i < t->nrows; i++) {
		struct settle_row *r = t->rows[i];
		bool gives;

		if (r->now == NULL || conflict_row_eq(r->now, r->wanted))
			continue;
		if (!gives_way(t, r, &wanted, &gives, err))
			return false;
		if (r->wanted != NULL && !gives)
			continue;
		converge_shape_change(r->shape, r->now, NULL, out);
		r->now = NULL;
	}
	for (uint32_t i = 0; i < t->nrows; i++) {
		const struct settle_row *r = t->rows[i];

		if (!conflict_row_eq(r->now, r->wanted))
			converge_shape_change(r->shape, r->now, r->wanted, out);
	}
	settle_unchecked(out);
	return true;
}

bool
settle_write(struct settle *t, struct lt_err *err)
{
	struct change_txn *changes = change_txn_new(CHANGE_TXN_ROWS);
	bool ok = fill(t, changes, err) && (changes->nrows == 0 || pipeline_load_write(t->sink, changes, err));

	change_txn_free(changes);
	return ok;
}

bool
settle_write_single(struct settle *t, struct change_txn *const *txns, size_t n, struct lt_err *err)
{
	struct change_txn *rows = change_txn_new(CHANGE_TXN_ROWS);
	bool ok = true;

	for (size_t i = 0; ok && i < n; i++) {
		for (size_t k = 0; ok && k < txns[i]->nrows; k++) {
			const struct change_row *row = &txns[i]->rows[k];
			const struct converge_shape *shape = NULL;

			ok = converge_shapes_get(t->shapes, row->table, &shape, err);
			if (ok && converge_shape_is_single(shape))
				*change_txn_add_row(rows, row->table) = *row;
		}
	}
	ok = ok && (rows->nrows == 0 || pipeline_load_write(t->sink, rows, err));
	change_txn_free(rows);
	return ok;
}
