/* A relay log's file as a disk may give it back: its head, then records; what is whole comes back the same. The CRC of
 * the head is put right first, so that what is behind it is reached. */
#include "binlog/crc.h"
#include "binlog/relay_record.h"
#include "fuzz/fuzz.h"

static size_t
read_head(struct lt_str bytes)
{
	struct lt_buf again = { 0 };
	struct binlog_relay_head h;
	struct lt_err err = { 0 };
	size_t used = 0;

	if (!binlog_relay_head_decode(bytes, &h, &used, &err)) {
		LT_ASSERT(err.code == LT_E_TRUNCATED || err.code == LT_E_CORRUPT);
		return 0;
	}
	LT_ASSERT(used <= bytes.len);
	binlog_relay_head_encode(&h, &again);
	LT_ASSERT(
	    again.len <= used && memcmp(again.ptr, bytes.ptr, 8) == 0); /* what it says may be less than there is */
	lt_buf_free(&again);
	return used;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lt_buf file = { 0 };
	size_t at;

	(void)read_head(lt_str_of(data, size));
	lt_buf_z(&file, "LUTRARL1");
	lt_buf_le(&file, LT_MIN(size, (size_t)200), 4);
	lt_buf_le(&file, binlog_crc32(0, lt_str_of(data, LT_MIN(size, (size_t)200))), 4);
	lt_buf_add(&file, data, size);
	at = read_head(lt_buf_str(&file));
	while (at > 0 && file.len - at >= BINLOG_RELAY_RECORD_SIZE) {
		struct binlog_relay_record r;
		char again[BINLOG_RELAY_RECORD_SIZE];

		if (!binlog_relay_record_decode(file.ptr + at, &r))
			break;
		binlog_relay_record_encode(&r, again);
		LT_ASSERT(memcmp(again, file.ptr + at, sizeof(again)) == 0);
		at += LT_MIN((size_t)r.size, file.len - at - BINLOG_RELAY_RECORD_SIZE) + BINLOG_RELAY_RECORD_SIZE;
	}
	lt_buf_free(&file);
	return 0;
}
