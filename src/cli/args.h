/* cli/args.h - the command line: which commands and options there are, and what was given. */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include "base/buf.h"
#include "base/err.h"

enum cli_option {
	CLI_DATA,
	CLI_LISTEN,
	CLI_TIMEOUT,
	CLI_WHY,
	CLI_NOW,
	CLI_GTID,
	CLI_FILE,
	CLI_POS,
	CLI_TIME,
	CLI_SQL,
	CLI_ROW,
	CLI_LIMIT,
	CLI_SITE,
	CLI_TABLE,
	CLI_SINCE,
	CLI_LOST,
	CLI_FORCE,
	CLI_FROM,
	CLI_TO,
	CLI_RAW,
	CLI_COUNT,
	CLI_READ_AHEAD,
	CLI_PASSWORD_FILE,
	CLI_PASSWORD_ENV,
	CLI_JSON,
	CLI_HELP,
	CLI_OPTIONS, /* how many */
};

enum { CLI_STATEMENTS_MAX = 12 };

struct cli_args;

/** One command of the table; its options are bits of (1 << enum cli_option). JSON and HELP belong to each. */
struct cli_command {
	const char *word, *second; /* "ddl", "done"; second NULL = one word. Those with the same word stand together */
	const char *operands;      /* for the usage line */
	const char *summary, *help;
	unsigned min_operands, max_operands;
	uint32_t options, required;
	/** Do it; `*status` is the exit status of success, 0 at first. */
	bool (*fn)(const struct cli_args *args, int *status, struct lt_err *err);
};

/** What was given; borrows from argv. */
struct cli_args {
	const struct cli_command *command; /* NULL: help of the program */
	const char *values[CLI_OPTIONS];   /* NULL = not given; "" for a flag */
	char **operands;
	size_t noperands;
	const char *statements[CLI_STATEMENTS_MAX]; /* of each --sql, in order */
	size_t nstatements;
};

/** All commands; the last has no word. */
extern const struct cli_command cli_commands[];

/** Read the command line (permutes argv); LT_E_USAGE. `--help`, with or without a command, is no error:
 * values[CLI_HELP] is set and nothing else was checked. One thread at a time. */
LT_MUST_USE bool cli_args_parse(int argc, char **argv, struct cli_args *out, struct lt_err *err);
/** Help of the program, or of `command`. */
void cli_args_help(const struct cli_command *command, struct lt_buf *out);

#endif
