/* base/fault.h - faults that tests order, in builds made with -Dfaults=true only; nothing of it is in a release.
 *
 * LUTRA_FAULTS="r02_epoch,..." switches a rule off: its test must fail then. LUTRA_KILL_AT="load.commit:3" ends the
 * process as kill -9 does, the third time it comes by that step. LUTRA_HOLD_AT="load.lane:2,load.commit" holds it there
 * until it gets SIGCONT, one entry after the other. */
#ifndef LT_BASE_FAULT_H
#define LT_BASE_FAULT_H

#include "base/def.h"

#ifdef LT_FAULTS
/** Whether `name` stands in LUTRA_FAULTS. Any thread. */
bool lt_fault(const char *name);
/** The process may end here. Any thread. */
void lt_step(const char *name);
#else
static inline bool
lt_fault(const char *name)
{
	(void)name;
	return false;
}

static inline void
lt_step(const char *name)
{
	(void)name;
}
#endif

#endif
