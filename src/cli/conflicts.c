/* `lutra conflicts` and `lutra explain`: of a running channel, or of a channel file. */
#include <stdio.h>

#include "cli/ask.h"
#include "cli/commands.h"
#include "node/conflicts.h"
#include "node/explain.h"

static const char *
or_empty(const char *value)
{
	return value != NULL ? value : "";
}

static void
print(const struct cli_args *args, const struct lt_buf *out)
{
	fwrite(out->ptr, 1, out->len, stdout);
	if (args->values[CLI_JSON] != NULL)
		putchar('\n');
}

/* Who knows the sites: the run on the data folder, or the file that is the operand number `at`. */
static bool
answer(const struct cli_args *args, size_t at, const struct node_frame *request, int *status, struct lt_err *err)
{
	const char *file = args->noperands > at ? args->operands[at] : NULL;
	struct model_channel *channel = NULL;
	struct lt_buf out = { 0 };
	bool ok;

	if ((file != NULL) == (args->values[CLI_DATA] != NULL))
		return lt_fail(err, LT_E_USAGE, "conflicts: either --data DIR or a channel file is wanted");
	if (file == NULL)
		return cli_ask_form(args, request, status, err);
	ok = model_channel_load(file, &channel, err) && node_conflicts(channel, request, NULL, &out, err);
	if (ok)
		print(args, &out);
	model_channel_free(channel);
	lt_buf_free(&out);
	return ok;
}

static void
begin(const struct cli_args *args, const char *what, struct node_frame *request)
{
	request->kind = NODE_REQUEST;
	cli_add_word(request, "conflicts");
	cli_add_word(request, args->values[CLI_JSON] != NULL ? "json" : "text");
	cli_add_word(request, what);
}

static bool
list(const struct cli_args *args, const char *what, int *status, struct lt_err *err)
{
	const char *since = args->values[CLI_SINCE], *limit = args->values[CLI_LIMIT];
	struct node_frame request = { 0 };
	uint64_t us = 0;
	char since_us[24];

	if (since != NULL && !model_time_parse(lt_str_z(since), &us))
		return lt_fail(err, LT_E_USAGE, "--since %s: a time as 2026-11-22T08:00:00Z is wanted", since);
	snprintf(since_us, sizeof(since_us), "%llu", (unsigned long long)us);
	begin(args, what, &request);
	cli_add_word(&request, or_empty(args->values[CLI_SITE]));
	cli_add_word(&request, or_empty(args->values[CLI_TABLE]));
	cli_add_word(&request, since_us);
	cli_add_word(&request, args->values[CLI_LOST] != NULL ? "lost" : "all");
	cli_add_word(&request, limit != NULL ? limit : "100");
	return answer(args, 0, &request, status, err);
}

bool
cli_conflicts(const struct cli_args *args, int *status, struct lt_err *err)
{
	return list(args, "list", status, err);
}

bool
cli_conflicts_count(const struct cli_args *args, int *status, struct lt_err *err)
{
	return list(args, "count", status, err);
}

bool
cli_conflicts_show(const struct cli_args *args, int *status, struct lt_err *err)
{
	struct node_frame request = { 0 };

	begin(args, "show", &request);
	cli_add_word(&request, args->operands[0]);
	return answer(args, 1, &request, status, err);
}

bool
cli_conflicts_replay(const struct cli_args *args, int *status, struct lt_err *err)
{
	struct node_frame request = { 0 };

	begin(args, "replay", &request);
	cli_add_word(&request, args->operands[0]);
	cli_add_word(&request, or_empty(args->values[CLI_WHY]));
	cli_add_word(&request, args->values[CLI_FORCE] != NULL ? "force" : "");
	return cli_ask(args, &request, status, err);
}

/* Without a run: what the databases tell. */
static bool
explain_file(const struct cli_args *args, const struct node_frame *request, struct lt_err *err)
{
	struct node_explain_wish wish = { 0 };
	struct model_channel *channel = NULL;
	struct lt_buf out = { 0 };
	bool ok;

	ok = model_channel_load(args->operands[0], &channel, err);
	wish.channel = channel;
	ok = ok && node_explain(&wish, request, &out, err);
	if (ok)
		print(args, &out);
	model_channel_free(channel);
	lt_buf_free(&out);
	return ok;
}

bool
cli_explain(const struct cli_args *args, int *status, struct lt_err *err)
{
	size_t first = args->values[CLI_DATA] != NULL ? 0 : 1;
	struct node_frame request = { .kind = NODE_REQUEST };

	if (args->noperands < first + 2 || args->noperands - first + 2 > NODE_FRAME_ARGS)
		return lt_fail(err, LT_E_USAGE,
		    "explain: either --data DIR or a channel file is wanted, then DB.TABLE and a word for each column of the key");
	cli_add_word(&request, "explain");
	cli_add_word(&request, args->values[CLI_JSON] != NULL ? "json" : "text");
	for (size_t i = first; i < args->noperands; i++)
		cli_add_word(&request, args->operands[i]);
	return first > 0 ? explain_file(args, &request, err) : cli_ask_form(args, &request, status, err);
}
