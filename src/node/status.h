/* node/status.h - how a running channel stands, for programs (the contract's JSON) and for people. */
#ifndef NODE_STATUS_H
#define NODE_STATUS_H

#include "binlog/relay.h"
#include "node/sites.h"
#include "pipeline/pipeline.h"

/** One pipeline at one moment. */
struct node_pipeline_view {
	const char *name; /* borrowed */
	struct pipeline_status status;
	bool semi_sync; /* its source is read by way of a relay log: */
	struct binlog_relay_status relay;
};

/** One channel at one moment. */
struct node_view {
	const char *channel;                  /* borrowed */
	struct node_pipeline_view *pipelines; /* owned */
	size_t count;
	struct node_site_view *sites; /* owned; of a conflict channel */
	size_t nsites;                /* 0: it is none */
};

void node_view_clear(struct node_view *v);

/** The worst of its pipelines. */
enum pipeline_state node_view_state(const struct node_view *v);
/** {"channels":[...]} as in the contract. */
void node_status_json(const struct node_view *v, struct lt_buf *out);
/** "since 2026-11-22T08:00:00.000000Z, 17 tries": of a pipeline that is retrying. */
void node_tries_text(const struct pipeline_status *s, struct lt_buf *out);
/** A short table, and the error of each pipeline that has one. */
void node_status_text(const struct node_view *v, struct lt_buf *out);

#endif
