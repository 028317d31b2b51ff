#include "change/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool
failed(const struct change_spill_room *room, const char *what, struct lt_err *err)
{
	return lt_fail(
	    err, LT_E_SPILL_IO, "a large transaction cannot be %s in %s: %s", what, room->dir, strerror(errno));
}

/* Without O_TMPFILE (some network file systems) there is a name for a moment. */
static int
open_nameless(const char *dir)
{
	char path[4096];
	int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT && errno != EINVAL))
		return fd;
	if ((size_t)snprintf(path, sizeof(path), "%s/lutra-XXXXXX.spill", dir) >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemps(path, (int)strlen(".spill"), O_CLOEXEC); /* 0600 */
	if (fd >= 0)
		unlink(path);
	return fd;
}

bool
change_scratch_open(struct change_spill_room *room, struct change_scratch *out, struct lt_err *err)
{
	int fd;

	if (room->make && mkdir(room->dir, 0700) != 0 && errno != EEXIST)
		return failed(room, "kept", err);
	fd = open_nameless(room->dir);
	if (fd < 0)
		return failed(room, "kept", err);
	*out = (struct change_scratch){ .room = room, .fd = fd };
	return true;
}

void
change_scratch_close(struct change_scratch *f)
{
	close(f->fd);
	atomic_fetch_sub(&f->room->used, f->size);
}

/* Where nothing was handed out, waiting would not help. Asked first: what is freed meanwhile is in `used` until then.
 */
static bool
room_for(const struct change_scratch *f, uint64_t more, struct lt_err *err)
{
	unsigned handed = atomic_load(&f->room->handed);
	uint64_t limit = f->room->limit, used = atomic_load(&f->room->used);

	if (limit == 0 || used + more <= limit)
		return true;
	if (handed == 0 || f->size + more > limit)
		return lt_fail(err, LT_E_SPILL_LIMIT,
		    "the transaction takes more than the %llu bytes of disk that are allowed",
		    (unsigned long long)limit);
	return lt_fail(err, LT_E_SPILL_FULL, "large transactions take %llu bytes of disk, and %llu are allowed",
	    (unsigned long long)used, (unsigned long long)limit);
}

bool
change_scratch_add(struct change_scratch *f, struct lt_str bytes, struct lt_err *err)
{
	if (!room_for(f, bytes.len, err))
		return false;
	for (size_t done = 0; done < bytes.len;) {
		ssize_t n = pwrite(f->fd, bytes.ptr + done, bytes.len - done, (off_t)(f->size + done));

		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			return failed(f->room, "written", err);
	}
	f->size += bytes.len;
	atomic_fetch_add(&f->room->used, bytes.len);
	return true;
}

bool
change_scratch_map(struct change_scratch *f, size_t size, void **ret, struct lt_err *err)
{
	void *at;

	if (!room_for(f, size, err))
		return false;
	errno = posix_fallocate(f->fd, (off_t)f->size, (off_t)size); /* else a full disk is met by whoever writes */
	if (errno != 0)
		return failed(f->room, "written", err);
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, (off_t)f->size);
	if (at == MAP_FAILED)
		return failed(f->room, "mapped", err);
	f->size += size;
	atomic_fetch_add(&f->room->used, size);
	*ret = at;
	return true;
}

bool
change_scratch_read(const struct change_scratch *f, uint64_t at, char *to, size_t len, struct lt_err *err)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = pread(f->fd, to + done, len - done, (off_t)(at + done));

		if (n > 0)
			done += (size_t)n;
		else if (n == 0)
			return lt_fail(err, LT_E_SPILL_DAMAGED,
			    "a large transaction kept in %s ends at byte %llu of %llu", f->room->dir,
			    (unsigned long long)(at + done), (unsigned long long)f->size);
		else if (errno != EINTR)
			return failed(f->room, "read", err);
	}
	return true;
}

bool
change_scratch_cut(struct change_scratch *f, uint64_t size, struct lt_err *err)
{
	if (ftruncate(f->fd, (off_t)size) != 0)
		return failed(f->room, "cut", err);
	atomic_fetch_sub(&f->room->used, f->size - size);
	f->size = size;
	return true;
}
