/* node/metrics.h - a channel as Prometheus text (exposition format 0.0.4), and its health. */
#ifndef NODE_METRICS_H
#define NODE_METRICS_H

#include "node/status.h"

/** Append lutra_* metrics, each with HELP and TYPE. */
void node_metrics_text(const struct node_view *v, struct lt_buf *out);
/** Append {"status":"ok|failing","pipelines":[{"name","state"}]}, in a conflict channel with "divergence" and "sites";
 * true if every pipeline runs or is paused, every site's log is read, and no divergence was found. */
bool node_health_json(const struct node_view *v, struct lt_buf *out);

#endif
