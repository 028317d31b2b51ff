/* binlog/format.h - FORMAT_DESCRIPTION: who wrote a log, and how its events are laid out. */
#ifndef BINLOG_FORMAT_H
#define BINLOG_FORMAT_H

#include "binlog/event.h"

/** A value. Zeroed: none was read yet. */
struct binlog_format {
	bool known;
	bool mariadb;
	char version[51];   /* of the server that wrote the log */
	bool crc;           /* events carry CRC-32 */
	uint8_t query_size; /* post-header of QUERY */
	size_t id_width;    /* bytes of a table id: 6, or 4 in logs older than MySQL 5.1.4 */
	bool bare_rows;     /* row changes may stand outside of transactions: before MySQL 5.6, those of MyISAM did */
};

/** Read a FORMAT_DESCRIPTION from its whole bytes, checksum included: only it tells itself whether there is one.
 * LT_E_EVENT_UNSUPPORTED for logs older than version 4, and of MySQL's early development versions. */
LT_MUST_USE bool binlog_format_decode(struct lt_str bytes, struct binlog_format *out, struct lt_err *err);

#endif
