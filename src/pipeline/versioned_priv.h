/* pipeline/versioned_priv.h - rows of system-versioned tables: their history is the target's own business. */
#ifndef PIPELINE_VERSIONED_PRIV_H
#define PIPELINE_VERSIONED_PRIV_H

#include "change/txn.h"

/** Make of a row what happened to the rows in force: an UPDATE that ends one is a DELETE, one that puts one back an
 * INSERT; `*keep` false: it is about history alone. Resets `scratch`. */
LT_MUST_USE bool pipeline_versioned_row(
    struct change_row *row, struct lt_arena *scratch, bool *keep, struct lt_err *err);

#endif
