#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

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
	{ 1300, "", LT_E_VALUE_REFUSED },
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

/* What is shown of a message; "": the text as it is. */
static const struct {
	uint16_t number;
	const char *sqlstate, *text, *shown;
} shown_cases[] = {
	{ 1062, "23000", "Duplicate entry 'it's for secret-7' for key 'shop.t.PRIMARY'",
	    "Duplicate entry '...' for key 'shop.t.PRIMARY'" },
	{ 1062, "23000", "Doppelter Eintrag 'it's secret' f\xc3\xbcr Schl\xc3\xbcssel 'PRIMARY'",
	    "Doppelter Eintrag '...'" },
	{ 1062, "23000", "secret", "..." },
	{ 1062, "23000", "Duplicate entry '' for key 'k'", "" },
	{ 1586, "23000", "Duplicate entry 'secret' for key 'k'", "Duplicate entry '...' for key 'k'" },
	{ 1366, "HY000", "Incorrect string value: '\\xF0\\x9F' for column `s`.`t`.`c` at row 1",
	    "Incorrect string value: '...' for column `s`.`t`.`c` at row 1" },
	{ 1292, "22007", "Incorrect date value: 'secret' for column 'd' at row 1",
	    "Incorrect date value: '...' for column 'd' at row 1" },
	{ 1292, "22007", "Truncated incorrect DOUBLE value: 'a' for column secret'",
	    "Truncated incorrect DOUBLE value: '...'" },
	{ 1292, "22007", "Incorrect datetime value: 'secret' for function str_to_date",
	    "Incorrect datetime value: '...' for function str_to_date" },
	{ 1525, "HY000", "Incorrect DATE value: 'secret'", "Incorrect DATE value: '...'" },
	{ 1526, "HY000", "Table has no partition for value 1001", "Table has no partition for value ..." },
	{ 1526, "HY000", "Tabelle hat f\xc3\xbcr den Wert 1001 keine Partition", "..." },
	{ 1300, "HY000", "Invalid utf8mb4 character string: 'secret'", "Invalid utf8mb4 character string: '...'" },
	{ 1690, "22003", "BIGINT UNSIGNED value is out of range in '(`s`.`t`.`a` - 17)'",
	    "BIGINT UNSIGNED value is out of range in '...'" },
	{ 1761, "23000",
	    "Foreign key constraint for table 'p', record 'secret' would lead to a duplicate entry in table 'c', key 'k'",
	    "Foreign key constraint for table 'p', record '...' would lead to a duplicate entry in table 'c', key 'k'" },
	{ 1977, "HY000", "Cannot convert 'utf8mb4' character 0xF09F9880 to 'latin1'", "Cannot convert '...'" },
	{ 3854, "HY000", "Cannot convert string 'it's from secret' from utf8mb4 to latin1",
	    "Cannot convert string '...' from utf8mb4 to latin1" },
	{ 3988, "HY000", "Conversion from collation a into b impossible for 'secret'",
	    "Conversion from collation a into b impossible for ..." },
	{ 1644, "45000", "no room for secret", "..." },
	{ 1643, "02000", "nobody named secret", "..." },
	{ 31000, "45001", "secret", "..." },
	{ 1064, "42000", "You have an error near 'INTO t VALUES ('secret')' at line 1",
	    "You have an error near '...' at line 1" },
	{ 29999, "HY000", "Of what nobody knows: \"secret\" and 'more'.", "Of what nobody knows: \"...'." },
	{ 29999, "HY000", "Of what it's about", "" },
	/* no row in them */
	{ 1264, "22003", "Out of range value for column 'n' at row 1", "" },
	{ 1054, "42S22", "Unknown column 'n' in 'field list'", "" },
	{ 1305, "42000", "FUNCTION s.f does not exist", "" },
	{ 1236, "HY000", "Could not find first log file name in binary log index file 'x'", "" },
};

static void
row_values_that_a_message_quotes_are_left_out(void **state)
{
	(void)state;
	for (size_t i = 0; i < LT_COUNT(shown_cases); i++) {
		const char *shown = shown_cases[i].shown[0] != '\0' ? shown_cases[i].shown : shown_cases[i].text;
		struct lt_err err = { 0 };
		char want[LT_ERR_MESSAGE];

		snprintf(want, sizeof(want), "the server says %u: %s", shown_cases[i].number, shown);
		assert_false(my_fail_server(
		    &err, shown_cases[i].number, shown_cases[i].sqlstate, lt_str_z(shown_cases[i].text)));
		assert_string_equal(err.message, want);
	}
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
