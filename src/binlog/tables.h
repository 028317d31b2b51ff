/* binlog/tables.h - which table a table id of the log means at the moment, with the filter's answer kept beside it. */
#ifndef BINLOG_TABLES_H
#define BINLOG_TABLES_H

#include "binlog/table_map.h"
#include "change/source.h"

/** What a table id stands for. */
struct binlog_mapped {
	uint64_t id;
	uint64_t group; /* the transaction that mapped it last */
	char *body;     /* owned: the event it came from, so that a second one is known again without decoding */
	size_t body_len, body_cap;
	struct change_table *table; /* owned reference; NULL: not wanted */
};

/** One thread. */
struct binlog_tables {
	struct binlog_mapped *slots; /* owned; open addressing, `cap` is a power of two */
	size_t count, cap;
	size_t bytes; /* of what is known, about */
	struct change_filter filter;
	struct change_describer describer;
};

/** Forget all: ids begin anew in each file. */
void binlog_tables_clear(struct binlog_tables *t);
void binlog_tables_free(struct binlog_tables *t);
/** Take in one TABLE_MAP. The filter and the describer are asked when the id is new or means something else than
 * before. */
LT_MUST_USE bool binlog_tables_map(
    struct binlog_tables *t, struct lt_str body, size_t id_width, bool mariadb, uint64_t group, struct lt_err *err);
/** NULL when this transaction did not map it. Valid until the next call. */
const struct binlog_mapped *binlog_tables_find(const struct binlog_tables *t, uint64_t id, uint64_t group);

#endif
