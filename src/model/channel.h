/* model/channel.h - a channel file (contract: "Channel file"), read, checked and completed with defaults. */
#ifndef MODEL_CHANNEL_H
#define MODEL_CHANNEL_H

#include "model/conflicts.h"
#include "model/mapping.h"
#include "model/site.h"

enum model_start_kind {
	MODEL_START_NONE,
	MODEL_START_NOW,
	MODEL_START_BEGINNING, /* of the oldest log that the server still has */
	MODEL_START_GTID,
	MODEL_START_PLACE,
	MODEL_START_TIME,
};

/** Where a site's log is begun when no progress is recorded. */
struct model_start {
	enum model_start_kind kind;
	char *gtid; /* owned; change_gtid_set_parse() takes it */
	char *file; /* owned */
	uint64_t pos;
	uint64_t time_us;
};

/** "2026-11-22T08:00:00Z" (or with a fraction, or an offset) as microseconds since 1970; false on anything else. */
LT_MUST_USE bool model_time_parse(struct lt_str text, uint64_t *out_us);

/** Whether a text can be `model_start.gtid`: ids of one engine, at least one; else LT_E_CONFIG_VALUE. */
LT_MUST_USE bool model_gtid_check(struct lt_str text, struct lt_err *err);

/** One direction. */
struct model_pipeline {
	char name[132];                /* "hz->us" */
	size_t from, to;               /* indexes of sites */
	struct model_mapping *mapping; /* owned */
	bool two_way;                  /* the other direction runs too (in a mesh: of each pair of sites) */
	struct model_start start;      /* of the log of `from` */
	struct model_start until;      /* in the log of `from`; MODEL_START_NONE: without end */
	unsigned delay_ms;             /* `delay`: how long after its commit at the source a transaction is applied */
};

/** What of a changed row is written: what the log says of it, or the whole row as it is at the source by then. */
enum model_sync { MODEL_SYNC_FIELD, MODEL_SYNC_ROW };

/** Otter's marks of origin in retl_mark, for a channel that moves from Otter to Lutra. */
struct model_otter {
	bool on;      /* the key `otter` is there: marks are looked for */
	char *schema; /* owned: "retl" */
	bool has_channel;
	uint64_t channel; /* Otter's id of the channel */
	char *info;       /* owned: channel_info of the channel, or NULL */
	bool write;       /* mark what is applied, too */
};

enum { MODEL_SITES_MAX = 4 };

enum model_verify { MODEL_VERIFY_OFF, MODEL_VERIFY_ON };

/** What is done with the changes that one target transaction makes to the same row. */
enum model_mode {
	MODEL_MODE_EXACT, /* each is carried out */
	MODEL_MODE_MERGE, /* they become one: see pipeline/fold.h */
};

struct model_channel {
	char *name;                       /* owned; 1 to 64 of [A-Za-z0-9_-] */
	struct model_site *sites;         /* owned */
	size_t nsites;                    /* two; in a mesh up to MODEL_SITES_MAX */
	struct model_pipeline *pipelines; /* owned; one, two, or one for each way between two sites of a mesh */
	size_t npipelines;
	struct model_conflicts conflicts;
	enum model_verify verify; /* before images compared at the target: default off one-way, else on (R8; where
				     conflicts are decided, for tables that one site alone writes) */
	bool free_order;          /* `commit-order: free`: groups commit as they come; default: source */
	enum model_mode mode;     /* `mode`; default exact */
	size_t writers;           /* `writers`: connections that apply a backlog beside each other; default 1 */
	size_t far_writers;       /* where the target is far: more, if `group.grows` and none are set */
	uint64_t spill_bytes;     /* `spill`: disk that larger transactions may take, for each pipeline; default 16G */
	uint64_t relay_bytes;     /* `relay`: disk that the log of a `semi-sync` site may take; default 16G */
	size_t memory_bytes;      /* `memory`: from the source socket to the target, for each pipeline; default 256M */
	struct model_otter otter;
	enum model_sync sync;
	struct {
		size_t rows, bytes;
		bool grows; /* more where the target is far: one-way, and no bound is set but `wait` */
		unsigned time_ms, wait_ms;
	} group; /* `group`: bounds of a target transaction: default 5000, 4M, 200; two-way: time 10; wait 20 (R4) */
};

/** Read and check a channel file. Errors carry file, line and column. Passwords come from password_file (relative to
 * the channel file, mode checked, one trailing newline dropped) or password_env. `**ret` to model_channel_free(). */
LT_MUST_USE bool model_channel_load(const char *path, struct model_channel **ret, struct lt_err *err);
/** The same for a text at hand; relative names begin in the folder of `path`. err->where.file is the caller's to set,
 * and its line and column may be set on success too. */
LT_MUST_USE bool model_channel_parse(
    struct lt_str text, const char *path, struct model_channel **ret, struct lt_err *err);
void model_channel_free(struct model_channel *c);
/** The pipeline that leads the other way between the same two sites; NULL: there is none. */
const struct model_pipeline *model_channel_back(const struct model_channel *c, const struct model_pipeline *p);

#endif
