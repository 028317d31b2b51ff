#include "mysql/sql.h"

void
my_sql_name(struct lt_buf *b, struct lt_str name)
{
	lt_buf_c(b, '`');
	for (size_t i = 0; i < name.len; i++) {
		if (name.ptr[i] == '`')
			lt_buf_c(b, '`');
		lt_buf_c(b, name.ptr[i]);
	}
	lt_buf_c(b, '`');
}

void
my_sql_table(struct lt_buf *b, struct lt_str schema, struct lt_str table)
{
	my_sql_name(b, schema);
	lt_buf_c(b, '.');
	my_sql_name(b, table);
}

/* What goes behind the backslash; 0: the byte stands for itself. In UTF-8 no byte of these is part of another
 * character. */
static char
escape_of(char c)
{
	switch (c) {
	case '\0': return '0';
	case '\n': return 'n';
	case '\r': return 'r';
	case '\x1a': return 'Z';
	case '\\':
	case '\'':
	case '"': return c;
	default: return 0;
	}
}

void
my_sql_text(struct lt_buf *b, struct lt_str text)
{
	lt_buf_c(b, '\'');
	for (size_t i = 0; i < text.len; i++) {
		char escape = escape_of(text.ptr[i]);

		if (escape != 0)
			lt_buf_c(b, '\\');
		lt_buf_c(b, escape != 0 ? escape : text.ptr[i]);
	}
	lt_buf_c(b, '\'');
}

void
my_sql_bytes(struct lt_buf *b, struct lt_str bytes)
{
	lt_buf_z(b, "X'");
	lt_buf_hex(b, bytes);
	lt_buf_c(b, '\'');
}
