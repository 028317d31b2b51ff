#include "reading.h"

#include "base/clock.h"
#include "binlog/source.h"
#include "pipeline/connect.h"
#include "schema/catalog.h"

#define WAIT_MS 1000
#define SERVER_ID 4000000001u

/* The source's tables as they are now, which is what they were all along. */
static bool
know_tables(struct reading *r, const struct model_site *site, const struct binlog_options *options, struct lt_err *err)
{
	const struct change_place begin = { .pos = 4 };
	struct schema_table **tables = NULL;
	struct my_conn *c = NULL;
	size_t count = 0;
	bool ok = pipeline_connect(site, false, NULL, &c, err) &&
		  schema_catalog_tables(c, options->filter.table, options->filter.ctx, &tables, &count, err);

	for (size_t i = 0; ok && i < count; i++)
		schema_history_put(r->history, &begin, NULL, tables[i]);
	free(tables);
	my_close(c);
	return ok;
}

bool
reading_open(struct reading *r, const char *channel, const struct model_channel *model, const struct model_pipeline *p,
    const struct change_place *from, struct lt_err *err)
{
	struct binlog_options options = {
		.server_id = SERVER_ID, .uuid = { 1 }, .to_end = true, .clock = lt_clock_real()
	};
	struct change_position at;
	struct my_addr addr;
	bool ok;

	r->history = schema_history_new();
	pipeline_select_init(&r->select, channel, p->mapping, r->history);
	pipeline_select_filter(&r->select, &options.filter, &options.describer);
	if (!know_tables(r, &model->sites[p->from], &options, err))
		return false;
	change_position_init(&at);
	at.place = *from;
	pipeline_site_addr(&model->sites[p->from], 0, &addr);
	ok = binlog_source_open(&addr, &at, &options, &r->source, err);
	change_position_clear(&at);
	return ok;
}

bool
reading_each(
    struct reading *r, bool (*each)(void *ctx, struct change_txn *t, struct lt_err *err), void *ctx, struct lt_err *err)
{
	struct change_txn *t = NULL;

	while (!binlog_source_ended(r->source)) {
		bool ok;

		if (!change_source_next(r->source, WAIT_MS, &t, err))
			return false;
		if (t == NULL)
			continue;
		pipeline_select_txn(&r->select, t);
		ok = each(ctx, t, err);
		change_txn_free(t);
		if (!ok)
			return false;
	}
	return true;
}

void
reading_close(struct reading *r)
{
	change_source_close(r->source);
	if (r->history != NULL)
		pipeline_select_clear(&r->select);
	schema_history_free(r->history);
}
