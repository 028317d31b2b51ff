#include "mysql/conn.h"

/* A server's number and what it means to us. Sorted by meaning; all else is LT_E_SQL. */
static const struct meaning {
	uint16_t number;
	enum lt_code code;
} meanings[] = {
	/* who we are */
	{ 1045, LT_E_AUTH_DENIED },
	{ 1130, LT_E_AUTH_DENIED },
	{ 1698, LT_E_AUTH_DENIED },
	{ 1820, LT_E_AUTH_DENIED },
	{ 1862, LT_E_AUTH_DENIED },
	{ 3118, LT_E_AUTH_DENIED },
	{ 4151, LT_E_AUTH_DENIED },
	{ 3159, LT_E_AUTH_INSECURE },
	{ 1251, LT_E_AUTH_METHOD },
	{ 1275, LT_E_AUTH_METHOD },
	{ 1524, LT_E_AUTH_METHOD },
	{ 2059, LT_E_AUTH_METHOD },
	{ 1044, LT_E_NO_PRIVILEGE },
	{ 1142, LT_E_NO_PRIVILEGE },
	{ 1143, LT_E_NO_PRIVILEGE },
	{ 1227, LT_E_NO_PRIVILEGE },
	{ 1370, LT_E_NO_PRIVILEGE },
	{ 3202, LT_E_NO_PRIVILEGE },
	/* the server is not able to */
	{ 1040, LT_E_SERVER_BUSY },
	{ 1053, LT_E_SERVER_BUSY },
	{ 1135, LT_E_SERVER_BUSY },
	{ 1203, LT_E_SERVER_BUSY },
	{ 1226, LT_E_SERVER_BUSY },
	{ 1615, LT_E_SERVER_BUSY },
	{ 3032, LT_E_SERVER_BUSY },
	{ 3100, LT_E_SERVER_BUSY },
	{ 1129, LT_E_SERVER_REFUSED },
	{ 1236, LT_E_SERVER_REFUSED },
	{ 1792, LT_E_READ_ONLY },
	{ 1836, LT_E_READ_ONLY },
	{ 3, LT_E_DISK_FULL },
	{ 1021, LT_E_DISK_FULL },
	{ 1026, LT_E_DISK_FULL },
	{ 1114, LT_E_DISK_FULL },
	{ 1153, LT_E_PACKET_TOO_LARGE },
	{ 1301, LT_E_PACKET_TOO_LARGE },
	{ 1080, LT_E_LINK_LOST },
	{ 1152, LT_E_LINK_LOST },
	{ 1154, LT_E_LINK_LOST },
	{ 1155, LT_E_LINK_LOST },
	{ 1156, LT_E_LINK_LOST },
	{ 1157, LT_E_LINK_LOST },
	{ 1158, LT_E_LINK_LOST },
	{ 1159, LT_E_LINK_LOST },
	{ 1160, LT_E_LINK_LOST },
	{ 1161, LT_E_LINK_LOST },
	{ 1184, LT_E_LINK_LOST },
	{ 1927, LT_E_LINK_LOST },
	{ 2006, LT_E_LINK_LOST },
	{ 2013, LT_E_LINK_LOST },
	{ 3169, LT_E_LINK_LOST },
	{ 4031, LT_E_LINK_LOST },
	/* others are in the way */
	{ 1205, LT_E_LOCK_WAIT },
	{ 1613, LT_E_LOCK_WAIT },
	{ 3572, LT_E_LOCK_WAIT },
	{ 1020, LT_E_DEADLOCK },
	{ 1213, LT_E_DEADLOCK },
	{ 1412, LT_E_DEADLOCK },
	{ 1614, LT_E_DEADLOCK },
	{ 3058, LT_E_DEADLOCK },
	{ 3101, LT_E_DEADLOCK },
	{ 1317, LT_E_QUERY_KILLED },
	{ 1969, LT_E_QUERY_KILLED },
	{ 3024, LT_E_QUERY_KILLED },
	/* the row */
	{ 1022, LT_E_DUPLICATE },
	{ 1062, LT_E_DUPLICATE },
	{ 1586, LT_E_DUPLICATE },
	{ 1859, LT_E_DUPLICATE },
	{ 1216, LT_E_CONSTRAINT },
	{ 1217, LT_E_CONSTRAINT },
	{ 1369, LT_E_CONSTRAINT },
	{ 1644, LT_E_CONSTRAINT }, /* SIGNAL: a trigger says no */
	{ 1451, LT_E_CONSTRAINT },
	{ 1452, LT_E_CONSTRAINT },
	{ 1557, LT_E_CONSTRAINT },
	{ 1761, LT_E_CONSTRAINT },
	{ 1762, LT_E_CONSTRAINT },
	{ 3819, LT_E_CONSTRAINT },
	{ 4025, LT_E_CONSTRAINT },
	{ 1048, LT_E_VALUE_REFUSED },
	{ 1264, LT_E_VALUE_REFUSED },
	{ 1265, LT_E_VALUE_REFUSED },
	{ 1292, LT_E_VALUE_REFUSED },
	{ 1364, LT_E_VALUE_REFUSED },
	{ 1366, LT_E_VALUE_REFUSED },
	{ 1406, LT_E_VALUE_REFUSED },
	{ 1416, LT_E_VALUE_REFUSED },
	{ 1526, LT_E_VALUE_REFUSED },
	{ 1690, LT_E_VALUE_REFUSED },
	{ 3854, LT_E_VALUE_REFUSED }, /* a character that the target character set has not */
	{ 3988, LT_E_VALUE_REFUSED },
	{ 3140, LT_E_VALUE_REFUSED },
	{ 3156, LT_E_VALUE_REFUSED },
	/* the table */
	{ 1049, LT_E_TABLE_MISSING },
	{ 1146, LT_E_TABLE_MISSING },
	{ 1054, LT_E_COLUMN_MISSING },
};

static bool
says(struct lt_str text, const char *what)
{
	return text.ptr != NULL && memmem(text.ptr, text.len, what, strlen(what)) != NULL;
}

static enum lt_code
code_of(uint16_t number, struct lt_str text)
{
	/* Two numbers stand for many things; their text begins with or names the option or the system's error. */
	if (number == 1290)
		return says(text, "read-only") || says(text, "read_only") ? LT_E_READ_ONLY : LT_E_SERVER_REFUSED;
	if (number == 1030 && (says(text, "error 28 ") || says(text, "error: 28") || says(text, "No space left")))
		return LT_E_DISK_FULL;
	for (size_t i = 0; i < LT_COUNT(meanings); i++) {
		if (meanings[i].number == number)
			return meanings[i].code;
	}
	return LT_E_SQL;
}

/* The value that a message quotes: from the first quote to the last one in front of " for ". Errors never hold row
 * values. */
static struct lt_str
quoted_value(enum lt_code code, struct lt_str text)
{
	const char *open = text.len > 0 ? memchr(text.ptr, '\'', text.len) : NULL;
	struct lt_str none = { 0 }, value;

	if (open == NULL || (code != LT_E_DUPLICATE && code != LT_E_VALUE_REFUSED) || !says(text, "' for "))
		return none;
	value = lt_str_of(open + 1, text.len - (size_t)(open + 1 - text.ptr));
	for (size_t i = value.len; i-- > 0;) {
		if (lt_str_starts(lt_str_of(value.ptr + i, value.len - i), LT_STR("' for ")))
			return lt_str_of(value.ptr, i);
	}
	return none;
}

bool
my_fail_server(struct lt_err *err, uint16_t number, const char *sqlstate, struct lt_str text)
{
	enum lt_code code = code_of(number, text);
	struct lt_str hidden = quoted_value(code, text);

	if (err == NULL)
		return false;
	if (hidden.ptr != NULL)
		lt_fail(err, code, "the server says %u: %.*s...%.*s", number, (int)(hidden.ptr - text.ptr), text.ptr,
		    (int)(text.ptr + text.len - (hidden.ptr + hidden.len)), hidden.ptr + hidden.len);
	else
		lt_fail(err, code, "the server says %u: %.*s", number, LT_FMT(text));
	err->server_errno = number;
	lt_str_copy(err->sqlstate, sizeof(err->sqlstate), lt_str_z(sqlstate != NULL ? sqlstate : ""));
	return false;
}
