#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>

#include "cli/args.h"

/* What an error looks like is known even when the command line is not understood. */
static bool
wants_json(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			return true;
	}
	return false;
}

static void
print_error(const struct lt_err *err, const struct cli_args *args, bool json)
{
	struct lt_buf text = { 0 };

	if (json) {
		lt_err_json(err, &text);
	} else {
		lt_err_text(err, &text);
		if (err->code == LT_E_USAGE && args->command != NULL)
			lt_buf_printf(&text, ", `lutra %s --help`", args->command->word);
	}
	fprintf(stderr, "%s\n", lt_buf_cstr(&text));
	lt_buf_free(&text);
}

static bool
dispatch(const struct cli_args *args, int *status, struct lt_err *err)
{
	if (args->values[CLI_HELP] != NULL) {
		struct lt_buf text = { 0 };

		cli_args_help(args->command, &text);
		fwrite(text.ptr, 1, text.len, stdout);
		lt_buf_free(&text);
		return true;
	}
	return args->command->fn(args, status, err);
}

/* What was printed must have arrived: a full disk or a closed pipe is no success. */
static bool
finish_output(struct lt_err *err)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return true;
	return lt_fail(err, LT_E_FILE_IO, "cannot write to standard output: %s", strerror(errno));
}

int
cli_main(int argc, char **argv)
{
	bool json = wants_json(argc, argv);
	struct cli_args args;
	struct lt_err err = { 0 };
	int status = 0;
	bool ok;

	ok = cli_args_parse(argc, argv, &args, &err) && dispatch(&args, &status, &err);
	/* Also what was printed before an error. */
	if (!finish_output(ok ? &err : NULL))
		ok = false;
	if (ok)
		return status;
	print_error(&err, &args, json);
	return lt_code_exit(err.code);
}
