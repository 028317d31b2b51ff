/* The barrier over pipelines and origins that this file plays itself: what is linked from pipeline/ and node/origin.c
 * is only wait.c's view of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/wait.h"

struct pipeline {
	struct pipeline_status status;
	const char *server; /* whose log is read */
	uint64_t step;      /* the applied position moves so far each time that somebody looks */
};

static struct pipeline pipelines[2];
static struct lt_err now_fails;
static uint64_t mono_us;
static int64_t limit_ms;
static bool conflicts;
static unsigned looks_to_end; /* of the first pipeline, at its `until`; 0: it goes on */

static void
end_at_until(struct pipeline *p)
{
	p->status.state = PIPELINE_STOPPED;
	lt_fail(&p->status.err, LT_E_UNTIL, "all of `until` is applied");
}

const char *
pipeline_state_name(enum pipeline_state s)
{
	return s == PIPELINE_STOPPED ? "stopped" : "running";
}

bool
pipeline_has_applied(struct pipeline *p, const struct change_position *end)
{
	return change_place_cmp(&end->place, &p->status.applied) <= 0;
}

/* Each look costs five seconds. */
void
node_view_get(struct node *n, struct node_view *out)
{
	out->channel = "shop";
	out->pipelines = lt_realloc(out->pipelines, n->count * sizeof(*out->pipelines));
	out->count = n->count;
	for (size_t i = 0; i < n->count; i++) {
		pipelines[i].status.applied.pos += pipelines[i].step;
		out->pipelines[i].name = i == 0 ? "hz->us" : "us->hz";
		out->pipelines[i].status = pipelines[i].status;
	}
	mono_us += 5000000;
	if (looks_to_end > 0 && --looks_to_end == 0)
		end_at_until(&pipelines[0]);
}

void
node_view_clear(struct node_view *v)
{
	free(v->pipelines);
}

void
pipeline_source_server(struct pipeline *p, char *out)
{
	strcpy(out, p->server);
	if (p->server[0] == '\0')
		p->server = "late";
}

bool
node_origin_end(
    const struct node_origin *o, const char *server, unsigned each_ms, struct change_position *out, struct lt_err *err)
{
	(void)o;
	(void)each_ms;
	if (strcmp(server, "away") == 0)
		return lt_fail(err, LT_E_CONNECT, "no host is the server that is read");
	if (now_fails.code != LT_OK) {
		*err = now_fails;
		return false;
	}
	out->place = (struct change_place){ .file = "mb.000002", .pos = 100 };
	return true;
}

/* Of a conflict channel's sites: each look brings one of them on. */
static struct {
	unsigned unread, untended; /* so many looks */
	bool wanted;
} sites[2];

struct converge_site *
node_converge_site(const struct node_converge *n, size_t site)
{
	(void)n;
	return (struct converge_site *)(void *)&sites[site];
}

bool
converge_site_has_read(struct converge_site *s, const char *server, const struct change_place *place)
{
	unsigned *unread = &sites[(struct converge_site *)(void *)&sites[1] == s].unread;

	(void)server;
	assert_int_equal(place->pos, 100);
	return *unread == 0 || --*unread == 0;
}

uint64_t
converge_site_want_tended(struct converge_site *s)
{
	size_t i = (struct converge_site *)(void *)&sites[1] == s;

	assert_int_equal(sites[i].unread, 0);
	sites[i].wanted = true;
	return 5 + i;
}

bool
converge_site_has_tended(struct converge_site *s, uint64_t written)
{
	size_t i = (struct converge_site *)(void *)&sites[1] == s;

	assert_true(sites[0].wanted && sites[1].wanted);
	assert_int_equal(written, 5 + i);
	return sites[i].untended == 0 || --sites[i].untended == 0;
}

static uint64_t
read_mono(void *ctx)
{
	(void)ctx;
	return mono_us;
}

static const struct lt_clock test_clock = { NULL, read_mono, NULL };

/* Both run, at mb.000002:`pos`; waits `limit_ms` of the test's clock. */
static enum lt_code
wait_for(struct lt_wake *cancel, struct lt_err *err)
{
	struct node_origin *origins[2] = { NULL, NULL };
	struct pipeline *both[] = { &pipelines[0], &pipelines[1] };
	static struct model_site hz_us[] = { { .name = (char *)"hz" }, { .name = (char *)"us" } };
	struct model_pipeline ways[] = { { .from = 0, .to = 1 }, { .from = 1, .to = 0 } };
	struct model_channel channel = { .sites = hz_us, .nsites = 2, .pipelines = ways, .npipelines = 2 };
	struct node n = { .channel = &channel,
		.clock = &test_clock,
		.origins = origins,
		.pipelines = both,
		.count = 2,
		.converge = conflicts ? (struct node_converge *)(void *)sites : NULL };
	struct lt_buf text = { 0 };
	bool ok = node_wait(&n, limit_ms, cancel, &text, err);

	assert_int_equal(ok, err->code == LT_OK);
	assert_int_equal(ok, text.len > 0);
	lt_buf_free(&text);
	return err->code;
}

static struct lt_wake *
begin(uint64_t first, uint64_t second)
{
	for (size_t i = 0; i < 2; i++)
		pipelines[i] = (struct pipeline){ .server = "one",
			.status = { .state = PIPELINE_RUNNING,
			    .applied = { .file = "mb.000002", .pos = i == 0 ? first : second } } };
	now_fails = (struct lt_err){ 0 };
	limit_ms = 10000;
	conflicts = false;
	looks_to_end = 0;
	memset(sites, 0, sizeof(sites));
	return lt_wake_new();
}

static void
ends_well_once_both_have_applied_their_ends(void **state)
{
	struct lt_wake *cancel = begin(100, 40);
	struct lt_err err = { 0 };

	(void)state;
	pipelines[1].step = 30;
	assert_int_equal(wait_for(cancel, &err), LT_OK);
	assert_true(pipelines[1].status.applied.pos >= 100);
	lt_wake_free(cancel);
}

static void
says_who_is_how_far_at_the_limit(void **state)
{
	struct lt_wake *cancel = begin(100, 40);
	struct lt_err err = { 0 };

	(void)state;
	assert_int_equal(wait_for(cancel, &err), LT_E_TIMEOUT_WAIT);
	assert_int_equal(lt_code_exit(err.code), 1);
	assert_non_null(strstr(err.message, "us->hz (running) has applied up to mb.000002:40 of mb.000002:100"));
	assert_null(strstr(err.message, "hz->us"));
	lt_wake_free(cancel);
}

static void
says_that_a_pipeline_applies_with_a_delay(void **state)
{
	struct lt_wake *cancel = begin(100, 40);
	struct lt_err err = { 0 };

	(void)state;
	pipelines[1].status.delay_ms = 3600000;
	assert_int_equal(wait_for(cancel, &err), LT_E_TIMEOUT_WAIT);
	assert_non_null(strstr(err.message, "as it applies with a delay of 3600000 ms"));
	lt_wake_free(cancel);
}

static void
a_pipeline_at_its_until_has_applied_all(void **state)
{
	struct lt_wake *cancel = begin(100, 40);
	struct lt_err err = { 0 };

	(void)state;
	end_at_until(&pipelines[1]);
	assert_int_equal(wait_for(cancel, &err), LT_OK);
	lt_wake_free(cancel);
}

static void
names_a_paused_pipeline_at_once(void **state)
{
	struct lt_wake *cancel = begin(10, 10);
	struct lt_err err = { 0 };
	uint64_t before = mono_us;

	(void)state;
	pipelines[0].status.state = PIPELINE_PAUSED;
	assert_int_equal(wait_for(cancel, &err), LT_E_PAUSED);
	assert_int_equal(lt_code_exit(err.code), 1);
	assert_string_equal(err.where.pipeline, "hz->us");
	assert_true(mono_us - before < 10000000);
	lt_wake_free(cancel);
}

static void
names_a_stopped_pipeline_at_once(void **state)
{
	struct lt_wake *cancel = begin(10, 10);
	struct lt_err err = { 0 };
	uint64_t before = mono_us;

	(void)state;
	pipelines[1].status.state = PIPELINE_STOPPED;
	lt_fail(&pipelines[1].status.err, LT_E_DUPLICATE, "a key");
	assert_int_equal(wait_for(cancel, &err), LT_E_PIPELINE_STOPPED);
	assert_int_equal(lt_code_exit(err.code), 1);
	assert_string_equal(err.where.pipeline, "us->hz");
	assert_non_null(strstr(err.message, "E5002"));
	assert_int_equal(mono_us - before, 5000000); /* one look */
	lt_wake_free(cancel);
}

static void
a_source_that_is_away_is_asked_until_the_limit(void **state)
{
	struct lt_wake *cancel = begin(100, 100);
	struct lt_err err = { 0 };

	(void)state;
	lt_fail(&now_fails, LT_E_CONNECT, "nobody there");
	assert_int_equal(wait_for(cancel, &err), LT_E_TIMEOUT_WAIT);
	assert_non_null(strstr(err.message, "nobody there"));
	lt_wake_free(cancel);
}

static void
only_the_server_that_is_read_is_asked(void **state)
{
	struct lt_wake *cancel = begin(100, 100);
	struct lt_err err = { 0 };

	(void)state;
	limit_ms = 20000;
	pipelines[0].server = "";
	assert_int_equal(wait_for(cancel, &err), LT_OK);
	assert_string_equal(pipelines[0].server, "late");
	pipelines[1].server = "away";
	assert_int_equal(wait_for(cancel, &err), LT_E_TIMEOUT_WAIT);
	assert_non_null(strstr(err.message, "no host is the server that is read"));
	lt_wake_free(cancel);
}

static void
a_source_that_refuses_is_an_error_of_its_own(void **state)
{
	struct lt_wake *cancel = begin(100, 100);
	struct lt_err err = { 0 };

	(void)state;
	lt_fail(&now_fails, LT_E_AUTH_DENIED, "no");
	assert_int_equal(wait_for(cancel, &err), LT_E_AUTH_DENIED);
	lt_wake_free(cancel);
}

static void
ends_when_it_is_cancelled(void **state)
{
	struct lt_wake *cancel = begin(10, 10);
	struct lt_err err = { 0 };

	(void)state;
	lt_wake_raise(cancel);
	assert_int_equal(wait_for(cancel, &err), LT_E_NOT_RUNNING);
	lt_wake_free(cancel);
}

/* The contract: what follows at the targets is done, too. */
static void
waits_for_parked_rows_whose_values_are_free_by_then(void **state)
{
	struct lt_wake *cancel = begin(100, 100);
	struct lt_err err = { 0 };

	(void)state;
	conflicts = true;
	limit_ms = 100000;
	sites[0].unread = 2;
	sites[1].unread = sites[0].untended = sites[1].untended = 3;
	assert_int_equal(wait_for(cancel, &err), LT_OK);
	assert_int_equal(sites[0].untended + sites[1].untended, 0);
	lt_wake_free(cancel);
}

static void
says_which_site_is_not_done_at_the_limit(void **state)
{
	struct lt_wake *cancel = begin(100, 100);
	struct lt_err err = { 0 };

	(void)state;
	conflicts = true;
	sites[1].untended = 1000;
	assert_int_equal(wait_for(cancel, &err), LT_E_TIMEOUT_WAIT);
	assert_non_null(strstr(err.message, "site us: rows that lost a unique value"));
	lt_wake_free(cancel);
}

/* Nobody looks after the site's parked rows then. */
static void
a_pipeline_that_ends_meanwhile_is_not_waited_for(void **state)
{
	struct lt_wake *cancel = begin(100, 100);
	struct lt_err err = { 0 };

	(void)state;
	conflicts = true;
	limit_ms = 100000;
	looks_to_end = 4;
	sites[1].untended = 1000;
	assert_int_equal(wait_for(cancel, &err), LT_OK);
	assert_true(sites[1].untended < 1000);
	lt_wake_free(cancel);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_well_once_both_have_applied_their_ends),
		cmocka_unit_test(says_who_is_how_far_at_the_limit),
		cmocka_unit_test(says_that_a_pipeline_applies_with_a_delay),
		cmocka_unit_test(a_pipeline_at_its_until_has_applied_all),
		cmocka_unit_test(names_a_paused_pipeline_at_once),
		cmocka_unit_test(names_a_stopped_pipeline_at_once),
		cmocka_unit_test(a_source_that_is_away_is_asked_until_the_limit),
		cmocka_unit_test(only_the_server_that_is_read_is_asked),
		cmocka_unit_test(a_source_that_refuses_is_an_error_of_its_own),
		cmocka_unit_test(ends_when_it_is_cancelled),
		cmocka_unit_test(waits_for_parked_rows_whose_values_are_free_by_then),
		cmocka_unit_test(says_which_site_is_not_done_at_the_limit),
		cmocka_unit_test(a_pipeline_that_ends_meanwhile_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
