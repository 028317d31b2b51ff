#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conflict/clock.h"
#include "converge/tables.h"
#include "values.h"

#define INTERVAL_US 1000000

static struct change_table *
new_table(const char *name, size_t columns)
{
	struct change_table *table = change_table_new();

	table->schema = LT_STR("lutra");
	table->name = lt_str_z(name);
	table->ncolumns = columns;
	table->codec = &values_codec;
	return table;
}

static struct change_image
image_of(const struct change_value *values, size_t n)
{
	return (struct change_image){ .bytes = lt_str_of(values, n * sizeof(*values)) };
}

/* Of a row of lutra.site with that heartbeat, the eighth behind the seventh where it is no insertion. */
static bool
read_site(
    enum change_op op, struct change_value beat, const char *channel, struct converge_own *out, struct lt_err *err)
{
	const struct change_value name = { .kind = CHANGE_TEXT, .bytes = LT_STR("c") },
				  number = { .kind = CHANGE_UINT };
	const struct change_value before[] = { name, number, name, { .kind = CHANGE_UINT, .u64 = 7 }, beat, name },
				  after[] = { name, number, name, { .kind = CHANGE_UINT, .u64 = 8 }, beat, name };
	struct change_table *table = new_table("site", LT_COUNT(after));
	struct change_row row = { .table = table,
		.op = op,
		.before = image_of(before, LT_COUNT(before)),
		.after = image_of(after, LT_COUNT(after)) };
	struct lt_arena *arena = lt_arena_new();
	bool ok = converge_table_read(&row, channel, arena, out, err);

	lt_arena_free(arena);
	change_table_unref(table);
	return ok;
}

static bool
read_beat(struct change_value beat, struct converge_own *out, struct lt_err *err)
{
	return read_site(CHANGE_INSERT, beat, "c", out, err);
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

static void
a_heartbeat_says_what_it_found_and_what_it_left(void **state)
{
	const struct change_value none = { .kind = CHANGE_NULL };
	struct converge_own own;
	struct lt_err err = { 0 };

	(void)state;
	assert_true(read_site(CHANGE_UPDATE, none, "c", &own, &err));
	assert_true(own.ours && own.beat.counts);
	assert_int_equal(own.beat.before, 7);
	assert_int_equal(own.beat.upto, 8);
	assert_true(read_site(CHANGE_INSERT, none, "c", &own, &err)); /* the first one */
	assert_true(own.ours && !own.beat.counts);
	assert_true(read_site(CHANGE_UPDATE, none, "other", &own, &err));
	assert_true(!own.ours && !own.beat.counts);
	assert_true(read_site(CHANGE_DELETE, none, "c", &own, &err));
	assert_false(own.ours);
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

/* Of whom, what kind of row, and with a number that may be none. */
static bool
read_lane(
    const char *channel, enum change_op op, struct change_value pos, struct converge_lane_row *out, struct lt_err *err)
{
	const struct change_value values[] = { { .kind = CHANGE_TEXT, .bytes = LT_STR("c") },
		{ .kind = CHANGE_TEXT, .bytes = LT_STR("b->a") }, { .kind = CHANGE_UINT }, { .kind = CHANGE_UINT },
		{ .kind = CHANGE_UINT, .u64 = 5 }, { .kind = CHANGE_TEXT, .bytes = LT_STR("server") },
		{ .kind = CHANGE_TEXT, .bytes = LT_STR("log.000002") }, pos, { .kind = CHANGE_UINT, .u64 = 90 },
		{ .kind = CHANGE_UINT, .u64 = UINT32_MAX } };
	struct change_table *table = new_table("lane", LT_COUNT(values));
	struct change_row row = { .table = table, .op = op, .after = image_of(values, LT_COUNT(values)) };
	struct lt_arena *arena = lt_arena_new();
	bool ok = converge_table_lane(&row, channel, arena, out, err);

	lt_arena_free(arena);
	change_table_unref(table);
	return ok;
}

static void
a_lane_says_how_far_it_had_read(void **state)
{
	const struct change_value pos = { .kind = CHANGE_UINT, .u64 = 100 };
	struct converge_lane_row out;
	struct lt_err err = { 0 };

	(void)state;
	assert_true(read_lane("c", CHANGE_UPDATE, pos, &out, &err));
	assert_true(out.ours && lt_str_eqz(out.pipeline, "b->a") && lt_str_eqz(out.server, "server"));
	assert_int_equal(out.seq, 5);
	assert_string_equal(out.place.file, "log.000002");
	assert_int_equal(out.place.pos, 100);
	assert_int_equal(out.place.last_pos, 90);
	assert_int_equal(out.place.last_crc, UINT32_MAX);
	assert_true(read_lane("other", CHANGE_UPDATE, pos, &out, &err));
	assert_false(out.ours);
	assert_true(read_lane("c", CHANGE_DELETE, pos, &out, &err));
	assert_false(out.ours);
	assert_false(read_lane("c", CHANGE_UPDATE, (struct change_value){ .kind = CHANGE_INT, .i64 = -1 }, &out, &err));
	assert_int_equal(err.code, LT_E_STATE_BROKEN);
}

static bool
read_parked(const char *channel, struct change_value key, struct change_value image, size_t columns,
    struct converge_parked_row *out, struct lt_err *err)
{
	const struct change_value values[] = { { .kind = CHANGE_TEXT, .bytes = LT_STR("c") }, { .kind = CHANGE_BYTES },
		{ .kind = CHANGE_TEXT, .bytes = LT_STR("s") }, { .kind = CHANGE_TEXT, .bytes = LT_STR("t") }, key,
		image };
	const struct change_image bytes = image_of(values, LT_COUNT(values));
	struct change_table *table = new_table("parked", columns);
	struct lt_arena *arena = lt_arena_new();
	bool ok;

	assert_int_equal(converge_table_of(table->schema, table->name), CONVERGE_TABLE_PARKED);
	ok = converge_table_parked(table, &bytes, channel, arena, out, err);
	lt_arena_free(arena);
	change_table_unref(table);
	return ok;
}

static void
a_parked_row_has_its_key_and_its_image(void **state)
{
	const struct change_value key = { .kind = CHANGE_BYTES, .bytes = LT_STR("k") }, none = { .kind = CHANGE_NULL },
				  image = { .kind = CHANGE_BYTES, .bytes = LT_STR("row") };
	struct converge_parked_row out;
	struct lt_err err = { 0 };

	(void)state;
	assert_true(read_parked("c", key, image, 6, &out, &err));
	assert_true(out.ours && lt_str_eqz(out.key, "k") && lt_str_eqz(out.image, "row"));
	assert_true(read_parked("other", key, image, 6, &out, &err));
	assert_false(out.ours);
	for (int i = 0; i < 3; i++) {
		err = (struct lt_err){ 0 };
		assert_false(read_parked("c", i == 0 ? none : key, i == 1 ? none : image, i == 2 ? 5 : 6, &out, &err));
		assert_int_equal(err.code, LT_E_STATE_BROKEN);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_heartbeat_has_a_time_or_none),
		cmocka_unit_test(a_heartbeat_says_what_it_found_and_what_it_left),
		cmocka_unit_test(a_time_beyond_all_clocks_is_refused),
		cmocka_unit_test(a_lane_says_how_far_it_had_read),
		cmocka_unit_test(a_parked_row_has_its_key_and_its_image),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
