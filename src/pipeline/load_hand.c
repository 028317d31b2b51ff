/* What a person does through the sink: parts of one transaction, and statements beside them (`lutra replace`). */
#include "pipeline/load_priv.h"

bool
pipeline_load_rows(
    struct change_sink *s, struct change_txn *t, size_t from, size_t to, size_t *failed, struct lt_err *err)
{
	struct load *l = (struct load *)s;

	l->txns = &t;
	l->culprit = l->culprit_row = SIZE_MAX;
	while (from < to) {
		uint32_t count = 1;

		if (!pipeline_load_send_row(l, 0, from, &count, err))
			break;
		from += count;
	}
	if (from >= to && pipeline_load_take(l, 0, err))
		return true;
	*failed = l->culprit_row;
	return false;
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
	return my_send_query(l->conn, sql, err) && my_recv(l->conn, out, err);
}
