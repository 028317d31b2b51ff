/* binlog/real.h - FLOAT and DOUBLE as the shortest text that reads back the same. */
#ifndef BINLOG_REAL_H
#define BINLOG_REAL_H

#include "base/str.h"

#define BINLOG_REAL_TEXT 48

/** "0.1", "42", "1e20", "-1.5e-16"; returns the length. Plain digits for 1e-15 to 1e15, as MySQL's my_gcvt() has it. ""
 * for what is no number: no server stores those. */
size_t binlog_double_text(double d, char out[BINLOG_REAL_TEXT]);
size_t binlog_float_text(float f, char out[BINLOG_REAL_TEXT]);

#endif
