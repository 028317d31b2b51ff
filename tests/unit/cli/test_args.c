#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/args.h"

enum { WORDS = 40 };

/* A command line of its own for each parse, since parsing permutes it. */
struct line {
	char *words[WORDS];
	char text[256];
};

static bool
parse(struct line *l, const char *text, struct cli_args *out, struct lt_err *err)
{
	int argc = 0;

	*l = (struct line){ .words = { NULL } };
	strcpy(l->text, text);
	for (char *save = NULL, *w = strtok_r(l->text, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
		l->words[argc++] = w;
	return cli_args_parse(argc, l->words, out, err);
}

static void
options_and_words_may_stand_in_any_order(void **state)
{
	static const char *const lines[] = { "lutra ddl done hz->us --data d --why x",
		"lutra ddl --data d done --why=x hz->us", "lutra ddl --why x --data=d done hz->us",
		"lutra ddl --why x --data=d -- done hz->us" };

	(void)state;
	for (size_t i = 0; i < LT_COUNT(lines); i++) {
		struct lt_err err = { 0 };
		struct cli_args a;
		struct line l;

		assert_true(parse(&l, lines[i], &a, &err));
		assert_string_equal(a.command->word, "ddl");
		assert_string_equal(a.values[CLI_DATA], "d");
		assert_string_equal(a.values[CLI_WHY], "x");
		assert_null(a.values[CLI_JSON]);
		assert_int_equal(a.noperands, 1);
		assert_string_equal(a.operands[0], "hz->us");
	}
}

static void
a_second_word_tells_commands_apart(void **state)
{
	static const struct {
		const char *line, *second, *operand;
	} lines[] = {
		{ "lutra conflicts --data d", NULL, NULL },
		{ "lutra conflicts --data d show 5@hz", "show", "5@hz" },
		{ "lutra conflicts show --data d 5@hz", "show", "5@hz" },
		{ "lutra conflicts count shop.yaml", "count", "shop.yaml" },
		{ "lutra conflicts --limit 3 --lost shop.yaml", NULL, "shop.yaml" },
	};
	struct lt_err err = { 0 };
	struct cli_args a;
	struct line l;

	(void)state;
	for (size_t i = 0; i < LT_COUNT(lines); i++) {
		assert_true(parse(&l, lines[i].line, &a, &err));
		assert_string_equal(a.command->word, "conflicts");
		assert_true(lines[i].second == NULL ? a.command->second == NULL
						    : strcmp(a.command->second, lines[i].second) == 0);
		assert_int_equal(a.noperands, lines[i].operand != NULL);
		if (lines[i].operand != NULL)
			assert_string_equal(a.operands[0], lines[i].operand);
	}
	assert_false(parse(&l, "lutra conflicts show 5@hz --data d --lost", &a, &err));
	assert_int_equal(err.code, LT_E_USAGE);
	assert_non_null(strstr(err.message, "conflicts show: unknown option --lost"));
}

static void
statements_are_kept_in_their_order(void **state)
{
	struct lt_err err = { 0 };
	struct cli_args a;
	struct line l;

	(void)state;
	assert_true(parse(&l, "lutra replace --data d --sql one p --sql two", &a, &err));
	assert_int_equal(a.nstatements, 2);
	assert_string_equal(a.statements[0], "one");
	assert_string_equal(a.statements[1], "two");
}

static void
wrong_use_is_refused_and_named(void **state)
{
	static const struct {
		const char *line, *named;
	} bad[] = {
		{ "lutra", "no command" },
		{ "lutra conquer --data d p", "'conquer'" },
		{ "lutra replace --data d p --sql 1 --sql 2 --sql 3 --sql 4 --sql 5 --sql 6 --sql 7 --sql 8 --sql 9 --sql 10"
		  " --sql 11 --sql 12 --sql 13",
		    "--sql" },
		{ "lutra run", "--data DIR" },
		{ "lutra run --data d", "FILE" },
		{ "lutra run --data d a b", "b" },
		{ "lutra run --data", "--data" },
		{ "lutra run --data d a --raw", "--raw" },
		{ "lutra run --data d a -x", "-x" },
		{ "lutra status --data d --json=yes", "--json" },
		{ "lutra ddl --data d", "'ddl done'" },
		{ "lutra ddl --data d undone p", "'ddl done'" },
		{ "lutra binlog dump", "FILE...|URL" },
		{ "lutra -z", "-z" },
	};

	(void)state;
	for (size_t i = 0; i < LT_COUNT(bad); i++) {
		struct lt_err err = { 0 };
		struct cli_args a;
		struct line l;

		assert_false(parse(&l, bad[i].line, &a, &err));
		assert_int_equal(err.code, LT_E_USAGE);
		if (strstr(err.message, bad[i].named) == NULL)
			fail_msg("%s: %s", bad[i].line, err.message);
	}
}

static void
help_needs_nothing_else(void **state)
{
	static const struct {
		const char *line, *word;
	} lines[] = { { "lutra --help", NULL }, { "lutra -h", NULL }, { "lutra help", NULL },
		{ "lutra help wait", "wait" }, { "lutra run --help", "run" }, { "lutra binlog -h", "binlog" } };

	(void)state;
	for (size_t i = 0; i < LT_COUNT(lines); i++) {
		struct lt_err err = { 0 };
		struct cli_args a;
		struct line l;

		assert_true(parse(&l, lines[i].line, &a, &err));
		assert_non_null(a.values[CLI_HELP]);
		if (lines[i].word == NULL)
			assert_null(a.command);
		else
			assert_string_equal(a.command->word, lines[i].word);
	}
}

static void
every_command_can_be_met_and_explained(void **state)
{
	struct lt_buf all = { 0 };

	(void)state;
	cli_args_help(NULL, &all);
	for (const struct cli_command *c = cli_commands; c->word != NULL; c++) {
		struct lt_buf one = { 0 };

		assert_int_equal(c->required & ~c->options, 0);
		assert_true(c->min_operands <= c->max_operands);
		assert_non_null(c->fn);
		assert_non_null(strstr(lt_buf_cstr(&all), c->summary));
		cli_args_help(c, &one);
		assert_non_null(strstr(lt_buf_cstr(&one), "usage: lutra "));
		assert_non_null(strstr(lt_buf_cstr(&one), c->help));
		assert_non_null(strstr(lt_buf_cstr(&one), "--json"));
		lt_buf_free(&one);
	}
	lt_buf_free(&all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_and_words_may_stand_in_any_order),
		cmocka_unit_test(a_second_word_tells_commands_apart),
		cmocka_unit_test(statements_are_kept_in_their_order),
		cmocka_unit_test(wrong_use_is_refused_and_named),
		cmocka_unit_test(help_needs_nothing_else),
		cmocka_unit_test(every_command_can_be_met_and_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
