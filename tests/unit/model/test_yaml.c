#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "model/yaml.h"

struct bad {
	const char *text, *message;
	uint32_t line, column;
};

static void
keeps_the_place_of_every_key_and_value(void **state)
{
	static const char text[] = "a: 1\nb:\n  - x\n  - {c: 'q', \xc3\xbc: y}\n";
	struct model_yaml_doc *doc = NULL;
	struct lt_err err = { 0 };
	const struct model_yaml *root, *list, *map;

	(void)state;
	assert_true(model_yaml_parse(lt_str_z(text), &doc, &err));
	root = model_yaml_root(doc);
	assert_int_equal(root->kind, MODEL_YAML_MAP);
	assert_int_equal(root->count, 2);
	assert_true(lt_str_eqz(model_yaml_get(root, "a")->text, "1"));
	assert_int_equal(model_yaml_get(root, "a")->column, 4);
	list = model_yaml_get(root, "b");
	assert_int_equal(list->kind, MODEL_YAML_LIST);
	assert_int_equal(list->key->line, 2);
	assert_int_equal(list->first->line, 3);
	assert_int_equal(list->first->column, 5);
	map = list->first->next;
	assert_true(model_yaml_get(map, "c")->quoted);
	assert_int_equal(map->last->key->column, 14);
	assert_int_equal(map->last->column, 17); /* in characters, not bytes */
	assert_null(model_yaml_get(map, "d"));
	model_yaml_free(doc);
}

static void
only_an_unquoted_nothing_is_null(void **state)
{
	struct model_yaml_doc *doc = NULL;
	struct lt_err err = { 0 };
	const struct model_yaml *root;

	(void)state;
	assert_true(model_yaml_parse(LT_STR("a:\nb: ~\nc: null\nd: ''\ne: 'null'\n"), &doc, &err));
	root = model_yaml_root(doc);
	assert_true(model_yaml_is_null(model_yaml_get(root, "a")));
	assert_true(model_yaml_is_null(model_yaml_get(root, "b")));
	assert_true(model_yaml_is_null(model_yaml_get(root, "c")));
	assert_false(model_yaml_is_null(model_yaml_get(root, "d")));
	assert_false(model_yaml_is_null(model_yaml_get(root, "e")));
	model_yaml_free(doc);
}

static void
refuse(struct lt_str text, const char *message, uint32_t line, uint32_t column)
{
	struct model_yaml_doc *doc = NULL;
	struct lt_err err = { 0 };

	assert_false(model_yaml_parse(text, &doc, &err));
	assert_null(doc);
	assert_int_equal(err.code, LT_E_CONFIG_SYNTAX);
	if (strstr(err.message, message) == NULL)
		fail_msg("`%s` wanted in `%s`", message, err.message);
	assert_int_equal(err.where.line, line);
	assert_int_equal(err.where.column, column);
}

static void
refuses_what_is_no_plain_document(void **state)
{
	static const struct bad bad[] = {
		{ "", "empty", 1, 1 },
		{ "# only a comment\n", "empty", 1, 1 },
		{ "a: 1\nb: 2\na: 3\n", "`a` stands twice, first in line 1", 3, 1 },
		{ "a: {x: 1, x: 2}\n", "stands twice", 1, 11 },
		{ "a: &n 1\n", "anchors", 1, 4 },
		{ "a: &n [1]\n", "anchors", 1, 4 },
		{ "a: &n {b: 1}\n", "anchors", 1, 4 },
		{ "a:\n  - *.orders\n", "aliases", 2, 5 },
		{ "a: *b\n", "aliases", 1, 4 },
		{ "a: !!int 1\n", "tags", 1, 4 },
		{ "a: !x [1]\n", "tags", 1, 4 },
		{ "a: 1\n---\nb: 2\n", "second document", 2, 1 },
		{ "a:\n\t- b\n", "cannot start any token", 2, 1 },
		{ "[a]: 1\n", "a key must be a text", 1, 1 },
		{ "{{a: 1}: 1}\n", "a key must be a text", 1, 2 },
		{ "a: \"x\\0y\"\n", "zero byte", 1, 4 },
		{ "a: [1, 2\n", "did not find expected ',' or ']'", 2, 1 },
		{ "a: 'open\n", "unexpected end of stream", 2, 1 },
		{ "a: b: c\n", "mapping values are not allowed", 1, 5 },
		{ "a: 1\nb: \xff\n", "not UTF-8", 2, 4 },
		{ "a: \x01\n", "control characters", 1, 1 },
	};

	(void)state;
	for (size_t i = 0; i < LT_COUNT(bad); i++)
		refuse(lt_str_z(bad[i].text), bad[i].message, bad[i].line, bad[i].column);
}

static void
refuses_depth_keys_and_bytes_beyond_their_bounds(void **state)
{
	struct lt_buf text = { 0 };

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		lt_buf_c(&text, '[');
	refuse(lt_buf_str(&text), "nested too deeply", 1, MODEL_YAML_DEPTH_MAX + 1);

	lt_buf_clear(&text);
	for (size_t i = 0; i <= MODEL_YAML_KEYS_MAX; i++)
		lt_buf_printf(&text, "k%zu: 1\n", i);
	refuse(lt_buf_str(&text), "keys in one map", MODEL_YAML_KEYS_MAX + 1, 1);

	lt_buf_clear(&text);
	lt_buf_z(&text, "a: [");
	for (size_t i = 0; i < MODEL_YAML_NODES_MAX; i++)
		lt_buf_z(&text, "1,\n");
	refuse(lt_buf_str(&text), "too many values", MODEL_YAML_NODES_MAX - 2, 1);

	lt_buf_clear(&text);
	memset(lt_buf_reserve(&text, MODEL_YAML_BYTES_MAX + 1), ' ', MODEL_YAML_BYTES_MAX + 1);
	text.len = MODEL_YAML_BYTES_MAX + 1;
	refuse(lt_buf_str(&text), "larger than", 0, 0);
	lt_buf_free(&text);
}

static void
takes_every_truncation_without_a_fault(void **state)
{
	static const char text[] = "channel: shop\nsites:\n  hz: { id: 1, url: \"m\\u00fc\" }\nlist:\n  - 'a''b'\n  - "
				   "|\n    block\n  - >-\n    fold\n";
	size_t whole = sizeof(text) - 1, good = 0;

	(void)state;
	for (size_t n = 0; n <= whole; n++) {
		char *copy = malloc(n + 1); /* of this size, so that a sanitizer sees reads behind it */
		struct model_yaml_doc *doc = NULL;
		struct lt_err err = { 0 };

		assert_non_null(copy);
		memcpy(copy, text, n);
		if (model_yaml_parse(lt_str_of(copy, n), &doc, &err))
			good++;
		else
			assert_int_equal(err.code, LT_E_CONFIG_SYNTAX);
		model_yaml_free(doc);
		free(copy);
	}
	assert_in_range(good, 1, whole);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_the_place_of_every_key_and_value),
		cmocka_unit_test(only_an_unquoted_nothing_is_null),
		cmocka_unit_test(refuses_what_is_no_plain_document),
		cmocka_unit_test(refuses_depth_keys_and_bytes_beyond_their_bounds),
		cmocka_unit_test(takes_every_truncation_without_a_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
