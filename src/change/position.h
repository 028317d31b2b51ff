/* change/position.h - a place in a site's log: what a pipeline's progress is made of. */
#ifndef CHANGE_POSITION_H
#define CHANGE_POSITION_H

#include "change/gtid.h"

/** The end of a transaction, and so the start of the next. A value; of a fixed size, so that it can be published whole.
 */
struct change_place {
	char file[256];    /* "" = not known (GTID only) */
	uint64_t pos;      /* first byte behind the transaction's last event */
	uint64_t last_pos; /* first byte of that last event; 0 = not known (start of a file, start by hand) */
	uint32_t last_crc; /* its CRC-32, for R13; 0 with last_pos 0 */
};

/** Numeric order of files ("binlog.999999" < "binlog.1000000"), then of bytes. Files of different base names: by name.
 */
int change_place_cmp(const struct change_place *a, const struct change_place *b);

/** A place with what had been executed up to it. */
struct change_position {
	struct change_place place;
	char server[64]; /* identity of the server whose file names count (@@server_uuid; MariaDB: see binlog) */
	struct change_gtid_set *gtids; /* owned; never NULL in a made one */
};

void change_position_init(struct change_position *p);
void change_position_clear(struct change_position *p);                                     /* frees what it owns */
void change_position_copy(struct change_position *dst, const struct change_position *src); /* dst initialised */
/** {"file":...,"pos":...,"gtid":...} */
void change_position_json(const struct change_position *p, struct lt_buf *out);

#endif
