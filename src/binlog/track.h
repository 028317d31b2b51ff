/* binlog/track.h - where in its log a stream of events has come: file and 64-bit position, counted. */
#ifndef BINLOG_TRACK_H
#define BINLOG_TRACK_H

#include "binlog/event.h"
#include "binlog/format.h"

/* Of the first event in every file. */
#define BINLOG_START_POS 4

/** Where an event stands. */
struct binlog_at {
	const char *file;  /* borrowed for the call */
	uint64_t pos, end; /* its first byte; the first behind it */
};

/** A value. */
struct binlog_track {
	char file[256];
	uint64_t pos;  /* of the next event */
	bool stream;   /* from a server: artificial events, positions by its word */
	bool repeated; /* the newest FORMAT_DESCRIPTION was shown again, ahead of where reading begins */
};

/** Where a stored event stands. Events that the server leaves out show as a step ahead in the low 32 bits that headers
 * have; MariaDB 11.4 and newer put 0 there inside of transactions, so the bytes are counted too. */
static inline struct binlog_at
binlog_track_at(const struct binlog_track *t, const struct binlog_header *h)
{
	struct binlog_at at = { .file = t->file, .pos = t->pos, .end = t->pos + h->size };

	if (t->stream && h->end_pos != 0 && (uint32_t)at.end != h->end_pos) {
		uint64_t end = (at.end & ~(uint64_t)UINT32_MAX) | h->end_pos;

		at.end = end < at.end ? end + ((uint64_t)UINT32_MAX + 1) : end;
		at.pos = at.end - h->size;
	}
	return at;
}

/** A FORMAT_DESCRIPTION of `size` bytes; `first`: none came before it. A stream from the middle of a file, and a file
 * read from there, show it ahead of where they begin. Relay logs hold a second one, which counts. */
static inline void
binlog_track_format(struct binlog_track *t, size_t size, bool first)
{
	t->repeated = t->pos > BINLOG_START_POS && (t->stream || first);
	if (!t->repeated)
		t->pos = (t->pos > BINLOG_START_POS ? t->pos : BINLOG_START_POS) + size;
}

/** An artificial ROTATE. */
static inline void
binlog_track_rotate(struct binlog_track *t, const struct binlog_rotate *r)
{
	lt_str_copy(t->file, sizeof(t->file), r->file);
	t->pos = r->pos;
}

static inline bool
binlog_track_artificial(const struct binlog_track *t, const char *event)
{
	return t->stream && (lt_le16((const uint8_t *)event + 17) & BINLOG_FLAG_ARTIFICIAL) != 0;
}

/** Whether an event carries a checksum; `format`: the newest, or none yet. */
static inline enum binlog_checksum
binlog_track_checksum(const struct binlog_track *t, const struct binlog_format *format, uint8_t type, bool artificial)
{
	if (artificial && type == BINLOG_ROTATE)
		return BINLOG_CHECKSUM_EITHER;
	if (!format->known && t->stream)
		return BINLOG_CHECKSUM_CRC32; /* what was negotiated */
	return format->crc ? BINLOG_CHECKSUM_CRC32 : BINLOG_CHECKSUM_NONE;
}

#endif
