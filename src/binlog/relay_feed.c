/* A relay log as a feed of events, from the disk; declared in relay_priv.h. Belongs to the reader's thread. */
#include "binlog/relay_priv.h"

struct relay_feed {
	struct binlog_feed feed;
	struct binlog_relay *relay; /* borrowed */
	struct binlog_relay_view view;
	uint64_t generation, number; /* of the file in hand, or of the next one */
	struct binlog_relay_file file;
	struct lt_buf format;            /* owned: a FORMAT_DESCRIPTION to be handed out first; empty: none */
	bool continues;                  /* files were read before this one */
	struct change_spill_room *spill; /* borrowed; NULL: none */
	struct binlog_spool spool;
	_Atomic bool cancelled;
};

static enum binlog_read
damaged(const struct relay_feed *f, struct lt_err *err)
{
	lt_fail(err, LT_E_RELAY_DAMAGED, "%s/%016llu.relay holds no whole event at byte %llu", f->relay->dir,
	    (unsigned long long)f->number, (unsigned long long)f->file.next);
	return BINLOG_READ_FAILED;
}

/* The view, newly got; false: what is read is not there any more. */
static bool
look(struct relay_feed *f, struct lt_err *err)
{
	lt_cell_get(f->relay->view, &f->view);
	if (f->view.generation == f->generation)
		return true;
	if (f->view.away) {
		*err = f->view.err;
		return false;
	}
	return lt_fail(err, LT_E_LINK_LOST, "the relay log in %s was begun again", f->relay->dir);
}

/* What of the file in hand may be read. */
static uint64_t
limit_of(const struct relay_feed *f)
{
	return f->number < f->view.last ? UINT64_MAX : f->view.written;
}

/* The file of `number`, if it is there. */
static bool
have_file(struct relay_feed *f, struct lt_err *err)
{
	if (f->file.fd >= 0)
		return true;
	if (f->number > f->view.last)
		return false;
	return binlog_relay_file_open(f->relay->dir, f->number, &f->file, err);
}

/* The next record, of this file or of those behind it. A large event goes into the spool. */
static enum binlog_relay_next
next_record(struct relay_feed *f, struct binlog_relay_record *r, struct lt_str *event, struct lt_err *err)
{
	for (;;) {
		enum binlog_relay_next what;

		if (!have_file(f, err))
			return err->code != LT_OK ? BINLOG_RELAY_FAILED : BINLOG_RELAY_END;
		what = binlog_relay_file_peek(&f->file, limit_of(f), r, err);
		if (what == BINLOG_RELAY_RECORD && r->kind == BINLOG_RELAY_LARGE) {
			if (!binlog_spool_open(&f->spool, f->spill, err))
				return BINLOG_RELAY_FAILED;
			f->feed.spool = &f->spool;
		}
		if (what == BINLOG_RELAY_RECORD)
			what = binlog_relay_file_next(&f->file, limit_of(f), &f->spool, r, event, err);
		if (what == BINLOG_RELAY_RECORD && r->kind == BINLOG_RELAY_PREAMBLE && f->continues)
			continue;
		if (what != BINLOG_RELAY_END || f->number >= f->view.last)
			return what;
		binlog_relay_file_close(&f->file);
		f->number++;
		f->continues = true;
	}
}

static bool
is_cancelled(struct relay_feed *f, struct lt_err *err)
{
	return atomic_load_explicit(&f->cancelled, memory_order_relaxed) &&
	       !lt_fail(err, LT_E_CANCELLED, "reading was cancelled");
}

/* All is read. EVENT: look again. */
static enum binlog_read
await(struct relay_feed *f, int timeout_ms, struct lt_err *err)
{
	struct lt_wake *news = f->relay->news;

	lt_wake_clear(news);
	if (is_cancelled(f, err))
		return BINLOG_READ_FAILED;
	if (!look(f, err))
		return BINLOG_READ_FAILED;
	if (f->number < f->view.last || (f->number == f->view.last && f->file.fd < 0) ||
	    (f->file.fd >= 0 && f->file.next < limit_of(f)))
		return BINLOG_READ_EVENT;
	if (f->view.away) {
		*err = f->view.err;
		return BINLOG_READ_FAILED;
	}
	if (!atomic_exchange(&f->relay->hungry, true))
		lt_wake_raise(f->relay->wake); /* it may wait for that */
	if (timeout_ms == 0 || !lt_wake_wait(news, timeout_ms))
		return BINLOG_READ_NOTHING;
	return BINLOG_READ_EVENT;
}

static enum binlog_read
relay_read(struct binlog_feed *feed, int timeout_ms, struct lt_str *event, struct lt_err *err)
{
	struct relay_feed *f = (struct relay_feed *)feed;

	binlog_spool_close(&f->spool);
	f->feed.spool = NULL;
	if (f->format.len > 0) {
		*event = lt_buf_str(&f->format);
		f->format.len = 0;
		return BINLOG_READ_EVENT;
	}
	for (;;) {
		struct binlog_relay_record r;
		enum binlog_read end;

		if (is_cancelled(f, err))
			return BINLOG_READ_FAILED;
		switch (next_record(f, &r, event, err)) {
		case BINLOG_RELAY_RECORD: return BINLOG_READ_EVENT;
		case BINLOG_RELAY_TORN: return damaged(f, err);
		case BINLOG_RELAY_FAILED: return BINLOG_READ_FAILED;
		case BINLOG_RELAY_END: break;
		}
		end = await(f, timeout_ms, err);
		if (end != BINLOG_READ_EVENT)
			return end;
	}
}

static void
relay_cancel(struct binlog_feed *feed)
{
	struct relay_feed *f = (struct relay_feed *)feed;

	atomic_store(&f->cancelled, true);
	lt_wake_raise(f->relay->news);
}

static void
relay_close(struct binlog_feed *feed)
{
	struct relay_feed *f = (struct relay_feed *)feed;

	binlog_relay_file_close(&f->file);
	binlog_spool_close(&f->spool);
	lt_buf_free(&f->format);
	free(f);
}

/* -- where it begins ------------------------------------------------------------------------------ */

static bool
foreign(const struct relay_feed *f, const struct change_place *p, struct lt_err *err)
{
	return lt_fail(err, LT_E_RELAY_FOREIGN, "the relay log in %s has no event at %s:%llu", f->relay->dir, p->file,
	    (unsigned long long)p->last_pos);
}

/* Up to the event in front of `p`, which comes next then, behind the file's FORMAT_DESCRIPTION. */
static bool
seek(struct relay_feed *f, const struct change_place *p, struct lt_err *err)
{
	for (;;) {
		struct binlog_relay_record r;
		struct lt_str event;
		enum binlog_relay_next what;

		if (!have_file(f, err))
			return err->code == LT_OK && foreign(f, p, err);
		what = binlog_relay_file_peek(&f->file, limit_of(f), &r, err);
		if (what == BINLOG_RELAY_RECORD && binlog_relay_of_log(r.kind) && r.pos == p->last_pos)
			return true;
		if (what == BINLOG_RELAY_RECORD && binlog_relay_of_log(r.kind) && r.pos > p->last_pos)
			return foreign(f, p, err);
		if (what == BINLOG_RELAY_RECORD)
			what = binlog_relay_file_next(&f->file, limit_of(f), NULL, &r, &event, err);
		if (what == BINLOG_RELAY_END)
			return foreign(f, p, err);
		if (what == BINLOG_RELAY_TORN)
			return damaged(f, err) && false;
		if (what == BINLOG_RELAY_FAILED)
			return false;
		if (event.len > BINLOG_HEADER_SIZE && (uint8_t)event.ptr[4] == BINLOG_FORMAT_DESCRIPTION) {
			lt_buf_clear(&f->format);
			lt_buf_str_add(&f->format, event);
		}
	}
}

bool
binlog_relay_feed_open(struct binlog_relay *r, const struct binlog_relay_order *found, struct change_position *from,
    const struct binlog_options *options, struct binlog_feed **ret, struct lt_err *err)
{
	static const struct binlog_feed_ops ops = { relay_read, relay_cancel, relay_close };
	struct relay_feed *f = lt_new(struct relay_feed);
	bool ok = false;

	f->feed.ops = &ops;
	f->feed.stream = true;
	f->feed.by_gtid = found->by_gtid;
	f->relay = r;
	f->generation = found->generation;
	f->number = found->number;
	f->file.fd = -1;
	f->spill = options->spill;
	if (!look(f, err))
		goto out;
	if (found->fresh) {
		if (found->by_gtid)
			from->place = (struct change_place){ .pos = BINLOG_START_POS };
	} else if (found->by_gtid) {
		if (!have_file(f, err))
			goto out;
		from->place = (struct change_place){ .pos = f->file.head.pos };
		lt_str_copy(from->place.file, sizeof(from->place.file), f->file.head.file);
	} else if (from->place.last_pos != 0 && !seek(f, &from->place, err)) {
		goto out;
	}
	*ret = &f->feed;
	f = NULL; /* the caller's */
	ok = true;
out:
	if (f != NULL)
		relay_close(&f->feed);
	return ok;
}
