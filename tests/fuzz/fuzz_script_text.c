/* Any bytes as a function: a coded error, or one that answers twice the same, and ends. */
#include "fuzz/fuzz.h"
#include "script/script.h"

struct answer {
	bool ok;
	struct script_value value;
	struct script_failure failure;
};

static struct answer
ask(const struct script *s, struct lt_arena *arena)
{
	static const struct script_value five = { .kind = SCRIPT_INTEGER, .integer = 5 },
					 text = { .kind = SCRIPT_STRING, .string = { "a,b", 3 } };
	const struct script_write writes[] = { { LT_STR("hz"), 1, NULL, &five }, { LT_STR("us"), 2, &five, &text } };
	const struct script_call call = { .writes = writes, .nwrites = 2 };
	struct answer a = { 0 };

	a.ok = script_call(s, &call, arena, &a.value, &a.failure);
	return a;
}

static void
check_same(const struct answer *a, const struct answer *b)
{
	LT_ASSERT(a->ok == b->ok);
	if (!a->ok) {
		LT_ASSERT(strcmp(a->failure.what, b->failure.what) == 0);
		LT_ASSERT(lt_str_eq(a->failure.details, b->failure.details));
		return;
	}
	LT_ASSERT(a->value.kind == b->value.kind && a->value.integer == b->value.integer);
	LT_ASSERT(memcmp(&a->value.real, &b->value.real, sizeof(double)) == 0);
	LT_ASSERT(lt_str_eq(a->value.string, b->value.string));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lt_arena *arena = lt_arena_new();
	struct script *s = NULL;
	struct lt_err err = { 0 };
	struct answer first, second;

	if (script_new(lt_str_of(data, size), &s, &err)) {
		first = ask(s, arena);
		second = ask(s, arena);
		check_same(&first, &second);
	} else {
		LT_ASSERT(err.code == LT_E_CONFIG_FUNCTION && err.message[0] != '\0');
	}
	script_free(s);
	lt_arena_free(arena);
	return 0;
}
