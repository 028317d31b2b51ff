#include "pipeline/connect.h"

enum { OLDEST_MYSQL = 50700, OLDEST_MARIADB = 100500 };

_Static_assert(
    (int)MODEL_SSL_VERIFY_IDENTITY == (int)MY_SSL_VERIFY_IDENTITY && (int)MODEL_SSL_PREFERRED == (int)MY_SSL_PREFERRED,
    "the model's modes are the wire's");
_Static_assert((int)MODEL_COMPRESSION_ZLIB == (int)MY_ZIP_ZLIB && (int)MODEL_COMPRESSION_COUNT == (int)MY_ZIP_COUNT,
    "the model's compressions are the wire's");

void
pipeline_site_addr(const struct model_site *site, size_t host, struct my_addr *out)
{
	*out = (struct my_addr){
		.socket = site->socket,
		.user = site->user,
		.password = site->password,
		.ssl_mode = (enum my_ssl_mode)site->ssl_mode,
		.ssl_ca = site->ssl_ca,
		.ssl_cert = site->ssl_cert,
		.ssl_key = site->ssl_key,
		.zip_kinds = site->compressions,
		.connect_timeout_ms = site->connect_timeout_ms,
		.io_timeout_ms = PIPELINE_IO_TIMEOUT_MS,
	};
	if (site->socket == NULL && host < site->nhosts) {
		out->host = site->hosts[host].name;
		out->port = site->hosts[host].port;
	}
}

size_t
pipeline_site_hosts(const struct model_site *site)
{
	return site->socket != NULL || site->nhosts == 0 ? 1 : site->nhosts;
}

static bool
check_version(const struct my_server *server, struct lt_err *err)
{
	uint32_t oldest = server->flavor == MY_MARIADB ? OLDEST_MARIADB : OLDEST_MYSQL;

	if (server->version >= oldest)
		return true;
	return lt_fail(err, LT_E_SERVER_UNSUPPORTED, "the server is %s %s, too old for Lutra",
	    server->flavor == MY_MARIADB ? "MariaDB" : "MySQL", server->version_text);
}

/* What a server may set for all sessions, and what would turn our statements into others or end the session at COMMIT.
 */
static const char base_session[] =
    "SET SESSION sql_mode='', sql_select_limit=18446744073709551615, sql_safe_updates=0, completion_type=0";

bool
pipeline_connect(
    const struct model_site *site, bool found_rows, struct lt_wake *stop, struct my_conn **ret, struct lt_err *err)
{
	struct lt_err why = { 0 }; /* of a host that is passed over nobody hears */
	struct my_conn *c = NULL;

	for (size_t i = 0; i < pipeline_site_hosts(site); i++) {
		struct my_addr addr;

		pipeline_site_addr(site, i, &addr);
		addr.found_rows = found_rows;
		addr.stop = stop;
		addr.session = base_session;
		if (my_connect(&addr, &c, &why))
			break;
		c = NULL;
	}
	if (c == NULL) {
		if (err != NULL)
			*err = why;
		return lt_wrap(err, "site %s", site->name);
	}
	if (!check_version(my_conn_server(c), err)) {
		my_close(c);
		return lt_wrap(err, "site %s", site->name);
	}
	*ret = c;
	return true;
}
