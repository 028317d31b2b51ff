/* node/client.h - asking a running `lutra run` over the control socket of its data folder. */
#ifndef NODE_CLIENT_H
#define NODE_CLIENT_H

#include "node/frame.h"

/** Send verb and arguments, wait for the answer as long as it takes. LT_E_NOT_RUNNING if nobody answers there; an error
 * answer becomes `err`. On success `text` is appended to, and `*found` tells that something was found (exit status 1).
 * Blocks. */
LT_MUST_USE bool node_client_ask(
    const char *dir, const struct node_frame *request, struct lt_buf *text, bool *found, struct lt_err *err);

#endif
