/* sim seeds [--seeds N] [--first K] [--jobs J] [SETTING...]: N runs over all policies, 2 to 4 sites, with and without
 * years of skew. sim switches [NAME...]: each rule switched off must be missed within its seeds, and not with the rule
 * on. sim count [--seeds N] [--first K] [SETTING...]: how many runs of one configuration fail, and as what. sim history
 * SEED [SETTING...]: what happened in one run, as JSON.
 *
 * The same seed and settings are the same run, always. TAP on stdout from `seeds` and `switches`. */
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "oracle.h"
#include "sim.h"

#define JOBS_MAX 64
#define SHOWN 5 /* failing seeds that are told, of each policy */

void sim_print_history(const struct history *h, FILE *out);

struct options {
	uint64_t seeds, first;
	uint32_t jobs;
	struct sim_config config;
	char **names; /* what is no option and no setting */
	int nnames;
};

/** What a run came to. */
struct result {
	const char *complaints[SIM_FAILURES + ORACLE_COMPLAINTS];
	uint32_t count;
};

static void
judge(struct world *w, struct result *out)
{
	struct oracle_verdict verdict = { 0 };

	out->count = 0;
	for (uint32_t i = 0; i < w->nfailures; i++)
		out->complaints[out->count++] = w->failures[i];
	if (w->broken != NULL)
		return;
	oracle_judge(world_history(w), &verdict);
	for (uint32_t i = 0; i < verdict.count; i++)
		out->complaints[out->count++] = verdict.complaints[i];
}

/* Complaints are literals: they outlive the world. */
static bool
passes(uint64_t seed, const struct sim_config *config, struct result *out)
{
	struct world *w = world_run(seed, config);

	judge(w, out);
	world_free(w);
	return out->count == 0;
}

/* The n-th run: policies take turns, then numbers of sites, then faults. */
static struct sim_config
config_of(uint64_t n, const struct sim_config *base)
{
	struct sim_config c = *base;

	c.policy = (enum sim_policy)(n % SIM_POLICIES);
	c.sites = 2 + (uint32_t)(n / SIM_POLICIES % 3);
	c.big_jumps = n / SIM_POLICIES / 3 % 3 == 2;
	return c;
}

/* ---- many seeds */
struct tally {
	uint64_t passed, failed;
};

/** Where a process of many is, and what it found; shared with the first. */
struct share {
	volatile uint64_t seed, passed[SIM_POLICIES], failed[SIM_POLICIES];
	volatile uint64_t bad[SIM_POLICIES][SHOWN];
	volatile bool done;
};

static void
run_share(const struct options *o, uint32_t job, struct share *s)
{
	for (uint64_t n = o->first + job; n < o->first + o->seeds; n += o->jobs) {
		struct sim_config c = config_of(n, &o->config);
		struct result r;

		s->seed = n;
		if (passes(n, &c, &r)) {
			s->passed[c.policy]++;
			continue;
		}
		if (s->failed[c.policy] < SHOWN)
			s->bad[c.policy][s->failed[c.policy]] = n;
		s->failed[c.policy]++;
	}
	s->done = true;
}

/* Each line as a remark. */
static void
tell_history(struct world *w)
{
	char *text = NULL;
	size_t len = 0;
	FILE *memory = open_memstream(&text, &len);

	LT_ASSERT(memory != NULL);
	sim_print_history(world_history(w), memory);
	fclose(memory);
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
		printf("# %s\n", line);
	free(text);
}

static void
tell_failure(const struct options *o, uint64_t n, bool whole)
{
	struct sim_config c = config_of(n, &o->config);
	struct world *w = world_run(n, &c);
	struct result r;

	judge(w, &r);
	printf("# seed %llu: sim history %llu policy=%s sites=%u big_jumps=%d (%s)\n", (unsigned long long)n,
	    (unsigned long long)n, sim_policy_name(c.policy), c.sites, c.big_jumps, w->config.shape);
	for (uint32_t i = 0; i < r.count; i++)
		printf("#   %s\n", r.complaints[i]);
	if (whole)
		tell_history(w);
	world_free(w);
}

/* A process that ended at a seed has failed there. */
static uint64_t
count_ended(const struct options *o, const struct share *shares, int policy)
{
	uint64_t n = 0;

	for (uint32_t j = 0; j < o->jobs; j++) {
		if (shares[j].done || shares[j].seed % SIM_POLICIES != (uint64_t)policy)
			continue;
		printf("# seed %llu ended its process\n", (unsigned long long)shares[j].seed);
		n++;
	}
	return n;
}

/* Tell what failed, the first of all with its history. */
static struct tally
sum_up(const struct options *o, const struct share *shares, bool tap)
{
	struct tally all = { 0, 0 };

	for (int p = 0; p < SIM_POLICIES; p++) {
		struct tally t = { 0, count_ended(o, shares, p) };

		for (uint32_t j = 0; j < o->jobs; j++) {
			for (uint64_t i = 0; i < LT_MIN(shares[j].failed[p], SHOWN); i++)
				tell_failure(o, shares[j].bad[p][i], all.failed + t.failed + i == 0);
			t.passed += shares[j].passed[p];
			t.failed += shares[j].failed[p];
		}
		if (tap)
			printf("%sok %d - %s: %llu seeds, %llu failed\n", t.failed > 0 ? "not " : "", p + 1,
			    sim_policy_name((enum sim_policy)p), (unsigned long long)(t.passed + t.failed),
			    (unsigned long long)t.failed);
		all.passed += t.passed;
		all.failed += t.failed;
	}
	if (tap)
		printf("1..%d\n", SIM_POLICIES);
	else
		printf("%llu passed, %llu failed\n", (unsigned long long)all.passed, (unsigned long long)all.failed);
	return all;
}

static int
run_all(const struct options *o, bool tap)
{
	struct share *shares =
	    mmap(NULL, sizeof(*shares) * JOBS_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	LT_ASSERT(shares != MAP_FAILED);
	for (uint32_t j = 0; j < o->jobs; j++) {
		pid_t child = fork();

		LT_ASSERT(child >= 0);
		if (child == 0) {
			run_share(o, j, &shares[j]);
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
	return sum_up(o, shares, tap).failed > 0 ? 1 : 0;
}

static int
run_seeds(const struct options *o)
{
	return run_all(o, true);
}

static int
run_long(const struct options *o)
{
	return run_all(o, false);
}

/* ---- rules switched off */
static bool
is_missed(const struct sim_switch *sw)
{
	struct sim_config whole = sim_config_default(), without;

	LT_ASSERT(sim_config_set_all(&whole, sw->settings));
	without = whole;
	without.off = sw->off;
	for (uint64_t seed = 0; seed < sw->seeds; seed++) {
		struct result off, on;

		if (passes(seed, &without, &off))
			continue;
		printf("# %s: seed %llu of %u, %s\n", sw->name, (unsigned long long)seed, sw->seeds, off.complaints[0]);
		if (passes(seed, &whole, &on))
			return true;
		printf("# seed %llu fails with the rule as well: %s\n", (unsigned long long)seed, on.complaints[0]);
		return false;
	}
	printf("# %s: %u seeds did not show that it is needed\n", sw->name, sw->seeds);
	return false;
}

static bool
is_wanted(const struct options *o, const char *name)
{
	for (int i = 0; i < o->nnames; i++) {
		if (strcmp(o->names[i], name) == 0)
			return true;
	}
	return o->nnames == 0;
}

static int
run_switches(const struct options *o)
{
	size_t n = 0;
	bool good = true;

	for (size_t i = 0; i < sim_nswitches; i++) {
		bool missed;

		if (!is_wanted(o, sim_switches[i].name))
			continue;
		missed = is_missed(&sim_switches[i]);
		printf("%sok %zu - without %s it fails\n", missed ? "" : "not ", ++n, sim_switches[i].name);
		fflush(stdout);
		good = good && missed;
	}
	printf("1..%zu\n", n);
	return good ? 0 : 1;
}

/* ---- one configuration */
/** Complaints of many runs. */
struct seen {
	const char *what[SIM_FAILURES + ORACLE_COMPLAINTS];
	uint64_t times[SIM_FAILURES + ORACLE_COMPLAINTS], first[SIM_FAILURES + ORACLE_COMPLAINTS];
	uint32_t count;
};

static void
note_complaint(struct seen *s, const char *what, uint64_t seed)
{
	uint32_t at = 0;

	while (at < s->count && strcmp(s->what[at], what) != 0)
		at++;
	if (at == LT_COUNT(s->what))
		return;
	if (at == s->count) {
		s->first[s->count] = seed;
		s->what[s->count++] = what;
	}
	s->times[at]++;
}

static int
run_count(const struct options *o)
{
	struct seen seen = { 0 };
	struct sim_notes notes = { 0 };
	uint64_t failed = 0;

	for (uint64_t n = o->first; n < o->first + o->seeds; n++) {
		struct world *w = world_run(n, &o->config);
		struct result r;

		judge(w, &r);
		world_note(w, &notes);
		world_free(w);
		failed += r.count > 0;
		for (uint32_t i = 0; i < r.count; i++)
			note_complaint(&seen, r.complaints[i], n);
	}
	printf("%llu seeds, %llu failed\n", (unsigned long long)o->seeds, (unsigned long long)failed);
	for (uint32_t i = 0; i < seen.count; i++)
		printf("%8llu  %s, first seed %llu\n", (unsigned long long)seen.times[i], seen.what[i],
		    (unsigned long long)seen.first[i]);
	for (size_t i = 0; i < LT_COUNT(notes.count); i++)
		printf("%s%s %llu", i > 0 ? ", " : "", sim_note_names[i], (unsigned long long)notes.count[i]);
	printf("\n");
	return failed > 0 ? 1 : 0;
}

static int
run_history(const struct options *o)
{
	uint64_t seed;
	struct world *w;
	struct result r;

	if (o->nnames != 1 || !lt_str_u64(lt_str_z(o->names[0]), &seed))
		return 2;
	w = world_run(seed, &o->config);
	judge(w, &r);
	sim_print_history(world_history(w), stdout);
	for (uint32_t i = 0; i < r.count; i++)
		fprintf(stderr, "%s\n", r.complaints[i]);
	world_free(w);
	return r.count > 0 ? 1 : 0;
}

static bool
read_options(int argc, char **argv, struct options *o)
{
	for (int i = 0; i < argc; i++) {
		uint64_t n;

		if (strchr(argv[i], '=') != NULL) {
			if (!sim_config_set(&o->config, argv[i]))
				return false;
			continue;
		}
		if (strncmp(argv[i], "--", 2) != 0) {
			o->names[o->nnames++] = argv[i];
			continue;
		}
		if (i + 1 == argc || !lt_str_u64(lt_str_z(argv[i + 1]), &n))
			return false;
		if (strcmp(argv[i], "--seeds") == 0)
			o->seeds = n;
		else if (strcmp(argv[i], "--first") == 0)
			o->first = n;
		else if (strcmp(argv[i], "--jobs") == 0 && n > 0 && n <= JOBS_MAX)
			o->jobs = (uint32_t)n;
		else
			return false;
		i++;
	}
	return true;
}

int
main(int argc, char **argv)
{
	struct options o = { .seeds = 1000, .jobs = 1, .config = sim_config_default() };
	static const struct {
		const char *name;
		int (*run)(const struct options *o);
	} modes[] = { { "seeds", run_seeds }, { "long", run_long }, { "switches", run_switches },
		{ "count", run_count }, { "history", run_history } };
	int status = 2;

	o.names = lt_calloc((size_t)argc, sizeof(char *));
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; argc > 1 && i < LT_COUNT(modes); i++) {
		if (strcmp(argv[1], modes[i].name) == 0 && read_options(argc - 2, argv + 2, &o))
			status = modes[i].run(&o);
	}
	free(o.names);
	if (status == 2)
		fprintf(stderr, "sim: seeds | long | switches | count | history: see tests/sim/README.md\n");
	return status;
}
