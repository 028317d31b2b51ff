#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/metrics.h"

static struct node_pipeline_view lines[2];
static struct node_site_view sites[2];

static struct node_view
sample(void)
{
	struct node_view v = { .channel = "shop", .pipelines = lines, .count = 1 };

	memset(lines, 0, sizeof(lines));
	v.pipelines[0].name = "hz->\"us\\";
	v.pipelines[0].status = (struct pipeline_status){ .state = PIPELINE_RETRYING,
		.lag_ms = 1,
		.lag_bytes = 2,
		.memory_bytes = 3,
		.transactions = 4,
		.rows = 5,
		.groups = 6,
		.retries = 7,
		.tries = 10,
		.since_us = 1795334400250000u,
		.err = { .code = LT_E_READ_ONLY },
		.own = 8,
		.passed = UINT64_MAX };
	return v;
}

static void
every_number_has_its_metric(void **state)
{
	static const char *const wanted[] = { "lutra_lag_ms{%} 1", "lutra_lag_bytes{%} 2", "lutra_memory_bytes{%} 3",
		"lutra_transactions_total{%} 4", "lutra_rows_total{%} 5", "lutra_groups_total{%} 6",
		"lutra_retries_total{%} 7", "lutra_tries{%} 10", "lutra_error{%} 2043",
		"lutra_state_since_seconds{%} 1795334400.250", "lutra_own_total{%} 8",
		"lutra_passed_total{%} 18446744073709551615" };
	struct node_view v = sample();
	struct lt_buf out = { 0 };

	(void)state;
	node_metrics_text(&v, &out);
	for (size_t i = 0; i < LT_COUNT(wanted); i++) {
		const char *mark = strchr(wanted[i], '%');
		struct lt_buf line = { 0 };

		lt_buf_printf(&line, "\n%.*schannel=\"shop\",pipeline=\"hz->\\\"us\\\\\"%s\n", (int)(mark - wanted[i]),
		    wanted[i], mark + 1);
		assert_non_null(strstr(lt_buf_cstr(&out), lt_buf_cstr(&line)));
		lt_buf_free(&line);
	}
	lt_buf_free(&out);
}

static void
a_relay_log_has_metrics_where_there_is_one(void **state)
{
	struct node_view v = sample();
	struct lt_buf out = { 0 };

	(void)state;
	node_metrics_text(&v, &out);
	assert_null(strstr(lt_buf_cstr(&out), "semi_sync"));
	lt_buf_clear(&out);
	v.pipelines[0].semi_sync = true;
	v.pipelines[0].relay = (struct binlog_relay_status){ .bytes = 11, .acks = 12 };
	v.pipelines[0].relay.alarm.code = LT_E_RELAY_IO;
	node_metrics_text(&v, &out);
	assert_non_null(strstr(lt_buf_cstr(&out), "\nlutra_semi_sync_relay_bytes{channel=\"shop\""));
	assert_non_null(strstr(lt_buf_cstr(&out), "\"} 11\n"));
	assert_non_null(strstr(lt_buf_cstr(&out), "\"} 12\n"));
	assert_non_null(strstr(lt_buf_cstr(&out), "\"} 6020\n"));
	lt_buf_free(&out);
}

static void
sites_of_a_conflict_channel_have_metrics(void **state)
{
	struct node_view v = sample();
	struct lt_buf out = { 0 };

	(void)state;
	node_metrics_text(&v, &out);
	assert_null(strstr(lt_buf_cstr(&out), "lutra_site_"));
	lt_buf_clear(&out);
	v.sites = sites;
	v.nsites = 2;
	v.sites[0] = (struct node_site_view){ .name = "hz",
		.status = { .conflicts = 9,
		    .lost = 4,
		    .drift = 1,
		    .parked_rows = 3,
		    .left_bytes = 77,
		    .over_bytes = 78,
		    .spilled_bytes = 79,
		    .peers = { { "us", 1500000 } },
		    .npeers = 1,
		    .fence_us = 1500000,
		    .skew_us = -250000 },
		.status.purges = true,
		.status.purge_left_us = 60000000 };
	v.sites[1] = (struct node_site_view){ .name = "us", .status = { .believed = true } };
	node_metrics_text(&v, &out);
	assert_non_null(strstr(lt_buf_cstr(&out),
	    "\n# TYPE lutra_site_conflicts_total counter\nlutra_site_conflicts_total{channel=\"shop\",site=\"hz\"} 9\n"
	    "lutra_site_conflicts_total{channel=\"shop\",site=\"us\"} 0\n"));
	assert_non_null(
	    strstr(lt_buf_cstr(&out), "\nlutra_site_conflicts_lost_total{channel=\"shop\",site=\"hz\"} 4\n"));
	assert_non_null(strstr(lt_buf_cstr(&out), "\nlutra_site_drift_total{channel=\"shop\",site=\"hz\"} 1\n"));
	assert_non_null(
	    strstr(lt_buf_cstr(&out), "\nlutra_site_fence_seconds_total{channel=\"shop\",site=\"hz\"} 1.500000\n"));
	assert_non_null(
	    strstr(lt_buf_cstr(&out), "\nlutra_site_clock_skew_seconds{channel=\"shop\",site=\"hz\"} -0.250000\n"));
	assert_non_null(
	    strstr(lt_buf_cstr(&out), "\nlutra_site_purge_left_seconds{channel=\"shop\",site=\"hz\"} 60.000000\n"));
	assert_null(strstr(lt_buf_cstr(&out), "lutra_site_purge_left_seconds{channel=\"shop\",site=\"us\"}"));
	assert_null(strstr(lt_buf_cstr(&out), "lutra_site_seen_by_all_seconds{"));
	assert_non_null(strstr(lt_buf_cstr(&out), "\nlutra_site_parked_rows{channel=\"shop\",site=\"hz\"} 3\n"));
	assert_non_null(strstr(lt_buf_cstr(&out), "\nlutra_site_left_bytes{channel=\"shop\",site=\"hz\"} 77\n"));
	assert_non_null(strstr(lt_buf_cstr(&out), "\nlutra_site_over_bytes{channel=\"shop\",site=\"hz\"} 78\n"));
	assert_non_null(strstr(lt_buf_cstr(&out), "\nlutra_site_spilled_bytes{channel=\"shop\",site=\"hz\"} 79\n"));
	assert_non_null(strstr(
	    lt_buf_cstr(&out), "\nlutra_site_peer_heard_seconds{channel=\"shop\",site=\"hz\",peer=\"us\"} 1.500\n"));
	lt_buf_free(&out);
}

static void
one_state_is_set_and_the_others_are_not(void **state)
{
	struct node_view v = sample();
	struct lt_buf out = { 0 };

	(void)state;
	node_metrics_text(&v, &out);
	assert_non_null(strstr(lt_buf_cstr(&out), "state=\"retrying\"} 1\n"));
	assert_non_null(strstr(lt_buf_cstr(&out), "state=\"running\"} 0\n"));
	assert_non_null(strstr(lt_buf_cstr(&out), "state=\"stopped\"} 0\n"));
	lt_buf_free(&out);
}

static void
each_metric_says_its_type_once(void **state)
{
	struct node_view v = sample();
	struct lt_buf out = { 0 };
	const char *first;

	(void)state;
	v.count = 2;
	v.pipelines[1] = v.pipelines[0];
	node_metrics_text(&v, &out);
	first = strstr(lt_buf_cstr(&out), "# TYPE lutra_rows_total counter\n");
	assert_non_null(first);
	assert_null(strstr(first + 1, "# TYPE lutra_rows_total"));
	lt_buf_free(&out);
}

static void
health_is_well_only_when_all_run(void **state)
{
	struct node_view v = sample();
	struct lt_buf out = { 0 };

	(void)state;
	assert_false(node_health_json(&v, &out));
	assert_string_equal(lt_buf_cstr(&out),
	    "{\"status\":\"failing\",\"pipelines\":[{\"name\":\"hz->\\\"us\\\\\",\"state\":\"retrying\"}]}\n");
	v.pipelines[0].status.state = PIPELINE_RUNNING;
	lt_buf_clear(&out);
	assert_true(node_health_json(&v, &out));
	lt_buf_free(&out);
}

/* As `lutra status` ends with 1: a row that was decided wrongly is no health, though all pipelines run. */
static void
health_of_a_conflict_channel_is_that_of_its_rows_too(void **state)
{
	struct node_view v = sample();
	struct lt_buf out = { 0 };

	(void)state;
	v.pipelines[0].status.state = PIPELINE_RUNNING;
	v.sites = sites;
	v.nsites = 1;
	v.sites[0] = (struct node_site_view){ .name = "hz", .status = { .reading = CONVERGE_READING } };
	assert_true(node_health_json(&v, &out));
	assert_non_null(
	    strstr(lt_buf_cstr(&out), "],\"divergence\":0,\"sites\":[{\"name\":\"hz\",\"state\":\"reading\"}]}\n"));
	v.sites[0].status.went_back = 1;
	lt_buf_clear(&out);
	assert_false(node_health_json(&v, &out));
	assert_non_null(strstr(lt_buf_cstr(&out), "{\"status\":\"failing\","));
	assert_non_null(strstr(lt_buf_cstr(&out), "\"divergence\":1"));
	v.sites[0].status.went_back = 0;
	lt_fail(&v.sites[0].status.err, LT_E_LOG_PURGED, "gone");
	lt_buf_clear(&out);
	assert_false(node_health_json(&v, &out));
	assert_non_null(strstr(lt_buf_cstr(&out), "\"state\":\"failing\""));
	lt_buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_number_has_its_metric),
		cmocka_unit_test(a_relay_log_has_metrics_where_there_is_one),
		cmocka_unit_test(sites_of_a_conflict_channel_have_metrics),
		cmocka_unit_test(one_state_is_set_and_the_others_are_not),
		cmocka_unit_test(each_metric_says_its_type_once),
		cmocka_unit_test(health_is_well_only_when_all_run),
		cmocka_unit_test(health_of_a_conflict_channel_is_that_of_its_rows_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
