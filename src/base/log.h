/* base/log.h - lines on stderr for people and their collectors. Never row values, never secrets. Any thread. */
#ifndef LT_BASE_LOG_H
#define LT_BASE_LOG_H

#include "base/err.h"

enum lt_level { LT_LOG_ERROR, LT_LOG_WARN, LT_LOG_INFO };

/** One line: time, level, text. Control characters are escaped. */
void lt_log(enum lt_level level, const char *fmt, ...) LT_PRINTF(2, 3);

#endif
