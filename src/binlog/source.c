#include "binlog/source.h"

#include "base/fault.h"
#include "binlog/source_priv.h"

/* Positions move at least so often while only unwanted transactions are read. */
#define PLACE_US 1000000

struct source {
	struct change_source base;
	struct binlog_feed *feed;     /* owned */
	const struct lt_clock *clock; /* borrowed */
	struct binlog_assembler assembler;
	struct binlog_expect expect;
	struct change_gtid_set *start;  /* owned: executed before */
	struct change_gtid_set *before; /* owned: the same, as the log says it; NULL: it does not */
	struct change_gtid_set *seen;   /* owned: met since; NULL once the place is known */
	struct binlog_track track;
	uint64_t pass;     /* what begins before it is passed over; 0 = nothing */
	uint64_t moved_us; /* since when the place has moved without anything handed out; 0: not looked yet */
	bool midway;       /* begun at a byte that somebody named */
	bool begun;        /* a stored event was read */
	bool ended;
	_Atomic uint64_t bytes;
};

/* -- one event ------------------------------------------------------------------------------------ */

/** The event in front of the place where work goes on must be the one that was there (R13). */
static bool
meet_expected(struct source *s, const struct binlog_event *e, const struct binlog_at *at, struct lt_err *err)
{
	char type[40];
	bool same = at->pos == s->expect.pos && at->end == s->expect.end && binlog_event_crc(e) == s->expect.crc;

	if (!same && !lt_fault("r13_history"))
		return lt_fail(err, LT_E_LOG_HISTORY,
		    "%s at %llu to %llu is not the event that was read there before (%llu to %llu)",
		    binlog_event_name(e->header.type, type), (unsigned long long)at->pos, (unsigned long long)at->end,
		    (unsigned long long)s->expect.pos, (unsigned long long)s->expect.end);
	s->expect.on = false;
	return binlog_assembler_behind(&s->assembler, e, err);
}

/** What was executed before this file, where nobody said it better. */
static bool
take_previous(struct source *s, const struct binlog_event *e, struct lt_err *err)
{
	struct change_gtid_set *set;

	if (s->begun || s->feed->by_gtid || !change_gtid_set_empty(s->assembler.executed))
		return true;
	if (e->header.type == BINLOG_PREVIOUS_GTIDS ? !change_gtid_set_decode(e->body, &set, err)
						    : !binlog_gtid_list_decode(e->body, &set, err))
		return false;
	change_gtid_set_free(s->assembler.executed);
	s->assembler.executed = set;
	change_gtid_set_free(s->before);
	s->before = change_gtid_set_copy(set);
	return true;
}

/** Events between transactions move the place too: else the end of an idle log could be purged away under it. */
static void
note_place(struct source *s, const struct binlog_event *e, const struct binlog_at *at)
{
	struct binlog_assembler *a = &s->assembler;

	if (binlog_assembler_busy(a) || a->state == BINLOG_STATE_TAIL || s->seen != NULL)
		return;
	lt_str_copy(a->place.file, sizeof(a->place.file), lt_str_z(at->file));
	a->place.pos = at->end;
	a->place.last_pos = at->pos;
	a->place.last_crc = binlog_event_crc(e);
	a->moved = true;
}

/** In front of the place where reading goes on. */
static bool
passed_over(struct source *s, const struct binlog_at *at, struct lt_err *err)
{
	if (at->end <= s->pass)
		return true;
	return lt_fail(err, LT_E_LOG_POSITION, "no event begins at %llu, but at %llu one does",
	    (unsigned long long)s->pass, (unsigned long long)at->pos);
}

/* Asked for what is behind a GTID, MariaDB sends the incidents that stand in front of it in the same file, too. */
static bool
is_before_start(
    const struct source *s, const struct binlog_event *e, const struct binlog_at *at, bool *before, struct lt_err *err)
{
	struct change_place place = { .pos = at->pos };
	struct change_gtid_set *executed = NULL;

	*before = false;
	if (e->header.type != BINLOG_INCIDENT || s->seen == NULL || !s->assembler.format.mariadb ||
	    s->assembler.recall == NULL)
		return true;
	lt_str_copy(place.file, sizeof(place.file), lt_str_z(at->file));
	if (!binlog_recall_executed(s->assembler.recall, &place, &executed, err))
		return false;
	*before = change_gtid_set_subset(executed, s->start) && !change_gtid_set_eq(executed, s->start);
	change_gtid_set_free(executed);
	return true;
}

static bool
stored_event(struct source *s, const struct binlog_event *e, struct lt_err *err)
{
	struct binlog_at at = binlog_track_at(&s->track, &e->header);
	bool before;

	s->track.pos = at.end;
	if (at.pos < s->pass)
		return passed_over(s, &at, err);
	s->pass = 0;
	if (s->expect.on)
		return meet_expected(s, e, &at, err);
	if (!is_before_start(s, e, &at, &before, err) || before)
		return before;
	switch (e->header.type) {
	case BINLOG_PREVIOUS_GTIDS:
	case BINLOG_MARIADB_GTID_LIST:
		if (!take_previous(s, e, err))
			return false;
		note_place(s, e, &at);
		break;
	case BINLOG_MARIADB_CHECKPOINT:
	case BINLOG_STOP: note_place(s, e, &at); break;
	default: break;
	}
	if (!binlog_assembler_feed(&s->assembler, e, &at, err)) {
		/* The event is there whole: what does not fit into it is damage. */
		if (err->code == LT_E_TRUNCATED)
			err->code = LT_E_CORRUPT;
		s->track.pos = at.pos;
		return false;
	}
	s->begun = true;
	return true;
}

static bool
format_event(struct source *s, struct lt_str bytes, struct lt_err *err)
{
	bool first = !s->assembler.format.known;
	struct binlog_format format;

	if (!binlog_format_decode(bytes, &format, err))
		return false;
	binlog_assembler_format(&s->assembler, &format);
	binlog_track_format(&s->track, bytes.len, first);
	return true;
}

static bool
rotate_event(struct source *s, const struct binlog_event *e, struct lt_err *err)
{
	struct binlog_rotate r;

	if (!binlog_rotate_decode(e->body, &r, err))
		return false;
	if (s->pass != 0 && !lt_str_eqz(r.file, s->track.file))
		return lt_fail(err, LT_E_LOG_POSITION, "the log file ends before %llu", (unsigned long long)s->pass);
	binlog_track_rotate(&s->track, &r);
	return true;
}

/** What the server puts between the log's events. MariaDB tells GTIDs again where a start by them is passed. */
static bool
artificial_event(struct source *s, const struct binlog_event *e, struct lt_err *err)
{
	char name[40];

	if (e->header.type == BINLOG_ROTATE)
		return rotate_event(s, e, err);
	if (e->header.type == BINLOG_MARIADB_GTID_LIST || (e->header.flags & BINLOG_FLAG_IGNORABLE) != 0)
		return true;
	return lt_fail(
	    err, LT_E_CORRUPT, "%s event that the server itself made up", binlog_event_name(e->header.type, name));
}

static bool
damaged_event(struct source *s, struct lt_str bytes, struct lt_err *err)
{
	struct binlog_event e = { .body = { 0 } };
	struct binlog_at at;

	if (err->code != LT_E_CHECKSUM || s->expect.on)
		return false;
	binlog_header_load((const uint8_t *)bytes.ptr, &e.header);
	at = (struct binlog_at){ .file = s->track.file, .pos = s->track.pos, .end = s->track.pos + e.header.size };
	if (!binlog_assembler_damaged(&s->assembler, &e, &at, err))
		return false;
	s->track.pos = at.end;
	return true;
}

static bool
one_event(struct source *s, struct lt_str bytes, bool *heartbeat, struct lt_err *err)
{
	uint8_t type = (uint8_t)bytes.ptr[4];
	bool artificial = binlog_track_artificial(&s->track, bytes.ptr);
	enum binlog_checksum checksum = binlog_track_checksum(&s->track, &s->assembler.format, type, artificial);
	struct binlog_event e;

	/* Only this thread writes it: no need for an addition that others wait for. */
	atomic_store_explicit(&s->bytes,
	    atomic_load_explicit(&s->bytes, memory_order_relaxed) +
		(s->feed->spool != NULL ? s->feed->spool->file.size : bytes.len),
	    memory_order_relaxed);
	if (type == BINLOG_FORMAT_DESCRIPTION)
		return format_event(s, bytes, err);
	if (s->feed->spool != NULL ? !binlog_spool_event(s->feed->spool, checksum, &e, err)
				   : !binlog_event_open(bytes, checksum, &e, err))
		return damaged_event(s, bytes, err);
	*heartbeat = s->feed->stream && (type == BINLOG_HEARTBEAT || type == BINLOG_HEARTBEAT_V2);
	if (*heartbeat)
		return true;
	if (artificial)
		return artificial_event(s, &e, err);
	/* Of an encrypted file it is shown again too. The server sends what follows in the clear. */
	if (type == BINLOG_MARIADB_START_ENCRYPTION && s->feed->stream && s->track.repeated)
		return true;
	if (!s->assembler.format.known)
		return lt_fail(err, LT_E_CORRUPT, "the log does not begin with its FORMAT_DESCRIPTION");
	return stored_event(s, &e, err);
}

/* -- transactions --------------------------------------------------------------------------------- */

/** After a start by GTID the place holds only once nothing behind it was executed before: MySQL's readers pass over
 * such transactions by themselves; of MariaDB's domains each must have been met. Until then progress is GTIDs alone. */
static void
settle_place(struct source *s, struct change_txn *t)
{
	if (s->seen == NULL)
		return;
	change_gtid_set_add(s->seen, &t->gtid);
	if (t->gtid.kind == CHANGE_GTID_MYSQL ||
	    (t->gtid.kind == CHANGE_GTID_MARIADB && change_gtid_set_subset(s->start, s->seen))) {
		change_gtid_set_free(s->seen);
		s->seen = NULL;
		return;
	}
	t->end = (struct change_place){ .file = "" };
}

static struct change_txn *
hand_out(struct source *s, struct change_txn *t)
{
	if (t != NULL) {
		s->moved_us = 0;
		settle_place(s, t);
	}
	return t;
}

/** Say where, and turn what a wrong start looks like into what it is. */
static bool
failed(struct source *s, struct lt_err *err)
{
	bool damage = err->code == LT_E_CHECKSUM || err->code == LT_E_CORRUPT || err->code == LT_E_TRUNCATED ||
		      err->code == LT_E_EVENT_UNKNOWN || err->code == LT_E_LOG_POSITION;

	if (err->code == LT_E_CANCELLED)
		return false;
	/* In the middle of another log's event any size may stand. */
	if (s->expect.on && (damage || err->code == LT_E_PACKET_TOO_LARGE))
		err->code = LT_E_LOG_HISTORY;
	else if (s->midway && !s->begun && s->expect.pos == 0 && s->assembler.format.known && damage)
		err->code = LT_E_LOG_POSITION;
	if (err->where.file[0] == '\0') {
		lt_str_copy(err->where.file, sizeof(err->where.file), lt_str_z(s->track.file));
		err->where.pos = s->track.pos;
	}
	if (err->where.gtid[0] == '\0' && binlog_assembler_busy(&s->assembler)) {
		char gtid[96];

		change_gtid_text(&s->assembler.group.gtid, gtid);
		lt_str_copy(err->where.gtid, sizeof(err->where.gtid), lt_str_z(gtid));
	}
	return false;
}

static bool
at_end(struct source *s, struct lt_err *err)
{
	s->ended = true;
	if (!binlog_assembler_busy(&s->assembler) || s->feed->in_use)
		return true;
	lt_fail(err, LT_E_TRUNCATED, "the log ends inside a transaction");
	return failed(s, err);
}

/** A PLACE when it is due; at once for who looks for places. */
static struct change_txn *
due_place(struct source *s, bool heartbeat)
{
	if (!s->assembler.moved || binlog_assembler_busy(&s->assembler))
		return NULL;
	if (s->moved_us == 0)
		s->moved_us = lt_mono_us(s->clock);
	if (!heartbeat && !s->ended && !s->assembler.boundaries && lt_mono_us(s->clock) - s->moved_us < PLACE_US)
		return NULL;
	return binlog_assembler_take_place(&s->assembler);
}

static int
left_ms(const struct source *s, int timeout_ms, uint64_t since_us)
{
	uint64_t gone_ms;

	if (timeout_ms < 0 || !s->feed->stream)
		return timeout_ms;
	gone_ms = (lt_mono_us(s->clock) - since_us) / 1000;
	return gone_ms >= (uint64_t)timeout_ms ? 0 : timeout_ms - (int)gone_ms;
}

static bool
source_next(struct change_source *base, int timeout_ms, struct change_txn **ret, struct lt_err *err)
{
	struct source *s = (struct source *)base;
	uint64_t since_us = 0; /* the clock is asked only where nothing lies ready */
	bool heartbeat = false, waits = false;
	struct lt_err local; /* large: made only where it is needed */

	if (err == NULL) {
		local = (struct lt_err){ 0 };
		err = &local;
	}
	for (;;) {
		struct change_txn *t = binlog_assembler_take(&s->assembler);
		int wait_ms = waits ? left_ms(s, timeout_ms, since_us) : 0;
		struct lt_str bytes;

		if (t == NULL)
			t = due_place(s, heartbeat);
		if (t != NULL || s->ended) {
			*ret = hand_out(s, t);
			return true;
		}
		heartbeat = waits = false;
		switch (s->feed->ops->read(s->feed, wait_ms, &bytes, err)) {
		case BINLOG_READ_EVENT:
			if (!one_event(s, bytes, &heartbeat, err))
				return failed(s, err);
			break;
		case BINLOG_READ_NOTHING:
			waits = wait_ms == 0 && timeout_ms != 0;
			since_us = since_us != 0 ? since_us : lt_mono_us(s->clock);
			if (waits && left_ms(s, timeout_ms, since_us) != 0)
				break;
			*ret = hand_out(s, due_place(s, false));
			return true;
		case BINLOG_READ_END:
			if (!at_end(s, err))
				return false;
			break;
		case BINLOG_READ_FAILED: return failed(s, err);
		}
	}
}

static void
source_cancel(struct change_source *base)
{
	struct source *s = (struct source *)base;

	if (s->assembler.recall != NULL)
		binlog_recall_cancel(s->assembler.recall);
	s->feed->ops->cancel(s->feed);
}

static void
source_close(struct change_source *base)
{
	struct source *s = (struct source *)base;

	s->feed->ops->close(s->feed);
	binlog_recall_free(s->assembler.recall);
	binlog_assembler_clear(&s->assembler);
	change_gtid_set_free(s->start);
	change_gtid_set_free(s->before);
	change_gtid_set_free(s->seen);
	free(s);
}

struct change_source *
binlog_source_new(
    struct binlog_feed *feed, const struct change_position *from, const struct binlog_options *options, bool expect)
{
	static const struct change_source_ops ops = { source_next, source_cancel, source_close, binlog_source_place };
	struct source *s = lt_new(struct source);

	s->base.ops = &ops;
	s->feed = feed;
	s->track.stream = feed->stream;
	s->clock = options->clock != NULL ? options->clock : lt_clock_real();
	s->start = change_gtid_set_copy(from->gtids);
	s->seen = feed->by_gtid ? change_gtid_set_new() : NULL;
	lt_str_copy(s->track.file, sizeof(s->track.file), lt_str_z(from->place.file));
	s->track.pos = expect ? from->place.last_pos : from->place.pos;
	s->midway = !feed->by_gtid && s->track.pos > BINLOG_START_POS;
	if (feed->whole) {
		s->pass = s->track.pos;
		s->track.pos = BINLOG_START_POS;
	}
	s->expect = (struct binlog_expect){ expect, from->place.last_pos, from->place.pos, from->place.last_crc };
	binlog_assembler_init(&s->assembler, options, from->gtids);
	s->assembler.skip = s->start;
	s->assembler.place = from->place;
	return &s->base;
}

void
binlog_source_recall(struct change_source *base, struct binlog_recall *recall)
{
	((struct source *)base)->assembler.recall = recall;
}

const struct change_gtid_set *
binlog_source_before(const struct change_source *s)
{
	return ((const struct source *)s)->before;
}

bool
binlog_source_ended(const struct change_source *s)
{
	return ((const struct source *)s)->ended;
}

void
binlog_source_place(const struct change_source *base, struct change_place *out)
{
	const struct source *s = (const struct source *)base;

	*out = (struct change_place){ .pos = s->track.pos };
	lt_str_copy(out->file, sizeof(out->file), lt_str_z(s->track.file));
}

uint64_t
binlog_source_bytes(const struct change_source *s)
{
	return atomic_load_explicit(&((struct source *)(uintptr_t)s)->bytes, memory_order_relaxed);
}
