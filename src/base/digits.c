#include "base/digits.h"

const char lt_digit_pairs[201] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
				 "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
				 "8081828384858687888990919293949596979899";

char *
lt_u64_text(char *to, uint64_t n)
{
	enum { EIGHT = 100000000 };
	char *start = to;

	if (n >= (uint64_t)EIGHT * EIGHT) {
		uint32_t high = (uint32_t)(n / ((uint64_t)EIGHT * EIGHT));

		to = lt_digits(to, high, lt_digit_count(high));
		n %= (uint64_t)EIGHT * EIGHT;
	}
	if (to > start || n >= EIGHT) {
		uint32_t middle = (uint32_t)(n / EIGHT);

		to = lt_digits(to, middle, to > start ? 8 : lt_digit_count(middle));
		n %= EIGHT;
	}
	return lt_digits(to, (uint32_t)n, to > start ? 8 : lt_digit_count((uint32_t)n));
}
