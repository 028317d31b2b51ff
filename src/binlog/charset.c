#include "binlog/charset.h"

#include "base/utf8.h"
#include "change/collation.h"

const char *
binlog_charset_name(uint16_t collation)
{
	return change_collation_charset(collation);
}

/* latin1 is cp1252 whose five holes stand for the C1 controls of the same number (strings/ctype-latin1.cc). */
static bool
from_latin1(struct lt_str bytes, struct lt_buf *out)
{
	static const uint16_t high[32] = { 0x20ac, 0x81, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
		0x2039, 0x0152, 0x8d, 0x017d, 0x8f, 0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122,
		0x0161, 0x203a, 0x0153, 0x9d, 0x017e, 0x0178 };

	for (size_t i = 0; i < bytes.len; i++) {
		unsigned char c = (unsigned char)bytes.ptr[i];

		lt_utf8_add(out, c >= 0x80 && c < 0xa0 ? high[c - 0x80] : c);
	}
	return true;
}

static bool
from_utf8(struct lt_str bytes, struct lt_buf *out)
{
	if (!lt_utf8_valid(bytes))
		return false;
	lt_buf_str_add(out, bytes);
	return true;
}

bool
binlog_charset_utf8(uint16_t collation, struct lt_str bytes, struct lt_buf *out)
{
	const char *name = binlog_charset_name(collation);

	if (collation != 0 && name == NULL)
		return false;
	if (collation == 0 || strncmp(name, "utf8", 4) == 0)
		return from_utf8(bytes, out);
	if (strcmp(name, "latin1") == 0)
		return from_latin1(bytes, out);
	return false;
}
