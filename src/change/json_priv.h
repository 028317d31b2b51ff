/* change/json_priv.h - reading JSON text, piece by piece; shared by edits and numbers. */
#ifndef CHANGE_JSON_PRIV_H
#define CHANGE_JSON_PRIV_H

#include "change/json.h"

/* MySQL takes no deeper document. */
#define JSON_DEPTH 100

/** What is left of a text that a server has checked: what is read here as JSON but is none goes no further than back to
 * a server. */
struct json_text {
	const char *at, *end; /* borrowed */
};

struct json_text json_text_of(struct lt_str text);
/** Pass over blanks; the byte that comes, or 0 at the end. */
char json_text_peek(struct json_text *t);
/** Pass over blanks and this byte, if it comes. */
bool json_text_take(struct json_text *t, char c);
/** The whole value that comes, as it is written; false: none does. */
bool json_text_value(struct json_text *t, struct lt_str *out);
/** In an object or array that was entered: the next value and, in an object, its key with its quotes; false at the end,
 * which is passed over, or where `t->at` is NULL: that is no JSON. */
bool json_text_next(struct json_text *t, bool object, bool *first, struct lt_str *key, struct lt_str *value);

#endif
