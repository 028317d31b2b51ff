#include "change/collation.h"

/* information_schema.COLLATIONS of MySQL 9.7, COLLATION_CHARACTER_SET_APPLICABILITY of MariaDB 11.8. */
struct range {
	uint16_t first, last;
	const char *name;
};

/* In order. */
static const struct range ranges[] = {
	{ 1, 1, "big5" },
	{ 2, 2, "latin2" },
	{ 3, 3, "dec8" },
	{ 4, 4, "cp850" },
	{ 5, 5, "latin1" },
	{ 6, 6, "hp8" },
	{ 7, 7, "koi8r" },
	{ 8, 8, "latin1" },
	{ 9, 9, "latin2" },
	{ 10, 10, "swe7" },
	{ 11, 11, "ascii" },
	{ 12, 12, "ujis" },
	{ 13, 13, "sjis" },
	{ 14, 14, "cp1251" },
	{ 15, 15, "latin1" },
	{ 16, 16, "hebrew" },
	{ 18, 18, "tis620" },
	{ 19, 19, "euckr" },
	{ 20, 20, "latin7" },
	{ 21, 21, "latin2" },
	{ 22, 22, "koi8u" },
	{ 23, 23, "cp1251" },
	{ 24, 24, "gb2312" },
	{ 25, 25, "greek" },
	{ 26, 26, "cp1250" },
	{ 27, 27, "latin2" },
	{ 28, 28, "gbk" },
	{ 29, 29, "cp1257" },
	{ 30, 30, "latin5" },
	{ 31, 31, "latin1" },
	{ 32, 32, "armscii8" },
	{ 33, 33, "utf8mb3" },
	{ 34, 34, "cp1250" },
	{ 35, 35, "ucs2" },
	{ 36, 36, "cp866" },
	{ 37, 37, "keybcs2" },
	{ 38, 38, "macce" },
	{ 39, 39, "macroman" },
	{ 40, 40, "cp852" },
	{ 41, 42, "latin7" },
	{ 43, 43, "macce" },
	{ 44, 44, "cp1250" },
	{ 45, 46, "utf8mb4" },
	{ 47, 49, "latin1" },
	{ 50, 52, "cp1251" },
	{ 53, 53, "macroman" },
	{ 54, 55, "utf16" },
	{ 56, 56, "utf16le" },
	{ 57, 57, "cp1256" },
	{ 58, 59, "cp1257" },
	{ 60, 61, "utf32" },
	{ 62, 62, "utf16le" },
	{ 63, 63, "binary" },
	{ 64, 64, "armscii8" },
	{ 65, 65, "ascii" },
	{ 66, 66, "cp1250" },
	{ 67, 67, "cp1256" },
	{ 68, 68, "cp866" },
	{ 69, 69, "dec8" },
	{ 70, 70, "greek" },
	{ 71, 71, "hebrew" },
	{ 72, 72, "hp8" },
	{ 73, 73, "keybcs2" },
	{ 74, 74, "koi8r" },
	{ 75, 75, "koi8u" },
	{ 76, 76, "utf8mb3" },
	{ 77, 77, "latin2" },
	{ 78, 78, "latin5" },
	{ 79, 79, "latin7" },
	{ 80, 80, "cp850" },
	{ 81, 81, "cp852" },
	{ 82, 82, "swe7" },
	{ 83, 83, "utf8mb3" },
	{ 84, 84, "big5" },
	{ 85, 85, "euckr" },
	{ 86, 86, "gb2312" },
	{ 87, 87, "gbk" },
	{ 88, 88, "sjis" },
	{ 89, 89, "tis620" },
	{ 90, 90, "ucs2" },
	{ 91, 91, "ujis" },
	{ 92, 93, "geostd8" },
	{ 94, 94, "latin1" },
	{ 95, 96, "cp932" },
	{ 97, 98, "eucjpms" },
	{ 99, 99, "cp1250" },
	{ 101, 124, "utf16" },
	{ 128, 151, "ucs2" },
	{ 159, 159, "ucs2" },
	{ 160, 183, "utf32" },
	{ 192, 215, "utf8mb3" },
	{ 223, 223, "utf8mb3" },
	{ 224, 247, "utf8mb4" },
	{ 248, 250, "gb18030" },
	{ 255, 271, "utf8mb4" },
	{ 273, 275, "utf8mb4" },
	{ 277, 294, "utf8mb4" },
	{ 296, 298, "utf8mb4" },
	{ 300, 300, "utf8mb4" },
	{ 303, 323, "utf8mb4" },
	{ 576, 578, "utf8mb3" },
	{ 608, 610, "utf8mb4" },
	{ 640, 642, "ucs2" },
	{ 672, 674, "utf16" },
	{ 736, 738, "utf32" },
	{ 2048, 2215, "utf8mb3" },
	{ 2232, 2247, "utf8mb3" },
	{ 2304, 2471, "utf8mb4" },
	{ 2488, 2503, "utf8mb4" },
	{ 2560, 2727, "ucs2" },
	{ 2744, 2759, "ucs2" },
	{ 2816, 2983, "utf16" },
	{ 3000, 3015, "utf16" },
	{ 3072, 3239, "utf32" },
	{ 3256, 3271, "utf32" },
};

/* MariaDB numbers a collation without padding 1024 above the one with. */
#define NOPAD_FIRST 1024
#define NOPAD_LAST 2047

/* Sets that are not here but in `ranges` have one byte for each character. */
static const struct {
	const char *charset;
	unsigned width;
} widths[] = {
	{ "utf8mb4", 4 },
	{ "utf8mb3", 3 },
	{ "gb18030", 4 },
	{ "utf16", 4 },
	{ "utf16le", 4 },
	{ "utf32", 4 },
	{ "ucs2", 2 },
	{ "gbk", 2 },
	{ "gb2312", 2 },
	{ "big5", 2 },
	{ "sjis", 2 },
	{ "cp932", 2 },
	{ "euckr", 2 },
	{ "ujis", 3 },
	{ "eucjpms", 3 },
};

const char *
change_collation_charset(uint16_t collation)
{
	uint16_t id =
	    collation >= NOPAD_FIRST && collation <= NOPAD_LAST ? (uint16_t)(collation - NOPAD_FIRST) : collation;

	size_t low = 0, high = LT_COUNT(ranges);

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (ranges[mid].last < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < LT_COUNT(ranges) && ranges[low].first <= id ? ranges[low].name : NULL;
}

unsigned
change_charset_width(struct lt_str charset)
{
	if (lt_str_eqz(charset, "utf8"))
		charset = LT_STR("utf8mb3");
	for (size_t i = 0; i < LT_COUNT(widths); i++)
		if (lt_str_eqz(charset, widths[i].charset))
			return widths[i].width;
	for (size_t i = 0; i < LT_COUNT(ranges); i++)
		if (lt_str_eqz(charset, ranges[i].name))
			return 1;
	return 0;
}
