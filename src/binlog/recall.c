#include "binlog/recall.h"

#include <stdatomic.h>
#include <time.h>

#include "base/clock.h"

#define STEP_MS 200
/* A source whose log is kept here may be gone for good: one that is begun again is back by then. */
#define PATIENCE_US 10000000

struct binlog_recall {
	struct my_addr addr; /* its strings are borrowed */
	struct binlog_options options;
	bool kept; /* see binlog_recall_kept() */
	_Atomic bool cancelled;
};

struct binlog_recall *
binlog_recall_new(const struct my_addr *addr, const struct binlog_options *options)
{
	struct binlog_recall *r = lt_new(struct binlog_recall);

	r->addr = *addr;
	r->options = *options;
	/* Not the main stream's: the server would end that one. */
	r->options.server_id ^= 0x20000000;
	r->options.uuid[0] ^= 0x40;
	r->options.to_end = true;
	return r;
}

void
binlog_recall_kept(struct binlog_recall *r)
{
	r->kept = true;
}

void
binlog_recall_free(struct binlog_recall *r)
{
	free(r);
}

void
binlog_recall_cancel(struct binlog_recall *r)
{
	atomic_store(&r->cancelled, true);
}

static bool
oldest_file(const struct my_addr *addr, struct change_place *out, struct lt_err *err)
{
	struct my_conn *c = NULL;
	struct my_rows *rows = NULL;
	bool ok = false;

	if (!my_connect(addr, &c, err) || !my_query(c, "SHOW BINARY LOGS", &rows, err))
		goto out;
	if (rows->nrows == 0) {
		lt_fail(err, LT_E_LOG_OFF, "the server writes no binary log");
		goto out;
	}
	*out = (struct change_place){ .pos = 4 };
	lt_str_copy(out->file, sizeof(out->file), my_rows_at(rows, 0, 0));
	ok = true;
out:
	my_rows_free(rows);
	my_close(c);
	return ok;
}

bool
binlog_recall_executed(
    struct binlog_recall *r, const struct change_place *place, struct change_gtid_set **ret, struct lt_err *err)
{
	struct my_conn *c = NULL;
	bool ok = my_connect(&r->addr, &c, err) && binlog_gtids_at(c, place, ret, err);

	my_close(c);
	return ok;
}

/* Until the commit's event has been read: what it committed, if it was wanted, came last. */
static bool
read_up_to(struct binlog_recall *r, struct change_source *s, const struct change_place *commit, struct change_txn **ret,
    struct lt_err *err)
{
	struct change_place at;

	for (;;) {
		struct change_txn *t = NULL;

		if (atomic_load(&r->cancelled))
			return lt_fail(err, LT_E_CANCELLED, "reading was cancelled");
		if (!change_source_next(s, STEP_MS, &t, err))
			return false;
		if (t != NULL && t->kind == CHANGE_TXN_ROWS && strcmp(t->end.file, commit->file) == 0 &&
		    t->end.last_pos == commit->pos) {
			change_gtid_set_free(
			    t->passed); /* what this second reading passed is no progress of the first */
			t->passed = NULL;
			*ret = t;
			return true;
		}
		change_txn_free(t);
		binlog_source_place(s, &at);
		if (change_place_cmp(&at, commit) > 0) {
			*ret = NULL;
			return true;
		}
		if (binlog_source_ended(s))
			return lt_fail(err, LT_E_LOG_POSITION, "the log ends before the XA COMMIT at %s:%llu",
			    commit->file, (unsigned long long)commit->pos);
	}
}

static bool
read_rows(struct binlog_recall *r, const struct change_place *commit, struct change_txn **ret, struct lt_err *err)
{
	struct change_source *s = NULL;
	struct change_position from;
	bool ok = false;

	change_position_init(&from);
	r->options.commit = commit;
	if (oldest_file(&r->addr, &from.place, err) && binlog_source_open(&r->addr, &from, &r->options, &s, err))
		ok = read_up_to(r, s, commit, ret, err);
	if (!ok)
		lt_wrap(err, "while reading the rows of an XA transaction from the log once more");
	change_source_close(s);
	change_position_clear(&from);
	return ok;
}

bool
binlog_recall_rows(
    struct binlog_recall *r, const struct change_place *commit, struct change_txn **ret, struct lt_err *err)
{
	const struct lt_clock *clock = r->options.clock != NULL ? r->options.clock : lt_clock_real();
	const struct timespec step = { .tv_nsec = STEP_MS * 1000000L };
	uint64_t since_us = lt_mono_us(clock);
	struct lt_err why;

	while (!read_rows(r, commit, ret, err)) {
		if (!r->kept || lt_err_kind(err) != LT_KIND_RETRY || atomic_load(&r->cancelled))
			return false;
		why = *err;
		*err = (struct lt_err){ 0 };
		if (lt_mono_us(clock) - since_us >= PATIENCE_US)
			return lt_fail(err, LT_E_XA_ROWS, "%s", why.message);
		nanosleep(&step, NULL);
	}
	return true;
}
