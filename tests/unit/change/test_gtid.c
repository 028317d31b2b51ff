#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "change/gtid.h"

#define UUID_A "3e11fa47-71ca-11e1-9e33-c80aa9429562"
#define UUID_B "4e11fa47-71ca-11e1-9e33-c80aa9429562"

static struct change_gtid_set *
set_of(const char *text)
{
	struct change_gtid_set *s = NULL;
	struct lt_err err = { 0 };

	assert_true(change_gtid_set_parse(lt_str_z(text), &s, &err));
	return s;
}

static void
assert_text(const struct change_gtid_set *s, const char *expected)
{
	struct lt_buf b = { 0 };

	change_gtid_set_text(s, &b);
	assert_string_equal(lt_buf_cstr(&b), expected);
	lt_buf_free(&b);
}

static struct change_gtid
gtid_of(const char *text)
{
	struct change_gtid g;
	struct lt_err err = { 0 };

	assert_true(change_gtid_parse(lt_str_z(text), &g, &err));
	return g;
}

static void
ids_print_as_they_parse(void **state)
{
	static const char *const texts[] = { "0-1-42", "4294967295-4294967295-18446744073709551615", UUID_A ":23",
		UUID_A ":tag_1:23", UUID_A ":9223372036854775806" };

	(void)state;
	for (size_t i = 0; i < LT_COUNT(texts); i++) {
		struct change_gtid g = gtid_of(texts[i]);
		char out[96];

		change_gtid_text(&g, out);
		assert_string_equal(out, texts[i]);
		assert_true(change_gtid_eq(&g, &g));
	}
	assert_false(change_gtid_eq(
	    &(struct change_gtid){ .kind = CHANGE_GTID_NONE }, &(struct change_gtid){ .kind = CHANGE_GTID_ANONYMOUS }));
}

static void
refuses_what_is_no_id(void **state)
{
	static const char *const texts[] = { "", "0-1", "0-1-2-3", "0-1-x", "4294967296-1-1", "-1-1-1", UUID_A,
		UUID_A ":", UUID_A ":0", UUID_A ":1-2", UUID_A ":tag:1:2", UUID_A ":1tag:1",
		UUID_A ":9223372036854775807", "3e11fa47:1" };

	(void)state;
	for (size_t i = 0; i < LT_COUNT(texts); i++) {
		struct change_gtid g = { .seq = 77 };
		struct lt_err err = { 0 };

		assert_false(change_gtid_parse(lt_str_z(texts[i]), &g, &err));
		assert_int_equal(err.code, LT_E_CONFIG_VALUE);
		assert_int_equal(g.seq, 77);
	}
}

static void
sets_come_out_in_canonical_form(void **state)
{
	static const char *const pairs[][2] = {
		{ "", "" },
		{ " \n", "" },
		{ "1-2-3,0-1-42", "0-1-42,1-2-3" },
		{ "0-1-42, 0-2-7", "0-1-42" },
		{ UUID_A ":1-5:7", UUID_A ":1-5:7" },
		{ UUID_A ":7:1-3:4-5:2", UUID_A ":1-5:7" },
		{ UUID_B ":1,\n" UUID_A ":1-2", UUID_A ":1-2," UUID_B ":1" },
		{ UUID_A ":1-3:Tag:1-2:b:5", UUID_A ":1-3:b:5:tag:1-2" },
		{ UUID_A ":tag:1," UUID_A ":2", UUID_A ":2:tag:1" },
		{ "3E11FA4771CA11E19E33C80AA9429562:1", UUID_A ":1" },
	};

	(void)state;
	for (size_t i = 0; i < LT_COUNT(pairs); i++) {
		struct change_gtid_set *s = set_of(pairs[i][0]);

		assert_text(s, pairs[i][1]);
		assert_int_equal(change_gtid_set_empty(s), pairs[i][1][0] == '\0');
		change_gtid_set_free(s);
	}
}

static void
refuses_what_is_no_set(void **state)
{
	static const char *const texts[] = { "x", UUID_A, UUID_A ":5-3", UUID_A ":0-3", UUID_A ":tag", UUID_A ":1:tag",
		UUID_A ":1-2-3", UUID_A ":1,0-1-2", "0-1-2," UUID_A ":1", UUID_A ":1-", UUID_A ":-1" };

	(void)state;
	for (size_t i = 0; i < LT_COUNT(texts); i++) {
		struct change_gtid_set *s = NULL;
		struct lt_err err = { 0 };

		assert_false(change_gtid_set_parse(lt_str_z(texts[i]), &s, &err));
		assert_int_equal(err.code, LT_E_CONFIG_VALUE);
		assert_null(s);
	}
}

static void
a_domain_is_as_far_as_its_newest(void **state)
{
	struct change_gtid_set *s = set_of("0-1-10,5-1-3"), *low = set_of("0-2-9"), *high = set_of("0-1-11"),
			       *more = set_of("0-1-1,6-1-1");
	struct change_gtid g = gtid_of("0-9-10");

	(void)state;
	assert_true(change_gtid_set_has(s, &g));
	g.seq = 11;
	assert_false(change_gtid_set_has(s, &g));
	g.domain = 6;
	assert_false(change_gtid_set_has(s, &g));
	assert_true(change_gtid_set_subset(low, s));
	assert_false(change_gtid_set_subset(high, s));
	assert_false(change_gtid_set_subset(more, s));
	g = gtid_of("0-7-8"); /* out of order: the newest all the same */
	change_gtid_set_add(s, &g);
	assert_text(s, "0-7-8,5-1-3");
	change_gtid_set_free(s);
	change_gtid_set_free(low);
	change_gtid_set_free(high);
	change_gtid_set_free(more);
}

/* A naive set: a table of bits over few sources and numbers. */
enum { SOURCES = 4, NUMBERS = 40 };

struct model {
	bool in[SOURCES][NUMBERS];
};

static struct change_gtid
model_gtid(size_t source, size_t number)
{
	struct change_gtid g = { .kind = CHANGE_GTID_MYSQL, .seq = number + 1 };

	g.uuid[15] = (uint8_t)(source / 2);
	if (source % 2 == 1)
		lt_str_copy(g.tag, sizeof(g.tag), LT_STR("tag"));
	return g;
}

static bool
model_subset(const struct model *a, const struct model *b)
{
	for (size_t i = 0; i < SOURCES; i++)
		for (size_t k = 0; k < NUMBERS; k++)
			if (a->in[i][k] && !b->in[i][k])
				return false;
	return true;
}

static void
assert_same(const struct model *m, const struct change_gtid_set *s)
{
	for (size_t i = 0; i < SOURCES; i++) {
		for (size_t k = 0; k < NUMBERS; k++) {
			struct change_gtid g = model_gtid(i, k);

			assert_int_equal(change_gtid_set_has(s, &g), m->in[i][k]);
		}
	}
}

static void
random_sets_behave_as_the_naive_model(void **state)
{
	uint64_t seed = 20261122;

	(void)state;
	for (size_t run = 0; run < 300; run++) {
		struct change_gtid_set *s = change_gtid_set_new(), *t = change_gtid_set_new(), *back = NULL, *copy;
		struct model m = { 0 }, n = { 0 };
		struct lt_buf text = { 0 }, wire = { 0 };
		struct lt_err err = { 0 };
		size_t tags = run % 2 == 0 ? 1 : 2; /* every second run knows no tags: format 0 */

		for (size_t i = 0; i < run % 120; i++) {
			size_t source, number;
			struct change_gtid g;

			seed = seed * 6364136223846793005U + 1442695040888963407U;
			source = (seed >> 33) % (SOURCES / 2) * 2 + (seed >> 50) % tags;
			number = (seed >> 40) % NUMBERS;
			g = model_gtid(source, number);
			change_gtid_set_add(s, &g);
			m.in[source][number] = true;
			if (i % 2 == 0) {
				change_gtid_set_add(t, &g);
				n.in[source][number] = true;
			}
		}
		assert_same(&m, s);
		assert_true(change_gtid_set_subset(t, s));
		assert_int_equal(change_gtid_set_subset(s, t), model_subset(&m, &n));
		assert_int_equal(change_gtid_set_eq(s, t), model_subset(&m, &n));
		change_gtid_set_text(s, &text);
		assert_true(change_gtid_set_parse(lt_buf_str(&text), &back, &err));
		assert_true(change_gtid_set_eq(s, back));
		change_gtid_set_free(back);
		change_gtid_set_encode(s, &wire);
		assert_true(change_gtid_set_decode(lt_buf_str(&wire), &back, &err));
		assert_same(&m, back);
		change_gtid_set_merge(t, back);
		assert_true(change_gtid_set_eq(t, s));
		copy = change_gtid_set_copy(back);
		assert_true(change_gtid_set_eq(copy, s));
		change_gtid_set_free(copy);
		change_gtid_set_free(back);
		change_gtid_set_free(s);
		change_gtid_set_free(t);
		lt_buf_free(&text);
		lt_buf_free(&wire);
	}
}

/* PREVIOUS_GTIDS of MySQL 9.7.4: 05ffac77-e6b3-11f1-b26a-02fc00000001:1-21:lutra:1 */
static const uint8_t tagged[] = { 0x01, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x05, 0xff, 0xac, 0x77, 0xe6, 0xb3,
	0x11, 0xf1, 0xb2, 0x6a, 0x02, 0xfc, 0x00, 0x00, 0x00, 0x01, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x16, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x05,
	0xff, 0xac, 0x77, 0xe6, 0xb3, 0x11, 0xf1, 0xb2, 0x6a, 0x02, 0xfc, 0x00, 0x00, 0x00, 0x01, 0x0a, 0x6c, 0x75,
	0x74, 0x72, 0x61, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00 };

static void
a_servers_tagged_set_goes_both_ways(void **state)
{
	struct change_gtid_set *s = NULL;
	struct lt_err err = { 0 };
	struct lt_buf wire = { 0 };

	(void)state;
	assert_true(change_gtid_set_decode(lt_str_of(tagged, sizeof(tagged)), &s, &err));
	assert_text(s, "05ffac77-e6b3-11f1-b26a-02fc00000001:1-21:lutra:1");
	change_gtid_set_encode(s, &wire);
	assert_int_equal(wire.len, sizeof(tagged));
	assert_memory_equal(wire.ptr, tagged, sizeof(tagged));
	change_gtid_set_free(s);
	lt_buf_free(&wire);
}

static void
refuses_every_truncation_and_tail(void **state)
{
	struct lt_buf longer = { 0 };

	(void)state;
	for (size_t n = 0; n < sizeof(tagged); n++) {
		struct change_gtid_set *s = NULL;
		struct lt_err err = { 0 };

		assert_false(change_gtid_set_decode(lt_str_of(tagged, n), &s, &err));
		assert_int_equal(err.code, LT_E_TRUNCATED);
		assert_null(s);
	}
	lt_buf_add(&longer, tagged, sizeof(tagged));
	lt_buf_c(&longer, 0);
	assert_false(change_gtid_set_decode(lt_buf_str(&longer), &(struct change_gtid_set *){ NULL }, NULL));
	lt_buf_free(&longer);
}

static void
refuses_malformed_bytes(void **state)
{
	static const struct {
		size_t at;
		uint8_t byte;
	} wrong[] = { { 0, 2 }, { 7, 2 }, { 24, 1 }, { 24, 66 }, { 33, 0 }, { 33, 0x17 }, { 48, 0x80 } };

	(void)state;
	for (size_t i = 0; i < LT_COUNT(wrong); i++) {
		uint8_t bytes[sizeof(tagged)];
		struct change_gtid_set *s = NULL;
		struct lt_err err = { 0 };

		memcpy(bytes, tagged, sizeof(bytes));
		bytes[wrong[i].at] = wrong[i].byte;
		assert_false(change_gtid_set_decode(lt_str_of(bytes, sizeof(bytes)), &s, &err));
		assert_true(err.code == LT_E_CORRUPT || err.code == LT_E_TRUNCATED);
		assert_null(s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_print_as_they_parse),
		cmocka_unit_test(refuses_what_is_no_id),
		cmocka_unit_test(sets_come_out_in_canonical_form),
		cmocka_unit_test(refuses_what_is_no_set),
		cmocka_unit_test(a_domain_is_as_far_as_its_newest),
		cmocka_unit_test(random_sets_behave_as_the_naive_model),
		cmocka_unit_test(a_servers_tagged_set_goes_both_ways),
		cmocka_unit_test(refuses_every_truncation_and_tail),
		cmocka_unit_test(refuses_malformed_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
