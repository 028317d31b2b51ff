/* The thread that receives a semi-synchronous source's log, keeps it and acknowledges it.
 *
 * What it says to the source means: durable here. An acknowledgement is one packet; the other is the place where a dump
 * begins, all before which the source takes as acknowledged. So nothing is asked for that does not follow from what is
 * durable, here or at the target. */
#include "binlog/relay_priv.h"

#include "base/fault.h"
#include "base/log.h"
#include "binlog/server_priv.h"

#define STEP_MS 200
#define STEPS 256 /* events, before anything else is looked for */
#define ANSWER_MS 3000
#define FULL_STEP_MS 50
#define LOOK_US 100000
#define PAUSE_MAX_MS 5000
/* One sync for all that has come; but while more comes without end, so much at most is waited for. */
#define GROUP_BYTES ((uint64_t)1 << 20)

static bool
is_over(const struct binlog_relay *r, uint64_t more)
{
	return binlog_relay_log_bytes(&r->log) + more > r->limit;
}

/* Durable at the target, too. */
static bool
is_applied(const struct binlog_relay *r, const struct change_place *end)
{
	return strcmp(r->applied.server, r->log.server) == 0 && change_place_cmp(&r->applied.place, end) >= 0;
}

/* Beyond the bound only what the target has is acknowledged: its file may be the newest, and stay for now. */
static bool
may_acknowledge(const struct binlog_relay *r)
{
	return r->unacked.file[0] != '\0' && (!is_over(r, 0) || is_applied(r, &r->unacked));
}

/* -- what others see ------------------------------------------------------------------------------ */

static void
publish_status(struct binlog_relay *r)
{
	struct binlog_relay_status *s = &r->now;

	s->connected = r->feed != NULL;
	s->holds = r->log.count > 0;
	s->folds = r->log.folds;
	s->bytes = binlog_relay_log_bytes(&r->log);
	s->received = r->log.last;
	lt_cell_set(r->status, s);
}

/* The view, and how it stands. */
void
binlog_relay_publish(struct binlog_relay *r)
{
	const struct binlog_relay_log *l = &r->log;
	const struct binlog_relay_segment *last = l->count > 0 ? &l->segments[l->count - 1] : NULL;

	r->shown.last = last != NULL ? last->number : 0;
	r->shown.written = last != NULL ? last->size : 0;
	lt_cell_set(r->view, &r->shown);
	lt_wake_raise(r->news);
	publish_status(r);
}

static void
set_alarm(struct binlog_relay *r, const struct lt_err *err)
{
	if (r->now.alarm.code != err->code)
		lt_log(LT_LOG_WARN, "site %s: commits are not acknowledged: E%d %s", r->name, (int)err->code,
		    err->message);
	r->now.alarm = *err;
	publish_status(r);
}

static void
clear_alarm(struct binlog_relay *r)
{
	if (r->now.alarm.code == LT_OK)
		return;
	lt_log(LT_LOG_INFO, "site %s: commits are acknowledged again", r->name);
	r->now.alarm = (struct lt_err){ 0 };
	publish_status(r);
}

static void
set_source(struct binlog_relay *r, enum binlog_semi_sync what)
{
	static const char *const words[] = { [BINLOG_SEMI_SYNC_UNKNOWN] = "unknown",
		[BINLOG_SEMI_SYNC_ABSENT] = "not there: its commits wait for nobody",
		[BINLOG_SEMI_SYNC_OFF] = "off: its commits wait for nobody",
		[BINLOG_SEMI_SYNC_ON] = "on" };

	if (r->now.source != what)
		lt_log(what == BINLOG_SEMI_SYNC_ON ? LT_LOG_INFO : LT_LOG_WARN,
		    "site %s: semi-synchronous replication is %s", r->name, words[what]);
	r->now.source = what;
}

/* -- ends of a connection ------------------------------------------------------------------------- */

static void
disconnect(struct binlog_relay *r)
{
	if (r->feed != NULL)
		r->feed->ops->close(r->feed);
	r->feed = NULL;
	r->holding = false;
	r->unacked.file[0] = '\0';
	r->unacked_bytes = 0;
}

/* Nothing more comes for now: who has read all that is there is told why. */
static void
stand_still(struct binlog_relay *r, const struct lt_err *err)
{
	disconnect(r);
	r->halted = lt_err_kind(err) == LT_KIND_FATAL;
	r->shown.away = true;
	r->shown.err = *err;
	binlog_relay_publish(r);
}

/* All that was there is not there any more. */
static bool
give_up(struct binlog_relay *r, struct lt_err *err)
{
	bool ok = binlog_relay_log_drop(&r->log, err);

	r->shown.generation++;
	r->moved = false;
	binlog_relay_publish(r);
	return ok;
}

/* Read it from the disk anew: what is durable is not known any more. */
static void
open_again(struct binlog_relay *r)
{
	struct lt_err err = { 0 };
	uint64_t cut = 0;
	bool ok;

	disconnect(r);
	binlog_relay_log_close(&r->log);
	ok = binlog_relay_log_open(&r->log, r->dir, r->limit, &cut, &err);
	r->log.broken = !ok;
	r->shown.generation++;
	if (!ok)
		stand_still(r, &err);
	else
		binlog_relay_publish(r);
}

/* -- the log on disk ------------------------------------------------------------------------------ */

static bool
acknowledge(struct binlog_relay *r, const struct change_place *end, struct lt_err *err)
{
	lt_step("relay.ack");
	if (!binlog_stream_ack(r->feed, end, err))
		return false;
	r->now.acks++;
	r->now.acked = *end;
	return true;
}

static void
fail_full(const struct binlog_relay *r, struct lt_err *err)
{
	lt_fail(err, LT_E_RELAY_FULL, "the relay log in %s has %llu bytes, and %llu are allowed", r->dir,
	    (unsigned long long)binlog_relay_log_bytes(&r->log), (unsigned long long)r->limit);
}

/* All that has come is handed to the reader; what the source waits for is made durable and acknowledged. */
static bool
settle(struct binlog_relay *r, struct lt_err *err)
{
	bool may = may_acknowledge(r);

	if (may)
		lt_step("relay.keep");
	if (!(may ? binlog_relay_log_sync(&r->log, err) : binlog_relay_log_write(&r->log, err)))
		return false;
	binlog_relay_publish(r);
	if (!may && r->unacked.file[0] != '\0') {
		fail_full(r, err);
		set_alarm(r, err);
		*err = (struct lt_err){ 0 };
		return true;
	}
	if (may && !acknowledge(r, &r->unacked, err))
		return false;
	r->unacked.file[0] = '\0';
	r->unacked_bytes = 0;
	publish_status(r);
	return true;
}

/* The source waits for an event that is here: with it a transaction is whole. */
static void
note_wish(struct binlog_relay *r, const struct binlog_relay_entry *e)
{
	if (!binlog_stream_wants_ack(r->feed))
		return;
	set_source(r, BINLOG_SEMI_SYNC_ON); /* by now */
	if (e->at.end == r->log.last.pos)
		binlog_relay_log_whole(&r->log);
	lt_str_copy(r->unacked.file, sizeof(r->unacked.file), lt_str_z(e->at.file));
	r->unacked.pos = e->at.end;
}

/* The event in hand goes to the log. A reader who has all that is there must get what follows, for a transaction may be
 * larger than the bound. */
static bool
store(struct binlog_relay *r, struct lt_err *err)
{
	const struct binlog_relay_entry *e = &r->held;

	if (is_over(r, e->event.header.size) && !atomic_exchange(&r->hungry, false)) {
		fail_full(r, err);
		return false;
	}
	if (!binlog_relay_log_add(&r->log, e, err))
		return false;
	r->holding = false;
	note_wish(r, e);
	if (r->unacked.file[0] != '\0')
		r->unacked_bytes += e->event.header.size;
	return true;
}

/* More may have come already: one sync is for all of it, but the source is not to wait for ever. */
static bool
is_due(const struct binlog_relay *r)
{
	return is_over(r, 0) || r->unacked_bytes >= GROUP_BYTES ||
	       (r->log.count > 0 && r->log.segments[r->log.count - 1].size - r->shown.written >= GROUP_BYTES);
}

/* -- one event ------------------------------------------------------------------------------------ */

/* Where the event stands, and what it is. */
static bool
locate(struct binlog_relay *r, struct binlog_relay_entry *e, struct lt_err *err)
{
	uint8_t type = e->event.header.type;
	bool artificial = binlog_track_artificial(&r->track, e->bytes.ptr);
	struct binlog_track *t = &r->track;
	uint64_t pos = t->pos;
	struct binlog_rotate rotate;

	e->kind = BINLOG_RELAY_SHOWN;
	e->at = (struct binlog_at){ t->file, pos, pos };
	if (type == BINLOG_FORMAT_DESCRIPTION) {
		binlog_track_format(t, e->bytes.len, !r->log.format.known);
		if (!t->repeated)
			e->kind = BINLOG_RELAY_EVENT;
		e->at.end = t->pos;
	} else if (artificial && type == BINLOG_ROTATE) {
		if (!binlog_rotate_decode(e->event.body, &rotate, err))
			return false;
		binlog_track_rotate(t, &rotate);
		e->at.pos = e->at.end = t->pos;
	} else if (!artificial && !(type == BINLOG_MARIADB_START_ENCRYPTION && t->repeated)) {
		e->kind = BINLOG_RELAY_EVENT;
		e->at = binlog_track_at(t, &e->event.header);
		t->pos = e->at.end;
	}
	return true;
}

static bool
begin_log(struct binlog_relay *r, struct lt_err *err)
{
	const struct change_place *from = &r->begin.place;
	struct binlog_relay_begin b = { .server = binlog_stream_identity(r->feed),
		.folds = binlog_stream_folds(r->feed),
		.place = { .pos = r->track.pos },
		.gtids = r->begin.gtids };

	lt_str_copy(b.place.file, sizeof(b.place.file), lt_str_z(r->track.file));
	if (!r->feed->by_gtid)
		b.place.pos = LT_MAX(from->last_pos != 0 ? from->last_pos : from->pos, (uint64_t)BINLOG_START_POS);
	if (!binlog_relay_log_begin(&r->log, &b, err))
		return false;
	r->phase = binlog_stream_expects(r->feed) ? BINLOG_RELAY_TO_MEET
		   : r->feed->whole               ? BINLOG_RELAY_TO_REACH
						  : BINLOG_RELAY_ON;
	return true;
}

/* The event that was read before must be there (R13): else this is another history. */
static bool
meet(struct binlog_relay *r, const struct binlog_relay_entry *e, bool *keep, struct lt_err *err)
{
	const struct change_place *want = &r->expect;

	*keep = false;
	if (e->at.end <= want->last_pos)
		return true;
	if (e->at.pos != want->last_pos || e->at.end != want->pos || binlog_event_crc(&e->event) != want->last_crc)
		return lt_fail(err, LT_E_LOG_HISTORY,
		    "the event at %llu to %llu is not the one that was read there before (%llu to %llu)",
		    (unsigned long long)e->at.pos, (unsigned long long)e->at.end, (unsigned long long)want->last_pos,
		    (unsigned long long)want->pos);
	r->phase = BINLOG_RELAY_ON;
	*keep = r->fresh;
	return true;
}

/* Whether it is to be kept. */
static bool
judge(struct binlog_relay *r, const struct binlog_relay_entry *e, bool *keep, struct lt_err *err)
{
	bool of_log = e->kind == BINLOG_RELAY_EVENT && e->event.header.type != BINLOG_FORMAT_DESCRIPTION;
	bool rotate = e->kind == BINLOG_RELAY_SHOWN && e->event.header.type == BINLOG_ROTATE;

	*keep = true;
	if (r->phase == BINLOG_RELAY_TO_BEGIN && !rotate)
		return lt_fail(err, LT_E_PROTOCOL, "the stream does not begin with the name of its file");
	if (r->phase == BINLOG_RELAY_TO_BEGIN) {
		*keep = !r->feed->whole;
		return begin_log(r, err);
	}
	if (r->phase == BINLOG_RELAY_ON)
		return true;
	if (!of_log) {
		/* Its file was begun at the ROTATE that came first. */
		*keep = r->fresh && !rotate;
		return true;
	}
	if (r->phase == BINLOG_RELAY_TO_MEET)
		return meet(r, e, keep, err);
	*keep = e->at.pos >= r->begin.place.pos;
	if (*keep)
		r->phase = BINLOG_RELAY_ON;
	return true;
}

static bool
is_heartbeat(const struct lt_str event)
{
	uint8_t type = (uint8_t)event.ptr[4];

	return type == BINLOG_HEARTBEAT || type == BINLOG_HEARTBEAT_V2;
}

/* Every event is proven whole before it is kept. */
static bool
take(struct binlog_relay *r, struct lt_str bytes, struct lt_err *err)
{
	struct binlog_relay_entry *e = &r->held;
	enum binlog_checksum checksum = binlog_relay_checksum(&r->track, &r->log.format, bytes);
	bool ok = r->feed->spool != NULL ? binlog_spool_event(r->feed->spool, checksum, &e->event, err)
					 : binlog_event_open(bytes, checksum, &e->event, err);

	if (!ok)
		return false;
	e->bytes = bytes;
	if (is_heartbeat(bytes))
		return true;
	if (!locate(r, e, err) || !judge(r, e, &r->holding, err))
		return false;
	/* What is here from an earlier connection, and may never have been acknowledged. */
	if (!r->holding)
		note_wish(r, e);
	if (lt_fault("r23_ack") && r->holding && binlog_stream_wants_ack(r->feed)) {
		struct change_place end = { .pos = e->at.end };

		lt_str_copy(end.file, sizeof(end.file), lt_str_z(e->at.file));
		if (!acknowledge(r, &end, err))
			return false;
	}
	return true;
}

/* -- the connection ------------------------------------------------------------------------------- */

/* What a wrong start looks like is what it is. */
static void
lost(struct binlog_relay *r, struct lt_err *err)
{
	bool damage = err->code == LT_E_CHECKSUM || err->code == LT_E_CORRUPT || err->code == LT_E_TRUNCATED ||
		      err->code == LT_E_LOG_POSITION || err->code == LT_E_PACKET_TOO_LARGE;

	if (damage && r->feed != NULL && (binlog_stream_expects(r->feed) && r->phase <= BINLOG_RELAY_TO_MEET))
		err->code = LT_E_LOG_HISTORY;
	if (err->where.file[0] == '\0') {
		lt_str_copy(err->where.file, sizeof(err->where.file), lt_str_z(r->track.file));
		err->where.pos = r->track.pos;
	}
	stand_still(r, err);
}

/* A full disk is waited for, with the event in hand: the source's socket holds back what follows. */
static void
trouble(struct binlog_relay *r, struct lt_err *err)
{
	if (r->log.broken) {
		set_alarm(r, err);
		open_again(r);
	} else if (err->code == LT_E_RELAY_FULL || err->code == LT_E_RELAY_IO) {
		set_alarm(r, err);
		binlog_relay_publish(r);
		lt_wake_wait(r->wake, FULL_STEP_MS);
	} else {
		lost(r, err);
	}
}

static void
connected(struct binlog_relay *r, struct binlog_feed *feed, size_t host)
{
	r->feed = feed;
	r->host = host;
	r->track = (struct binlog_track){ .stream = true };
	r->shown.away = false;
	r->moved = r->halted = false;
	set_source(r, binlog_stream_semi_sync(feed));
	binlog_relay_publish(r);
}

/* Open the stream at the first host of [first, end) that has it. One that answers and says no counts more than one that
 * is away. */
static bool
open_any(struct binlog_relay *r, size_t first, size_t end, struct lt_wake *stop, const struct change_position *from,
    struct lt_err *err)
{
	struct lt_err worst = { 0 };
	struct binlog_feed *feed;

	for (size_t i = first; i < end; i++) {
		struct my_addr addr = r->hosts[i];
		struct lt_err one = { 0 };

		addr.stop = stop;
		if (binlog_stream_open(&addr, from, &r->options, &feed, &one)) {
			connected(r, feed, i);
			return true;
		}
		if (worst.code == LT_OK || (lt_err_kind(&worst) == LT_KIND_RETRY && lt_err_kind(&one) != LT_KIND_RETRY))
			worst = one;
	}
	*err = worst;
	return lt_wrap(err, "site %s", r->name);
}

/* Go on behind what is on disk. A host that is another server must have all of it; then the next reader, who knows what
 * the target has, begins there. */
static void
resume(struct binlog_relay *r)
{
	struct change_position from;
	struct lt_err err = { 0 };
	struct lt_str bytes;

	change_position_init(&from);
	if (r->log.last.file[0] == '\0') {
		lt_fail(&err, LT_E_LINK_LOST, "the source was lost before its first event");
		if (give_up(r, &err))
			stand_still(r, &err);
		goto out;
	}
	/* The source takes all before the place as acknowledged. */
	if (!binlog_relay_log_sync(&r->log, &err)) {
		trouble(r, &err);
		goto out;
	}
	lt_str_copy(from.server, sizeof(from.server), lt_str_z(r->log.server));
	from.place = r->expect = r->log.last;
	change_gtid_set_free(from.gtids);
	from.gtids = change_gtid_set_copy(r->log.executed);
	r->fresh = false;
	r->phase = BINLOG_RELAY_TO_MEET;
	if (!open_any(r, 0, r->nhosts, r->wake, &from, &err)) {
		if (err.code != LT_E_CANCELLED)
			stand_still(r, &err);
	} else if (r->feed->by_gtid) {
		/* MariaDB's sets tell only how far it came; whether it has this very transaction, its first answer. */
		bool has_all = r->feed->ops->read(r->feed, ANSWER_MS, &bytes, &err) == BINLOG_READ_EVENT;

		if (has_all)
			lt_fail(&err, LT_E_LINK_LOST, "site %s is another server now", r->name);
		else if (err.code == LT_OK)
			lt_fail(&err, LT_E_TIMEOUT, "site %s does not begin to send", r->name);
		stand_still(r, &err);
		r->moved = has_all;
	}
out:
	change_position_clear(&from);
}

/* False: nothing more lies ready, or there was trouble. */
static bool
step(struct binlog_relay *r)
{
	/* Beyond the bound there is nothing to hurry for: room is looked for between two steps. */
	bool waits = r->log.out.len > 0 || may_acknowledge(r);
	enum binlog_read what = BINLOG_READ_EVENT;
	struct lt_err err = { 0 };
	struct lt_str bytes;
	bool ok = true;

	if (!r->holding)
		what = r->feed->ops->read(r->feed, waits ? 0 : STEP_MS, &bytes, &err);
	switch (what) {
	case BINLOG_READ_EVENT:
		ok = (r->holding || take(r, bytes, &err)) && (!r->holding || store(r, &err)) &&
		     (!is_due(r) || settle(r, &err));
		r->pause_ms = BINLOG_RELAY_PAUSE_MS;
		break;
	case BINLOG_READ_NOTHING: ok = !waits || settle(r, &err); break;
	case BINLOG_READ_END: ok = lt_fail(&err, LT_E_LINK_LOST, "the server ended the stream"); break;
	case BINLOG_READ_FAILED: ok = false; break;
	}
	if (!ok)
		trouble(r, &err);
	return ok && what == BINLOG_READ_EVENT;
}

/* -- orders --------------------------------------------------------------------------------------- */

/* Begin the log at `o->from`. What there is stays until the source has said yes. */
static bool
begin_at(struct binlog_relay *r, struct binlog_relay_order *o)
{
	size_t first = r->moved ? r->host : 0, end = r->moved ? r->host + 1 : r->nhosts;

	disconnect(r);
	r->moved = false; /* that host may be away by now */
	r->fresh = true;
	r->phase = BINLOG_RELAY_TO_BEGIN;
	r->expect = o->from.place;
	change_position_copy(&r->begin, &o->from);
	if (!open_any(r, first, end, r->stop, &o->from, &o->err))
		return false;
	if (!give_up(r, &o->err)) {
		disconnect(r);
		return false;
	}
	o->fresh = true;
	o->by_gtid = r->feed->by_gtid;
	o->number = r->log.next_number;
	lt_str_copy(o->server, sizeof(o->server), lt_str_z(binlog_stream_identity(r->feed)));
	return true;
}

static bool
open_order(struct binlog_relay *r, struct binlog_relay_order *o)
{
	enum binlog_relay_cover cover;
	size_t segment = 0;

	r->halted = false;
	r->pause_ms = BINLOG_RELAY_PAUSE_MS;
	if (r->log.broken) {
		open_again(r);
		if (r->log.broken) {
			o->err = r->shown.err;
			return false;
		}
	}
	cover = binlog_relay_log_cover(&r->log, &o->from, &segment, &o->by_gtid);
	if (cover == BINLOG_RELAY_FOREIGN)
		return lt_fail(&o->err, LT_E_RELAY_FOREIGN,
		    "the relay log in %s holds %llu bytes of the log of server %s, which do not follow from there",
		    r->dir, (unsigned long long)binlog_relay_log_bytes(&r->log), r->log.server);
	if (cover == BINLOG_RELAY_BEHIND || r->moved)
		return begin_at(r, o);
	if (r->feed == NULL)
		r->shown.away = false; /* it is tried at once */
	binlog_relay_publish(r);
	o->number = r->log.segments[segment].number;
	lt_str_copy(o->server, sizeof(o->server), lt_str_z(r->log.server));
	return true;
}

static void
serve(struct binlog_relay *r, struct binlog_relay_order *o)
{
	switch (o->kind) {
	case BINLOG_RELAY_OPEN: o->ok = open_order(r, o); break;
	case BINLOG_RELAY_FORGET:
		disconnect(r);
		o->ok = give_up(r, &o->err);
		break;
	case BINLOG_RELAY_SAVED: binlog_relay_log_trim(&r->log, &o->from); break;
	}
	o->generation = r->shown.generation;
	o->host = r->host;
	publish_status(r);
}

static void
serve_all(struct binlog_relay *r)
{
	void *item;

	while (lt_queue_pop(r->orders, &item, 0) == LT_QUEUE_DONE) {
		struct binlog_relay_order *o = item;

		serve(r, o);
		if (o->done != NULL)
			lt_wake_raise(o->done);
		else
			binlog_relay_order_free(o);
	}
}

/* -- the thread ----------------------------------------------------------------------------------- */

/* Give up what the target has; say so when all is well again. */
static void
keep_house(struct binlog_relay *r)
{
	uint64_t now = lt_mono_us(r->clock);
	struct binlog_relay_saved_at *at = &r->applied;
	struct change_position saved;

	if (now - r->looked_us < LOOK_US)
		return;
	r->looked_us = now;
	lt_cell_get(r->saved, at);
	if (at->place.file[0] != '\0') {
		change_position_init(&saved);
		saved.place = at->place;
		memcpy(saved.server, at->server, sizeof(saved.server));
		lt_step("relay.trim");
		binlog_relay_log_trim(&r->log, &saved);
		change_position_clear(&saved);
	}
	if (!r->holding && (!is_over(r, 0) || is_applied(r, &r->log.last)) && !r->log.broken && r->log.out.len == 0)
		clear_alarm(r);
	publish_status(r);
}

void
binlog_relay_receive(void *arg)
{
	struct binlog_relay *r = arg;

	while (!atomic_load(&r->ending)) {
		lt_wake_clear(r->wake);
		if (atomic_load(&r->ending))
			break; /* that was raised before it was cleared */
		serve_all(r);
		keep_house(r);
		if (r->log.broken)
			open_again(r);
		if (r->feed == NULL && r->log.count > 0 && !r->log.broken && !r->halted && !r->moved)
			resume(r);
		if (r->feed != NULL) {
			for (int i = 0; i < STEPS && step(r); i++)
				;
			continue;
		}
		lt_wake_wait(r->wake, (int)r->pause_ms);
		r->pause_ms = LT_MIN(r->pause_ms * 2, PAUSE_MAX_MS);
	}
	disconnect(r);
}
