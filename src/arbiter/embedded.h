/* arbiter/embedded.h - who may run, decided on one machine: the data folder belongs to whoever holds its lock. */
#ifndef ARBITER_EMBEDDED_H
#define ARBITER_EMBEDDED_H

#include "base/err.h"

/** Held for the life of a run; the kernel gives it back however the process ends. One owner thread. */
struct arbiter_lock;

/** Take the folder `dir`, which exists: LT_E_DATA_DIR_BUSY if another process (or this one) has it. `**ret` to
 * arbiter_unlock(). */
LT_MUST_USE bool arbiter_lock(const char *dir, struct arbiter_lock **ret, struct lt_err *err);
/** Give it back; NULL is fine. */
void arbiter_unlock(struct arbiter_lock *l);

#endif
