#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "node/http.h"

static void
takes_loopback_addresses(void **state)
{
	static const struct {
		const char *listen, *host;
		uint16_t port;
	} good[] = { { "127.0.0.1:9100", "127.0.0.1", 9100 }, { "127.1.2.3:0", "127.1.2.3", 0 },
		{ "[::1]:65535", "::1", 65535 }, { "::1:80", "::1", 80 }, { "localhost:80", "127.0.0.1", 80 } };

	(void)state;
	for (size_t i = 0; i < LT_COUNT(good); i++) {
		struct lt_err err = { 0 };
		uint16_t port = 1;
		char host[64];

		assert_true(node_http_address(good[i].listen, host, &port, &err));
		assert_string_equal(host, good[i].host);
		assert_int_equal(port, good[i].port);
	}
}

static void
refuses_all_others(void **state)
{
	static const char *const bad[] = { "0.0.0.0:9100", "[::]:9100", ":9100", "9100", "10.0.0.1:80",
		"[::ffff:127.0.0.1]:80", "example.org:80", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:", "127.0.0.1",
		"128.0.0.1:80", "" };

	(void)state;
	for (size_t i = 0; i < LT_COUNT(bad); i++) {
		struct lt_err err = { 0 };
		uint16_t port;
		char host[64];

		assert_false(node_http_address(bad[i], host, &port, &err));
		assert_int_equal(err.code, LT_E_USAGE);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_loopback_addresses),
		cmocka_unit_test(refuses_all_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
