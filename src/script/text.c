/* What a text must not say: `...` (a call could hand over more values than it takes steps), and `^` (what the C library
 * makes of it may differ in the last digit elsewhere). Everything else that must not be is not in the library. */
#include "script/script_priv.h"

/** A text on its way. */
struct reading {
	const char *at, *end;
	unsigned line;
};

static void
step(struct reading *r)
{
	r->line += *r->at == '\n';
	r->at++;
}

static bool
is_next(const struct reading *r, const char *what)
{
	size_t len = strlen(what);

	return (size_t)(r->end - r->at) >= len && memcmp(r->at, what, len) == 0;
}

/* Of "[[" or "[==[": its length; 0: it is none. */
static size_t
long_bracket(const struct reading *r)
{
	const char *at = r->at;

	if (at == r->end || *at++ != '[')
		return 0;
	while (at < r->end && *at == '=')
		at++;
	return at < r->end && *at == '[' ? (size_t)(at - r->at) + 1 : 0;
}

/* Up to its "]==]", or to the end. */
static void
pass_long(struct reading *r, size_t len)
{
	const char *open = r->at;

	for (size_t i = 0; i < len; i++)
		step(r);
	for (; r->at < r->end; step(r)) {
		if (*r->at != ']' || (size_t)(r->end - r->at) < len || r->at[len - 1] != ']' ||
		    memcmp(r->at + 1, open + 1, len - 2) != 0)
			continue;
		r->at += len;
		return;
	}
}

static void
pass_comment(struct reading *r)
{
	size_t len;

	r->at += 2;
	len = long_bracket(r);
	if (len > 0) {
		pass_long(r, len);
		return;
	}
	while (r->at < r->end && *r->at != '\n' && *r->at != '\r')
		r->at++;
}

/* Where a line must not end in it Lua finds that. */
static void
pass_string(struct reading *r)
{
	char quote = *r->at;

	step(r);
	while (r->at < r->end && *r->at != quote) {
		if (*r->at == '\\' && r->end - r->at > 1)
			step(r);
		step(r);
	}
	if (r->at < r->end)
		step(r);
}

bool
script_text_check(struct lt_str text, struct lt_err *err)
{
	struct reading r = { text.ptr, text.ptr + text.len, 1 };

	while (r.at < r.end) {
		size_t len = long_bracket(&r);

		if (is_next(&r, "--"))
			pass_comment(&r);
		else if (len > 0)
			pass_long(&r, len);
		else if (*r.at == '"' || *r.at == '\'')
			pass_string(&r);
		else if (*r.at == '^')
			return lt_fail(err, LT_E_CONFIG_FUNCTION,
			    "line %u of the function: `^` is none of the operators here (x*x, or a loop)", r.line);
		else if (is_next(&r, "..."))
			return lt_fail(err, LT_E_CONFIG_FUNCTION,
			    "line %u of the function: `...` is not taken here: give each parameter a name", r.line);
		else
			step(&r);
	}
	return true;
}
