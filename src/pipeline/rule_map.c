#include "pipeline/rule_map.h"

static bool
map_column(void *ctx, struct lt_str column, struct lt_str *target)
{
	return model_rule_column(ctx, column, target);
}

static bool
is_set(void *ctx, struct lt_str target_column)
{
	size_t n;
	const struct model_constant *constants = model_rule_constants(ctx, &n);

	for (size_t i = 0; i < n; i++) {
		if (lt_str_ieq(constants[i].column, target_column))
			return true;
	}
	return false;
}

struct schema_map
pipeline_rule_map(const struct model_rule *rule)
{
	return (struct schema_map){ map_column, is_set, (void *)(uintptr_t)rule };
}
