#include "binlog/format.h"

#include <stdio.h>

enum { VERSION_SIZE = 50, LENGTHS_AT = 2 + VERSION_SIZE + 4 + 1 };

/** "5.6.1-log" as 50601, "5.7.mysql_aurora.2.10.2" as 50700; 0 when it does not begin with a version. */
static uint32_t
version_number(const char *text)
{
	unsigned major, minor, patch = 0;

	if (sscanf(text, "%2u.%2u.%2u", &major, &minor, &patch) < 2)
		return 0;
	return major * 10000 + minor * 100 + patch;
}

/** Since MySQL 5.6.1 and MariaDB 5.3 the event ends with the algorithm and four bytes of CRC, whatever the algorithm
 * is. */
static bool
tells_checksum(const struct binlog_format *f, uint32_t version)
{
	return version >= (f->mariadb ? 50300U : 50601U);
}

/** Between 5.1.1 and 5.2.2 there were versions for trial ("5.2.2-a_drop6p13-alpha") whose events have other numbers. */
static bool
other_numbers(const char *version)
{
	bool early = strncmp(version, "5.1.", 4) == 0 || strncmp(version, "5.2.", 4) == 0;

	return early && (strstr(version, "-a_drop5") != NULL || strstr(version, "-a_drop6") != NULL);
}

static uint8_t
post_header_size(struct lt_str lengths, uint8_t type)
{
	return type <= lengths.len ? (uint8_t)lengths.ptr[type - 1] : 0;
}

static bool
read_checksum(struct lt_str bytes, struct binlog_format *f, size_t fixed, struct lt_err *err)
{
	struct binlog_event e;
	uint8_t algorithm;

	if (bytes.len < fixed + 1 + BINLOG_CHECKSUM_SIZE)
		return lt_fail(err, LT_E_TRUNCATED,
		    "FORMAT_DESCRIPTION event: %zu bytes, the checksum's algorithm is missing", bytes.len);
	algorithm = (uint8_t)bytes.ptr[bytes.len - 1 - BINLOG_CHECKSUM_SIZE];
	if (algorithm > 1)
		return lt_fail(
		    err, LT_E_EVENT_UNSUPPORTED, "FORMAT_DESCRIPTION event: checksum algorithm %u", algorithm);
	f->crc = algorithm == 1;
	return !f->crc || binlog_event_open(bytes, BINLOG_CHECKSUM_CRC32, &e, err);
}

bool
binlog_format_decode(struct lt_str bytes, struct binlog_format *out, struct lt_err *err)
{
	struct binlog_format f = { .known = true };
	struct binlog_event e;
	struct lt_cur in;
	struct lt_str lengths;
	uint16_t log_version;
	uint8_t header_size;

	if (!binlog_event_open(bytes, BINLOG_CHECKSUM_NONE, &e, err))
		return false;
	in = lt_cur_str(e.body);
	log_version = lt_cur_u16(&in);
	lt_str_copy(f.version, sizeof(f.version), lt_cur_bytes(&in, VERSION_SIZE));
	lt_cur_u32(&in); /* when it was made */
	header_size = lt_cur_u8(&in);
	lengths = lt_cur_rest(&in);
	if (!lt_cur_ok(&in))
		return lt_fail(err, LT_E_TRUNCATED, "FORMAT_DESCRIPTION event: %zu bytes", bytes.len);
	if (e.header.type != BINLOG_FORMAT_DESCRIPTION || log_version != 4 || header_size != BINLOG_HEADER_SIZE)
		return lt_fail(err, LT_E_EVENT_UNSUPPORTED,
		    "the log begins with event type %u of log version %u, header size %u", e.header.type, log_version,
		    header_size);
	f.mariadb = strstr(f.version, "MariaDB") != NULL || lengths.len >= BINLOG_MARIADB_GTID;
	if (other_numbers(f.version))
		return lt_fail(
		    err, LT_E_EVENT_UNSUPPORTED, "the log was written by a development version, %s", f.version);
	if (version_number(f.version) == 0)
		return lt_fail(err, LT_E_EVENT_UNSUPPORTED,
		    "the log does not tell the version that wrote it, and so not whether it has checksums");
	f.bare_rows = version_number(f.version) < 50600;
	if (tells_checksum(&f, version_number(f.version))) {
		if (!read_checksum(bytes, &f, BINLOG_HEADER_SIZE + LENGTHS_AT, err))
			return false;
		lengths.len -= 1 + BINLOG_CHECKSUM_SIZE;
	}
	f.query_size = post_header_size(lengths, BINLOG_QUERY);
	f.id_width = post_header_size(lengths, BINLOG_TABLE_MAP) == 6 ? 4 : 6;
	if (f.query_size < 13)
		return lt_fail(err, LT_E_EVENT_UNSUPPORTED,
		    "FORMAT_DESCRIPTION event: QUERY has a post-header of %u bytes", f.query_size);
	*out = f;
	return true;
}
