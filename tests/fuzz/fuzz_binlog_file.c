/* A log file that says anything: read to its end, as transactions whose values all have a text, or refused with a code.
 * The checksums are made right first, else nothing but them would be tried. */
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cur.h"
#include "binlog/crc.h"
#include "binlog/dump.h"
#include "binlog/header.h"
#include "binlog/source.h"
#include "fuzz/fuzz.h"

#define MAGIC_SIZE 4
#define SIZE_AT 9

static void
mend_checksums(uint8_t *log, size_t len)
{
	size_t at = MAGIC_SIZE;

	while (len - at >= BINLOG_HEADER_SIZE) {
		size_t size = (size_t)lt_le(log + at + SIZE_AT, 4), covered = size - BINLOG_CHECKSUM_SIZE;
		uint32_t crc;

		if (size < BINLOG_HEADER_SIZE + BINLOG_CHECKSUM_SIZE || size > len - at)
			return;
		crc = binlog_crc32(0, lt_str_of(log + at, covered));
		for (size_t i = 0; i < BINLOG_CHECKSUM_SIZE; i++)
			log[at + covered + i] = (uint8_t)(crc >> (8 * i));
		at += size;
	}
}

/* Owned by the caller; the file goes with its last descriptor. */
static int
file_of(const uint8_t *data, size_t size)
{
	int fd = memfd_create("log", MFD_CLOEXEC);
	uint8_t *log = lt_calloc(1, size + 1);

	memcpy(log, data, size);
	mend_checksums(log, size);
	LT_ASSERT(fd >= 0 && write(fd, log, size) == (ssize_t)size);
	free(log);
	return fd;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static FILE *nowhere;
	struct binlog_options options = { .txn_limit_bytes = 1 << 20, .clock = lt_clock_real() };
	struct binlog_dump_options how = { .raw = size % 2 != 0 };
	struct binlog_dump_sums sums = { 0 };
	struct change_source *s = NULL;
	struct lt_err err = { 0 };
	char path[32];
	int fd;

	if (size < MAGIC_SIZE || size > 1 << 16)
		return 0;
	if (nowhere == NULL)
		nowhere = fopen("/dev/null", "w");
	LT_ASSERT(nowhere != NULL);
	fd = file_of(data, size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!binlog_file_open(path, 0, &options, &s, &err) || !binlog_dump(s, &how, nowhere, &sums, &err))
		LT_ASSERT(err.code != LT_OK && err.code != LT_E_INTERNAL);
	change_source_close(s);
	close(fd);
	return 0;
}
