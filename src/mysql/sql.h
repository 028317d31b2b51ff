/* mysql/sql.h - putting names and values into SQL text, safe under every sql_mode that Lutra sets itself (no
 * ANSI_QUOTES, no NO_BACKSLASH_ESCAPES) with a utf8mb4 session. */
#ifndef MY_SQL_H
#define MY_SQL_H

#include "base/buf.h"

/** `name` in backquotes. */
void my_sql_name(struct lt_buf *b, struct lt_str name);
/** `schema`.`table` */
void my_sql_table(struct lt_buf *b, struct lt_str schema, struct lt_str table);
/** 'text' escaped; the text is UTF-8. */
void my_sql_text(struct lt_buf *b, struct lt_str text);
/** X'00ff' */
void my_sql_bytes(struct lt_buf *b, struct lt_str bytes);

#endif
