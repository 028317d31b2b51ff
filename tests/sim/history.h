/* What happened in a run, as plain data: the logs and tables that any outsider could read. The judge gets this and
 * nothing else. */
#ifndef SIM_HISTORY_H
#define SIM_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#define SIM_SITES 4
#define SIM_KEYS 8
#define SIM_COLUMNS 3

/** A row that is not there is a NULL pointer. */
struct history_row {
	int64_t v[SIM_COLUMNS];
	bool null[SIM_COLUMNS];
};

struct history_change {
	uint32_t key;
	const struct history_row *before, *after;
};

/** A transaction: its site, and its number there, from 1. */
struct history_name {
	uint32_t site;
	uint64_t seq;
};

enum history_kind {
	HISTORY_USER,
	HISTORY_LOCAL, /* written by a process, but without its mark */
	HISTORY_APPLY,
	HISTORY_BEAT,
};

/** One transaction in a log. */
struct history_entry {
	enum history_kind kind;
	bool has_stamp;
	int64_t stamp;
	const struct history_change *changes;
	uint32_t nchanges;
	const struct history_name *applied; /* by an apply */
	uint32_t napplied;
	uint32_t written; /* by an apply: a bit for each key, and its row now */
	const struct history_row *rows[SIM_KEYS];
};

struct history_conflict {
	struct history_name operation, other;
	uint32_t key;
};

/** What a site's first reader computed at a place of its log. */
struct history_claim {
	bool there;
	int64_t clock;
	uint64_t seq;
	uint64_t sees[SIM_SITES];
};

struct history_site {
	const struct history_entry *const *log;
	const struct history_claim *claims; /* one for each entry */
	uint32_t nlog;
	const struct history_row *rows[SIM_KEYS], *parked[SIM_KEYS];
	const struct history_conflict *conflicts;
	uint32_t nconflicts;
};

struct history {
	uint32_t nsites;
	const char *policy;
	int64_t interval;
	const struct history_row *initial[SIM_KEYS];
	struct history_site sites[SIM_SITES];
};

#endif
