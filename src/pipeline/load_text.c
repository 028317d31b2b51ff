/* Text of another character set is converted by the target. Of bytes that are no text there a server stores another one
 * (MariaDB: `?`) or none at all (MySQL: NULL), and only warns, in strict mode too. */
#include "mysql/sql.h"
#include "pipeline/load_priv.h"
#include "pipeline/sql_priv.h"

/* A value larger than this is not sent once more to find out whether it is the one. */
#define WHOSE_BYTES ((size_t)1 << 20)

/* MariaDB 11 refuses such bytes in strict mode. */
#define INVALID_STRING 1300

/* What a server says of a text that it does not store as it is; a character set may also be called deprecated, and
 * triggers may warn of anything. */
static bool
is_about_text(struct lt_str code)
{
	static const char *const codes[] = {
		"1300", /* ER_INVALID_CHARACTER_STRING */
		"1366", /* ER_TRUNCATED_WRONG_VALUE_FOR_FIELD: incorrect string value */
		"1977", /* MariaDB: ER_CANNOT_CONVERT_CHARACTER */
		"3854", /* MySQL: ER_CANNOT_CONVERT_STRING */
	};

	return lt_str_one_of(code, codes, LT_COUNT(codes));
}

/* What MySQL says of a character set's name when it reads a statement. */
static bool
is_about_name(struct lt_str code)
{
	return lt_str_eqz(code, "1287"); /* ER_WARN_DEPRECATED_SYNTAX */
}

/* Of the statement whose reply came last: how many of its warnings are of that kind. */
static bool
count_warnings(struct load *l, bool (*is)(struct lt_str code), uint16_t *out, struct lt_err *err)
{
	struct my_rows *rows = NULL;

	if (!my_query(l->conn, "SHOW WARNINGS", &rows, err))
		return false;
	*out = 0;
	for (size_t i = 0; i < rows->nrows && rows->ncolumns >= 2; i++)
		*out = (uint16_t)(*out + is(my_rows_at(rows, i, 1)));
	my_rows_free(rows);
	return true;
}

static bool
was_text(struct load *l, bool *kept, struct lt_err *err)
{
	uint16_t n;

	if (!count_warnings(l, is_about_text, &n, err))
		return false;
	*kept = n == 0;
	return true;
}

/* Whether its warnings can be read: if not, they will be. */
static bool
can_look(struct load *l, const struct expect *e)
{
	if (e->converts->careful && l->due == 0)
		return true;
	e->converts->careful = l->unsure = true;
	return false;
}

bool
pipeline_load_text_named(struct load *l, const struct expect *e, struct my_reply *reply, struct lt_err *err)
{
	uint16_t named = 0;

	if (e->converts == NULL || e->warnings == 0 || reply->warnings <= e->warnings)
		return true;
	if (!can_look(l, e))
		return lt_fail(err, LT_E_VALUE_REFUSED, "%u warnings where %u values are no member of their ENUM",
		    reply->warnings, e->warnings);
	if (!count_warnings(l, is_about_name, &named, err))
		return false;
	reply->warnings = (uint16_t)(reply->warnings - LT_MIN(named, reply->warnings));
	return true;
}

void
pipeline_load_text_refused(struct load *l, const struct expect *e, const struct lt_err *err)
{
	if (e->converts != NULL && !e->converts->careful && err->server_errno == INVALID_STRING)
		e->converts->careful = l->unsure = true;
}

bool
pipeline_load_text_kept(struct load *l, const struct expect *e, const struct my_reply *reply, struct lt_err *err)
{
	bool kept = false;

	if (e->converts == NULL || reply->warnings == e->warnings)
		return true;
	if (can_look(l, e) && (!was_text(l, &kept, err) || kept))
		return kept;
	return lt_fail(
	    err, LT_E_VALUE_REFUSED, "a value is no text of its character set: the target would store another one");
}

/* Whether the target finds that it is no text. */
static bool
is_the_one(struct load *l, const struct pipeline_column *c, struct lt_str bytes)
{
	struct lt_err why = { 0 };
	struct my_reply reply;
	struct lt_buf sql = { 0 };
	bool kept = true, ok;

	lt_buf_z(&sql, "DO CONVERT(");
	my_sql_bytes(&sql, bytes);
	lt_buf_printf(&sql, " USING %.*s)", LT_FMT(c->from->charset));
	/* A statement that warns of nothing leaves the warnings of the one before it. */
	ok = my_exec(l->conn, lt_buf_cstr(&sql), &reply, &why) ? reply.warnings > 0 && was_text(l, &kept, &why) && !kept
							       : why.server_errno == INVALID_STRING;
	lt_buf_free(&sql);
	return ok;
}

bool
pipeline_load_text_whose(
    struct load *l, const struct pipeline_statement *s, const struct my_param *params, struct lt_err *err)
{
	for (size_t i = 0; i < pipeline_statement_width(s) && err->code == LT_E_VALUE_REFUSED && my_alive(l->conn);
	     i++) {
		const struct pipeline_column *c = pipeline_statement_column(s, i);

		if (c == NULL || c->bind != PIPELINE_BIND_FOREIGN || params[i].kind != MY_PARAM_BYTES ||
		    params[i].bytes.len > WHOSE_BYTES || !is_the_one(l, c, params[i].bytes))
			continue;
		lt_fail(err, LT_E_VALUE_REFUSED,
		    "column %.*s: the value is no text of character set %.*s, the target would store another one",
		    LT_FMT(c->target->name), LT_FMT(c->from->charset));
		break;
	}
	return false;
}
