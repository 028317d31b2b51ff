/* Pieces of a log: type, flags, two bytes of length, a body, and so on. Whatever comes, the assembler gives whole
 * transactions or a code. */
#include "base/cur.h"
#include "binlog/assembler.h"
#include "fuzz/fuzz.h"

/** Everything that is whole by now; each ends behind where it begins, and inside what was read. */
static void
take_all(struct binlog_assembler *a, uint64_t read)
{
	struct change_txn *t;

	while ((t = binlog_assembler_take(a)) != NULL || (t = binlog_assembler_take_place(a)) != NULL) {
		LT_ASSERT(t->end.pos <= read && t->end.last_pos <= t->end.pos && t->pos <= t->end.pos);
		LT_ASSERT(t->kind == CHANGE_TXN_ROWS || t->nrows == 0);
		for (size_t i = 0; i < t->nrows; i++)
			LT_ASSERT(t->rows[i].table != NULL);
		change_txn_free(t);
	}
}

static bool
feed(struct binlog_assembler *a, struct lt_cur *in, uint64_t *pos)
{
	struct binlog_event e = { 0 };
	struct binlog_at at = { .file = "log.000001", .pos = *pos };
	struct lt_err err = { 0 };

	e.header.type = lt_cur_u8(in);
	e.header.flags = (uint16_t)(lt_cur_u8(in) & (BINLOG_FLAG_IGNORABLE | BINLOG_FLAG_ARTIFICIAL));
	e.header.server_id = 1;
	e.body = lt_cur_bytes(in, LT_MIN((size_t)lt_cur_u16(in), lt_cur_left(in)));
	if (!lt_cur_ok(in))
		return false;
	e.bytes = e.body;
	e.header.size = (uint32_t)(BINLOG_HEADER_SIZE + e.body.len);
	*pos = at.end = at.pos + e.header.size;
	if (binlog_assembler_feed(a, &e, &at, &err))
		return true;
	LT_ASSERT(err.code != LT_OK && err.code != LT_E_INTERNAL);
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct binlog_options options = { .txn_limit_bytes = (size_t)1 << 20 };
	struct binlog_format format = { .known = true, .query_size = 13, .id_width = 6 };
	struct change_gtid_set *none = change_gtid_set_new();
	struct lt_cur in = lt_cur_of(data, size);
	struct binlog_assembler a;
	uint64_t pos = 4;

	binlog_assembler_init(&a, &options, none);
	format.mariadb = (lt_cur_u8(&in) & 1) != 0;
	binlog_assembler_format(&a, &format);
	while (lt_cur_left(&in) > 0 && feed(&a, &in, &pos))
		take_all(&a, pos);
	binlog_assembler_clear(&a);
	change_gtid_set_free(none);
	return 0;
}
