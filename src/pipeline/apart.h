/* pipeline/apart.h - the sites of a pipeline must be two servers. */
#ifndef PIPELINE_APART_H
#define PIPELINE_APART_H

#include "base/clock.h"
#include "model/channel.h"
#include "mysql/conn.h"

/** Whether both connections lead to one server, whatever their addresses say: a lock that is taken by name over `one`
 * is seen over `other`. A server that has no such locks counts as another one. Writes nothing. */
LT_MUST_USE bool pipeline_apart_ask(
    struct my_conn *one, struct my_conn *other, const struct lt_clock *clock, bool *same, struct lt_err *err);
/** Coded error if the pipeline's source is the server that `target` is connected to. Asks it by the way how it compares
 * names, and tells the mapping. `stop`: see pipeline_connect(). */
LT_MUST_USE bool pipeline_apart_check(const struct model_channel *channel, const struct model_pipeline *pipeline,
    struct my_conn *target, const struct lt_clock *clock, struct lt_wake *stop, struct lt_err *err);

#endif
