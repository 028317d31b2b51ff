/* converge/heal_priv.h - between the files that bring a site back (heal.h). */
#ifndef CONVERGE_HEAL_PRIV_H
#define CONVERGE_HEAL_PRIV_H

#include "converge/heal.h"
#include "converge/regain.h"
#include "converge/site_priv.h"
#include "converge/tables.h"
#include "pipeline/select.h"

struct converge_looking;

/** What is found out before anything is written. */
struct converge_healing {
	struct converge_heal *h;
	struct converge_site *site;
	struct my_conn *conn; /* owned: to the site */
	char server[64];      /* who stands there now */
	uint64_t server_id;
	struct change_place held;       /* crashed: the furthest place of its log that a peer has read; that file's */
	uint64_t base;                  /* the newest checkpoint before the loss, by its id in lutra.checkpoint; */
	bool has_base;                  /* found */
	bool done;                      /* by an order before this one: `at` is known */
	struct change_position base_at; /* owned */
	struct conflict_checkpoint base_state; /* in arena */
	struct conflict_vector survived;       /* owned: what the site's log holds before the loss */
	uint64_t count, last;                  /* the number of its last transaction there, and of what peers have */
	struct converge_turn turn;             /* owned: to be noted */
	struct converge_looking *looking;      /* in arena: crash.c's */
	struct lt_arena *arena;                /* owned */
};

/** LT_E_CANNOT_HEAL. False. */
bool converge_heal_refuse(const struct converge_healing *w, struct lt_err *err, const char *why);
/** What to do where the channel must begin anew; behind an error's message that ends there. False. */
bool converge_heal_by_hand(const struct converge_healing *w, struct lt_err *err);

/* -- reading a site's log up to its end, for what is ours in it ----------------------------------- */

/** Who is told of each row of lutra.lane that the log has of the channel, before the transaction is handed out. */
typedef void converge_lane_fn(void *ctx, const struct converge_lane_row *row);

/** Only lutra.lane is let through, which makes marks of origin known; with `group` also what was applied there. */
struct converge_scan {
	const char *channel; /* borrowed */
	converge_lane_fn *lane;
	/** Who is told of each group that was applied there, with its rows, completed by `regain` (borrowed); NULL:
	 * they are passed over. May change it. */
	bool (*group)(void *ctx, struct change_txn *t, const struct conflict_mark *mark, struct lt_err *err);
	struct converge_regain *regain;
	/** With `group`: who is told of rows that users wrote there to a mapped table; NULL: nobody. */
	bool (*local)(void *ctx, const struct change_table *table, struct lt_err *err);
	void *ctx;
	struct pipeline_select select;
	struct change_filter inner;
	struct converge_giver giver;
	struct change_source *source; /* owned */
	struct change_position end;   /* owned */
	struct lt_arena *scratch;     /* owned */
};

/** `lane`, `group`, `regain`, `local` and `ctx` may be set before. converge_scan_close() also where it failed. */
LT_MUST_USE bool converge_scan_open(struct converge_scan *r, struct converge_site *s,
    const struct change_position *from, const struct conflict_checkpoint *state, const struct change_position *behind,
    struct lt_err *err);
void converge_scan_close(struct converge_scan *r);
/** *t NULL: the log's end, as it was, is reached. Users may write on. */
LT_MUST_USE bool converge_scan_next(
    struct converge_scan *r, const struct converge_heal *h, struct change_txn **t, struct lt_err *err);

/** Told of each transaction of the site's log behind the checkpoint; `at` is where the one before it ended, and is
 * moved on by it as far as it survived. */
typedef bool converge_look_fn(void *ctx, const struct converge_scan *r, const struct change_txn *t,
    struct change_position *at, struct lt_err *err);
/** The site's log from w->base_at on; `r` is new but for `lane` and `ctx`. Where nobody follows, all behind the
 * checkpoint is lost. */
LT_MUST_USE bool converge_heal_read(
    struct converge_healing *w, struct converge_scan *r, converge_look_fn *look, void *ctx, struct lt_err *err);
/** Up to `at`, where the scan is, the log is as it was: w->turn.at, w->count, w->survived. */
void converge_heal_follow(struct converge_healing *w, const struct converge_scan *r, const struct change_position *at);

/** That the site (its index in the channel) can take what it remembers from its log anew, from a checkpoint on: with
 * its tables as they are now (reread.c). LT_E_CANNOT_HEAL. */
LT_MUST_USE bool converge_heal_reread(const struct converge_healing *w, size_t site, const struct change_position *at,
    const struct conflict_checkpoint *state, struct lt_err *err);

/* -- the same server, without the end of its log (crash.c) ---------------------------------------- */

/** The lane of a pipeline out of the site, at its target; `at` initialised. */
LT_MUST_USE bool converge_crash_held(
    const struct converge_healing *w, size_t pipeline, struct change_position *at, struct lt_err *err);
/** h->crashed, and w->held, by what the lanes of those that stand say. LT_E_CANNOT_HEAL where they differ. */
LT_MUST_USE bool converge_crash_meet(struct converge_healing *w, struct lt_err *err);
/** Whether the log of the server that is there now holds what was read of it: the event in front of that place, which
 * must be known (R13). Beside whatever else reads the log. */
LT_MUST_USE bool converge_crash_log_has(const struct pipeline_origin *origin, const char *server,
    const struct change_place *read, bool *has, struct lt_err *err);
/** Whether a checkpoint may be of before the loss: it stands in no later file than the one that lost its end. */
bool converge_crash_is_old(const struct converge_healing *w, const struct change_position *at);
/** What find_loss() is for another server: w->turn.at, w->survived, w->count. */
LT_MUST_USE bool converge_crash_find(struct converge_healing *w, struct lt_err *err);
/** Whether it met a heartbeat before the loss, by which tables are compared. */
bool converge_crash_has_beat(const struct converge_healing *w);
/** That the peer's own log tells that it read the file as it is, up to a place before the loss; `last` is the newest
 * such place. */
LT_MUST_USE bool converge_crash_prove(
    const struct converge_healing *w, const struct change_place *last, struct lt_err *err);
/** Behind those two: that the site's tables are of the moment at which its log ends. */
LT_MUST_USE bool converge_crash_check_tables(const struct converge_healing *w, struct lt_err *err);

/* -- what an order before this one has done (again.c) --------------------------------------------- */

/** Behind w->done: that the turn which it noted is of the loss that pipelines stand still by, and that there was none
 * since. Sites need not stand still. LT_E_CANNOT_HEAL. */
LT_MUST_USE bool converge_again_check(const struct converge_healing *w, struct lt_err *err);
/** Whether the log lost its end where the turn stands, and whoever stands still has read on from there. */
bool converge_again_is_of_this_loss(const struct converge_healing *w);
/** Whether this process knows of that turn: else it must begin anew from what the databases say. */
bool converge_again_is_known(const struct converge_healing *w);

#endif
