/* binlog/dump.h - `lutra binlog dump`: a log as JSON lines (the contract's format) or as sums. */
#ifndef BINLOG_DUMP_H
#define BINLOG_DUMP_H

#include <stdio.h>

#include "change/source.h"

/** Where files begin, other than at a byte; goes on over several of them. */
struct binlog_dump_start {
	const struct change_gtid_set *gtids; /* what is in it is left out; NULL: nothing is */
	uint64_t time_us;                    /* nothing is shown before a transaction committed then or later */
	bool begun;                          /* the first one was met */
};

struct binlog_dump_options {
	bool raw;                        /* text and binary values as hex of the log's bytes */
	bool count;                      /* decode every value, print one line of sums */
	uint64_t ahead;                  /* a second thread is tried after so many bytes (binlog/ahead.h); 0 = never */
	struct binlog_dump_start *start; /* NULL: all is shown */
	uint64_t to_pos;                 /* stop at the first transaction that begins at or behind it; 0 = the end */
	const struct change_place
	    *end; /* stop once the source has come so far (a server's log never ends); NULL = its own end */
};

struct binlog_dump_sums {
	uint64_t transactions, rows, images, values, bytes;
};

/** Write everything that `s` gives until it ends. On failure all whole transactions before the fault are written. Sums
 * go on over several calls (several files). */
LT_MUST_USE bool binlog_dump(struct change_source *s, const struct binlog_dump_options *options, FILE *out,
    struct binlog_dump_sums *sums, struct lt_err *err);
/** The line of sums, without its end. */
void binlog_dump_sums_json(const struct binlog_dump_sums *sums, struct lt_buf *out);
/** One value as the contract's JSON. */
void binlog_dump_value(
    const struct change_column *column, const struct change_value *value, bool raw, struct lt_buf *out);

#endif
