/* A site whose server is away: whoever asks is answered, whoever waits is let go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "converge/site.h"

#define LONG_MS 600000
#define PEER 2

struct away {
	int fd; /* has the port, and does not listen */
	struct model_channel *channel;
	struct change_spill_room room;
	struct converge_site *site;
	struct lt_wake *stop, *ended;
	struct lt_err err; /* of who waits in a thread of its own */
	bool passed;
};

/* Nobody answers there, and nobody else gets the port. */
static unsigned
closed_port(int *fd)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);

	*fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(*fd, (const struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(*fd, (struct sockaddr *)&at, &len), 0);
	return ntohs(at.sin_port);
}

static int
begin(void **state)
{
	struct away *a = lt_new(struct away);
	struct pipeline_origin origin = { .stop = a->ended = lt_wake_new() }; /* nobody gets as far as the log */
	unsigned port = closed_port(&a->fd);
	struct lt_buf text = { 0 };
	struct lt_err err = { 0 };

	lt_buf_printf(&text,
	    "channel: shop\nsites:\n  a: { id: 1, url: \"mysql://lutra@127.0.0.1:%u\" }\n"
	    "  b: { id: %d, url: \"mysql://lutra@127.0.0.1:%u\" }\n"
	    "direction: a <-> b\ntables: [shop.*]\nconflicts: last-writer-wins\n",
	    port, PEER, port);
	assert_true(model_channel_parse(lt_buf_str(&text), "/nowhere/c.yaml", &a->channel, &err));
	lt_buf_free(&text);
	a->stop = lt_wake_new();
	a->site = converge_site_start(a->channel, 0, &origin, &a->room, lt_clock_real());
	*state = a;
	return 0;
}

static int
end(void **state)
{
	struct away *a = *state;

	converge_site_free(a->site);
	model_channel_free(a->channel);
	lt_wake_free(a->stop);
	lt_wake_free(a->ended);
	close(a->fd);
	free(a);
	return 0;
}

static void
whoever_needs_its_log_is_told_why_there_is_none(void **state)
{
	struct away *a = *state;
	struct change_place place = { .file = "log.000001", .pos = 4 };
	struct converge_status status;
	struct lt_err err = { 0 };
	uint32_t origin = 0;

	assert_false(converge_site_await(a->site, &err));
	assert_int_equal(err.code, LT_E_CONNECT);
	converge_site_status(a->site, &status);
	assert_int_equal(status.reading, CONVERGE_STARTING);
	assert_int_equal(status.err.code, LT_E_CONNECT);
	assert_false(converge_site_origin(a->site, NULL, &origin, &err));
	assert_int_equal(err.code, LT_E_FENCE_LATE);
	assert_non_null(strstr(err.message, "E2000"));
	assert_false(converge_site_fence(a->site, "server", &place, 1, NULL, &err));
	assert_int_equal(err.code, LT_E_FENCE_LATE);
	assert_null(converge_site_hold(a->site));
	converge_site_release(a->site);
	assert_int_equal(converge_site_seen(a->site, 1), 0);
}

static void
ask_on(void *arg)
{
	struct away *a = arg;
	struct conflict_vector seen = { 0 };
	struct change_position saved;
	struct converge_status status;
	struct converge_tending tending;
	struct lt_str key = LT_STR("key");

	change_position_init(&saved);
	for (uint64_t n = 1; !lt_wake_raised(a->stop); n++) {
		conflict_vector_raise(&seen, PEER, n);
		converge_site_hear(a->site, PEER, &seen);
		converge_site_sent(a->site, 0, &saved);
		converge_site_note_unique(a->site);
		converge_site_round_begin(a->site, 1);
		converge_site_round_met(a->site, 1, &key, 1);
		converge_site_round_end(a->site, 1);
		converge_site_tending(a->site, &tending);
		converge_site_status(a->site, &status);
		assert_true(status.npeers == 1 && tending.unique);
	}
	change_position_clear(&saved);
	conflict_vector_free(&seen);
}

static void
it_stands_still_and_goes_on_while_others_ask(void **state)
{
	struct away *a = *state;
	struct lt_thread *one = lt_thread_start("one", ask_on, a), *other = lt_thread_start("other", ask_on, a);
	struct lt_wake *gone = lt_wake_new();
	struct lt_err err = { 0 };
	uint64_t seq = 1;

	assert_true(converge_site_halt(a->site, gone, &err));
	assert_true(converge_site_knows(a->site, PEER, &seq));
	assert_int_equal(seq, 0);
	converge_site_go_on(a->site);
	lt_wake_raise(gone);
	assert_false(converge_site_leave(a->site, PEER, gone, &err)); /* nobody can write that down */
	assert_int_equal(err.code, LT_E_CANCELLED);
	lt_wake_raise(a->stop);
	lt_thread_join(one);
	lt_thread_join(other);
	lt_wake_free(gone);
}

static void
wait_long(void *arg)
{
	static const struct change_place place = { .file = "log.000001", .pos = 4 };
	struct away *a = arg;

	lt_wake_raise(a->stop);
	a->passed = converge_site_fence(a->site, "server", &place, LONG_MS, NULL, &a->err);
}

static void
its_end_lets_go_who_waits(void **state)
{
	struct away *a = *state;
	struct lt_thread *waiting = lt_thread_start("waiting", wait_long, a);

	assert_true(lt_wake_wait(a->stop, LONG_MS));
	converge_site_end(a->site);
	lt_thread_join(waiting);
	assert_false(a->passed);
	assert_int_equal(a->err.code, LT_E_CANCELLED);
	assert_true(lt_wake_raised(a->ended)); /* who waits for its server, too */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(whoever_needs_its_log_is_told_why_there_is_none, begin, end),
		cmocka_unit_test_setup_teardown(it_stands_still_and_goes_on_while_others_ask, begin, end),
		cmocka_unit_test_setup_teardown(its_end_lets_go_who_waits, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
