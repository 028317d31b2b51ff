#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conflict/clock.h"
#include "converge/tables.h"

#define INTERVAL_US 1000000

static bool
decode(const struct change_table *table, const struct change_image *image, struct lt_arena *scratch,
    struct change_value *out, struct lt_err *err)
{
	(void)scratch, (void)err;
	memcpy(out, image->bytes.ptr, table->ncolumns * sizeof(*out));
	return true;
}

static const struct change_codec codec = { "test", decode };

/* Of a row of lutra.site that is inserted with that heartbeat. */
static bool
read_beat(struct change_value beat, struct converge_own *out, struct lt_err *err)
{
	struct change_value values[] = { { .kind = CHANGE_TEXT, .bytes = LT_STR("c") }, { .kind = CHANGE_UINT },
		{ .kind = CHANGE_TEXT }, { .kind = CHANGE_UINT }, beat, { .kind = CHANGE_TEXT } };
	struct change_table *table = change_table_new();
	struct change_row row = {
		.table = table, .op = CHANGE_INSERT, .after.bytes = lt_str_of((const char *)values, sizeof(values))
	};
	struct lt_arena *arena = lt_arena_new();
	bool ok;

	table->schema = LT_STR("lutra");
	table->name = LT_STR("site");
	table->ncolumns = LT_COUNT(values);
	table->codec = &codec;
	ok = converge_table_read(&row, "c", arena, out, err);
	lt_arena_free(arena);
	change_table_unref(table);
	return ok;
}

static void
a_heartbeat_has_a_time_or_none(void **state)
{
	struct converge_own own;
	struct lt_err err = { 0 };

	(void)state;
	assert_true(read_beat((struct change_value){ .kind = CHANGE_NULL }, &own, &err));
	assert_false(own.beat.timed);
	assert_true(read_beat((struct change_value){ .kind = CHANGE_INT, .i64 = 7 }, &own, &err));
	assert_true(own.beat.timed);
	assert_int_equal(own.beat.us, 7);
}

/* Somebody wrote it by hand: a clock that went on from there would run over. */
static void
a_time_beyond_all_clocks_is_refused(void **state)
{
	const int64_t beyond[] = { CONFLICT_CLOCK_MAX + 1, INT64_MAX, -1, INT64_MIN };
	struct change_value last = { .kind = CHANGE_INT, .i64 = CONFLICT_CLOCK_MAX };
	struct conflict_clock clock;
	struct converge_own own;
	struct lt_err err = { 0 };

	(void)state;
	for (size_t i = 0; i < LT_COUNT(beyond); i++) {
		err = (struct lt_err){ 0 };
		assert_false(read_beat((struct change_value){ .kind = CHANGE_INT, .i64 = beyond[i] }, &own, &err));
		assert_int_equal(err.code, LT_E_STATE_BROKEN);
	}
	assert_true(read_beat(last, &own, &err));
	conflict_clock_init(&clock, 1, INTERVAL_US);
	conflict_clock_beat(&clock, &own.beat.us);
	assert_true(conflict_clock_local(&clock, INT64_MAX).clock_us > CONFLICT_CLOCK_MAX);
	conflict_clock_free(&clock);
}

static bool
read_parked(struct change_value image, size_t columns, struct converge_parked_row *out, struct lt_err *err)
{
	struct change_value values[] = { { .kind = CHANGE_TEXT, .bytes = LT_STR("c") }, { .kind = CHANGE_BYTES },
		{ .kind = CHANGE_TEXT, .bytes = LT_STR("s") }, { .kind = CHANGE_TEXT, .bytes = LT_STR("t") },
		{ .kind = CHANGE_BYTES, .bytes = LT_STR("k") }, image };
	struct change_image bytes = { .bytes = lt_str_of((const char *)values, sizeof(values)) };
	struct change_table *table = change_table_new();
	struct lt_arena *arena = lt_arena_new();
	bool ok;

	table->schema = LT_STR("lutra");
	table->name = LT_STR("parked");
	table->ncolumns = columns;
	table->codec = &codec;
	assert_int_equal(converge_table_of(table->schema, table->name), CONVERGE_TABLE_PARKED);
	ok = converge_table_parked(table, &bytes, "c", arena, out, err);
	lt_arena_free(arena);
	change_table_unref(table);
	return ok;
}

static void
a_parked_row_has_its_key_and_its_image(void **state)
{
	const struct change_value image = { .kind = CHANGE_BYTES, .bytes = LT_STR("row") };
	struct converge_parked_row out;
	struct lt_err err = { 0 };

	(void)state;
	assert_true(read_parked(image, 6, &out, &err));
	assert_true(out.ours && lt_str_eqz(out.schema, "s") && lt_str_eqz(out.table, "t"));
	assert_true(lt_str_eqz(out.key, "k") && lt_str_eqz(out.image, "row"));
	assert_false(read_parked(image, 5, &out, &err));
	assert_int_equal(err.code, LT_E_STATE_BROKEN);
	assert_false(read_parked((struct change_value){ .kind = CHANGE_NULL }, 6, &out, &err));
	assert_int_equal(err.code, LT_E_STATE_BROKEN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_heartbeat_has_a_time_or_none),
		cmocka_unit_test(a_time_beyond_all_clocks_is_refused),
		cmocka_unit_test(a_parked_row_has_its_key_and_its_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
