/* node/verbs.h - what may be asked of a running channel over its control socket. */
#ifndef NODE_VERBS_H
#define NODE_VERBS_H

#include "node/frame.h"
#include "node/wait.h"

/** Who asked. */
struct node_caller {
	char who[64];         /* login name; "uid N" where there is none */
	struct lt_wake *gone; /* borrowed; raised when nobody waits for the answer any more */
};

/** Carry out one request and append the answer's frame. May wait long; raise the caller's `gone` to end that. Any
 * thread but the pipelines'.
 *
 *   status text|json             wait MILLISECONDS|-            retry|skip|ddl-done PIPELINE WHY
 *   position PIPELINE WHY now    ... gtid SET    ... place FILE POS    ... time MICROSECONDS
 *   conflicts ... (node/conflicts.h)    explain ... (node/explain.h)    site-remove ID WHY
 */
void node_verb(
    struct node *n, const struct node_frame *request, const struct node_caller *caller, struct lt_buf *answer);

#endif
