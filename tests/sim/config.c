#include "base/fault.h"
#include "sim.h"

/* ---- policies */
static int64_t
number_of(struct lt_str v)
{
	return v.ptr != NULL ? (int64_t)lt_le64((const uint8_t *)v.ptr) : 0;
}

static int
compare(const void *ctx, struct lt_str a, struct lt_str b)
{
	int64_t x = number_of(a), y = number_of(b);

	(void)ctx;
	return (x > y) - (x < y);
}

static struct lt_str
add(const void *ctx, struct lt_str value, struct lt_str before, struct lt_str after, struct lt_arena *arena)
{
	uint64_t sum = htole64((uint64_t)(number_of(value) + number_of(after) - number_of(before)));
	char *bytes = lt_arena_alloc(arena, sizeof(sum));

	(void)ctx;
	memcpy(bytes, &sum, sizeof(sum));
	return lt_str_of(bytes, sizeof(sum));
}

static const struct conflict_type number = { compare, add, NULL };

/* Functions that no user would write: order, before images, sites and failures all matter. */
#define PRIME 1009

static uint64_t
add_write(uint64_t sum, const struct conflict_op *op, uint64_t value, uint64_t before)
{
	return (sum * 31 + value * conflict_origin_site(op->version.origin) + before * 3) % PRIME;
}

static void
make_column(const void *ctx, const struct conflict_op *const *writes, uint32_t nwrites, struct lt_arena *arena,
    struct conflict_verdict *out)
{
	uint64_t sum = 0, bytes;

	(void)ctx;
	for (uint32_t i = 0; i < nwrites; i++)
		sum = add_write(sum, writes[i], (uint64_t)number_of(writes[i]->after->values[2]) % PRIME,
		    writes[i]->before != NULL ? (uint64_t)number_of(writes[i]->before->values[2]) % PRIME : 7);
	bytes = htole64(sum % 100);
	if (sum % 4 == 0)
		out->failed = "odd";
	else
		out->value = lt_arena_str(arena, lt_str_of(&bytes, sizeof(bytes)));
}

static void
choose_write(const void *ctx, const struct conflict_op *const *writes, uint32_t nwrites, struct lt_arena *arena,
    struct conflict_verdict *out)
{
	uint64_t sum = 0;

	(void)ctx;
	(void)arena;
	for (uint32_t i = 0; i < nwrites; i++)
		sum = add_write(sum, writes[i],
		    writes[i]->after != NULL ? (uint64_t)number_of(writes[i]->after->values[2]) % PRIME : 11,
		    writes[i]->before != NULL);
	out->stands = (uint32_t)(sum % nwrites);
	out->failed = sum % 5 == 0 ? "odd" : NULL;
}

static const struct conflict_function making = { make_column, NULL }, choosing = { choose_write, NULL };

#define LAST                                                                                                           \
	{                                                                                                              \
		CONFLICT_LAST, NULL, NULL                                                                              \
	}
#define SUM                                                                                                            \
	{                                                                                                              \
		CONFLICT_SUM, &number, NULL                                                                            \
	}
#define GREATEST                                                                                                       \
	{                                                                                                              \
		CONFLICT_MAX, &number, NULL                                                                            \
	}
#define LEAST                                                                                                          \
	{                                                                                                              \
		CONFLICT_MIN, &number, NULL                                                                            \
	}
#define MADE                                                                                                           \
	{                                                                                                              \
		CONFLICT_FUNCTION, NULL, &making                                                                       \
	}

static const uint32_t trusted[SIM_SITES] = { 1, 2, 3, 4 };

static const struct {
	const char *name;
	bool by_columns;
	struct conflict_column columns[SIM_COLUMNS];
} policies[SIM_POLICIES] = {
	[SIM_ROW] = { "row", false, { LAST, LAST, LAST } },
	[SIM_HOME] = { "home", false, { LAST, LAST, LAST } },
	[SIM_UNIQUE] = { "unique", false, { LAST, LAST, LAST } },
	[SIM_COLUMN] = { "column", true, { LAST, LAST, LAST } },
	[SIM_COUNTER] = { "counter", true, { LAST, LAST, SUM } },
	[SIM_TALLY] = { "tally", true, { LAST, LAST, SUM } },
	[SIM_MAXIMUM] = { "maximum", true, { LAST, LAST, GREATEST } },
	[SIM_MINIMUM] = { "minimum", true, { LAST, LAST, LEAST } },
	[SIM_MIXED] = { "mixed", true, { LAST, SUM, GREATEST } },
	[SIM_MADE] = { "made", true, { LAST, LAST, MADE } },
	[SIM_CHOSEN] = { "chosen", false, { LAST, LAST, LAST } },
};

const char *
sim_policy_name(enum sim_policy p)
{
	return policies[p].name;
}

bool
sim_by_columns(enum sim_policy p)
{
	return policies[p].by_columns;
}

enum conflict_rule
sim_column_rule(enum sim_policy p, uint32_t column)
{
	return policies[p].columns[column].rule;
}

const struct conflict_policy *
sim_core_policy(enum sim_policy p)
{
	static struct conflict_policy core[SIM_POLICIES];

	core[p] = (struct conflict_policy){ .kind = policies[p].by_columns ? CONFLICT_BY_COLUMN
						    : p == SIM_HOME        ? CONFLICT_BY_HOME
						    : p == SIM_CHOSEN      ? CONFLICT_BY_FUNCTION
									   : CONFLICT_BY_ROW,
		.unique = p == SIM_UNIQUE,
		.columns = policies[p].columns,
		.ncolumns = SIM_COLUMNS,
		.trusted = trusted,
		.ntrusted = SIM_SITES,
		.function = &choosing };
	return &core[p];
}

/* ---- rules of the core, by the names it knows them by */
static const struct {
	const char *name;
	enum sim_rule rule;
} core_rules[] = {
	{ "conflict_hybrid", SIM_HYBRID },
	{ "conflict_tie", SIM_TIE },
	{ "conflict_tombstones", SIM_TOMBSTONES },
	{ "conflict_invisible", SIM_INVISIBLE },
	{ "conflict_stored_pins", SIM_STORED_PINS },
	{ "conflict_component", SIM_COMPONENT },
	{ "conflict_group_versions", SIM_GROUP_VERSIONS },
	{ "conflict_list", SIM_LIST },
	{ "conflict_causal", SIM_CAUSAL },
	{ "conflict_clamp", SIM_CLAMP },
	{ "conflict_checkpoint_clock", SIM_CHECKPOINT_CLOCK },
	{ "conflict_checkpoint_beat", SIM_CHECKPOINT_BEAT },
};

static uint64_t off_now;

void
sim_faults(uint64_t off)
{
	off_now = off;
}

/* The core is built with its faults for this program, and asks here instead of the environment. */
bool
lt_fault(const char *name)
{
	if (off_now == 0)
		return false;
	for (size_t i = 0; i < LT_COUNT(core_rules); i++) {
		if (strcmp(core_rules[i].name, name) == 0)
			return (off_now & SIM_BIT(core_rules[i].rule)) != 0;
	}
	lt_assert_failed(name, __FILE__, __LINE__); /* a rule that nobody switches off */
}

/* ---- settings */
struct sim_config
sim_config_default(void)
{
	return (struct sim_config){
		.policy = SIM_ROW,
		.shape = "mixed",
		.sites = 2,
		.keys = 4,
		.values = 3,
		.transactions = 16,
		.size = 3,
		.group = 50,
		.lanes = SIM_LANES,
		.window = 60,
		.skew = 300,
		.interval = 20,
		.max_skew = 2000,
		.flood = 160,
		.coarse = 1,
		.beats = 0.025,
		.crash = 0.004,
		.reread = 0.004,
		.server = 0.001,
		.cut = 0.003,
		.deadlock = 0.02,
		.jumps = true,
		.lies = true,
	};
}

static const struct {
	const char *name, *settings;
} shapes[] = {
	{ "calm", "" },
	{ "hot", "keys=2" },
	{ "tides", "tide=900 beats=0.05 reread=0.008 cut=0.001 keys=6 transactions=20" },
	{ "bulk", "transactions=75 size=1 keys=8 bulk=1 window=200 cut=0" },
	{ "narrow", "window=2 group=5" },
	{ "split", "split=1 keys=2 tide=500 flood=80 beats=0.05 reread=0.012 cut=0.0003" },
	{ "ranks", "split=2 keys=1 size=1 tide=400 flood=60 beats=0.12 reread=0.02 crash=0.001 cut=0" },
	{ "claims", "tide=700 flood=120 beats=0.05 reread=0.008 cut=0.001 keys=8 values=4 transactions=20" },
	{ "ties", "coarse=40 keys=2" },
	{ "storm", "crash=0.015 server=0.006 keys=3" },
};

static const char *const mix[] = { "calm", "calm", "hot", "tides", "tides", "bulk", "narrow", "split", "split", "ties",
	"storm", "claims", "ranks" };

/** A setting that is a number. */
struct field {
	const char *name;
	size_t at;
	enum { U32, I64, REAL, FLAG, INT } kind;
};

#define FIELD(name, kind)                                                                                              \
	{                                                                                                              \
#name, offsetof(struct sim_config, name), kind                                                         \
	}
static const struct field fields[] = { FIELD(sites, U32), FIELD(keys, U32), FIELD(values, U32),
	FIELD(transactions, U32), FIELD(size, U32), FIELD(group, U32), FIELD(lanes, U32), FIELD(window, U32),
	FIELD(skew, I64), FIELD(interval, I64), FIELD(max_skew, I64), FIELD(tide, I64), FIELD(flood, I64),
	FIELD(coarse, I64), FIELD(beats, REAL), FIELD(crash, REAL), FIELD(reread, REAL), FIELD(server, REAL),
	FIELD(cut, REAL), FIELD(deadlock, REAL), FIELD(split, INT), FIELD(bulk, FLAG), FIELD(jumps, FLAG),
	FIELD(lies, FLAG), FIELD(big_jumps, FLAG) };

static bool
set_number(struct sim_config *c, const struct field *f, const char *text)
{
	char *at = (char *)c + f->at, *end;
	double value = strtod(text, &end);

	if (end == text || *end != '\0' || value < 0)
		return false;
	switch (f->kind) {
	case U32: *(uint32_t *)(void *)at = (uint32_t)value; break;
	case I64: *(int64_t *)(void *)at = (int64_t)value; break;
	case REAL: *(double *)(void *)at = value; break;
	case FLAG: *(bool *)(void *)at = value != 0; break;
	case INT: *(int *)(void *)at = (int)value; break;
	}
	return true;
}

static bool
set_policy(struct sim_config *c, const char *name)
{
	for (int p = 0; p < SIM_POLICIES; p++) {
		if (strcmp(policies[p].name, name) == 0) {
			c->policy = (enum sim_policy)p;
			return true;
		}
	}
	return false;
}

static bool
set_shape(struct sim_config *c, const char *name)
{
	if (strcmp(name, "mixed") == 0) {
		c->shape = "mixed";
		return true;
	}
	for (size_t i = 0; i < LT_COUNT(shapes); i++) {
		if (strcmp(shapes[i].name, name) == 0) {
			c->shape = shapes[i].name;
			return true;
		}
	}
	return false;
}

static bool
set_off(struct sim_config *c, const char *name)
{
	for (size_t i = 0; i < sim_nswitches; i++) {
		if (strcmp(sim_switches[i].name, name) == 0) {
			c->off |= sim_switches[i].off;
			return true;
		}
	}
	return false;
}

bool
sim_config_set(struct sim_config *c, const char *setting)
{
	const char *is = strchr(setting, '=');
	size_t len = is != NULL ? (size_t)(is - setting) : 0;

	if (is == NULL)
		return false;
	if (len == 6 && strncmp(setting, "policy", len) == 0)
		return set_policy(c, is + 1);
	if (len == 5 && strncmp(setting, "shape", len) == 0)
		return set_shape(c, is + 1);
	if (len == 3 && strncmp(setting, "off", len) == 0)
		return set_off(c, is + 1);
	for (size_t i = 0; i < LT_COUNT(fields); i++) {
		if (strlen(fields[i].name) == len && strncmp(setting, fields[i].name, len) == 0)
			return set_number(c, &fields[i], is + 1) && c->sites >= 2 && c->sites <= SIM_SITES &&
			       c->keys <= SIM_KEYS && c->values <= SIM_VALUES && c->lanes <= SIM_LANES && c->keys > 0 &&
			       c->lanes > 0 && c->coarse > 0;
	}
	return false;
}

bool
sim_config_set_all(struct sim_config *c, const char *settings)
{
	while (*settings != '\0') {
		size_t len = strcspn(settings, " ");
		char one[64];

		lt_str_copy(one, sizeof(one), lt_str_of(settings, len));
		if (len > 0 && !sim_config_set(c, one))
			return false;
		settings += len + (settings[len] == ' ');
	}
	return true;
}

/* What the shape names wins over what was set before. */
void
sim_config_shape(struct sim_config *c, uint32_t (*choose)(void *ctx, uint32_t n), void *ctx)
{
	const char *name = strcmp(c->shape, "mixed") == 0 ? mix[choose(ctx, LT_COUNT(mix))] : c->shape;

	for (size_t i = 0; i < LT_COUNT(shapes); i++) {
		if (strcmp(shapes[i].name, name) == 0)
			LT_ASSERT(sim_config_set_all(c, shapes[i].settings));
	}
	c->shape = name;
}
