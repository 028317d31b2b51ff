/* cli/ask.h - what commands that ask a running `lutra run` share. */
#ifndef CLI_ASK_H
#define CLI_ASK_H

#include "cli/args.h"
#include "node/frame.h"

void cli_add_word(struct node_frame *f, const char *word);
/** Ask, and print what was done, with --json as {"message":...}. */
LT_MUST_USE bool cli_ask(
    const struct cli_args *args, const struct node_frame *request, int *status, struct lt_err *err);
/** Ask, and print the answer as it is, text or JSON: for answers that have JSON of their own. */
LT_MUST_USE bool cli_ask_form(
    const struct cli_args *args, const struct node_frame *request, int *status, struct lt_err *err);

#endif
