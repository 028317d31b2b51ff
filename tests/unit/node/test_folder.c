#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "arbiter/embedded.h"
#include "node/folder.h"

static char base[] = "/tmp/lutra-folder-XXXXXX";
static char dir[64];

static int
set_up(void **state)
{
	(void)state;
	if (mkdtemp(base) == NULL)
		return -1;
	snprintf(dir, sizeof(dir), "%s/data", base);
	return 0;
}

static int
tear_down(void **state)
{
	char path[80];

	(void)state;
	snprintf(path, sizeof(path), "%s/lock", dir);
	unlink(path);
	rmdir(dir);
	return rmdir(base);
}

static void
makes_it_private_and_takes_it_again(void **state)
{
	struct lt_err err = { 0 };
	struct stat st;

	(void)state;
	assert_true(node_folder_make(dir, &err));
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_true(node_folder_make(dir, &err));
}

static void
makes_what_is_missing_above(void **state)
{
	struct lt_err err = { 0 };
	char path[80];
	struct stat st;

	(void)state;
	snprintf(path, sizeof(path), "%s/var/lib//data/", base);
	assert_true(node_folder_make(path, &err));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_true(node_folder_make(path, &err));
	assert_int_equal(rmdir(path), 0);
	snprintf(path, sizeof(path), "%s/var/lib", base);
	assert_int_equal(rmdir(path), 0);
	snprintf(path, sizeof(path), "%s/var", base);
	assert_int_equal(rmdir(path), 0);

	snprintf(path, sizeof(path), "%s/file", base);
	assert_int_equal(mknod(path, S_IFREG | 0600, 0), 0);
	snprintf(path, sizeof(path), "%s/file/lib/data", base);
	assert_false(node_folder_make(path, &err));
	assert_int_equal(err.code, LT_E_FILE_IO);
	assert_non_null(strstr(err.message, "Not a directory"));
	snprintf(path, sizeof(path), "%s/file", base);
	assert_int_equal(unlink(path), 0);
	assert_false(node_folder_make("", &err));
}

static void
refuses_a_folder_that_others_may_enter(void **state)
{
	struct lt_err err = { 0 };

	(void)state;
	assert_int_equal(chmod(dir, 0710), 0);
	assert_false(node_folder_make(dir, &err));
	assert_int_equal(err.code, LT_E_FILE_IO);
	assert_int_equal(chmod(dir, 0700), 0);
}

static void
refuses_what_is_no_folder(void **state)
{
	struct lt_err err = { 0 };

	(void)state;
	assert_false(node_folder_make("/dev/null", &err));
	assert_int_equal(err.code, LT_E_FILE_IO);
}

static void
one_lock_at_a_time(void **state)
{
	struct arbiter_lock *one = NULL, *two = NULL;
	struct lt_err err = { 0 };

	(void)state;
	assert_true(arbiter_lock(dir, &one, &err));
	assert_false(arbiter_lock(dir, &two, &err));
	assert_int_equal(err.code, LT_E_DATA_DIR_BUSY);
	assert_null(two);
	arbiter_unlock(one);
	assert_true(arbiter_lock(dir, &two, &err));
	arbiter_unlock(two);
}

static void
an_address_fits_however_long_the_path_is(void **state)
{
	struct sockaddr_un addr;
	struct lt_err err = { 0 };
	char path[400];
	size_t n = (size_t)snprintf(path, sizeof(path), "%s", dir);
	int fd = -1;

	(void)state;
	while (n < 300)
		n += (size_t)snprintf(path + n, sizeof(path) - n, "/../data");
	assert_true(node_folder_socket(path, &addr, &fd, &err));
	close(fd);
	assert_false(node_folder_socket("/nowhere/at/all", &addr, &fd, &err));
	assert_int_equal(err.code, LT_E_NOT_RUNNING);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_it_private_and_takes_it_again),
		cmocka_unit_test(makes_what_is_missing_above),
		cmocka_unit_test(refuses_a_folder_that_others_may_enter),
		cmocka_unit_test(refuses_what_is_no_folder),
		cmocka_unit_test(one_lock_at_a_time),
		cmocka_unit_test(an_address_fits_however_long_the_path_is),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
