/* binlog/charset.h - which character set a collation id of the log stands for, and its bytes as UTF-8.
 *
 * Ids: information_schema.COLLATIONS of MySQL 9.7, COLLATION_CHARACTER_SET_APPLICABILITY of MariaDB 11.8. */
#ifndef BINLOG_CHARSET_H
#define BINLOG_CHARSET_H

#include "base/buf.h"

/** As the servers name it ("utf8mb4", "gbk", "binary"); NULL for an id that is not known. */
const char *binlog_charset_name(uint16_t collation);
/** Whether text of the collation is in the log as UTF-8, or as what the log does not tell (0). */
bool binlog_charset_is_utf8(uint16_t collation);
/** Append `bytes` as UTF-8. False, with nothing appended, when they are not well-formed, hold what has no mapping, or
 * the collation is binary or not known. Collation 0 (the log does not tell) passes what is UTF-8 already. */
LT_MUST_USE bool binlog_charset_utf8(uint16_t collation, struct lt_str bytes, struct lt_buf *out);
/** Append text that cannot be converted whole, with U+FFFD for each byte or character of it that cannot. What is read
 * of "binary" is UTF-8. False, with nothing appended: nothing is known of the character set. */
LT_MUST_USE bool binlog_charset_lossy(uint16_t collation, struct lt_str bytes, struct lt_buf *out);

#endif
