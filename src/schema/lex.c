#include "schema/lex_priv.h"

#include "schema/ddl.h"

struct schema_lex
schema_lex_of(struct lt_str sql, uint64_t sql_mode)
{
	const char *at = sql.ptr != NULL ? sql.ptr : "";

	return (struct schema_lex){ at, at + sql.len, sql_mode, 0 };
}

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '_' || c == '$' ||
	       (unsigned char)c >= 0x80;
}

static bool
ahead(const struct schema_lex *lex, const char *text)
{
	size_t len = strlen(text);

	return (size_t)(lex->end - lex->at) >= len && memcmp(lex->at, text, len) == 0;
}

/** Behind the version digits of an executed comment: five or six of them, or none. */
static void
enter_executed(struct schema_lex *lex, size_t opening)
{
	lex->at += opening;
	for (int i = 0; i < 6 && lex->at < lex->end && is_digit(*lex->at); i++)
		lex->at++;
	lex->executed++;
}

static bool
skip_to(struct schema_lex *lex, const char *stop)
{
	while (lex->at < lex->end && !ahead(lex, stop))
		lex->at++;
	if (lex->at == lex->end)
		return false;
	lex->at += strlen(stop);
	return true;
}

/** Over white space and comments; false: a comment has no end. */
static bool
skip_blank(struct schema_lex *lex)
{
	while (lex->at < lex->end) {
		if (is_space(*lex->at)) {
			lex->at++;
		} else if (*lex->at == '#' || (ahead(lex, "--") && (lex->end - lex->at == 2 || is_space(lex->at[2]) ||
								       (unsigned char)lex->at[2] < ' '))) {
			if (!skip_to(lex, "\n"))
				return true;
		} else if (ahead(lex, "/*!")) {
			enter_executed(lex, 3);
		} else if (ahead(lex, "/*M!")) {
			enter_executed(lex, 4);
		} else if (ahead(lex, "/*")) {
			lex->at += 2;
			if (!skip_to(lex, "*/"))
				return false;
		} else if (lex->executed > 0 && ahead(lex, "*/")) {
			lex->at += 2;
			lex->executed--;
		} else {
			return true;
		}
	}
	return lex->executed == 0;
}

/** Over a quoted text; a doubled quote stands for itself. */
static bool
skip_quoted(struct schema_lex *lex, bool backslash)
{
	char quote = *lex->at++;

	for (; lex->at < lex->end; lex->at++) {
		if (*lex->at == '\\' && backslash) {
			if (++lex->at == lex->end)
				return false;
		} else if (*lex->at == quote) {
			lex->at++;
			if (lex->at == lex->end || *lex->at != quote)
				return true;
		}
	}
	return false;
}

static struct schema_token
bad(struct schema_lex *lex, const char *from)
{
	struct schema_token t = { SCHEMA_TOKEN_BAD, lt_str_of(from, (size_t)(lex->end - from)) };

	lex->at = from; /* so that it stays bad */
	return t;
}

struct schema_token
schema_lex_next(struct schema_lex *lex)
{
	bool ansi = (lex->sql_mode & SCHEMA_SQL_MODE_ANSI_QUOTES) != 0;
	bool backslash = (lex->sql_mode & SCHEMA_SQL_MODE_NO_BACKSLASH_ESCAPES) == 0;
	struct schema_token t = { .kind = SCHEMA_TOKEN_END };
	const char *from = lex->at;

	if (!skip_blank(lex))
		return bad(lex, from);
	from = lex->at;
	if (from == lex->end)
		return t;
	if (*from == '\0')
		return bad(lex, from);
	if (*from == '`' || *from == '"' || *from == '\'') {
		t.kind = *from == '`' || (*from == '"' && ansi) ? SCHEMA_TOKEN_NAME : SCHEMA_TOKEN_STRING;
		if (!skip_quoted(lex, backslash && t.kind == SCHEMA_TOKEN_STRING))
			return bad(lex, from);
	} else if (is_word(*from)) {
		t.kind = SCHEMA_TOKEN_NUMBER;
		for (; lex->at < lex->end && is_word(*lex->at); lex->at++)
			if (!is_digit(*lex->at))
				t.kind = SCHEMA_TOKEN_WORD;
	} else {
		t.kind = SCHEMA_TOKEN_PUNCT;
		lex->at++;
	}
	t.text = lt_str_of(from, (size_t)(lex->at - from));
	return t;
}

struct lt_str
schema_token_name(const struct schema_token *t, struct lt_arena *arena)
{
	char *out;
	size_t n = 0;

	if (t->kind != SCHEMA_TOKEN_NAME)
		return lt_arena_str(arena, t->text);
	out = (char *)lt_arena_zalloc(arena, t->text.len);
	for (size_t i = 1; i + 1 < t->text.len; i++) {
		out[n++] = t->text.ptr[i];
		if (t->text.ptr[i] == t->text.ptr[0])
			i++;
	}
	return lt_str_of(out, n);
}
