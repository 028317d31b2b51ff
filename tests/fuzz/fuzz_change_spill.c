/* A large transaction's file as a disk may give it back: one block that holds anything, though its checksum is right.
 * What is no row is a coded error; what is one lies inside the block. */
#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include "base/buf.h"
#include "change/spill.h"
#include "fuzz/fuzz.h"

enum { BLOCK_HEAD = 16, ROW_HEAD = 12, LENGTH_MOST = 9, TABLES = 2 };

/* The descriptor that the next open file gets. */
static int
next_descriptor(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	LT_ASSERT(fd >= 0 && close(fd) == 0);
	return fd;
}

/* One row in a block of its own, at least so long as what is written over it. */
static void
make_file(struct change_spill *s, const struct change_table *table, size_t size)
{
	struct lt_buf image = { 0 };
	struct change_row row = { .op = CHANGE_INSERT, .table = table };

	memset(lt_buf_reserve(&image, size), 0, size);
	row.after.bytes = lt_str_of(image.ptr, size);
	LT_ASSERT(change_spill_add(s, &row, 0, NULL) && change_spill_finish(s, NULL));
	lt_buf_free(&image);
}

/* Its bytes; the rows that it claims. */
static void
write_over(int fd, struct lt_str bytes, uint32_t rows)
{
	struct lt_buf block = { 0 };
	uint64_t at = 0;
	uLong crc;

	lt_buf_le(&block, bytes.len, 8);
	lt_buf_le(&block, rows, 4);
	crc = crc32_z(crc32_z(0, (const Bytef *)&at, sizeof(at)), (const Bytef *)block.ptr, block.len);
	lt_buf_le(&block, crc32_z(crc, (const Bytef *)bytes.ptr, bytes.len), 4);
	lt_buf_str_add(&block, bytes);
	LT_ASSERT(block.len == BLOCK_HEAD + bytes.len);
	LT_ASSERT(pwrite(fd, block.ptr, block.len, 0) == (ssize_t)block.len);
	lt_buf_free(&block);
}

/* Each byte is looked at, so that one that is not there is found. */
static volatile unsigned seen;

static unsigned
look_at(const struct change_image *image, size_t columns)
{
	unsigned sum = 0;

	for (size_t i = 0; i < image->bytes.len; i++)
		sum += (uint8_t)image->bytes.ptr[i];
	for (size_t i = 0; i < (columns + 7) / 8; i++) {
		sum += image->present != NULL ? image->present[i] : 0;
		sum += image->partial != NULL ? image->partial[i] : 0;
	}
	return sum;
}

static void
read_back(struct change_spill *s, const struct change_table *const *tables)
{
	struct lt_arena *arena = lt_arena_new();
	struct change_row *rows = NULL;
	struct lt_err err = { 0 };
	size_t count = 0;

	change_spill_rewind(s);
	if (!change_spill_next(s, tables, TABLES, arena, &rows, &count, &err))
		LT_ASSERT(err.code == LT_E_SPILL_DAMAGED && count == 0);
	for (size_t i = 0; i < count; i++) {
		LT_ASSERT(rows[i].table == tables[0] || rows[i].table == tables[1]);
		seen += look_at(&rows[i].before, rows[i].table->ncolumns);
		seen += look_at(&rows[i].after, rows[i].table->ncolumns);
	}
	lt_arena_free(arena);
}

/* The first byte: how many rows there are said to be. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *dir = getenv("TMPDIR");
	struct change_spill_room room = { .dir = dir != NULL ? dir : "/tmp", .part_bytes = 1 << 16 };
	struct change_table *tables[TABLES];
	struct change_spill *s = NULL;
	struct lt_err err = { 0 };
	int fd = next_descriptor();

	if (size < 2 || size > 1 << 14 || !change_spill_open(&room, &s, &err))
		return 0;
	for (size_t i = 0; i < TABLES; i++) {
		tables[i] = change_table_new();
		tables[i]->ncolumns = i == 0 ? 3 : 70;
	}
	make_file(s, tables[0], size);
	write_over(fd, lt_str_of(data + 1, size - 1), data[0]);
	read_back(s, (const struct change_table *const *)tables);
	change_spill_free(s);
	for (size_t i = 0; i < TABLES; i++)
		change_table_unref(tables[i]);
	return 0;
}
