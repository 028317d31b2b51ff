#include "change/txn.h"

struct change_txn *
change_txn_new(enum change_txn_kind kind)
{
	struct change_txn *t = lt_new(struct change_txn);

	t->kind = kind;
	t->arena = lt_arena_new();
	return t;
}

void
change_txn_free(struct change_txn *t)
{
	if (t == NULL)
		return;
	for (size_t i = 0; i < t->ntables; i++)
		change_table_unref(t->tables[i]);
	change_gtid_set_free(t->passed);
	lt_arena_free(t->arena);
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
		size_t cap = LT_MAX(t->tables_cap * 2, 4);

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
		size_t cap = LT_MAX(t->rows_cap * 2, 8);

		t->rows = lt_arena_grow(t->arena, t->rows, t->rows_cap * sizeof(*t->rows), cap * sizeof(*t->rows));
		t->rows_cap = cap;
	}
	if (t->nrows == 0 || t->rows[t->nrows - 1].table != table)
		hold_table(t, table);
	row = &t->rows[t->nrows++];
	*row = (struct change_row){ .table = table };
	return row;
}

size_t
change_txn_bytes(const struct change_txn *t)
{
	return sizeof(*t) + lt_arena_bytes(t->arena);
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
