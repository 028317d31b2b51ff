/* Commands that ask a running `lutra run` over the socket in its data folder; what they share is declared in ask.h. */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "cli/ask.h"
#include "cli/commands.h"
#include "model/channel.h"
#include "node/client.h"

#define TIMEOUT_MAX_S 1e9
/* Of a row given as a file. */
#define ROW_PIECE 4096
#define ROW_MAX ((size_t)900 << 10)

void
cli_add_word(struct node_frame *f, const char *word)
{
	f->args[f->count++] = lt_str_z(word);
}

/* {"message":"..."} of what was done; status has JSON of its own. */
static void
print_text(const struct lt_buf *text, bool json)
{
	struct lt_str s = lt_buf_str(text);
	struct lt_buf out = { 0 };

	if (!json) {
		fwrite(s.ptr, 1, s.len, stdout);
		return;
	}
	while (s.len > 0 && s.ptr[s.len - 1] == '\n')
		s.len--;
	lt_buf_c(&out, '{');
	lt_json_key(&out, "message");
	lt_json_str(&out, s);
	lt_buf_c(&out, '}');
	puts(lt_buf_cstr(&out));
	lt_buf_free(&out);
}

bool
cli_ask(const struct cli_args *args, const struct node_frame *request, int *status, struct lt_err *err)
{
	struct lt_buf text = { 0 };
	bool found = false, ok;

	ok = node_client_ask(args->values[CLI_DATA], request, &text, &found, err);
	if (ok) {
		print_text(&text, args->values[CLI_JSON] != NULL);
		*status = found ? 1 : 0;
	}
	lt_buf_free(&text);
	return ok;
}

bool
cli_ask_form(const struct cli_args *args, const struct node_frame *request, int *status, struct lt_err *err)
{
	struct lt_buf text = { 0 };
	bool found = false, ok;

	ok = node_client_ask(args->values[CLI_DATA], request, &text, &found, err);
	if (ok) {
		fwrite(text.ptr, 1, text.len, stdout);
		if (args->values[CLI_JSON] != NULL)
			putchar('\n');
		*status = found ? 1 : 0;
	}
	lt_buf_free(&text);
	return ok;
}

bool
cli_status(const struct cli_args *args, int *status, struct lt_err *err)
{
	struct node_frame request = { .kind = NODE_REQUEST };

	cli_add_word(&request, "status");
	cli_add_word(&request, args->values[CLI_JSON] != NULL ? "json" : "text");
	return cli_ask_form(args, &request, status, err);
}

bool
cli_log(const struct cli_args *args, int *status, struct lt_err *err)
{
	struct node_frame request = { .kind = NODE_REQUEST };

	cli_add_word(&request, "log");
	cli_add_word(&request, args->values[CLI_JSON] != NULL ? "json" : "text");
	cli_add_word(&request, args->values[CLI_LIMIT] != NULL ? args->values[CLI_LIMIT] : "100");
	cli_add_word(&request, args->noperands > 0 ? args->operands[0] : "");
	return cli_ask_form(args, &request, status, err);
}

bool
cli_wait(const struct cli_args *args, int *status, struct lt_err *err)
{
	struct node_frame request = { .kind = NODE_REQUEST };
	const char *limit = args->values[CLI_TIMEOUT];
	char ms[32] = "-";

	if (limit != NULL) {
		char *end;
		double seconds = strtod(limit, &end);

		if (end == limit || *end != '\0' || !(seconds >= 0) || seconds > TIMEOUT_MAX_S)
			return lt_fail(err, LT_E_USAGE, "--timeout %s: a number of seconds is wanted", limit);
		snprintf(ms, sizeof(ms), "%.0f", ceil(seconds * 1000));
	}
	cli_add_word(&request, "wait");
	cli_add_word(&request, ms);
	return cli_ask(args, &request, status, err);
}

/* verb PIPELINE WHY */
static void
by_hand(const struct cli_args *args, const char *verb, struct node_frame *request)
{
	request->kind = NODE_REQUEST;
	cli_add_word(request, verb);
	cli_add_word(request, args->operands[0]);
	cli_add_word(request, args->values[CLI_WHY] != NULL ? args->values[CLI_WHY] : "");
}

bool
cli_retry(const struct cli_args *args, int *status, struct lt_err *err)
{
	struct node_frame request = { 0 };

	by_hand(args, "retry", &request);
	return cli_ask(args, &request, status, err);
}

bool
cli_skip(const struct cli_args *args, int *status, struct lt_err *err)
{
	struct node_frame request = { 0 };

	by_hand(args, "skip", &request);
	return cli_ask(args, &request, status, err);
}

bool
cli_ddl_done(const struct cli_args *args, int *status, struct lt_err *err)
{
	struct node_frame request = { 0 };

	by_hand(args, "ddl-done", &request);
	return cli_ask(args, &request, status, err);
}

bool
cli_site_remove(const struct cli_args *args, int *status, struct lt_err *err)
{
	struct node_frame request = { 0 };

	by_hand(args, "site-remove", &request);
	return cli_ask(args, &request, status, err);
}

bool
cli_site_heal(const struct cli_args *args, int *status, struct lt_err *err)
{
	struct node_frame request = { 0 };

	by_hand(args, "site-heal", &request);
	return cli_ask(args, &request, status, err);
}

bool
cli_pause(const struct cli_args *args, int *status, struct lt_err *err)
{
	struct node_frame request = { 0 };

	by_hand(args, "pause", &request);
	return cli_ask(args, &request, status, err);
}

bool
cli_resume(const struct cli_args *args, int *status, struct lt_err *err)
{
	struct node_frame request = { 0 };

	by_hand(args, "resume", &request);
	return cli_ask(args, &request, status, err);
}

/* The text itself, or what the file of that name holds. */
static bool
row_text(const char *given, struct lt_buf *out, struct lt_err *err)
{
	FILE *f;
	size_t n;

	if (given[0] == '{') {
		lt_buf_z(out, given);
		return true;
	}
	f = fopen(given, "r");
	if (f == NULL)
		return lt_fail(err, LT_E_FILE_IO, "%s: %s", given, strerror(errno));
	do {
		n = fread(lt_buf_reserve(out, ROW_PIECE), 1, ROW_PIECE, f);
		out->len += n;
	} while (n > 0 && out->len < ROW_MAX);
	n = ferror(f) != 0;
	fclose(f);
	if (n > 0 || out->len >= ROW_MAX)
		return lt_fail(err, LT_E_FILE_IO, "%s: cannot be read, or holds more than a row", given);
	return true;
}

bool
cli_replace(const struct cli_args *args, int *status, struct lt_err *err)
{
	const char *row = args->values[CLI_ROW];
	struct node_frame request = { 0 };
	struct lt_buf text = { 0 };
	bool ok = false;

	if ((row != NULL) == (args->nstatements > 0))
		return lt_fail(err, LT_E_USAGE, "replace: either --sql or --row is wanted");
	by_hand(args, "replace", &request);
	cli_add_word(&request, row != NULL ? "row" : "sql");
	for (size_t i = 0; i < args->nstatements; i++)
		cli_add_word(&request, args->statements[i]);
	if (row != NULL) {
		if (!row_text(row, &text, err))
			goto out;
		request.args[request.count++] = lt_buf_str(&text);
	}
	ok = cli_ask(args, &request, status, err);
out:
	lt_buf_free(&text);
	return ok;
}

bool
cli_stop(const struct cli_args *args, int *status, struct lt_err *err)
{
	struct node_frame request = { .kind = NODE_REQUEST };

	cli_add_word(&request, "stop");
	return cli_ask(args, &request, status, err);
}

bool
cli_position(const struct cli_args *args, int *status, struct lt_err *err)
{
	const char *const *v = args->values;
	bool place = v[CLI_FILE] != NULL && v[CLI_POS] != NULL;
	int ways = (v[CLI_NOW] != NULL) + (v[CLI_GTID] != NULL) + (v[CLI_FILE] != NULL || v[CLI_POS] != NULL) +
		   (v[CLI_TIME] != NULL);
	struct node_frame request = { 0 };
	struct lt_err why = { 0 };
	uint64_t n = 0;
	char us[24];

	if (ways != 1 || ((v[CLI_FILE] != NULL) != (v[CLI_POS] != NULL)))
		return lt_fail(
		    err, LT_E_USAGE, "position: exactly one of --now, --gtid, --file with --pos, --time is wanted");
	if (place && !lt_str_u64(lt_str_z(v[CLI_POS]), &n))
		return lt_fail(err, LT_E_USAGE, "--pos %s: a number is wanted", v[CLI_POS]);
	if (v[CLI_TIME] != NULL && !model_time_parse(lt_str_z(v[CLI_TIME]), &n))
		return lt_fail(err, LT_E_USAGE, "--time %s: a time as 2026-11-22T08:00:00Z is wanted", v[CLI_TIME]);

	if (v[CLI_GTID] != NULL && !model_gtid_check(lt_str_z(v[CLI_GTID]), &why))
		return lt_fail(err, LT_E_USAGE, "--gtid: %s", why.message);

	by_hand(args, "position", &request);
	cli_add_word(&request, place ? "place" : v[CLI_GTID] != NULL ? "gtid" : v[CLI_TIME] != NULL ? "time" : "now");
	snprintf(us, sizeof(us), "%llu", (unsigned long long)n);
	if (place) {
		cli_add_word(&request, v[CLI_FILE]);
		cli_add_word(&request, v[CLI_POS]);
	} else if (v[CLI_GTID] != NULL) {
		cli_add_word(&request, v[CLI_GTID]);
	} else if (v[CLI_TIME] != NULL) {
		cli_add_word(&request, us);
	}
	return cli_ask(args, &request, status, err);
}
