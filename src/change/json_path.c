#include "change/json_path.h"

static bool
bad(struct lt_err *err)
{
	return lt_fail(err, LT_E_CORRUPT, "JSON: the path of an edit is none");
}

static void
step(struct lt_str *path, size_t n)
{
	path->ptr += n;
	path->len -= n;
}

static bool
take_z(struct lt_str *path, const char *z)
{
	size_t n = strlen(z);

	if (path->len < n || memcmp(path->ptr, z, n) != 0)
		return false;
	step(path, n);
	return true;
}

static bool
take_number(struct lt_str *path, size_t *out)
{
	uint64_t n = 0;
	size_t i = 0;

	for (; i < path->len && path->ptr[i] >= '0' && path->ptr[i] <= '9'; i++) {
		n = n * 10 + (uint64_t)(path->ptr[i] - '0');
		if (n > UINT32_MAX)
			return false;
	}
	*out = (size_t)n;
	step(path, i);
	return i > 0;
}

static bool
take_cell(struct lt_str *path, struct change_json_leg *out)
{
	out->cell = true;
	if (!take_z(path, "last"))
		return take_number(path, &out->index) && take_z(path, "]");
	out->from_end = true;
	if (take_z(path, "-") && !take_number(path, &out->index))
		return false;
	return take_z(path, "]");
}

/* Behind a backslash. The server writes control characters alone as \u00xx. */
static bool
unescape(struct lt_str *path, char *to)
{
	static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
	const char *at = path->len > 0 ? memchr(from, path->ptr[0], sizeof(from) - 1) : NULL;
	int high, low;

	if (at != NULL) {
		*to = into[at - from];
		step(path, 1);
		return true;
	}
	if (!take_z(path, "u00") || path->len < 2)
		return false;
	high = lt_hex_digit(path->ptr[0]);
	low = lt_hex_digit(path->ptr[1]);
	if (high < 0 || high > 7 || low < 0)
		return false;
	*to = (char)(high << 4 | low);
	step(path, 2);
	return true;
}

static bool
take_quoted(struct lt_str *path, struct lt_arena *arena, struct lt_str *out)
{
	const char *end = path->len > 0 ? memchr(path->ptr, '"', path->len) : NULL;
	size_t n = 0;
	char *text;

	if (end != NULL && memchr(path->ptr, '\\', (size_t)(end - path->ptr)) == NULL) {
		*out = lt_str_of(path->ptr, (size_t)(end - path->ptr));
		step(path, out->len + 1);
		return true;
	}
	text = lt_arena_alloc(arena, path->len + 1);
	while (path->len > 0) {
		char c = path->ptr[0];

		step(path, 1);
		if (c == '"') {
			*out = lt_str_of(text, n);
			return true;
		}
		if (c == '\\' && !unescape(path, &c))
			return false;
		text[n++] = c;
	}
	return false;
}

static bool
take_bare(struct lt_str *path, struct lt_str *out)
{
	size_t n = 0;

	while (n < path->len && path->ptr[n] != '.' && path->ptr[n] != '[')
		n++;
	*out = lt_str_of(path->ptr, n);
	step(path, n);
	return n > 0;
}

bool
change_json_path_begin(struct lt_str *path, struct lt_err *err)
{
	return take_z(path, "$") || bad(err);
}

bool
change_json_path_leg(struct lt_str *path, struct lt_arena *arena, struct change_json_leg *out, struct lt_err *err)
{
	struct change_json_leg leg = { 0 };
	bool ok = false;

	if (take_z(path, "["))
		ok = take_cell(path, &leg);
	else if (take_z(path, ".\""))
		ok = take_quoted(path, arena, &leg.key);
	else if (take_z(path, "."))
		ok = take_bare(path, &leg.key);
	if (!ok)
		return bad(err);
	*out = leg;
	return true;
}
