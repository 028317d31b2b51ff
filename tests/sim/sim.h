/* The deterministic simulation of src/conflict: sites with row locks and a log, processes that read, send and apply,
 * links, users, and faults at every step, as in tests/model. A seed fixes all; one tick is one step of one part.
 *
 * Everything of a run lies in its world's arena, but for what the core owns. */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "base/cur.h"
#include "conflict/decide.h"
#include "conflict/peers.h"
#include "history.h"

#define SIM_LANES 3 /* of an origin, at most; one more for maintenance */
#define SIM_VALUES 8
#define SIM_YEARS ((int64_t)1000000000) /* a lie of years, in ticks */
#define SIM_NONE UINT32_MAX

/** A list that grows in the arena: `type *at` with `count` and `cap` beside it. */
#define SIM_PUSH(world, list, value)                                                                                   \
	do {                                                                                                           \
		(list)->at = sim_more(world, (list)->at, (list)->count, &(list)->cap, sizeof(*(list)->at));            \
		(list)->at[(list)->count++] = (value);                                                                 \
	} while (0)

/* ---- config.c */
enum sim_policy {
	SIM_ROW,
	SIM_HOME,
	SIM_UNIQUE,
	SIM_COLUMN,
	SIM_COUNTER,
	SIM_TALLY,
	SIM_MAXIMUM,
	SIM_MINIMUM,
	SIM_MIXED,
	SIM_MADE,   /* a function makes a column of its writes, */
	SIM_CHOSEN, /* or names the write that stands */
	SIM_POLICIES
};

/** Every rule can be switched off. Those of the core by the name that it knows (base/fault.h), the others here. */
enum sim_rule {
	SIM_FENCE,        /* wait until the reader has passed the end of the log */
	SIM_FENCE_AT_END, /* off: the place is taken from what is known only after the locks are free */
	SIM_HYBRID,
	SIM_TIE,
	SIM_TOMBSTONES,
	SIM_INVISIBLE,
	SIM_PINS, /* versions of rows in the way of parked rows are not forgotten */
	SIM_STORED_PINS,
	SIM_MARKER,
	SIM_INSERT_FIRST,
	SIM_COMPONENT,
	SIM_EPOCH,
	SIM_AUTOCOMMIT,
	SIM_COMMIT_ORDER,
	SIM_LANES_IN_ORDER, /* a free lane goes to the first group that has none */
	SIM_GIVE_WAY,       /* R4: later groups let go when the first of the order waits for a lock */
	SIM_GROUP_VERSIONS,
	SIM_LIST,
	SIM_CAUSAL,
	SIM_CLAMP,
	SIM_HEARTBEAT_GUARD, /* no time from a server whose clock is off */
	SIM_HOLD,            /* transactions of the far future */
	SIM_CHECKPOINT_CLOCK,
	SIM_CHECKPOINT_BEAT,
	SIM_CHECKPOINT_VECTOR, /* off: own transactions received by all is enough */
	SIM_FORGET_BY_VECTOR,  /* off: by the clock heard from all */
	SIM_REASSEMBLE,        /* what came over several connections is put in order */
	SIM_TWO_CURSORS,       /* off: the reader that feeds the fence waits for peers */
	SIM_RULES,
};
#define SIM_BIT(rule) ((uint64_t)1 << (rule))

/** One run, but for its seed. */
struct sim_config {
	enum sim_policy policy;
	const char *shape;
	uint32_t sites, keys, values, transactions, size, group, lanes, window;
	int64_t skew, interval, max_skew, tide, flood, coarse;
	double beats, crash, reread, server, cut, deadlock; /* chances of one tick */
	int split; /* one direction of one pair is cut most of the time; 2: from the second site to the last */
	bool bulk; /* links are cut while users write: then all comes at once */
	bool jumps, lies, big_jumps;
	uint64_t off; /* rules, a bit each */
};

/** A rule switched off, the workload that misses it, and how many seeds (from 0) are enough. */
struct sim_switch {
	const char *name;
	uint64_t off;
	const char *settings; /* "sites=3 shape=tides" */
	uint32_t seeds;
};

extern const struct sim_switch sim_switches[];
extern const size_t sim_nswitches;
struct sim_config sim_config_default(void);
/** "name=value"; false if there is no such thing. */
bool sim_config_set(struct sim_config *c, const char *setting);
bool sim_config_set_all(struct sim_config *c, const char *settings);
/** Lay the shape's settings over it. `choose` picks the shape of "mixed". */
void sim_config_shape(struct sim_config *c, uint32_t (*choose)(void *ctx, uint32_t n), void *ctx);
const char *sim_policy_name(enum sim_policy p);
/** Rule of a column, for users' statements; CONFLICT_LAST where the row is one value. */
enum conflict_rule sim_column_rule(enum sim_policy p, uint32_t column);
bool sim_by_columns(enum sim_policy p);
/** The core's policy; lives for ever. */
const struct conflict_policy *sim_core_policy(enum sim_policy p);
/** Rules that the core has off from now on. */
void sim_faults(uint64_t off);

/* ---- rows */
/** A row as users know it and as the core does. */
struct sim_row {
	struct history_row plain;
	struct lt_str values[SIM_COLUMNS];
	struct conflict_row core;
	char bytes[SIM_COLUMNS][8];
};

struct world;
struct site;
struct node;

void *sim_more(struct world *w, void *at, uint32_t count, uint32_t *cap, size_t size);
const struct sim_row *sim_row_new(struct world *w, const struct history_row *plain);
/** NULL is NULL. */
const struct sim_row *sim_row_of(struct world *w, const struct conflict_row *core);
static inline const struct conflict_row *
sim_core(const struct sim_row *row)
{
	return row != NULL ? &row->core : NULL;
}
bool sim_row_eq(const struct sim_row *a, const struct sim_row *b);
struct lt_str sim_key(uint32_t key);
uint32_t sim_key_of(struct lt_str key);
/** A bit for each unique value that the row has, as a lock. */
uint64_t sim_claims(const struct sim_row *row);

/* ---- server.c */
/* Locks are numbered: rows, unique values, lanes. */
#define SIM_LOCK_ROW(key) (key)
#define SIM_LOCK_VALUE(column, value) (SIM_KEYS + (column)*SIM_VALUES + (uint32_t)(value))
#define SIM_LOCK_LANE(origin, lane) (SIM_KEYS + 2 * SIM_VALUES + (origin) * (SIM_LANES + 1) + (lane))
#define SIM_LOCKS (SIM_KEYS + 2 * SIM_VALUES + SIM_SITES * (SIM_LANES + 1))

struct sim_op {
	uint32_t key;
	const struct sim_row *before, *after;
};

struct sim_parked {
	const struct sim_row *row; /* NULL: none */
	struct conflict_parked core;
};

/** One transaction in the log. */
struct entry {
	struct history_entry plain;
	const struct sim_op *ops; /* local */
	uint32_t nops;
	struct lt_str mark; /* apply */
};

/** A COMMIT that was sent. */
struct job {
	uint64_t session;
	uint32_t written, parked; /* a bit for each key */
	const struct sim_row *rows[SIM_KEYS];
	struct sim_parked parks[SIM_KEYS];
	struct entry *entry;
	uint32_t origin, lane; /* SIM_NONE: none */
	uint64_t seq;
	uint32_t heard_from; /* SIM_NONE: nobody */
	struct conflict_vector heard;
	int64_t heard_clock;
	const struct history_conflict *conflicts;
	uint32_t nconflicts;
	bool drift, done;
};

struct jobs {
	struct job **at;
	uint32_t count, cap;
};
struct sessions {
	uint64_t *at;
	uint32_t count, cap;
};

struct checkpoint {
	struct lt_str bytes;
	uint32_t place;
};

/** A database server with its schema `lutra`. */
struct site {
	struct world *world;
	uint32_t number;
	const struct sim_row *rows[SIM_KEYS];
	struct sim_parked parked[SIM_KEYS];
	uint64_t epoch;
	uint64_t lanes[SIM_SITES][SIM_LANES]; /* newest seq that each moved to */
	struct conflict_peers heard;          /* durably; a peer goes by the number of its site */
	int64_t watermark[SIM_SITES];         /* clock last heard; only a wrong rule needs it */
	struct {
		struct history_conflict *at;
		uint32_t count, cap;
	} conflicts;
	struct {
		struct checkpoint *at;
		uint32_t count, cap;
	} checkpoints;
	struct {
		struct entry **at;
		uint32_t count, cap;
	} log;
	struct history_claim *claims; /* one for each entry of the log, and room for more */
	uint32_t claims_cap;
	uint64_t owner[SIM_LOCKS]; /* session; 0: free */
	struct jobs committing;
	struct sessions releasing, orphans;
	uint32_t told; /* what is known of the log after locks are free */
	int64_t offset;
};

bool site_lock(struct site *s, uint32_t lock, uint64_t session);
/** An absent key is held by inserting it; a plain SELECT FOR UPDATE only waits for whoever holds it. */
bool site_lock_row(struct site *s, uint32_t key, uint64_t session, bool insert);
void site_unlock(struct site *s, uint64_t session);
bool site_holds(const struct site *s, uint64_t session);
bool site_lanes_are_free(const struct site *s);
void site_append(struct site *s, struct entry *e);
void site_commit(struct site *s, struct job *j);
/** One step: a commit, locks freed, the end of the log told, a dead session noticed. False: nothing to do. */
bool site_work(struct site *s);
/** kill -9 of the server: sessions are gone, a COMMIT that was sent went through or did not. */
void site_restart(struct site *s);
/** Of `origin`: the newest transaction that was applied. */
uint64_t site_progress(const struct site *s, uint32_t origin);
bool site_has_parked(const struct site *s);
int64_t site_clock(const struct site *s);
struct job *job_new(struct world *w, uint64_t session, struct entry *e);
struct entry *entry_new(struct world *w, enum history_kind kind, int64_t stamp);
void entry_set_ops(struct world *w, struct entry *e, const struct sim_op *ops, uint32_t nops);

/* ---- users.c */
enum user_kind { USER_PUT, USER_DELETE, USER_MOVE, USER_VALUE, USER_ADD, USER_EDIT };

/** A user's transaction: a few statements, a COMMIT; a lock wait that takes too long rolls it back. */
struct user {
	struct site *site;
	uint64_t session;
	uint32_t left, waits;
	uint32_t touched; /* a bit for each key; ops[key] then */
	struct sim_op ops[SIM_KEYS];
	bool waiting; /* the statement below */
	enum user_kind kind;
	uint32_t key, other;
	const struct sim_row *argument;
	bool found; /* images are there: its rows are locked */
	struct sim_op images[2];
	uint32_t nimages;
	bool done;
	int64_t begun; /* stamps are of the statement, not of the commit */
};

struct user *user_new(struct site *s);
void user_step(struct user *u);

/* ---- link.c */
/** What a reader has for its peers: a transaction, or a heartbeat. */
struct message {
	bool beat;
	uint32_t origin; /* number of the site */
	uint64_t seq;
	struct conflict_txn txn; /* version and vector of a heartbeat too */
	const struct sim_op *ops;
};
struct messages {
	const struct message **at;
	uint32_t count, cap;
};

struct wire {
	struct messages sent;
	uint32_t arrived, taken;
};

/** One direction between two sites: several connections that do not keep order among each other. */
struct link {
	uint32_t connections;
	int64_t closed_until;
	struct reader *reader; /* whose messages it sends */
	uint64_t progress;     /* of the receiver, when it was made */
	uint32_t position, sent, taken;
	struct wire wires[SIM_LANES];
};

const struct message *link_next(struct link *l);
bool link_send(struct world *w, struct link *l);
void link_carry(struct world *w, struct link *l);
void link_carry_all(struct link *l);
/** The wire whose first message is next; NULL: none. */
struct wire *link_turn(struct link *l, bool reassemble);
uint32_t link_pending(const struct link *l);
bool link_is_empty(struct link *l);

/* ---- reader.c */
/** The observing cursor: the core's observer, fed with a site's log. */
struct reader {
	struct site *site;
	struct conflict_observer *observer;
	uint32_t place;
	struct messages messages;
	bool maintain;       /* parked rows may come back */
	struct reader *next; /* of the world's, to be freed */
};

/** At the beginning, or at a checkpoint. */
struct reader *reader_new(struct site *s, const struct checkpoint *from);
bool reader_read(struct reader *r);
void reader_checkpoint(struct reader *r, struct checkpoint *out);
/** `acks`: what was received from each peer; `lowest`: the least clock heard. */
void reader_forget(struct reader *r, const struct conflict_peers *acks, int64_t lowest);
/** A version is remembered that no peer can ask for. */
bool reader_has_leftovers(struct reader *r);

/* ---- stream.c */
enum phase { GROUP_BEGIN, GROUP_LANE, GROUP_LOCK, GROUP_FENCE, GROUP_DECIDE, GROUP_TURN, GROUP_WRITE, GROUP_SENT };

/** Some source transactions in one target transaction. */
struct group {
	struct stream *stream;
	struct messages messages, beats;
	uint32_t lane; /* SIM_NONE: none yet */
	uint64_t session;
	struct job *job;
	uint32_t waits, place;
	uint64_t need; /* locks of rows */
	enum phase phase;
};

/** One origin at one site: groups, several at once in lanes, committed in order. */
struct stream {
	struct node *node;
	struct site *site;
	uint32_t origin;
	bool upkeep; /* brings parked rows back: no source transactions */
	uint64_t taken;
	struct {
		struct group **at;
		uint32_t count, cap;
	} groups;
	uint32_t lanes; /* free ones, a bit each */
};

struct stream *stream_new(struct node *n, uint32_t origin, bool upkeep);
bool stream_step(struct stream *s);
void stream_restart(struct stream *s);

/* ---- node.c */
/** A Lutra process at a site. All of it is memory. */
struct node {
	struct site *site;
	bool dead, ready;
	uint64_t epoch;
	struct reader *reader;
	struct conflict_peers acks; /* received */
	int64_t watermarks[SIM_SITES];
	struct link *inbound[SIM_SITES];
	struct stream *streams[SIM_SITES + 1];
	uint32_t nstreams;
	struct node *next; /* of the world's, to be freed */
};

struct node *node_new(struct site *s);
void node_start(struct node *n);
void node_reread(struct node *n);
void node_heartbeat(struct node *n);
void node_hear(struct node *n, uint32_t peer, const struct message *m);
void node_forget(struct node *n);
void node_read(struct node *n, uint32_t most);
void node_send(struct node *n, uint32_t peer);
void node_step(struct node *n);

/* ---- world.c */
#define SIM_FAILURES 16

/** What happened in runs, so that one can see that it did. */
enum sim_note {
	NOTE_TICKS,
	NOTE_USERS, /* transactions */
	NOTE_GROUPS,
	NOTE_APPLIED,
	NOTE_ABOVE_25, /* groups */
	NOTE_OF_50,
	NOTE_CONFLICTS,
	NOTE_PARKED, /* rows, at the end */
	NOTE_CRASHES,
	NOTE_ZOMBIES,
	NOTE_IN_DOUBT, /* COMMITs under way at a crash */
	NOTE_SERVERS,  /* killed */
	NOTE_CUTS,
	NOTE_REREAD,
	SIM_NOTES,
};
extern const char *const sim_note_names[SIM_NOTES];
struct sim_notes {
	uint64_t count[SIM_NOTES];
};

struct world {
	struct lt_arena *arena, *scratch; /* scratch: of one decision */
	struct sim_config config;
	uint64_t seed, chance[2], sessions;
	int64_t now;
	const struct sim_row *initial[SIM_KEYS];
	struct site sites[SIM_SITES];
	struct node *nodes[SIM_SITES];
	struct link *links[SIM_SITES][SIM_SITES];
	struct {
		struct node **at;
		uint32_t count, cap;
	} zombies;
	struct {
		struct user *at[4];
		uint32_t count;
	} users[SIM_SITES];
	uint32_t left[SIM_SITES];
	uint32_t lanes, group, window, burst;
	double diligence;
	uint32_t split_from, split_to;
	bool held;          /* a transaction of the far future is */
	const char *broken; /* it cannot go on */
	const char *failures[SIM_FAILURES];
	uint32_t nfailures;
	struct sim_notes notes;
	struct reader *readers; /* all that ever were */
	struct node *all_nodes;
};

double world_rnd(struct world *w);
uint32_t world_choose(struct world *w, uint32_t n);
bool world_rule(const struct world *w, enum sim_rule rule);
uint64_t world_session(struct world *w);
void world_fail(struct world *w, const char *what);
void world_break(struct world *w, const char *what);
/** A new connection from i to j; sending resumes at the lanes of j. */
void world_connect(struct world *w, uint32_t i, uint32_t j);
void world_crash(struct world *w, uint32_t i);

/** Run a seed. All of it is freed by world_free. */
struct world *world_run(uint64_t seed, const struct sim_config *config);
void world_free(struct world *w);
/** Add up what happened in it. */
void world_note(const struct world *w, struct sim_notes *sum);
/** Logs and tables, in the world's arena. */
const struct history *world_history(struct world *w);

#endif
