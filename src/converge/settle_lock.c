/* The rows of a group, locked in the target's transaction: those that are there by reading them for update, the others
 * by an insert that stood (R17, ADR 37). */
#include "base/fault.h"
#include "converge/settle_priv.h"

/* Of one SELECT. */
#define SELECT_KEYS 256
#define SELECT_BYTES ((size_t)1 << 20)
/* How often what was in the way of an insert may have been taken by others meanwhile. */
#define TRIES 20

struct settle_row *
settle_row_of(struct settle *t, struct lt_str key, const struct converge_shape *shape, const struct conflict_row *image)
{
	uint32_t i = conflict_keys_add(&t->keys, key);

	if (i < t->nrows)
		return t->rows[i];
	if (t->nrows == t->rows_cap) {
		uint32_t cap = t->rows_cap > 0 ? t->rows_cap * 2 : 16;

		t->rows = lt_arena_grow(
		    t->arena, t->rows, t->rows_cap * sizeof(struct settle_row *), cap * sizeof(struct settle_row *));
		t->rows_cap = cap;
	}
	t->rows[i] = lt_arena_alloc(t->arena, sizeof(struct settle_row));
	*t->rows[i] = (struct settle_row){ .key = key, .shape = shape, .image = image };
	return t->rows[t->nrows++];
}

/* -- what is there -------------------------------------------------------------------------------- */

/* Rows of a SELECT ... FOR UPDATE are locked now; what is not known yet joins the set. */
static bool
take_found(struct settle *t, const struct converge_shape *shape, const struct my_rows *found, struct lt_err *err)
{
	for (size_t i = 0; i < found->nrows; i++) {
		const struct conflict_row *row = NULL;
		struct settle_row *r;
		struct lt_str key;

		if (!converge_shape_found(shape, found, i, t->arena, &row, &key, err))
			return false;
		r = settle_row_of(t, key, shape, row);
		if (r->locked)
			continue; /* what it was then counts */
		r->locked = true;
		r->found = r->now = row;
	}
	return true;
}

bool
settle_select(struct settle *t, const struct converge_shape *shape, struct lt_buf *sql, size_t n, struct lt_err *err)
{
	struct my_rows *found = NULL;
	bool ok;

	lt_buf_z(sql, " FOR UPDATE");
	ok = pipeline_load_heed(t->sink, n, err) && my_query(t->conn, lt_buf_cstr(sql), &found, err) &&
	     take_found(t, shape, found, err);
	my_rows_free(found);
	return ok;
}

/* rows[0..n), all of one table. */
static bool
select_rows(struct settle *t, struct settle_row *const *rows, size_t n, struct lt_err *err)
{
	const struct converge_shape *shape = rows[0]->shape;
	struct lt_buf sql = { 0 };
	bool ok = false;

	converge_shape_select(shape, &sql);
	/* Another way to few rows of a small table would wait for the locks of all of them. */
	lt_buf_z(&sql, " FORCE INDEX (PRIMARY) WHERE ");
	converge_shape_key_names(shape, &sql);
	lt_buf_z(&sql, " IN (");
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			lt_buf_z(&sql, ", ");
		if (!converge_shape_key_values(shape, rows[i]->image, &sql, err))
			goto out;
	}
	lt_buf_c(&sql, ')');
	ok = settle_select(t, shape, &sql, n, err);
out:
	lt_buf_free(&sql);
	return ok;
}

static size_t
chunk_of(struct settle_row *const *rows, size_t n)
{
	size_t bytes = 0, count = 0;

	while (count < n && count < SELECT_KEYS && rows[count]->shape == rows[0]->shape) {
		bytes += conflict_row_bytes(rows[count]->image);
		if (count > 0 && bytes > SELECT_BYTES)
			break;
		count++;
	}
	return count;
}

static bool
select_all(struct settle *t, struct settle_row *const *rows, size_t n, struct lt_err *err)
{
	for (size_t at = 0, count; at < n; at += count) {
		count = chunk_of(rows + at, n - at);
		if (!select_rows(t, rows + at, count, err))
			return false;
	}
	return true;
}

/* -- what is not there ---------------------------------------------------------------------------- */

static void
note_inserted(struct settle_row *r)
{
	r->locked = true;
	r->found = NULL;
	r->now = r->image;
}

/* All at once: most often nobody has them. */
static bool
insert_all(struct settle *t, struct settle_row *const *rows, size_t n, struct lt_err *err)
{
	struct change_txn *images = change_txn_new(CHANGE_TXN_ROWS);
	bool ok;

	for (size_t i = 0; i < n; i++) {
		rows[i]->image = settle_blank_image(t, rows[i]);
		converge_shape_change(rows[i]->shape, NULL, rows[i]->image, images);
	}
	settle_unchecked(images);
	ok = pipeline_load_write(t->sink, images, err);
	for (size_t i = 0; ok && i < n; i++)
		note_inserted(rows[i]);
	change_txn_free(images);
	return ok;
}

/* The row that has the value of `image` in the i-th further unique index is locked, remembered, and taken out. */
static bool
take_out(struct settle *t, struct settle_row *r, size_t i, struct lt_err *err)
{
	const struct converge_shape *shape = r->shape;
	struct my_rows *found = NULL;
	struct lt_buf sql = { 0 };
	bool ok = true;

	converge_shape_select(shape, &sql);
	if (!converge_shape_unique_where(shape, i, r->image, &sql))
		goto out;
	lt_buf_z(&sql, " FOR UPDATE");
	ok = pipeline_load_heed(t->sink, 1, err) && my_query(t->conn, lt_buf_cstr(&sql), &found, err) &&
	     take_found(t, shape, found, err);
	for (size_t k = 0; ok && k < found->nrows; k++) {
		const struct conflict_row *row = NULL;
		struct settle_row *other;
		struct lt_str key;

		ok = converge_shape_found(shape, found, k, t->arena, &row, &key, err) &&
		     settle_write_one(t, shape, row, NULL, err);
		other = ok ? settle_row_of(t, key, shape, row) : NULL;
		if (other != NULL)
			other->now = NULL;
	}
out:
	my_rows_free(found);
	lt_buf_free(&sql);
	return ok;
}

/* A clash gives up the lock on the key (ADR 37): only an insert that stood is one. */
static bool
insert_one(struct settle *t, struct settle_row *r, struct lt_err *err)
{
	r->image = settle_blank_image(t, r);
	for (int i = 0; i < TRIES && !r->locked; i++) {
		if (settle_write_one(t, r->shape, NULL, r->image, err)) {
			note_inserted(r);
			return true;
		}
		if (err->code != LT_E_DUPLICATE)
			return false;
		*err = (struct lt_err){ 0 };
		if (!select_rows(t, &r, 1, err))
			return false;
		for (size_t k = 0; !r->locked && k < converge_shape_uniques(r->shape); k++) {
			if (!take_out(t, r, k, err))
				return false;
		}
	}
	return r->locked ||
	       lt_fail(err, LT_E_LOCK_WAIT, "a row could not be locked: others were there first, %d times", TRIES);
}

/* -- all ------------------------------------------------------------------------------------------ */

static int
by_key(const void *a, const void *b)
{
	const struct settle_row *const *x = a, *const *y = b;

	return lt_str_cmp((*x)->key, (*y)->key);
}

/* Those that are not locked, where `all` or where the source did not insert them; in the order of their keys, which
 * begin with the table. */
static size_t
open_rows(struct settle *t, bool all, struct settle_row **out)
{
	size_t n = 0;

	for (uint32_t i = 0; i < t->nrows; i++) {
		if (!t->rows[i]->locked && (all || !t->rows[i]->fresh))
			out[n++] = t->rows[i];
	}
	if (n > 0)
		qsort(out, n, sizeof(*out), by_key);
	return n;
}

static bool
insert_each(struct settle *t, struct settle_row *const *rows, size_t n, struct lt_err *err)
{
	for (size_t i = 0; i < n; i++) {
		if (!insert_one(t, rows[i], err))
			return false;
	}
	return true;
}

bool
settle_lock(struct settle *t, struct lt_err *err)
{
	struct settle_row **rows = lt_arena_alloc(t->arena, t->nrows * sizeof(struct settle_row *));
	size_t n = open_rows(t, t->care > SETTLE_AT_ONCE, rows);

	if (!select_all(t, rows, n, err))
		return false;
	n = open_rows(t, true, rows);
	if (n > 0 && lt_fault("r17_insert")) {
		for (size_t i = 0; i < n; i++)
			rows[i]->locked = true;
		return true;
	}
	if (n == 0)
		return true;
	return t->care == SETTLE_ONE_BY_ONE ? insert_each(t, rows, n, err) : insert_all(t, rows, n, err);
}
