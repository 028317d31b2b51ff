/* binlog/decimal.h - DECIMAL in the log's binary form: groups of nine digits, big-endian, the sign in the first bit.
 *
 * Source: MySQL strings/decimal.cc (bin2decimal). */
#ifndef BINLOG_DECIMAL_H
#define BINLOG_DECIMAL_H

#include "base/err.h"

/** What the format can hold; columns have at most 65, JSON documents carry a little more. */
#define BINLOG_DECIMAL_PRECISION 81
/** Sign, leading zero, point, end, beside the digits. */
#define BINLOG_DECIMAL_MORE 4
#define BINLOG_DECIMAL_TEXT (BINLOG_DECIMAL_PRECISION + BINLOG_DECIMAL_MORE)

/** Whether there is a DECIMAL(precision, scale). */
bool binlog_decimal_fits(unsigned precision, unsigned scale);
/** Bytes of one; fits() holds. */
size_t binlog_decimal_size(unsigned precision, unsigned scale);
/** Text with all digits of the scale, no needless zeros in front: "-0.50". Reads the first binlog_decimal_size() bytes;
 * returns the text's length in `*len`. `out` has room for precision + BINLOG_DECIMAL_MORE bytes. */
LT_MUST_USE bool binlog_decimal_text(
    struct lt_str bytes, unsigned precision, unsigned scale, char *out, size_t *len, struct lt_err *err);

#endif
