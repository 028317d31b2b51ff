#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/site.h"

static struct model_site
parse(const char *url)
{
	struct model_site site = { 0 };
	struct lt_err err = { 0 };

	if (!model_site_parse_url(lt_str_z(url), &site, &err))
		fail_msg("%s: %s", url, err.message);
	return site;
}

static void
reads_user_hosts_and_ports(void **state)
{
	struct model_site s = parse("mysql://lu%40tra@db-1.example.org:3307,10.0.0.2,[fd00::1]:3308,[::2]/");

	(void)state;
	assert_string_equal(s.user, "lu@tra");
	assert_int_equal(s.nhosts, 4);
	assert_string_equal(s.hosts[0].name, "db-1.example.org");
	assert_int_equal(s.hosts[0].port, 3307);
	assert_string_equal(s.hosts[1].name, "10.0.0.2");
	assert_int_equal(s.hosts[1].port, 3306);
	assert_string_equal(s.hosts[2].name, "fd00::1");
	assert_int_equal(s.hosts[2].port, 3308);
	assert_string_equal(s.hosts[3].name, "::2");
	assert_int_equal(s.hosts[3].port, 3306);
	assert_int_equal(s.ssl_mode, MODEL_SSL_VERIFY_IDENTITY);
	assert_int_equal(s.connect_timeout_ms, 10000);
	model_site_clear(&s);
	assert_null(s.hosts);
}

static void
reads_options(void **state)
{
	struct model_site s =
	    parse("mariadb://"
		  "u@h?ssl-mode=verify_ca&ssl-ca=ca%20x.pem&ssl-cert=c.pem&ssl-key=%2fetc%2Fk.pem&connect-timeout=3");

	(void)state;
	assert_int_equal(s.ssl_mode, MODEL_SSL_VERIFY_CA);
	assert_string_equal(s.ssl_ca, "ca x.pem");
	assert_string_equal(s.ssl_cert, "c.pem");
	assert_string_equal(s.ssl_key, "/etc/k.pem");
	assert_int_equal(s.connect_timeout_ms, 3000);
	assert_null(s.socket);
	model_site_clear(&s);
	s = parse("mysql://u@h?compression-algorithms=ZSTD,uncompressed");
	assert_int_equal(s.compressions, 1u << MODEL_COMPRESSION_ZSTD | 1u << MODEL_COMPRESSION_NONE);
	model_site_clear(&s);
	s = parse("mysql://u@h?compression-algorithms=zlib");
	assert_int_equal(s.compressions, 1u << MODEL_COMPRESSION_ZLIB);
	model_site_clear(&s);
	s = parse("mysql://u@/?socket=/run/my.sock");
	assert_int_equal(s.compressions, 0);
	assert_string_equal(s.socket, "/run/my.sock");
	assert_int_equal(s.nhosts, 0);
	model_site_clear(&s);
}

static void
trusts_loopback_and_sockets_only(void **state)
{
	static const struct {
		const char *url;
		enum model_ssl_mode mode;
	} cases[] = {
		{ "mysql://u@127.0.0.1", MODEL_SSL_PREFERRED },
		{ "mysql://u@127.255.3.4:99", MODEL_SSL_PREFERRED },
		{ "mysql://u@LocalHost", MODEL_SSL_PREFERRED },
		{ "mysql://u@[::1]", MODEL_SSL_PREFERRED },
		{ "mysql://u@localhost/?socket=/s", MODEL_SSL_PREFERRED },
		{ "mysql://u@/?socket=/s", MODEL_SSL_PREFERRED },
		{ "mysql://u@128.0.0.1", MODEL_SSL_VERIFY_IDENTITY },
		{ "mysql://u@127.0.0.1.example.org", MODEL_SSL_VERIFY_IDENTITY },
		{ "mysql://u@localhost.example.org", MODEL_SSL_VERIFY_IDENTITY },
		{ "mysql://u@127.1", MODEL_SSL_VERIFY_IDENTITY },
		{ "mysql://u@[::2]", MODEL_SSL_VERIFY_IDENTITY },
		{ "mysql://u@localhost,far.example.org", MODEL_SSL_VERIFY_IDENTITY },
		{ "mysql://u@far?ssl-mode=DISABLED", MODEL_SSL_DISABLED },
		{ "mysql://u@localhost?ssl-mode=REQUIRED", MODEL_SSL_REQUIRED },
	};

	(void)state;
	for (size_t i = 0; i < LT_COUNT(cases); i++) {
		struct model_site s = parse(cases[i].url);

		if (s.ssl_mode != cases[i].mode)
			fail_msg("%s: mode %d", cases[i].url, (int)s.ssl_mode);
		model_site_clear(&s);
	}
}

static void
refuse(const char *url, enum lt_code code, const char *message)
{
	struct model_site site = { .id = 7 };
	struct lt_err err = { 0 };

	if (model_site_parse_url(lt_str_z(url), &site, &err))
		fail_msg("%s was taken", url);
	if (err.code != code || strstr(err.message, message) == NULL)
		fail_msg("%s: E%d %s", url, (int)err.code, err.message);
	assert_int_equal(site.id, 7); /* untouched */
	assert_null(strstr(err.message, "hunter2"));
}

static void
refuses_a_password_without_repeating_it(void **state)
{
	static const char *const urls[] = { "mysql://u:hunter2@h", "mysql://u:hunter2@h/?socket=/s",
		"mysql://u:hunter2@x@h", "mysql://u@x@h", "mysql://u:a/hunter2@h", "mysql://u:1?hunter2=x@h",
		"mysql://u:@h", "mysql://u:hunter2#a@h" };

	(void)state;
	for (size_t i = 0; i < LT_COUNT(urls); i++)
		refuse(urls[i], LT_E_CONFIG_SECRET, "password");
	refuse("u:hunter2@h", LT_E_CONFIG_VALUE, "must begin with");
	refuse(
	    "mysql://u@h?Hunter2=1&hunter2hunter2hunter2hunter2hunter2hunter2=1", LT_E_CONFIG_VALUE, "unknown option;");
}

static void
refuses_bad_urls(void **state)
{
	static const struct {
		const char *url, *message;
	} bad[] = {
		{ "", "must begin with" },
		{ "postgres://u@h", "must begin with" },
		{ "mysql://h", "user is missing" },
		{ "mysql://@h", "1 to 128" },
		{ "mysql://u@", "host is missing" },
		{ "mysql://u@h:0", "port" },
		{ "mysql://u@h:65536", "port" },
		{ "mysql://u@h:", "port" },
		{ "mysql://u@fd00::1", "port" },
		{ "mysql://u@[fd00::1", "]" },
		{ "mysql://u@[fd00::1]x", ":PORT" },
		{ "mysql://u@[nonsense]", "no host name" },
		{ "mysql://u@h,", "no host name" },
		{ "mysql://u@h h", "no host name" },
		{ "mysql://u@h/shop", "no schema" },
		{ "mysql://u@h#x", "no schema and no fragment" },
		{ "mysql://u@h?socket=/a#b", "fragment" },
		{ "mysql://u%4@h", "%XX" },
		{ "mysql://u%zz@h", "%XX" },
		{ "mysql://u%00@h", "control character" },
		{ "mysql://u@h?colour=red", "unknown option colour" },
		{ "mysql://u@h?ssl-mode=maybe", "ssl-mode is" },
		{ "mysql://u@h?ssl-mode=DISABLED&ssl-mode=REQUIRED", "twice" },
		{ "mysql://u@h?ssl-ca", "no value" },
		{ "mysql://u@h?ssl-ca=", "no value" },
		{ "mysql://u@h?ssl-cert=c.pem", "come together" },
		{ "mysql://u@h?connect-timeout=0", "connect-timeout" },
		{ "mysql://u@h?connect-timeout=5s", "connect-timeout" },
		{ "mysql://u@h?compression-algorithms=lz4", "compression-algorithms" },
		{ "mysql://u@h?compression-algorithms=zlib,", "compression-algorithms" },
		{ "mysql://u@h?compression-algorithms=", "compression-algorithms" },
		{ "mysql://u@far?socket=/s", "socket is on this host" },
		{ "mysql://u@localhost,127.0.0.1?socket=/s", "socket is on this host" },
	};

	(void)state;
	for (size_t i = 0; i < LT_COUNT(bad); i++)
		refuse(bad[i].url, LT_E_CONFIG_VALUE, bad[i].message);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_user_hosts_and_ports),
		cmocka_unit_test(reads_options),
		cmocka_unit_test(trusts_loopback_and_sockets_only),
		cmocka_unit_test(refuses_a_password_without_repeating_it),
		cmocka_unit_test(refuses_bad_urls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
