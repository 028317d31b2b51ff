/* What a person does through the sink: parts of one transaction, and statements beside them (`lutra replace`). */
#include "base/fault.h"
#include "pipeline/load_priv.h"

/* Rows [from, to) of those in memory. */
static bool
send_rows(struct load *l, size_t from, size_t to, struct lt_err *err)
{
	l->culprit = l->culprit_row = SIZE_MAX;
	while (from < to) {
		uint32_t count = 1;

		if (!pipeline_load_send_row(l, 0, from, &count, err))
			return false;
		from += count;
	}
	return pipeline_load_take(l, 0, err);
}

static bool
moves_key(struct load *l, const struct change_row *row)
{
	struct pipeline_route *route = NULL;
	struct lt_err ignored = { 0 };

	if (row->op != CHANGE_UPDATE || !pipeline_router_get(l->router, row->table, &route, &ignored) ||
	    !pipeline_router_decode(l->router, route, row, &ignored))
		return false;
	for (size_t i = 0; i < route->ncolumns; i++) {
		size_t source = route->columns[i].source;

		if (route->columns[i].in_key && route->after[source].kind != CHANGE_ABSENT &&
		    !change_value_eq(&route->before[source], &route->after[source]))
			return true;
	}
	return false;
}

/* Which of the rows in memory, whose first has the number `base`, the failure speaks of. */
static struct pipeline_load_row
failed_row(struct load *l, const struct change_txn *t, uint64_t base)
{
	const struct change_row *row = l->culprit_row < t->nrows ? &t->rows[l->culprit_row] : NULL;

	if (row == NULL)
		return (struct pipeline_load_row){ .at = UINT64_MAX };
	return (struct pipeline_load_row){ base + l->culprit_row, row->op, row->table, moves_key(l, row) };
}

bool
pipeline_load_hand_begin(struct change_sink *s, const struct change_position *at, struct lt_err *err)
{
	struct load *l = (struct load *)s;

	return pipeline_load_begin(s, at, err) &&
	       (!l->channel->otter.write || (pipeline_load_otter_mark(l, err) && pipeline_load_take(l, 0, err)));
}

bool
pipeline_load_rows(struct change_sink *s, struct change_txn *t, uint64_t from, uint64_t to,
    struct pipeline_load_row *failed, struct lt_err *err)
{
	struct load *l = (struct load *)s;
	uint64_t base = 0;
	bool got;

	*failed = (struct pipeline_load_row){ .at = UINT64_MAX };
	l->txns = &t;
	change_txn_rewind(t);
	for (; base < to; base += t->nrows) {
		if (!change_txn_part(t, &got, err))
			return false;
		if (!got)
			break;
		if (from < base + t->nrows &&
		    !send_rows(l, from > base ? (size_t)(from - base) : 0, (size_t)LT_MIN(to - base, t->nrows), err)) {
			*failed = failed_row(l, t, base);
			return false;
		}
	}
	return true;
}

bool
pipeline_load_target(struct change_sink *s, const struct change_table *from, const struct schema_table **table,
    const struct schema_key **key, struct lt_err *err)
{
	struct load *l = (struct load *)s;
	struct pipeline_route *route = NULL;

	if (!pipeline_router_get(l->router, from, &route, err))
		return false;
	*table = route->target;
	*key = route->keyless ? NULL : schema_table_find_key(route->target);
	return true;
}

bool
pipeline_load_statement(struct change_sink *s, struct lt_str sql, struct my_reply *out, struct lt_err *err)
{
	struct load *l = (struct load *)s;

	LT_ASSERT(l->open && l->due == 0);
	if ((l->fk != LOAD_ON || l->strict != LOAD_ON) &&
	    !my_exec(l->conn, "SET foreign_key_checks=1, sql_mode='STRICT_ALL_TABLES," LOAD_SQL_MODE "'", NULL, err))
		return false;
	l->fk = l->strict = LOAD_ON;
	if (!my_send_query(l->conn, sql, err) || !my_recv(l->conn, out, err))
		return false;
	lt_step("load.hand");
	return true;
}
