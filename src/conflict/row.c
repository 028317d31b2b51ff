#include "conflict/row.h"

bool
conflict_value_eq(struct lt_str a, struct lt_str b)
{
	return (a.ptr == NULL) == (b.ptr == NULL) && lt_str_eq(a, b);
}

bool
conflict_row_eq(const struct conflict_row *a, const struct conflict_row *b)
{
	if (a == b)
		return true;
	if (a == NULL || b == NULL || a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++) {
		if (!conflict_value_eq(a->values[i], b->values[i]))
			return false;
	}
	return true;
}

static size_t
aligned(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

size_t
conflict_row_bytes(const struct conflict_row *row)
{
	size_t n = 0;

	if (row == NULL)
		return 0;
	for (uint32_t i = 0; i < row->count; i++)
		n += row->values[i].len;
	return aligned(sizeof(*row) + row->count * sizeof(*row->values) + n);
}

size_t
conflict_op_bytes(const struct conflict_op *op)
{
	return aligned(sizeof(*op)) + aligned(op->seen.count * sizeof(*op->seen.at)) + conflict_row_bytes(op->before) +
	       conflict_row_bytes(op->after);
}

/* Lay a copy out at `*at` and move that behind it. */
static struct conflict_row *
lay_row(char **at, const struct conflict_row *row)
{
	struct conflict_row *copy = (struct conflict_row *)(void *)*at;
	char *bytes;

	if (row == NULL)
		return NULL;
	copy->count = row->count;
	copy->values = (struct lt_str *)(void *)(*at + sizeof(*copy));
	bytes = *at + sizeof(*copy) + row->count * sizeof(*row->values);
	for (uint32_t i = 0; i < row->count; i++) {
		struct lt_str v = row->values[i];

		/* A value without bytes is still no NULL. */
		copy->values[i] = lt_str_of(v.ptr != NULL ? bytes : NULL, v.len);
		if (v.len > 0)
			memcpy(bytes, v.ptr, v.len);
		bytes += v.len;
	}
	*at += conflict_row_bytes(row);
	return copy;
}

static struct conflict_op *
lay_op(char *at, const struct conflict_op *op)
{
	struct conflict_op *copy = (struct conflict_op *)(void *)at;

	at += aligned(sizeof(*copy));
	copy->version = op->version;
	copy->seen = (struct conflict_vector){ .at = (struct conflict_seen *)(void *)at, .count = op->seen.count };
	if (op->seen.count > 0)
		memcpy(at, op->seen.at, op->seen.count * sizeof(*op->seen.at));
	at += aligned(op->seen.count * sizeof(*op->seen.at));
	copy->before = lay_row(&at, op->before);
	copy->after = lay_row(&at, op->after);
	return copy;
}

struct conflict_row *
conflict_row_dup(const struct conflict_row *row, const struct conflict_room *room)
{
	char *at = row != NULL ? room->take(room->ctx, conflict_row_bytes(row)) : NULL;

	return lay_row(&at, row);
}

struct conflict_op *
conflict_op_dup(const struct conflict_op *op, const struct conflict_room *room)
{
	return lay_op(room->take(room->ctx, conflict_op_bytes(op)), op);
}

const struct conflict_row *
conflict_row_copy(const struct conflict_row *row, struct lt_arena *arena)
{
	char *at = row != NULL ? lt_arena_alloc(arena, conflict_row_bytes(row)) : NULL;

	return lay_row(&at, row);
}

const struct conflict_op *
conflict_op_copy(const struct conflict_op *op, struct lt_arena *arena)
{
	return lay_op(lt_arena_alloc(arena, conflict_op_bytes(op)), op);
}
