/* tests: what every fuzz target has. Under -Dfuzz=true libFuzzer drives it, else standalone.c does, for a few thousand
 * runs. */
#ifndef TEST_FUZZ_H
#define TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
