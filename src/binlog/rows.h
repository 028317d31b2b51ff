/* binlog/rows.h - row events cut into images; no value is decoded here, but every image is measured and checked. */
#ifndef BINLOG_ROWS_H
#define BINLOG_ROWS_H

#include "binlog/header.h"
#include "change/txn.h"

/** The front of a row event: which table, which flags. */
struct binlog_rows_head {
	uint64_t table_id;
	uint16_t flags; /* 1 STMT_END, CHANGE_ROW_* */
	enum change_op op;
};

/** `type` WRITE/UPDATE/DELETE_ROWS of V0, V1, V2; compressed ones are expanded before. `body` as in table_map.h. */
LT_MUST_USE bool binlog_rows_head_decode(
    uint8_t type, struct lt_str body, size_t id_width, struct binlog_rows_head *out, struct lt_err *err);
/** Append every row to `txn`; image bytes and bitmaps are copied into its arena once for the whole event. `event`
 * numbers the event in the transaction. */
LT_MUST_USE bool binlog_rows_decode(uint8_t type, struct lt_str body, size_t id_width, const struct change_table *table,
    uint32_t event, struct change_txn *txn, struct lt_err *err);

#endif
