#include "binlog/tables.h"

#include "base/cur.h"
#include "binlog/table_meta.h"

#define FIRST_CAP 64

static void
drop(struct binlog_mapped *m)
{
	change_table_unref(m->table);
	free(m->body);
	*m = (struct binlog_mapped){ 0 };
}

void
binlog_tables_clear(struct binlog_tables *t)
{
	for (size_t i = 0; i < t->cap; i++)
		drop(&t->slots[i]);
	t->count = t->bytes = 0;
}

void
binlog_tables_free(struct binlog_tables *t)
{
	binlog_tables_clear(t);
	free(t->slots);
	t->slots = NULL;
	t->cap = 0;
}

/** The slot of `id`, or the free one where it belongs. */
static struct binlog_mapped *
slot(const struct binlog_tables *t, uint64_t id)
{
	size_t i = (size_t)(id * 0x9e3779b97f4a7c15U >> 32) & (t->cap - 1);

	while (t->slots[i].body != NULL && t->slots[i].id != id)
		i = (i + 1) & (t->cap - 1);
	return &t->slots[i];
}

static void
grow(struct binlog_tables *t)
{
	struct binlog_tables bigger = { .cap = LT_MAX(t->cap * 2, FIRST_CAP) };

	bigger.slots = lt_calloc(bigger.cap, sizeof(*bigger.slots));
	for (size_t i = 0; i < t->cap; i++)
		if (t->slots[i].body != NULL)
			*slot(&bigger, t->slots[i].id) = t->slots[i];
	free(t->slots);
	t->slots = bigger.slots;
	t->cap = bigger.cap;
}

const struct binlog_mapped *
binlog_tables_find(const struct binlog_tables *t, uint64_t id, uint64_t group)
{
	const struct binlog_mapped *m;

	if (t->cap == 0)
		return NULL;
	m = slot(t, id);
	return m->body != NULL && m->group == group ? m : NULL;
}

static bool
wanted(const struct binlog_tables *t, const struct binlog_table_name *name)
{
	return t->filter.table == NULL || t->filter.table(t->filter.ctx, name->schema, name->table);
}

static bool
describe(struct binlog_tables *t, struct lt_str body, size_t id_width, bool mariadb, struct change_table **ret,
    struct lt_err *err)
{
	struct change_table *table;

	if (!binlog_table_map_decode(body, id_width, mariadb, &table, err))
		return false;
	if (t->describer.complete != NULL)
		binlog_table_meta_members(table, (struct change_column *)table->columns); /* still ours to change */
	if (t->describer.complete != NULL && !t->describer.complete(t->describer.ctx, table, err)) {
		change_table_unref(table);
		return false;
	}
	*ret = table;
	return true;
}

static size_t
table_bytes(const struct change_table *table)
{
	return table != NULL ? lt_arena_bytes(table->arena) : 0;
}

bool
binlog_tables_map(
    struct binlog_tables *t, struct lt_str body, size_t id_width, bool mariadb, uint64_t group, struct lt_err *err)
{
	struct binlog_table_name name;
	struct change_table *table = NULL;
	struct binlog_mapped *m;

	if (body.len < id_width)
		return lt_fail(err, LT_E_TRUNCATED, "TABLE_MAP event: %zu bytes", body.len);
	if ((t->count + 1) * 2 > t->cap)
		grow(t);
	m = slot(t, lt_le((const uint8_t *)body.ptr, id_width));
	if (m->body != NULL && m->body_len == body.len && memcmp(m->body, body.ptr, body.len) == 0) {
		m->group = group;
		return true;
	}
	if (!binlog_table_map_name(body, id_width, &name, err))
		return false;
	if (wanted(t, &name) && !describe(t, body, id_width, mariadb, &table, err)) {
		lt_where_table(&err->where, name.schema, name.table);
		return false;
	}
	if (m->body == NULL)
		t->count++;
	t->bytes += body.len + table_bytes(table);
	t->bytes -= m->body_len + table_bytes(m->table);
	change_table_unref(m->table);
	if (m->body_cap < body.len || m->body == NULL) {
		m->body_cap = LT_MAX(body.len, 1);
		m->body = lt_realloc(m->body, m->body_cap);
	}
	memcpy(m->body, body.ptr, body.len);
	m->body_len = body.len;
	m->id = name.table_id;
	m->group = group;
	m->table = table;
	return true;
}
