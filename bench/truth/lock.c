/* Ways to lock rows, keys that have none, and values of a unique column; declared in truth.h. */
#include <stdio.h>

#include "truth.h"

/* How often what was in the way may have been taken by others meanwhile. */
#define TRIES 20
#define LIST_MAX 512

static unsigned long long
ull(uint64_t n)
{
	return n;
}

/** What is locked first is the truth: what is seen of it later is our own work. */
static void
hold_thing(struct truth_hold *hold, size_t thing, uint64_t state)
{
	for (size_t i = 0; i < hold->nheld; i++)
		if (hold->held[i].thing == thing)
			return;
	LT_ASSERT(hold->nheld < TRUTH_HELD_MAX);
	hold->held[hold->nheld++] = (struct truth_held){ thing, state, 0 };
}

static void
hold_row(struct truth_hold *hold, const struct truth_row *row)
{
	hold_thing(hold, truth_key(row->id), row->seq);
	if (row->u != 0)
		hold_thing(hold, truth_value(row->u), row->id);
}

/** The row with this key or value, locked; *got false: there is none, and then nothing is locked. */
static bool
select_row(struct my_conn *c, const char *column, uint64_t n, struct truth_row *out, bool *got, struct lt_err *err)
{
	struct my_rows *rows;

	if (!my_queryf(c, &rows, err, "SELECT id, u, seq FROM item WHERE %s = %llu FOR UPDATE", column, ull(n)))
		return false;
	*got = rows->nrows > 0;
	if (*got)
		*out =
		    (struct truth_row){ truth_number(rows, 0, 0), truth_number(rows, 0, 1), truth_number(rows, 0, 2) };
	my_rows_free(rows);
	return true;
}

/** *done false: somebody has the key, or the value (0: NULL). */
static bool
insert_image(struct truth *t, struct my_conn *c, struct truth_hold *hold, const struct truth_row *row, bool *done,
    struct lt_err *err)
{
	char u[24] = "NULL";

	if (row->u != 0)
		snprintf(u, sizeof(u), "%llu", ull(row->u));
	*done = my_execf(
	    c, err, "INSERT INTO item (id, u, seq) VALUES (%llu, %s, %llu)", ull(row->id), u, ull(truth_seq(t)));
	if (*done)
		hold->inserted[hold->ninserted++] = row->id;
	else if (err->code != LT_E_DUPLICATE)
		return false;
	else
		*err = (struct lt_err){ 0 };
	return true;
}

static bool
too_often(struct lt_err *err)
{
	return lt_fail(err, LT_E_LOCK_WAIT, "others were there first, %d times", TRIES);
}

/** " 3, 5, 8" */
static void
list_text(const uint64_t *keys, size_t count, char out[LIST_MAX])
{
	size_t len = 0;

	for (size_t i = 0; i < count; i++)
		len += (size_t)snprintf(out + len, LIST_MAX - len, "%s%llu", i > 0 ? ", " : "", ull(keys[i]));
	LT_ASSERT(len < LIST_MAX);
}

/** All in one statement; `keys` in their order. */
static bool
select_keys(struct my_conn *c, const uint64_t *keys, size_t count, struct truth_hold *hold, struct lt_err *err)
{
	char list[LIST_MAX];
	struct my_rows *rows;

	list_text(keys, count, list);
	if (!my_queryf(c, &rows, err, "SELECT id, u, seq FROM item WHERE id IN (%s) ORDER BY id FOR UPDATE", list))
		return false;
	for (size_t i = 0; i < rows->nrows; i++) {
		const struct truth_row row = { truth_number(rows, i, 0), truth_number(rows, i, 1),
			truth_number(rows, i, 2) };

		hold_row(hold, &row);
		hold->found[hold->nfound++] = row.id;
	}
	my_rows_free(rows);
	for (size_t i = 0; i < count; i++)
		hold_thing(hold, truth_key(keys[i]), 0); /* where no row was found */
	return true;
}

/** `*out`: the row that is there, locked; its `seq` 0: the key had none, and an image locks it. */
static bool
insert_key(struct truth *t, struct my_conn *c, uint64_t key, struct truth_hold *hold, struct truth_row *out,
    struct lt_err *err)
{
	for (int i = 0; i < TRIES; i++) {
		const struct truth_row image = { .id = key };
		bool done, got;

		if (!insert_image(t, c, hold, &image, &done, err))
			return false;
		if (done) {
			hold_thing(hold, truth_key(key), 0);
			*out = image;
			return true;
		}
		if (!select_row(c, "id", key, out, &got, err))
			return false;
		if (got) {
			hold_row(hold, out);
			return true;
		}
	}
	return too_often(err);
}

static bool
values_once(
    struct truth *t, struct my_conn *c, const struct truth_row *image, struct truth_hold *hold, struct lt_err *err)
{
	struct truth_row row;
	bool done, got;

	if (!insert_image(t, c, hold, image, &done, err))
		return false;
	if (!done) {
		if (!select_row(c, "u", image->u, &row, &got, err))
			return false;
		if (got) {
			hold_row(hold, &row);
			hold->found[hold->nfound++] = row.id;
		}
		return select_keys(c, &image->id, 1, hold, err);
	}
	hold_thing(hold, truth_key(image->id), 0);
	hold_thing(hold, truth_value(image->u), 0);
	return true;
}

static bool
take_out(struct my_conn *c, const char *column, uint64_t n, struct truth_hold *hold, struct lt_err *err)
{
	struct truth_row row;
	bool got;

	if (!select_row(c, column, n, &row, &got, err))
		return false;
	if (!got)
		return true;
	hold_row(hold, &row);
	hold->removed[hold->nremoved++] = row;
	return my_execf(c, err, "DELETE FROM item WHERE id = %llu", ull(row.id));
}

static bool
values_again(
    struct truth *t, struct my_conn *c, const struct truth_row *image, struct truth_hold *hold, struct lt_err *err)
{
	for (int i = 0; i < TRIES; i++) {
		bool done;

		if (!insert_image(t, c, hold, image, &done, err))
			return false;
		if (done) {
			hold_thing(hold, truth_key(image->id), 0);
			hold_thing(hold, truth_value(image->u), 0);
			return true;
		}
		if (!take_out(c, "id", image->id, hold, err) || !take_out(c, "u", image->u, hold, err))
			return false;
	}
	return too_often(err);
}

static bool
values_null(
    struct truth *t, struct my_conn *c, const struct truth_row *image, struct truth_hold *hold, struct lt_err *err)
{
	struct truth_row row, holder;
	bool got;

	if (!insert_key(t, c, image->id, hold, &row, err))
		return false;
	if (row.u == image->u)
		return true;
	for (int i = 0; i < TRIES; i++) {
		if (my_execf(c, err, "UPDATE item SET u = %llu, seq = %llu WHERE id = %llu", ull(image->u),
			ull(truth_seq(t)), ull(row.id))) {
			hold_thing(hold, truth_value(image->u), 0);
			if (row.seq != 0)
				hold->moved[hold->nmoved++] = row;
			return true;
		}
		if (err->code != LT_E_DUPLICATE)
			return false;
		*err = (struct lt_err){ 0 };
		if (!select_row(c, "u", image->u, &holder, &got, err))
			return false;
		if (got) {
			hold_row(hold, &holder);
			hold->found[hold->nfound++] = holder.id;
			return true;
		}
	}
	return too_often(err);
}

static bool
lock_one(struct truth *t, struct my_conn *c, const struct truth_row *image, struct truth_hold *hold, struct lt_err *err)
{
	struct truth_row row;

	switch (t->options.lock) {
	case TRUTH_SELECT: break; /* all at once */
	case TRUTH_INSERT:
		if (!insert_key(t, c, image->id, hold, &row, err))
			return false;
		if (row.seq != 0)
			hold->found[hold->nfound++] = row.id;
		return true;
	case TRUTH_VALUES_ONCE: return values_once(t, c, image, hold, err);
	case TRUTH_VALUES_AGAIN: return values_again(t, c, image, hold, err);
	case TRUTH_VALUES_NULL: return values_null(t, c, image, hold, err);
	}
	return false;
}

/** `count` different numbers, the smallest first. */
static void
choose(uint64_t *random, uint64_t limit, size_t count, uint64_t *out)
{
	for (size_t n = 0; n < count;) {
		uint64_t pick = truth_random(random, limit);
		size_t at = 0;

		while (at < n && out[at] < pick)
			at++;
		if (at < n && out[at] == pick)
			continue;
		memmove(&out[at + 1], &out[at], (n - at) * sizeof(*out));
		out[at] = pick;
		n++;
	}
}

bool
truth_lock(struct truth *t, struct my_conn *c, uint64_t *random, struct truth_hold *hold, struct lt_err *err)
{
	uint64_t keys[TRUTH_HELD_MAX], values[TRUTH_HELD_MAX];
	size_t count = t->options.rows;

	choose(random, t->options.keys, count, keys);
	if (t->options.lock == TRUTH_SELECT)
		return select_keys(c, keys, count, hold, err);
	choose(random, t->options.keys, count, values);
	for (size_t i = 0; i < count; i++) {
		const struct truth_row image = { .id = keys[i], .u = values[i] };

		if (!lock_one(t, c, &image, hold, err))
			return false;
	}
	return true;
}

/* -- decisions ------------------------------------------------------------------------------------- */

/** Rows that stand as they were: most get a new `seq`, some go. */
static bool
write_found(struct truth *t, struct my_conn *c, uint64_t *random, const struct truth_hold *hold, struct lt_err *err)
{
	bool gone = t->options.work != TRUTH_PRESENT && truth_random(random, 4) == 1;
	char list[LIST_MAX];

	if (hold->nfound == 0)
		return true;
	list_text(hold->found, hold->nfound, list);
	if (gone)
		return my_execf(c, err, "DELETE FROM item WHERE id IN (%s)", list);
	return my_execf(c, err, "UPDATE item SET seq = %llu WHERE id IN (%s)", ull(truth_seq(t)), list);
}

/** All that gives way first, then all that comes. */
static bool
put_back(struct truth *t, struct my_conn *c, const struct truth_hold *hold, struct lt_err *err)
{
	for (size_t i = 0; i < hold->ninserted; i++)
		if (!my_execf(c, err, "DELETE FROM item WHERE id = %llu", ull(hold->inserted[i])))
			return false;
	for (size_t i = 0; i < hold->nmoved; i++)
		if (!my_execf(c, err, "UPDATE item SET u = NULL WHERE id = %llu", ull(hold->moved[i].id)))
			return false;
	for (size_t i = 0; i < hold->nremoved; i++) {
		struct truth_hold none = { .nheld = 0 };
		bool done;

		if (!insert_image(t, c, &none, &hold->removed[i], &done, err))
			return false;
		if (!done)
			return lt_fail(err, LT_E_DUPLICATE, "key %llu", ull(hold->removed[i].id));
	}
	for (size_t i = 0; i < hold->nmoved; i++)
		if (hold->moved[i].u != 0 && !my_execf(c, err, "UPDATE item SET u = %llu, seq = %llu WHERE id = %llu",
						 ull(hold->moved[i].u), ull(truth_seq(t)), ull(hold->moved[i].id)))
			return false;
	return true;
}

bool
truth_decide(struct truth *t, struct my_conn *c, uint64_t *random, const struct truth_hold *hold, struct lt_err *err)
{
	if (!write_found(t, c, random, hold, err))
		return false;
	if (truth_random(random, 2) == 1 || put_back(t, c, hold, err))
		return true;
	if (err->code == LT_E_DUPLICATE)
		t->counts.slipped++;
	return false;
}
