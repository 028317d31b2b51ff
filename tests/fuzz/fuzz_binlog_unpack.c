/* A file that may be gzip's or zstd's and says anything: read to its end in pieces, or refused with a code. The first
 * byte chooses where it is read from, and how much at a time. */
#include <sys/mman.h>
#include <unistd.h>

#include "base/def.h"
#include "binlog/unpack.h"
#include "fuzz/fuzz.h"

/* A bomb unpacks to much; so much of it is enough. */
#define UNPACKED_MAX ((size_t)4 << 20)

static void
read_on(struct binlog_unpack *u, uint64_t offset, size_t step)
{
	static char to[4096];
	uint64_t end = offset + UNPACKED_MAX;
	struct lt_err err = { 0 };
	size_t got = 1;

	while (got > 0 && offset < end) {
		if (!binlog_unpack_read(u, offset, to, step, &got, &err)) {
			LT_ASSERT(err.code != LT_OK && err.code != LT_E_INTERNAL);
			return;
		}
		LT_ASSERT(got <= step);
		offset += got;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct binlog_unpack *u = NULL;
	struct lt_err err = { 0 };
	int fd;

	if (size < 1 || size > 1 << 16)
		return 0;
	fd = memfd_create("log", MFD_CLOEXEC);
	LT_ASSERT(fd >= 0 && write(fd, data + 1, size - 1) == (ssize_t)size - 1 && lseek(fd, 0, SEEK_SET) == 0);
	if (!binlog_unpack_open(fd, &u, &err))
		return 0;
	read_on(u, data[0] % 4 == 0 ? data[0] : 0, data[0] % 2 == 0 ? 4096 : 19);
	binlog_unpack_close(u);
	return 0;
}
