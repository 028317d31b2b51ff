/* converge/site.h - what a conflict channel keeps at one of its sites: the observing reader of the site's log, the
 * heartbeat, the checkpoints, what peers were heard to have seen, and the fence.
 *
 * Schema `lutra` at the site holds (pipeline/state.h): `site` (identity, heartbeat, what was heard of peers),
 * `checkpoint`, `mark`, `parked`, `conflict`. Two threads: the observer reads the log and never waits (R21); the keeper
 * writes heartbeats and checkpoints. All functions: any thread. */
#ifndef CONVERGE_SITE_H
#define CONVERGE_SITE_H

#include "change/position.h"
#include "change/scratch.h"
#include "conflict/observer.h"
#include "conflict/peers.h"
#include "model/channel.h"
#include "pipeline/pipeline.h"

struct converge_site;

/** `site` is its index in the channel; in vectors it is known by its `id`. `origin`: of its log, for the observer
 * alone; its `stop` is raised by the site's end. What is remembered beyond a third of `memory` lies in `room` (R24).
 * All borrowed. */
struct converge_site *converge_site_start(const struct model_channel *channel, size_t site,
    const struct pipeline_origin *origin, struct change_spill_room *room, const struct lt_clock *clock);
void converge_site_end(struct converge_site *s);
/** Waits for its threads; NULL is fine. */
void converge_site_free(struct converge_site *s);

/** Wait until the keeper has seen to schema lutra: there is a checkpoint. Else why it cannot. */
LT_MUST_USE bool converge_site_await(struct converge_site *s, struct lt_err *err);

/** The fence (R21): wait until the observing reader has passed `end`, the end of the site's log as the caller was told
 * it by the server whose identity is `server`, with its rows locked. At most `limit_ms`: LT_E_FENCE_LATE, to be rolled
 * back and tried again; why the observer does not read where that is so. LT_E_CANCELLED once `stop` (may be NULL) is
 * raised. */
LT_MUST_USE bool converge_site_fence(struct converge_site *s, const char *server, const struct change_place *end,
    unsigned limit_ms, struct lt_wake *stop, struct lt_err *err);

/** The observer, held still until converge_site_release(): a decision's time, no I/O meanwhile. */
const struct conflict_observer *converge_site_hold(struct converge_site *s);
/** The same; NULL, and held all the same, where the fence that was passed at `end` does not count any more: the log is
 * read anew. */
const struct conflict_observer *converge_site_hold_past(
    struct converge_site *s, const char *server, const struct change_place *end);
/** What it has heard, while it is held. */
const struct conflict_peers *converge_site_held_peers(const struct converge_site *s);
void converge_site_release(struct converge_site *s);

/** Nothing is read or kept at the site until converge_site_go_on(), which takes all from schema lutra anew.
 * LT_E_TIMEOUT, LT_E_CANCELLED once `gone` is raised; go on then, too. */
LT_MUST_USE bool converge_site_halt(struct converge_site *s, struct lt_wake *gone, struct lt_err *err);
void converge_site_go_on(struct converge_site *s);

/** The origin that users write as now, or will once the log is read on; waits until that is known. */
LT_MUST_USE bool converge_site_origin(
    struct converge_site *s, struct lt_wake *stop, uint32_t *origin, struct lt_err *err);
/** The newest transaction of `origin` that the observing reader has met. */
uint64_t converge_site_seen(struct converge_site *s, uint32_t origin);
/** conflict_peers_survived() of it. */
uint64_t converge_site_survived(struct converge_site *s, uint32_t origin);
/** Whether the site's log, to its end as of now, lacks what was once written there or came there. */
LT_MUST_USE bool converge_site_lacks(
    struct converge_site *s, struct conflict_version version, struct lt_wake *stop, bool *lacks, struct lt_err *err);

/** A checkpoint of the site's log at or before `from`, for who reads that log to send it; waits for the first one.
 * LT_E_CHECKPOINT_GONE. `place` initialised; `state` lies in `arena`. */
LT_MUST_USE bool converge_site_checkpoint(struct converge_site *s, const struct change_position *from,
    struct change_position *place, struct lt_arena *arena, struct conflict_checkpoint *state, struct lt_err *err);

/** What the target of a pipeline that sends the site's log durably has of it: what is needed to read on from there is
 * kept. */
void converge_site_sent(struct converge_site *s, size_t pipeline, const struct change_position *saved);

/** A pipeline into the site looks at its tables: what changes them from now on counts. */
void converge_site_look(struct converge_site *s, size_t pipeline);
/** Whether the site's log, as far as it was read, tells of no statement since then that changes tables. */
bool converge_site_is_as_looked(struct converge_site *s, size_t pipeline);

/** The site with the id `peer` had seen all of `seen` when it wrote what is applied here by now. */
void converge_site_hear(struct converge_site *s, uint32_t peer, const struct conflict_vector *seen);

/** Whether something is kept here for the site with the id `peer`; then how far its transactions have come here. */
bool converge_site_knows(struct converge_site *s, uint32_t peer, uint64_t *seq);
/** A peer that is gone for good asks for nothing any more. Returns once schema lutra says so, too; LT_E_TIMEOUT after a
 * while, with nothing else to be done: it is once the site can be written. LT_E_CANCELLED once `gone` is raised. */
LT_MUST_USE bool converge_site_leave(struct converge_site *s, uint32_t peer, struct lt_wake *gone, struct lt_err *err);

/* -- rows that lost a unique value: who looks after them (pipelines into the site), and who waits for that -- */

struct converge_tending {
	uint64_t written; /* at the site since this process began, as far as the observer was told */
	bool unique;      /* rows of some table were met that compete for values */
	bool hurry;       /* somebody waits */
};
void converge_site_tending(struct converge_site *s, struct converge_tending *out);
void converge_site_note_unique(struct converge_site *s);
/** A pipeline begins to look at all rows that are parked, */
void converge_site_round_begin(struct converge_site *s, size_t pipeline);
/** has looked at some of them (these keys: parked, or competing with parked ones), */
void converge_site_round_met(struct converge_site *s, size_t pipeline, const struct lt_str *keys, size_t n);
/** and was through all of them. What was not met is in nobody's way. */
void converge_site_round_end(struct converge_site *s, size_t pipeline);
/** All is done that follows from what was written up to then. */
void converge_site_tended(struct converge_site *s, uint64_t written);
/** Want all done that follows from what was written by now: it is once converge_site_has_tended() says so. */
uint64_t converge_site_want_tended(struct converge_site *s);
bool converge_site_has_tended(struct converge_site *s, uint64_t written);
/** Whether the observer has come there in the log of that server, or reads another one's by now. */
bool converge_site_has_read(struct converge_site *s, const char *server, const struct change_place *place);

/** Whether the site's log is read. */
enum converge_reading {
	CONVERGE_STARTING,   /* not yet */
	CONVERGE_RECOVERING, /* from a checkpoint on up to where it ended then: what comes to the site waits */
	CONVERGE_READING,
};

/** When another site was heard last; wall clock, 0: not since this process began. */
struct converge_heard {
	const char *name; /* borrowed, of the channel */
	uint64_t at_us;
};

/** A key whose version went down in the site's log, as people can find it. */
struct converge_back {
	char table[520]; /* "" where no row of it was read since reading began */
	char key[200];
	struct change_place at; /* the end of the transaction that did so */
};

/** How it stands, for `lutra status` and metrics. */
struct converge_status {
	struct lt_err err; /* why the log is not read; code 0: it is */
	enum converge_reading reading;
	uint64_t left_bytes;      /* recovering: of log */
	struct change_place read; /* by the observer */
	uint64_t keys, key_bytes; /* remembered, */
	uint64_t spilled_bytes;   /* and how much of the disk is taken for that, */
	uint64_t over_bytes;      /* and of memory, as the disk had no room */
	struct converge_heard peers[MODEL_SITES_MAX];
	size_t npeers;
	uint64_t local, marks;     /* since this process began */
	uint64_t went_back, drift; /* the audit: alarms; each is a row that was decided wrongly, or changed by hand */
	struct converge_back back; /* the newest one that went back */
	uint64_t conflicts, lost;  /* operations that met a write that they had not seen; those of them that lost */
	uint64_t parked;           /* rows that were parked, */
	uint64_t parked_rows;      /* and are now */
	uint64_t failed;           /* operations for which a user's function failed, so that the newest write stood */
	uint64_t held;             /* transactions held since their clock is too far ahead */
	uint64_t fences, fence_us; /* passed, and how long they took in all */
	int64_t skew_us;           /* the site's clock against ours, at the last heartbeat */
	bool believed;             /* and whether it counts */
	uint64_t forgotten_us;     /* wall clock: all up to there has been seen by every peer */
	bool purges;               /* the server removes log files by their age: */
	int64_t purge_left_us;     /* how long until it removes what is still needed; below 0: it may have */
};
void converge_site_status(struct converge_site *s, struct converge_status *out);

/** What a group did, for the status. */
struct converge_tally {
	uint64_t conflicts, lost, parked, drift, held, failed;
};
void converge_site_count(struct converge_site *s, const struct converge_tally *add);

#endif
