/* converge/altered.h - tables of which something was lost, and what changes them behind that. What is to be given back
 * is of the table as it was: rows and marks of before do not fit it any more. */
#ifndef CONVERGE_ALTERED_H
#define CONVERGE_ALTERED_H

#include "base/arena.h"
#include "change/txn.h"

struct converge_altered_name;

/** Zeroed but for the arena is empty. */
struct converge_altered {
	struct lt_arena *arena; /* borrowed */
	struct converge_altered_name *names;
	bool any; /* of some it is not known */
};

/** Something of that table was lost: "schema.table"; "": it is not known of which. */
void converge_altered_note(struct converge_altered *a, struct lt_str table);
/** Whether the statement, a transaction of kind DDL, is about one of them; `*table` says which, in the arena. */
bool converge_altered_by(const struct converge_altered *a, const struct change_txn *ddl, struct lt_str *table);

#endif
