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

struct schema_table *
make_table(const char *const *columns)
{
	struct schema_build *b = schema_build_new(LT_STR("s"), LT_STR("t"));
	struct schema_key_part id = { 0 };

	for (; *columns != NULL; columns++) {
		const char *at = *columns;
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
