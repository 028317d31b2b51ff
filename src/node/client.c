#include "node/client.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node/folder.h"

enum { READ_SIZE = 16384 };

static bool
connect_to(const char *dir, int *ret, struct lt_err *err)
{
	struct sockaddr_un addr;
	int folder = -1, fd = -1;
	bool ok = false;

	if (!node_folder_socket(dir, &addr, &folder, err))
		return false;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		lt_fail(err, LT_E_INTERNAL, "socket: %s", strerror(errno));
		goto out;
	}
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0) {
		if (errno == ENOENT || errno == ECONNREFUSED)
			lt_fail(err, LT_E_NOT_RUNNING, "no `lutra run` uses the data folder %s", dir);
		else
			lt_fail(err, LT_E_FILE_IO, "%s/control.sock: %s", dir, strerror(errno));
		goto out;
	}

	*ret = fd;
	fd = -1;
	ok = true;
out:
	if (fd >= 0)
		close(fd);
	close(folder);
	return ok;
}

static bool
send_all(int fd, struct lt_str bytes, struct lt_err *err)
{
	while (bytes.len > 0) {
		ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return lt_fail(
			    err, LT_E_NOT_RUNNING, "`lutra run` ended before it could be asked: %s", strerror(errno));
		bytes = lt_str_of(bytes.ptr + n, bytes.len - (size_t)n);
	}
	return true;
}

static bool
read_answer(int fd, struct lt_buf *bytes, struct node_frame *out, struct lt_err *err)
{
	for (;;) {
		enum node_frame_state state;
		size_t used;
		ssize_t n;

		state = node_frame_decode(lt_buf_str(bytes), NODE_ANSWER_LIMIT, out, &used, err);
		if (state != NODE_FRAME_MORE)
			return state == NODE_FRAME_WHOLE;
		n = recv(fd, lt_buf_reserve(bytes, READ_SIZE), READ_SIZE, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return lt_fail(err, LT_E_NOT_RUNNING, "`lutra run` ended before it answered");
		bytes->len += (size_t)n;
	}
}

bool
node_client_ask(const char *dir, const struct node_frame *request, struct lt_buf *text, bool *found, struct lt_err *err)
{
	struct lt_buf bytes = { 0 };
	struct node_frame answer;
	bool ok = false;
	int fd = -1;

	if (!connect_to(dir, &fd, err))
		return false;
	node_frame_encode(request, &bytes);
	if (!send_all(fd, lt_buf_str(&bytes), err))
		goto out;
	lt_buf_clear(&bytes);
	if (!read_answer(fd, &bytes, &answer, err))
		goto out;
	if (answer.kind == NODE_ANSWER_ERROR) {
		node_frame_error_read(&answer, err);
		goto out;
	}
	if (answer.kind != NODE_ANSWER_OK || answer.count != 2) {
		lt_fail(err, LT_E_CONTROL, "the answer on the control socket is of an unknown kind (%u)", answer.kind);
		goto out;
	}

	lt_buf_str_add(text, answer.args[0]);
	*found = lt_str_eqz(answer.args[1], "1");
	ok = true;
out:
	close(fd);
	lt_buf_free(&bytes);
	return ok;
}
