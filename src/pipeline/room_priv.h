/* pipeline/room_priv.h - values that a narrower column would take and bend: rounded, cut, padded. */
#ifndef PIPELINE_ROOM_PRIV_H
#define PIPELINE_ROOM_PRIV_H

#include "pipeline/route.h"

/** Whether the target's column gives the value back as it came; LT_E_VALUE_REFUSED if not. Not for edits of JSON. */
LT_MUST_USE bool pipeline_room_keeps(const struct pipeline_column *c, const struct change_value *v, struct lt_err *err);

#endif
