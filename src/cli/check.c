#include "pipeline/check.h"

#include <stdio.h>

#include "base/buf.h"
#include "cli/commands.h"
#include "converge/preflight.h"

struct printer {
	bool json;
};

static const char *
verdict_name(enum pipeline_verdict v)
{
	static const char *const names[] = { [PIPELINE_OK] = "ok", [PIPELINE_WARN] = "warn", [PIPELINE_FAIL] = "fail" };

	return names[v];
}

static void
member(struct lt_buf *out, const char *key, const char *value)
{
	lt_json_key(out, key);
	lt_json_str(out, lt_str_z(value));
}

/* What a server says may hold line ends; a check is one line. */
static void
add_line(struct lt_buf *out, const char *text)
{
	for (; *text != '\0'; text++)
		lt_buf_c(out, (unsigned char)*text < 0x20 ? ' ' : *text);
}

static void
print_check(void *ctx, enum pipeline_verdict verdict, const char *what, const char *detail, const char *mend)
{
	const struct printer *p = ctx;
	struct lt_buf line = { 0 };

	if (p->json) {
		lt_buf_c(&line, '{');
		member(&line, "verdict", verdict_name(verdict));
		member(&line, "what", what);
		member(&line, "detail", detail);
		if (mend != NULL)
			member(&line, "mend", mend);
		lt_buf_c(&line, '}');
	} else {
		lt_buf_printf(&line, "%s  ", verdict_name(verdict));
		add_line(&line, what);
		lt_buf_z(&line, ": ");
		add_line(&line, detail);
		if (mend != NULL) {
			lt_buf_z(&line, "; mend: ");
			add_line(&line, mend);
		}
	}
	puts(lt_buf_cstr(&line));
	lt_buf_free(&line);
}

bool
cli_check(const struct cli_args *args, int *status, struct lt_err *err)
{
	struct printer printer = { .json = args->values[CLI_JSON] != NULL };
	struct model_channel *channel = NULL;

	if (!model_channel_load(args->operands[0], &channel, err))
		return false;
	*status = pipeline_check(channel, &converge_preflight, print_check, &printer) > 0 ? 1 : 0;
	model_channel_free(channel);
	return true;
}
