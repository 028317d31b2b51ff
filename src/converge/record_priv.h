/* converge/record_priv.h - what writing and reading the conflict log share. */
#ifndef CONVERGE_RECORD_PRIV_H
#define CONVERGE_RECORD_PRIV_H

#include "base/buf.h"

/** A site's key, as `digest` of lutra.conflict has it: X'...'. */
void converge_record_digest(struct lt_buf *sql, struct lt_str key);

#endif
