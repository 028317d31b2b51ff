/* Two bytes of length, a TABLE_MAP, one byte of event type, a row event: what is cut into images must decode or be
 * refused with a code, and every value must have a text. */
#include "base/cur.h"
#include "binlog/dump.h"
#include "binlog/rows.h"
#include "binlog/table_map.h"
#include "fuzz/fuzz.h"

static void
decode(const struct change_table *t, const struct change_image *image, struct lt_arena *arena, struct lt_buf *out)
{
	struct change_value *values = lt_calloc(t->ncolumns + 1, sizeof(*values));
	struct lt_err err = { 0 };

	lt_arena_reset(arena);
	lt_buf_clear(out);
	if (t->codec->decode(t, image, arena, values, &err)) {
		for (size_t i = 0; i < t->ncolumns; i++)
			binlog_dump_value(&t->columns[i], &values[i], i % 2 != 0, out);
	} else {
		LT_ASSERT(err.code != LT_OK && err.code != LT_E_INTERNAL);
	}
	LT_ASSERT(lt_arena_bytes(arena) <= image->bytes.len * BINLOG_MEMORY_FACTOR + BINLOG_MEMORY_MORE);
	free(values);
}

static void
run(const struct change_table *t, uint8_t type, struct lt_str body)
{
	struct change_txn *txn = change_txn_new(CHANGE_TXN_ROWS);
	struct lt_arena *arena = lt_arena_new();
	struct lt_buf out = { 0 };
	struct lt_err err = { 0 };

	if (binlog_rows_decode(type, body, 6, t, 0, txn, &err)) {
		for (size_t i = 0; i < LT_MIN(txn->nrows, (size_t)100); i++) {
			if (txn->rows[i].op != CHANGE_INSERT)
				decode(t, &txn->rows[i].before, arena, &out);
			if (txn->rows[i].op != CHANGE_DELETE)
				decode(t, &txn->rows[i].after, arena, &out);
		}
	} else {
		LT_ASSERT(err.code != LT_OK && err.code != LT_E_INTERNAL);
	}
	LT_ASSERT(change_txn_bytes(txn) <= body.len * BINLOG_MEMORY_FACTOR + BINLOG_MEMORY_MORE);
	lt_buf_free(&out);
	lt_arena_free(arena);
	change_txn_free(txn);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lt_cur in = lt_cur_of(data, size);
	struct lt_str map = lt_cur_bytes(&in, lt_cur_u16(&in));
	uint8_t type = lt_cur_u8(&in);
	struct change_table *t = NULL;

	if (!lt_cur_ok(&in) || !binlog_table_map_decode(map, 6, (type & 0x80) != 0, &t, NULL))
		return 0;
	run(t, type & 0x7f, lt_cur_rest(&in));
	change_table_unref(t);
	return 0;
}
