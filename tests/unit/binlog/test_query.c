#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "binlog/query.h"
#include "events.h"

static const struct binlog_format format = { .known = true, .crc = true, .query_size = 13, .id_width = 6 };

/* flags2, sql_mode 0x20, catalog, charset latin1, microseconds, MariaDB's 0x80 and 0x82, then one that nobody knows */
static const char vars[] = "\0\1\2\3\4"
			   "\1\x20\0\0\0\0\0\0\0"
			   "\6\3std"
			   "\4\x08\0\x08\0\x2d\0"
			   "\x0d\1\2\3"
			   "\x80\1\2\3"
			   "\x82\4\1\2\3\4\5\6\7\x08"
			   "\xf0garbage";

static void
takes_what_changes_the_meaning_and_no_more(void **state)
{
	struct lt_buf b = { 0 }, text = { 0 };
	struct binlog_query q;
	struct lt_err err = { 0 };

	(void)state;
	query_body(&b, lt_str_of(vars, sizeof(vars) - 1), "shop", "CREATE TABLE \xe4 (a INT)");
	assert_true(binlog_query_decode(lt_buf_str(&b), &format, &q, &err));
	assert_true(lt_str_eqz(q.schema, "shop"));
	assert_int_equal(q.sql_mode, 0x20);
	assert_int_equal(q.charset, 8);
	assert_true(binlog_query_utf8(q.sql, q.charset, &text, &err));
	assert_string_equal(lt_buf_cstr(&text), "CREATE TABLE ä (a INT)");
	lt_buf_clear(&text);
	assert_true(binlog_query_utf8(q.sql, 45, &text, &err));
	assert_string_equal(lt_buf_cstr(&text), "CREATE TABLE \xef\xbf\xbd (a INT)");
	lt_buf_clear(&text);
	assert_true(binlog_query_utf8(LT_STR("DROP TABLE ä"), 63, &text, &err)); /* SET NAMES binary */
	assert_string_equal(lt_buf_cstr(&text), "DROP TABLE ä");
	assert_false(binlog_query_utf8(q.sql, 500, &text, &err));
	assert_int_equal(err.code, LT_E_CHARSET);
	lt_buf_free(&b);
	lt_buf_free(&text);
}

static void
refuses_every_truncation_of_what_it_needs(void **state)
{
	struct lt_buf b = { 0 };

	(void)state;
	query_body(&b, lt_str_of(vars, sizeof(vars) - 1), "shop", "");
	for (size_t n = 0; n < b.len; n++) {
		struct binlog_query q;
		struct lt_err err = { 0 };

		assert_false(binlog_query_decode(lt_str_of(b.ptr, n), &format, &q, &err));
		assert_int_equal(err.code, LT_E_TRUNCATED);
	}
	lt_buf_free(&b);
}

static void
variables_that_end_inside_one_are_refused(void **state)
{
	size_t refused = 0;

	(void)state;
	for (size_t n = 0; n < sizeof(vars) - 9; n++) {
		struct lt_buf b = { 0 };
		struct binlog_query q;
		struct lt_err err = { 0 };

		query_body(&b, lt_str_of(vars, n), "shop", "BEGIN");
		if (!binlog_query_decode(lt_buf_str(&b), &format, &q, &err)) {
			assert_int_equal(err.code, LT_E_CORRUPT);
			refused++;
		}
		lt_buf_free(&b);
	}
	assert_int_equal(refused, sizeof(vars) - 9 - 7); /* whole behind none and behind each of six */
}

static void
knows_the_verbs_of_transactions(void **state)
{
	static const struct {
		const char *sql;
		enum binlog_verb verb;
		const char *name;
	} cases[] = {
		{ "BEGIN", BINLOG_VERB_BEGIN, "" },
		{ " begin ;", BINLOG_VERB_BEGIN, "" },
		{ "BEGINNING", BINLOG_VERB_OTHER, "" },
		{ "COMMIT", BINLOG_VERB_COMMIT, "" },
		{ "ROLLBACK", BINLOG_VERB_ROLLBACK, "" },
		{ "ROLLBACK TO `a b`", BINLOG_VERB_ROLLBACK_TO, "`a b`" },
		{ "ROLLBACK TO SAVEPOINT x", BINLOG_VERB_ROLLBACK_TO, "x" },
		{ "SAVEPOINT `x`", BINLOG_VERB_SAVEPOINT, "`x`" },
		{ "SAVEPOINT`x`", BINLOG_VERB_SAVEPOINT, "`x`" },
		{ "RELEASE SAVEPOINT x", BINLOG_VERB_RELEASE, "" },
		{ "XA START X'61',X'',1", BINLOG_VERB_XA_START, "X'61',X'',1" },
		{ "XA END X'61',X'',1", BINLOG_VERB_XA_END, "X'61',X'',1" },
		{ "xa commit X'61',X'',1", BINLOG_VERB_XA_COMMIT, "X'61',X'',1" },
		{ "XA ROLLBACK X'61',X'',1", BINLOG_VERB_XA_ROLLBACK, "X'61',X'',1" },
		{ "", BINLOG_VERB_OTHER, "" },
		{ "CREATE TABLE t (a INT)", BINLOG_VERB_OTHER, "" },
		{ "RENAME TABLE a TO b", BINLOG_VERB_OTHER, "" },
	};

	(void)state;
	for (size_t i = 0; i < LT_COUNT(cases); i++) {
		struct lt_str name;

		assert_int_equal(binlog_query_verb(lt_str_z(cases[i].sql), &name), cases[i].verb);
		if (cases[i].name[0] != '\0')
			assert_true(lt_str_eqz(name, cases[i].name));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_changes_the_meaning_and_no_more),
		cmocka_unit_test(refuses_every_truncation_of_what_it_needs),
		cmocka_unit_test(variables_that_end_inside_one_are_refused),
		cmocka_unit_test(knows_the_verbs_of_transactions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
