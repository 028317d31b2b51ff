/* base/utf8.h - UTF-8 as RFC 3629 has it: no surrogates, nothing overlong, up to U+10FFFF. */
#ifndef LT_BASE_UTF8_H
#define LT_BASE_UTF8_H

#include "base/str.h"

struct lt_buf;

/** Bytes of the well-formed character at the start of `s`, or 0. */
size_t lt_utf8_len(struct lt_str s);
bool lt_utf8_valid(struct lt_str s);
/** Append one code point; it must be at most U+10FFFF and no surrogate. */
void lt_utf8_add(struct lt_buf *b, uint32_t code);

#endif
