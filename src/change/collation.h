/* change/collation.h - which character set a collation id stands for, in the logs of both engines. */
#ifndef CHANGE_COLLATION_H
#define CHANGE_COLLATION_H

#include "base/str.h"

/** As the servers name it ("utf8mb4", "gbk", "binary"; "utf8mb3", not "utf8"); NULL for an id that is not known. */
const char *change_collation_charset(uint16_t collation);
/** Bytes of the set's longest character, by name ("utf8" is "utf8mb3"); 0 = not known. */
unsigned change_charset_width(struct lt_str charset);

#endif
