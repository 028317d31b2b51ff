#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "mysql/conn_priv.h"
#include "unit/mysql/peer.h"

static void
greetings_of_both_servers_are_read(void **state)
{
	struct my_handshake hs;
	struct my_server server = { 0 };
	struct lt_err err = { 0 };

	(void)state;
	assert_true(my_handshake_decode(peer_greeting_mysql, &hs, &err));
	my_version_decode(hs.version, hs.caps, &server);
	assert_int_equal(server.flavor, MY_MYSQL);
	assert_int_equal(server.version, 90704);
	assert_string_equal(server.version_text, "9.7.4-2");
	assert_string_equal(hs.plugin, "caching_sha2_password");
	assert_int_equal(hs.thread_id, '=');
	assert_int_equal(hs.nonce_len, 20);
	assert_memory_equal(hs.nonce,
	    "\\\x18+^\\-\x11go-X\5\5\4\x19"
	    "a6k2\x18",
	    20);

	assert_true(my_handshake_decode(peer_greeting_mariadb, &hs, &err));
	my_version_decode(hs.version, hs.caps, &server);
	assert_int_equal(server.flavor, MY_MARIADB);
	assert_int_equal(server.version, 101119);
	assert_string_equal(server.version_text, "10.11.19-MariaDB-0+deb12u1-log");
}

static void
versions_are_told_apart(void **state)
{
	static const struct {
		const char *text;
		uint32_t caps, version;
		enum my_flavor flavor;
	} cases[] = {
		{ "8.0.36", 1, 80036, MY_MYSQL },
		{ "5.7.44-log", 1, 50744, MY_MYSQL },
		{ "11.8.9-MariaDB-ubu", 0, 110809, MY_MARIADB },
		{ "5.5.5-10.6.1", 0, 100601, MY_MARIADB },
		{ "10.5", 0, 100500, MY_MARIADB },
		{ "", 1, 0, MY_MYSQL },
		{ "99999999999999999999.1.1", 1, 9990000, MY_MYSQL },
		{ "5.5.5-x", 1, 50505, MY_MYSQL },
	};

	(void)state;
	for (size_t i = 0; i < LT_COUNT(cases); i++) {
		struct my_server server = { 0 };

		my_version_decode(cases[i].text, cases[i].caps, &server);
		assert_int_equal(server.version, cases[i].version);
		assert_int_equal(server.flavor, cases[i].flavor);
	}
}

static void
a_greeting_cut_anywhere_is_refused(void **state)
{
	(void)state;
	/* The name of the plug-in may lack its zero byte, and then its end cannot be seen. */
	for (size_t n = 0; n < peer_greeting_mysql.len - sizeof("caching_sha2_password") + 1; n++) {
		struct my_handshake hs = { .thread_id = 77 };
		struct lt_err err = { 0 };

		assert_false(my_handshake_decode(lt_str_of(peer_greeting_mysql.ptr, n), &hs, &err));
		assert_int_equal(err.code, n == 0 ? LT_E_NOT_MYSQL : LT_E_PROTOCOL);
		assert_int_equal(hs.thread_id, 77);
	}
}

static void
another_protocol_version_is_no_mysql(void **state)
{
	struct my_handshake hs;
	struct lt_err err = { 0 };

	(void)state;
	assert_false(my_handshake_decode(LT_STR("\x09"
						"5.5.5\0aaaabbbbbbbb\0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
	    &hs, &err));
	assert_int_equal(err.code, LT_E_NOT_MYSQL);
}

/* Every decoder meets every truncation of a good packet. */
static bool
decode(int which, struct lt_str packet, struct lt_err *err)
{
	struct my_reply reply;
	struct my_auth_switch sw;
	struct my_prepared prepared;
	struct lt_str cells[4];

	switch (which) {
	case 0: return my_ok_decode(packet, &reply, err);
	case 1: return my_eof_decode(packet, &reply, err);
	case 2: return my_column_decode(packet, cells, err);
	case 3: return my_text_row_decode(packet, 4, cells, err);
	case 4: return my_prepared_decode(packet, &prepared, err);
	default: return my_auth_switch_decode(packet, &sw, err);
	}
}

static void
every_truncation_is_refused(void **state)
{
	const struct lt_str good[] = { LT_STR("\0\xfc\1\2\5\2\0\0\0"), LT_STR("\xfe\0\0\2\0"), peer_column("name"),
		LT_STR("\3abc\xfb\0\xfc\2\0de"), LT_STR("\0\1\0\0\0\1\0\2\0\0\0\0"),
		LT_STR("\xfemysql_native_password\0") };

	(void)state;
	for (size_t i = 0; i < LT_COUNT(good); i++) {
		struct lt_err err = { 0 };
		char *exact;

		assert_true(decode((int)i, good[i], &err));
		for (size_t n = 0; n < good[i].len - (i == 4 ? 1 : 0); n++) {
			exact = lt_str_dup(lt_str_of(good[i].ptr, n));
			err = (struct lt_err){ 0 };
			assert_false(decode((int)i, lt_str_of(exact, n), &err));
			/* One byte alone is a whole packet with a meaning of its own. */
			assert_int_equal(err.code, i == 5 && n == 1 ? LT_E_AUTH_METHOD : LT_E_PROTOCOL);
			free(exact);
		}
	}
}

static void
rows_hold_null_and_empty_and_nothing_behind(void **state)
{
	struct lt_str cells[2];
	struct lt_err err = { 0 };

	(void)state;
	assert_true(my_text_row_decode(LT_STR("\xfb\0"), 2, cells, &err));
	assert_null(cells[0].ptr);
	assert_non_null(cells[1].ptr);
	assert_int_equal(cells[1].len, 0);
	assert_false(my_text_row_decode(LT_STR("\xfb\0\0"), 2, cells, &err));
	assert_false(my_text_row_decode(LT_STR("\xfe\xff\xff\xff\xff\xff\xff\xff\xff"), 1, cells, &err));
	assert_int_equal(err.code, LT_E_PROTOCOL);
}

static void
errors_come_with_and_without_sqlstate(void **state)
{
	struct lt_err err = { 0 };

	(void)state;
	assert_false(my_err_decode(LT_STR("\xff\x26\x04#23000Duplicate entry 'x' for key 'k'"), &err));
	assert_int_equal(err.server_errno, 1062);
	assert_int_equal(err.code, LT_E_DUPLICATE);
	assert_string_equal(err.sqlstate, "23000");
	assert_string_equal(err.message, "the server says 1062: Duplicate entry '...' for key 'k'");
	assert_false(my_err_decode(LT_STR("\xff\x10\x04Too many connections"), &err));
	assert_int_equal(err.code, LT_E_SERVER_BUSY);
	assert_string_equal(err.sqlstate, "");
	for (size_t n = 0; n < 3; n++) {
		assert_false(my_err_decode(lt_str_of("\xff\x26\x04", n), &err));
		assert_int_equal(err.code, LT_E_PROTOCOL);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(greetings_of_both_servers_are_read),
		cmocka_unit_test(versions_are_told_apart),
		cmocka_unit_test(a_greeting_cut_anywhere_is_refused),
		cmocka_unit_test(another_protocol_version_is_no_mysql),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(rows_hold_null_and_empty_and_nothing_behind),
		cmocka_unit_test(errors_come_with_and_without_sqlstate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
