#include "pipeline/select.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "binlog/source.h"

/* What a channel of that name would send on from the log: "t 1", "o 2", in order. */
static void
sent_on(const char *log, const char *channel, struct lt_buf *out, uint64_t *own)
{
	const struct model_entry all = { .from = LT_STR("shop.*") };
	struct binlog_options options = { .clock = lt_clock_real() };
	struct change_source *s = NULL;
	struct model_mapping *mapping = NULL;
	struct pipeline_select select;
	struct change_txn *t = NULL;
	struct lt_err err = { 0 };
	char path[1024];
	size_t bad;

	snprintf(path, sizeof(path), "%s/marks/%s", TESTS_DATA, log);
	assert_true(model_mapping_new(&all, 1, &mapping, &bad, &err));
	pipeline_select_init(&select, channel, mapping, NULL);
	pipeline_select_filter(&select, &options.filter, &options.describer);
	options.describer = (struct change_describer){ 0 }; /* no history here: the log names its columns */
	assert_true(binlog_file_open(path, 0, &options, &s, &err));
	while (change_source_next(s, 0, &t, &err) && t != NULL) {
		pipeline_select_txn(&select, t);
		for (size_t i = 0; i < t->nrows; i++) {
			const struct change_row *row = &t->rows[i];
			struct change_value values[2];

			assert_true(row->table->codec->decode(row->table,
			    row->op == CHANGE_INSERT ? &row->after : &row->before, select.scratch, values, &err));
			lt_buf_printf(out, "%.*s %lld, ", LT_FMT(row->table->name), (long long)values[0].i64);
		}
		change_txn_free(t);
	}
	assert_true(binlog_source_ended(s));
	*own = select.own;
	change_source_close(s);
	pipeline_select_clear(&select);
	model_mapping_free(mapping);
}

/* R16: logs of every released form of the marks are kept (tests/data/marks). */
static void
r16_marks_of_every_form_are_read(void **state)
{
	static const char here[] = "t 1, o 1, t 1, t 2, o 2, t 2, t 3, o 3, t 3, ";
	static const char there[] = "t 101, o 1, t 101, t 102, o 2, t 102, t 103, o 3, t 103, ";
	char path[1024];
	struct dirent *entry;
	size_t logs = 0;
	DIR *folder;

	(void)state;
	snprintf(path, sizeof(path), "%s/marks", TESTS_DATA);
	folder = opendir(path);
	assert_non_null(folder);
	while ((entry = readdir(folder)) != NULL) {
		bool mariadb = strstr(entry->d_name, "mariadb.log") != NULL;
		struct lt_buf out = { 0 };
		uint64_t own;

		if (!mariadb && strstr(entry->d_name, "mysql.log") == NULL)
			continue;
		logs++;
		sent_on(entry->d_name, "shop", &out, &own);
		assert_string_equal(lt_buf_cstr(&out), mariadb ? here : there);
		assert_true(own >= 6); /* and what claims and saves of progress wrote */
		lt_buf_free(&out);
	}
	closedir(folder);
	assert_true(logs >= 2);
}

/* U+FFFD stands where a statement's text could not be turned into UTF-8. */
static void
a_name_that_lost_a_character_may_be_anyones(void **state)
{
	static const struct {
		const char *sql;
		bool stops;
		enum lt_code code;
	} cases[] = {
		{ "CREATE TABLE other.t (a INT COMMENT '\xef\xbf\xbd')", false, LT_OK },
		{ "CREATE TABLE shop.t (a INT COMMENT '\xef\xbf\xbd')", true, LT_OK },
		{ "CREATE TABLE other.`t\xef\xbf\xbd` (a INT)", true, LT_OK },
		{ "DROP DATABASE `\xef\xbf\xbd`", true, LT_OK },
		{ "INSERT INTO other.t VALUES ('\xef\xbf\xbd')", false, LT_OK },
		{ "INSERT INTO `\xef\xbf\xbd`.t VALUES (1)", false, LT_E_STATEMENT_FORMAT },
		{ "GRANT SELECT ON other.* TO '\xef\xbf\xbd'@'%'", false, LT_OK },
	};
	const struct model_entry all = { .from = LT_STR("shop.*") };
	struct model_mapping *mapping = NULL;
	struct change_describer describer;
	struct pipeline_select select;
	struct change_filter filter;
	struct lt_err err = { 0 };
	size_t bad;

	(void)state;
	assert_true(model_mapping_new(&all, 1, &mapping, &bad, &err));
	pipeline_select_init(&select, "shop", mapping, NULL);
	pipeline_select_filter(&select, &filter, &describer);
	for (size_t i = 0; i < LT_COUNT(cases); i++) {
		err.code = LT_OK;
		assert_int_equal(
		    filter.ddl(filter.ctx, LT_STR("other"), lt_str_z(cases[i].sql), 0, &err), cases[i].stops);
		assert_int_equal(err.code, cases[i].code);
	}
	pipeline_select_clear(&select);
	model_mapping_free(mapping);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_that_lost_a_character_may_be_anyones),
		cmocka_unit_test(r16_marks_of_every_form_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
