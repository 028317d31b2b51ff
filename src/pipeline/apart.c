#include "pipeline/apart.h"

#include <inttypes.h>
#include <stdio.h>

#include "pipeline/connect.h"

/* One number. Without one, and where the server refuses: 0. */
static bool
ask_number(struct my_conn *c, const char *sql, uint64_t *out, struct lt_err *err)
{
	struct my_rows *rows = NULL;
	struct lt_err refused = { 0 };

	*out = 0;
	if (!my_query(c, sql, &rows, &refused)) {
		if (my_alive(c))
			return true;
		*err = refused;
		return false;
	}
	if (rows->nrows == 1 && !lt_str_u64(my_rows_at(rows, 0, 0), out))
		*out = 0;
	my_rows_free(rows);
	return true;
}

bool
pipeline_apart_ask(
    struct my_conn *one, struct my_conn *other, const struct lt_clock *clock, bool *same, struct lt_err *err)
{
	char name[64], sql[128];
	uint64_t taken, holder;

	/* Nobody else has it: the number of the connection is taken at `one`, the time tells what was there before. */
	snprintf(name, sizeof(name), "lutra-%" PRIu32 "-%" PRIu64, my_conn_server(one)->thread_id, lt_wall_us(clock));
	*same = false;
	snprintf(sql, sizeof(sql), "SELECT GET_LOCK('%s', 0)", name);
	if (!ask_number(one, sql, &taken, err))
		return false;
	if (taken != 1)
		return true;
	snprintf(sql, sizeof(sql), "SELECT IS_USED_LOCK('%s')", name);
	if (!ask_number(other, sql, &holder, err))
		return false;
	*same = holder != 0;
	snprintf(sql, sizeof(sql), "DO RELEASE_LOCK('%s')", name);
	return my_exec(one, sql, NULL, err);
}

/* Whether the source tells names apart by the case of their letters. */
static bool
take_names(struct my_conn *source, const struct model_mapping *mapping, struct lt_err *err)
{
	uint64_t fold;

	if (!ask_number(source, "SELECT @@GLOBAL.lower_case_table_names", &fold, err))
		return false;
	model_mapping_fold(mapping, fold != 0);
	return true;
}

bool
pipeline_apart_check(const struct model_channel *channel, const struct model_pipeline *pipeline, struct my_conn *target,
    const struct lt_clock *clock, struct lt_wake *stop, struct lt_err *err)
{
	const struct model_site *from = &channel->sites[pipeline->from], *to = &channel->sites[pipeline->to];
	struct my_conn *source = NULL;
	bool same = false, ok;

	if (!pipeline_connect(from, false, stop, &source, err))
		return false;
	ok = take_names(source, pipeline->mapping, err) && pipeline_apart_ask(source, target, clock, &same, err);
	my_close(source);
	if (ok && same)
		return lt_fail(err, LT_E_SAME_SERVER, "sites %s and %s are one server", from->name, to->name);
	return ok || lt_wrap(err, "while telling sites %s and %s apart", from->name, to->name);
}
