#include "binlog/charset.h"

#include <iconv.h>

#include "base/cur.h"
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
	static const uint16_t high[32] = { 0x20ac, 0x81, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030,
		0x0160, 0x2039, 0x0152, 0x8d, 0x017d, 0x8f, 0x90, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013,
		0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d, 0x017e, 0x0178 };

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

/* Codes that the C library reads otherwise than the servers do: the servers' character, or 0 where the value is better
 * left as it is. */
struct exception {
	uint32_t first, last;
	uint32_t point;
};

/* KOREAN and HIGH are like DOUBLE, but fewer bytes may come second. */
enum lead { LEAD_NONE, LEAD_DOUBLE, LEAD_KOREAN, LEAD_HIGH, LEAD_SJIS, LEAD_EUC, LEAD_GB18030 };

struct conversion {
	const char *name;                   /* the servers' */
	const char *iconv;                  /* glibc's */
	enum lead lead;                     /* how characters are cut */
	const struct exception *exceptions; /* ended by zeros */
};

static const struct exception armscii8[] = { { 0xa1, 0xa1, 0x2741 }, { 0xa2, 0xa2, 0xa7 }, { 0xad, 0xad, 0x55f },
	{ 0xfe, 0xfe, 0x2019 }, { 0xff, 0xff, 0x27 }, { 0 } };
static const struct exception big5[] = { { 0xa145, 0xa145, 0x2022 }, { 0xa14e, 0xa14e, 0xff64 }, { 0xa15a, 0xa15a, 0 },
	{ 0xa1c2, 0xa1c3, 0 }, { 0xa1c5, 0xa1c5, 0 }, { 0xa1e3, 0xa1e3, 0 }, { 0xa1f2, 0xa1f3, 0 },
	{ 0xa1fe, 0xa1fe, 0 }, { 0xa240, 0xa242, 0 }, { 0xa244, 0xa244, 0 }, { 0xa246, 0xa247, 0 },
	{ 0xa2cc, 0xa2cc, 0 }, { 0xa2ce, 0xa2ce, 0 }, { 0xc6a1, 0xc7fc, 0 }, { 0 } };
static const struct exception cp866[] = { { 0xfc, 0xfc, 0x207f }, { 0xfd, 0xfd, 0xb2 }, { 0 } };
static const struct exception dec8[] = { { 0xa0, 0xa0, 0xa0 }, { 0 } };
static const struct exception gb18030[] = { { 0xa6d9, 0xa6df, 0 }, { 0xa6ec, 0xa6ed, 0 }, { 0xa6f3, 0xa6f3, 0 },
	{ 0xfe51, 0xfe53, 0 }, { 0xfe59, 0xfe59, 0 }, { 0xfe61, 0xfe61, 0 }, { 0xfe66, 0xfe67, 0 },
	{ 0xfe6c, 0xfe6d, 0 }, { 0xfe76, 0xfe76, 0 }, { 0xfe7e, 0xfe7e, 0 }, { 0xfe90, 0xfe91, 0 },
	{ 0xfea0, 0xfea0, 0 }, { 0 } };
static const struct exception geostd8[] = { { 0x80, 0x80, 0x20ac }, { 0xfd, 0xfd, 0x2116 }, { 0 } };
static const struct exception greek[] = { { 0xa1, 0xa1, 0x2bd }, { 0xa2, 0xa2, 0x2bc }, { 0 } };
static const struct exception hebrew[] = { { 0xaf, 0xaf, 0x203e }, { 0 } };
static const struct exception koi8u[] = { { 0x95, 0x95, 0x2022 }, { 0 } };
static const struct exception macroman[] = { { 0xc6, 0xc6, 0x2206 }, { 0xf0, 0xf0, 0xf8ff }, { 0 } };
static const struct exception sjis[] = { { 0x815f, 0x815f, 0x5c }, { 0x8160, 0x8160, 0x301c },
	{ 0x8161, 0x8161, 0x2016 }, { 0x817c, 0x817c, 0x2212 }, { 0x8191, 0x8191, 0xa2 }, { 0x8192, 0x8192, 0xa3 },
	{ 0x81ca, 0x81ca, 0xac }, { 0 } };
static const struct exception swe7[] = { { 0x24, 0x24, 0x24 }, { 0x40, 0x40, 0xc9 }, { 0x5e, 0x5e, 0xdc },
	{ 0x60, 0x60, 0xe9 }, { 0x7e, 0x7e, 0xfc }, { 0 } };
static const struct exception ujis[] = { { 0xa1c0, 0xa1c0, 0x5c }, { 0x8fa2b7, 0x8fa2b7, 0x7e }, { 0 } };

/* keybcs2 is not here: nothing converts it. */
static const struct conversion conversions[] = {
	{ "armscii8", "ARMSCII-8", LEAD_NONE, armscii8 },
	{ "ascii", "ASCII", LEAD_NONE, NULL },
	{ "big5", "BIG5", LEAD_DOUBLE, big5 },
	{ "cp1250", "CP1250", LEAD_NONE, NULL },
	{ "cp1251", "CP1251", LEAD_NONE, NULL },
	{ "cp1256", "CP1256", LEAD_NONE, NULL },
	{ "cp1257", "CP1257", LEAD_NONE, NULL },
	{ "cp850", "CP850", LEAD_NONE, NULL },
	{ "cp852", "CP852", LEAD_NONE, NULL },
	{ "cp866", "CP866", LEAD_NONE, cp866 },
	{ "cp932", "CP932", LEAD_SJIS, NULL },
	{ "dec8", "DEC-MCS", LEAD_NONE, dec8 },
	{ "eucjpms", "EUC-JP-MS", LEAD_EUC, NULL },
	{ "euckr", "CP949", LEAD_KOREAN, NULL },
	{ "gb18030", "GB18030", LEAD_GB18030, gb18030 },
	{ "gb2312", "EUC-CN", LEAD_HIGH, NULL },
	{ "gbk", "GBK", LEAD_DOUBLE, NULL },
	{ "geostd8", "GEORGIAN-PS", LEAD_NONE, geostd8 },
	{ "greek", "ISO-8859-7", LEAD_NONE, greek },
	{ "hebrew", "ISO-8859-8", LEAD_NONE, hebrew },
	{ "hp8", "HP-ROMAN8", LEAD_NONE, NULL },
	{ "koi8r", "KOI8-R", LEAD_NONE, NULL },
	{ "koi8u", "KOI8-U", LEAD_NONE, koi8u },
	{ "latin2", "ISO-8859-2", LEAD_NONE, NULL },
	{ "latin5", "ISO-8859-9", LEAD_NONE, NULL },
	{ "latin7", "ISO-8859-13", LEAD_NONE, NULL },
	{ "macce", "MAC-CENTRALEUROPE", LEAD_NONE, NULL },
	{ "macroman", "MACINTOSH", LEAD_NONE, macroman },
	{ "sjis", "CP932", LEAD_SJIS, sjis },
	{ "swe7", "SEN_850200_B", LEAD_NONE, swe7 },
	{ "tis620", "TIS-620", LEAD_NONE, NULL },
	{ "ucs2", "UCS-2BE", LEAD_NONE, NULL },
	{ "ujis", "EUC-JP", LEAD_EUC, ujis },
	{ "utf16", "UTF-16BE", LEAD_NONE, NULL },
	{ "utf16le", "UTF-16LE", LEAD_NONE, NULL },
	{ "utf32", "UTF-32BE", LEAD_NONE, NULL },
};

/* Bytes of the character at `p`; cut to what is there. */
static size_t
char_len(enum lead lead, const uint8_t *p, size_t left)
{
	size_t n = 1;

	switch (lead) {
	case LEAD_NONE: break;
	case LEAD_DOUBLE:
	case LEAD_KOREAN:
	case LEAD_HIGH: n = p[0] > 0x80 ? 2 : 1; break;
	case LEAD_SJIS: n = (p[0] > 0x80 && p[0] < 0xa0) || p[0] >= 0xe0 ? 2 : 1; break;
	case LEAD_EUC: n = p[0] == 0x8f ? 3 : p[0] > 0x80 ? 2 : 1; break;
	case LEAD_GB18030: n = p[0] <= 0x80 ? 1 : left > 1 && p[1] >= '0' && p[1] <= '9' ? 4 : 2; break;
	}
	return LT_MIN(n, left);
}

static const struct exception *
exception_of(const struct conversion *c, uint32_t code)
{
	for (const struct exception *e = c->exceptions; e->first != 0; e++) {
		if (code >= e->first && code <= e->last)
			return e;
	}
	return NULL;
}

/* One run of bytes without exceptions. What iconv() replaces by something alike counts as a failure. */
static bool
run(iconv_t cd, struct lt_str bytes, struct lt_buf *out)
{
	char *from = (char *)(uintptr_t)bytes.ptr, *to;
	size_t left = bytes.len, room = bytes.len * 4 + 16, rest = room;

	if (bytes.len == 0)
		return true;
	to = lt_buf_reserve(out, room);
	if (iconv(cd, &from, &left, &to, &rest) != 0 || left > 0 || iconv(cd, NULL, NULL, &to, &rest) != 0)
		return false;
	out->len += room - rest;
	return true;
}

static bool
convert(const struct conversion *c, iconv_t cd, struct lt_str bytes, struct lt_buf *out)
{
	const uint8_t *p = (const uint8_t *)bytes.ptr;
	size_t done = 0, n;

	if (c->exceptions == NULL)
		return run(cd, bytes, out);
	for (size_t i = 0; i < bytes.len; i += n) {
		const struct exception *e;

		n = char_len(c->lead, p + i, bytes.len - i);
		e = exception_of(c, (uint32_t)lt_be(p + i, n));
		if (e == NULL)
			continue;
		if (e->point == 0 || !run(cd, lt_str_of(p + done, i - done), out))
			return false;
		lt_utf8_add(out, e->point);
		done = i + n;
	}
	return run(cd, lt_str_of(p + done, bytes.len - done), out);
}

static bool
from_other(const char *name, struct lt_str bytes, struct lt_buf *out)
{
	size_t old = out->len;
	bool ok;
	iconv_t cd;

	for (size_t i = 0; i < LT_COUNT(conversions); i++) {
		if (strcmp(conversions[i].name, name) != 0)
			continue;
		cd = iconv_open("UTF-8", conversions[i].iconv);
		if (cd == (iconv_t)-1)
			return false; /* a system without that part of the C library */
		ok = convert(&conversions[i], cd, bytes, out);
		iconv_close(cd);
		if (!ok)
			out->len = old;
		return ok;
	}
	return false;
}

/* -- what cannot be converted whole --------------------------------------------------------------- */

#define NO_CHARACTER 0xfffd

/* Whether the servers would take `byte` as the second one of a character. */
static bool
is_trail(enum lead lead, uint8_t byte)
{
	switch (lead) {
	case LEAD_NONE: return false;
	case LEAD_KOREAN:
		return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || (byte > 0x80 && byte < 0xff);
	case LEAD_HIGH:
	case LEAD_EUC: return byte > 0xa0 && byte < 0xff;
	case LEAD_GB18030:
		if (byte >= '0' && byte <= '9')
			return true;
		break;
	case LEAD_DOUBLE:
	case LEAD_SJIS: break;
	}
	return byte >= 0x40 && byte < 0xff && byte != 0x7f;
}

/* One character from the start of `bytes`, or in its stead one that says that there is none; returns its length. */
static size_t
one_lossy(const struct conversion *c, iconv_t cd, struct lt_str bytes, struct lt_buf *out)
{
	const uint8_t *p = (const uint8_t *)bytes.ptr;
	size_t n = char_len(c->lead, p, bytes.len), old = out->len;

	if (n > 1 && (p[0] == 0xff || !is_trail(c->lead, p[1])))
		n = 1;
	if (!convert(c, cd, lt_str_of(p, n), out)) {
		out->len = old;
		(void)iconv(cd, NULL, NULL, NULL, NULL);
		lt_utf8_add(out, p[0] < 0x80 ? p[0] : NO_CHARACTER);
	}
	return n;
}

static bool
other_lossy(const char *name, struct lt_str bytes, struct lt_buf *out)
{
	for (size_t i = 0; i < LT_COUNT(conversions); i++) {
		iconv_t cd;

		if (strcmp(conversions[i].name, name) != 0)
			continue;
		cd = iconv_open("UTF-8", conversions[i].iconv);
		if (cd == (iconv_t)-1)
			return false;
		for (size_t at = 0; at < bytes.len;)
			at += one_lossy(&conversions[i], cd, lt_str_of(bytes.ptr + at, bytes.len - at), out);
		iconv_close(cd);
		return true;
	}
	return false;
}

static void
utf8_lossy(struct lt_str bytes, struct lt_buf *out)
{
	for (size_t at = 0, n; at < bytes.len; at += LT_MAX(n, 1)) {
		n = lt_utf8_len(lt_str_of(bytes.ptr + at, bytes.len - at));
		if (n == 0)
			lt_utf8_add(out, NO_CHARACTER);
		else
			lt_buf_add(out, bytes.ptr + at, n);
	}
}

bool
binlog_charset_lossy(uint16_t collation, struct lt_str bytes, struct lt_buf *out)
{
	const char *name = collation != 0 ? binlog_charset_name(collation) : "utf8";

	if (name == NULL)
		return false;
	if (strcmp(name, "latin1") == 0)
		return from_latin1(bytes, out);
	if (!binlog_charset_is_utf8(collation) && strcmp(name, "binary") != 0 && strcmp(name, "keybcs2") != 0)
		return other_lossy(name, bytes, out);
	/* The servers take names out of binary text as they are; of keybcs2 only ASCII is told. */
	utf8_lossy(bytes, out);
	return true;
}

bool
binlog_charset_is_utf8(uint16_t collation)
{
	const char *name = collation != 0 ? binlog_charset_name(collation) : "utf8";

	return name != NULL && strncmp(name, "utf8", 4) == 0;
}

bool
binlog_charset_utf8(uint16_t collation, struct lt_str bytes, struct lt_buf *out)
{
	const char *name;

	if (binlog_charset_is_utf8(collation))
		return from_utf8(bytes, out);
	name = binlog_charset_name(collation);
	if (name == NULL)
		return false;
	if (strcmp(name, "latin1") == 0)
		return from_latin1(bytes, out);
	return from_other(name, bytes, out);
}
