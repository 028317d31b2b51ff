/* binlog/crc.h - CRC-32 (IEEE 802.3, as zlib has it), fast enough not to be what reading a log costs. */
#ifndef BINLOG_CRC_H
#define BINLOG_CRC_H

#include "base/str.h"

/** Go on from `crc`; 0 at first. */
uint32_t binlog_crc32(uint32_t crc, struct lt_str bytes);

#endif
