/* A control socket without pipelines behind it: framing, errors, stop, and clients that misbehave. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/thread.h"
#include "node/client.h"
#include "node/control.h"
#include "node/folder.h"

static char channel_name[] = "shop";
static struct model_channel channel = { .name = channel_name };

struct fixture {
	char dir[40];
	struct node node;
	struct event_base *loop;
	struct node_control *control;
	struct lt_thread *thread;
};

static void
on_stop(void *ctx)
{
	struct fixture *f = ctx;

	event_base_loopbreak(f->loop);
}

static void
serve(void *arg)
{
	struct fixture *f = arg;

	event_base_dispatch(f->loop);
	node_control_end(f->control);
	node_control_free(f->control);
}

static int
set_up(void **state)
{
	struct fixture *f = lt_new(struct fixture);
	struct lt_err err = { 0 };

	strcpy(f->dir, "/tmp/lutra-control-XXXXXX");
	f->node = (struct node){ .channel = &channel, .clock = lt_clock_real() };
	f->loop = event_base_new();
	if (mkdtemp(f->dir) == NULL || !node_control_open(f->dir, f->loop, &f->node, on_stop, f, &f->control, &err))
		return -1;
	f->thread = lt_thread_start("serve", serve, f);
	*state = f;
	return 0;
}

/* Asks to stop as users do; the answer comes when all has ended. */
static int
tear_down(void **state)
{
	struct fixture *f = *state;
	struct node_frame stop = { .kind = NODE_REQUEST, .count = 1, .args = { LT_STR("stop") } };
	struct lt_buf text = { 0 };
	struct lt_err err = { 0 };
	char path[64];
	bool found, ok;

	ok = node_client_ask(f->dir, &stop, &text, &found, &err) && lt_str_eqz(lt_buf_str(&text), "ended\n");
	lt_thread_join(f->thread);
	lt_buf_free(&text);
	event_base_free(f->loop);
	snprintf(path, sizeof(path), "%s/control.sock", f->dir);
	unlink(path);
	rmdir(f->dir);
	free(f);
	return ok ? 0 : -1;
}

static enum lt_code
ask(struct fixture *f, const struct node_frame *request, struct lt_buf *text)
{
	struct lt_err err = { 0 };
	bool found;

	return node_client_ask(f->dir, request, text, &found, &err) ? LT_OK : err.code;
}

static void
answers_what_is_asked(void **state)
{
	struct node_frame status = { .kind = NODE_REQUEST, .count = 2, .args = { LT_STR("status"), LT_STR("json") } };
	struct node_frame wait = { .kind = NODE_REQUEST, .count = 2, .args = { LT_STR("wait"), LT_STR("-") } };
	struct lt_buf text = { 0 };

	assert_int_equal(ask(*state, &status, &text), LT_OK);
	assert_string_equal(
	    lt_buf_cstr(&text), "{\"channels\":[{\"name\":\"shop\",\"state\":\"running\",\"pipelines\":[]}]}");
	assert_int_equal(ask(*state, &wait, &text), LT_OK);
	lt_buf_free(&text);
}

static void
errors_come_back_with_their_codes(void **state)
{
	struct node_frame unknown = { .kind = NODE_REQUEST, .count = 1, .args = { LT_STR("dance") } };
	struct node_frame empty = { .kind = NODE_REQUEST };
	struct node_frame newer = { .kind = 77, .count = 2, .args = { LT_STR("status"), LT_STR("json") } };
	struct node_frame few = { .kind = NODE_REQUEST, .count = 1, .args = { LT_STR("retry") } };
	struct node_frame retry = {
		.kind = NODE_REQUEST, .count = 3, .args = { LT_STR("retry"), LT_STR("hz->us"), LT_STR("") }
	};
	struct node_frame position = { .kind = NODE_REQUEST,
		.count = 4,
		.args = { LT_STR("position"), LT_STR("hz->us"), LT_STR(""), LT_STR("moon") } };
	struct lt_buf text = { 0 };

	assert_int_equal(ask(*state, &unknown, &text), LT_E_CONTROL);
	assert_int_equal(ask(*state, &empty, &text), LT_E_CONTROL);
	assert_int_equal(ask(*state, &newer, &text), LT_E_CONTROL);
	assert_int_equal(ask(*state, &few, &text), LT_E_CONTROL);
	assert_int_equal(ask(*state, &retry, &text), LT_E_NO_SUCH_PIPELINE);
	assert_int_equal(ask(*state, &position, &text), LT_E_USAGE);
	assert_int_equal(text.len, 0);
	lt_buf_free(&text);
}

static int
connect_raw(struct fixture *f)
{
	struct sockaddr_un addr;
	struct lt_err err = { 0 };
	int folder, fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_true(node_folder_socket(f->dir, &addr, &folder, &err));
	assert_int_equal(connect(fd, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	close(folder);
	return fd;
}

static void
a_client_that_hangs_up_harms_nobody(void **state)
{
	struct node_frame status = { .kind = NODE_REQUEST, .count = 2, .args = { LT_STR("status"), LT_STR("json") } };
	struct lt_buf whole = { 0 }, text = { 0 };

	node_frame_encode(&status, &whole);
	for (size_t n = 0; n <= whole.len; n++) {
		int fd = connect_raw(*state);

		assert_int_equal(send(fd, whole.ptr, n, MSG_NOSIGNAL), (ssize_t)n);
		close(fd);
	}
	assert_int_equal(ask(*state, &status, &text), LT_OK);
	lt_buf_free(&whole);
	lt_buf_free(&text);
}

static void
a_request_may_come_in_pieces(void **state)
{
	struct node_frame status = { .kind = NODE_REQUEST, .count = 2, .args = { LT_STR("status"), LT_STR("text") } };
	struct lt_buf whole = { 0 };
	struct node_frame answer;
	struct lt_err err = { 0 };
	char got[4096];
	size_t len = 0, used;
	int fd = connect_raw(*state);

	node_frame_encode(&status, &whole);
	for (size_t i = 0; i < whole.len; i++)
		assert_int_equal(send(fd, whole.ptr + i, 1, MSG_NOSIGNAL), 1);
	for (;;) {
		ssize_t n = recv(fd, got + len, sizeof(got) - len, 0);

		if (n <= 0)
			break;
		len += (size_t)n;
	}
	assert_int_equal(
	    node_frame_decode(lt_str_of(got, len), NODE_ANSWER_LIMIT, &answer, &used, &err), NODE_FRAME_WHOLE);
	assert_int_equal(answer.kind, NODE_ANSWER_OK);
	close(fd);
	lt_buf_free(&whole);
}

static void
the_socket_is_its_users_alone(void **state)
{
	struct fixture *f = *state;
	struct stat st;
	char path[64];

	snprintf(path, sizeof(path), "%s/control.sock", f->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void
nobody_there_is_not_running(void **state)
{
	struct node_frame status = { .kind = NODE_REQUEST, .count = 2, .args = { LT_STR("status"), LT_STR("json") } };
	struct lt_buf text = { 0 };
	struct lt_err err = { 0 };
	bool found;

	(void)state;
	assert_false(node_client_ask("/tmp", &status, &text, &found, &err));
	assert_int_equal(err.code, LT_E_NOT_RUNNING);
	assert_int_equal(lt_code_exit(err.code), 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers_what_is_asked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(errors_come_back_with_their_codes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_client_that_hangs_up_harms_nobody, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_request_may_come_in_pieces, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_socket_is_its_users_alone, set_up, tear_down),
		cmocka_unit_test(nobody_there_is_not_running),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
