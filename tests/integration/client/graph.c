/* What the write-set graph says of a log: graph CHANNEL.yaml LOG POS, of the channel's only pipeline. A line for each
 * transaction with rows from there to the log's end: the number of its GTID, and that of the newest one which it would
 * have to wait for (0: none), if each were a group of its own and none were committed yet. */
#include <stdio.h>

#include "pipeline/connect.h"
#include "pipeline/schedule.h"
#include "reading.h"

struct graph {
	struct model_channel *channel;      /* owned */
	struct my_conn *target;             /* owned */
	struct pipeline_router *router;     /* owned */
	struct pipeline_schedule *schedule; /* owned */
	struct reading reading;             /* owned */
	uint64_t *numbers;                  /* owned, by order */
	size_t count;
};

static bool
open_graph(struct graph *g, char **argv, struct lt_err *err)
{
	const struct model_pipeline *p;
	struct change_place from = { 0 };

	if (!model_channel_load(argv[1], &g->channel, err))
		return false;
	p = &g->channel->pipelines[0];
	if (!pipeline_connect(&g->channel->sites[p->to], true, NULL, &g->target, err))
		return false;
	g->router = pipeline_router_new(p->mapping, g->target, false);
	g->schedule = pipeline_schedule_new(g->router);
	lt_str_copy(from.file, sizeof(from.file), lt_str_z(argv[2]));
	if (!lt_str_u64(lt_str_z(argv[3]), &from.pos))
		return lt_fail(err, LT_E_USAGE, "%s: a place in the log is wanted", argv[3]);
	return reading_open(&g->reading, g->channel->name, g->channel, p, &from, err);
}

static bool
add(void *ctx, struct change_txn *t, struct lt_err *err)
{
	struct graph *g = ctx;
	uint64_t after = 0;

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

int
main(int argc, char **argv)
{
	struct graph g = { 0 };
	struct lt_err err = { 0 };
	bool ok = argc == 4 ? open_graph(&g, argv, &err) && reading_each(&g.reading, add, &g, &err)
			    : lt_fail(&err, LT_E_USAGE, "graph CHANNEL.yaml LOG POS");

	if (!ok)
		fprintf(stderr, "graph: %s\n", err.message);
	reading_close(&g.reading);
	pipeline_schedule_free(g.schedule);
	pipeline_router_free(g.router);
	my_close(g.target);
	model_channel_free(g.channel);
	free(g.numbers);
	return ok ? 0 : 1;
}
