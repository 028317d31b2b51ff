/* Compressed frames of a server that says anything, and our own commands there and back: the first byte chooses. */
#include "fuzz/fuzz.h"
#include "mysql/conn_priv.h"

enum { WITH_ZSTD = 1, OUR_OWN = 2 };

static void
read_frames(struct my_zip *z, struct lt_str wire)
{
	struct lt_buf out = { 0 };
	struct lt_err err = { 0 };
	size_t used = 1;

	while (used > 0) {
		size_t before = out.len;

		if (!my_zip_unpack(z, wire, &out, &used, &err)) {
			LT_ASSERT(err.code == LT_E_PROTOCOL && out.len == before);
			break;
		}
		LT_ASSERT(used <= wire.len && out.len - before <= MY_PIECE_MAX && (used > 0) == (out.len > before));
		wire = lt_str_of(wire.ptr + used, wire.len - used);
		lt_buf_clear(&out);
	}
	lt_buf_free(&out);
}

/* Commands of as many bytes as the data says come back as they were. */
static void
there_and_back(struct my_zip *z, const uint8_t *data, size_t size)
{
	struct lt_buf queue = { 0 }, wire = { 0 }, back = { 0 };
	struct lt_err err = { 0 };
	size_t used;

	for (size_t i = 0; i + 1 < size && queue.len < 1 << 16; i += 2) {
		size_t len = (size_t)data[i] * data[i + 1] + 1;

		lt_buf_le(&queue, len, 3);
		lt_buf_le(&queue, 0, 1);
		for (size_t k = 0; k < len; k++)
			lt_buf_c(&queue, (char)data[(i + k) % size]);
	}
	my_zip_pack(z, lt_buf_str(&queue), &wire);
	for (size_t at = 0; at < wire.len; at += used)
		LT_ASSERT(my_zip_unpack(z, lt_str_of(wire.ptr + at, wire.len - at), &back, &used, &err) && used > 0);
	LT_ASSERT(lt_str_eq(lt_buf_str(&queue), lt_buf_str(&back)));
	lt_buf_free(&queue);
	lt_buf_free(&wire);
	lt_buf_free(&back);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct my_zip *z;

	if (size < 2 || size > 1 << 16)
		return 0;
	z = my_zip_new((data[0] & WITH_ZSTD) != 0 ? MY_ZIP_ZSTD : MY_ZIP_ZLIB);
	if ((data[0] & OUR_OWN) != 0)
		there_and_back(z, data + 1, size - 1);
	else
		read_frames(z, lt_str_of(data + 1, size - 1));
	my_zip_free(z);
	return 0;
}
