#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/otter.h"

static char schema[] = "retl", info[] = "ring";
static const struct model_otter seven = { .on = true, .schema = schema, .has_channel = true, .channel = 7 };
static const struct model_otter ring = { .on = true, .schema = schema, .info = info };

/* The image is an array of values. */
static bool
decode(const struct change_table *table, const struct change_image *image, struct lt_arena *scratch,
    struct change_value *out, struct lt_err *err)
{
	(void)scratch;
	(void)err;
	memcpy(out, image->bytes.ptr, table->ncolumns * sizeof(*out));
	return true;
}

static const struct change_codec codec = { "test", decode };
static const struct change_column unnamed[3];
static const struct change_column named[4] = { { .name = { "extra", 5 } }, { .name = { "CHANNEL_INFO", 12 } },
	{ .name = { "channel_id", 10 } }, { .name = { "id", 2 } } };

static struct change_value
number(uint64_t n)
{
	return (struct change_value){ .kind = CHANGE_INT, .u64 = n };
}

static struct change_value
text(const char *t)
{
	if (t == NULL)
		return (struct change_value){ .kind = CHANGE_NULL };
	return (struct change_value){ .kind = CHANGE_TEXT, .bytes = lt_str_z(t) };
}

static struct change_image
image_of(const struct change_value *values, size_t n)
{
	return (struct change_image){ .bytes = lt_str_of(values, n * sizeof(*values)) };
}

static enum pipeline_otter_says
look(const struct model_otter *o, const struct change_row *row)
{
	struct lt_arena *scratch = lt_arena_new();
	enum pipeline_otter_says says = PIPELINE_OTTER_NOTHING;

	assert_true(pipeline_otter_look(o, row, scratch, &says, NULL));
	lt_arena_free(scratch);
	return says;
}

/* An insert of (1, channel, info) into a table that the log does not name. */
static enum pipeline_otter_says
insert(const struct model_otter *o, uint64_t channel, const char *channel_info)
{
	struct change_table table = { .ncolumns = 3, .columns = unnamed, .codec = &codec };
	struct change_value values[3] = { number(1), number(channel), text(channel_info) };
	struct change_row row = { .op = CHANGE_INSERT, .table = &table, .after = image_of(values, 3) };

	return look(o, &row);
}

static void
knows_the_table_whatever_its_case(void **state)
{
	(void)state;
	assert_true(pipeline_otter_is_mark(&seven, LT_STR("retl"), LT_STR("RETL_MARK")));
	assert_false(pipeline_otter_is_mark(&seven, LT_STR("retl"), LT_STR("retl_buffer")));
	assert_false(pipeline_otter_is_mark(&seven, LT_STR("shop"), LT_STR("retl_mark")));
	assert_false(pipeline_otter_is_mark(NULL, LT_STR("retl"), LT_STR("retl_mark")));
	assert_false(pipeline_otter_is_mark(&(struct model_otter){ 0 }, LT_STR("retl"), LT_STR("retl_mark")));
}

static void
judges_as_otter_does(void **state)
{
	(void)state;
	assert_int_equal(insert(&seven, 7, NULL), PIPELINE_OTTER_OURS);
	assert_int_equal(insert(&seven, 8, NULL), PIPELINE_OTTER_NOTHING);
	assert_int_equal(insert(&seven, 0, NULL), PIPELINE_OTTER_NOTHING);
	assert_int_equal(insert(&seven, 8, "ring"), PIPELINE_OTTER_NOTHING);
	assert_int_equal(insert(&ring, 8, "ring"), PIPELINE_OTTER_OURS);
	assert_int_equal(insert(&ring, 8, "RING"), PIPELINE_OTTER_NOTHING);
	assert_int_equal(insert(&seven, 0, "batch_SYNC"), PIPELINE_OTTER_OPTED_OUT);
	assert_int_equal(insert(&seven, 7, "batch_sync"), PIPELINE_OTTER_OPTED_OUT);
	assert_int_equal(insert(&ring, 0, "_SYNC"), PIPELINE_OTTER_OPTED_OUT);
	assert_int_equal(insert(&ring, 0, "_SYNC_"), PIPELINE_OTTER_NOTHING);
	assert_int_equal(insert(&ring, 0, "SYNC"), PIPELINE_OTTER_NOTHING);
}

static void
the_end_mark_tells_by_what_it_was(void **state)
{
	struct change_table table = { .ncolumns = 4, .columns = named, .codec = &codec };
	struct change_value before[4] = { text("x"), text(NULL), number(7), number(1) },
			    after[4] = { text("x"), text(NULL), number(0), number(1) };
	struct change_row row = {
		.op = CHANGE_UPDATE, .table = &table, .before = image_of(before, 4), .after = image_of(after, 4)
	};

	(void)state;
	assert_int_equal(look(&seven, &row), PIPELINE_OTTER_OURS);
	row = (struct change_row){ .op = CHANGE_DELETE, .table = &table, .before = image_of(after, 4) };
	assert_int_equal(look(&seven, &row), PIPELINE_OTTER_NOTHING);
}

static void
a_table_of_another_shape_is_an_error(void **state)
{
	struct change_table table = { .ncolumns = 2, .columns = unnamed, .codec = &codec };
	struct change_row row = { .op = CHANGE_INSERT, .table = &table };
	struct lt_arena *scratch = lt_arena_new();
	enum pipeline_otter_says says;
	struct lt_err err = { 0 };

	(void)state;
	assert_false(pipeline_otter_look(&seven, &row, scratch, &says, &err));
	assert_int_equal(err.code, LT_E_SCHEMA_MISMATCH);
	lt_arena_free(scratch);
}

static void
the_mark_is_always_a_change(void **state)
{
	struct lt_buf sql[2] = { 0 };
	struct model_otter o = seven;

	(void)state;
	o.info = info;
	pipeline_otter_statements(&o, 301, sql);
	assert_string_equal(
	    lt_buf_cstr(&sql[0]), "UPDATE `retl`.`retl_mark` SET channel_id=0, channel_info=NULL WHERE id=301");
	assert_string_equal(lt_buf_cstr(&sql[1]),
	    "INSERT INTO `retl`.`retl_mark` (id, channel_id, channel_info) VALUES (301, 7, 'ring')"
	    " ON DUPLICATE KEY UPDATE channel_id=VALUES(channel_id), channel_info=VALUES(channel_info)");
	lt_buf_free(&sql[0]);
	lt_buf_free(&sql[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_the_table_whatever_its_case),
		cmocka_unit_test(judges_as_otter_does),
		cmocka_unit_test(the_end_mark_tells_by_what_it_was),
		cmocka_unit_test(a_table_of_another_shape_is_an_error),
		cmocka_unit_test(the_mark_is_always_a_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
