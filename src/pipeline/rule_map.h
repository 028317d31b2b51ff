/* pipeline/rule_map.h - an entry of the mapping as schema_compare() wants it. */
#ifndef PIPELINE_RULE_MAP_H
#define PIPELINE_RULE_MAP_H

#include "model/mapping.h"
#include "schema/history.h"

/** Borrows the rule. */
struct schema_map pipeline_rule_map(const struct model_rule *rule);

#endif
