#include "change/json_priv.h"

#include <stdio.h>

#include "base/buf.h"

struct json_text
json_text_of(struct lt_str text)
{
	return (struct json_text){ text.ptr, text.ptr + text.len };
}

char
json_text_peek(struct json_text *t)
{
	while (t->at < t->end && (*t->at == ' ' || *t->at == '\n' || *t->at == '\r' || *t->at == '\t'))
		t->at++;
	return t->at < t->end ? *t->at : '\0';
}

bool
json_text_take(struct json_text *t, char c)
{
	if (json_text_peek(t) != c || c == '\0')
		return false;
	t->at++;
	return true;
}

static bool
pass_string(struct json_text *t)
{
	for (t->at++; t->at < t->end; t->at++) {
		if (*t->at == '"') {
			t->at++;
			return true;
		}
		if (*t->at == '\\')
			t->at++;
	}
	t->at = t->end;
	return false;
}

/* A number or a word. */
static bool
pass_plain(struct json_text *t)
{
	const char *start = t->at;

	while (t->at < t->end && ((*t->at >= '0' && *t->at <= '9') || (*t->at >= 'a' && *t->at <= 'z') ||
				     *t->at == 'E' || *t->at == '+' || *t->at == '-' || *t->at == '.'))
		t->at++;
	return t->at > start;
}

bool
json_text_value(struct json_text *t, struct lt_str *out)
{
	const char *start;
	size_t depth = 0;

	json_text_peek(t);
	start = t->at;
	do {
		char c = json_text_peek(t);

		if (c == '{' || c == '[') {
			depth++;
			t->at++;
		} else if (depth > 0 && (c == '}' || c == ']')) {
			depth--;
			t->at++;
		} else if (depth > 0 && (c == ',' || c == ':')) {
			t->at++;
		} else if (!(c == '"' ? pass_string(t) : pass_plain(t))) {
			return false;
		}
	} while (depth > 0);
	*out = lt_str_of(start, (size_t)(t->at - start));
	return true;
}

bool
json_text_next(struct json_text *t, bool object, bool *first, struct lt_str *key, struct lt_str *value)
{
	*key = LT_STR("");
	if (json_text_take(t, object ? '}' : ']'))
		return false;
	if ((*first || json_text_take(t, ',')) &&
	    (!object || (json_text_peek(t) == '"' && json_text_value(t, key) && json_text_take(t, ':'))) &&
	    json_text_value(t, value)) {
		*first = false;
		return true;
	}
	t->at = NULL;
	return false;
}

/* -- numbers -------------------------------------------------------------------------------------- */

/* Digits that a DOUBLE always gives back, and the most that it may need; those of a DECIMAL. */
enum { DIGITS_KEPT = 15, DIGITS_MOST = 17, DIGITS_U64 = 20, DECIMAL_DIGITS = 65, DECIMAL_FRACTION = 30 };

/* The digits of the shortest text that reads as `d`. */
static void
shortest_digits(double d, char out[32])
{
	size_t n = 0;

	for (int digits = 1; digits <= DIGITS_MOST; digits++) {
		char text[40];

		snprintf(text, sizeof(text), "%.*e", digits - 1, d);
		if (strtod(text, NULL) != d && digits < DIGITS_MOST)
			continue;
		for (const char *c = text; *c != '\0' && *c != 'e'; c++) {
			if (*c >= '0' && *c <= '9')
				out[n++] = *c;
		}
		break;
	}
	out[n] = '\0';
}

/* What no DECIMAL holds either is a DOUBLE to MySQL, wherever it comes from. */
static bool
is_decimal(struct lt_str number, const char *point)
{
	size_t fraction = point != NULL ? (size_t)(number.ptr + number.len - point) - 1 : 0, digits = 0;

	for (size_t i = 0; i < number.len; i++)
		digits += number.ptr[i] >= '0' && number.ptr[i] <= '9';
	return digits <= DECIMAL_DIGITS && fraction <= DECIMAL_FRACTION;
}

static bool
comes_back_as_integer(struct lt_str number)
{
	bool negative = number.ptr[0] == '-';
	uint64_t n;

	return lt_str_u64(lt_str_of(number.ptr + negative, number.len - negative), &n) &&
	       (!negative || n <= (uint64_t)INT64_MAX + 1);
}

/* Whether MySQL prints it in the same way after reading it. */
static bool
comes_back(struct lt_str number)
{
	const char *point = memchr(number.ptr, '.', number.len);
	char text[DECIMAL_DIGITS + 3], digits[sizeof(text)], again[32];
	double d, size;
	size_t n = 0;

	if (memchr(number.ptr, 'e', number.len) != NULL || memchr(number.ptr, 'E', number.len) != NULL)
		return true; /* a DOUBLE is the only one that is printed so */
	if (!is_decimal(number, point))
		return true;
	if (point == NULL)
		return comes_back_as_integer(number);
	lt_str_copy(text, sizeof(text), number);
	d = strtod(text, NULL);
	size = d < 0 ? -d : d;
	if (number.ptr[number.len - 1] == '0' && number.ptr + number.len - point != 2)
		return false; /* "19.90", but not "19.0" */
	if (d == 0)
		return true;
	if (size < 1e-4 || size >= 1e15)
		return false; /* where a DOUBLE may be printed with an exponent */
	for (size_t i = 0; i < number.len; i++) {
		if (number.ptr[i] >= (n == 0 ? '1' : '0') && number.ptr[i] <= '9')
			digits[n++] = number.ptr[i];
	}
	while (digits[n - 1] == '0')
		n--;
	digits[n] = '\0';
	if (n <= DIGITS_KEPT || n > DIGITS_MOST)
		return n <= DIGITS_KEPT;
	shortest_digits(d, again);
	return strcmp(digits, again) == 0;
}

/* Walks a document. */
struct numbers {
	change_json_number_fn each;
	void *ctx;
	struct lt_buf path; /* owned */
};

static void walk(struct numbers *w, struct lt_str value, unsigned depth);

static void
walk_container(struct numbers *w, struct lt_str value, unsigned depth)
{
	bool object = value.ptr[0] == '{', first = true;
	struct json_text t = json_text_of(lt_str_of(value.ptr + 1, value.len - 1));
	struct lt_str key, child;
	size_t length = w->path.len;

	for (uint64_t i = 0; json_text_next(&t, object, &first, &key, &child); i++) {
		if (object) {
			lt_buf_c(&w->path, '.');
			lt_buf_str_add(&w->path, key);
		} else {
			lt_buf_printf(&w->path, "[%llu]", (unsigned long long)i);
		}
		walk(w, child, depth + 1);
		w->path.len = length;
	}
}

/* Recursive no deeper than documents are. */
static void
walk(struct numbers *w, struct lt_str value, unsigned depth)
{
	char c = value.ptr[0];

	if ((c == '{' || c == '[') && depth < JSON_DEPTH)
		walk_container(w, value, depth);
	else if ((c == '-' || (c >= '0' && c <= '9')) && !comes_back(value))
		w->each(w->ctx, lt_buf_str(&w->path), value);
}

/* Whether there is something to look for at all: a point or a long run of digits. Most texts have neither. */
static bool
may_have(struct lt_str text)
{
	size_t digits = 0;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		digits = c >= '0' && c <= '9' ? digits + 1 : 0;
		if (digits >= DIGITS_U64 - 1 || (c == '.' && i > 0 && text.ptr[i - 1] >= '0' && text.ptr[i - 1] <= '9'))
			return true;
	}
	return false;
}

void
change_json_numbers(struct lt_str text, change_json_number_fn each, void *ctx)
{
	struct numbers w = { .each = each, .ctx = ctx };
	struct json_text t = json_text_of(text);
	struct lt_str value;

	if (!may_have(text) || !json_text_value(&t, &value))
		return;
	lt_buf_c(&w.path, '$');
	walk(&w, value, 0);
	lt_buf_free(&w.path);
}

/* -- marks ---------------------------------------------------------------------------------------- */

struct change_value
change_json_marked(
    enum change_kind kind, struct lt_str text, const struct change_json_mark *marks, size_t n, struct lt_arena *arena)
{
	char *copy = lt_arena_alloc(arena, text.len + (n + 1) * sizeof(*marks));

	memcpy(copy, text.ptr, text.len);
	if (n > 0)
		memcpy(copy + change_json_marks_at(copy, text.len), marks, n * sizeof(*marks));
	return (struct change_value){ .kind = kind, .nmarks = (uint32_t)n, .bytes = lt_str_of(copy, text.len) };
}

struct parts {
	change_json_part_fn each;
	void *ctx;
	const char *text;
	const struct change_json_mark *next, *end; /* those not met yet */
};

static bool
has_mark(const struct parts *p, struct lt_str value)
{
	return p->next < p->end && p->text + p->next->at < value.ptr + value.len;
}

/* Recursive no deeper than documents are. */
static void
take_apart(struct parts *p, struct lt_str value, unsigned depth)
{
	bool object = value.ptr[0] == '{', first = true;
	struct json_text t = json_text_of(lt_str_of(value.ptr + 1, value.len - 1));
	struct lt_str key, child;

	if (!has_mark(p, value)) {
		p->each(p->ctx, CHANGE_JSON_PLAIN, value, NULL);
		return;
	}
	if (p->text + p->next->at == value.ptr || depth == JSON_DEPTH) {
		p->each(p->ctx, CHANGE_JSON_MARKED, value, p->next++);
		return;
	}
	p->each(p->ctx, object ? CHANGE_JSON_OBJECT : CHANGE_JSON_ARRAY, LT_STR(""), NULL);
	while (json_text_next(&t, object, &first, &key, &child)) {
		if (object)
			p->each(p->ctx, CHANGE_JSON_KEY, key, NULL);
		take_apart(p, child, depth + 1);
	}
	p->each(p->ctx, CHANGE_JSON_END, LT_STR(""), NULL);
}

void
change_json_parts(const struct change_value *value, change_json_part_fn each, void *ctx)
{
	const struct change_json_mark *marks = change_value_marks(value);
	struct parts p = { each, ctx, value->bytes.ptr, marks, marks + value->nmarks };
	struct json_text t = json_text_of(value->bytes);
	struct lt_str whole;

	if (json_text_value(&t, &whole))
		take_apart(&p, whole, 0);
}
