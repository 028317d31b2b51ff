/* cli/commands.h - what the commands of the table do. */
#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

#include "cli/args.h"

bool cli_run(const struct cli_args *args, int *status, struct lt_err *err);
bool cli_check(const struct cli_args *args, int *status, struct lt_err *err);
bool cli_status(const struct cli_args *args, int *status, struct lt_err *err);
bool cli_wait(const struct cli_args *args, int *status, struct lt_err *err);
bool cli_retry(const struct cli_args *args, int *status, struct lt_err *err);
bool cli_skip(const struct cli_args *args, int *status, struct lt_err *err);
bool cli_replace(const struct cli_args *args, int *status, struct lt_err *err);
bool cli_pause(const struct cli_args *args, int *status, struct lt_err *err);
bool cli_resume(const struct cli_args *args, int *status, struct lt_err *err);
bool cli_log(const struct cli_args *args, int *status, struct lt_err *err);
bool cli_conflicts(const struct cli_args *args, int *status, struct lt_err *err);
bool cli_conflicts_show(const struct cli_args *args, int *status, struct lt_err *err);
bool cli_conflicts_count(const struct cli_args *args, int *status, struct lt_err *err);
bool cli_conflicts_replay(const struct cli_args *args, int *status, struct lt_err *err);
bool cli_explain(const struct cli_args *args, int *status, struct lt_err *err);
bool cli_position(const struct cli_args *args, int *status, struct lt_err *err);
bool cli_ddl_done(const struct cli_args *args, int *status, struct lt_err *err);
bool cli_site_remove(const struct cli_args *args, int *status, struct lt_err *err);
bool cli_site_heal(const struct cli_args *args, int *status, struct lt_err *err);
bool cli_stop(const struct cli_args *args, int *status, struct lt_err *err);
bool cli_dump(const struct cli_args *args, int *status, struct lt_err *err);
bool cli_version(const struct cli_args *args, int *status, struct lt_err *err);

#endif
