/* pipeline/bind_priv.h - from a decoded value to a parameter. */
#ifndef PIPELINE_BIND_PRIV_H
#define PIPELINE_BIND_PRIV_H

#include "pipeline/route.h"

/** Which bind a pair of columns takes; false with LT_E_TYPE_UNSUPPORTED if none. */
LT_MUST_USE bool pipeline_bind_choose(const struct change_column *from, const struct schema_column *to,
    bool json_native, enum pipeline_bind *out, struct lt_err *err);
/** For what is stored: of a NULL that the column does not take some servers and sessions make the time as it is then,
 * or the next number, without a word. LT_E_VALUE_REFUSED. */
LT_MUST_USE bool pipeline_bind_takes(
    const struct pipeline_column *c, const struct change_value *value, struct lt_err *err);
/** Text and names are made in `scratch`. */
LT_MUST_USE bool pipeline_bind_value(const struct pipeline_column *c, const struct change_value *value,
    struct lt_arena *scratch, struct my_param *out, struct lt_err *err);

#endif
