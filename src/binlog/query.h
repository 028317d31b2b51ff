/* binlog/query.h - QUERY events: statements in the log, with as much of their session as changes their meaning. */
#ifndef BINLOG_QUERY_H
#define BINLOG_QUERY_H

#include "base/buf.h"
#include "binlog/format.h"

/** Strings borrow from the body. */
struct binlog_query {
	struct lt_str schema; /* default schema; "" = none */
	struct lt_str sql;    /* as the client sent it, in the client's character set */
	uint64_t sql_mode;
	uint16_t charset; /* collation id of the client's character set; 0 = not told */
};

/** `body` of QUERY, or of QUERY_COMPRESSED once expanded. */
LT_MUST_USE bool binlog_query_decode(
    struct lt_str body, const struct binlog_format *format, struct binlog_query *out, struct lt_err *err);

/** What a statement does to the transaction it stands in. Everything else is somebody else's to judge. */
enum binlog_verb {
	BINLOG_VERB_OTHER,
	BINLOG_VERB_BEGIN,
	BINLOG_VERB_COMMIT,
	BINLOG_VERB_ROLLBACK,
	BINLOG_VERB_ROLLBACK_TO,
	BINLOG_VERB_SAVEPOINT,
	BINLOG_VERB_RELEASE,
	BINLOG_VERB_XA_START,
	BINLOG_VERB_XA_END,
	BINLOG_VERB_XA_COMMIT,
	BINLOG_VERB_XA_ROLLBACK,
};

/** `*name`: the savepoint or the XA id as it is written, borrowed; "" for the others. Client character sets are
 * supersets of ASCII, so this needs no conversion. */
enum binlog_verb binlog_query_verb(struct lt_str sql, struct lt_str *name);

/** `text` of the character set of collation `charset` as UTF-8, appended. Bytes that are no character there (of a
 * client that says "binary" these are what is not UTF-8) become U+FFFD: where they stand in a name, nobody can tell
 * whose it is. A character set that is not known is LT_E_CHARSET. */
LT_MUST_USE bool binlog_query_utf8(struct lt_str text, uint16_t charset, struct lt_buf *out, struct lt_err *err);

#endif
