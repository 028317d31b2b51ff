/* base/def.h - what every file needs: sizes, attributes, invariants. */
#ifndef LT_BASE_DEF_H
#define LT_BASE_DEF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LT_MUST_USE __attribute__((warn_unused_result))
#define LT_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define LT_NORETURN __attribute__((noreturn))
#define LT_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define LT_MIN(a, b) ((a) < (b) ? (a) : (b))
#define LT_MAX(a, b) ((a) > (b) ? (a) : (b))

/** A broken invariant of ours is no error of anybody's: say where and abort, in release builds too. */
#define LT_ASSERT(cond) ((cond) ? (void)0 : lt_assert_failed(#cond, __FILE__, __LINE__))

LT_NORETURN void lt_assert_failed(const char *what, const char *file, int line);

/** Zeroed memory; aborts when there is none. For small, fixed sizes: what a peer can make us allocate has a budget. */
void *lt_calloc(size_t count, size_t size);
void *lt_realloc(void *ptr, size_t size);
char *lt_strdup(const char *text);
#define lt_new(type) ((type *)lt_calloc(1, sizeof(type)))

#endif
