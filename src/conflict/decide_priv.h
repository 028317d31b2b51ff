/* conflict/decide_priv.h - what the two halves of a decision share: who is newest of each key, and unique keys on top
 * of it. */
#ifndef CONFLICT_DECIDE_PRIV_H
#define CONFLICT_DECIDE_PRIV_H

#include "conflict/decide.h"
#include "conflict/keys.h"

/** One key of the group. */
struct conflict_slot {
	const struct conflict_policy *policy;
	const struct conflict_row *found, *row; /* at the target; as decided so far */
	bool has_held;
	struct conflict_version held; /* the newest write: remembered, or of this group */
	uint32_t winner;              /* transaction that won it; CONFLICT_NO_KEY: none */
	enum conflict_state state;    /* of a key that was won */
	struct conflict_list list;    /* policies that merge: operations so far */
};

struct conflict_deciding {
	const struct conflict_question *q;
	struct lt_arena *arena;
	struct conflict_keys keys;   /* of the transactions */
	struct conflict_slot *slots; /* by number of key */
	struct conflict_decision *out;
};

/** Park and project (unique keys): all rows that compete with those won, or with those parked. Writes, parked rows,
 * pins and what must be locked go into d->out; the state of each key won into its slot. */
void conflict_unique_decide(struct conflict_deciding *d);
void conflict_decision_write(struct conflict_deciding *d, struct lt_str key, const struct conflict_row *row);

#endif
