#include "cli/version.h"

#include <stdio.h>

#include <event2/event.h>
#include <openssl/crypto.h>
#include <sodium.h>
#include <yaml.h>
#include <zlib.h>
#include <zstd.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "cli/commands.h"
#include "script/script.h"

struct library {
	const char *name, *version;
};

static void
print_text(const struct library *libraries, size_t count)
{
	printf("lutra %s\ncommit %s\nbuild %s\n", VERSION_NUMBER, VERSION_COMMIT, VERSION_BUILD);
	for (size_t i = 0; i < count; i++)
		printf("%s %s\n", libraries[i].name, libraries[i].version);
}

static void
member(struct lt_buf *out, const char *key, const char *value)
{
	lt_json_key(out, key);
	lt_json_str(out, lt_str_z(value));
}

static void
print_json(const struct library *libraries, size_t count)
{
	struct lt_buf out = { 0 };

	lt_buf_c(&out, '{');
	member(&out, "version", VERSION_NUMBER);
	member(&out, "commit", VERSION_COMMIT);
	member(&out, "build", VERSION_BUILD);
	lt_json_key(&out, "libraries");
	lt_buf_c(&out, '{');
	for (size_t i = 0; i < count; i++)
		member(&out, libraries[i].name, libraries[i].version);
	lt_buf_z(&out, "}}");
	puts(lt_buf_cstr(&out));
	lt_buf_free(&out);
}

bool
cli_version(const struct cli_args *args, int *status, struct lt_err *err)
{
	char pcre2[64] = "";
	struct library libraries[] = {
		{ "openssl", OpenSSL_version(OPENSSL_VERSION_STRING) },
		{ "zlib", zlibVersion() },
		{ "zstd", ZSTD_versionString() },
		{ "libsodium", sodium_version_string() },
		{ "libevent", event_get_version() },
		{ "libyaml", yaml_get_version_string() },
		{ "pcre2", pcre2 },
		{ "lua", script_version() },
	};

	(void)status;
	(void)err;
	/* 24 characters at most for the version and its date. */
	if (pcre2_config(PCRE2_CONFIG_VERSION, NULL) < (int)sizeof(pcre2))
		pcre2_config(PCRE2_CONFIG_VERSION, pcre2);
	if (args->values[CLI_JSON] != NULL)
		print_json(libraries, LT_COUNT(libraries));
	else
		print_text(libraries, LT_COUNT(libraries));
	return true;
}
