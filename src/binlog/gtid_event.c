#include "binlog/gtid_event.h"

/* Sources: MySQL libs/mysql/binlog/event/control_events.h (Gtid_event) and libs/mysql/serialization; MariaDB
 * sql/log_event.h (Gtid_log_event). Every tail is optional: the event grew from version to version. */

#define LOGICAL_CLOCK 2
#define STAMP_MORE ((uint64_t)1 << 55)

static bool
decode_mysql(struct lt_cur *in, bool anonymous, struct binlog_gtid_event *out, struct lt_err *err)
{
	const uint8_t *uuid;

	lt_cur_u8(in); /* flags */
	uuid = lt_cur_take(in, 16);
	out->gtid.seq = lt_cur_u64(in);
	if (!lt_cur_ok(in))
		return lt_fail(err, LT_E_TRUNCATED, "GTID event ends inside its id");
	out->gtid.kind = anonymous ? CHANGE_GTID_ANONYMOUS : CHANGE_GTID_MYSQL;
	if (!anonymous)
		memcpy(out->gtid.uuid, uuid, sizeof(out->gtid.uuid));
	else
		out->gtid.seq = 0;
	if (lt_cur_left(in) == 0 || lt_cur_u8(in) != LOGICAL_CLOCK)
		return true;
	lt_cur_u64(in); /* last_committed */
	lt_cur_u64(in); /* sequence_number */
	if (lt_cur_ok(in) && lt_cur_left(in) > 0) {
		uint64_t stamp = lt_cur_le(in, 7);

		out->commit_us = out->written_us = stamp & ~STAMP_MORE;
		if ((stamp & STAMP_MORE) != 0)
			out->written_us = lt_cur_le(in, 7);
	}
	return lt_cur_ok(in) || lt_fail(err, LT_E_TRUNCATED, "GTID event ends inside its clocks");
}

/** Variable-length integer of MySQL's serialization: as many more bytes as the first one has ones at its low end. */
static uint64_t
varint(struct lt_cur *in)
{
	uint8_t first = lt_cur_u8(in);
	unsigned more = 0;
	uint64_t rest;

	while (more < 8 && (first >> more & 1) != 0)
		more++;
	rest = lt_cur_le(in, more);
	if (more == 8)
		return rest;
	/* The first byte's high bits are the value's lowest: 7 - more of them. */
	return (uint64_t)(first >> (more + 1)) | rest << (7 - more);
}

/** Signed numbers have their sign in the lowest bit. */
static uint64_t
varint_signed(struct lt_cur *in)
{
	uint64_t n = varint(in);

	return (n & 1) != 0 ? ~(n >> 1) : n >> 1;
}

static bool
tagged_tag(struct lt_cur *in, struct change_gtid *g)
{
	uint64_t len = varint(in);
	struct lt_str tag;

	if (len >= sizeof(g->tag))
		return false;
	tag = lt_cur_bytes(in, (size_t)len);
	if (!lt_cur_ok(in))
		return false;
	lt_str_copy(g->tag, sizeof(g->tag), tag);
	return true;
}

/** One field of GTID_TAGGED; false when its id is not known. Malformed contents fail `in`. */
static bool
tagged_field(struct lt_cur *in, uint64_t id, struct binlog_gtid_event *out)
{
	switch (id) {
	case 0: varint(in); return true; /* flags */
	case 1:
		for (size_t i = 0; i < sizeof(out->gtid.uuid); i++)
			out->gtid.uuid[i] = (uint8_t)varint(in);
		return true;
	case 2: out->gtid.seq = varint_signed(in); return true;
	case 3:
		if (!tagged_tag(in, &out->gtid))
			in->failed = true;
		return true;
	case 4:                                 /* last_committed */
	case 5: varint_signed(in); return true; /* sequence_number */
	case 6: out->commit_us = varint(in); return true;
	case 7: out->written_us = varint(in); return true;
	case 8: /* length of the transaction */
	case 9: /* server versions */
	case 10:
	case 11: varint(in); return true; /* ticket */
	default: return false;
	}
}

static bool
decode_tagged(struct lt_cur *in, struct binlog_gtid_event *out, struct lt_err *err)
{
	uint64_t version = varint(in), size, needed;

	if (lt_cur_ok(in) && version != 1 && version != 0)
		return lt_fail(err, LT_E_EVENT_UNKNOWN, "GTID_TAGGED event: serialization version %llu",
		    (unsigned long long)version);
	size = varint(in);   /* of the whole message: what follows is bounded by the event */
	needed = varint(in); /* fields behind this one may be passed over */
	out->gtid.kind = CHANGE_GTID_MYSQL;
	while (lt_cur_ok(in) && lt_cur_left(in) > 0) {
		uint64_t id = varint(in);

		if (tagged_field(in, id, out))
			continue;
		if (id <= needed)
			return lt_fail(err, LT_E_EVENT_UNKNOWN, "GTID_TAGGED event: field %llu is not known",
			    (unsigned long long)id);
		break;
	}
	if (!lt_cur_ok(in))
		return lt_fail(err, LT_E_TRUNCATED, "GTID_TAGGED event ends inside a field (message of %llu bytes)",
		    (unsigned long long)size);
	if (out->written_us == 0)
		out->written_us = out->commit_us; /* told only where they differ */
	return out->gtid.seq != 0 || lt_fail(err, LT_E_CORRUPT, "GTID_TAGGED event without a number");
}

static void
skip_xid(struct lt_cur *in)
{
	size_t gtrid, bqual;

	lt_cur_u32(in); /* format */
	gtrid = lt_cur_u8(in);
	bqual = lt_cur_u8(in);
	lt_cur_bytes(in, gtrid + bqual);
}

static bool
decode_mariadb(struct lt_cur *in, uint32_t server_id, struct binlog_gtid_event *out, struct lt_err *err)
{
	enum { GROUP_COMMIT_ID = 0x02 };

	out->gtid.kind = CHANGE_GTID_MARIADB;
	out->gtid.seq = lt_cur_u64(in);
	out->gtid.domain = lt_cur_u32(in);
	out->gtid.server_id = server_id;
	out->flags = lt_cur_u8(in);
	if ((out->flags & GROUP_COMMIT_ID) != 0)
		lt_cur_u64(in);
	if ((out->flags & (BINLOG_GTID_XA_PREPARED | BINLOG_GTID_XA_COMPLETED)) != 0)
		skip_xid(in);
	/* Zeros that fill the event up read as "no more flags". */
	if (lt_cur_ok(in) && lt_cur_left(in) > 0)
		out->flags_extra = lt_cur_u8(in);
	return lt_cur_ok(in) || lt_fail(err, LT_E_TRUNCATED, "GTID event of MariaDB ends inside its fields");
}

bool
binlog_gtid_decode(
    uint8_t type, struct lt_str body, uint32_t server_id, struct binlog_gtid_event *out, struct lt_err *err)
{
	struct binlog_gtid_event e = { 0 };
	struct lt_cur in = lt_cur_str(body);
	bool ok;

	if (type == BINLOG_MARIADB_GTID)
		ok = decode_mariadb(&in, server_id, &e, err);
	else if (type == BINLOG_GTID_TAGGED)
		ok = decode_tagged(&in, &e, err);
	else
		ok = decode_mysql(&in, type == BINLOG_ANONYMOUS_GTID, &e, err);
	if (!ok)
		return false;
	if (e.gtid.kind == CHANGE_GTID_MYSQL && (e.gtid.seq == 0 || e.gtid.seq >= (uint64_t)INT64_MAX))
		return lt_fail(err, LT_E_CORRUPT, "GTID event with number %llu", (unsigned long long)e.gtid.seq);
	*out = e;
	return true;
}

bool
binlog_gtid_list_decode(struct lt_str body, struct change_gtid_set **ret, struct lt_err *err)
{
	struct lt_cur in = lt_cur_str(body);
	uint32_t count = lt_cur_u32(&in) & 0x0fffffff; /* four bits of flags above */
	struct change_gtid_set *set;

	if (!lt_cur_ok(&in) || count > lt_cur_left(&in) / 16)
		return lt_fail(err, LT_E_TRUNCATED, "GTID_LIST event: %zu bytes for %u ids", body.len, count);
	set = change_gtid_set_new();
	for (uint32_t i = 0; i < count; i++) {
		struct change_gtid g = { .kind = CHANGE_GTID_MARIADB };

		g.domain = lt_cur_u32(&in);
		g.server_id = lt_cur_u32(&in);
		g.seq = lt_cur_u64(&in);
		change_gtid_set_add(set, &g); /* the newest of a domain comes last */
	}
	*ret = set;
	return true;
}
