#include "binlog/unpack.h"

#include <errno.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define BLOCK_SIZE ((size_t)64 << 10)

enum packing { PLAIN, GZIP, ZSTD };

struct binlog_unpack {
	int fd;
	enum packing packing;
	z_stream gzip;
	bool gzip_ready;    /* to be ended */
	ZSTD_DStream *zstd; /* owned */
	uint8_t *block;     /* owned: packed bytes */
	size_t at, len;     /* those not unpacked yet */
	bool inside;        /* of a gzip member or a zstd frame: the file must not end here */
	uint64_t offset;    /* unpacked bytes handed out */
};

static bool
read_file(int fd, char *to, size_t want, uint64_t offset, size_t *got, struct lt_err *err)
{
	ssize_t n;

	do
		n = pread(fd, to, want, (off_t)offset);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return lt_fail(err, LT_E_FILE_IO, "cannot read the log: %s", strerror(errno));
	*got = (size_t)n;
	return true;
}

static bool
next_block(struct binlog_unpack *u, struct lt_err *err)
{
	ssize_t n;

	if (u->at < u->len)
		return true;
	do
		n = read(u->fd, u->block, BLOCK_SIZE);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return lt_fail(err, LT_E_FILE_IO, "cannot read the log: %s", strerror(errno));
	u->at = 0;
	u->len = (size_t)n;
	return true;
}

static bool
start_packed(struct binlog_unpack *u, struct lt_err *err)
{
	u->block = lt_calloc(BLOCK_SIZE, 1);
	if (u->packing == ZSTD) {
		u->zstd = ZSTD_createDStream();
		return u->zstd != NULL || lt_fail(err, LT_E_INTERNAL, "zstd cannot be set up");
	}
	u->gzip_ready = inflateInit2(&u->gzip, MAX_WBITS + 16) == Z_OK;
	return u->gzip_ready || lt_fail(err, LT_E_INTERNAL, "zlib cannot be set up");
}

bool
binlog_unpack_open(int fd, struct binlog_unpack **ret, struct lt_err *err)
{
	struct binlog_unpack *u = lt_new(struct binlog_unpack);
	uint8_t magic[4] = { 0 };
	size_t n;
	bool ok = false;

	u->fd = fd;
	if (!read_file(fd, (char *)magic, sizeof(magic), 0, &n, err))
		goto out;
	if (n >= 2 && magic[0] == 0x1f && magic[1] == 0x8b)
		u->packing = GZIP;
	else if (n == 4 && magic[0] == 0x28 && magic[1] == 0xb5 && magic[2] == 0x2f && magic[3] == 0xfd)
		u->packing = ZSTD;
	if (u->packing != PLAIN && !start_packed(u, err))
		goto out;
	*ret = u;
	u = NULL; /* now the caller's */
	ok = true;
out:
	binlog_unpack_close(u);
	return ok;
}

void
binlog_unpack_close(struct binlog_unpack *u)
{
	if (u == NULL)
		return;
	if (u->gzip_ready)
		inflateEnd(&u->gzip);
	ZSTD_freeDStream(u->zstd);
	close(u->fd);
	free(u->block);
	free(u);
}

bool
binlog_unpack_plain(const struct binlog_unpack *u)
{
	return u->packing == PLAIN;
}

/* A file may be several packed ones, one behind the other. */
static bool
step_gzip(struct binlog_unpack *u, char *to, size_t want, size_t *got, struct lt_err *err)
{
	int rc;

	u->gzip.next_in = u->block + u->at;
	u->gzip.avail_in = (unsigned)(u->len - u->at);
	u->gzip.next_out = (Bytef *)to;
	u->gzip.avail_out = (unsigned)LT_MIN(want, (size_t)UINT32_MAX / 2);
	rc = inflate(&u->gzip, Z_NO_FLUSH);
	if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
		return lt_fail(err, LT_E_CORRUPT, "the compressed file is damaged: %s",
		    u->gzip.msg != NULL ? u->gzip.msg : "zlib");
	u->at = u->len - u->gzip.avail_in;
	*got = (size_t)((char *)u->gzip.next_out - to);
	u->inside = rc != Z_STREAM_END;
	if (rc == Z_STREAM_END)
		inflateReset(&u->gzip);
	return true;
}

static bool
step_zstd(struct binlog_unpack *u, char *to, size_t want, size_t *got, struct lt_err *err)
{
	ZSTD_inBuffer in = { u->block, u->len, u->at };
	ZSTD_outBuffer out = { to, want, 0 };
	size_t rc = ZSTD_decompressStream(u->zstd, &out, &in);

	if (ZSTD_isError(rc))
		return lt_fail(err, LT_E_CORRUPT, "the compressed file is damaged: %s", ZSTD_getErrorName(rc));
	u->at = in.pos;
	*got = out.pos;
	u->inside = rc != 0;
	return true;
}

static bool
read_packed(struct binlog_unpack *u, char *to, size_t want, size_t *got, struct lt_err *err)
{
	*got = 0;
	while (*got == 0) {
		if (!next_block(u, err))
			return false;
		if (u->len == 0 && !u->inside)
			return true;
		if (u->packing == GZIP ? !step_gzip(u, to, want, got, err) : !step_zstd(u, to, want, got, err))
			return false;
		if (u->len == 0 && *got == 0 && u->inside)
			return lt_fail(err, LT_E_TRUNCATED, "the compressed file is cut off");
	}
	u->offset += *got;
	return true;
}

bool
binlog_unpack_read(struct binlog_unpack *u, uint64_t offset, char *to, size_t want, size_t *got, struct lt_err *err)
{
	if (u->packing == PLAIN)
		return read_file(u->fd, to, want, offset, got, err);
	LT_ASSERT(offset >= u->offset);
	while (u->offset < offset) {
		if (!read_packed(u, to, (size_t)LT_MIN((uint64_t)want, offset - u->offset), got, err))
			return false;
		if (*got == 0)
			return lt_fail(err, LT_E_LOG_POSITION, "the file ends at byte %llu, before the start at %llu",
			    (unsigned long long)u->offset, (unsigned long long)offset);
	}
	return read_packed(u, to, want, got, err);
}
