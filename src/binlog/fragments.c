#include "binlog/fragments.h"

#include "base/cur.h"

void
binlog_fragments_reset(struct binlog_fragments *f)
{
	struct lt_buf kept = f->bytes;

	lt_buf_clear(&kept);
	*f = (struct binlog_fragments){ .bytes = kept };
}

void
binlog_fragments_free(struct binlog_fragments *f)
{
	lt_buf_free(&f->bytes);
	*f = (struct binlog_fragments){ 0 };
}

static bool
out_of_order(const struct binlog_fragments *f, struct lt_err *err)
{
	return lt_fail(err, LT_E_CORRUPT, "PARTIAL_ROW_DATA event: another fragment than number %u of %u is expected",
	    LT_MAX(f->next, 1u), f->total);
}

static bool
begin(struct binlog_fragments *f, const uint32_t numbers[2], uint64_t size, struct lt_err *err)
{
	bool number_first = numbers[0] == 1;

	if (binlog_fragments_open(f) || (!number_first && numbers[1] != 1))
		return out_of_order(f, err);
	binlog_fragments_reset(f);
	f->number_first = number_first;
	f->total = numbers[number_first ? 1 : 0];
	f->size = size;
	f->next = 1;
	return f->total > 0 || out_of_order(f, err);
}

bool
binlog_fragments_add(struct binlog_fragments *f, struct lt_str body, size_t limit, bool *whole, struct lt_err *err)
{
	enum { HAS_SIZE = 1 };
	struct lt_cur in = lt_cur_str(body);
	uint32_t numbers[2], number;
	struct lt_str chunk;
	uint64_t size = 0;
	uint8_t flags;

	numbers[0] = lt_cur_u32(&in);
	numbers[1] = lt_cur_u32(&in);
	flags = lt_cur_u8(&in);
	if ((flags & HAS_SIZE) != 0)
		size = lt_cur_u64(&in);
	chunk = lt_cur_rest(&in);
	if (!lt_cur_ok(&in))
		return lt_fail(err, LT_E_TRUNCATED, "PARTIAL_ROW_DATA event: %zu bytes", body.len);
	if ((flags & HAS_SIZE) != 0 && !begin(f, numbers, size, err))
		return false;
	number = numbers[f->number_first ? 0 : 1];
	if (!binlog_fragments_open(f) || number != f->next || numbers[f->number_first ? 1 : 0] != f->total)
		return out_of_order(f, err);
	f->taken += chunk.len;
	*whole = number == f->total;
	if (f->taken > f->size || (*whole && f->taken != f->size))
		return lt_fail(err, LT_E_CORRUPT, "PARTIAL_ROW_DATA event: %llu bytes of %llu with fragment %u of %u",
		    (unsigned long long)f->taken, (unsigned long long)f->size, number, f->total);
	if (!f->discard && f->taken > limit)
		return lt_fail(err, LT_E_TXN_TOO_LARGE,
		    "a row event of %llu bytes is more than the %zu that are allowed", (unsigned long long)f->size,
		    limit);
	if (!f->discard)
		lt_buf_str_add(&f->bytes, chunk);
	f->next = *whole ? 0 : f->next + 1;
	return true;
}
