#include "change/spill.h"

#include <zlib.h>

#include "base/buf.h"
#include "base/cur.h"

/* A block: u64 bytes of rows, u32 rows, u32 CRC-32 of where it stands, these two and the bytes; then the bytes. */
enum { BLOCK_HEAD = 16, CRC_AT = 12 };

/* What is said of an image; shifted for the one after. */
enum { IMAGE_PRESENT = 1, IMAGE_SAME = 2, IMAGE_PARTIAL = 4, AFTER_SHIFT = 4 };

/* Before and after. */
enum { SIDES = 2 };

struct change_spill {
	struct change_scratch file; /* whole blocks */
	bool handed;
	uint64_t rows;           /* in the file and in `block` */
	size_t largest;          /* bytes of the largest block */
	struct lt_buf block;     /* owned: the one being written, its head first */
	uint32_t block_rows;     /* in it */
	size_t last_bits[SIDES]; /* in it: the bitmap of the side's newest image that has one; 0 = none */
	size_t last_len[SIDES];
	uint64_t at; /* of the next block to be read */
};

bool
change_spill_open(struct change_spill_room *room, struct change_spill **ret, struct lt_err *err)
{
	struct change_spill *s = lt_new(struct change_spill);

	if (!change_scratch_open(room, &s->file, err)) {
		free(s);
		return false;
	}
	*ret = s;
	return true;
}

void
change_spill_free(struct change_spill *s)
{
	if (s == NULL)
		return;
	change_scratch_close(&s->file);
	if (s->handed)
		atomic_fetch_sub(&s->file.room->handed, 1);
	lt_buf_free(&s->block);
	free(s);
}

void
change_spill_hand_out(struct change_spill *s)
{
	if (!s->handed)
		atomic_fetch_add(&s->file.room->handed, 1);
	s->handed = true;
}

static bool
damaged(const struct change_spill *s, uint64_t at, struct lt_err *err)
{
	return lt_fail(err, LT_E_SPILL_DAMAGED, "a large transaction kept in %s came back changed at byte %llu",
	    s->file.room->dir, (unsigned long long)at);
}

/* -- blocks --------------------------------------------------------------------------------------- */

struct head {
	uint64_t bytes;
	uint32_t rows, crc;
};

static uint32_t
crc_of(uint64_t at, const char *head, const char *bytes, size_t len)
{
	uLong crc = crc32_z(0, (const Bytef *)&at, sizeof(at));

	crc = crc32_z(crc, (const Bytef *)head, CRC_AT);
	return (uint32_t)crc32_z(crc, (const Bytef *)bytes, len);
}

static void
begin_block(struct change_spill *s)
{
	lt_buf_clear(&s->block);
	s->block_rows = 0;
	memset(s->last_bits, 0, sizeof(s->last_bits));
}

static bool
write_block(struct change_spill *s, struct lt_err *err)
{
	size_t bytes = s->block.len - BLOCK_HEAD;
	struct lt_buf head = { 0 };

	if (s->block_rows == 0)
		return true;
	lt_buf_le(&head, bytes, 8);
	lt_buf_le(&head, s->block_rows, 4);
	lt_buf_le(&head, crc_of(s->file.size, head.ptr, s->block.ptr + BLOCK_HEAD, bytes), 4);
	memcpy(s->block.ptr, head.ptr, BLOCK_HEAD);
	lt_buf_free(&head);
	if (!change_scratch_add(&s->file, lt_buf_str(&s->block), err))
		return false;
	s->largest = LT_MAX(s->largest, bytes);
	begin_block(s);
	return true;
}

/* The block's head, checked against the file as far as that goes without its bytes. */
static bool
read_head(const struct change_spill *s, uint64_t at, char raw[BLOCK_HEAD], struct head *out, struct lt_err *err)
{
	struct lt_cur in;

	if (!change_scratch_read(&s->file, at, raw, BLOCK_HEAD, err))
		return false;
	in = lt_cur_of(raw, BLOCK_HEAD);
	out->bytes = lt_cur_u64(&in);
	out->rows = lt_cur_u32(&in);
	out->crc = lt_cur_u32(&in);
	if (out->bytes > s->largest || out->rows == 0 || out->rows > out->bytes)
		return damaged(s, at, err);
	return true;
}

/* Head and bytes, checked; `*bytes` in `arena`. */
static bool
read_block(const struct change_spill *s, uint64_t at, struct lt_arena *arena, struct head *out, char **bytes,
    struct lt_err *err)
{
	char raw[BLOCK_HEAD];

	if (!read_head(s, at, raw, out, err))
		return false;
	*bytes = lt_arena_alloc(arena, out->bytes);
	if (!change_scratch_read(&s->file, at + BLOCK_HEAD, *bytes, out->bytes, err))
		return false;
	return crc_of(at, raw, *bytes, out->bytes) == out->crc || damaged(s, at, err);
}

/* -- rows: op, bits, flags, event, table, then the images that the operation has ------------------- */

static uint8_t
put_image(struct change_spill *s, const struct change_image *image, size_t columns, int side)
{
	size_t map = (columns + 7) / 8;
	uint8_t bits = 0;

	if (image->present != NULL) {
		bits |= IMAGE_PRESENT;
		if (s->last_bits[side] != 0 && s->last_len[side] == map &&
		    memcmp(s->block.ptr + s->last_bits[side], image->present, map) == 0) {
			bits |= IMAGE_SAME;
		} else {
			s->last_bits[side] = s->block.len;
			s->last_len[side] = map;
			lt_buf_add(&s->block, image->present, map);
		}
	}
	if (image->partial != NULL) {
		bits |= IMAGE_PARTIAL;
		lt_buf_add(&s->block, image->partial, map);
	}
	lt_buf_lenstr(&s->block, image->bytes);
	return bits;
}

bool
change_spill_add(struct change_spill *s, const struct change_row *row, uint32_t table, struct lt_err *err)
{
	static const char no_head[BLOCK_HEAD];
	size_t images = row->before.bytes.len + row->after.bytes.len, bits_at;
	unsigned bits = 0;

	if (s->block_rows > 0 && s->block.len + images > s->file.room->part_bytes && !write_block(s, err))
		return false;
	if (s->block_rows == 0)
		lt_buf_add(&s->block, no_head, BLOCK_HEAD);
	lt_buf_c(&s->block, (char)row->op);
	bits_at = s->block.len;
	lt_buf_c(&s->block, 0);
	lt_buf_le(&s->block, row->flags, 2);
	lt_buf_le(&s->block, row->event, 4);
	lt_buf_le(&s->block, table, 4);
	if (row->op != CHANGE_INSERT)
		bits = put_image(s, &row->before, row->table->ncolumns, 0);
	if (row->op != CHANGE_DELETE)
		bits |= (unsigned)put_image(s, &row->after, row->table->ncolumns, 1) << AFTER_SHIFT;
	s->block.ptr[bits_at] = (char)bits;
	s->block_rows++;
	s->rows++;
	return true;
}

bool
change_spill_finish(struct change_spill *s, struct lt_err *err)
{
	if (!write_block(s, err))
		return false;
	lt_buf_free(&s->block);
	s->at = 0;
	return true;
}

struct reading {
	struct lt_cur in;
	const uint8_t *last[SIDES]; /* bitmap of the side's newest image that has one */
};

static void
take_image(struct reading *r, unsigned bits, size_t columns, int side, struct change_image *out)
{
	size_t map = (columns + 7) / 8;

	if ((bits & IMAGE_PRESENT) != 0 && (bits & IMAGE_SAME) == 0)
		r->last[side] = lt_cur_take(&r->in, map);
	if ((bits & IMAGE_PRESENT) != 0)
		out->present = r->last[side];
	if ((bits & IMAGE_PARTIAL) != 0)
		out->partial = lt_cur_take(&r->in, map);
	out->bytes = lt_cur_lenstr(&r->in);
}

/* False: it is no row. */
static bool
take_row(struct reading *r, const struct change_table *const *tables, size_t ntables, struct change_row *out)
{
	uint8_t op = lt_cur_u8(&r->in), bits = lt_cur_u8(&r->in);
	uint16_t flags = lt_cur_u16(&r->in);
	uint32_t event = lt_cur_u32(&r->in), table = lt_cur_u32(&r->in);

	if (!lt_cur_ok(&r->in) || op > CHANGE_DELETE || table >= ntables)
		return false;
	*out = (struct change_row){ .op = (enum change_op)op, .flags = flags, .event = event, .table = tables[table] };
	if (op != CHANGE_INSERT)
		take_image(r, bits, out->table->ncolumns, 0, &out->before);
	if (op != CHANGE_DELETE)
		take_image(r, (unsigned)bits >> AFTER_SHIFT, out->table->ncolumns, 1, &out->after);
	return lt_cur_ok(&r->in);
}

void
change_spill_rewind(struct change_spill *s)
{
	s->at = 0;
}

bool
change_spill_next(struct change_spill *s, const struct change_table *const *tables, size_t ntables,
    struct lt_arena *arena, struct change_row **rows, size_t *count, struct lt_err *err)
{
	struct reading r = { 0 };
	struct change_row *all;
	struct head h;
	char *bytes;

	*count = 0;
	if (s->at >= s->file.size)
		return true;
	if (!read_block(s, s->at, arena, &h, &bytes, err))
		return false;
	r.in = lt_cur_of(bytes, h.bytes);
	all = lt_arena_alloc(arena, h.rows * sizeof(*all));
	for (uint32_t i = 0; i < h.rows; i++) {
		if (!take_row(&r, tables, ntables, &all[i]))
			return damaged(s, s->at, err);
	}
	if (lt_cur_left(&r.in) > 0)
		return damaged(s, s->at, err);
	s->at += BLOCK_HEAD + h.bytes;
	*rows = all;
	*count = h.rows;
	return true;
}

/* -- cutting -------------------------------------------------------------------------------------- */

/* Where the block that holds row number `rows` begins, and the number of its first row. */
static bool
find_block(const struct change_spill *s, uint64_t rows, uint64_t *at, uint64_t *first, struct lt_err *err)
{
	char raw[BLOCK_HEAD];
	struct head h;

	*at = *first = 0;
	while (*at < s->file.size) {
		if (!read_head(s, *at, raw, &h, err))
			return false;
		if (*first + h.rows > rows)
			return true;
		*first += h.rows;
		*at += BLOCK_HEAD + h.bytes;
	}
	return true;
}

/* The rows of a block that stay are written again. */
static bool
take_back(struct change_spill *s, const struct change_table *const *tables, size_t ntables, uint64_t at, uint64_t keep,
    struct lt_err *err)
{
	struct lt_arena *arena = lt_arena_new();
	struct change_row *rows = NULL;
	size_t count = 0;
	bool ok = false;

	s->at = at;
	if (!change_spill_next(s, tables, ntables, arena, &rows, &count, err) || !change_scratch_cut(&s->file, at, err))
		goto out;
	LT_ASSERT(keep < count);
	for (size_t i = 0; i < keep; i++) {
		uint32_t table = 0;

		while (tables[table] != rows[i].table)
			table++;
		if (!change_spill_add(s, &rows[i], table, err))
			goto out;
	}
	ok = true;
out:
	lt_arena_free(arena);
	return ok;
}

bool
change_spill_cut(
    struct change_spill *s, const struct change_table *const *tables, size_t ntables, uint64_t rows, struct lt_err *err)
{
	uint64_t at, first;

	LT_ASSERT(rows <= s->rows);
	if (rows == s->rows)
		return true;
	if (!write_block(s, err) || !find_block(s, rows, &at, &first, err))
		return false;
	begin_block(s);
	s->rows = first;
	return take_back(s, tables, ntables, at, rows - first, err);
}

unsigned
change_spill_handed(const struct change_spill *s)
{
	return atomic_load(&s->file.room->handed);
}

uint64_t
change_spill_rows(const struct change_spill *s)
{
	return s->rows;
}

size_t
change_spill_bytes(const struct change_spill *s)
{
	return sizeof(*s) + s->block.cap;
}
