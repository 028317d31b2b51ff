#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cur.h"

static void
reads_integers_of_every_width(void **state)
{
	static const uint8_t wire[] = { 0x81, 0x92, 0xa3, 0xb4, 0xc5, 0xd6, 0xe7, 0xf8 };

	(void)state;
	for (size_t width = 0; width <= sizeof(wire); width++) {
		uint8_t *bytes = lt_realloc(NULL, width); /* so that a byte too many is found */
		struct lt_cur in = lt_cur_of(bytes, width);
		uint64_t le = 0, be = 0;

		for (size_t i = 0; i < width; i++) {
			bytes[i] = wire[i];
			le |= (uint64_t)wire[i] << (8 * i);
			be = be << 8 | wire[i];
		}
		assert_true(lt_le(bytes, width) == le);
		assert_true(lt_be(bytes, width) == be);
		assert_true(lt_cur_le(&in, width) == le);
		assert_true(lt_cur_ok(&in));
		assert_int_equal(lt_cur_u8(&in), 0);
		assert_false(lt_cur_ok(&in));
		free(bytes);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_integers_of_every_width),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
