#include "binlog/charset.h"

#include "vectors.h"

static void
ids_have_their_names(void **state)
{
	static const struct {
		uint16_t id;
		const char *name;
	} cases[] = { { 1, "big5" }, { 8, "latin1" }, { 28, "gbk" }, { 33, "utf8mb3" }, { 45, "utf8mb4" },
		{ 46, "utf8mb4" }, { 63, "binary" }, { 192, "utf8mb3" }, { 224, "utf8mb4" }, { 249, "gb18030" },
		{ 255, "utf8mb4" }, { 309, "utf8mb4" }, { 576, "utf8mb3" }, { 1032, "latin1" }, { 1069, "utf8mb4" },
		{ 1238, "utf8mb3" }, { 2048, "utf8mb3" }, { 2304, "utf8mb4" }, { 2503, "utf8mb4" }, { 2560, "ucs2" },
		{ 3271, "utf32" }, { 0, NULL }, { 17, NULL }, { 100, NULL }, { 500, NULL }, { 1024, NULL },
		{ 2216, NULL }, { 3272, NULL }, { 65535, NULL } };

	(void)state;
	for (size_t i = 0; i < LT_COUNT(cases); i++) {
		const char *name = binlog_charset_name(cases[i].id);

		if (cases[i].name == NULL)
			assert_null(name);
		else
			assert_string_equal(name, cases[i].name);
	}
}

/* Answers are CONVERT(... USING utf8mb4) of MySQL 9.7 and MariaDB 10.11. */
static void
texts_become_utf8_as_the_servers_make_it(void **state)
{
	static const struct {
		uint16_t id;
		struct lt_str bytes;
		const char *utf8; /* NULL: left as it is */
	} cases[] = {
		{ 8, LT_STR("\xe4\x80\x81"), "ä€\xc2\x81" },
		{ 9, LT_STR("\xb5\xb9"), "ľš" },
		{ 51, LT_STR("\xcf\xf0\xe8"), "При" },
		{ 7, LT_STR("\xcb\xcf\xc4"), "код" },
		{ 25, LT_STR("a\xa1\xe1\xa2"), "aʽαʼ" },
		{ 28, LT_STR("a\xd6\xd0\xce\xc4"), "a中文" },
		{ 248, LT_STR("\xd6\xd0\x94\x39\xda\x33"), "中💩" },
		{ 248, LT_STR("\xd6\xd0\xa6\xd9"), NULL },
		{ 1, LT_STR("\xa4\xa4\xa4\xe5"), "中文" },
		{ 1, LT_STR("\xa4\xa4\xa1\x45"), "中•" },
		{ 1, LT_STR("\xa4\xa4\xc6\xa1"), NULL },
		{ 19, LT_STR("\xc7\xd1\xb1\xdb"), "한글" },
		{ 12, LT_STR("\xc6\xfc\xa1\xc0\x8f\xa2\xb7"), "日\\~" },
		{ 13, LT_STR("\x93\xfa\x5c\x81\x5f\xb1\x81\x60"), "日\\\\ｱ〜" },
		{ 95, LT_STR("\x87\x40\x81\x60"), "①～" },
		{ 18, LT_STR("\xa1\xd2"), "กา" },
		{ 35, LT_STR("\0a\0\xfc"), "aü" },
		{ 35, LT_STR("\0a\0"), NULL },
		{ 54, LT_STR("\xd8\x3d\xde\0"), "😀" },
		{ 56, LT_STR("\x3d\xd8\0\xde"), "😀" },
		{ 60, LT_STR("\0\x01\xf6\0"), "😀" },
		{ 10, LT_STR("\x40\x24"), "É$" },
		{ 11, LT_STR("abc"), "abc" },
		{ 11, LT_STR("\x80"), NULL },
		{ 45, LT_STR("\xf0\x9f\x98\x80"), "😀" },
		{ 45, LT_STR("\xff"), NULL },
		{ 33, LT_STR("\xc3\xa9"), "é" },
		{ 28, LT_STR("\xd6"), NULL },
		{ 37, LT_STR("abc"), NULL },
		{ 63, LT_STR("abc"), NULL },
		{ 500, LT_STR("abc"), NULL },
		{ 0, LT_STR("\xc3\xa9"), "é" },
		{ 0, LT_STR("\xe9"), NULL },
		{ 28, LT_STR(""), "" },
	};
	struct lt_buf out = { 0 };

	(void)state;
	for (size_t i = 0; i < LT_COUNT(cases); i++) {
		lt_buf_clear(&out);
		lt_buf_z(&out, "before:");
		assert_int_equal(binlog_charset_utf8(cases[i].id, cases[i].bytes, &out), cases[i].utf8 != NULL);
		assert_string_equal(lt_buf_cstr(&out) + 7, cases[i].utf8 != NULL ? cases[i].utf8 : "");
	}
	lt_buf_free(&out);
}

static void
every_truncation_is_shorter_text_or_refused(void **state)
{
	struct lt_str whole = LT_STR("\xd6\xd0\x94\x39\xda\x33\xd6\xd0");
	struct lt_buf out = { 0 };
	size_t texts = 0;

	(void)state;
	for (size_t n = 0; n < whole.len; n++) {
		struct lt_str cut = vectors_cut(whole, n);

		lt_buf_clear(&out);
		if (binlog_charset_utf8(248, cut, &out))
			texts++;
		else
			assert_int_equal(out.len, 0);
		vectors_free(cut);
	}
	assert_int_equal(texts, 3); /* at 0, 2 and 6 bytes */
	lt_buf_free(&out);
}

/* A second byte may be a quote or a backslash; a byte that leads nothing must not swallow one. */
static void
what_is_no_character_is_told_in_its_place(void **state)
{
	static const struct {
		uint16_t id;
		struct lt_str bytes;
		const char *utf8; /* NULL: nothing is known of the character set */
	} cases[] = {
		{ 63, LT_STR("DROP TABLE `\xc3\xa9`, '\xff\xe9'"), "DROP TABLE `é`, '\xef\xbf\xbd\xef\xbf\xbd'" },
		{ 45, LT_STR("'\xe9\x80' \xc3\xa9"), "'\xef\xbf\xbd\xef\xbf\xbd' é" },
		{ 0, LT_STR("\xff"), "\xef\xbf\xbd" },
		{ 37, LT_STR("`a` '\xa1'"), "`a` '\xef\xbf\xbd'" },
		{ 11, LT_STR("a\x80`"), "a\xef\xbf\xbd`" },
		{ 28, LT_STR("\xd6\xd0'\xff\\' \xd6'"), "中'\xef\xbf\xbd\\' \xef\xbf\xbd'" },
		{ 28, LT_STR("\xd6\xd0 \xd6"), "中 \xef\xbf\xbd" },
		{ 1, LT_STR("\xa4\xa4 \xc6\xa1 \xa1\x5a`"), "中 \xef\xbf\xbd \xef\xbf\xbd`" },
		{ 19, LT_STR("\xc7\xd1\xb1`\xb1\\"), "한\xef\xbf\xbd`\xef\xbf\xbd\\" },
		{ 24, LT_STR("\xd6\xd0\xd6`"), "中\xef\xbf\xbd`" },
		{ 12, LT_STR("\xc6\xfc\xc6'\x8f'"), "日\xef\xbf\xbd'\xef\xbf\xbd'" },
		{ 13, LT_STR("\x93\xfa\x93'\xb1"), "日\xef\xbf\xbd'ｱ" },
		{ 248, LT_STR("\xd6\xd0\xa6\xd9'"), "中\xef\xbf\xbd'" },
		{ 500, LT_STR("abc"), NULL },
	};
	struct lt_buf out = { 0 };

	(void)state;
	for (size_t i = 0; i < LT_COUNT(cases); i++) {
		lt_buf_clear(&out);
		assert_int_equal(binlog_charset_lossy(cases[i].id, cases[i].bytes, &out), cases[i].utf8 != NULL);
		assert_string_equal(lt_buf_cstr(&out), cases[i].utf8 != NULL ? cases[i].utf8 : "");
	}
	lt_buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ids_have_their_names),
		cmocka_unit_test(texts_become_utf8_as_the_servers_make_it),
		cmocka_unit_test(every_truncation_is_shorter_text_or_refused),
		cmocka_unit_test(what_is_no_character_is_told_in_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
