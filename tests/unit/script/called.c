#include "called.h"

#include <stdio.h>

void
called_with(struct called *c, const char *text, const struct script_call *call)
{
	struct script *s = NULL;
	struct lt_err err = { 0 };

	*c = (struct called){ .arena = lt_arena_new() };
	if (!script_new(lt_str_z(text), &s, &err))
		fail_msg("%s: %s", text, err.message);
	c->ok = script_call(s, call, c->arena, &c->value, &c->failure);
	script_free(s);
}

void
called(struct called *c, const char *text)
{
	static const struct script_value values[] = { { .kind = SCRIPT_INTEGER, .integer = 100 },
		{ .kind = SCRIPT_INTEGER, .integer = 5 }, { .kind = SCRIPT_NULL },
		{ .kind = SCRIPT_INTEGER, .integer = 7 } };
	const struct script_write writes[] = { { LT_STR("hz"), 1, &values[0], &values[1] },
		{ LT_STR("us"), 2, &values[2], &values[3] } };

	called_with(c, text, &(struct script_call){ .writes = writes, .nwrites = 2 });
}

void
called_end(struct called *c)
{
	lt_arena_free(c->arena);
}

static void
called_body(struct called *c, const char *body)
{
	char text[4096];

	assert_true(snprintf(text, sizeof(text), "return function(w) %s end", body) < (int)sizeof(text));
	called(c, text);
}

static void
came(struct called *c, const char *body, enum script_kind kind)
{
	called_body(c, body);
	if (!c->ok)
		fail_msg("%s: %s: %.*s", body, c->failure.what, LT_FMT(c->failure.details));
	if (c->value.kind != kind)
		fail_msg("%s: kind %d", body, (int)c->value.kind);
}

static void
gives_number(const char *body, enum script_kind kind, int64_t expected)
{
	struct called c;

	came(&c, body, kind);
	if (c.value.integer != expected)
		fail_msg("%s: %lld", body, (long long)c.value.integer);
	called_end(&c);
}

void
gives_integer(const char *body, int64_t expected)
{
	gives_number(body, SCRIPT_INTEGER, expected);
}

void
gives_write(const char *body, int64_t number)
{
	gives_number(body, SCRIPT_WRITE, number);
}

void
gives_real(const char *body, double expected)
{
	struct called c;

	came(&c, body, SCRIPT_REAL);
	assert_true(c.value.real >= expected && c.value.real <= expected);
	called_end(&c);
}

void
gives_string(const char *body, const char *expected)
{
	struct called c;

	came(&c, body, SCRIPT_STRING);
	if (!lt_str_eqz(c.value.string, expected))
		fail_msg("%s: %.*s", body, LT_FMT(c.value.string));
	called_end(&c);
}

void
gives_kind(const char *body, enum script_kind expected)
{
	struct called c;

	came(&c, body, expected);
	called_end(&c);
}

void
fails(const char *body, const char *what, const char *details)
{
	struct called c;

	called_body(&c, body);
	if (c.ok)
		fail_msg("%s: did not fail", body);
	if (strcmp(c.failure.what, what) != 0 ||
	    (details != NULL && strstr(lt_arena_str(c.arena, c.failure.details).ptr, details) == NULL))
		fail_msg("%s: %s: %.*s", body, c.failure.what, LT_FMT(c.failure.details));
	called_end(&c);
}

void
is_refused(const char *text, const char *message)
{
	struct script *s = NULL;
	struct lt_err err = { 0 };

	if (script_new(lt_str_z(text), &s, &err))
		fail_msg("%s: was taken", text);
	assert_int_equal(err.code, LT_E_CONFIG_FUNCTION);
	if (strstr(err.message, message) == NULL)
		fail_msg("%s: %s", text, err.message);
}
