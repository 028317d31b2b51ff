#include "make.h"

#include "schema/build_priv.h"

static struct lt_str
field(const char **at)
{
	size_t len = strcspn(*at, "|");
	struct lt_str s = lt_str_of(*at, len);

	*at += len + ((*at)[len] == '|');
	return s;
}

/* "@name|0,2:4|u": parts are columns by number, with a prefix perhaps; x for an expression. */
static void
add_key(struct schema_build *b, const char *at)
{
	struct lt_str name = field(&at), parts = field(&at), flags = field(&at);
	const char *end = parts.ptr + parts.len, *p = parts.ptr;

	while (p < end) {
		char *next = NULL;
		struct schema_key_part part = { .column = *p == 'x' ? SIZE_MAX : strtoul(p, &next, 10) };

		p = *p == 'x' ? p + 1 : next;
		if (p < end && *p == ':') {
			part.prefix = (uint32_t)strtoul(p + 1, &next, 10);
			p = next;
		}
		p += p < end;
		schema_build_part(b, name, flags.len > 0, false, &part);
		b->keys[b->nkeys - 1].hash = memchr(flags.ptr, 'h', flags.len) != NULL;
	}
}

struct schema_table *
make_table(const char *const *columns)
{
	struct schema_build *b = schema_build_new(LT_STR("s"), LT_STR("t"));
	struct schema_key_part id = { 0 };

	for (; *columns != NULL; columns++) {
		const char *at = *columns;

		if (at[0] == '@') {
			add_key(b, at + 1);
			continue;
		}
		struct lt_str name = field(&at), type = field(&at), charset = field(&at), flags = field(&at);
		struct schema_column *c =
		    schema_build_column(b, name, type, lt_str_of(type.ptr, strcspn(type.ptr, "( |")));

		c->charset = schema_build_str(b, charset);
		c->nullable = memchr(flags.ptr, 'n', flags.len) != NULL;
		c->has_default = memchr(flags.ptr, 'd', flags.len) != NULL;
		c->auto_increment = memchr(flags.ptr, 'a', flags.len) != NULL;
		c->generated = memchr(flags.ptr, 'g', flags.len) != NULL ? SCHEMA_VIRTUAL : SCHEMA_PLAIN;
		if (memchr(flags.ptr, 'v', flags.len) != NULL)
			b->table->temporal = true;
		if (lt_str_eqz(charset, "utf8mb4") && lt_str_starts(type, LT_STR("longtext")))
			c->collation = schema_build_str(b, LT_STR("utf8mb4_bin"));
	}
	schema_build_part(b, LT_STR("PRIMARY"), true, false, &id);
	return schema_build_finish(b);
}
