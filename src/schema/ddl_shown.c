/* What of a statement may be shown and kept: all but texts that may hold a password or a key. */
#include "schema/ddl.h"
#include "schema/lex_priv.h"

/* Words of options behind which such a text stands, with nothing between but `=` or `(`. */
static const char *const options[] = { "CONNECTION", "PASSWORD", "SECRET", "ENCRYPTION_KEY" };
/* Words that such a text of any option may have in it: an address with a password, the comment that Spider reads. */
static const char *const telling[] = { "password", "passwd", "secret", "://" };

/* How far the words in front of a text tell what it is. */
enum expected { NOTHING, THE_NEXT, ANY_LATER };

static bool
is_telling(struct lt_str text)
{
	for (size_t i = 0; i < LT_COUNT(telling); i++) {
		size_t len = strlen(telling[i]);

		for (size_t at = 0; at + len <= text.len; at++) {
			if (lt_str_ieq(lt_str_of(text.ptr + at, len), lt_str_z(telling[i])))
				return true;
		}
	}
	return false;
}

static enum expected
behind(const struct schema_token *t, enum expected before)
{
	if (t->kind == SCHEMA_TOKEN_WORD) {
		if (lt_str_ieq(t->text, LT_STR("IDENTIFIED")))
			return ANY_LATER; /* WITH or VIA a plugin, BY, AS, USING */
		for (size_t i = 0; i < LT_COUNT(options); i++) {
			if (lt_str_ieq(t->text, lt_str_z(options[i])))
				return THE_NEXT;
		}
	}
	if (before == ANY_LATER || t->kind == SCHEMA_TOKEN_STRING)
		return before;
	return t->kind == SCHEMA_TOKEN_PUNCT && (t->text.ptr[0] == '=' || t->text.ptr[0] == '(') ? before : NOTHING;
}

void
schema_ddl_shown(struct lt_str sql, uint64_t sql_mode, struct lt_buf *out)
{
	struct schema_lex lex = schema_lex_of(sql, sql_mode);
	enum expected expected = NOTHING;
	const char *from = lex.at; /* copied up to here */
	struct schema_token t;

	for (t = schema_lex_next(&lex); t.kind != SCHEMA_TOKEN_END; t = schema_lex_next(&lex)) {
		if (t.kind == SCHEMA_TOKEN_BAD ||
		    (t.kind == SCHEMA_TOKEN_STRING && (expected != NOTHING || is_telling(t.text)))) {
			lt_buf_str_add(out, lt_str_of(from, (size_t)(t.text.ptr - from)));
			lt_buf_z(out, t.kind == SCHEMA_TOKEN_BAD ? "..." : "'...'");
			from = t.text.ptr + t.text.len;
		}
		if (t.kind == SCHEMA_TOKEN_BAD)
			return;
		expected = behind(&t, expected);
	}
	lt_buf_str_add(out, lt_str_of(from, (size_t)(lex.end - from)));
}
