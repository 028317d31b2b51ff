/* values.h - rows of a log that was written by hand: their images hold the values themselves. */
#ifndef TESTS_VALUES_H
#define TESTS_VALUES_H

#include "change/table.h"

/** An image is an array of struct change_value, one for each column. */
extern const struct change_codec values_codec;

#endif
