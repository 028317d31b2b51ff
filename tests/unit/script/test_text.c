#include "called.h"

static void
some_operators_are_none_here(void **state)
{
	(void)state;
	is_refused("return function(w) return 2^3 end", "line 1 of the function: `^`");
	is_refused("return\nfunction(...)\nend", "line 2 of the function: `...`");
	is_refused("local s = [==[\n]]\n]==]\nlocal n = 2 ^ 3", "line 4 of the function: `^`");
	is_refused("local s = 'a\\\n' return 2 ^ 3", "line 2 of the function: `^`");
	is_refused("local s = 'a\\\r\n' return 2 ^ 3", "line 2 of the function: `^`");
	is_refused("local s = 'a\\z\n' return 2 ^ 3", "line 2 of the function: `^`");
	is_refused("-- x\rreturn 2 ^ 3", "`^`");
	is_refused("--[[\n]] return 2 ^ 3", "line 2 of the function: `^`");
	is_refused("-- x\nreturn 2 ^ 3", "line 2 of the function: `^`");
}

static void
but_they_may_stand_in_strings_and_comments(void **state)
{
	(void)state;
	gives_string("return '^...' .. \"^...\" .. [[^...]] .. [=[]]^...]=]", "^...^...^...]]^...");
	gives_string("return '^\\z\n ...'", "^...");
	gives_string("-- ^ ...\n--[[ ^\n... ]] --[==[ ^ ]] ... ]==]\nreturn 'a'", "a");
	gives_string("return '\\'^\\\\' .. \"\\\"^\"", "'^\\\"^");
	gives_string("local t = { {1} }; return 'x' .. t[t[1][1]][1]", "x1");
}

static void
every_beginning_of_a_text_is_read_to_its_end(void **state)
{
	static const char text[] =
	    "--[==[ c ]==] local a = [=[ x ]=] .. 'y\\'' .. \"z\\\"\" -- d\nreturn function(w) return a end";

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		/* The bytes end where the memory does. */
		char *piece = lt_calloc(n + 1, 1);
		struct script *s = NULL;
		struct lt_err err = { 0 };

		memcpy(piece, text, n);
		assert_int_equal(script_new(lt_str_of(piece, n), &s, &err), n == sizeof(text) - 1);
		script_free(s);
		free(piece);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(some_operators_are_none_here),
		cmocka_unit_test(but_they_may_stand_in_strings_and_comments),
		cmocka_unit_test(every_beginning_of_a_text_is_read_to_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
