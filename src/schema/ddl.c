#include "schema/ddl.h"

#include "schema/lex_priv.h"

/** One statement being read; lives on the stack. */
struct parse {
	struct schema_lex lex;
	struct schema_token tok; /* the one not yet taken */
	struct lt_arena *arena;
	struct lt_str default_schema;
	struct schema_ddl_name *names; /* arena */
	size_t nnames, cap;
	const char *verb;
	unsigned depth; /* statements around this one: SET STATEMENT ... FOR, ANALYZE */
};

/* Nobody nests more; a hostile statement must not eat the stack. */
#define DEPTH_MAX 4

typedef enum schema_ddl_kind (*verb_fn)(struct parse *p);

/* -- tokens --------------------------------------------------------------------------------------- */

static void
take(struct parse *p)
{
	p->tok = schema_lex_next(&p->lex);
}

static bool
is(const struct parse *p, const char *word)
{
	return p->tok.kind == SCHEMA_TOKEN_WORD && lt_str_ieq(p->tok.text, lt_str_z(word));
}

static bool
is_punct(const struct parse *p, char c)
{
	return p->tok.kind == SCHEMA_TOKEN_PUNCT && p->tok.text.ptr[0] == c;
}

static bool
is_end(const struct parse *p)
{
	return p->tok.kind == SCHEMA_TOKEN_END || p->tok.kind == SCHEMA_TOKEN_BAD || is_punct(p, ';');
}

/** Take the word if it is the next one. */
static bool
accept(struct parse *p, const char *word)
{
	if (!is(p, word))
		return false;
	take(p);
	return true;
}

static bool
accept_punct(struct parse *p, char c)
{
	if (!is_punct(p, c))
		return false;
	take(p);
	return true;
}

/** Take any of the words (space between them in `words`) as long as they come. */
static void
skip_words(struct parse *p, const char *const *words)
{
	for (size_t i = 0; words[i] != NULL;)
		i = accept(p, words[i]) ? 0 : i + 1;
}

static bool
is_any(const struct parse *p, const char *const *words)
{
	for (; *words != NULL; words++)
		if (is(p, *words))
			return true;
	return false;
}

/** From '(' behind its ')'. */
static void
skip_group(struct parse *p)
{
	size_t depth = 0;

	do {
		depth += is_punct(p, '(');
		depth -= is_punct(p, ')');
		take(p);
	} while (depth > 0 && !is_end(p));
}

/** To the next of `words` outside brackets; false: there is none, and the statement is at its end. */
static bool
seek(struct parse *p, const char *const *words)
{
	while (!is_end(p)) {
		if (is_any(p, words))
			return true;
		if (is_punct(p, '('))
			skip_group(p);
		else
			take(p);
	}
	return false;
}

static void
skip_if_exists(struct parse *p)
{
	if (accept(p, "IF")) {
		accept(p, "NOT");
		accept(p, "EXISTS");
	}
}

/* -- names ---------------------------------------------------------------------------------------- */

static void
add_name(struct parse *p, struct lt_str schema, struct lt_str table)
{
	if (p->nnames == p->cap) {
		size_t cap = p->cap == 0 ? 4 : p->cap * 2;

		p->names = (struct schema_ddl_name *)lt_arena_grow(
		    p->arena, p->names, p->cap * sizeof(*p->names), cap * sizeof(*p->names));
		p->cap = cap;
	}
	p->names[p->nnames].schema = schema;
	p->names[p->nnames++].table = table;
}

static bool
read_part(struct parse *p, struct lt_str *out)
{
	if (p->tok.kind != SCHEMA_TOKEN_WORD && p->tok.kind != SCHEMA_TOKEN_NAME && p->tok.kind != SCHEMA_TOKEN_NUMBER)
		return false;
	*out = schema_token_name(&p->tok, p->arena);
	take(p);
	return out->len != 0;
}

/** `t`, `s`.`t` or .`t`; "t.*", as DELETE has it, is t. */
static bool
read_table(struct parse *p, struct lt_str *schema, struct lt_str *table)
{
	*schema = p->default_schema;
	if (accept_punct(p, '.'))
		return read_part(p, table);
	if (!read_part(p, table))
		return false;
	if (!accept_punct(p, '.') || accept_punct(p, '*'))
		return true;
	*schema = *table;
	if (!read_part(p, table))
		return false;
	if (is_punct(p, '.')) { /* s.t.* */
		take(p);
		return accept_punct(p, '*');
	}
	return true;
}

static bool
take_table(struct parse *p)
{
	struct lt_str schema, table;

	if (!read_table(p, &schema, &table))
		return false;
	add_name(p, schema, table);
	return true;
}

/** a, b, c */
static bool
take_tables(struct parse *p)
{
	do {
		if (!take_table(p))
			return false;
	} while (accept_punct(p, ','));
	return true;
}

/** The rest matters only in that it must be sound and the last statement of the text. */
static enum schema_ddl_kind
finish(struct parse *p, bool ok, enum schema_ddl_kind kind)
{
	static const char *const nothing[] = { NULL };

	if (!ok || seek(p, nothing))
		return SCHEMA_DDL_UNKNOWN;
	while (accept_punct(p, ';'))
		continue;
	return p->tok.kind == SCHEMA_TOKEN_END ? kind : SCHEMA_DDL_UNKNOWN;
}

/* -- tables, indexes, schemas --------------------------------------------------------------------- */

static void
skip_wait(struct parse *p)
{
	if (accept(p, "WAIT"))
		take(p);
	else
		accept(p, "NOWAIT");
}

static enum schema_ddl_kind
create_table(struct parse *p)
{
	skip_if_exists(p);
	return finish(p, take_table(p), SCHEMA_DDL_SHAPE);
}

static enum schema_ddl_kind
drop_tables(struct parse *p)
{
	skip_if_exists(p);
	return finish(p, take_tables(p), SCHEMA_DDL_SHAPE);
}

/** [IF [NOT] EXISTS] name ... ON table */
static enum schema_ddl_kind
on_table(struct parse *p)
{
	static const char *const on[] = { "ON", NULL };

	return finish(p, seek(p, on) && accept(p, "ON") && take_table(p), SCHEMA_DDL_SHAPE);
}

/** Names of other tables that one of the actions of ALTER TABLE brings in. */
static bool
alter_actions(struct parse *p)
{
	static const char *const actions[] = { "RENAME", "EXCHANGE", "CONVERT", NULL };
	static const char *const parts[] = { "COLUMN", "INDEX", "KEY", "PARTITION", NULL };
	static const char *const table[] = { "TABLE", NULL };
	static const char *const partition[] = { "TABLE", "CHARACTER", "CHARSET", "CHAR", NULL };

	while (seek(p, actions)) {
		if (accept(p, "RENAME")) {
			if (is_any(p, parts))
				continue;
			if (!accept(p, "TO") && !accept(p, "AS"))
				accept_punct(p, '=');
			if (!take_table(p))
				return false;
		} else if (accept(p, "EXCHANGE")) { /* PARTITION p WITH TABLE t */
			if (!is(p, "PARTITION"))
				continue;
			if (!seek(p, table) || !accept(p, "TABLE") || !take_table(p))
				return false;
		} else { /* CONVERT TO CHARACTER SET, CONVERT PARTITION p TO TABLE t, CONVERT TABLE t TO PARTITION p */
			take(p);
			if (!is(p, "TO") && !is(p, "PARTITION") && !is(p, "TABLE"))
				continue;
			if (seek(p, partition) && accept(p, "TABLE") && !take_table(p))
				return false;
		}
	}
	return true;
}

static enum schema_ddl_kind
alter_table(struct parse *p)
{
	skip_if_exists(p);
	if (!take_table(p))
		return SCHEMA_DDL_UNKNOWN;
	skip_wait(p);
	return finish(p, alter_actions(p), SCHEMA_DDL_SHAPE);
}

static enum schema_ddl_kind
rename_tables(struct parse *p)
{
	p->verb = "RENAME TABLE";
	skip_if_exists(p);
	do {
		if (!take_table(p))
			return SCHEMA_DDL_UNKNOWN;
		skip_wait(p);
		if (!accept(p, "TO") || !take_table(p))
			return SCHEMA_DDL_UNKNOWN;
	} while (accept_punct(p, ','));
	return finish(p, true, SCHEMA_DDL_SHAPE);
}

static enum schema_ddl_kind
truncate_table(struct parse *p)
{
	p->verb = "TRUNCATE TABLE";
	accept(p, "TABLE");
	return finish(p, take_table(p), SCHEMA_DDL_SHAPE);
}

static enum schema_ddl_kind
schema_by_name(struct parse *p)
{
	struct lt_str name;

	skip_if_exists(p);
	if (!read_part(p, &name))
		return SCHEMA_DDL_UNKNOWN;
	add_name(p, name, lt_str_of(NULL, 0));
	return finish(p, true, SCHEMA_DDL_SCHEMA);
}

/** The name may be left out; options begin with a word that may be a name too. */
static enum schema_ddl_kind
alter_schema(struct parse *p)
{
	static const char *const options[] = { "CHARACTER", "DEFAULT", "COLLATE", "READ", "CHARSET", "ENCRYPTION",
		"COMMENT", NULL };
	static const char *const follow[] = { "CHARACTER", "DEFAULT", "COLLATE", "READ", "CHARSET", "ENCRYPTION",
		"COMMENT", "UPGRADE", NULL };
	struct parse ahead = *p;
	bool reserved = is(p, "CHARACTER") || is(p, "DEFAULT") || is(p, "COLLATE") || is(p, "READ");

	take(&ahead);
	if (reserved || (is_any(p, options) && !is_any(&ahead, follow))) {
		add_name(p, p->default_schema, lt_str_of(NULL, 0));
		return finish(p, p->default_schema.len != 0, SCHEMA_DDL_SCHEMA);
	}
	return schema_by_name(p);
}

/* -- what CREATE, ALTER and DROP may be about ----------------------------------------------------- */

enum { CREATE = 1, ALTER = 2, DROP = 4, ALL = 7 };

static const struct object {
	const char *word;
	unsigned forms;
	const char *verbs[3]; /* of CREATE, ALTER, DROP */
	verb_fn read;         /* NULL: harmless, whatever follows */
} objects[] = {
	{ "TABLE", CREATE, { "CREATE TABLE", NULL, NULL }, create_table },
	{ "TABLE", ALTER, { NULL, "ALTER TABLE", NULL }, alter_table },
	{ "TABLE", DROP, { NULL, NULL, "DROP TABLE" }, drop_tables },
	{ "TABLES", DROP, { NULL, NULL, "DROP TABLE" }, drop_tables },
	{ "SEQUENCE", ALL, { "CREATE SEQUENCE", "ALTER SEQUENCE", "DROP SEQUENCE" }, drop_tables },
	{ "INDEX", CREATE | DROP, { "CREATE INDEX", NULL, "DROP INDEX" }, on_table },
	{ "KEY", CREATE | DROP, { "CREATE INDEX", NULL, "DROP INDEX" }, on_table },
	{ "DATABASE", CREATE | DROP, { "CREATE DATABASE", NULL, "DROP DATABASE" }, schema_by_name },
	{ "SCHEMA", CREATE | DROP, { "CREATE DATABASE", NULL, "DROP DATABASE" }, schema_by_name },
	{ "DATABASE", ALTER, { NULL, "ALTER DATABASE", NULL }, alter_schema },
	{ "SCHEMA", ALTER, { NULL, "ALTER DATABASE", NULL }, alter_schema },
	{ "VIEW", ALL, { "CREATE VIEW", "ALTER VIEW", "DROP VIEW" }, NULL },
	{ "TRIGGER", ALL, { "CREATE TRIGGER", "ALTER TRIGGER", "DROP TRIGGER" }, NULL },
	{ "PROCEDURE", ALL, { "CREATE PROCEDURE", "ALTER PROCEDURE", "DROP PROCEDURE" }, NULL },
	{ "FUNCTION", ALL, { "CREATE FUNCTION", "ALTER FUNCTION", "DROP FUNCTION" }, NULL },
	{ "PACKAGE", ALL, { "CREATE PACKAGE", "ALTER PACKAGE", "DROP PACKAGE" }, NULL },
	{ "LIBRARY", ALL, { "CREATE LIBRARY", "ALTER LIBRARY", "DROP LIBRARY" }, NULL },
	{ "EVENT", ALL, { "CREATE EVENT", "ALTER EVENT", "DROP EVENT" }, NULL },
	{ "USER", ALL, { "CREATE USER", "ALTER USER", "DROP USER" }, NULL },
	{ "ROLE", ALL, { "CREATE ROLE", "ALTER ROLE", "DROP ROLE" }, NULL },
	{ "SERVER", ALL, { "CREATE SERVER", "ALTER SERVER", "DROP SERVER" }, NULL },
	{ "TABLESPACE", ALL, { "CREATE TABLESPACE", "ALTER TABLESPACE", "DROP TABLESPACE" }, NULL },
	{ "LOGFILE", ALL, { "CREATE LOGFILE GROUP", "ALTER LOGFILE GROUP", "DROP LOGFILE GROUP" }, NULL },
	{ "RESOURCE", ALL, { "CREATE RESOURCE GROUP", "ALTER RESOURCE GROUP", "DROP RESOURCE GROUP" }, NULL },
	{ "REFERENCE", CREATE | DROP, { "CREATE SPATIAL REFERENCE SYSTEM", NULL, "DROP SPATIAL REFERENCE SYSTEM" },
	    NULL },
	{ "INSTANCE", ALTER, { NULL, "ALTER INSTANCE", NULL }, NULL },
	{ "PREPARE", DROP, { NULL, NULL, "DROP PREPARE" }, NULL },
};

/** DEFINER = user[()][@host] */
static bool
skip_definer(struct parse *p)
{
	if (!accept_punct(p, '='))
		return false;
	take(p);
	if (is_punct(p, '('))
		skip_group(p);
	if (accept_punct(p, '@'))
		take(p);
	return true;
}

/** Words between the verb and its object; false: something else came. */
static bool
skip_modifiers(struct parse *p, bool *temporary)
{
	static const char *const plain[] = { "UNIQUE", "FULLTEXT", "SPATIAL", "VECTOR", "ONLINE", "OFFLINE", "IGNORE",
		"AGGREGATE", "UNDO", "JSON", "RELATIONAL", "DUALITY", "PUBLIC", NULL };

	for (;;) {
		skip_words(p, plain);
		if (accept(p, "TEMPORARY")) {
			*temporary = true;
		} else if (accept(p, "OR")) {
			if (!accept(p, "REPLACE"))
				return false;
		} else if (accept(p, "DEFINER")) {
			if (!skip_definer(p))
				return false;
		} else if (accept(p, "SQL")) { /* SECURITY DEFINER|INVOKER */
			take(p);
			take(p);
		} else if (accept(p, "ALGORITHM")) {
			accept_punct(p, '=');
			take(p);
		} else {
			return true;
		}
	}
}

static enum schema_ddl_kind
about_object(struct parse *p, unsigned form, const char *verb)
{
	bool temporary = false;

	p->verb = verb;
	if (!skip_modifiers(p, &temporary))
		return SCHEMA_DDL_UNKNOWN;
	for (size_t i = 0; i < LT_COUNT(objects); i++) {
		const struct object *o = &objects[i];

		if ((o->forms & form) == 0 || !is(p, o->word))
			continue;
		take(p);
		p->verb = o->verbs[form == CREATE ? 0 : form == ALTER ? 1 : 2];
		if (o->read == NULL || temporary)
			return SCHEMA_DDL_HARMLESS;
		return o->read(p);
	}
	return SCHEMA_DDL_UNKNOWN;
}

static enum schema_ddl_kind
create(struct parse *p)
{
	return about_object(p, CREATE, "CREATE");
}

static enum schema_ddl_kind
alter(struct parse *p)
{
	return about_object(p, ALTER, "ALTER");
}

static enum schema_ddl_kind
drop(struct parse *p)
{
	return about_object(p, DROP, "DROP");
}

static enum schema_ddl_kind
rename_any(struct parse *p)
{
	if (accept(p, "TABLE") || accept(p, "TABLES"))
		return rename_tables(p);
	p->verb = "RENAME";
	return is(p, "USER") ? SCHEMA_DDL_HARMLESS : SCHEMA_DDL_UNKNOWN;
}

/* -- row changes by statement --------------------------------------------------------------------- */

/** Table references up to one of `stop`: names after the start, a comma or JOIN; derived tables and hints are passed
 * over. */
static bool
take_references(struct parse *p, const char *const *stop)
{
	static const char *const joins[] = { "JOIN", "STRAIGHT_JOIN", NULL };
	static const char *const derived[] = { "SELECT", "WITH", "VALUES", "TABLE", NULL };
	static const char *const modifiers[] = { "LATERAL", NULL };
	bool expected = true;

	while (!is_end(p) && !is_any(p, stop)) {
		if (!expected) {
			expected = is_punct(p, ',') || is_any(p, joins);
			if (is_punct(p, '('))
				skip_group(p);
			else
				take(p);
			continue;
		}
		skip_words(p, modifiers);
		if (is_punct(p, '(')) {
			struct parse ahead = *p;

			take(&ahead);
			if (is_any(&ahead, derived)) {
				skip_group(p);
				expected = false;
			} else {
				take(p);
			}
			continue;
		}
		if (!take_table(p))
			return false;
		expected = false;
	}
	return !expected;
}

static enum schema_ddl_kind
insert(struct parse *p)
{
	static const char *const modifiers[] = { "LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "INTO", NULL };

	skip_words(p, modifiers);
	return finish(p, take_table(p), SCHEMA_DDL_DML);
}

static enum schema_ddl_kind
update(struct parse *p)
{
	static const char *const modifiers[] = { "LOW_PRIORITY", "IGNORE", NULL };
	static const char *const stop[] = { "SET", NULL };

	skip_words(p, modifiers);
	return finish(p, take_references(p, stop) && is(p, "SET"), SCHEMA_DDL_DML);
}

static enum schema_ddl_kind
delete_rows(struct parse *p)
{
	static const char *const modifiers[] = { "LOW_PRIORITY", "QUICK", "IGNORE", "HISTORY", NULL };
	static const char *const from[] = { "FROM", NULL };
	static const char *const stop[] = { "WHERE", "ORDER", "LIMIT", "RETURNING", NULL };
	static const char *const using[] = { "USING", "WHERE", "ORDER", "LIMIT", "RETURNING", NULL };
	bool several;

	skip_words(p, modifiers);
	several = !is(p, "FROM"); /* DELETE a, b FROM a JOIN b USING (...): this USING is another one */
	if (!seek(p, from) || !accept(p, "FROM") || !take_references(p, several ? stop : using))
		return SCHEMA_DDL_UNKNOWN;
	if (!several && accept(p, "USING")) {
		p->nnames = 0; /* those may have been aliases of what comes now */
		if (!take_references(p, stop))
			return SCHEMA_DDL_UNKNOWN;
	}
	return finish(p, true, SCHEMA_DDL_DML);
}

static enum schema_ddl_kind
load(struct parse *p)
{
	static const char *const into[] = { "INTO", NULL };

	if (accept(p, "INDEX"))
		return SCHEMA_DDL_HARMLESS;
	if (!accept(p, "DATA") && !accept(p, "XML"))
		return SCHEMA_DDL_UNKNOWN;
	p->verb = "LOAD DATA";
	return finish(p, seek(p, into) && accept(p, "INTO") && accept(p, "TABLE") && take_table(p), SCHEMA_DDL_DML);
}

/** DO f() reaches the log for what f changes, but for the locks by name that go with a session. */
static enum schema_ddl_kind
do_expression(struct parse *p)
{
	static const char *const locks[] = { "RELEASE_LOCK", "RELEASE_ALL_LOCKS", "GET_LOCK", "IS_FREE_LOCK",
		"IS_USED_LOCK", "SLEEP", NULL };

	return is_any(p, locks) ? SCHEMA_DDL_NONE : SCHEMA_DDL_DML;
}

/* -- the first word ------------------------------------------------------------------------------- */

static enum schema_ddl_kind classify(struct parse *p);

/** WITH a AS (...), b AS (...) INSERT|UPDATE|DELETE|SELECT */
static enum schema_ddl_kind
with(struct parse *p)
{
	static const char *const verbs[] = { "UPDATE", "DELETE", "INSERT", "REPLACE", "SELECT", NULL };

	return seek(p, verbs) ? classify(p) : SCHEMA_DDL_UNKNOWN;
}

/** SET ..., or MariaDB's SET STATEMENT a=b FOR <statement> */
static enum schema_ddl_kind
set(struct parse *p)
{
	static const char *const for_[] = { "FOR", NULL };

	if (!accept(p, "STATEMENT") || is_punct(p, '=') || is_punct(p, ':'))
		return SCHEMA_DDL_NONE;
	return seek(p, for_) && accept(p, "FOR") ? classify(p) : SCHEMA_DDL_UNKNOWN;
}

/** ANALYZE TABLE, or MariaDB's ANALYZE [FORMAT=JSON] <statement>, which runs it */
static enum schema_ddl_kind
analyze(struct parse *p)
{
	static const char *const table[] = { "TABLE", "TABLES", "LOCAL", "NO_WRITE_TO_BINLOG", NULL };

	if (is_any(p, table))
		return SCHEMA_DDL_HARMLESS;
	if (accept(p, "FORMAT")) {
		accept_punct(p, '=');
		take(p);
	}
	return is(p, "ANALYZE") ? SCHEMA_DDL_UNKNOWN : classify(p);
}

/** BEGIN [WORK], but not MariaDB's block BEGIN NOT ATOMIC ... END. */
static enum schema_ddl_kind
begin(struct parse *p)
{
	return is(p, "NOT") ? SCHEMA_DDL_UNKNOWN : SCHEMA_DDL_NONE;
}

static const struct verb {
	const char *word;
	verb_fn read; /* NULL: `kind`, whatever follows */
	enum schema_ddl_kind kind;
} verbs[] = {
	{ "BEGIN", begin, SCHEMA_DDL_NONE },
	{ "CREATE", create, SCHEMA_DDL_NONE },
	{ "ALTER", alter, SCHEMA_DDL_NONE },
	{ "DROP", drop, SCHEMA_DDL_NONE },
	{ "RENAME", rename_any, SCHEMA_DDL_NONE },
	{ "TRUNCATE", truncate_table, SCHEMA_DDL_NONE },
	{ "INSERT", insert, SCHEMA_DDL_NONE },
	{ "REPLACE", insert, SCHEMA_DDL_NONE },
	{ "UPDATE", update, SCHEMA_DDL_NONE },
	{ "DELETE", delete_rows, SCHEMA_DDL_NONE },
	{ "LOAD", load, SCHEMA_DDL_NONE },
	{ "WITH", with, SCHEMA_DDL_NONE },
	{ "SET", set, SCHEMA_DDL_NONE },
	{ "ANALYZE", analyze, SCHEMA_DDL_NONE },
	{ "DO", do_expression, SCHEMA_DDL_NONE },
	/* A read reaches the log only when a function in it changes rows. */
	{ "SELECT", NULL, SCHEMA_DDL_DML },
	{ "CALL", NULL, SCHEMA_DDL_DML },
	{ "COMMIT", NULL, SCHEMA_DDL_NONE },
	{ "ROLLBACK", NULL, SCHEMA_DDL_NONE },
	{ "SAVEPOINT", NULL, SCHEMA_DDL_NONE },
	{ "RELEASE", NULL, SCHEMA_DDL_NONE },
	{ "START", NULL, SCHEMA_DDL_NONE },
	{ "STOP", NULL, SCHEMA_DDL_NONE },
	{ "XA", NULL, SCHEMA_DDL_NONE },
	{ "USE", NULL, SCHEMA_DDL_NONE },
	{ "SHOW", NULL, SCHEMA_DDL_NONE },
	{ "EXPLAIN", NULL, SCHEMA_DDL_NONE },
	{ "DESCRIBE", NULL, SCHEMA_DDL_NONE },
	{ "DESC", NULL, SCHEMA_DDL_NONE },
	{ "HELP", NULL, SCHEMA_DDL_NONE },
	{ "VALUES", NULL, SCHEMA_DDL_NONE },
	{ "TABLE", NULL, SCHEMA_DDL_NONE },
	{ "HANDLER", NULL, SCHEMA_DDL_NONE },
	{ "LOCK", NULL, SCHEMA_DDL_NONE },
	{ "UNLOCK", NULL, SCHEMA_DDL_NONE },
	{ "KILL", NULL, SCHEMA_DDL_NONE },
	{ "PREPARE", NULL, SCHEMA_DDL_NONE },
	{ "DEALLOCATE", NULL, SCHEMA_DDL_NONE },
	{ "CHANGE", NULL, SCHEMA_DDL_NONE },
	{ "PURGE", NULL, SCHEMA_DDL_NONE },
	{ "RESET", NULL, SCHEMA_DDL_NONE },
	{ "SHUTDOWN", NULL, SCHEMA_DDL_NONE },
	{ "RESTART", NULL, SCHEMA_DDL_NONE },
	{ "BACKUP", NULL, SCHEMA_DDL_NONE },
	{ "FLUSH", NULL, SCHEMA_DDL_HARMLESS },
	{ "OPTIMIZE", NULL, SCHEMA_DDL_HARMLESS },
	{ "REPAIR", NULL, SCHEMA_DDL_HARMLESS },
	{ "CHECK", NULL, SCHEMA_DDL_HARMLESS },
	{ "CHECKSUM", NULL, SCHEMA_DDL_HARMLESS },
	{ "CACHE", NULL, SCHEMA_DDL_HARMLESS },
	{ "GRANT", NULL, SCHEMA_DDL_HARMLESS },
	{ "REVOKE", NULL, SCHEMA_DDL_HARMLESS },
	{ "INSTALL", NULL, SCHEMA_DDL_HARMLESS },
	{ "UNINSTALL", NULL, SCHEMA_DDL_HARMLESS },
};

static enum schema_ddl_kind
classify(struct parse *p)
{
	if (p->depth++ == DEPTH_MAX)
		return SCHEMA_DDL_UNKNOWN;
	while (accept_punct(p, '(')) /* (SELECT ...) UNION ... */
		continue;
	if (p->tok.kind == SCHEMA_TOKEN_END) {
		p->verb = "";
		return SCHEMA_DDL_NONE; /* a comment alone, as MariaDB puts in place of events that a reader may not
					   know */
	}
	for (size_t i = 0; i < LT_COUNT(verbs); i++) {
		if (!is(p, verbs[i].word))
			continue;
		take(p);
		p->verb = verbs[i].word;
		return verbs[i].read == NULL ? verbs[i].kind : verbs[i].read(p);
	}
	return SCHEMA_DDL_UNKNOWN;
}

void
schema_ddl_classify(
    struct lt_str sql, struct lt_str default_schema, uint64_t sql_mode, struct lt_arena *arena, struct schema_ddl *out)
{
	struct parse p = { .lex = schema_lex_of(sql, sql_mode), .arena = arena, .verb = "" };

	p.default_schema = lt_arena_str(arena, default_schema);
	take(&p);
	out->kind = classify(&p);
	if (out->kind == SCHEMA_DDL_NONE || out->kind == SCHEMA_DDL_HARMLESS || out->kind == SCHEMA_DDL_UNKNOWN)
		p.nnames = 0;
	out->verb = p.verb;
	out->nnames = p.nnames;
	out->names = p.names;
}

/* -- digest --------------------------------------------------------------------------------------- */

/** FNV-1a; letters folded where `fold`. */
static uint64_t
mix(uint64_t h, struct lt_str s, bool fold)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];

		if (fold && c >= 'A' && c <= 'Z')
			c = (unsigned char)(c + ('a' - 'A'));
		h = (h ^ c) * UINT64_C(0x100000001b3);
	}
	return (h ^ 0xff) * UINT64_C(0x100000001b3); /* no byte of UTF-8: ends the text */
}

uint64_t
schema_ddl_digest(struct lt_str sql, struct lt_str default_schema, uint64_t sql_mode)
{
	struct schema_lex lex = schema_lex_of(sql, sql_mode);
	struct lt_arena *arena = lt_arena_new();
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	struct schema_token t;
	struct schema_ddl ddl;

	/* Unquoted words may be names, whose case counts: those that matter go in once more, as they are. */
	schema_ddl_classify(sql, default_schema, sql_mode, arena, &ddl);
	for (size_t i = 0; i < ddl.nnames; i++)
		h = mix(mix(h, ddl.names[i].schema, false), ddl.names[i].table, false);
	if (ddl.nnames == 0)
		h = mix(h, default_schema, false);
	do {
		t = schema_lex_next(&lex);
		if (t.kind != SCHEMA_TOKEN_PUNCT || t.text.ptr[0] != ';')
			h = mix(h, t.text, t.kind == SCHEMA_TOKEN_WORD);
	} while (t.kind != SCHEMA_TOKEN_END && t.kind != SCHEMA_TOKEN_BAD);
	lt_arena_free(arena);
	return h;
}
