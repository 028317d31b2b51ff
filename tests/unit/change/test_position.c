#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "change/position.h"

static int
cmp(const char *file_a, uint64_t pos_a, const char *file_b, uint64_t pos_b)
{
	struct change_place a = { .pos = pos_a }, b = { .pos = pos_b };

	lt_str_copy(a.file, sizeof(a.file), lt_str_z(file_a));
	lt_str_copy(b.file, sizeof(b.file), lt_str_z(file_b));
	assert_int_equal(change_place_cmp(&a, &b) > 0, change_place_cmp(&b, &a) < 0);
	return change_place_cmp(&a, &b);
}

static void
places_go_by_number_then_byte(void **state)
{
	(void)state;
	assert_int_equal(cmp("log.000001", 4, "log.000001", 4), 0);
	assert_true(cmp("log.000001", 4, "log.000001", 5) < 0);
	assert_true(cmp("log.000002", 4, "log.000001", 5000000000) > 0);
	assert_true(cmp("log.999999", 900, "log.1000000", 4) < 0);
	assert_true(cmp("log.000009", 4, "log.10", 4) < 0);
	assert_true(cmp("a.000009", 4, "b.000001", 4) < 0);
	assert_true(cmp("", 0, "log.000001", 4) < 0);
	assert_true(cmp("log.18446744073709551616", 4, "log.18446744073709551615", 4) > 0);
}

static void
copies_stand_alone(void **state)
{
	struct change_position a, b;
	struct lt_buf text = { 0 };

	(void)state;
	change_position_init(&a);
	change_position_init(&b);
	lt_str_copy(a.place.file, sizeof(a.place.file), LT_STR("log.000003"));
	a.place.pos = 4711;
	change_gtid_set_add(a.gtids, &(struct change_gtid){ .kind = CHANGE_GTID_MARIADB, .server_id = 1, .seq = 42 });
	change_position_copy(&b, &a);
	change_position_clear(&a);
	change_position_json(&b, &text);
	assert_string_equal(lt_buf_cstr(&text), "{\"file\":\"log.000003\",\"pos\":4711,\"gtid\":\"0-1-42\"}");
	change_position_clear(&b);
	lt_buf_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_go_by_number_then_byte),
		cmocka_unit_test(copies_stand_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
