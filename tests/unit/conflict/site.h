/* A site without a server: a table of few rows and its observer. Users write, others' transactions are decided and
 * applied, and every mark goes through its bytes. What is wrong ends the test. */
#ifndef TESTS_CONFLICT_SITE_H
#define TESTS_CONFLICT_SITE_H

#include "conflict/decide.h"

#define SITE_ROWS 8
#define SITE_CLASHES 16
#define SITE_MARKS 4

struct site_row {
	struct lt_str key;
	const struct conflict_row *row;
	struct conflict_parked parked;
};

struct site_clash {
	struct lt_str key;
	struct conflict_version writer, other;
	bool won;
	const char *failed;
};

struct site {
	uint32_t id;
	const struct conflict_policy *policy;
	struct conflict_observer *observer;
	struct conflict_peers heard;
	struct site_row rows[SITE_ROWS];
	uint32_t nrows;
	struct site_clash clashes[SITE_CLASHES];
	uint32_t nclashes;
	uint32_t drifts;
	uint32_t failures;               /* of functions */
	struct lt_str checkpoint;        /* the last one that was taken */
	struct lt_str marks[SITE_MARKS]; /* of the log, since then */
	uint32_t nmarks;
	struct lt_arena *arena;
};

/** What a user makes of a key; row NULL: deletes it. */
struct site_edit {
	const char *key;
	const struct conflict_row *row;
};

void site_open(struct site *s, uint32_t id, const struct conflict_policy *policy);
void site_close(struct site *s);
/** A row of three values; NULL is SQL NULL. The first two are unique where the policy says so. */
const struct conflict_row *site_row(struct site *s, const char *a, const char *b, const char *c);
/** The row that a reader sees, "a,b,c" with "-" for NULL; "none". In the site's arena. */
const char *site_shows(struct site *s, const char *key);
/** The same of the parked row. */
const char *site_parks(struct site *s, const char *key);
/** A user's transaction; the result is what is sent to others, and lives as long as the site. */
const struct conflict_txn *site_write(struct site *s, int64_t stamp_us, const struct site_edit *edits, uint32_t nedits);
const struct conflict_txn *site_put(struct site *s, int64_t stamp_us, const char *key, const struct conflict_row *row);
/** One group of others' transactions. */
void site_apply(struct site *s, const struct conflict_txn *const *txns, uint32_t ntxns);
void site_take(struct site *s, const struct conflict_txn *txn);
/** How many further rows must be locked before it can be decided. Changes nothing. */
uint32_t site_needs(struct site *s, const struct conflict_txn *txn);
/** Parked rows come back where their values are free. */
void site_upkeep(struct site *s);
/** Take a checkpoint of this moment. */
void site_checkpoint(struct site *s);
/** Begin again at the last checkpoint, as after a crash, and read the groups that were applied since; no user may have
 * written. */
void site_resume(struct site *s);
/** Both at once. */
void site_reread(struct site *s);

/** Values are whole numbers as text. */
extern const struct conflict_type site_number;

#endif
