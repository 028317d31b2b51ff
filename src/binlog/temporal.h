/* binlog/temporal.h - dates and times in all forms that logs have them in.
 *
 * Source: MySQL mysys/my_time.cc (my_*_packed_from_binary), MariaDB sql/field.cc (Field_*_hires). Zero and partial
 * dates pass; what no server can have written is LT_E_CORRUPT. */
#ifndef BINLOG_TEMPORAL_H
#define BINLOG_TEMPORAL_H

#include "base/err.h"
#include "change/value.h"

/** Bytes behind the seconds of TIME2, DATETIME2, TIMESTAMP2 with so many fraction digits (0 to 6). */
static inline size_t
binlog_frac_size(unsigned digits)
{
	return (digits + 1) / 2;
}
/** Bytes of the old TIME (11), DATETIME (12) and TIMESTAMP (7); with digits > 0 MariaDB's forms with fractions. */
size_t binlog_old_temporal_size(uint8_t wire_type, unsigned digits);

/** `bytes` has exactly the size of the type; `digits` is at most 6. */
LT_MUST_USE bool binlog_temporal_decode(
    uint8_t wire_type, unsigned digits, struct lt_str bytes, struct change_time *out, struct lt_err *err);

/** The packed form that JSON documents carry: 8 bytes, little-endian. */
LT_MUST_USE bool binlog_packed_time(enum change_kind kind, int64_t packed, struct change_time *out, struct lt_err *err);

#endif
