/* change/gtid.h - global transaction ids of both engines, and sets of them.
 *
 * MySQL: uuid[:tag]:n, sets are intervals for each (uuid, tag). MariaDB: domain-server-seq, a "set" is the newest one
 * of each domain. Sources: MySQL reference manual 19.1.3.1, MariaDB knowledge base "Global Transaction ID". */
#ifndef CHANGE_GTID_H
#define CHANGE_GTID_H

#include "base/buf.h"
#include "base/err.h"

enum change_gtid_kind { CHANGE_GTID_NONE, CHANGE_GTID_ANONYMOUS, CHANGE_GTID_MYSQL, CHANGE_GTID_MARIADB };

/** A value. */
struct change_gtid {
	enum change_gtid_kind kind;
	uint8_t uuid[16];           /* MySQL */
	char tag[33];               /* MySQL 8.3: lower case, "" = none */
	uint32_t domain, server_id; /* MariaDB */
	uint64_t seq;
};

/** 36 characters and the zero. */
void change_uuid_text(const uint8_t uuid[16], char out[37]);
/** "0-1-42", "3e11fa47-71ca-11e1-9e33-c80aa9429562:23", "...:tag:23"; "" for none and anonymous. */
void change_gtid_text(const struct change_gtid *g, char out[96]);
LT_MUST_USE bool change_gtid_parse(struct lt_str text, struct change_gtid *out, struct lt_err *err);
bool change_gtid_eq(const struct change_gtid *a, const struct change_gtid *b);

/** One thread at a time. */
struct change_gtid_set;

struct change_gtid_set *change_gtid_set_new(void);
void change_gtid_set_free(struct change_gtid_set *s);
struct change_gtid_set *change_gtid_set_copy(const struct change_gtid_set *s);
/** Text of either engine, as @@gtid_executed or @@gtid_binlog_pos print it (newlines and spaces allowed); the kind is
 * found out.
 * "" is the empty set. */
LT_MUST_USE bool change_gtid_set_parse(struct lt_str text, struct change_gtid_set **ret, struct lt_err *err);
/** In the engine's own canonical form (MySQL's without its line breaks). */
void change_gtid_set_text(const struct change_gtid_set *s, struct lt_buf *out);
bool change_gtid_set_empty(const struct change_gtid_set *s);
/** Add one; NONE and ANONYMOUS add nothing. MariaDB: becomes the domain's newest. */
void change_gtid_set_add(struct change_gtid_set *s, const struct change_gtid *g);
/** Add all of `more`. MariaDB: its domains become the newest. */
void change_gtid_set_merge(struct change_gtid_set *s, const struct change_gtid_set *more);
/** MySQL: g is in the set. MariaDB: the domain's newest has the same or a higher seq. */
bool change_gtid_set_has(const struct change_gtid_set *s, const struct change_gtid *g);
/** MySQL: every id of a is in b. MariaDB: every domain of a stands in b at the same or a higher seq. */
bool change_gtid_set_subset(const struct change_gtid_set *a, const struct change_gtid_set *b);
bool change_gtid_set_eq(const struct change_gtid_set *a, const struct change_gtid_set *b);
/** MySQL's binary forms: the body of COM_BINLOG_DUMP_GTID and of PREVIOUS_GTIDS (format 1 as soon as a tag is in it).
 */
void change_gtid_set_encode(const struct change_gtid_set *s, struct lt_buf *out);
LT_MUST_USE bool change_gtid_set_decode(struct lt_str bytes, struct change_gtid_set **ret, struct lt_err *err);

#endif
