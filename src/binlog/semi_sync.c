#include "binlog/semi_sync.h"

#define MAGIC 0xef

bool
binlog_semi_sync_head(struct lt_str packet, bool *ack)
{
	if (packet.len < BINLOG_SEMI_SYNC_HEAD || (uint8_t)packet.ptr[0] != MAGIC)
		return false;
	*ack = packet.ptr[1] != 0;
	return true;
}

void
binlog_semi_sync_ack(const struct change_place *end, struct lt_buf *out)
{
	lt_buf_le(out, MAGIC, 1);
	lt_buf_le(out, end->pos, 8);
	lt_buf_z(out, end->file); /* the packet ends it */
}
