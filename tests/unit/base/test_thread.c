#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/thread.h"

struct work {
	struct lt_wake *done;
	int result; /* plain: the wake alone orders it (TSan looks) */
};

static void
work(void *arg)
{
	struct work *w = arg;

	w->result = 42;
	lt_wake_raise(w->done);
}

static void
shows_what_was_written_before_the_raise(void **state)
{
	struct work w = { .done = lt_wake_new() };
	struct lt_thread *t = lt_thread_start("work", work, &w);

	(void)state;
	assert_true(lt_wake_wait(w.done, -1));
	assert_int_equal(w.result, 42);
	lt_thread_join(t);
	lt_wake_free(w.done);
}

/* Who is woken frees what woke it, before the other thread ends. */
static void
may_be_freed_once_it_was_raised(void **state)
{
	(void)state;
	for (int i = 0; i < 200; i++) {
		struct work w = { .done = lt_wake_new() };
		struct lt_thread *t = lt_thread_start("work", work, &w);

		assert_true(lt_wake_wait(w.done, -1));
		lt_wake_free(w.done);
		lt_thread_join(t);
	}
}

static void
stays_raised_until_cleared(void **state)
{
	struct lt_wake *w = lt_wake_new();

	(void)state;
	assert_false(lt_wake_raised(w));
	lt_wake_raise(w);
	lt_wake_raise(w);
	assert_true(lt_wake_raised(w));
	assert_true(lt_wake_wait(w, 0));
	lt_wake_clear(w);
	assert_false(lt_wake_raised(w));
	lt_wake_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_what_was_written_before_the_raise),
		cmocka_unit_test(may_be_freed_once_it_was_raised),
		cmocka_unit_test(stays_raised_until_cleared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
