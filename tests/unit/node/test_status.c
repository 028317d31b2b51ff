#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/status.h"

static struct node_pipeline_view lines[2];
static struct node_site_view sites[2];

static struct node_view
sample(void)
{
	struct node_view v = { .channel = "shop", .pipelines = lines, .count = 2 };
	struct pipeline_status *s = &v.pipelines[0].status;

	memset(lines, 0, sizeof(lines));
	v.pipelines[0].name = "hz->us";
	v.pipelines[1].name = "us->hz";
	*s = (struct pipeline_status){ .state = PIPELINE_RUNNING,
		.read = { .file = "mb.000003", .pos = 20 },
		.applied = { .file = "mb.000003", .pos = 10 },
		.saved = { .file = "mb.000002", .pos = 9 },
		.read_gtid = "0-1-43",
		.applied_gtid = "0-1-42",
		.lag_ms = 5,
		.lag_bytes = 10,
		.transactions = 7,
		.rows = 9,
		.groups = 3,
		.retries = 1,
		.own = 2,
		.passed = 4,
		.memory_bytes = 4096,
		.rows_per_s = 1.25,
		.since_us = 1795334400000000u };
	v.pipelines[1].status = (struct pipeline_status){ .state = PIPELINE_STOPPED };
	lt_fail(&v.pipelines[1].status.err, LT_E_DUPLICATE, "a key \"is\" there");
	return v;
}

static void
json_is_the_contracts(void **state)
{
	struct node_view v = sample();
	struct lt_buf out = { 0 };

	(void)state;
	node_status_json(&v, &out);
	assert_string_equal(lt_buf_cstr(&out),
	    "{\"channels\":[{\"name\":\"shop\",\"state\":\"stopped\",\"pipelines\":["
	    "{\"name\":\"hz->us\",\"state\":\"running\",\"since\":\"2026-11-22T08:00:00.000000Z\",\"tries\":0,"
	    "\"read_position\":{\"file\":\"mb.000003\",\"pos\":20,\"gtid\":\"0-1-43\"},"
	    "\"applied_position\":{\"file\":\"mb.000003\",\"pos\":10,\"gtid\":\"0-1-42\"},"
	    "\"saved_position\":{\"file\":\"mb.000002\",\"pos\":9},"
	    "\"lag_ms\":5,\"delay_ms\":0,\"lag_bytes\":10,\"transactions\":7,\"rows\":9,\"rows_per_s\":1.2,\"groups\":3,\"retries\":1,\"own\":2,"
	    "\"opted_out\":0,\"passed\":4,\"memory_bytes\":4096,\"error\":null},"
	    "{\"name\":\"us->hz\",\"state\":\"stopped\",\"since\":\"1970-01-01T00:00:00.000000Z\",\"tries\":0,"
	    "\"read_position\":{\"file\":\"\",\"pos\":0,\"gtid\":\"\"},\"applied_position\":{\"file\":\"\",\"pos\":0,\"gtid\":\"\"},"
	    "\"saved_position\":{\"file\":\"\",\"pos\":0},"
	    "\"lag_ms\":0,\"delay_ms\":0,\"lag_bytes\":0,\"transactions\":0,\"rows\":0,\"rows_per_s\":0.0,\"groups\":0,\"retries\":0,\"own\":0,"
	    "\"opted_out\":0,\"passed\":0,\"memory_bytes\":0,\"error\":{\"code\":\"E5002\",\"name\":\"DUPLICATE\",\"message\":\"a key \\\"is\\\" there\","
	    "\"where\":{},\"hint\":\"a row with this key is at the target already: compare both ends, repair it, then `lutra retry --data DIR PIPELINE`"
	    "; or `lutra replace --data DIR PIPELINE ...` does something else in its place, or `lutra skip --data DIR PIPELINE` passes over the transaction\"}}]}]}");
	lt_buf_free(&out);
}

static void
a_channel_is_as_bad_as_its_worst_pipeline(void **state)
{
	struct node_view v = { .pipelines = lines, .count = 2 };

	(void)state;
	v.pipelines[0].status.state = PIPELINE_RUNNING;
	v.pipelines[1].status.state = PIPELINE_RUNNING;
	assert_int_equal(node_view_state(&v), PIPELINE_RUNNING);
	v.pipelines[1].status.state = PIPELINE_PAUSED;
	assert_int_equal(node_view_state(&v), PIPELINE_PAUSED);
	assert_string_equal(pipeline_state_name(PIPELINE_PAUSED), "paused");
	v.pipelines[1].status.state = PIPELINE_RETRYING;
	assert_int_equal(node_view_state(&v), PIPELINE_RETRYING);
	v.pipelines[0].status.state = PIPELINE_STOPPED;
	assert_int_equal(node_view_state(&v), PIPELINE_STOPPED);
}

static void
people_see_the_error_with_its_code_and_hint(void **state)
{
	struct node_view v = sample();
	struct lt_buf out = { 0 };

	(void)state;
	node_status_text(&v, &out);
	assert_non_null(strstr(lt_buf_cstr(&out), "channel shop: stopped\n"));
	assert_non_null(strstr(lt_buf_cstr(&out), "us->hz: lutra: E5002 a key \"is\" there: a row with this key"));
	assert_non_null(strstr(lt_buf_cstr(&out), "mb.000003:10\n"));
	lt_buf_free(&out);
}

static void
people_see_since_when_it_is_tried_again(void **state)
{
	struct node_view v = sample();
	struct pipeline_status *s = &v.pipelines[0].status;
	struct lt_buf out = { 0 };

	(void)state;
	s->state = PIPELINE_RETRYING;
	s->tries = 17;
	lt_fail(&s->err, LT_E_DISK_FULL, "no room");
	node_status_text(&v, &out);
	assert_non_null(strstr(lt_buf_cstr(&out), "hz->us: lutra: E2045 no room: "));
	assert_non_null(strstr(lt_buf_cstr(&out), "\nhz->us: retrying since 2026-11-22T08:00:00.000000Z, 17 tries\n"));
	assert_null(strstr(lt_buf_cstr(&out), "us->hz: retrying"));
	lt_buf_free(&out);
}

static void
a_relay_log_and_its_alarm_are_shown(void **state)
{
	struct node_view v = sample();
	struct binlog_relay_status *r = &v.pipelines[0].relay;
	struct lt_buf out = { 0 };

	(void)state;
	v.pipelines[0].semi_sync = true;
	*r = (struct binlog_relay_status){ .source = BINLOG_SEMI_SYNC_ON,
		.connected = true,
		.bytes = 7,
		.limit = 8,
		.acks = 9,
		.received = { .file = "mb.000003", .pos = 30 },
		.acked = { .file = "mb.000003", .pos = 29 } };
	lt_fail(&r->alarm, LT_E_RELAY_FULL, "too much");
	node_status_json(&v, &out);
	assert_non_null(strstr(lt_buf_cstr(&out),
	    "\"semi_sync\":{\"source\":\"on\",\"connected\":true,\"relay_bytes\":7,\"relay_limit\":8,\"acks\":9,"
	    "\"received_position\":{\"file\":\"mb.000003\",\"pos\":30,\"gtid\":\"\"},"
	    "\"acked_position\":{\"file\":\"mb.000003\",\"pos\":29,\"gtid\":\"\"},\"error\":{\"code\":\"E6021\""));
	lt_buf_clear(&out);
	node_status_text(&v, &out);
	assert_non_null(strstr(lt_buf_cstr(&out), "hz->us: lutra: E6021 too much: "));
	lt_buf_free(&out);
}

static struct node_view
converging(void)
{
	struct node_view v = sample();

	v.sites = sites;
	v.nsites = 2;
	v.sites[0] = (struct node_site_view){ .name = "hz",
		.status = { .read = { .file = "mb.000003", .pos = 20 },
		    .keys = 5,
		    .key_bytes = 400,
		    .local = 6,
		    .marks = 7,
		    .conflicts = 9,
		    .lost = 4,
		    .parked = 3,
		    .parked_rows = 1,
		    .reading = CONVERGE_READING,
		    .peers = { { "us", 1795334400000000u } },
		    .npeers = 1,
		    .fences = 4,
		    .fence_us = 1000,
		    .skew_us = -1500,
		    .believed = true,
		    .forgotten_us = 1795334400000000u },
		.status.purges = true,
		.status.purge_left_us = 3600000000 };
	v.sites[1] = (struct node_site_view){ .name = "us", .status = { .believed = true } };
	return v;
}

static void
sites_of_a_conflict_channel_stand_beside_its_pipelines(void **state)
{
	struct node_view v = converging();
	struct lt_buf out = { 0 };

	(void)state;
	node_status_json(&v, &out);
	assert_non_null(strstr(lt_buf_cstr(&out),
	    "],\"divergence\":0,\"sites\":[{\"name\":\"hz\",\"state\":\"reading\",\"read_position\":{\"file\":\"mb.000003\",\"pos\":20},"
	    "\"left_bytes\":0,\"went_back\":0,\"went_back_last\":null,"
	    "\"drift\":0,\"conflicts\":9,\"lost\":4,\"parked\":3,\"parked_rows\":1,\"functions_failed\":0,\"held\":0,\"keys\":5,\"key_bytes\":400,"
	    "\"spilled_bytes\":0,\"over_bytes\":0,\"local\":6,\"marks\":7,"
	    "\"fences\":4,\"fence_ms\":0.250,\"skew_ms\":-1.500,\"clock_believed\":true,"
	    "\"peers\":[{\"name\":\"us\",\"heard\":\"2026-11-22T08:00:00.000000Z\"}],\"seen_by_all\":\"2026-11-22T08:00:00.000000Z\",\"purge_left_s\":3600,\"error\":null},{\"name\":\"us\","));
	assert_non_null(strstr(lt_buf_cstr(&out), "\"seen_by_all\":null,\"purge_left_s\":null,\"error\":null}]}]}"));
	lt_buf_clear(&out);
	node_status_text(&v, &out);
	assert_non_null(strstr(lt_buf_cstr(&out), "\nhz                            9          4 "));
	assert_null(strstr(lt_buf_cstr(&out), "DIVERGE"));
	assert_null(strstr(lt_buf_cstr(&out), "site hz:"));
	lt_buf_free(&out);
}

static void
divergence_is_said_loudly(void **state)
{
	struct node_view v = converging();
	struct lt_buf out = { 0 };

	(void)state;
	v.sites[0].status.drift = 2;
	v.sites[1].status.went_back = 1;
	v.sites[1].status.back = (struct converge_back){ "shop.t", "5", { .file = "mb.000007", .pos = 4711 } };
	assert_int_equal(node_sites_diverged(v.sites, v.nsites), 3);
	node_status_json(&v, &out);
	assert_non_null(strstr(lt_buf_cstr(&out), "\"divergence\":3,"));
	assert_non_null(strstr(lt_buf_cstr(&out),
	    "\"went_back_last\":{\"table\":\"shop.t\",\"key\":\"5\",\"file\":\"mb.000007\",\"pos\":4711}"));
	lt_buf_clear(&out);
	node_status_text(&v, &out);
	assert_non_null(strstr(lt_buf_cstr(&out), "channel shop: stopped, DIVERGED\n"));
	assert_non_null(strstr(lt_buf_cstr(&out), "\nDIVERGENCE at site hz: 2 rows "));
	assert_non_null(strstr(lt_buf_cstr(&out), "\nDIVERGENCE at site us: 1 times "));
	assert_non_null(strstr(lt_buf_cstr(&out), "that of shop.t 5 by the transaction that ends at mb.000007:4711"));
	lt_buf_free(&out);
}

static void
what_ails_a_site_is_told(void **state)
{
	struct node_view v = converging();
	struct lt_buf out = { 0 };

	(void)state;
	lt_fail(&v.sites[0].status.err, LT_E_LOG_PURGED, "gone");
	v.sites[0].status.purge_left_us = -1;
	v.sites[1].status.believed = false;
	v.sites[1].status.skew_us = 90000000;
	v.sites[1].status.reading = CONVERGE_RECOVERING;
	v.sites[1].status.read = (struct change_place){ .file = "mb.000007", .pos = 4711 };
	v.sites[1].status.left_bytes = 5 << 20;
	v.sites[1].status.over_bytes = 1 << 20;
	node_status_text(&v, &out);
	assert_non_null(strstr(lt_buf_cstr(&out), "\nsite hz: its log is not read: lutra: E3010 gone: "));
	assert_non_null(strstr(lt_buf_cstr(&out), "\nsite hz: its server may have removed log "));
	assert_non_null(strstr(lt_buf_cstr(&out), "\nsite us: its clock is 90.000 s off"));
	assert_non_null(
	    strstr(lt_buf_cstr(&out), "\nsite us: its log is read again from the last checkpoint on, now at "
				      "mb.000007:4711; 5.0 MB are left"));
	assert_non_null(strstr(lt_buf_cstr(&out), "\nsite us: what is remembered of rows takes 1.0 MB more"));
	lt_buf_clear(&out);
	node_status_json(&v, &out);
	assert_non_null(strstr(lt_buf_cstr(&out), "{\"name\":\"hz\",\"state\":\"failing\""));
	assert_non_null(
	    strstr(lt_buf_cstr(&out), "{\"name\":\"us\",\"state\":\"recovering\",\"read_position\":{\"file\":"
				      "\"mb.000007\",\"pos\":4711},\"left_bytes\":5242880,"));
	lt_buf_clear(&out);
	node_status_json(&v, &out);
	assert_non_null(strstr(lt_buf_cstr(&out), "\"error\":{\"code\":\"E3010\""));
	lt_buf_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sites_of_a_conflict_channel_stand_beside_its_pipelines),
		cmocka_unit_test(divergence_is_said_loudly),
		cmocka_unit_test(what_ails_a_site_is_told),
		cmocka_unit_test(json_is_the_contracts),
		cmocka_unit_test(a_channel_is_as_bad_as_its_worst_pipeline),
		cmocka_unit_test(people_see_the_error_with_its_code_and_hint),
		cmocka_unit_test(people_see_since_when_it_is_tried_again),
		cmocka_unit_test(a_relay_log_and_its_alarm_are_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
