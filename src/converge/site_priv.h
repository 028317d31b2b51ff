/* converge/site_priv.h - a site's inside, shared by site.c (life, fence, status), site_observe.c (the observing
 * reader), site_keep.c (heartbeat, checkpoints), site_round.c (parked rows), site_store.c (schema lutra),
 * site_status.c. */
#ifndef CONVERGE_SITE_PRIV_H
#define CONVERGE_SITE_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/thread.h"
#include "change/heap.h"
#include "conflict/checkpoint.h"
#include "conflict/keys.h"
#include "conflict/sweep.h"
#include "converge/log.h"
#include "converge/site.h"
#include "converge/turn.h"
#include "mysql/conn.h"

/** How long a try to go on waits after a failure, at most. */
#define CONVERGE_PAUSE_MAX_MS 5000

/** A checkpoint as the store has it. */
struct converge_stored {
	uint64_t id, made_us;        /* wall clock */
	struct conflict_vector seen; /* owned */
	struct change_position at;   /* owned */
};

/** A file of the server's log. */
struct converge_file {
	char *name; /* owned */
	uint64_t size;
};

/** A pipeline that sends the site's log, and what its target durably has; not known before it has begun. */
struct converge_sent {
	size_t pipeline;
	bool known;
	struct change_position saved; /* owned */
};

/** A round of looking at all parked rows of the site. */
struct converge_round {
	struct lt_arena *arena;      /* owned; NULL: none */
	uint64_t written;            /* at the site, when it began */
	struct conflict_vector seen; /* owned: by the observer, when it began */
	struct conflict_keys met; /* in the arena: parked, or in the way of parked ones; and who was said to be since */
};

struct converge_site {
	const struct model_channel *channel; /* borrowed */
	const struct model_site *model;      /* borrowed, of channel */
	size_t index;
	struct pipeline_origin origin; /* of its log, for the observer */
	const struct lt_clock *clock;
	int64_t interval_us;
	struct change_heap *heap;              /* owned: where the observer's memory lies; behind the lock */
	struct conflict_room memory;           /* it, for the core */
	struct lt_thread *observing, *keeping; /* owned */
	struct lt_wake *stop;                  /* borrowed: of `origin`, so that nobody waits for its log either */

	pthread_mutex_t lock;
	pthread_cond_t moved;
	/* Behind the lock: */
	bool based;                         /* the store was read: there is a checkpoint to begin at */
	struct conflict_observer *observer; /* owned; NULL: not begun */
	struct change_position at;          /* all up to there was told to it */
	struct change_place read;           /* how far reading has come */
	struct converge_turn turn;          /* ahead of it, by the checkpoint that it began at */
	uint64_t life;                      /* another one whenever the observer was given up */
	uint64_t altered, *altered_by;      /* statements met; and (owned) by when each pipeline looked at its tables */
	enum lt_code told_code;             /* why it is not read, as the log of this process has it, */
	uint64_t told_us;                   /* mono: since then */
	bool halted;                        /* nothing is read, and nothing written, until it is begun anew */
	bool reader_rests, keeper_rests;    /* they have seen that */
	struct conflict_peers heard;        /* owned: of peers, by now, */
	struct conflict_peers durable;      /* owned: and what of it schema lutra holds */
	uint32_t leaving;                   /* a peer that is to be dropped from both; 0: none */
	struct converge_status status;      /* but for what the observer knows */
	struct lt_err keeper_err;           /* code 0: it works */
	struct converge_file *files;        /* owned: what its log held when reading began */
	size_t nfiles;
	struct converge_sent *sent; /* owned */
	size_t nsent;
	struct converge_round *rounds; /* owned; under way, by pipeline */
	struct converge_round round;   /* owned: the last one that is done */
	bool looked, unique;           /* whether any are parked; rows of some table compete for values */
	uint64_t tended, wanted;       /* of what was written: what it led to is done; and what somebody waits for */

	/* The keeper's own: */
	struct my_conn *conn;           /* owned */
	char server[64];                /* identity of its server, */
	bool vouched;                   /* whose log is the one that the observer reads */
	struct converge_stored *stored; /* owned: ascending by id */
	size_t nstored, stored_cap;
	uint64_t beat_us, checkpoint_us, trim_us; /* mono: when it was done last; the second: the walk for one, */
	uint64_t stored_us;                       /* and that it was written */
	bool trimmed;                             /* since this process began, */
	bool warned;                              /* both: of settings */
	struct conflict_sweeping *sweeping;       /* owned; NULL: none is under way */
	struct change_position sweep_at;          /* owned: where it began */
	struct converge_turn sweep_turn;          /* owned: what was ahead there */
	uint64_t sweep_life;                      /* of the observer that it walks through */
	uint64_t sweep_us, swept_us;              /* mono: when it began; and how long the last one took */
	struct conflict_vector swept;             /* owned: of what was told, what everyone had seen at the last one */
	bool crowded;                             /* what is remembered has no room on the disk */
	bool too_large;                           /* the last checkpoint was */
	uint64_t expire_us;                       /* after which the server removes log files; 0: it does not */
};

/** Whether who reads on from `from` may begin at that checkpoint. */
bool converge_site_reaches(const struct change_position *checkpoint, const struct change_position *from);
/** converge_site_checkpoint() of what there is by now. */
LT_MUST_USE bool converge_site_stored(struct converge_site *s, const struct change_position *from,
    struct change_position *place, struct lt_arena *arena, struct conflict_checkpoint *state, struct lt_err *err);
bool converge_site_is_ending(const struct converge_site *s);
/** Behind the lock: nothing was heard of anybody. */
void converge_site_expect_peers(struct converge_site *s);
/** Behind the lock, by the observing reader: forget all, and take it from schema lutra anew. */
void converge_site_start_over(struct converge_site *s);
/** The mapping of rows of the site's log; names are the same everywhere. */
const struct model_mapping *converge_site_mapping(const struct converge_site *s);
/** Note why a thread cannot go on, and wait. False: the site is ending. */
bool converge_site_wait(struct converge_site *s, unsigned tries);

/** Note what the server's log holds by now. */
LT_MUST_USE bool converge_site_measure(struct converge_site *s, struct my_conn *c, struct lt_err *err);
/** Behind the lock. */
void converge_site_forget_files(struct converge_site *s);
/** By the keeper, or once it has ended: what it knows of the store. */
void converge_site_forget_stored(struct converge_site *s);

/** Behind the lock. Keys that a group's mark says are parked or in the way, from now on. */
void converge_site_round_pins(struct converge_site *s, const struct conflict_pin *pins, uint32_t n);
/** The same, of a key that is remembered. `ctx` is the site. */
conflict_keep_fn converge_site_keeps;
/** Behind the lock. Nothing that was looked at counts any more. */
void converge_site_clear_rounds(struct converge_site *s);

void converge_observe(void *site); /* threads */
void converge_keep(void *site);

/* -- the store: each on a connection with autocommit=1 -------------------------------------------- */

/** Schema lutra, and the site's row in it: made, or LT_E_SITE_FOREIGN. Reads what was heard of peers. */
LT_MUST_USE bool converge_store_open(struct converge_site *s, struct my_conn *c, struct lt_err *err);
/** The heartbeat. `heard` is written with it. */
LT_MUST_USE bool converge_store_beat(
    struct converge_site *s, struct my_conn *c, bool believed, struct lt_str heard, struct lt_err *err);
/** What the pipeline `index` has applied, as its target says; `at` initialised. LT_E_TABLE_MISSING: it did not begin.
 */
LT_MUST_USE bool converge_store_lane(const struct model_channel *channel, size_t index, struct my_conn *target,
    struct change_position *at, struct lt_err *err);
/** How long the server keeps its log files; 0: until somebody removes them. */
LT_MUST_USE bool converge_store_expiry(struct my_conn *c, uint64_t *expire_us, struct lt_err *err);
/** Settings by which a crash of its host may take from the server what other sites have, appended; nothing: none. */
LT_MUST_USE bool converge_store_frail(struct my_conn *c, struct lt_buf *out, struct lt_err *err);
LT_MUST_USE bool converge_store_put(struct converge_site *s, struct my_conn *c, const struct change_position *at,
    struct lt_str state, uint64_t *id, struct lt_err *err);
LT_MUST_USE bool converge_store_drop(struct converge_site *s, struct my_conn *c, uint64_t id, struct lt_err *err);
/** A checkpoint as it was read; lasts for the call. */
struct converge_found {
	uint64_t id, made_us; /* wall clock */
	struct change_position at;
	struct conflict_checkpoint state;
};
/** What is stored, newest first, handed to `each` until it says false. */
typedef bool (*converge_stored_fn)(void *ctx, const struct converge_found *found, struct lt_err *err);
LT_MUST_USE bool converge_store_each(
    struct converge_site *s, struct my_conn *c, converge_stored_fn each, void *ctx, struct lt_err *err);

#endif
