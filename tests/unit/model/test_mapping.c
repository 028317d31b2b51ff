#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "model/mapping.h"

enum { ENTRIES = 8 };

/* "from" or "from => to" each, ended by NULL. */
static bool
make(const char *const *texts, struct model_mapping **ret, size_t *bad, struct lt_err *err)
{
	struct model_entry entries[ENTRIES] = { 0 };
	size_t n = 0;

	for (; texts[n] != NULL; n++) {
		const char *arrow = strstr(texts[n], " => ");

		assert_in_range(n, 0, ENTRIES - 1);
		entries[n].from = arrow != NULL ? lt_str_of(texts[n], (size_t)(arrow - texts[n])) : lt_str_z(texts[n]);
		if (arrow != NULL)
			entries[n].to = lt_str_z(arrow + 4);
	}
	return model_mapping_new(entries, n, ret, bad, err);
}

static struct model_mapping *
made(const char *const *texts)
{
	struct model_mapping *m = NULL;
	struct lt_err err = { 0 };
	size_t bad;

	if (!make(texts, &m, &bad, &err))
		fail_msg("entry %zu: %s", bad, err.message);
	return m;
}

/* "schema|table", or "" when not mapped. */
static const char *
ask(const struct model_mapping *m, const char *schema, const char *table)
{
	static char answer[600];
	struct lt_buf a = { 0 }, b = { 0 };
	const struct model_rule *rule = NULL;

	answer[0] = '\0';
	if (model_mapping_table(m, lt_str_z(schema), lt_str_z(table), &a, &b, &rule))
		snprintf(answer, sizeof(answer), "%s%.*s|%.*s", rule == NULL ? "?" : "", LT_FMT(lt_buf_str(&a)),
		    LT_FMT(lt_buf_str(&b)));
	lt_buf_free(&a);
	lt_buf_free(&b);
	return answer;
}

static void
one(const char *entry, const char *schema, const char *table, const char *want)
{
	const char *const texts[] = { entry, NULL };
	struct model_mapping *m = made(texts);
	const char *got = ask(m, schema, table);

	if (strcmp(got, want) != 0)
		fail_msg("%s: %s.%s became `%s`, not `%s`", entry, schema, table, got, want);
	model_mapping_free(m);
}

static void
maps_literals_and_odd_names(void **state)
{
	(void)state;
	one("shop.orders", "shop", "orders", "shop|orders");
	one("shop.orders", "Shop", "orders", ""); /* exact bytes */
	one("shop.orders", "shop", "orders2", "");
	one("shop.orders => arch.o2", "shop", "orders", "arch|o2");
	one("`a.b`.`c``d*` => x.`y [1-2]`", "a.b", "c`d*", "x|y [1-2]");
	one("my-shop.$t#1", "my-shop", "$t#1", "my-shop|$t#1");
	one("gr\xc3\xbc\xc3\x9f.t", "gr\xc3\xbc\xc3\x9f", "t", "gr\xc3\xbc\xc3\x9f|t");
}

static void
maps_globs_with_what_they_took(void **state)
{
	(void)state;
	one("shop.*", "shop", "anything", "shop|anything");
	one("shop.*", "shop2", "anything", "");
	one("*.*", "a", "b", "a|b");
	one("shop.* => b.x_*", "shop", "orders", "b|x_orders");
	one("sh*p.o*s => *1.*2", "shhp", "orders", "h1|rder2");
	one("a*.t => x.*", "ab", "t", "x|b");
	one("a*.t => x.*", "a", "t", ""); /* an empty name is none */
	one("*a*b.t => *-*.t", "xaayb", "t", "x-ay|t");
	one("shop.t_* => all.t", "shop", "t_9", "all|t"); /* fan-in */
	one("`sh*p`.*", "shop", "t", "");
}

static void
maps_ranges_by_index(void **state)
{
	(void)state;
	one("shop.o_[00-31] => shop.orders", "shop", "o_07", "shop|orders");
	one("shop.o_[00-31] => shop.orders", "shop", "o_32", "");
	one("shop.o_[00-31] => shop.orders", "shop", "o_7", "");
	one("shop.o_[00-31] => shop.orders", "shop", "o_007", "");
	one("shop.o_[00-31] => b.p[100-131]x", "shop", "o_07", "b|p107x");
	one("shop.o_[0-31] => b.p[00-31]", "shop", "o_7", "b|p07");
	one("shop.o_[0-31]", "shop", "o_31", "shop|o_31");
	one("shop.o_[0-31]", "shop", "o_07", "");
	one("s[0-3].t[00-09] => x.u_[5-8]_[10-19]", "s2", "t04", "x|u_7_14");
	one("s_[000000000-999999999].t", "s_999999998", "t", "s_999999998|t");
}

static void
maps_regexes_with_their_groups(void **state)
{
	(void)state;
	one("shop./orders_(\\d+)/", "shop", "orders_12", "shop|orders_12");
	one("shop./orders_(\\d+)/", "shop", "xorders_12", ""); /* whole match */
	one("shop./orders_(\\d+)/", "shop", "orders_12x", "");
	one("shop./orders_(\\d+)/ => b$1.o_$1", "shop", "orders_12", "b12|o_12");
	one("/s(.)/./t(.)/ => $2.$1", "sa", "tb", "b|a");
	one("/sh.p\\.o(.*)/ => x.$1", "shop", "orders", "x|rders");
	one("/a|ab/.t", "ab", "t", "ab|t");
	one("/a(x)?/.t => b.t$1", "a", "t", "b|t");
	one("/a\\/b/.t", "a/b", "t", "a/b|t");
	one("s*./t(.)/ => *._$1", "sx", "t1", "x|_1");
	one("s./t(.)/ => s.`$1`", "s", "t1", "s|$1");
}

static void
a_regex_that_gives_up_is_no_quiet_no(void **state)
{
	const char *const texts[] = { "s./(?:(a+)+)+b/", NULL };
	struct model_mapping *m = made(texts);
	struct lt_buf a = { 0 }, b = { 0 };
	const struct model_rule *rule = (const struct model_rule *)&a;

	(void)state;
	assert_true(model_mapping_table(
	    m, LT_STR("s"), LT_STR("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab!b!"), &a, &b, &rule));
	assert_null(rule);
	lt_buf_free(&a);
	lt_buf_free(&b);
	model_mapping_free(m);
}

static void
system_schemas_never_match(void **state)
{
	static const char *const names[] = { "lutra", "mysql", "sys", "information_schema", "performance_schema",
		"MySQL", "LUTRA", "Sys" };
	const char *const all[] = { "*.*", "/.*/", NULL };
	const char *const into[] = { "x_*.t => *.t", NULL };
	struct model_mapping *m = made(all);

	(void)state;
	for (size_t i = 0; i < LT_COUNT(names); i++) {
		assert_string_equal(ask(m, names[i], "t"), "");
		assert_false(model_mapping_schema(m, lt_str_z(names[i])));
	}
	assert_true(model_mapping_schema(m, LT_STR("shop")));
	model_mapping_free(m);
	m = made(into);
	assert_string_equal(ask(m, "x_shop", "t"), "shop|t");
	assert_string_equal(ask(m, "x_mysql", "t"), "");
	model_mapping_free(m);
}

static void
literal_wins_over_range_over_glob_in_file_order(void **state)
{
	const char *const texts[] = { "shop.o* => g1.t", "shop.* => g2.t", "shop./x.*/ => re.t", "shop.o_[0-9] => r1.t",
		"shop.o_[0-5] => r2.t", "shop.o_3 => lit.t", NULL };
	struct model_mapping *m = made(texts);

	(void)state;
	assert_string_equal(ask(m, "shop", "o_3"), "lit|t");
	assert_string_equal(ask(m, "shop", "o_4"), "r1|t");
	assert_string_equal(ask(m, "shop", "o_x"), "g1|t");
	assert_string_equal(ask(m, "shop", "x"), "g2|t");
	model_mapping_free(m);
}

static void
knows_which_schemas_it_touches(void **state)
{
	const char *const texts[] = { "shop.t", "s_[0-3].*", "/re\\.t.*/", "`odd.one`.t", NULL };
	struct model_mapping *m = made(texts);

	(void)state;
	assert_true(model_mapping_schema(m, LT_STR("shop")));
	assert_true(model_mapping_schema(m, LT_STR("s_2")));
	assert_true(model_mapping_schema(m, LT_STR("re")));
	assert_true(model_mapping_schema(m, LT_STR("odd.one")));
	assert_false(model_mapping_schema(m, LT_STR("s_4")));
	assert_false(model_mapping_schema(m, LT_STR("rex")));
	assert_false(model_mapping_schema(m, LT_STR("other")));
	model_mapping_free(m);
}

struct bad {
	const char *texts[4];
	size_t index;
	const char *message;
};

static void
refuses_bad_entries_and_names_them(void **state)
{
	static const struct bad bad[] = {
		{ { "shop" }, 0, "no dot" },
		{ { "a.b", "shop" }, 1, "no dot" },
		{ { "a.b.c" }, 0, "one dot" },
		{ { ".b" }, 0, "empty" },
		{ { "a." }, 0, "empty" },
		{ { "a.b c" }, 0, "backquotes" },
		{ { "a.b?" }, 0, "backquotes" },
		{ { "a.`b" }, 0, "not closed" },
		{ { "a.``" }, 0, "nothing" },
		{ { "a.[a-z]" }, 0, "range is written" },
		{ { "a.[1-]" }, 0, "range is written" },
		{ { "a.[1-2" }, 0, "range is written" },
		{ { "a.[9-1]" }, 0, "backwards" },
		{ { "a.[00-100]" }, 0, "same number of digits" },
		{ { "a.[0-0000000001]" }, 0, "9 digits" },
		{ { "a.**" }, 0, "side by side" },
		{ { "a./x" }, 0, "not closed" },
		{ { "a./x\\/" }, 0, "not closed" },
		{ { "a./(/" }, 0, "regex is wrong at byte 2" },
		{ { "a./x/y" }, 0, "only a dot" },
		{ { "a./(x)/ => a.$0" }, 0, "have 1 groups" },
		{ { "a./x/ => a.$1" }, 0, NULL }, /* no groups: `$1` is a name */
		{ { "a./(x)/ => a.$2" }, 0, "have 1 groups" },
		{ { "a./x/ => a./y/" }, 0, "only in `from`" },
		{ { "a.b => c" }, 0, "no dot" },
		{ { "a.b => c.*" }, 0, "as many, or none" },
		{ { "a.* => *.*" }, 0, "as many, or none" },
		{ { "a.b => c.[0-1]" }, 0, "as many, or none" },
		{ { "a.[0-3] => c.[0-4]" }, 0, "4 names in `from` and 5 in `to`" },
		{ { "mysql.user" }, 0, "system" },
		{ { "a.b => LUTRA.x" }, 0, "system" },
		{ { "a.b", "c.d", "a.b" }, 2, "entry 1 has the same" },
		{ { "a.b => x.y", "`a`.b => x.y" }, 1, "entry 1 has the same" },
		{ { "a.* => b.*", "a.* => c.*", "a.* => b.*" }, 2, "entry 1 has the same" },
	};

	(void)state;
	for (size_t i = 0; i < LT_COUNT(bad); i++) {
		struct model_mapping *m = NULL;
		struct lt_err err = { 0 };
		size_t index = 99;
		bool ok = make(bad[i].texts, &m, &index, &err);

		if (ok != (bad[i].message == NULL))
			fail_msg("%s: %s", bad[i].texts[0], ok ? "taken" : err.message);
		if (!ok && (err.code != LT_E_CONFIG_MAPPING || index != bad[i].index ||
			       strstr(err.message, bad[i].message) == NULL))
			fail_msg("%s: E%d entry %zu: %s", bad[i].texts[0], (int)err.code, index, err.message);
		model_mapping_free(m);
	}
}

static void
two_way_refuses_what_has_no_way_back(void **state)
{
	static const struct bad bad[] = {
		{ { "a.t_[0-9] => a.t" }, 0, "fan-in" },
		{ { "a.b", "a.t_* => a.t" }, 1, "fan-in" },
		{ { "a./t(.)/ => a.u$1" }, 0, "regex" },
		{ { "a.x*y* => a.u*v*" }, 0, "no certain way" },
		{ { "a.*[0-12] => b.*[0-12]" }, 0, "no certain way" },
		{ { "a.x => c.y", "b.x => c.y" }, 1, "entry 1" },
		{ { "a.x => a.y", "a.*" }, 1, "entry 1" }, /* a.y would come from a.y too */
		{ { "a.* => c.*", "b.* => c.*" }, 1, "entry 1" },
		{ { "a.t_[00-09] => c.t_[00-09]", "b.t_[00-09] => c.t_[05-14]" }, 1, "entry 1" },
	};

	(void)state;
	for (size_t i = 0; i < LT_COUNT(bad); i++) {
		struct model_mapping *m = made(bad[i].texts), *back = NULL;
		struct lt_err err = { 0 };
		size_t index = 99;

		if (model_mapping_invert(m, &back, &index, &err))
			fail_msg("%s: taken", bad[i].texts[0]);
		if (err.code != LT_E_CONFIG_MAPPING || index != bad[i].index ||
		    strstr(err.message, bad[i].message) == NULL)
			fail_msg("%s: E%d entry %zu: %s", bad[i].texts[0], (int)err.code, index, err.message);
		model_mapping_free(m);
	}
}

static struct model_mapping *
inverse_of(const struct model_mapping *m)
{
	struct model_mapping *back = NULL;
	struct lt_err err = { 0 };
	size_t bad;

	if (!model_mapping_invert(m, &back, &bad, &err))
		fail_msg("entry %zu: %s", bad, err.message);
	return back;
}

static void
an_inverse_maps_exactly_what_the_other_way_gives(void **state)
{
	const char *const texts[] = { "shop.orders => arch.orders", "shop.*", "a.p => a.q", "a.q => a.p", "/re\\..*/",
		NULL };
	struct model_mapping *m = made(texts), *back = inverse_of(m), *again = inverse_of(back);

	(void)state;
	model_mapping_free(m); /* the inverse stands on its own */
	assert_string_equal(ask(back, "arch", "orders"), "shop|orders");
	assert_string_equal(ask(back, "shop", "orders"), ""); /* never a target */
	assert_string_equal(ask(back, "shop", "x"), "shop|x");
	assert_string_equal(ask(back, "a", "p"), "a|q");
	assert_string_equal(ask(back, "a", "q"), "a|p");
	assert_string_equal(ask(back, "re", "t"), "re|t");
	assert_string_equal(ask(again, "shop", "orders"), "arch|orders");
	model_mapping_free(back);
	model_mapping_free(again);
}

static uint64_t
next(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Mostly names that the entries speak of. */
static void
random_name(uint64_t *seed, char out[32])
{
	static const char *const words[] = { "a", "b", "ab", "t_", "u_", "shop", "x", "1", "07", "12", "_", "t_03",
		"g" };
	size_t n = 1 + next(seed) % 3;

	out[0] = '\0';
	while (n-- > 0)
		strcat(out, words[next(seed) % LT_COUNT(words)]);
}

static void
random_names_come_back_through_the_inverse(void **state)
{
	static const char *const sets[][ENTRIES] = {
		{ "*.*" },
		{ "a.* => b.x_*" },
		{ "a*.t_* => u_*.*_x", "b.*", "g.t_[00-12] => g2.[5-17]" },
		{ "shop[1-12].t_[00-12] => x.t_[01-12]_[3-15]", "shop.a => shop.b", "shop.b => shop.a", "shop.*" },
		{ "a.a => b.b", "b.b => a.a", "ab.* => ba.*", "/x.*\\..*/", "t_[0-12].a => u_.q_[0-12]" },
		{ "*.a => *.b", "*.b => *.ab" },
	};
	uint64_t seed = 88172645463325252u;

	(void)state;
	for (size_t i = 0; i < LT_COUNT(sets); i++) {
		struct model_mapping *m = made(sets[i]), *back = inverse_of(m);
		size_t mapped = 0;

		for (size_t n = 0; n < 20000; n++) {
			char schema[32], table[32], there[600], want[80], *bar;

			random_name(&seed, schema);
			random_name(&seed, table);
			/* Both ways: what goes out comes home, and what the inverse takes, goes back. */
			for (int way = 0; way < 2; way++) {
				snprintf(there, sizeof(there), "%s", ask(way == 0 ? m : back, schema, table));
				if (there[0] == '\0')
					continue;
				mapped++;
				bar = strchr(there, '|');
				*bar = '\0';
				snprintf(want, sizeof(want), "%s|%s", schema, table);
				if (strcmp(ask(way == 0 ? back : m, there, bar + 1), want) != 0)
					fail_msg("set %zu way %d: %s became %s.%s and did not come back", i, way, want,
					    there, bar + 1);
			}
		}
		assert_in_range(mapped, 50, 40000);
		model_mapping_free(m);
		model_mapping_free(back);
	}
}

/* Target name, or "-" when left out. */
static const char *
column(const struct model_rule *rule, const char *name)
{
	static char answer[64];
	struct lt_str target;

	if (!model_rule_column(rule, lt_str_z(name), &target))
		return "-";
	snprintf(answer, sizeof(answer), "%.*s", LT_FMT(target));
	return answer;
}

static const struct model_rule *
rule_of(const struct model_mapping *m, const char *schema, const char *table)
{
	struct lt_buf a = { 0 }, b = { 0 };
	const struct model_rule *rule = NULL;

	assert_true(model_mapping_table(m, lt_str_z(schema), lt_str_z(table), &a, &b, &rule));
	lt_buf_free(&a);
	lt_buf_free(&b);
	return rule;
}

static void
columns_are_renamed_left_out_and_inverted(void **state)
{
	const struct lt_str exclude[] = { LT_STR("note"), LT_STR("b") }, from[] = { LT_STR("a") },
			    to[] = { LT_STR("b") };
	const struct lt_str include[] = { LT_STR("id"), LT_STR("a") };
	const struct model_entry entries[] = {
		{ .from = LT_STR("s.x"),
		    .to = LT_STR("s.y"),
		    .exclude = exclude,
		    .nexclude = 2,
		    .rename_from = from,
		    .rename_to = to,
		    .nrenames = 1 },
		{ .from = LT_STR("s.i"),
		    .include = include,
		    .ninclude = 2,
		    .rename_from = from,
		    .rename_to = to,
		    .nrenames = 1 },
	};
	struct model_mapping *m = NULL, *back;
	struct lt_err err = { 0 };
	size_t bad;

	(void)state;
	assert_true(model_mapping_new(entries, 2, &m, &bad, &err));
	back = inverse_of(m);
	assert_string_equal(column(rule_of(m, "s", "x"), "id"), "id");
	assert_string_equal(column(rule_of(m, "s", "x"), "A"), "b"); /* letters in any case, as in the servers */
	assert_string_equal(column(rule_of(m, "s", "x"), "Note"), "-");
	assert_string_equal(column(rule_of(m, "s", "x"), "b"), "-");
	assert_string_equal(column(rule_of(back, "s", "y"), "b"), "a");
	assert_string_equal(column(rule_of(back, "s", "y"), "note"), "-");
	assert_string_equal(column(rule_of(back, "s", "y"), "a"), "-"); /* nothing writes it on the way there */
	assert_string_equal(column(rule_of(back, "s", "y"), "id"), "id");
	assert_string_equal(column(rule_of(m, "s", "i"), "a"), "b");
	assert_string_equal(column(rule_of(m, "s", "i"), "c"), "-");
	assert_string_equal(column(rule_of(back, "s", "i"), "b"), "a");
	assert_string_equal(column(rule_of(back, "s", "i"), "id"), "id");
	assert_string_equal(column(rule_of(back, "s", "i"), "a"), "-");
	model_mapping_free(m);
	model_mapping_free(back);
}

static void
refuses_column_lists_that_contradict(void **state)
{
	const struct lt_str a[] = { LT_STR("a") }, b[] = { LT_STR("b") }, ab[] = { LT_STR("a"), LT_STR("b") },
			    aa[] = { LT_STR("a"), LT_STR("A") };
	const struct lt_str cc[] = { LT_STR("c"), LT_STR("c") };
	const struct model_entry bad[] = {
		{ .from = LT_STR("s.t"), .include = a, .ninclude = 1, .exclude = b, .nexclude = 1 },
		{ .from = LT_STR("s.t"), .include = aa, .ninclude = 2 },
		{ .from = LT_STR("s.t"), .exclude = a, .nexclude = 1, .rename_from = a, .rename_to = b, .nrenames = 1 },
		{ .from = LT_STR("s.t"), .include = b, .ninclude = 1, .rename_from = a, .rename_to = b, .nrenames = 1 },
		{ .from = LT_STR("s.t"),
		    .include = ab,
		    .ninclude = 2,
		    .rename_from = a,
		    .rename_to = b,
		    .nrenames = 1 },
		{ .from = LT_STR("s.t"), .rename_from = ab, .rename_to = cc, .nrenames = 2 },
	};

	(void)state;
	for (size_t i = 0; i < LT_COUNT(bad); i++) {
		struct model_mapping *m = NULL;
		struct lt_err err = { 0 };
		size_t index = 99;

		assert_false(model_mapping_new(&bad[i], 1, &m, &index, &err));
		assert_int_equal(err.code, LT_E_CONFIG_MAPPING);
		assert_int_equal(index, 0);
		assert_null(m);
	}
}

/* "schema|table" of one of its targets, or "" behind the last. */
static const char *
ask_branch(const struct model_mapping *m, const char *schema, const char *table, size_t branch)
{
	static char answer[600];
	struct lt_buf names[2] = { 0 };
	const struct model_rule *rule = NULL;

	answer[0] = '\0';
	if (model_mapping_branch(m, lt_str_z(schema), lt_str_z(table), branch, names, &rule))
		snprintf(
		    answer, sizeof(answer), "%.*s|%.*s", LT_FMT(lt_buf_str(&names[0])), LT_FMT(lt_buf_str(&names[1])));
	lt_buf_free(&names[0]);
	lt_buf_free(&names[1]);
	return answer;
}

/* Otter 4.3: the first entry that matches wins, and with it all that share its `from`; others do not fire. */
static void
entries_with_one_from_are_several_targets(void **state)
{
	static const char *const texts[] = { "a.* => all.*", "a.t_[1-9] => r.t_[1-9]", "a.b => x.y", "a.* => more.*",
		"`a`.b => x.z", "/a/./.*/ => regex.t", "a.b", NULL };
	struct model_mapping *m = made(texts);

	(void)state;
	assert_string_equal(ask_branch(m, "a", "b", 0), "x|y");
	assert_string_equal(ask_branch(m, "a", "b", 1), "x|z");
	assert_string_equal(ask_branch(m, "a", "b", 2), "a|b");
	assert_string_equal(ask_branch(m, "a", "b", 3), "");
	assert_string_equal(ask_branch(m, "a", "t_4", 0), "r|t_4");
	assert_string_equal(ask_branch(m, "a", "t_4", 1), "");
	assert_string_equal(ask_branch(m, "a", "c", 0), "all|c");
	assert_string_equal(ask_branch(m, "a", "c", 1), "more|c");
	assert_string_equal(ask_branch(m, "a", "c", 2), "");
	assert_string_equal(ask_branch(m, "q", "c", 0), "");
	model_mapping_free(m);
}

static void
constants_take_the_place_of_columns(void **state)
{
	const struct model_constant set[] = { { LT_STR("Region"), MODEL_CONSTANT_TEXT, LT_STR("hz") },
		{ LT_STR("n"), MODEL_CONSTANT_NUMBER, LT_STR("7") } };
	const struct lt_str a[] = { LT_STR("a") }, region[] = { LT_STR("region") };
	struct model_entry entry = {
		.from = LT_STR("s.t"), .to = LT_STR("s.u"), .constants = set, .nconstants = 2, .weight = 9
	};
	struct model_mapping *m = NULL, *back;
	struct lt_err err = { 0 };
	size_t bad, count;

	(void)state;
	assert_true(model_mapping_new(&entry, 1, &m, &bad, &err));
	assert_true(model_mapping_weighted(m));
	assert_int_equal(model_rule_weight(rule_of(m, "s", "t")), 9);
	assert_int_equal(model_rule_constants(rule_of(m, "s", "t"), &count)[1].kind, MODEL_CONSTANT_NUMBER);
	assert_int_equal(count, 2);
	assert_string_equal(column(rule_of(m, "s", "t"), "region"), "-");
	assert_string_equal(column(rule_of(m, "s", "t"), "id"), "id");
	assert_false(model_mapping_invert(m, &back, &bad, &err));
	assert_int_equal(err.code, LT_E_CONFIG_MAPPING);
	assert_non_null(strstr(err.message, "`set`"));
	model_mapping_free(m);

	entry.rename_from = a;
	entry.rename_to = region;
	entry.nrenames = 1;
	assert_false(model_mapping_new(&entry, 1, &m, &bad, &err));
	assert_non_null(strstr(err.message, "new name"));
}

static void
folds_letters_where_the_source_does(void **state)
{
	static const char *const texts[] = { "Shop.Orders", "Shop.Item_[1-3]", "Old.* => New.*", "/Re(x)/.T",
		"a.b => C.D", NULL };
	struct model_mapping *m = made(texts), *back;
	struct lt_err err = { 0 };
	size_t bad;

	(void)state;
	assert_string_equal(ask(m, "shop", "orders"), "");
	model_mapping_fold(m, true);
	assert_string_equal(ask(m, "shop", "orders"), "Shop|Orders"); /* the target may not fold */
	assert_string_equal(ask(m, "shop", "item_2"), "Shop|Item_2");
	assert_string_equal(ask(m, "old", "things"), "New|things");
	assert_string_equal(ask(m, "rex", "t"), "rex|t");
	assert_string_equal(ask(m, "A", "B"), "C|D");
	assert_string_equal(ask(m, "shop", "item_4"), "");
	assert_true(model_mapping_schema(m, LT_STR("shop")));
	assert_true(model_mapping_schema(m, LT_STR("REX")));
	model_mapping_fold(m, false);
	assert_string_equal(ask(m, "shop", "orders"), "");
	assert_false(model_mapping_schema(m, LT_STR("shop")));
	model_mapping_free(m);

	m = made((const char *const[]){ "Shop.Orders", "a.b => C.D", NULL });
	assert_true(model_mapping_invert(m, &back, &bad, &err));
	model_mapping_fold(back, true);
	assert_string_equal(ask(back, "shop", "orders"), "Shop|Orders");
	assert_string_equal(ask(back, "c", "d"), "a|b");
	assert_string_equal(ask(back, "a", "b"), "");
	model_mapping_free(m);
	model_mapping_free(back);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(maps_literals_and_odd_names),
		cmocka_unit_test(folds_letters_where_the_source_does),
		cmocka_unit_test(maps_globs_with_what_they_took),
		cmocka_unit_test(maps_ranges_by_index),
		cmocka_unit_test(maps_regexes_with_their_groups),
		cmocka_unit_test(a_regex_that_gives_up_is_no_quiet_no),
		cmocka_unit_test(system_schemas_never_match),
		cmocka_unit_test(literal_wins_over_range_over_glob_in_file_order),
		cmocka_unit_test(knows_which_schemas_it_touches),
		cmocka_unit_test(refuses_bad_entries_and_names_them),
		cmocka_unit_test(two_way_refuses_what_has_no_way_back),
		cmocka_unit_test(an_inverse_maps_exactly_what_the_other_way_gives),
		cmocka_unit_test(random_names_come_back_through_the_inverse),
		cmocka_unit_test(columns_are_renamed_left_out_and_inverted),
		cmocka_unit_test(refuses_column_lists_that_contradict),
		cmocka_unit_test(entries_with_one_from_are_several_targets),
		cmocka_unit_test(constants_take_the_place_of_columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
