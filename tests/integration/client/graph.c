/* What the write-set graph says of a log: graph CHANNEL.yaml LOG POS, of the channel's only pipeline. A line for each
 * transaction with rows from there to the log's end: the number of its GTID, and that of the newest one which it would
 * have to wait for (0: none), if each were a group of its own and none were committed yet. */
#include <stdio.h>

#include "base/clock.h"
#include "binlog/source.h"
#include "model/channel.h"
#include "pipeline/connect.h"
#include "pipeline/schedule.h"
#include "pipeline/select.h"
#include "schema/catalog.h"

#define WAIT_MS 1000
#define SERVER_ID 4000000001u

struct graph {
	struct model_channel *channel;      /* owned */
	struct my_conn *target;             /* owned */
	struct pipeline_router *router;     /* owned */
	struct pipeline_schedule *schedule; /* owned */
	struct schema_history *history;     /* owned */
	struct pipeline_select select;
	struct change_source *source; /* owned */
	uint64_t *numbers;            /* owned, by order */
	size_t count;
};

/* The source's tables as they are now, which is what they were all along. */
static bool
know_tables(struct graph *g, const struct model_site *site, const struct binlog_options *options, struct lt_err *err)
{
	const struct change_place begin = { .pos = 4 };
	struct schema_table **tables = NULL;
	struct my_conn *c = NULL;
	size_t count = 0;
	bool ok = pipeline_connect(site, false, NULL, &c, err) &&
		  schema_catalog_tables(c, options->filter.table, options->filter.ctx, &tables, &count, err);

	for (size_t i = 0; ok && i < count; i++)
		schema_history_put(g->history, &begin, NULL, tables[i]);
	free(tables);
	my_close(c);
	return ok;
}

static bool
open_graph(struct graph *g, char **argv, struct lt_err *err)
{
	struct binlog_options options = {
		.server_id = SERVER_ID, .uuid = { 1 }, .to_end = true, .clock = lt_clock_real()
	};
	const struct model_pipeline *p;
	struct change_position from;
	struct my_addr addr;
	bool ok;

	if (!model_channel_load(argv[1], &g->channel, err))
		return false;
	p = &g->channel->pipelines[0];
	if (!pipeline_connect(&g->channel->sites[p->to], true, NULL, &g->target, err))
		return false;
	g->router = pipeline_router_new(p->mapping, g->target, false);
	g->schedule = pipeline_schedule_new(g->router);
	g->history = schema_history_new();
	pipeline_select_init(&g->select, g->channel->name, p->mapping, g->history);
	pipeline_select_filter(&g->select, &options.filter, &options.describer);
	if (!know_tables(g, &g->channel->sites[p->from], &options, err))
		return false;
	change_position_init(&from);
	lt_str_copy(from.place.file, sizeof(from.place.file), lt_str_z(argv[2]));
	ok = lt_str_u64(lt_str_z(argv[3]), &from.place.pos) ||
	     lt_fail(err, LT_E_USAGE, "%s: a place in the log is wanted", argv[3]);
	pipeline_site_addr(&g->channel->sites[p->from], 0, &addr);
	ok = ok && binlog_source_open(&addr, &from, &options, &g->source, err);
	change_position_clear(&from);
	return ok;
}

static bool
add(struct graph *g, struct change_txn *t, struct lt_err *err)
{
	uint64_t after = 0;

	pipeline_select_txn(&g->select, t);
	if (t->kind != CHANGE_TXN_ROWS || t->nrows == 0)
		return true;
	g->numbers = lt_realloc(g->numbers, (g->count + 2) * sizeof(*g->numbers));
	g->numbers[0] = 0;
	g->numbers[++g->count] = t->gtid.seq;
	if (!pipeline_schedule_add(g->schedule, g->count, &t, 1, &after, err))
		return false;
	printf("%llu %llu\n", (unsigned long long)t->gtid.seq, (unsigned long long)g->numbers[after]);
	return true;
}

static bool
read_log(struct graph *g, struct lt_err *err)
{
	struct change_txn *t = NULL;

	while (!binlog_source_ended(g->source)) {
		bool ok;

		if (!change_source_next(g->source, WAIT_MS, &t, err))
			return false;
		if (t == NULL)
			continue;
		ok = add(g, t, err);
		change_txn_free(t);
		if (!ok)
			return false;
	}
	return true;
}

int
main(int argc, char **argv)
{
	struct graph g = { 0 };
	struct lt_err err = { 0 };
	bool ok = argc == 4 ? open_graph(&g, argv, &err) && read_log(&g, &err)
			    : lt_fail(&err, LT_E_USAGE, "graph CHANNEL.yaml LOG POS");

	if (!ok)
		fprintf(stderr, "graph: %s\n", err.message);
	change_source_close(g.source);
	if (g.history != NULL)
		pipeline_select_clear(&g.select);
	schema_history_free(g.history);
	pipeline_schedule_free(g.schedule);
	pipeline_router_free(g.router);
	my_close(g.target);
	model_channel_free(g.channel);
	free(g.numbers);
	return ok ? 0 : 1;
}
