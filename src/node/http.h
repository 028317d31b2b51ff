/* node/http.h - /metrics and /health over HTTP, on loopback only as long as nobody has to log in. */
#ifndef NODE_HTTP_H
#define NODE_HTTP_H

#include <event2/event.h>

#include "node/node_priv.h"

struct node_http;

/** Listen on "127.0.0.1:9100", "[::1]:9100" or "localhost:9100" (port 0: any that is free); LT_E_USAGE for any address
 * but loopback. Served by the loop's thread. `**ret` to node_http_free(). */
LT_MUST_USE bool node_http_open(
    const char *listen, struct event_base *loop, struct node *n, struct node_http **ret, struct lt_err *err);
void node_http_free(struct node_http *h);

/** Split and check what is given to --listen; `host` gets the numeric address. */
LT_MUST_USE bool node_http_address(const char *listen, char host[64], uint16_t *port, struct lt_err *err);

#endif
