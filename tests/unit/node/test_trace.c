/* What is left in the data folder of a pipeline that has begun. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/trace.h"

static char shop[] = "shop", attic[] = "attic";

static struct model_channel
channel_of(char *name)
{
	static struct model_pipeline pipelines[] = { { .name = "hz->us" }, { .name = "us->hz" } };

	return (struct model_channel){ .name = name, .pipelines = pipelines, .npipelines = 2 };
}

static bool
begun(const char *dir, char *name, size_t index)
{
	struct model_channel channel = channel_of(name);
	struct node_trace *t = node_trace_new(dir, &channel, index);
	struct pipeline_trace ops = node_trace_ops(t);
	bool is = ops.has_begun(ops.ctx);

	node_trace_free(t);
	return is;
}

static void
note(const char *dir, char *name, size_t index)
{
	struct model_channel channel = channel_of(name);
	struct node_trace *t = node_trace_new(dir, &channel, index);
	struct pipeline_trace ops = node_trace_ops(t);

	ops.note_begun(ops.ctx);
	node_trace_free(t);
}

static void
is_of_one_pipeline_of_one_channel(void **state)
{
	char dir[] = "/tmp/lutra-trace-XXXXXX", path[64];
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_false(begun(dir, shop, 0));
	note(dir, shop, 0);
	assert_true(begun(dir, shop, 0));
	assert_false(begun(dir, shop, 1));
	assert_false(begun(dir, attic, 0));
	note(dir, attic, 0);
	assert_true(begun(dir, attic, 0));
	assert_false(begun(dir, shop, 0));

	note(dir, shop, 0);
	snprintf(path, sizeof(path), "%s/begun.1", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	for (off_t n = 0; n < st.st_size; n++) {
		note(dir, shop, 0);
		assert_int_equal(truncate(path, n), 0);
		assert_false(begun(dir, shop, 0));
	}
	unlink(path);
	rmdir(dir);
}

static void
a_folder_that_is_gone_is_no_trace(void **state)
{
	(void)state;
	note("/tmp/lutra-trace-none", shop, 0);
	assert_false(begun("/tmp/lutra-trace-none", shop, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_of_one_pipeline_of_one_channel),
		cmocka_unit_test(a_folder_that_is_gone_is_no_trace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
