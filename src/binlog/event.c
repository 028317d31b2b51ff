#include "binlog/event.h"

#include <stdio.h>

#include "binlog/crc.h"

/** A FORMAT_DESCRIPTION of a file in use has a flag set that its checksum does not know of. */
static uint32_t
crc_without_in_use(struct lt_str bytes)
{
	uint8_t head[BINLOG_HEADER_SIZE];

	memcpy(head, bytes.ptr, sizeof(head));
	head[17] &= (uint8_t)~BINLOG_FLAG_IN_USE;
	return binlog_crc32(binlog_crc32(0, lt_str_of(head, sizeof(head))),
	    lt_str_of(bytes.ptr + sizeof(head), bytes.len - sizeof(head)));
}

static uint32_t
expected_crc(const struct binlog_header *h, struct lt_str bytes)
{
	if (h->type == BINLOG_FORMAT_DESCRIPTION && (h->flags & BINLOG_FLAG_IN_USE) != 0)
		return crc_without_in_use(bytes);
	return binlog_crc32(0, bytes);
}

uint32_t
binlog_event_crc(const struct binlog_event *e)
{
	return e->checked ? e->crc : expected_crc(&e->header, e->bytes);
}

const char *
binlog_event_name(uint8_t type, char out[40])
{
	const char *name = binlog_type_name(type);

	if (name != NULL)
		return name;
	snprintf(out, 40, "type %u", type);
	return out;
}

bool
binlog_event_open(struct lt_str bytes, enum binlog_checksum checksum, struct binlog_event *out, struct lt_err *err)
{
	struct lt_cur in = lt_cur_str(bytes);
	struct binlog_header h;
	size_t len = bytes.len;
	uint32_t crc = 0;
	bool checked = false;
	char name[40];

	if (!binlog_header_decode(&in, &h, err))
		return false;
	if (h.size != len)
		return lt_fail(err, len < h.size ? LT_E_TRUNCATED : LT_E_CORRUPT,
		    "%s event claims %u bytes, there are %zu", binlog_event_name(h.type, name), h.size, len);
	if (checksum != BINLOG_CHECKSUM_NONE && len >= BINLOG_HEADER_SIZE + BINLOG_CHECKSUM_SIZE) {
		len -= BINLOG_CHECKSUM_SIZE;
		crc = expected_crc(&h, lt_str_of(bytes.ptr, len));
		checked = lt_le32((const uint8_t *)bytes.ptr + len) == crc;
	}
	if (!checked && checksum == BINLOG_CHECKSUM_CRC32)
		return lt_fail(err, LT_E_CHECKSUM, "%s event of %zu bytes: its CRC-32 does not match",
		    binlog_event_name(h.type, name), bytes.len);
	if (!checked)
		len = bytes.len;
	/* Member by member, and not from `h`: copying a struct right after it was made stalls on its own stores. */
	binlog_header_load((const uint8_t *)bytes.ptr, &out->header);
	out->body = lt_str_of(bytes.ptr + BINLOG_HEADER_SIZE, len - BINLOG_HEADER_SIZE);
	out->bytes = lt_str_of(bytes.ptr, len);
	out->spool = NULL;
	out->checked = checked;
	out->crc = crc;
	return true;
}

bool
binlog_rotate_decode(struct lt_str body, struct binlog_rotate *out, struct lt_err *err)
{
	struct lt_cur in = lt_cur_str(body);
	struct binlog_rotate r;

	r.pos = lt_cur_u64(&in);
	r.file = lt_cur_rest(&in);
	if (!lt_cur_ok(&in) || r.file.len == 0)
		return lt_fail(err, LT_E_TRUNCATED, "ROTATE event: %zu bytes", body.len);
	if (r.file.len > 255)
		return lt_fail(err, LT_E_CORRUPT, "ROTATE event: the file's name has %zu bytes", r.file.len);
	for (size_t i = 0; i < r.file.len; i++)
		if ((unsigned char)r.file.ptr[i] < 0x20)
			return lt_fail(err, LT_E_CORRUPT, "ROTATE event: control characters in the file's name");
	*out = r;
	return true;
}
