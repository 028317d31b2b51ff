#include "model/site.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "base/buf.h"

/* No message here repeats a piece of the URL but the name of an option: a mistyped URL may hold a password anywhere. */

enum { PORT_DEFAULT = 3306, HOSTS_MAX = 16, NAME_MAX_BYTES = 253, VALUE_MAX = 1024, CONNECT_TIMEOUT_MS = 10000 };

enum option {
	OPT_SSL_MODE,
	OPT_SSL_CA,
	OPT_SSL_CERT,
	OPT_SSL_KEY,
	OPT_SOCKET,
	OPT_CONNECT_TIMEOUT,
	OPT_COMPRESSION,
	OPT_COUNT
};

static const char *const option_names[OPT_COUNT] = { "ssl-mode", "ssl-ca", "ssl-cert", "ssl-key", "socket",
	"connect-timeout", "compression-algorithms" };
static const char *const compressions[MODEL_COMPRESSION_COUNT] = { "uncompressed", "zlib", "zstd" };
static const char *const ssl_modes[] = { "DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY" };

static struct lt_str
rest_of(struct lt_str s, size_t from)
{
	return lt_str_of(s.ptr + from, s.len - from);
}

/* Offset of the first of `chars`, or the length. */
static size_t
find_any(struct lt_str s, const char *chars)
{
	size_t i = 0;

	while (i < s.len && (s.ptr[i] == '\0' || strchr(chars, s.ptr[i]) == NULL))
		i++;
	return i;
}

/* Percent-decode into a string of its own. */
static bool
decode(struct lt_str in, const char *what, char **ret, struct lt_err *err)
{
	char text[VALUE_MAX];
	size_t n = 0;

	for (size_t i = 0; i < in.len; i++) {
		char c = in.ptr[i];

		if (n + 1 >= sizeof(text))
			return lt_fail(err, LT_E_CONFIG_VALUE, "url: %s is too long", what);
		if (c == '%') {
			int high = in.len - i > 2 ? lt_hex_digit(in.ptr[i + 1]) : -1;
			int low = in.len - i > 2 ? lt_hex_digit(in.ptr[i + 2]) : -1;

			if (high < 0 || low < 0)
				return lt_fail(err, LT_E_CONFIG_VALUE,
				    "url: %%XX with two hex digits wanted in %s (%%25 for a percent sign)", what);
			c = (char)(high << 4 | low);
			i += 2;
		}
		if ((unsigned char)c < 0x20 || c == 0x7f)
			return lt_fail(err, LT_E_CONFIG_VALUE, "url: a control character in %s", what);
		text[n++] = c;
	}
	*ret = lt_str_dup(lt_str_of(text, n));
	return true;
}

static bool
host_chars_ok(const char *name, bool ipv6)
{
	struct in6_addr addr;
	char plain[INET6_ADDRSTRLEN + 1];

	if (ipv6) {
		lt_str_copy(plain, sizeof(plain), lt_str_of(name, strcspn(name, "%"))); /* a zone may follow */
		return inet_pton(AF_INET6, plain, &addr) == 1;
	}
	for (const char *p = name; *p != '\0'; p++) {
		bool ok = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
			  strchr(".-_", *p) != NULL;

		if (!ok)
			return false;
	}
	return name[0] != '\0';
}

static bool
parse_host(struct lt_str text, struct model_host *out, struct lt_err *err)
{
	struct lt_str name = text, port = { NULL, 0 };
	bool ipv6 = text.len > 0 && text.ptr[0] == '[', has_port = false;
	char *decoded = NULL;
	uint64_t number = PORT_DEFAULT;

	if (ipv6) {
		size_t end = find_any(text, "]");

		if (end == text.len)
			return lt_fail(err, LT_E_CONFIG_VALUE, "url: ] is missing behind an IPv6 address");
		name = lt_str_of(text.ptr + 1, end - 1);
		text = rest_of(text, end + 1);
		if (text.len > 0 && text.ptr[0] != ':')
			return lt_fail(err, LT_E_CONFIG_VALUE, "url: only :PORT may follow an IPv6 address");
		has_port = text.len > 0;
		port = has_port ? rest_of(text, 1) : text;
	} else {
		size_t colon = find_any(text, ":");

		name.len = colon;
		has_port = colon < text.len;
		if (has_port)
			port = rest_of(text, colon + 1);
	}
	if (has_port && (!lt_str_u64(port, &number) || number < 1 || number > 65535))
		return lt_fail(err, LT_E_CONFIG_VALUE,
		    "url: the port must be a number from 1 to 65535 (IPv6 addresses stand in [])");
	if (!decode(name, "the host name", &decoded, err))
		return false;
	if (strlen(decoded) > NAME_MAX_BYTES || !host_chars_ok(decoded, ipv6)) {
		free(decoded);
		return lt_fail(err, LT_E_CONFIG_VALUE, "url: that is no host name or address");
	}
	out->name = decoded;
	out->port = (uint16_t)number;
	return true;
}

static bool
parse_hosts(struct lt_str text, struct model_site *site, struct lt_err *err)
{
	if (text.len == 0)
		return true;
	site->hosts = lt_calloc(HOSTS_MAX, sizeof(*site->hosts));
	for (bool more = true; more;) {
		size_t comma = find_any(text, ",");

		more = comma < text.len;
		if (site->nhosts == HOSTS_MAX)
			return lt_fail(err, LT_E_CONFIG_VALUE, "url: more than %d hosts", HOSTS_MAX);
		if (!parse_host(lt_str_of(text.ptr, comma), &site->hosts[site->nhosts], err))
			return false;
		site->nhosts++;
		if (more)
			text = rest_of(text, comma + 1);
	}
	return true;
}

static bool
parse_authority(struct lt_str text, struct model_site *site, struct lt_err *err)
{
	size_t at = text.len;
	struct lt_str user;

	while (at > 0 && text.ptr[at - 1] != '@')
		at--;
	if (at == 0)
		return lt_fail(err, LT_E_CONFIG_VALUE, "url: the user is missing (mysql://user@host)");
	user = lt_str_of(text.ptr, at - 1);
	if (find_any(user, ":@") < user.len)
		return lt_fail(err, LT_E_CONFIG_SECRET,
		    "url: a password does not belong into the url (encode : as %%3A, @ as %%40 in a user name)");
	if (!decode(user, "the user name", &site->user, err))
		return false;
	if (site->user[0] == '\0' || strlen(site->user) > 128)
		return lt_fail(err, LT_E_CONFIG_VALUE, "url: the user name must have 1 to 128 bytes");
	return parse_hosts(rest_of(text, at), site, err);
}

static bool
parse_ssl_mode(const char *value, enum model_ssl_mode *out, struct lt_err *err)
{
	for (size_t i = 0; i < LT_COUNT(ssl_modes); i++) {
		if (lt_str_ieq(lt_str_z(value), lt_str_z(ssl_modes[i]))) {
			*out = (enum model_ssl_mode)i;
			return true;
		}
	}
	return lt_fail(
	    err, LT_E_CONFIG_VALUE, "url: ssl-mode is DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY");
}

/* A list, as MySQL's own clients take it. */
static bool
parse_compression(const char *value, unsigned *out, struct lt_err *err)
{
	struct lt_str text = lt_str_z(value);
	unsigned bits = 0;

	for (bool more = true; more;) {
		size_t comma = find_any(text, ","), i = 0;

		more = comma < text.len;
		while (i < LT_COUNT(compressions) && !lt_str_ieq(lt_str_of(text.ptr, comma), lt_str_z(compressions[i])))
			i++;
		if (i == LT_COUNT(compressions))
			return lt_fail(err, LT_E_CONFIG_VALUE,
			    "url: compression-algorithms is one or more of zstd, zlib and uncompressed, with commas between");
		bits |= 1u << i;
		if (more)
			text = rest_of(text, comma + 1);
	}
	*out = bits;
	return true;
}

/* Takes `value` over where it is kept. */
static bool
set_option(struct model_site *site, enum option opt, char **value, struct lt_err *err)
{
	char **slots[OPT_COUNT] = { [OPT_SSL_CA] = &site->ssl_ca,
		[OPT_SSL_CERT] = &site->ssl_cert,
		[OPT_SSL_KEY] = &site->ssl_key,
		[OPT_SOCKET] = &site->socket };
	uint64_t seconds;

	if ((*value)[0] == '\0')
		return lt_fail(err, LT_E_CONFIG_VALUE, "url: option %s has no value", option_names[opt]);
	if (opt == OPT_SSL_MODE)
		return parse_ssl_mode(*value, &site->ssl_mode, err);
	if (opt == OPT_COMPRESSION)
		return parse_compression(*value, &site->compressions, err);
	if (opt == OPT_CONNECT_TIMEOUT) {
		if (!lt_str_u64(lt_str_z(*value), &seconds) || seconds < 1 || seconds > 3600)
			return lt_fail(
			    err, LT_E_CONFIG_VALUE, "url: connect-timeout is a number of seconds from 1 to 3600");
		site->connect_timeout_ms = (unsigned)(seconds * 1000);
		return true;
	}
	*slots[opt] = *value;
	*value = NULL; /* now the site's */
	return true;
}

/* Only what looks like an option is repeated in a message. */
static bool
is_option_name(struct lt_str name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		if (!((c >= 'a' && c <= 'z') || c == '-' || c == '_'))
			return false;
	}
	return name.len <= 32;
}

static bool
parse_option(struct lt_str text, struct model_site *site, bool *seen, struct lt_err *err)
{
	size_t equals = find_any(text, "=");
	struct lt_str name = lt_str_of(text.ptr, equals);
	size_t opt = 0;
	char *value = NULL;
	bool ok;

	while (opt < OPT_COUNT && !lt_str_eqz(name, option_names[opt]))
		opt++;
	if (opt == OPT_COUNT)
		return lt_fail(err, LT_E_CONFIG_VALUE,
		    "url: unknown option%s%.*s; there are ssl-mode, ssl-ca, ssl-cert, ssl-key, socket, connect-timeout, "
		    "compression-algorithms",
		    is_option_name(name) ? " " : "", is_option_name(name) ? (int)name.len : 0, name.ptr);
	if (seen[opt])
		return lt_fail(err, LT_E_CONFIG_VALUE, "url: option %s stands twice", option_names[opt]);
	seen[opt] = true;
	if (!decode(equals < text.len ? rest_of(text, equals + 1) : rest_of(text, text.len), option_names[opt], &value,
		err))
		return false;
	ok = set_option(site, (enum option)opt, &value, err);
	free(value);
	return ok;
}

static bool
is_loopback(const char *name)
{
	struct in_addr four;
	struct in6_addr six;

	if (lt_str_ieq(lt_str_z(name), LT_STR("localhost")))
		return true;
	if (inet_pton(AF_INET, name, &four) == 1)
		return ntohl(four.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, name, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

static bool
all_loopback(const struct model_site *site)
{
	for (size_t i = 0; i < site->nhosts; i++) {
		if (!is_loopback(site->hosts[i].name))
			return false;
	}
	return true;
}

static bool
complete(struct model_site *site, const bool *seen, struct lt_err *err)
{
	if (site->nhosts == 0 && site->socket == NULL)
		return lt_fail(
		    err, LT_E_CONFIG_VALUE, "url: the host is missing (mysql://user@host, or the option socket)");
	if (site->socket != NULL && (site->nhosts > 1 || !all_loopback(site)))
		return lt_fail(err, LT_E_CONFIG_VALUE,
		    "url: a socket is on this host: write localhost, or no host, beside the option socket");
	if ((site->ssl_cert != NULL) != (site->ssl_key != NULL))
		return lt_fail(err, LT_E_CONFIG_VALUE, "url: ssl-cert and ssl-key come together");
	if (!seen[OPT_SSL_MODE])
		site->ssl_mode = all_loopback(site) ? MODEL_SSL_PREFERRED : MODEL_SSL_VERIFY_IDENTITY;
	if (!seen[OPT_CONNECT_TIMEOUT])
		site->connect_timeout_ms = CONNECT_TIMEOUT_MS;
	return true;
}

static bool
parse_query(struct lt_str text, struct model_site *site, bool *seen, struct lt_err *err)
{
	while (text.len > 0) {
		size_t amp = find_any(text, "&");

		if (!parse_option(lt_str_of(text.ptr, amp), site, seen, err))
			return false;
		text = rest_of(text, amp < text.len ? amp + 1 : amp);
	}
	return true;
}

static bool
parse_url(struct lt_str url, struct model_site *site, struct lt_err *err)
{
	bool seen[OPT_COUNT] = { false };
	struct lt_str rest;
	size_t end;

	if (lt_str_starts(url, LT_STR("mysql://")))
		rest = rest_of(url, strlen("mysql://"));
	else if (lt_str_starts(url, LT_STR("mariadb://")))
		rest = rest_of(url, strlen("mariadb://"));
	else
		return lt_fail(err, LT_E_CONFIG_VALUE, "url: it must begin with mysql:// or mariadb://");
	end = find_any(rest, "/?#");
	if (find_any(rest_of(rest, end), "@") < rest.len - end)
		return lt_fail(err, LT_E_CONFIG_SECRET,
		    "url: an @ behind the hosts: a password does not belong into the url (%%40 where a path has an @)");
	if (!parse_authority(lt_str_of(rest.ptr, end), site, err))
		return false;
	rest = rest_of(rest, end);
	if (rest.len > 0 && rest.ptr[0] == '/')
		rest = rest_of(rest, 1);
	if (rest.len > 0 && rest.ptr[0] != '?')
		return lt_fail(err, LT_E_CONFIG_VALUE,
		    "url: no schema and no fragment belong here; what is copied stands under `tables`");
	if (find_any(rest, "#") < rest.len)
		return lt_fail(err, LT_E_CONFIG_VALUE, "url: a fragment (#) has no meaning here; write %%23 in a path");
	if (rest.len > 0 && !parse_query(rest_of(rest, 1), site, seen, err))
		return false;
	return complete(site, seen, err);
}

bool
model_site_parse_url(struct lt_str url, struct model_site *out, struct lt_err *err)
{
	struct model_site site = { 0 };

	if (!parse_url(url, &site, err)) {
		model_site_clear(&site);
		return false;
	}
	*out = site;
	return true;
}

void
model_site_clear(struct model_site *s)
{
	for (size_t i = 0; i < s->nhosts; i++)
		free(s->hosts[i].name);
	free(s->hosts);
	if (s->password != NULL)
		lt_wipe(s->password, strlen(s->password));
	free(s->password);
	free(s->name);
	free(s->socket);
	free(s->user);
	free(s->ssl_ca);
	free(s->ssl_cert);
	free(s->ssl_key);
	*s = (struct model_site){ 0 };
}
