#include "sim.h"

/* Every rule, and the seeds of which one must fail without it: with the share of runs that REPORT.md has, one in 10 000
 * such lists of seeds would miss it. Not in it are the rules about a lost tail of the log, where the core stops (ADR
 * 32). */
const struct sim_switch sim_switches[] = {
	{ "fence", SIM_BIT(SIM_FENCE), "", 13 },
	{ "fence_at_end", SIM_BIT(SIM_FENCE_AT_END), "sites=3", 90 },
	{ "hybrid_clock", SIM_BIT(SIM_HYBRID), "", 10 },
	{ "tie_break", SIM_BIT(SIM_TIE), "shape=ties skew=0 jumps=0 lies=0", 110 },
	{ "tombstones", SIM_BIT(SIM_TOMBSTONES), "", 11 },
	{ "invisible_wins", SIM_BIT(SIM_INVISIBLE), "", 40 },
	{ "insert_first", SIM_BIT(SIM_INSERT_FIRST), "", 50 },
	{ "marker", SIM_BIT(SIM_MARKER), "shape=calm", 10 },
	{ "epoch", SIM_BIT(SIM_EPOCH), "shape=storm", 160 },
	{ "autocommit", SIM_BIT(SIM_AUTOCOMMIT), "sites=3", 140 },
	{ "commit_order", SIM_BIT(SIM_COMMIT_ORDER), "", 30 },
	{ "give_way", SIM_BIT(SIM_GIVE_WAY), "", 30 },
	{ "lanes_in_order", SIM_BIT(SIM_LANES_IN_ORDER), "shape=bulk deadlock=0.4", 30 },
	{ "group_versions", SIM_BIT(SIM_GROUP_VERSIONS), "sites=3 shape=bulk", 15 },
	{ "list_of_counters", SIM_BIT(SIM_LIST), "policy=counter shape=tides", 150 },
	{ "list_of_columns", SIM_BIT(SIM_LIST), "policy=column shape=tides", 310 },
	{ "causal_max", SIM_BIT(SIM_CAUSAL), "policy=maximum", 10 },
	{ "causal_function", SIM_BIT(SIM_CAUSAL), "policy=made", 10 },
	{ "causal_choice", SIM_BIT(SIM_CAUSAL), "policy=chosen", 10 },
	{ "pins", SIM_BIT(SIM_PINS), "policy=unique shape=claims", 20 },
	{ "stored_pins", SIM_BIT(SIM_STORED_PINS), "policy=unique shape=claims", 30 },
	{ "component_locks", SIM_BIT(SIM_COMPONENT), "policy=unique shape=claims sites=3", 40 },
	{ "checkpoint_clock", SIM_BIT(SIM_CHECKPOINT_CLOCK), "shape=tides", 16 },
	{ "checkpoint_beat", SIM_BIT(SIM_CHECKPOINT_BEAT), "shape=tides", 16 },
	{ "checkpoint_vector", SIM_BIT(SIM_CHECKPOINT_VECTOR), "shape=tides sites=3", 230 },
	{ "forget_by_vector", SIM_BIT(SIM_FORGET_BY_VECTOR), "shape=tides", 20 },
	{ "clamp", SIM_BIT(SIM_CLAMP), "shape=calm", 10 },
	{ "heartbeat_guard", SIM_BIT(SIM_HEARTBEAT_GUARD), "shape=calm big_jumps=1", 40 },
	{ "reassemble", SIM_BIT(SIM_REASSEMBLE), "shape=calm", 14 },
	{ "two_cursors", SIM_BIT(SIM_TWO_CURSORS), "shape=narrow", 10 },
};
const size_t sim_nswitches = LT_COUNT(sim_switches);
