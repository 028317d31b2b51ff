#include "change/txn.h"

/* What small transactions need. */
#define LEAST_BYTES 512
/* What is left of a larger one's last block matters little, and small ones behind it must not take as much. */
#define MOST_BYTES 4096

struct change_txn *
change_txn_new(enum change_txn_kind kind)
{
	return change_txn_new_like(kind, &(struct change_txn_like){ 0 });
}

struct change_txn *
change_txn_new_like(enum change_txn_kind kind, const struct change_txn_like *like)
{
	struct change_txn *t = lt_new(struct change_txn);

	t->kind = kind;
	t->arena = lt_arena_new_of(LT_MAX(like->bytes, LEAST_BYTES));
	return t;
}

void
change_txn_note_like(struct change_txn_like *like, const struct change_txn *t)
{
	size_t used = LT_MIN(lt_arena_used(t->arena), MOST_BYTES);

	like->bytes = used >= like->bytes ? used : like->bytes - (like->bytes - used) / 64 * 8;
}

void
change_txn_free(struct change_txn *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->ntables; i++)
		change_table_unref(t->tables[i]);
	change_spill_free(t->spill);
	change_gtid_set_free(t->passed);
	lt_arena_free(t->arena);
	free(t->told);
	free(t);
}

static void
hold_table(struct change_txn *t, const struct change_table *table)
{
	/* Newest first: rows of one event ask for the same table again and again. */
	for (size_t i = t->ntables; i > 0; i--)
		if (t->tables[i - 1] == table)
			return;
	if (t->ntables == t->tables_cap) {
		size_t cap = LT_MAX(t->tables_cap * 2, 2);

		t->tables =
		    lt_arena_grow(t->arena, t->tables, t->tables_cap * sizeof(*t->tables), cap * sizeof(*t->tables));
		t->tables_cap = cap;
	}
	t->tables[t->ntables++] = change_table_ref(table);
}

struct change_row *
change_txn_add_row(struct change_txn *t, const struct change_table *table)
{
	struct change_row *row;

	if (t->nrows == t->rows_cap) {
		size_t cap = LT_MAX(t->rows_cap * 2, 4);

		t->rows = lt_arena_grow(t->arena, t->rows, t->rows_cap * sizeof(*t->rows), cap * sizeof(*t->rows));
		t->rows_cap = cap;
	}
	if (t->nrows == 0 || t->rows[t->nrows - 1].table != table)
		hold_table(t, table);
	row = &t->rows[t->nrows++];
	*row = (struct change_row){ .table = table };
	return row;
}

uint64_t
change_txn_rows(const struct change_txn *t)
{
	if (t->spill == NULL)
		return t->nrows;
	return change_spill_rows(t->spill) + (t->sealed ? 0 : t->nrows);
}

size_t
change_txn_bytes(const struct change_txn *t)
{
	return sizeof(*t) + lt_arena_bytes(t->arena) + (t->spill != NULL ? change_spill_bytes(t->spill) : 0);
}

/* -- parts ---------------------------------------------------------------------------------------- */

/* Give up the memory of the rows; the tables stay. */
static void
forget_rows(struct change_txn *t)
{
	size_t size = t->ntables * sizeof(struct change_table *);
	void *kept = lt_realloc(NULL, LT_MAX(size, 1));

	LT_ASSERT(t->kind == CHANGE_TXN_ROWS);
	if (size > 0)
		memcpy(kept, t->tables, size);
	lt_arena_reset(t->arena);
	t->rows = NULL;
	t->nrows = t->rows_cap = 0;
	t->tables = lt_arena_alloc(t->arena, size);
	t->tables_cap = t->ntables;
	if (size > 0)
		memcpy(t->tables, kept, size);
	free(kept);
}

/* Newest first, as tables are held. */
static uint32_t
number_of(const struct change_txn *t, const struct change_table *table)
{
	size_t i = t->ntables - 1;

	while (t->tables[i] != table)
		i--;
	return (uint32_t)i;
}

bool
change_txn_spill(struct change_txn *t, struct change_spill_room *room, struct lt_err *err)
{
	uint32_t number = 0;

	LT_ASSERT(!t->sealed);
	if (t->spill == NULL && t->nrows > 0 && !change_spill_open(room, &t->spill, err))
		return false;
	for (size_t i = 0; i < t->nrows; i++) {
		if (i == 0 || t->rows[i].table != t->rows[i - 1].table)
			number = number_of(t, t->rows[i].table);
		if (!change_spill_add(t->spill, &t->rows[i], number, err))
			return false;
	}
	forget_rows(t);
	return true;
}

bool
change_txn_cut(struct change_txn *t, uint64_t rows, struct lt_err *err)
{
	uint64_t spilled = t->spill != NULL ? change_spill_rows(t->spill) : 0;

	LT_ASSERT(!t->sealed && rows <= spilled + t->nrows);
	t->nrows = rows > spilled ? (size_t)(rows - spilled) : 0;
	return rows >= spilled || change_spill_cut(t->spill, t->tables, t->ntables, rows, err);
}

bool
change_txn_seal(struct change_txn *t, struct lt_err *err)
{
	if (t->spill != NULL && !t->sealed && (!change_txn_spill(t, NULL, err) || !change_spill_finish(t->spill, err)))
		return false;
	t->sealed = true;
	return true;
}

void
change_txn_drop_rows(struct change_txn *t)
{
	change_spill_free(t->spill);
	t->spill = NULL;
	forget_rows(t);
}

void
change_txn_rewind(struct change_txn *t)
{
	t->begun = false;
	if (t->spill != NULL)
		change_spill_rewind(t->spill);
}

bool
change_txn_part(struct change_txn *t, bool *got, struct lt_err *err)
{
	*got = !t->begun;
	t->begun = true;
	if (t->spill == NULL)
		return true;
	forget_rows(t);
	if (!change_spill_next(t->spill, t->tables, t->ntables, t->arena, &t->rows, &t->nrows, err))
		return false;
	*got = t->nrows > 0;
	return true;
}

void
change_txn_advance(const struct change_txn *t, struct change_position *progress)
{
	/* In the log's order: of a MariaDB domain the newest counts. */
	if (t->passed != NULL)
		change_gtid_set_merge(progress->gtids, t->passed);
	change_gtid_set_add(progress->gtids, &t->gtid);
	progress->place = t->end;
}

void
change_txn_where(const struct change_txn *t, struct lt_where *where)
{
	char gtid[96];

	lt_str_copy(where->file, sizeof(where->file), lt_str_z(t->file));
	where->pos = t->pos;
	change_gtid_text(&t->gtid, gtid);
	lt_str_copy(where->gtid, sizeof(where->gtid), lt_str_z(gtid));
}
