/* node/control.h - the control socket of `lutra run`: DIR/control.sock (0600), one request for each connection.
 *
 * The sockets belong to the thread that runs the event loop; each request is carried out on a thread of its own, since
 * orders and waits block. */
#ifndef NODE_CONTROL_H
#define NODE_CONTROL_H

#include <event2/event.h>

#include "node/node_priv.h"

struct node_control;

/** Listen in the data folder `dir`, whose lock is ours. Requests other than `stop` go to node_verb() with `n`; `stop`
 * calls on_stop(ctx) on the loop's thread, and is answered when all has ended. `**ret` to node_control_free(). */
LT_MUST_USE bool node_control_open(const char *dir, struct event_base *loop, struct node *n, void (*on_stop)(void *ctx),
    void *ctx, struct node_control **ret, struct lt_err *err);
/** Take no more requests, cancel those in hand, wait for their threads and send their answers. The loop must not run
 * any more. */
void node_control_end(struct node_control *c);
/** Answer who asked to stop, close, free; after node_control_end(). NULL is fine. */
void node_control_free(struct node_control *c);

#endif
