#include "binlog/compress.h"

#include <zlib.h>
#include <zstd.h>

#include "binlog/spool.h"

/* -- TRANSACTION_PAYLOAD -------------------------------------------------------------------------- */

enum { FIELD_END = 0, FIELD_SIZE = 1, FIELD_ALGORITHM = 2, FIELD_UNPACKED = 3 };
enum { ALGORITHM_ZSTD = 0, ALGORITHM_NONE = 255 };
/* Of a payload that lies in a file, so much is in memory at a time; and room for an event grows by it at least: what
 * an event claims to be is believed as its bytes come. */
#define CHUNK_BYTES ((size_t)128 << 10)

struct binlog_payload {
	ZSTD_DStream *zstd;                /* owned; NULL: the payload is not compressed */
	ZSTD_inBuffer in;                  /* borrowed bytes, or what `chunk` holds */
	const struct change_scratch *file; /* borrowed; NULL: all of it is in `in` */
	uint64_t at, end;                  /* in the file: what comes next */
	char *chunk;                       /* owned */
	struct lt_buf event;               /* the one in hand */
	uint64_t left;                     /* unpacked bytes still to come, by the payload's own word */
	size_t limit;
};

void
binlog_payload_close(struct binlog_payload *p)
{
	if (p == NULL)
		return;
	ZSTD_freeDStream(p->zstd);
	lt_buf_free(&p->event);
	free(p->chunk);
	free(p);
}

struct payload_fields {
	uint64_t size, algorithm, unpacked;
};

static bool
read_fields(struct lt_cur *in, struct payload_fields *f, struct lt_err *err)
{
	for (;;) {
		uint64_t id = lt_cur_lenenc(in);
		struct lt_cur value;

		if (lt_cur_ok(in) && id == FIELD_END)
			return true;
		value = lt_cur_str(lt_cur_lenstr(in));
		if (!lt_cur_ok(in))
			break;
		if (id == FIELD_SIZE)
			f->size = lt_cur_lenenc(&value);
		else if (id == FIELD_ALGORITHM)
			f->algorithm = lt_cur_lenenc(&value);
		else if (id == FIELD_UNPACKED)
			f->unpacked = lt_cur_lenenc(&value);
		if (!lt_cur_ok(&value))
			break;
	}
	return lt_fail(err, LT_E_TRUNCATED, "TRANSACTION_PAYLOAD event ends inside its fields");
}

/* `size`: of all that stands behind the fields, which end in `in`. */
static bool
open_payload(
    struct lt_cur in, const struct payload_fields *f, uint64_t size, struct binlog_payload **ret, struct lt_err *err)
{
	struct binlog_payload *p;

	if (f->algorithm != ALGORITHM_ZSTD && f->algorithm != ALGORITHM_NONE)
		return lt_fail(err, LT_E_EVENT_UNSUPPORTED, "TRANSACTION_PAYLOAD event: compression %llu",
		    (unsigned long long)f->algorithm);
	if (f->size != size)
		return lt_fail(err, LT_E_CORRUPT, "TRANSACTION_PAYLOAD event claims %llu bytes, there are %llu",
		    (unsigned long long)f->size, (unsigned long long)size);
	p = lt_new(struct binlog_payload);
	p->in = (ZSTD_inBuffer){ in.at, lt_cur_left(&in), 0 };
	p->left = f->algorithm == ALGORITHM_NONE ? f->size : f->unpacked;
	if (f->algorithm == ALGORITHM_ZSTD) {
		p->zstd = ZSTD_createDStream();
		LT_ASSERT(p->zstd != NULL);
	}
	*ret = p;
	return true;
}

bool
binlog_payload_open(struct lt_str body, size_t limit, struct binlog_payload **ret, struct lt_err *err)
{
	struct payload_fields f = { .algorithm = ALGORITHM_NONE };
	struct lt_cur in = lt_cur_str(body);

	if (!read_fields(&in, &f, err) || !open_payload(in, &f, lt_cur_left(&in), ret, err))
		return false;
	(*ret)->limit = limit;
	return true;
}

bool
binlog_payload_open_event(const struct binlog_event *e, size_t limit, struct binlog_payload **ret, struct lt_err *err)
{
	struct payload_fields f = { .algorithm = ALGORITHM_NONE };
	struct lt_cur in = lt_cur_str(e->body);
	struct binlog_payload *p;
	uint64_t at;

	if (e->spool == NULL)
		return binlog_payload_open(e->body, limit, ret, err);
	if (!read_fields(&in, &f, err))
		return false;
	at = e->bytes.len - lt_cur_left(&in);
	if (!open_payload(lt_cur_of("", 0), &f, e->spool_size - at, &p, err))
		return false;
	p->limit = limit;
	p->file = &e->spool->file;
	p->at = at;
	p->end = e->spool_size;
	p->chunk = lt_realloc(NULL, CHUNK_BYTES);
	*ret = p;
	return true;
}

/* More of what is packed, where all that was there is used up. */
static bool
refill(struct binlog_payload *p, struct lt_err *err)
{
	size_t n = (size_t)LT_MIN(p->end - p->at, CHUNK_BYTES);

	if (p->in.pos < p->in.size || p->file == NULL || n == 0)
		return true;
	if (!change_scratch_read(p->file, p->at, p->chunk, n, err))
		return false;
	p->at += n;
	p->in = (ZSTD_inBuffer){ p->chunk, n, 0 };
	return true;
}

static bool
unpack_some(struct binlog_payload *p, ZSTD_outBuffer *out, struct lt_err *err)
{
	size_t rc, n = LT_MIN(out->size - out->pos, p->in.size - p->in.pos);

	if (p->zstd == NULL) {
		if (n > 0)
			memcpy((char *)out->dst + out->pos, (const char *)p->in.src + p->in.pos, n);
		p->in.pos += n;
		out->pos += n;
		return true;
	}
	rc = ZSTD_decompressStream(p->zstd, out, &p->in);
	return !ZSTD_isError(rc) ||
	       lt_fail(err, LT_E_CORRUPT, "TRANSACTION_PAYLOAD event: zstd: %s", ZSTD_getErrorName(rc));
}

static bool
unpack_chunk(struct binlog_payload *p, size_t size, struct lt_err *err)
{
	ZSTD_outBuffer out = { lt_buf_reserve(&p->event, size), size, 0 };

	while (out.pos < out.size) {
		size_t in_before, out_before = out.pos;

		if (!refill(p, err))
			return false;
		in_before = p->in.pos;
		if (!unpack_some(p, &out, err))
			return false;
		if (p->in.pos == in_before && out.pos == out_before)
			return lt_fail(
			    err, LT_E_TRUNCATED, "TRANSACTION_PAYLOAD event: the compressed bytes end too early");
	}
	p->event.len += size;
	p->left -= size;
	return true;
}

/** Unpack exactly `size` bytes behind what is in `event`. */
static bool
unpack(struct binlog_payload *p, size_t size, struct lt_err *err)
{
	if (size > p->left)
		return lt_fail(
		    err, LT_E_CORRUPT, "TRANSACTION_PAYLOAD event: an event inside is longer than the payload");
	while (size > 0) {
		size_t n = LT_MIN(size, LT_MAX(p->event.len, CHUNK_BYTES));

		if (!unpack_chunk(p, n, err))
			return false;
		size -= n;
	}
	return true;
}

bool
binlog_payload_next(struct binlog_payload *p, struct lt_str *event, struct lt_err *err)
{
	struct binlog_header h;
	struct lt_cur in;

	lt_buf_clear(&p->event);
	if (p->left == 0) {
		*event = lt_str_of("", 0);
		return true;
	}
	if (!unpack(p, BINLOG_HEADER_SIZE, err))
		return false;
	in = lt_cur_str(lt_buf_str(&p->event));
	if (!binlog_header_decode(&in, &h, err))
		return false;
	if (h.size > p->limit)
		return lt_fail(
		    err, LT_E_TXN_TOO_LARGE, "an event of %u bytes stands in a compressed transaction", h.size);
	if (!unpack(p, h.size - BINLOG_HEADER_SIZE, err))
		return false;
	*event = lt_buf_str(&p->event);
	return true;
}

/* -- MariaDB's compressed events ------------------------------------------------------------------ */

/** The blob: one byte 0x80 + algorithm * 16 + width of the length, the length (big-endian), zlib's bytes. */
static bool
inflate_blob(struct lt_str blob, size_t limit, struct lt_buf *out, struct lt_err *err)
{
	struct lt_cur in = lt_cur_str(blob);
	uint8_t head = lt_cur_u8(&in);
	const uint8_t *length = lt_cur_take(&in, head & 7);
	struct lt_str packed = lt_cur_rest(&in);
	uint64_t size;
	uLongf got;

	if (!lt_cur_ok(&in))
		return lt_fail(err, LT_E_TRUNCATED, "compressed event ends inside its length");
	if ((head & 0xf0) != 0x80 || (head & 7) == 0 || (head & 7) > 4)
		return lt_fail(err, LT_E_CORRUPT, "compressed event begins with 0x%02x", head);
	size = lt_be(length, head & 7);
	if (size > limit)
		return lt_fail(err, LT_E_TXN_TOO_LARGE, "an event of %llu bytes stands compressed in the log",
		    (unsigned long long)size);
	if (size / BINLOG_INFLATE_FACTOR > packed.len)
		return lt_fail(err, LT_E_CORRUPT, "compressed event: %llu bytes from %zu cannot be",
		    (unsigned long long)size, packed.len);
	got = (uLongf)size;
	if (uncompress((Bytef *)lt_buf_reserve(out, (size_t)size + 1), &got, (const Bytef *)packed.ptr,
		(uLong)packed.len) != Z_OK ||
	    got != size)
		return lt_fail(err, LT_E_CORRUPT, "compressed event: its zlib bytes do not give %llu bytes",
		    (unsigned long long)size);
	out->len += (size_t)size;
	return true;
}

/** Bytes in front of what is compressed: table id, flags, extra data, column count, bitmaps. */
static bool
rows_prefix(uint8_t type, struct lt_str body, size_t *out, struct lt_err *err)
{
	struct lt_cur in = lt_cur_str(body);
	bool v2 = type >= BINLOG_MARIADB_WRITE_ROWS_COMPRESSED;
	bool update = type == BINLOG_MARIADB_UPDATE_ROWS_COMPRESSED_V1 || type == BINLOG_MARIADB_UPDATE_ROWS_COMPRESSED;
	uint64_t columns;

	lt_cur_bytes(&in, 8);
	if (v2) {
		uint16_t extra = lt_cur_u16(&in); /* counts itself */

		lt_cur_bytes(&in, extra >= 2 ? extra - 2U : 0);
	}
	columns = lt_cur_lenenc(&in);
	if (!lt_cur_ok(&in) || columns > 65535)
		return lt_fail(err, LT_E_CORRUPT, "compressed row event: malformed head");
	lt_cur_bytes(&in, (size_t)(columns + 7) / 8 * (update ? 2 : 1));
	if (!lt_cur_ok(&in))
		return lt_fail(err, LT_E_TRUNCATED, "compressed row event ends inside its bitmaps");
	*out = body.len - lt_cur_left(&in);
	return true;
}

static bool
query_prefix(struct lt_str body, size_t query_size, size_t *out, struct lt_err *err)
{
	struct lt_cur in = lt_cur_str(body);
	size_t schema, vars;

	lt_cur_bytes(&in, 8);
	schema = lt_cur_u8(&in);
	lt_cur_bytes(&in, 2);
	vars = lt_cur_u16(&in);
	lt_cur_bytes(&in, query_size - 13);
	lt_cur_bytes(&in, vars);
	lt_cur_bytes(&in, schema + 1);
	if (!lt_cur_ok(&in))
		return lt_fail(err, LT_E_TRUNCATED, "QUERY_COMPRESSED event ends inside its fields");
	*out = body.len - lt_cur_left(&in);
	return true;
}

bool
binlog_expand(
    uint8_t *type, struct lt_str body, size_t query_size, size_t limit, struct lt_buf *out, struct lt_err *err)
{
	static const uint8_t plain[] = { BINLOG_QUERY, BINLOG_WRITE_ROWS_V1, BINLOG_UPDATE_ROWS_V1,
		BINLOG_DELETE_ROWS_V1, BINLOG_WRITE_ROWS, BINLOG_UPDATE_ROWS, BINLOG_DELETE_ROWS };
	size_t prefix = 0;

	LT_ASSERT(binlog_is_compressed(*type));
	if (*type == BINLOG_MARIADB_QUERY_COMPRESSED ? !query_prefix(body, query_size, &prefix, err)
						     : !rows_prefix(*type, body, &prefix, err))
		return false;
	lt_buf_clear(out);
	lt_buf_add(out, body.ptr, prefix);
	if (!inflate_blob(lt_str_of(body.ptr + prefix, body.len - prefix), limit, out, err))
		return false;
	*type = plain[*type - BINLOG_MARIADB_QUERY_COMPRESSED];
	return true;
}
