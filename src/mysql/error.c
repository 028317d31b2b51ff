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
	{ 1300, LT_E_VALUE_REFUSED }, /* MariaDB 11: bytes that are no text of their character set */
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

/* Errors never hold row values. Where the messages of a number may have one: behind the first `front`, up to the last
 * `behind`, which are read only in a text that begins so (NULL: to its end). The first line that fits counts; where
 * none does, as with messages in another language, what stands in quotes is left out, and without quotes all. */
static const struct value_place {
	uint16_t number;
	const char *begins, *front, *behind;
} value_places[] = {
	{ 1062, "Duplicate entry '", "'", "' for key " },
	{ 1586, "Duplicate entry '", "'", "' for key " },
	{ 1292, "Incorrect ", "'", "' for column " },
	{ 1300, "Invalid ", "string: '", "'" },
	{ 1366, "Incorrect ", "'", "' for column " },
	{ 1526, "Table has no partition for value ", "for value ", NULL },
	{ 1557, "Foreign key constraint for table ", ", record '", "' would lead to " },
	{ 1761, "Foreign key constraint for table ", ", record '", "' would lead to " },
	{ 1762, "Foreign key constraint for table ", ", record '", "' would lead to " },
	{ 3854, "Cannot convert string '", "'", "' from " },
	{ 3988, "Conversion from collation ", "impossible for ", NULL },
	{ 1064, NULL, NULL, NULL }, /* quotes the statement */
	{ 1149, NULL, NULL, NULL },
	{ 1690, NULL, NULL, NULL },
};

static bool
is_quote(char c)
{
	return c == '\'' || c == '"';
}

/* From the first quote to the last one; false: there are none. */
static bool
quoted_part(struct lt_str text, struct lt_str *part)
{
	size_t from = 0, to = text.len;

	while (from < text.len && !is_quote(text.ptr[from]))
		from++;
	while (to > from && !is_quote(text.ptr[to - 1]))
		to--;
	if (to < from + 2)
		return false;
	*part = lt_str_of(text.ptr + from + 1, to - from - 2);
	return true;
}

static bool
place_fits(const struct value_place *v, struct lt_str text, struct lt_str *part)
{
	const char *front;
	size_t from, to = text.len;

	if (v->begins == NULL || !lt_str_starts(text, lt_str_z(v->begins)))
		return false;
	front = memmem(text.ptr, text.len, v->front, strlen(v->front));
	if (front == NULL)
		return false;
	from = (size_t)(front - text.ptr) + strlen(v->front);
	while (v->behind != NULL && !lt_str_starts(lt_str_of(text.ptr + to, text.len - to), lt_str_z(v->behind))) {
		if (to == from)
			return false;
		to--;
	}
	*part = lt_str_of(text.ptr + from, to - from);
	return true;
}

/* SIGNAL: the words of whoever wrote a trigger. */
static bool
is_signal(uint16_t number, const char *sqlstate)
{
	return strncmp(sqlstate, "45", 2) == 0 || (number >= 1642 && number <= 1644);
}

/* Of access, of the server's state, of names: such messages tell nothing of rows. */
static bool
is_plain(uint16_t number, const char *sqlstate)
{
	for (size_t i = 0; i < LT_COUNT(meanings); i++) {
		if (meanings[i].number == number)
			return true;
	}
	return number == 1030 || number == 1290 || strncmp(sqlstate, "42", 2) == 0;
}

/* What of a message is not shown; without bytes where all of it is. */
static struct lt_str
hidden_part(uint16_t number, const char *sqlstate, struct lt_str text)
{
	struct lt_str part = { 0 };
	bool listed = false;

	if (is_signal(number, sqlstate))
		return text;
	for (size_t i = 0; i < LT_COUNT(value_places); i++) {
		if (value_places[i].number != number)
			continue;
		if (place_fits(&value_places[i], text, &part))
			return part;
		listed = true;
	}
	if ((!listed && is_plain(number, sqlstate)) || quoted_part(text, &part))
		return part;
	return listed ? text : part;
}

bool
my_fail_server(struct lt_err *err, uint16_t number, const char *sqlstate, struct lt_str text)
{
	const char *state = sqlstate != NULL ? sqlstate : "";
	struct lt_str hidden = hidden_part(number, state, text);

	if (err == NULL)
		return false;
	if (hidden.len > 0)
		lt_fail(err, code_of(number, text), "the server says %u: %.*s...%.*s", number,
		    (int)(hidden.ptr - text.ptr), text.ptr, (int)(text.ptr + text.len - (hidden.ptr + hidden.len)),
		    hidden.ptr + hidden.len);
	else
		lt_fail(err, code_of(number, text), "the server says %u: %.*s", number, LT_FMT(text));
	err->server_errno = number;
	lt_str_copy(err->sqlstate, sizeof(err->sqlstate), lt_str_z(state));
	return false;
}
