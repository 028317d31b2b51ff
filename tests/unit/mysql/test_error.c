#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mysql/conn.h"

static const struct {
	uint16_t number;
	const char *text;
	enum lt_code code;
} cases[] = {
	{ 1045, "", LT_E_AUTH_DENIED },
	{ 1698, "", LT_E_AUTH_DENIED },
	{ 3118, "", LT_E_AUTH_DENIED },
	{ 1044, "", LT_E_NO_PRIVILEGE },
	{ 1142, "", LT_E_NO_PRIVILEGE },
	{ 1227, "", LT_E_NO_PRIVILEGE },
	{ 1040, "", LT_E_SERVER_BUSY },
	{ 1053, "", LT_E_SERVER_BUSY },
	{ 1203, "", LT_E_SERVER_BUSY },
	{ 1205, "", LT_E_LOCK_WAIT },
	{ 1213, "", LT_E_DEADLOCK },
	{ 1614, "", LT_E_DEADLOCK },
	{ 1062, "", LT_E_DUPLICATE },
	{ 1586, "", LT_E_DUPLICATE },
	{ 1451, "", LT_E_CONSTRAINT },
	{ 1452, "", LT_E_CONSTRAINT },
	{ 3819, "", LT_E_CONSTRAINT },
	{ 4025, "", LT_E_CONSTRAINT },
	{ 1290, "The MySQL server is running with the --super-read-only option", LT_E_READ_ONLY },
	{ 1290, "The MariaDB server is running with the --read-only option", LT_E_READ_ONLY },
	{ 1290, "The MySQL server is running with the --secure-file-priv option", LT_E_SERVER_REFUSED },
	{ 1792, "", LT_E_READ_ONLY },
	{ 1836, "", LT_E_READ_ONLY },
	{ 1317, "", LT_E_QUERY_KILLED },
	{ 1927, "", LT_E_LINK_LOST },
	{ 2013, "", LT_E_LINK_LOST },
	{ 1158, "", LT_E_LINK_LOST },
	{ 3, "", LT_E_DISK_FULL },
	{ 1021, "", LT_E_DISK_FULL },
	{ 1114, "", LT_E_DISK_FULL },
	{ 1030, "Got error 28 \"No space left on device\" from storage engine", LT_E_DISK_FULL },
	{ 1030, "Got error 168 'unknown' from storage engine", LT_E_SQL },
	{ 1153, "", LT_E_PACKET_TOO_LARGE },
	{ 1301, "", LT_E_PACKET_TOO_LARGE },
	{ 1146, "", LT_E_TABLE_MISSING },
	{ 1054, "", LT_E_COLUMN_MISSING },
	{ 1264, "", LT_E_VALUE_REFUSED },
	{ 1366, "", LT_E_VALUE_REFUSED },
	{ 1406, "", LT_E_VALUE_REFUSED },
	{ 3140, "", LT_E_VALUE_REFUSED },
	{ 1251, "", LT_E_AUTH_METHOD },
	{ 1524, "", LT_E_AUTH_METHOD },
	{ 3159, "", LT_E_AUTH_INSECURE },
	{ 1236, "", LT_E_SERVER_REFUSED },
	{ 1064, "", LT_E_SQL },
	{ 65535, "", LT_E_SQL },
};

static void
numbers_have_their_meaning(void **state)
{
	(void)state;
	for (size_t i = 0; i < LT_COUNT(cases); i++) {
		struct lt_err err = { 0 };

		assert_false(my_fail_server(&err, cases[i].number, "42000", lt_str_z(cases[i].text)));
		assert_int_equal(err.code, cases[i].code);
		assert_int_equal(err.server_errno, cases[i].number);
		assert_string_equal(err.sqlstate, "42000");
		assert_non_null(strstr(err.message, cases[i].text));
	}
}

static void
what_decides_a_retry_is_the_kind(void **state)
{
	struct lt_err err = { 0 };

	(void)state;
	assert_false(my_fail_server(&err, 1213, NULL, LT_STR("")));
	assert_int_equal(lt_err_kind(&err), LT_KIND_CONFLICT);
	assert_false(my_fail_server(&err, 1040, NULL, LT_STR("")));
	assert_int_equal(lt_err_kind(&err), LT_KIND_RETRY);
	assert_false(my_fail_server(&err, 1045, NULL, LT_STR("")));
	assert_int_equal(lt_err_kind(&err), LT_KIND_FATAL);
	assert_string_equal(err.sqlstate, "");
}

static void
row_values_that_a_message_quotes_are_left_out(void **state)
{
	struct lt_err err = { 0 };

	(void)state;
	assert_false(my_fail_server(
	    &err, 1062, "23000", LT_STR("Duplicate entry 'it's' for secret-7' for key 'shop.t.PRIMARY'")));
	assert_string_equal(err.message, "the server says 1062: Duplicate entry '...' for key 'shop.t.PRIMARY'");
	assert_false(my_fail_server(
	    &err, 1366, "HY000", LT_STR("Incorrect string value: '\\xF0\\x9F' for column `s`.`t`.`c` at row 1")));
	assert_string_equal(
	    err.message, "the server says 1366: Incorrect string value: '...' for column `s`.`t`.`c` at row 1");
	assert_false(my_fail_server(&err, 1264, "22003", LT_STR("Out of range value for column 'n' at row 1")));
	assert_string_equal(err.message, "the server says 1264: Out of range value for column 'n' at row 1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_have_their_meaning),
		cmocka_unit_test(what_decides_a_retry_is_the_kind),
		cmocka_unit_test(row_values_that_a_message_quotes_are_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
