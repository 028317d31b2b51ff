#include "arbiter/embedded.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/buf.h"

struct arbiter_lock {
	int fd;
};

/* For people who look into the folder; nothing reads it. */
static void
write_pid(int fd)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	if (ftruncate(fd, 0) != 0 || write(fd, text, (size_t)n) != n)
		return;
}

bool
arbiter_lock(const char *dir, struct arbiter_lock **ret, struct lt_err *err)
{
	struct lt_buf path = { 0 };
	bool ok = false;
	int fd;

	lt_buf_printf(&path, "%s/lock", dir);
	/* flock goes with the open file, not with the process: a second take in the same process is refused as well. */
	fd = open(lt_buf_cstr(&path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		lt_fail(err, LT_E_FILE_IO, "%s: %s", lt_buf_cstr(&path), strerror(errno));
		goto out;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno == EWOULDBLOCK)
			lt_fail(err, LT_E_DATA_DIR_BUSY, "data folder %s is in use", dir);
		else
			lt_fail(err, LT_E_FILE_IO, "%s: cannot lock: %s", lt_buf_cstr(&path), strerror(errno));
		goto out;
	}
	write_pid(fd);

	*ret = lt_new(struct arbiter_lock);
	(*ret)->fd = fd;
	fd = -1;
	ok = true;
out:
	if (fd >= 0)
		close(fd);
	lt_buf_free(&path);
	return ok;
}

void
arbiter_unlock(struct arbiter_lock *l)
{
	if (l == NULL)
		return;
	close(l->fd);
	free(l);
}
