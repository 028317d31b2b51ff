#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "model/channel.h"

#define SITE(name, id) "  " name ": { id: " id ", url: \"mysql://lutra@" name "\" }\n"
#define TWO_SITES "channel: shop\nsites:\n" SITE("hz", "1") SITE("us", "2")
#define ONE TWO_SITES "direction: hz -> us\ntables: [shop.*]\n" /* lines 1 to 6, */
#define TWO TWO_SITES "direction: hz <-> us\ntables: [shop.*]\n"
#define THREE_SITES TWO_SITES SITE("eu", "3") /* 1 to 5 */
#define MESH THREE_SITES "direction: mesh\ntables: [shop.*]\n"
#define LWW "conflicts: last-writer-wins\n"

#define LONG "conflicts:\n  policy: last-writer-wins\n" /* lines 7 and 8, then */
#define TABLES LONG "  tables:\n"                       /* 9 */

struct bad {
	const char *text;
	uint32_t line, column;
	const char *message;
};

static bool
load(const char *text, struct model_channel **ret, struct lt_err *err)
{
	return model_channel_parse(lt_str_z(text), "/nowhere/c.yaml", ret, err);
}

static struct model_channel *
loaded(const char *text)
{
	struct model_channel *c = NULL;
	struct lt_err err = { 0 };

	if (!load(text, &c, &err))
		fail_msg("%u:%u: %s", err.where.line, err.where.column, err.message);
	return c;
}

static const struct model_conflict_policy *
policy_of(const struct model_channel *c, const char *table)
{
	const struct model_conflict_policy *p = model_conflicts_of(c, LT_STR("shop"), lt_str_z(table));

	assert_non_null(p);
	return p;
}

static void
none_decides_nothing(void **state)
{
	struct model_channel *c = loaded(TWO "conflicts: none\n");

	(void)state;
	assert_false(c->conflicts.on);
	assert_int_equal(policy_of(c, "t")->kind, MODEL_CONFLICT_NONE);
	model_channel_free(c);
	c = loaded(ONE);
	assert_false(c->conflicts.on);
	assert_int_equal(policy_of(c, "t")->kind, MODEL_CONFLICT_NONE);
	model_channel_free(c);
}

static void
a_word_is_the_policy_of_all_tables(void **state)
{
	struct model_channel *c = loaded(TWO LWW);

	(void)state;
	assert_true(c->conflicts.on);
	assert_false(c->conflicts.shadow);
	assert_int_equal(policy_of(c, "t")->kind, MODEL_CONFLICT_ROW);
	assert_int_equal(c->conflicts.heartbeat_ms, 1000);
	assert_int_equal(c->conflicts.max_skew_us, 60000000);
	assert_true(c->conflicts.keep_us == UINT64_C(30) * 86400 * 1000000);
	assert_int_equal(c->conflicts.keep_rows, 1000000);
	assert_int_equal(c->verify, MODEL_VERIFY_ON);
	model_channel_free(c);
	c = loaded(TWO "conflicts: column-last-writer-wins\n");
	assert_int_equal(policy_of(c, "t")->kind, MODEL_CONFLICT_COLUMN);
	assert_int_equal(model_conflict_rule_of(policy_of(c, "t"), LT_STR("n")), MODEL_CONFLICT_LAST);
	model_channel_free(c);
}

static void
reads_every_key_and_the_first_entry_wins(void **state)
{
	struct model_channel *c =
	    loaded(TWO "conflicts:\n"
		       "  policy: { trusted: [us, hz] }\n"
		       "  tables:\n"
		       "    - { table: shop.stock, columns: { amount: counter, Best: greatest, low: least } }\n"
		       "    - { table: 'shop.log_[00-31]', policy: none }\n"
		       "    - { table: '/shop\\.(price|rate)/', policy: { trusted: hz } }\n"
		       "    - { table: 'shop.p*', policy: last-writer-wins }\n"
		       "  heartbeat: 500ms\n"
		       "  max-skew: 5m\n"
		       "  keep: { age: 90d, rows: 5 }\n");
	const struct model_conflict_policy *stock = policy_of(c, "STOCK"), *price = policy_of(c, "price"),
					   *other = policy_of(c, "other");

	(void)state;
	assert_int_equal(stock->kind, MODEL_CONFLICT_COLUMN);
	assert_int_equal(model_conflict_rule_of(stock, LT_STR("amount")), MODEL_CONFLICT_COUNTER);
	assert_int_equal(model_conflict_rule_of(stock, LT_STR("BEST")), MODEL_CONFLICT_GREATEST);
	assert_int_equal(model_conflict_rule_of(stock, LT_STR("low")), MODEL_CONFLICT_LEAST);
	assert_int_equal(model_conflict_rule_of(stock, LT_STR("id")), MODEL_CONFLICT_LAST);
	assert_int_equal(policy_of(c, "log_07")->kind, MODEL_CONFLICT_NONE);
	assert_int_equal(policy_of(c, "log_32")->kind, MODEL_CONFLICT_HOME);
	assert_int_equal(price->kind, MODEL_CONFLICT_HOME);
	assert_int_equal(price->ntrusted, 1);
	assert_int_equal(price->trusted[0], 0);
	assert_int_equal(policy_of(c, "promo")->kind, MODEL_CONFLICT_ROW);
	assert_int_equal(other->ntrusted, 2);
	assert_int_equal(other->trusted[0], 1);
	assert_int_equal(other->trusted[1], 0);
	assert_int_equal(c->conflicts.heartbeat_ms, 500);
	assert_int_equal(c->conflicts.max_skew_us, 300000000);
	assert_true(c->conflicts.keep_us == UINT64_C(90) * 86400 * 1000000);
	assert_int_equal(c->conflicts.keep_rows, 5);
	model_channel_free(c);
}

static void
functions_stand_in_the_file_or_beside_it(void **state)
{
	struct model_channel *c = loaded(TWO "conflicts:\n"
					     "  policy: { function: 'return function(w) return 1 end' }\n"
					     "  tables:\n"
					     "    - table: shop.stock\n"
					     "      columns:\n"
					     "        n: counter\n"
					     "        tags:\n"
					     "          function: |\n"
					     "            return function(writes)\n"
					     "              return writes[1].after\n"
					     "            end\n"
					     "    - { table: shop.a, policy: none }\n");
	const struct model_conflict_policy *stock = policy_of(c, "stock");

	(void)state;
	assert_true(c->conflicts.on);
	assert_int_equal(policy_of(c, "t")->kind, MODEL_CONFLICT_FUNCTION);
	assert_non_null(policy_of(c, "t")->function);
	assert_int_equal(stock->kind, MODEL_CONFLICT_COLUMN);
	assert_int_equal(model_conflict_rule_of(stock, LT_STR("tags")), MODEL_CONFLICT_MADE);
	assert_non_null(stock->columns[1].function);
	assert_null(stock->columns[0].function);
	model_channel_free(c);
}

static void
a_function_that_is_none_is_told_with_table_column_and_line(void **state)
{
	static const struct bad cases[] = {
		{ TWO "conflicts: { policy: { function: 'return' } }\n", 7, 34,
		    "function of all tables: it returns a nil" },
		{ TWO "conflicts: { policy: { function: x = 1 } }\n", 7, 34, "it returns a nil" },
		{ TWO TABLES "    - table: shop.a\n      columns: { n: { function: \"return\\n\\nfunction(x)\" } }\n",
		    11, 33, "function of shop.a, column n: line 3 of the function: " },
	};

	(void)state;
	for (size_t i = 0; i < LT_COUNT(cases); i++) {
		const struct bad *bad = &cases[i];
		struct model_channel *c = NULL;
		struct lt_err err = { 0 };

		assert_false(load(bad->text, &c, &err));
		if (err.code != LT_E_CONFIG_FUNCTION || err.where.line != bad->line ||
		    err.where.column != bad->column || strstr(err.message, bad->message) == NULL)
			fail_msg("E%d %u:%u %s\n%s", (int)err.code, err.where.line, err.where.column, err.message,
			    bad->text);
	}
}

static void
a_functions_file_that_is_not_there_is_told(void **state)
{
	struct model_channel *c = NULL;
	struct lt_err err = { 0 };

	(void)state;
	assert_false(load(TWO "conflicts: { policy: { function-file: x.lua } }\n", &c, &err));
	assert_int_equal(err.code, LT_E_FILE_IO);
	assert_non_null(strstr(err.message, "/nowhere/x.lua"));
	assert_int_equal(err.where.line, 7);
}

/* A match that would take for ever ends in no answer, not in the next entry's. */
static void
a_regex_that_gives_up_is_no_answer(void **state)
{
	struct model_channel *c = loaded(TWO "conflicts:\n  policy: none\n  tables:\n"
					     "    - { table: '/shop/./(a|aa)+[bd]/', policy: last-writer-wins }\n");

	(void)state;
	assert_null(
	    model_conflicts_of(c, LT_STR("shop"), LT_STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac")));
	model_channel_free(c);
}

static void
shadow_is_of_one_way(void **state)
{
	struct model_channel *c = loaded(ONE "conflicts: { policy: last-writer-wins, shadow: yes }\nverify: off\n");

	(void)state;
	assert_true(c->conflicts.on && c->conflicts.shadow);
	assert_int_equal(c->npipelines, 1);
	assert_int_equal(c->verify, MODEL_VERIFY_OFF);
	model_channel_free(c);
}

static void
a_mesh_leads_from_each_site_to_each_other(void **state)
{
	static const char *const names[] = { "hz->us", "hz->eu", "us->hz", "us->eu", "eu->hz", "eu->us" };
	struct model_channel *c =
	    loaded(MESH LWW "start: { us: { file: b.1, pos: 4 } }\nuntil: { eu: { gtid: 0-1-9 } }\n");
	struct lt_buf a = { 0 }, b = { 0 };
	const struct model_rule *rule;

	(void)state;
	assert_int_equal(c->nsites, 3);
	assert_int_equal(c->npipelines, LT_COUNT(names));
	for (size_t i = 0; i < c->npipelines; i++) {
		const struct model_pipeline *p = &c->pipelines[i], *back = model_channel_back(c, p);

		assert_string_equal(p->name, names[i]);
		assert_true(p->two_way);
		assert_ptr_equal(model_channel_back(c, back), p);
		assert_int_equal(back->from, p->to);
		assert_int_equal(p->start.kind, p->from == 1 ? MODEL_START_PLACE : MODEL_START_NOW);
		assert_int_equal(p->until.kind, p->from == 2 ? MODEL_START_GTID : MODEL_START_NONE);
		assert_true(model_mapping_table(p->mapping, LT_STR("shop"), LT_STR("t"), &a, &b, &rule));
		assert_string_equal(lt_buf_cstr(&b), "t");
	}
	assert_int_equal(c->group.time_ms, 10);
	assert_false(c->group.grows);
	lt_buf_free(&a);
	lt_buf_free(&b);
	model_channel_free(c);
	c = loaded(THREE_SITES SITE("sg", "4") "direction: mesh\ntables: [shop.*]\n" LWW);
	assert_int_equal(c->npipelines, 12);
	assert_null(model_channel_back(c, &(struct model_pipeline){ .from = 0, .to = 0 }));
	model_channel_free(c);
}

#define SEMI                                                                                                           \
	"channel: shop\nsites:\n" SITE("hz", "1") "  us: { id: 2, url: \"mysql://lutra@us\", semi-sync: on }\n"        \
						  "direction: hz <-> us\ntables: [shop.*]\n"
#define ENTRY(entry) TWO_SITES "direction: hz <-> us\n" LWW "tables:\n  - { from: a.b, " entry " }\n"

static const struct bad wrong[] = {
	{ TWO "conflicts: newest\n", 7, 12, "last-writer-wins" },
	{ TWO "conflicts:\n", 7, 11, "last-writer-wins" },
	{ TWO "conflicts: [none]\n", 7, 12, "last-writer-wins" },
	{ TWO "conflicts: { trusted: hz }\n", 7, 14, "unknown key `trusted`" },
	{ TWO "conflicts: { heartbeat: 1s }\n", 7, 12, "`policy` is missing" },
	{ TWO "conflicts: { policy: { trust: hz } }\n", 7, 24, "did you mean `trusted`?" },
	{ TWO "conflicts: { policy: { trusted: eu } }\n", 7, 33, "no site of that name" },
	{ TWO "conflicts: { policy: { trusted: [] } }\n", 7, 33, "a list of sites" },
	{ TWO "conflicts: { policy: { trusted: [hz, us, hz] } }\n", 7, 42, "hz stands twice" },
	{ TWO "conflicts: { policy: {} }\n", 7, 22, "one of { trusted: SITE }" },
	{ TWO "conflicts: { policy: { trusted: hz, function: x } }\n", 7, 22, "one of { trusted: SITE }" },
	{ TWO "conflicts: { policy: { function: [x] } }\n", 7, 34, "function" },
	{ TWO TABLES "    - { table: shop.a, columns: { n: {} } }\n", 10, 38, "`function-file`" },
	{ TWO TABLES "    - { table: shop.a, columns: { n: { function: x, function-file: y } } }\n", 10, 38,
	    "`function-file`" },
	{ TWO TABLES "    - { table: shop.a, columns: { n: { trusted: hz } } }\n", 10, 40, "unknown key `trusted`" },
	{ TWO LONG "  beat: 1s\n", 9, 3, "unknown key `beat`" },
	{ TWO LONG "  heartbeat: 10ms\n", 9, 14, "are allowed" },
	{ TWO LONG "  max-skew: 100ms\n", 9, 13, "are allowed" },
	{ TWO LONG "  max-skew: 2s\n", 9, 13, "four times" },
	{ TWO LONG "  heartbeat: 30s\n", 9, 14, "four times" },
	{ TWO LONG "  keep: 30d\n", 9, 9, "keys with values" },
	{ TWO LONG "  keep: { age: 1s }\n", 9, 16, "are allowed" },
	{ TWO LONG "  keep: { rows: 0 }\n", 9, 17, "a number" },
	{ TWO LONG "  tables: shop.a\n", 9, 11, "a list" },
	{ TWO TABLES "    - shop.a\n", 10, 7, "keys with values" },
	{ TWO TABLES "    - { policy: none }\n", 10, 7, "`table` is missing" },
	{ TWO TABLES "    - { table: shop.a }\n", 10, 7, "`policy` or `columns`" },
	{ TWO TABLES "    - { table: shop, policy: none }\n", 10, 16, "no dot" },
	{ TWO TABLES "    - { table: shopp.a, policy: none }\n", 10, 16, "is not mapped" },
	{ TWO TABLES "    - { table: shop.a, policy: none, columns: { n: counter } }\n", 10, 38, "go with" },
	{ TWO TABLES "    - { table: shop.a, columns: { n: sum } }\n", 10, 38, "counter, greatest or least" },
	{ TWO TABLES "    - { table: shop.a, columns: { n: last-writer-wins } }\n", 10, 38, "others go by" },
	{ TWO TABLES "    - { table: shop.a, columns: [n] }\n", 10, 33, "with their rules" },
	{ TWO TABLES "    - { table: shop.a, columns: { n: counter, N: least } }\n", 10, 47, "n stands twice" },
	{ TWO LONG "  shadow: yes\n", 9, 11, "one-way channels only" },
	{ ONE LWW, 7, 1, "shadow" },
	{ ONE "conflicts: { policy: last-writer-wins, shadow: no }\n", 7, 1, "two-way" },
	{ ONE "conflicts: { policy: none, shadow: yes }\n", 7, 36, "nothing to tell" },
	{ SEMI LWW, 4, 52, "each other's acknowledgement" },
	{ TWO LWW "verify: on\n", 8, 1, "locked first" },
	{ TWO LWW "mode: merge\n", 8, 7, "merged" },
	{ TWO LWW "commit-order: free\n", 8, 15, "source is wanted" },
	{ TWO LWW "sync-mode: row\n", 8, 12, "what its writes made of it" },
	{ TWO LWW "delay: 1h\n", 8, 1, "is a conflict" },
	{ TWO LWW "otter: { channel: 1 }\n", 8, 1, "has no version" },
	{ ENTRY("to: a.c"), 8, 18, "to: where conflicts are decided" },
	{ ENTRY("exclude: [n]"), 8, 18, "exclude: where" },
	{ ENTRY("include: [n]"), 8, 18, "include: where" },
	{ ENTRY("rename: { n: m }"), 8, 18, "rename: where" },
	{ ENTRY("set: { n: 1 }"), 8, 18, "set: where" },
	{ ENTRY("weight: 7"), 8, 18, "weight: where" },
	{ MESH "conflicts: none\n", 8, 12, "in any order" },
	{ MESH "conflicts: { policy: none }\n", 8, 12, "in any order" },
	{ MESH, 1, 1, "`conflicts`" },
	{ MESH LWW "start: { uz: now }\n", 9, 10, "did you mean `hz`?" },
	{ THREE_SITES "direction: hz <-> us\ntables: [a.b]\n" LWW, 6, 12, "3 sites are joined by `mesh`" },
	{ THREE_SITES "direction: star\ntables: [a.b]\n" LWW, 6, 12, "a star has a site" },
	{ THREE_SITES "direction: chain\ntables: [a.b]\n" LWW, 6, 12, "a chain has a site" },
	{ THREE_SITES SITE("sg", "2") "direction: mesh\ntables: [a.b]\n" LWW, 6, 13, "taken by site us" },
	{ THREE_SITES SITE("sg", "4") SITE("br", "5") "direction: mesh\ntables: [a.b]\n" LWW, 7, 3, "4 sites at most" },
};

static void
refuses_what_is_wrong_at_its_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < LT_COUNT(wrong); i++) {
		const struct bad *bad = &wrong[i];
		struct model_channel *c = NULL;
		struct lt_err err = { 0 };

		if (load(bad->text, &c, &err))
			fail_msg("taken: %s", bad->text);
		assert_null(c);
		if (err.where.line != bad->line || err.where.column != bad->column ||
		    strstr(err.message, bad->message) == NULL)
			fail_msg("E%d %u:%u %s\n%s", (int)err.code, err.where.line, err.where.column, err.message,
			    bad->text);
		assert_in_range(err.code, LT_E_CONFIG_KEY, LT_E_CONFIG_MAPPING);
	}
}

static void
takes_every_truncation_without_a_fault(void **state)
{
	static const char text[] = THREE_SITES
	    "direction: mesh\nconflicts:\n  policy: { trusted: [hz, us] }\n  tables:\n"
	    "    - { table: '/shop\\.a/', columns: { n: counter, m: least } }\n    - { table: shop.b, policy: none }\n"
	    "  keep: { rows: 7 }\ntables: [shop.*]\n";
	struct model_channel *c = loaded(text);

	(void)state;
	model_channel_free(c);
	for (size_t n = 0; n < sizeof(text); n++) {
		struct lt_err err = { 0 };

		c = NULL;
		if (!model_channel_parse(lt_str_of(text, n), "/nowhere/c.yaml", &c, &err))
			assert_in_range(err.code, LT_E_CONFIG_SYNTAX, LT_E_CONFIG_SECRET);
		model_channel_free(c);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none_decides_nothing),
		cmocka_unit_test(a_word_is_the_policy_of_all_tables),
		cmocka_unit_test(functions_stand_in_the_file_or_beside_it),
		cmocka_unit_test(a_function_that_is_none_is_told_with_table_column_and_line),
		cmocka_unit_test(a_functions_file_that_is_not_there_is_told),
		cmocka_unit_test(reads_every_key_and_the_first_entry_wins),
		cmocka_unit_test(a_regex_that_gives_up_is_no_answer),
		cmocka_unit_test(shadow_is_of_one_way),
		cmocka_unit_test(a_mesh_leads_from_each_site_to_each_other),
		cmocka_unit_test(refuses_what_is_wrong_at_its_place),
		cmocka_unit_test(takes_every_truncation_without_a_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
