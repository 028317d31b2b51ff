/* change/source.h - where transactions come from: the seam for the next kind of log. */
#ifndef CHANGE_SOURCE_H
#define CHANGE_SOURCE_H

#include "change/txn.h"

/** Which names a source hands out. Called by the source's thread; answers may be cached for each table. */
struct change_filter {
	bool (*table)(void *ctx, struct lt_str schema, struct lt_str table);
	/** A statement that is not row changes: true if it changes the shape or existence of something wanted. `sql` is
	 * UTF-8. False with err->code set: it cannot be told. */
	bool (*ddl)(void *ctx, struct lt_str schema, struct lt_str sql, uint64_t sql_mode, struct lt_err *err);
	void *ctx;
	/** Rows of one event, all of one table, were added to `t` and are still in memory: those from `first` on. May
	 * change them or take them out, and note in `t` what they say of it (`shown`, `own`, `ignored`). NULL: all
	 * stay. */
	bool (*rows)(void *ctx, struct change_txn *t, size_t first, struct lt_err *err);
	/** Transactions of which nothing is wanted come, too, each by itself, without rows. */
	bool every;
};

/** For `table` and `ddl`: nothing is wanted. */
static inline bool
change_filter_no_table(void *ctx, struct lt_str schema, struct lt_str table)
{
	(void)ctx, (void)schema, (void)table;
	return false;
}

static inline bool
change_filter_no_ddl(void *ctx, struct lt_str schema, struct lt_str sql, uint64_t sql_mode, struct lt_err *err)
{
	(void)ctx, (void)schema, (void)sql, (void)sql_mode, (void)err;
	return false;
}

/** Completes and checks what a log says about a table: called by the source's thread once for each new version of a
 * table that the filter wants, before any of its rows. May fill in names, signedness, collations, members. No function:
 * take the log's word. */
struct change_describer {
	bool (*complete)(void *ctx, struct change_table *draft, struct lt_err *err);
	void *ctx;
};

struct change_source;

struct change_source_ops {
	/** The next transaction, the caller's from then on; *ret NULL when nothing came within timeout_ms. Transactions
	 * whose names are all unwanted come as CHANGE_TXN_PLACE at least each second of reading, so that positions
	 * move. */
	bool (*next)(struct change_source *s, int timeout_ms, struct change_txn **ret, struct lt_err *err);
	/** Any thread: a waiting next() fails with LT_E_CANCELLED. */
	void (*cancel)(struct change_source *s);
	void (*close)(struct change_source *s);
	/** How far reading has come: all transactions that end there or before were handed out. Owner thread only.
	 * NULL: not told. */
	void (*place)(const struct change_source *s, struct change_place *out);
};

/** First member of every implementation. */
struct change_source {
	const struct change_source_ops *ops;
	char server[64]; /* identity of the server whose log it is, as in change_position; "": not a server's */
};

LT_MUST_USE static inline bool
change_source_next(struct change_source *s, int timeout_ms, struct change_txn **ret, struct lt_err *err)
{
	return s->ops->next(s, timeout_ms, ret, err);
}

/** `out` is untouched where it is not told. */
static inline void
change_source_place(const struct change_source *s, struct change_place *out)
{
	if (s->ops->place != NULL)
		s->ops->place(s, out);
}

static inline void
change_source_cancel(struct change_source *s)
{
	s->ops->cancel(s);
}

static inline void
change_source_close(struct change_source *s)
{
	if (s != NULL)
		s->ops->close(s);
}

#endif
