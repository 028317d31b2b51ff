#include "cli/args.h"

#include <getopt.h>

struct option_info {
	const char *name;
	const char *value; /* what it takes, for the help; NULL = a flag */
	const char *help;
};

static const struct option_info options[CLI_OPTIONS] = {
	[CLI_DATA] = { "data", "DIR", "the data folder" },
	[CLI_LISTEN] = { "listen", "ADDR:PORT", "serve /metrics and /health there; loopback only" },
	[CLI_TIMEOUT] = { "timeout", "SECONDS", "give up after so long" },
	[CLI_WHY] = { "why", "TEXT", "the reason, for the audit" },
	[CLI_NOW] = { "now", NULL, "where the log ends now" },
	[CLI_GTID] = { "gtid", "SET", "behind these transactions" },
	[CLI_FILE] = { "file", "NAME", "in this log file (with --pos)" },
	[CLI_POS] = { "pos", "BYTE", "at this byte (with --file)" },
	[CLI_TIME] = { "time", "TIME", "before the first transaction committed then or later (2026-11-22T08:00:00Z)" },
	[CLI_SQL] = { "sql", "STATEMENT", "what to do instead; may be given several times" },
	[CLI_ROW] = { "row", "JSON|FILE", "the row as it is to be at the target, instead of the row that failed" },
	[CLI_LIMIT] = { "limit", "N", "the newest N lines; 100 if not given" },
	[CLI_SITE] = { "site", "NAME", "of this site alone" },
	[CLI_TABLE] = { "table", "DB.TABLE", "of this table alone, as the site has it" },
	[CLI_SINCE] = { "since", "TIME", "not before then (2026-11-22T08:00:00Z)" },
	[CLI_LOST] = { "lost", NULL, "only operations that lost" },
	[CLI_FORCE] = { "force", NULL, "also where the row has changed since" },
	[CLI_FROM] = { "from", "POS", "begin at this byte of the first file; of a server: FILE:POS" },
	[CLI_TO] = { "to", "POS",
	    "end before the first transaction that begins there or behind; of a server: FILE:POS" },
	[CLI_RAW] = { "raw", NULL, "text and binary values as hex of the log's bytes" },
	[CLI_COUNT] = { "count", NULL, "decode everything, print one line of sums" },
	[CLI_READ_AHEAD] = { "read-ahead", NULL,
	    "read and check the log in a thread of its own, where that is faster" },
	[CLI_PASSWORD_FILE] = { "password-file", "FILE", "holds the password; nobody else may read it" },
	[CLI_PASSWORD_ENV] = { "password-env", "NAME", "environment variable that holds the password" },
	[CLI_JSON] = { "json", NULL, "answer, and errors, as JSON" },
	[CLI_HELP] = { "help", NULL, "this text" },
};

/* Values of getopt_long() that no character has. */
enum { OPTION_BASE = 256 };

static bool
allows(const struct cli_command *c, size_t option)
{
	return option == CLI_JSON || option == CLI_HELP || (c->options >> option & 1) != 0;
}

/* The first of those with that word. */
static const struct cli_command *
find_command(const char *word)
{
	for (const struct cli_command *c = cli_commands; c->word != NULL; c++) {
		if (strcmp(c->word, word) == 0)
			return c;
	}
	return NULL;
}

static bool
is_of(const struct cli_command *c, const struct cli_command *first)
{
	return c->word != NULL && strcmp(c->word, first->word) == 0;
}

/* Whether any command with that word does: which of them is meant is known only behind the options. */
static bool
any_allows(const struct cli_command *first, size_t option)
{
	for (const struct cli_command *c = first; is_of(c, first); c++) {
		if (allows(c, option))
			return true;
	}
	return false;
}

/* Of the commands with that word the one whose second word is given, else the one that has none. */
static const struct cli_command *
choose(const struct cli_command *first, const struct cli_args *a)
{
	const struct cli_command *plain = first;

	for (const struct cli_command *c = first; is_of(c, first); c++) {
		if (c->second == NULL)
			plain = c;
		else if (a->noperands > 0 && strcmp(a->operands[0], c->second) == 0)
			return c;
	}
	return plain;
}

static bool
usage(const struct cli_command *c, struct lt_err *err, const char *what, const char *word)
{
	return lt_fail(err, LT_E_USAGE, "%s%s%s: %s%s%s", c->word, c->second != NULL ? " " : "",
	    c->second != NULL ? c->second : "", what, word[0] != '\0' ? " " : "", word);
}

/* The options among argv[2..]; what is left comes to stand behind them, from argv[optind] on. */
static bool
parse_options(int argc, char **argv, struct cli_args *out, struct lt_err *err)
{
	const struct cli_command *c = out->command;
	struct option table[CLI_OPTIONS + 1] = { 0 };
	size_t n = 0;
	int got;

	for (int i = 0; i < CLI_OPTIONS; i++) {
		if (any_allows(c, (size_t)i))
			table[n++] = (struct option){ .name = options[i].name,
				.has_arg = options[i].value != NULL ? required_argument : no_argument,
				.val = OPTION_BASE + i };
	}
	opterr = 0;
	optind = 0; /* begin anew */
	while ((got = getopt_long(argc - 1, argv + 1, ":h", table, NULL)) != -1) {
		const char *word = argv[optind];

		if (got == 'h')
			out->values[CLI_HELP] = "";
		else if (got == ':')
			return usage(c, err, "a value is missing behind", word);
		else if (got < OPTION_BASE)
			return usage(c, err, "unknown option", word);
		else if (got == OPTION_BASE + CLI_SQL && out->nstatements == CLI_STATEMENTS_MAX)
			return usage(c, err, "too many of", "--sql");
		else
			out->values[got - OPTION_BASE] = optarg != NULL ? optarg : "";
		if (got == OPTION_BASE + CLI_SQL)
			out->statements[out->nstatements++] = optarg;
	}
	out->operands = argv + 1 + optind;
	out->noperands = (size_t)(argc - 1 - optind);
	return true;
}

static bool
check_words(struct cli_args *a, struct lt_err *err)
{
	const struct cli_command *c = a->command;

	if (c->second != NULL) {
		if (a->noperands == 0 || strcmp(a->operands[0], c->second) != 0)
			return lt_fail(err, LT_E_USAGE, "%s: '%s %s' is wanted", c->word, c->word, c->second);
		a->operands++;
		a->noperands--;
	}
	for (size_t i = 0; i < CLI_OPTIONS; i++) {
		if (a->values[i] != NULL && !allows(c, i))
			return lt_fail(err, LT_E_USAGE, "%s%s%s: unknown option --%s", c->word,
			    c->second != NULL ? " " : "", c->second != NULL ? c->second : "", options[i].name);
		if ((c->required >> i & 1) != 0 && a->values[i] == NULL)
			return lt_fail(
			    err, LT_E_USAGE, "%s: --%s %s is missing", c->word, options[i].name, options[i].value);
	}
	if (a->noperands < c->min_operands)
		return usage(c, err, "too few words: wanted", c->operands);
	if (a->noperands > c->max_operands)
		return usage(c, err, "one word too many:", a->operands[c->max_operands]);
	return true;
}

static bool
is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

bool
cli_args_parse(int argc, char **argv, struct cli_args *out, struct lt_err *err)
{
	const char *word = argc > 1 ? argv[1] : NULL;

	*out = (struct cli_args){ 0 };
	if (word == NULL)
		return lt_fail(err, LT_E_USAGE, "no command is given");
	if (is_help(word)) {
		out->values[CLI_HELP] = "";
		out->command = argc > 2 ? find_command(argv[2]) : NULL;
		return true;
	}
	if (strcmp(word, "--version") == 0)
		word = "version";
	out->command = find_command(word);
	if (out->command == NULL)
		return lt_fail(err, LT_E_USAGE, "unknown command '%s'", word);
	if (!parse_options(argc, argv, out, err))
		return false;
	out->command = choose(out->command, out);
	return out->values[CLI_HELP] != NULL || check_words(out, err);
}

static void
command_title(const struct cli_command *c, struct lt_buf *out)
{
	lt_buf_z(out, c->word);
	if (c->second != NULL)
		lt_buf_printf(out, " %s", c->second);
}

static void
option_help(size_t i, struct lt_buf *out)
{
	struct lt_buf left = { 0 };

	lt_buf_printf(&left, "--%s", options[i].name);
	if (options[i].value != NULL)
		lt_buf_printf(&left, " %s", options[i].value);
	lt_buf_printf(out, "  %-22s %s\n", lt_buf_cstr(&left), options[i].help);
	lt_buf_free(&left);
}

static void
command_help(const struct cli_command *c, struct lt_buf *out)
{
	lt_buf_z(out, "usage: lutra ");
	command_title(c, out);
	for (size_t i = 0; i < CLI_OPTIONS; i++) {
		if ((c->required >> i & 1) != 0 && options[i].value != NULL)
			lt_buf_printf(out, " --%s %s", options[i].name, options[i].value);
	}
	lt_buf_printf(
	    out, "%s%s [OPTION]...\n\n%s\n\noptions:\n", c->operands[0] != '\0' ? " " : "", c->operands, c->help);
	for (size_t i = 0; i < CLI_OPTIONS; i++) {
		if (allows(c, i))
			option_help(i, out);
	}
}

void
cli_args_help(const struct cli_command *command, struct lt_buf *out)
{
	if (command != NULL) {
		command_help(command, out);
		return;
	}
	lt_buf_z(out,
	    "usage: lutra COMMAND [OPTION]... [WORD]...\n\n"
	    "Lutra keeps MySQL and MariaDB databases equal while people write at all of them.\n\ncommands:\n");
	for (const struct cli_command *c = cli_commands; c->word != NULL; c++) {
		struct lt_buf title = { 0 };

		command_title(c, &title);
		lt_buf_printf(out, "  %-17s %s\n", lt_buf_cstr(&title), c->summary);
		lt_buf_free(&title);
	}
	lt_buf_z(out,
	    "\n`lutra COMMAND --help` tells more. Exit status: 0 done, 1 something was found, 2 wrong use or configuration,\n"
	    "3 a server could not be reached or refused, 4 stopped by data, 5 internal error.\n");
}
