#include "pipeline/grants.h"

#include "mysql/sql.h"
#include "pipeline/check.h"

#define ROW_PRIVS (PIPELINE_PRIV_SELECT | PIPELINE_PRIV_INSERT | PIPELINE_PRIV_UPDATE | PIPELINE_PRIV_DELETE)
#define UPGRADE_PRIVS (PIPELINE_PRIV_ALTER | PIPELINE_PRIV_DROP | PIPELINE_PRIV_INDEX)

static const struct priv {
	uint32_t bit;
	const char *name, *mariadb; /* mariadb NULL: the same */
} privs[] = {
	{ PIPELINE_PRIV_REPL_SLAVE, "REPLICATION SLAVE", NULL },
	{ PIPELINE_PRIV_REPL_CLIENT, "REPLICATION CLIENT", "BINLOG MONITOR" },
	{ PIPELINE_PRIV_SELECT, "SELECT", NULL },
	{ PIPELINE_PRIV_INSERT, "INSERT", NULL },
	{ PIPELINE_PRIV_UPDATE, "UPDATE", NULL },
	{ PIPELINE_PRIV_DELETE, "DELETE", NULL },
	{ PIPELINE_PRIV_CREATE, "CREATE", NULL },
	{ PIPELINE_PRIV_ALTER, "ALTER", NULL },
	{ PIPELINE_PRIV_DROP, "DROP", NULL },
	{ PIPELINE_PRIV_INDEX, "INDEX", NULL },
	{ PIPELINE_PRIV_TRIGGER, "TRIGGER", NULL },
};

/* -- what is needed ------------------------------------------------------------------------------- */

static bool
same_name(struct lt_str a, struct lt_str b)
{
	return (a.ptr == NULL) == (b.ptr == NULL) && lt_str_eq(a, b);
}

static void
need(struct pipeline_needs *n, struct lt_str schema, struct lt_str table, uint32_t bits, uint32_t later)
{
	for (size_t i = 0; i < n->count; i++) {
		struct pipeline_need *at = &n->list[i];

		if (same_name(at->schema, schema) && same_name(at->table, table)) {
			at->privs |= bits;
			at->later |= later;
			return;
		}
	}
	if (n->count == n->cap) {
		size_t cap = n->cap > 0 ? n->cap * 2 : 8;

		n->list = lt_arena_grow(n->arena, n->list, n->cap * sizeof(*n->list), cap * sizeof(*n->list));
		n->cap = cap;
	}
	n->list[n->count++] = (struct pipeline_need){
		.schema = schema.ptr != NULL ? lt_arena_str(n->arena, schema) : schema,
		.table = table.ptr != NULL ? lt_arena_str(n->arena, table) : table,
		.privs = bits,
		.later = later,
	};
}

static void
need_mapped(struct pipeline_needs *n, const struct model_mapping *mapping, bool target, uint32_t bits)
{
	for (size_t i = 0; i < model_mapping_count(mapping); i++) {
		struct lt_str schema, table;

		model_mapping_end(mapping, i, target, &schema, &table);
		need(n, schema, schema.ptr != NULL ? table : schema, bits, 0);
	}
}

/* What a wider statement grants already is not asked for again. */
static void
prune(struct pipeline_needs *n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n->count; i++) {
		struct pipeline_need at = n->list[i];

		for (size_t j = 0; j < n->count; j++) {
			const struct pipeline_need *wide = &n->list[j];
			bool covers = wide->schema.ptr == NULL ? at.schema.ptr != NULL
							       : wide->table.ptr == NULL && at.table.ptr != NULL &&
								     same_name(wide->schema, at.schema);

			if (j < kept || j > i) /* those between were moved or dropped */
				at.privs &= covers ? ~wide->privs : UINT32_MAX;
		}
		at.later &= at.privs;
		if (at.privs != 0)
			n->list[kept++] = at;
	}
	n->count = kept;
}

void
pipeline_needs_init(struct pipeline_needs *n, const struct model_channel *channel, size_t site)
{
	const struct lt_str all = { 0 };

	*n = (struct pipeline_needs){ .arena = lt_arena_new() };
	for (size_t i = 0; i < channel->npipelines; i++) {
		const struct model_pipeline *p = &channel->pipelines[i];

		if (p->from != site)
			continue;
		need(n, all, all, PIPELINE_PRIV_REPL_SLAVE | PIPELINE_PRIV_REPL_CLIENT, 0);
		need_mapped(n, p->mapping, false, PIPELINE_PRIV_SELECT);
	}
	for (size_t i = 0; i < channel->npipelines; i++) {
		const struct model_pipeline *p = &channel->pipelines[i];

		if (p->to != site)
			continue;
		if (channel->conflicts.shadow) /* its log is read, too */
			need(n, all, all, PIPELINE_PRIV_REPL_SLAVE | PIPELINE_PRIV_REPL_CLIENT, 0);
		/* Where conflicts are decided, a trigger that cannot be seen is one too many. */
		need_mapped(n, p->mapping, true, channel->conflicts.on ? ROW_PRIVS | PIPELINE_PRIV_TRIGGER : ROW_PRIVS);
		if (channel->otter.write)
			need(n, lt_str_z(channel->otter.schema), LT_STR("retl_mark"),
			    PIPELINE_PRIV_SELECT | PIPELINE_PRIV_INSERT | PIPELINE_PRIV_UPDATE, 0);
		need(n, LT_STR("lutra"), all, ROW_PRIVS | PIPELINE_PRIV_CREATE | UPGRADE_PRIVS, UPGRADE_PRIVS);
	}
	prune(n);
}

void
pipeline_needs_clear(struct pipeline_needs *n)
{
	lt_arena_free(n->arena);
	*n = (struct pipeline_needs){ 0 };
}

void
pipeline_privs_text(uint32_t bits, bool mariadb, struct lt_buf *out)
{
	const char *comma = "";

	for (size_t i = 0; i < LT_COUNT(privs); i++) {
		if ((bits & privs[i].bit) == 0)
			continue;
		lt_buf_z(out, comma);
		lt_buf_z(out, mariadb && privs[i].mariadb != NULL ? privs[i].mariadb : privs[i].name);
		comma = ", ";
	}
}

/* A schema before `.*` is a pattern to the server, before a table's name it is not. */
static void
add_scope(struct lt_buf *out, struct lt_str schema, struct lt_str table)
{
	struct lt_buf pattern = { 0 };

	if (schema.ptr == NULL) {
		lt_buf_z(out, "*.*");
		return;
	}
	if (table.ptr != NULL) {
		my_sql_table(out, schema, table);
		return;
	}
	for (size_t i = 0; i < schema.len; i++) {
		if (schema.ptr[i] == '_' || schema.ptr[i] == '%' || schema.ptr[i] == '\\')
			lt_buf_c(&pattern, '\\');
		lt_buf_c(&pattern, schema.ptr[i]);
	}
	my_sql_name(out, lt_buf_str(&pattern));
	lt_buf_z(out, ".*");
	lt_buf_free(&pattern);
}

void
pipeline_need_text(const struct pipeline_need *at, bool mariadb, struct lt_str account, struct lt_buf *out)
{
	lt_buf_z(out, "GRANT ");
	pipeline_privs_text(at->privs, mariadb, out);
	lt_buf_z(out, " ON ");
	add_scope(out, at->schema, at->table);
	lt_buf_z(out, " TO ");
	lt_buf_str_add(out, account);
}

void
pipeline_grants(const struct model_channel *channel, size_t site, bool mariadb, struct lt_buf *out)
{
	const char *user = channel->sites[site].user;
	struct pipeline_needs needs;
	struct lt_buf account = { 0 };

	my_sql_text(&account, lt_str_z(user != NULL ? user : ""));
	lt_buf_z(&account, "@'%'");
	pipeline_needs_init(&needs, channel, site);
	for (size_t i = 0; i < needs.count; i++) {
		pipeline_need_text(&needs.list[i], mariadb, lt_buf_str(&account), out);
		lt_buf_z(out, ";\n");
	}
	pipeline_needs_clear(&needs);
	lt_buf_free(&account);
}

/* -- what is held --------------------------------------------------------------------------------- */

struct held {
	struct held *next;
	struct lt_str grantee;       /* the account, or one of its roles */
	struct lt_str schema, table; /* ptr NULL: all; a schema without a table is a pattern */
	uint32_t privs;
	bool revoked; /* MySQL's partial revokes: taken from what *.* gives */
};

struct pipeline_held {
	struct lt_arena *arena; /* owned; holds the list */
	struct held *first;
	bool fold;
};

struct pipeline_held *
pipeline_held_new(bool fold)
{
	struct pipeline_held *h = lt_new(struct pipeline_held);

	h->arena = lt_arena_new();
	h->fold = fold;
	return h;
}

void
pipeline_held_free(struct pipeline_held *h)
{
	if (h == NULL)
		return;
	lt_arena_free(h->arena);
	free(h);
}

static bool
take(struct lt_str *in, const char *text)
{
	size_t n = strlen(text);

	if (in->len < n || !lt_str_ieq(lt_str_of(in->ptr, n), lt_str_of(text, n)))
		return false;
	*in = lt_str_of(in->ptr + n, in->len - n);
	return true;
}

/* A quoted name, quotes doubled inside, or a lone star (out->ptr NULL). */
static bool
take_name(struct lt_arena *arena, struct lt_str *in, struct lt_str *out)
{
	char quote, *copy;
	size_t n = 0;

	if (take(in, "*")) {
		*out = (struct lt_str){ 0 };
		return true;
	}
	if (in->len == 0 || (in->ptr[0] != '`' && in->ptr[0] != '"' && in->ptr[0] != '\''))
		return false;
	quote = in->ptr[0];
	copy = lt_arena_alloc(arena, in->len);
	for (size_t i = 1; i < in->len; i++) {
		if (in->ptr[i] == quote) {
			if (i + 1 == in->len || in->ptr[i + 1] != quote) {
				*out = lt_str_of(copy, n);
				*in = lt_str_of(in->ptr + i + 1, in->len - i - 1);
				return true;
			}
			i++;
		}
		copy[n++] = in->ptr[i];
	}
	return false;
}

/* "`name`@`host`" or a role's "`name`", as it stands. */
static struct lt_str
take_grantee(struct lt_arena *arena, struct lt_str *in)
{
	const char *start = in->ptr;
	struct lt_str ignored;

	if (!take_name(arena, in, &ignored))
		return *in; /* MariaDB's PUBLIC */
	if (take(in, "@"))
		(void)take_name(arena, in, &ignored);
	return lt_str_of(start, (size_t)(in->ptr - start));
}

/* What one privilege's name is worth; nothing for those that Lutra never needs. */
static uint32_t
priv_bit(struct lt_str name)
{
	if (lt_str_ieq(name, LT_STR("ALL PRIVILEGES")) || lt_str_ieq(name, LT_STR("ALL")))
		return PIPELINE_PRIV_ALL;
	for (size_t i = 0; i < LT_COUNT(privs); i++) {
		if (lt_str_ieq(name, lt_str_z(privs[i].name)) ||
		    (privs[i].mariadb != NULL && lt_str_ieq(name, lt_str_z(privs[i].mariadb))))
			return privs[i].bit;
	}
	return 0;
}

static size_t
skip_column_list(struct lt_str in, size_t at)
{
	char quote = '\0';

	for (; at < in.len; at++) {
		char c = in.ptr[at];

		if (quote != '\0')
			quote = c == quote ? '\0' : quote;
		else if (c == '`' || c == '"')
			quote = c;
		else if (c == ')')
			return at + 1;
	}
	return at;
}

/* "SELECT, INSERT (`a`), UPDATE ON ": up to and with the ON. False: no such list, as in GRANT `role` TO. */
static bool
take_privs(struct lt_str *in, uint32_t *bits)
{
	size_t start = 0, i = 0;
	bool columns = false;

	*bits = 0;
	while (i < in->len) {
		struct lt_str rest = lt_str_of(in->ptr + i, in->len - i);
		bool last = take(&rest, " ON ");
		char c = in->ptr[i];

		if (c == '`' || c == '"' || c == '\'')
			return false;
		if (c == '(') {
			columns = true;
			i = skip_column_list(*in, i);
			continue;
		}
		if (c == ',' || last) {
			while (start < i && in->ptr[start] == ' ')
				start++;
			if (!columns)
				*bits |= priv_bit(lt_str_of(in->ptr + start, i - start));
			columns = false;
			start = i + 1;
		}
		if (last) {
			*in = rest;
			return true;
		}
		i++;
	}
	return false;
}

void
pipeline_held_add(struct pipeline_held *h, struct lt_str line)
{
	struct held at = { 0 }, *kept;
	struct lt_str in = line;

	if (take(&in, "REVOKE "))
		at.revoked = true;
	else if (!take(&in, "GRANT "))
		return;
	if (!take_privs(&in, &at.privs) || at.privs == 0)
		return;
	take(&in, "TABLE "); /* other kinds of object do not begin with a name */
	if (!take_name(h->arena, &in, &at.schema) || !take(&in, ".") || !take_name(h->arena, &in, &at.table))
		return;
	if (!take(&in, at.revoked ? " FROM " : " TO "))
		return;
	at.grantee = lt_arena_str(h->arena, take_grantee(h->arena, &in));
	kept = lt_arena_alloc(h->arena, sizeof(*kept));
	*kept = at;
	kept->next = h->first;
	h->first = kept;
}

static char
folded(char c, bool fold)
{
	return fold && c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* LIKE with a backslash as escape. Steps back to the newest % only, so it is no more than pattern times name. */
static bool
like(struct lt_str pattern, struct lt_str name, bool fold)
{
	size_t p = 0, n = 0, star = SIZE_MAX, from = 0;

	while (n < name.len) {
		bool escaped = p + 1 < pattern.len && pattern.ptr[p] == '\\';
		size_t at = escaped ? p + 1 : p;

		if (p < pattern.len && !escaped && pattern.ptr[p] == '%') {
			star = p++;
			from = n;
		} else if (p < pattern.len && ((!escaped && pattern.ptr[p] == '_') ||
						  folded(pattern.ptr[at], fold) == folded(name.ptr[n], fold))) {
			p = at + 1;
			n++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			n = ++from;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.ptr[p] == '%')
		p++;
	return p == pattern.len;
}

static bool
same_folded(struct lt_str a, struct lt_str b, bool fold)
{
	return fold ? lt_str_ieq(a, b) : lt_str_eq(a, b);
}

/* Letters before the first wildcard; SIZE_MAX: there is none. */
static size_t
literal_length(struct lt_str pattern)
{
	for (size_t i = 0; i < pattern.len; i++) {
		if (pattern.ptr[i] == '\\')
			i++;
		else if (pattern.ptr[i] == '%' || pattern.ptr[i] == '_')
			return i;
	}
	return SIZE_MAX;
}

/* Of several patterns that match a schema, servers go by the most exact one alone. */
static bool
is_outranked(const struct pipeline_held *h, const struct held *at, struct lt_str schema)
{
	for (const struct held *other = h->first; other != NULL; other = other->next) {
		if (other->revoked || other->schema.ptr == NULL || other->table.ptr != NULL)
			continue;
		if (literal_length(other->schema) > literal_length(at->schema) &&
		    lt_str_eq(other->grantee, at->grantee) && like(other->schema, schema, h->fold))
			return true;
	}
	return false;
}

static uint32_t
held_by(const struct pipeline_held *h, const struct held *at, struct lt_str schema, struct lt_str table)
{
	if (at->table.ptr == NULL)
		return like(at->schema, schema, h->fold) && !is_outranked(h, at, schema) ? at->privs : 0;
	if (table.ptr == NULL || !same_folded(at->schema, schema, h->fold) || !same_folded(at->table, table, h->fold))
		return 0;
	return at->privs;
}

static bool
add_line(void *ctx, size_t ncolumns, const struct lt_str *values, struct lt_err *err)
{
	(void)ncolumns;
	(void)err;
	pipeline_held_add(ctx, values[0]);
	return true;
}

bool
pipeline_held_read(struct pipeline_held *h, struct my_conn *c, const char *sql, struct lt_err *err)
{
	return my_query_each(c, lt_str_z(sql), add_line, h, err);
}

bool
pipeline_held_recv(struct pipeline_held *h, struct my_conn *c, struct lt_err *err)
{
	return my_recv_each(c, add_line, h, err);
}

uint32_t
pipeline_held_on(const struct pipeline_held *h, struct lt_str schema, struct lt_str table)
{
	uint32_t everywhere = 0, revoked = 0, here = 0;

	for (const struct held *at = h->first; at != NULL; at = at->next) {
		if (at->schema.ptr == NULL)
			everywhere |= at->privs;
		else if (schema.ptr == NULL)
			continue; /* what holds for one schema does not hold for all */
		else if (at->revoked)
			revoked |= same_folded(at->schema, schema, h->fold) ? at->privs : 0;
		else
			here |= held_by(h, at, schema, table);
	}
	return (everywhere & ~revoked) | here;
}
