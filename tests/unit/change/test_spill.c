#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "change/txn.h"

enum { COLUMNS = 10, TABLES = 2 };

/* A folder, two tables, and a transaction in the making. */
struct world {
	char dir[64], spills[80];
	struct change_spill_room room;
	struct change_table *tables[TABLES];
	struct change_txn *txn;
};

static int
setup(void **state)
{
	struct world *w = lt_new(struct world);

	snprintf(w->dir, sizeof(w->dir), "/tmp/lutra-test-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->spills, sizeof(w->spills), "%s/spill", w->dir);
	w->room.dir = w->spills;
	w->room.make = true;
	w->room.part_bytes = 1000;
	for (size_t i = 0; i < TABLES; i++) {
		w->tables[i] = change_table_new();
		w->tables[i]->ncolumns = COLUMNS;
	}
	w->txn = change_txn_new(CHANGE_TXN_ROWS);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	change_txn_free(w->txn);
	assert_int_equal(w->room.used, 0);
	assert_int_equal(w->room.handed, 0);
	for (size_t i = 0; i < TABLES; i++) {
		assert_int_equal(w->tables[i]->refs, 1);
		change_table_unref(w->tables[i]);
	}
	rmdir(w->spills); /* fails if a file were left, and then so does the next */
	assert_int_equal(rmdir(w->dir), 0);
	free(w);
	return 0;
}

/* Row number `i`, the same each time: every operation, every kind of image, sizes from none to larger than a part. */
static struct change_row
row(const struct world *w, uint32_t i)
{
	static const uint8_t maps[3][2] = { { 0xff, 0x01 }, { 0x0f, 0x02 }, { 0x01, 0x00 } };
	static char bytes[5000];
	size_t before = i % 97, after = i % 50 == 7 ? 3000 : i % 31;
	struct change_row r = { .op = (enum change_op)(i % 3), .flags = (uint16_t)(i * 7), .event = i / 5 };

	if (bytes[1] == 0)
		for (size_t k = 0; k < sizeof(bytes); k++)
			bytes[k] = (char)(k * 37 + 1);
	r.table = w->tables[i / 11 % TABLES];
	if (r.op != CHANGE_INSERT)
		r.before = (struct change_image){ lt_str_of(bytes + i % 7, before), i % 4 == 0 ? NULL : maps[i / 9 % 3],
			NULL };
	if (r.op != CHANGE_DELETE)
		r.after = (struct change_image){ lt_str_of(bytes + i % 11, after), i % 5 == 0 ? NULL : maps[i / 8 % 3],
			i % 6 == 1 ? maps[1] : NULL };
	return r;
}

static void
same_bits(const uint8_t *a, const uint8_t *b)
{
	assert_int_equal(a != NULL, b != NULL);
	if (a != NULL)
		assert_memory_equal(a, b, (COLUMNS + 7) / 8);
}

static void
same_row(const struct change_row *a, const struct change_row *b)
{
	assert_int_equal(a->op, b->op);
	assert_int_equal(a->flags, b->flags);
	assert_int_equal(a->event, b->event);
	assert_ptr_equal(a->table, b->table);
	assert_true(lt_str_eq(a->before.bytes, b->before.bytes));
	assert_true(lt_str_eq(a->after.bytes, b->after.bytes));
	same_bits(a->before.present, b->before.present);
	same_bits(a->after.present, b->after.present);
	same_bits(a->before.partial, b->before.partial);
	same_bits(a->after.partial, b->after.partial);
}

static void
add(struct world *w, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		struct change_row r = row(w, i);

		*change_txn_add_row(w->txn, r.table) = r;
	}
}

static void
spill(struct world *w)
{
	assert_true(change_txn_spill(w->txn, &w->room, NULL));
}

/* Reads it through; the parts. */
static size_t
holds(struct world *w, uint32_t rows)
{
	size_t parts = 0;
	uint32_t at = 0;
	bool got;

	assert_int_equal(change_txn_rows(w->txn), rows);
	change_txn_rewind(w->txn);
	for (;;) {
		assert_true(change_txn_part(w->txn, &got, NULL));
		if (!got)
			break;
		parts++;
		for (size_t i = 0; i < w->txn->nrows; i++, at++) {
			struct change_row want = row(w, at);

			same_row(&w->txn->rows[i], &want);
		}
	}
	assert_int_equal(at, rows);
	return parts;
}

static void
comes_back_in_parts_as_often_as_wanted(void **state)
{
	struct world *w = *state;
	size_t parts;

	for (uint32_t i = 0; i < 1000; i += 10) {
		add(w, i, i + 10);
		assert_int_equal(change_txn_rows(w->txn), i + 10);
		if (i % 30 == 0)
			spill(w);
	}
	assert_true(change_txn_seal(w->txn, NULL));
	assert_int_equal(change_txn_rows(w->txn), 1000);
	assert_int_equal(w->txn->nrows, 0);
	assert_true(w->room.used > 60000);
	parts = holds(w, 1000);
	assert_true(parts > 30);
	assert_int_equal(holds(w, 1000), parts);
	/* Not from its middle. */
	change_txn_rewind(w->txn);
	for (int i = 0; i < 5; i++)
		assert_true(change_txn_part(w->txn, &(bool){ false }, NULL));
	assert_int_equal(holds(w, 1000), parts);
}

static void
one_that_fits_is_a_single_part_and_needs_no_disk(void **state)
{
	struct world *w = *state;

	add(w, 0, 100);
	assert_true(change_txn_seal(w->txn, NULL));
	assert_int_equal(holds(w, 100), 1);
	assert_int_equal(holds(w, 100), 1);
	assert_int_equal(access(w->spills, F_OK), -1);
}

static void
holds_no_more_memory_than_a_part(void **state)
{
	struct world *w = *state;
	bool got = true;

	w->room.part_bytes = 20000;
	for (uint32_t i = 0; i < 20000; i += 100) {
		add(w, i, i + 100);
		spill(w);
		assert_true(change_txn_bytes(w->txn) < 120000);
	}
	assert_true(change_txn_seal(w->txn, NULL));
	assert_true(change_txn_bytes(w->txn) < 20000);
	while (got) {
		assert_true(change_txn_part(w->txn, &got, NULL));
		assert_true(change_txn_bytes(w->txn) < 200000);
	}
	assert_true(change_txn_bytes(w->txn) < 20000);
}

static void
its_file_has_no_name_and_is_private(void **state)
{
	struct world *w = *state;
	struct stat st;

	add(w, 0, 10);
	spill(w);
	assert_int_equal(stat(w->spills, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(rmdir(w->spills), 0); /* empty */
	assert_true(change_txn_seal(w->txn, NULL));
	holds(w, 10);
}

/* Rollback to a savepoint: in memory, in what was not written yet, in a block, between two, to nothing. */
static void
is_cut_anywhere_and_goes_on(void **state)
{
	struct world *w = *state;

	for (uint32_t keep = 0; keep <= 140; keep++) {
		change_txn_free(w->txn);
		w->txn = change_txn_new(CHANGE_TXN_ROWS);
		add(w, 0, 60);
		spill(w);
		add(w, 60, 120);
		spill(w);
		add(w, 120, 140);
		assert_true(change_txn_cut(w->txn, keep, NULL));
		assert_int_equal(change_txn_rows(w->txn), keep);
		add(w, keep, 150);
		spill(w);
		assert_true(change_txn_seal(w->txn, NULL));
		holds(w, 150);
	}
}

/* -- faults --------------------------------------------------------------------------------------- */

/* The descriptor of the spill. */
static int
find_file(const struct world *w)
{
	DIR *all = opendir("/proc/self/fd");
	const struct dirent *e;
	int found = -1;

	assert_non_null(all);
	while ((e = readdir(all)) != NULL) {
		char path[300], to[300] = "";

		snprintf(path, sizeof(path), "/proc/self/fd/%s", e->d_name);
		if (readlink(path, to, sizeof(to) - 1) > 0 && strncmp(to, w->spills, strlen(w->spills)) == 0)
			found = atoi(e->d_name);
	}
	closedir(all);
	assert_true(found >= 0);
	return found;
}

/* True: all rows came; else `err` says why not. What comes before a fault is right. */
static bool
reads(struct world *w, struct lt_err *err)
{
	uint32_t at = 0;
	bool got = true;

	*err = (struct lt_err){ 0 };
	change_txn_rewind(w->txn);
	while (got) {
		if (!change_txn_part(w->txn, &got, err))
			return false;
		for (size_t i = 0; i < w->txn->nrows; i++, at++) {
			struct change_row want = row(w, at);

			same_row(&w->txn->rows[i], &want);
		}
	}
	return at == change_txn_rows(w->txn);
}

static void
every_truncation_is_a_coded_error(void **state)
{
	struct world *w = *state;
	struct lt_err err;
	off_t size;
	int fd;

	add(w, 0, 30);
	spill(w);
	assert_true(change_txn_seal(w->txn, NULL));
	assert_true(reads(w, &err));
	fd = find_file(w);
	size = lseek(fd, 0, SEEK_END);
	assert_int_equal(size, w->room.used);
	for (off_t n = size - 1; n >= 0; n--) {
		assert_int_equal(ftruncate(fd, n), 0);
		assert_false(reads(w, &err));
		assert_int_equal(err.code, LT_E_SPILL_DAMAGED);
	}
	assert_non_null(strstr(err.message, w->spills));
}

static void
every_changed_byte_is_a_coded_error(void **state)
{
	struct world *w = *state;
	struct lt_err err;
	off_t size;
	int fd;

	add(w, 0, 40);
	spill(w);
	assert_true(change_txn_seal(w->txn, NULL));
	fd = find_file(w);
	size = lseek(fd, 0, SEEK_END);
	for (off_t at = 0; at < size; at++) {
		uint8_t was, is;

		assert_int_equal(pread(fd, &was, 1, at), 1);
		is = (uint8_t)(was ^ (1u << (at % 8)));
		assert_int_equal(pwrite(fd, &is, 1, at), 1);
		assert_false(reads(w, &err));
		assert_int_equal(err.code, LT_E_SPILL_DAMAGED);
		assert_int_equal(lt_err_kind(&err), LT_KIND_RETRY);
		assert_int_equal(pwrite(fd, &was, 1, at), 1);
	}
	assert_true(reads(w, &err));
}

/* Writes rows until it fails. */
static void
fill(struct world *w, struct lt_err *err)
{
	*err = (struct lt_err){ 0 };
	for (uint32_t i = 0; i < 100000; i += 10) {
		add(w, i, i + 10);
		if (!change_txn_spill(w->txn, &w->room, err))
			return;
	}
	fail_msg("it never failed");
}

static void
a_disk_that_takes_no_more_is_a_retry(void **state)
{
	struct world *w = *state;
	struct rlimit before, small;
	struct lt_err err;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	small = before;
	small.rlim_cur = 50000;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	fill(w, &err);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(err.code, LT_E_SPILL_IO);
	assert_int_equal(lt_err_kind(&err), LT_KIND_RETRY);
	assert_non_null(strstr(err.message, w->spills));
	assert_true(w->room.used <= 50000);
}

static void
a_folder_that_cannot_be_had_is_a_retry(void **state)
{
	struct world *w = *state;
	struct lt_err err = { 0 };

	w->room.dir = "/proc/none/spill";
	add(w, 0, 10);
	assert_false(change_txn_spill(w->txn, &w->room, &err));
	assert_int_equal(err.code, LT_E_SPILL_IO);
	assert_non_null(strstr(err.message, "/proc/none/spill"));
}

static void
a_transaction_over_the_limit_stops(void **state)
{
	struct world *w = *state;
	struct lt_err err;

	w->room.limit = 40000;
	fill(w, &err);
	assert_int_equal(err.code, LT_E_SPILL_LIMIT);
	assert_int_equal(lt_err_kind(&err), LT_KIND_FATAL);
	assert_true(w->room.used <= 40000);
}

static void
several_over_the_limit_wait_for_each_other(void **state)
{
	struct world *w = *state;
	struct change_txn *first = w->txn;
	struct lt_err err;

	w->room.limit = 40000;
	add(w, 0, 200);
	spill(w);
	assert_true(change_txn_seal(first, NULL));
	change_spill_hand_out(first->spill);
	w->txn = change_txn_new(CHANGE_TXN_ROWS);
	fill(w, &err);
	assert_int_equal(err.code, LT_E_SPILL_FULL);
	assert_int_equal(lt_err_kind(&err), LT_KIND_RETRY);
	assert_int_equal(w->room.handed, 1);
	change_txn_free(first);
	assert_int_equal(w->room.handed, 0);
	change_txn_free(w->txn);
	w->txn = change_txn_new(CHANGE_TXN_ROWS);
	add(w, 0, 200);
	spill(w);
}

/* Prepared XA transactions, or the parts of a compressed one: nobody will free them meanwhile. */
static void
what_is_not_handed_out_is_not_waited_for(void **state)
{
	struct world *w = *state;
	struct change_txn *first = w->txn;
	struct lt_err err;

	w->room.limit = 40000;
	add(w, 0, 200);
	spill(w);
	w->txn = change_txn_new(CHANGE_TXN_ROWS);
	fill(w, &err);
	assert_int_equal(err.code, LT_E_SPILL_LIMIT);
	change_txn_free(first);
}

static void
dropping_the_rows_frees_the_disk(void **state)
{
	struct world *w = *state;

	add(w, 0, 500);
	spill(w);
	add(w, 500, 510);
	assert_true(w->room.used > 0);
	change_txn_drop_rows(w->txn);
	assert_int_equal(w->room.used, 0);
	assert_int_equal(change_txn_rows(w->txn), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(comes_back_in_parts_as_often_as_wanted),
		TEST(one_that_fits_is_a_single_part_and_needs_no_disk),
		TEST(holds_no_more_memory_than_a_part),
		TEST(its_file_has_no_name_and_is_private),
		TEST(is_cut_anywhere_and_goes_on),
		TEST(every_truncation_is_a_coded_error),
		TEST(every_changed_byte_is_a_coded_error),
		TEST(a_disk_that_takes_no_more_is_a_retry),
		TEST(a_folder_that_cannot_be_had_is_a_retry),
		TEST(a_transaction_over_the_limit_stops),
		TEST(several_over_the_limit_wait_for_each_other),
		TEST(what_is_not_handed_out_is_not_waited_for),
		TEST(dropping_the_rows_frees_the_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
