/* base/thread.h - threads, and the two other ways they may meet: a flag that wakes, and a value behind a lock. */
#ifndef LT_BASE_THREAD_H
#define LT_BASE_THREAD_H

#include "base/def.h"

struct lt_thread;

/** Runs fn(arg) on a thread named `name` (15 characters count). Signals are blocked there. Aborts when none can be had.
 */
struct lt_thread *lt_thread_start(const char *name, void (*fn)(void *arg), void *arg);
/** Waits for it to end and frees it; NULL is fine. */
void lt_thread_join(struct lt_thread *t);

/** A flag that any thread may raise and one may wait for, beside sockets: its descriptor is readable once raised. */
struct lt_wake;

struct lt_wake *lt_wake_new(void);
/** NULL, with errno, where the process has no descriptor left: for what is made again and again while it runs. */
struct lt_wake *lt_wake_try(void);
/** Also by a thread that was woken while the one that woke it may not have left lt_wake_raise(). */
void lt_wake_free(struct lt_wake *w);
void lt_wake_raise(struct lt_wake *w); /* also from a signal handler */
bool lt_wake_raised(struct lt_wake *w);
void lt_wake_clear(struct lt_wake *w);
int lt_wake_fd(const struct lt_wake *w);
/** True once raised, false at the time limit (< 0: none). What was written before the raise is seen then. */
bool lt_wake_wait(struct lt_wake *w, int timeout_ms);
/** As lt_wake_wait(), also cut short by a raise of `other` (may be NULL); true only if `w` is raised. */
bool lt_wake_wait_or(struct lt_wake *w, struct lt_wake *other, int timeout_ms);

/** A copy of a plain struct that one thread publishes and others read, whole. */
struct lt_cell;

struct lt_cell *lt_cell_new(size_t size); /* zeroed inside */
void lt_cell_free(struct lt_cell *c);
void lt_cell_set(struct lt_cell *c, const void *value);
void lt_cell_get(struct lt_cell *c, void *out);

#endif
