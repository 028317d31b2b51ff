/* schema/history_priv.h - what the store in the target and the history in memory share. */
#ifndef SCHEMA_HISTORY_PRIV_H
#define SCHEMA_HISTORY_PRIV_H

#include "schema/history.h"

/** A table as it was from a place on. */
struct schema_version {
	struct schema_table *table; /* owned */
	struct change_place at;
	bool saved;
	bool sure;                      /* so at `at`; else so only where the log ended when the catalog was read: */
	struct change_place read;       /* there; file "": not known where */
	bool changed;                   /* by a statement between the two, */
	struct change_place changed_at; /* the first of which ends here */
};

struct schema_history {
	struct schema_version **versions; /* owned, in order of coming; kept to the end, since tables are lent out */
	size_t nversions, versions_cap;
	struct schema_version **current; /* borrowed from versions; those in force, sorted by schema and name */
	size_t ncurrent, current_cap;
	bool anew; /* nothing that is stored counts any more */
};

/** Take over `table` as in force from `at` on; the version is sure. */
struct schema_version *schema_history_add(
    struct schema_history *h, const struct change_place *at, struct schema_table *table, bool saved);

#endif
