/* Source: MySQL's protocol documentation, "Compression"; seen on MySQL 9.7 and MariaDB 10.11 and 11.8. A frame is a
 * head of seven bytes (size, number, size before compression or 0 where it is not compressed) and its bytes. */
#include <zlib.h>
#include <zstd.h>

#include "mysql/conn_priv.h"

#define HEAD 7
#define WORTH_IT 50                   /* a smaller frame goes as it is */
#define FRAME_MAX ((size_t)256 << 10) /* of ours, before compression */
#define ZLIB_LEVEL 1
#define ZLIB_FACTOR ((size_t)1032) /* no compressed bytes say more than so many times themselves */
#define ZSTD_FACTOR ((size_t)128 << 10 >> 2)

struct my_zip {
	enum my_zip_kind kind;
	z_stream deflater, inflater;
	ZSTD_CCtx *packer;   /* owned */
	ZSTD_DCtx *unpacker; /* owned */
};

struct my_zip *
my_zip_new(enum my_zip_kind kind)
{
	struct my_zip *z = lt_new(struct my_zip);

	z->kind = kind;
	if (kind == MY_ZIP_ZLIB) {
		LT_ASSERT(deflateInit(&z->deflater, ZLIB_LEVEL) == Z_OK && inflateInit(&z->inflater) == Z_OK);
		return z;
	}
	z->packer = ZSTD_createCCtx();
	z->unpacker = ZSTD_createDCtx();
	LT_ASSERT(z->packer != NULL && z->unpacker != NULL);
	return z;
}

void
my_zip_free(struct my_zip *z)
{
	if (z == NULL)
		return;
	if (z->kind == MY_ZIP_ZLIB) {
		deflateEnd(&z->deflater);
		inflateEnd(&z->inflater);
	}
	ZSTD_freeCCtx(z->packer);
	ZSTD_freeDCtx(z->unpacker);
	free(z);
}

/* -- out ------------------------------------------------------------------------------------------ */

/* Bytes written to `to`, which has room for `room`; 0 where they would not be fewer than before. */
static size_t
shrink(struct my_zip *z, struct lt_str plain, char *to, size_t room)
{
	size_t n = 0;

	if (plain.len < WORTH_IT)
		return 0;
	if (z->kind == MY_ZIP_ZSTD) {
		n = ZSTD_compressCCtx(z->packer, to, room, plain.ptr, plain.len, MY_ZSTD_LEVEL);
		return ZSTD_isError(n) || n >= plain.len ? 0 : n;
	}
	LT_ASSERT(deflateReset(&z->deflater) == Z_OK);
	z->deflater.next_in = (z_const Bytef *)(uintptr_t)plain.ptr;
	z->deflater.avail_in = (uInt)plain.len;
	z->deflater.next_out = (Bytef *)to;
	z->deflater.avail_out = (uInt)room;
	if (deflate(&z->deflater, Z_FINISH) == Z_STREAM_END)
		n = room - z->deflater.avail_out;
	return n >= plain.len ? 0 : n;
}

static void
put_frame(struct my_zip *z, struct lt_str plain, uint8_t number, struct lt_buf *wire)
{
	size_t start = wire->len, n;
	struct lt_buf head = { 0 };

	lt_buf_reserve(wire, HEAD + plain.len);
	wire->len += HEAD;
	n = shrink(z, plain, wire->ptr + wire->len, plain.len);
	lt_buf_le(&head, n != 0 ? n : plain.len, 3);
	lt_buf_le(&head, number, 1);
	lt_buf_le(&head, n != 0 ? plain.len : 0, 3);
	memcpy(wire->ptr + start, head.ptr, HEAD);
	lt_buf_free(&head);
	if (n == 0)
		memcpy(wire->ptr + wire->len, plain.ptr, plain.len);
	wire->len += n != 0 ? n : plain.len;
}

/* Bytes of the command that begins at `at`: its packet, and the pieces behind it, which do not begin to count anew. */
static size_t
command_size(struct lt_str queue, size_t at)
{
	size_t end = at;

	do {
		LT_ASSERT(queue.len - end >= 4);
		end += 4 + (size_t)lt_le((const uint8_t *)queue.ptr + end, 3);
		LT_ASSERT(end <= queue.len);
	} while (end < queue.len && queue.ptr[end + 3] != 0);
	return end - at;
}

/* The server counts frames from 0 for each command. Two commands in one frame would not do: what it has not yet run
 * lies in the buffer where it writes the reply of the first. */
void
my_zip_pack(struct my_zip *z, struct lt_str queue, struct lt_buf *wire)
{
	for (size_t at = 0; at < queue.len;) {
		size_t size = command_size(queue, at);
		uint8_t number = 0;

		for (size_t end = at + size; at < end; number++) {
			size_t part = LT_MIN(end - at, FRAME_MAX);

			put_frame(z, lt_str_of(queue.ptr + at, part), number, wire);
			at += part;
		}
	}
}

/* -- in ------------------------------------------------------------------------------------------- */

/* Exactly `size` bytes to `to` from exactly these. */
static bool
expand(struct my_zip *z, struct lt_str packed, char *to, size_t size)
{
	z_stream *s = &z->inflater;

	if (z->kind == MY_ZIP_ZSTD)
		return ZSTD_decompressDCtx(z->unpacker, to, size, packed.ptr, packed.len) == size;
	LT_ASSERT(inflateReset(s) == Z_OK);
	s->next_in = (z_const Bytef *)(uintptr_t)packed.ptr;
	s->avail_in = (uInt)packed.len;
	s->next_out = (Bytef *)to;
	s->avail_out = (uInt)size;
	return inflate(s, Z_FINISH) == Z_STREAM_END && s->avail_in == 0 && s->avail_out == 0;
}

bool
my_zip_unpack(struct my_zip *z, struct lt_str wire, struct lt_buf *out, size_t *used, struct lt_err *err)
{
	const uint8_t *p = (const uint8_t *)wire.ptr;
	size_t factor = z->kind == MY_ZIP_ZSTD ? ZSTD_FACTOR : ZLIB_FACTOR;
	size_t size, plain;
	struct lt_str body;

	*used = 0;
	if (wire.len < HEAD)
		return true;
	size = (size_t)lt_le(p, 3);
	plain = (size_t)lt_le(p + 4, 3);
	if (size == 0 || plain / factor > size)
		return lt_fail(err, LT_E_PROTOCOL, "a compressed frame of %zu bytes cannot hold %zu", size, plain);
	if (wire.len < HEAD + size)
		return true;
	body = lt_str_of(p + HEAD, size);
	if (plain == 0) {
		lt_buf_str_add(out, body);
	} else {
		if (!expand(z, body, lt_buf_reserve(out, plain), plain))
			return lt_fail(err, LT_E_PROTOCOL,
			    "a compressed frame of %zu bytes does not hold the %zu it says", size, plain);
		out->len += plain;
	}
	*used = HEAD + size;
	return true;
}
