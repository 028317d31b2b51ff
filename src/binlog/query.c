#include "binlog/query.h"

#include "binlog/charset.h"

/* Source: MySQL libs/mysql/binlog/event/statement_events.h (Query_event), MariaDB sql/log_event.h. */

enum status_var {
	VAR_FLAGS2 = 0,
	VAR_SQL_MODE = 1,
	VAR_CATALOG = 2,
	VAR_AUTO_INCREMENT = 3,
	VAR_CHARSET = 4,
	VAR_TIME_ZONE = 5,
	VAR_CATALOG_NZ = 6,
	VAR_LC_TIME_NAMES = 7,
	VAR_CHARSET_DATABASE = 8,
	VAR_TABLE_MAP_FOR_UPDATE = 9,
	VAR_SOURCE_DATA_WRITTEN = 10,
	VAR_INVOKER = 11,
	VAR_UPDATED_SCHEMAS = 12,
	VAR_MICROSECONDS = 13,
	VAR_COMMIT_TS = 14,
	VAR_COMMIT_TS2 = 15,
	VAR_EXPLICIT_DEFAULTS = 16,
	VAR_DDL_XID = 17,
	VAR_DEFAULT_COLLATION = 18,
	VAR_REQUIRE_PRIMARY_KEY = 19,
	VAR_TABLE_ENCRYPTION = 20,
	VAR_MARIADB_HRNOW = 0x80,
	VAR_MARIADB_XID = 0x81,
	VAR_MARIADB_GTID_FLAGS3 = 0x82,
};

/** Bytes of variables of a fixed size; 0 for the others. */
static size_t
fixed_size(uint8_t var)
{
	static const uint8_t sizes[256] = {
		[VAR_FLAGS2] = 4,
		[VAR_AUTO_INCREMENT] = 4,
		[VAR_LC_TIME_NAMES] = 2,
		[VAR_CHARSET_DATABASE] = 2,
		[VAR_TABLE_MAP_FOR_UPDATE] = 8,
		[VAR_SOURCE_DATA_WRITTEN] = 4,
		[VAR_MICROSECONDS] = 3,
		[VAR_COMMIT_TS] = 8,
		[VAR_COMMIT_TS2] = 8,
		[VAR_EXPLICIT_DEFAULTS] = 1,
		[VAR_DDL_XID] = 8,
		[VAR_DEFAULT_COLLATION] = 2,
		[VAR_REQUIRE_PRIMARY_KEY] = 1,
		[VAR_TABLE_ENCRYPTION] = 1,
		[VAR_MARIADB_HRNOW] = 3,
		[VAR_MARIADB_XID] = 8,
	};

	return sizes[var];
}

static void
skip_names(struct lt_cur *in)
{
	enum { TOO_MANY = 254 };
	uint8_t count = lt_cur_u8(in);

	for (unsigned i = 0; count != TOO_MANY && i < count && lt_cur_ok(in); i++)
		lt_cur_z(in);
}

/** One variable; false when it is not known, so that nothing behind it can be found. */
static bool
read_var(struct lt_cur *in, uint8_t var, struct binlog_query *q)
{
	enum { START_ALTER = 0x02, COMMIT_ALTER = 0x04, ROLLBACK_ALTER = 0x08 };
	size_t size = fixed_size(var);

	if (size > 0) {
		lt_cur_bytes(in, size);
		return true;
	}
	switch (var) {
	case VAR_SQL_MODE: q->sql_mode = lt_cur_u64(in); return true;
	case VAR_CHARSET:
		q->charset = lt_cur_u16(in);
		lt_cur_bytes(in, 4); /* collations of connection and server */
		return true;
	case VAR_CATALOG: lt_cur_bytes(in, (size_t)lt_cur_u8(in) + 1); return true;
	case VAR_TIME_ZONE:
	case VAR_CATALOG_NZ: lt_cur_bytes(in, lt_cur_u8(in)); return true;
	case VAR_INVOKER:
		lt_cur_bytes(in, lt_cur_u8(in));
		lt_cur_bytes(in, lt_cur_u8(in));
		return true;
	case VAR_UPDATED_SCHEMAS: skip_names(in); return true;
	case VAR_MARIADB_GTID_FLAGS3:
		if ((lt_cur_u8(in) & (COMMIT_ALTER | ROLLBACK_ALTER)) != 0)
			lt_cur_u64(in);
		return true;
	default: return false;
	}
}

bool
binlog_query_decode(
    struct lt_str body, const struct binlog_format *format, struct binlog_query *out, struct lt_err *err)
{
	struct binlog_query q = { 0 };
	struct lt_cur in = lt_cur_str(body), vars;
	size_t schema_len, vars_len;

	lt_cur_u32(&in); /* thread */
	lt_cur_u32(&in); /* seconds it took */
	schema_len = lt_cur_u8(&in);
	lt_cur_u16(&in); /* error it ended with */
	vars_len = lt_cur_u16(&in);
	lt_cur_bytes(&in, (size_t)format->query_size - 13);
	vars = lt_cur_str(lt_cur_bytes(&in, vars_len));
	q.schema = lt_cur_bytes(&in, schema_len);
	lt_cur_u8(&in);
	q.sql = lt_cur_rest(&in);
	if (!lt_cur_ok(&in))
		return lt_fail(err, LT_E_TRUNCATED, "QUERY event of %zu bytes ends inside its fields", body.len);
	while (lt_cur_left(&vars) > 0 && lt_cur_ok(&vars))
		if (!read_var(&vars, lt_cur_u8(&vars), &q))
			break;
	if (!lt_cur_ok(&vars))
		return lt_fail(err, LT_E_CORRUPT, "QUERY event: its session variables end inside one");
	*out = q;
	return true;
}

/* -- verbs ---------------------------------------------------------------------------------------- */

static bool
space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct lt_str
trim(struct lt_str s)
{
	while (s.len > 0 && space(s.ptr[0]))
		s = lt_str_of(s.ptr + 1, s.len - 1);
	while (s.len > 0 && (space(s.ptr[s.len - 1]) || s.ptr[s.len - 1] == ';'))
		s.len--;
	return s;
}

/** If `s` begins with `word`, in any case, as a whole word: true, and `s` is what stands behind it. */
static bool
eat(struct lt_str *s, const char *word)
{
	size_t len = strlen(word);

	if (s->len < len || !lt_str_ieq(lt_str_of(s->ptr, len), lt_str_of(word, len)))
		return false;
	if (s->len > len && !space(s->ptr[len]) && s->ptr[len] != '`')
		return false;
	*s = trim(lt_str_of(s->ptr + len, s->len - len));
	return true;
}

static enum binlog_verb
xa_verb(struct lt_str s, struct lt_str *name)
{
	static const struct {
		const char *word;
		enum binlog_verb verb;
	} verbs[] = {
		{ "START", BINLOG_VERB_XA_START },
		{ "BEGIN", BINLOG_VERB_XA_START },
		{ "END", BINLOG_VERB_XA_END },
		{ "COMMIT", BINLOG_VERB_XA_COMMIT },
		{ "ROLLBACK", BINLOG_VERB_XA_ROLLBACK },
	};

	for (size_t i = 0; i < LT_COUNT(verbs); i++) {
		if (!eat(&s, verbs[i].word))
			continue;
		*name = s;
		return verbs[i].verb;
	}
	return BINLOG_VERB_OTHER;
}

enum binlog_verb
binlog_query_verb(struct lt_str sql, struct lt_str *name)
{
	struct lt_str s = trim(sql);

	*name = lt_str_of("", 0);
	if (s.len == 0 || strchr("bBcCrRsSxX", s.ptr[0]) == NULL)
		return BINLOG_VERB_OTHER;
	if (eat(&s, "BEGIN"))
		return s.len == 0 ? BINLOG_VERB_BEGIN : BINLOG_VERB_OTHER;
	if (eat(&s, "COMMIT"))
		return s.len == 0 ? BINLOG_VERB_COMMIT : BINLOG_VERB_OTHER;
	if (eat(&s, "XA"))
		return xa_verb(s, name);
	if (eat(&s, "ROLLBACK")) {
		if (!eat(&s, "TO"))
			return s.len == 0 ? BINLOG_VERB_ROLLBACK : BINLOG_VERB_OTHER;
		(void)eat(&s, "SAVEPOINT");
		*name = s;
		return BINLOG_VERB_ROLLBACK_TO;
	}
	if (eat(&s, "SAVEPOINT")) {
		*name = s;
		return BINLOG_VERB_SAVEPOINT;
	}
	if (eat(&s, "RELEASE") && eat(&s, "SAVEPOINT"))
		return BINLOG_VERB_RELEASE;
	return BINLOG_VERB_OTHER;
}

bool
binlog_query_utf8(struct lt_str text, uint16_t charset, struct lt_buf *out, struct lt_err *err)
{
	if (binlog_charset_utf8(charset, text, out) || binlog_charset_lossy(charset, text, out))
		return true;
	return lt_fail(err, LT_E_CHARSET,
	    "a statement of %zu bytes is in a character set that cannot be read (%s, collation %u)", text.len,
	    binlog_charset_name(charset) != NULL ? binlog_charset_name(charset) : "not known", charset);
}
