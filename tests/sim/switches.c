#include "sim.h"

/* Every rule, and the seeds of which one must fail without it: four times what the measured share asks for, and more.
 * Not in it are the rules about a lost tail of the log, where the core stops (ADR 32). */
const struct sim_switch sim_switches[] = {
	{ "fence", SIM_BIT(SIM_FENCE), "", 20 },
	{ "fence_at_end", SIM_BIT(SIM_FENCE_AT_END), "sites=3", 200 },
	{ "hybrid_clock", SIM_BIT(SIM_HYBRID), "", 10 },
	{ "tie_break", SIM_BIT(SIM_TIE), "shape=ties skew=0 jumps=0 lies=0", 200 },
	{ "tombstones", SIM_BIT(SIM_TOMBSTONES), "", 20 },
	{ "invisible_wins", SIM_BIT(SIM_INVISIBLE), "", 60 },
	{ "insert_first", SIM_BIT(SIM_INSERT_FIRST), "", 60 },
	{ "marker", SIM_BIT(SIM_MARKER), "shape=calm", 4 },
	{ "epoch", SIM_BIT(SIM_EPOCH), "shape=storm", 300 },
	{ "autocommit", SIM_BIT(SIM_AUTOCOMMIT), "sites=3", 60 },
	{ "commit_order", SIM_BIT(SIM_COMMIT_ORDER), "", 40 },
	{ "give_way", SIM_BIT(SIM_GIVE_WAY), "", 40 },
	{ "lanes_in_order", SIM_BIT(SIM_LANES_IN_ORDER), "shape=bulk deadlock=0.4", 40 },
	{ "group_versions", SIM_BIT(SIM_GROUP_VERSIONS), "sites=3 shape=bulk", 20 },
	{ "list_of_counters", SIM_BIT(SIM_LIST), "policy=counter shape=tides", 400 },
	{ "list_of_columns", SIM_BIT(SIM_LIST), "policy=column shape=tides", 1000 },
	{ "causal_max", SIM_BIT(SIM_CAUSAL), "policy=maximum", 10 },
	{ "pins", SIM_BIT(SIM_PINS), "policy=unique shape=claims", 30 },
	{ "stored_pins", SIM_BIT(SIM_STORED_PINS), "policy=unique shape=claims", 30 },
	{ "component_locks", SIM_BIT(SIM_COMPONENT), "policy=unique shape=claims sites=3", 100 },
	{ "checkpoint_clock", SIM_BIT(SIM_CHECKPOINT_CLOCK), "shape=tides", 20 },
	{ "checkpoint_beat", SIM_BIT(SIM_CHECKPOINT_BEAT), "shape=tides", 20 },
	{ "checkpoint_vector", SIM_BIT(SIM_CHECKPOINT_VECTOR), "shape=tides sites=3", 300 },
	{ "forget_by_vector", SIM_BIT(SIM_FORGET_BY_VECTOR), "shape=tides", 30 },
	{ "clamp", SIM_BIT(SIM_CLAMP), "shape=calm", 10 },
	{ "heartbeat_guard", SIM_BIT(SIM_HEARTBEAT_GUARD), "shape=calm big_jumps=1", 60 },
	{ "reassemble", SIM_BIT(SIM_REASSEMBLE), "shape=calm", 20 },
	{ "two_cursors", SIM_BIT(SIM_TWO_CURSORS), "shape=narrow", 10 },
};
const size_t sim_nswitches = LT_COUNT(sim_switches);
