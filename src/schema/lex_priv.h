/* schema/lex_priv.h - SQL text as tokens, by the lexical rules of both engines. */
#ifndef SCHEMA_LEX_PRIV_H
#define SCHEMA_LEX_PRIV_H

#include "base/arena.h"

enum schema_token_kind {
	SCHEMA_TOKEN_END,
	SCHEMA_TOKEN_WORD,   /* keyword or unquoted name; bytes from 0x80 on belong to it */
	SCHEMA_TOKEN_NUMBER, /* digits only */
	SCHEMA_TOKEN_NAME,   /* in backquotes, or in double quotes under ANSI_QUOTES */
	SCHEMA_TOKEN_STRING,
	SCHEMA_TOKEN_PUNCT, /* one byte */
	SCHEMA_TOKEN_BAD,   /* quote or comment without an end, zero byte; stays so */
};

struct schema_token {
	enum schema_token_kind kind;
	struct lt_str text; /* as written, quotes included; borrowed from the statement */
};

/** A value: a copy is a place to come back to. */
struct schema_lex {
	const char *at, *end; /* borrowed */
	uint64_t sql_mode;
	unsigned executed; /* how many executed comments we are inside of */
};

/** Reading begins at the start of `sql`, which stays borrowed. */
struct schema_lex schema_lex_of(struct lt_str sql, uint64_t sql_mode);
/** The next token. Comments are passed over; what stands in executed comments of either engine is not. */
struct schema_token schema_lex_next(struct schema_lex *lex);
/** A NAME, WORD or NUMBER without its quotes, copied. */
struct lt_str schema_token_name(const struct schema_token *t, struct lt_arena *arena);

#endif
