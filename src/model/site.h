/* model/site.h - a database that takes part in a channel: how to reach it. */
#ifndef MODEL_SITE_H
#define MODEL_SITE_H

#include "base/err.h"
#include "base/str.h"

enum model_ssl_mode {
	MODEL_SSL_DISABLED,
	MODEL_SSL_PREFERRED,
	MODEL_SSL_REQUIRED,
	MODEL_SSL_VERIFY_CA,
	MODEL_SSL_VERIFY_IDENTITY
};

enum model_compression {
	MODEL_COMPRESSION_NONE,
	MODEL_COMPRESSION_ZLIB,
	MODEL_COMPRESSION_ZSTD,
	MODEL_COMPRESSION_COUNT
};

struct model_host {
	char *name; /* owned */
	uint16_t port;
};

struct model_site {
	char *name;
	uint32_t id;
	struct model_host *hosts; /* owned; several: tried in order */
	size_t nhosts;
	char *socket, *user, *password; /* owned; password wiped when freed */
	enum model_ssl_mode
	    ssl_mode; /* contract: PREFERRED on a socket or loopback, VERIFY_IDENTITY elsewhere, unless written */
	char *ssl_ca, *ssl_cert, *ssl_key;
	unsigned connect_timeout_ms;
	bool semi_sync;        /* its log is read as a semi-synchronous replica does (R23) */
	unsigned compressions; /* 1 << each enum model_compression that will do; 0: none is written */
};

/** "mysql://user@host:3306,host2/?socket=...&ssl-mode=..." (percent-encoding allowed) into `out`, zeroed before. A
 * password inside the URL is refused (LT_E_CONFIG_SECRET) without repeating it. */
LT_MUST_USE bool model_site_parse_url(struct lt_str url, struct model_site *out, struct lt_err *err);
/** The password that a file holds, the caller's to wipe and free: the file's mode is checked (LT_E_CONFIG_SECRET), one
 * trailing newline dropped. */
LT_MUST_USE bool model_password_read(const char *path, char **out, struct lt_err *err);
void model_site_clear(struct model_site *s);

#endif
