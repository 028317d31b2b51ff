/* pipeline/constants_priv.h - columns of a route that the mapping sets (`set`): they stand behind the columns of the
 * image and have the same value in every row. */
#ifndef PIPELINE_CONSTANTS_PRIV_H
#define PIPELINE_CONSTANTS_PRIV_H

#include "pipeline/route.h"

/** Columns and values of a route, with room for the constants. */
void pipeline_constants_make_room(struct pipeline_route *route, const struct model_rule *rule);
/** Add them, behind the columns of the source. `key`: of the target, or NULL. */
LT_MUST_USE bool pipeline_constants_add(
    struct pipeline_route *route, const struct model_rule *rule, const struct schema_key *key, struct lt_err *err);
bool pipeline_key_has(const struct schema_key *key, size_t column);

#endif
