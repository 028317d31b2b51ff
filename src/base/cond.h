/* base/cond.h - conditions whose time limits the wall clock does not move. */
#ifndef LT_BASE_COND_H
#define LT_BASE_COND_H

#include <pthread.h>
#include <time.h>

void lt_cond_init(pthread_cond_t *cond);
/** For pthread_cond_timedwait() on such a condition. */
struct timespec lt_cond_deadline(unsigned timeout_ms);

#endif
