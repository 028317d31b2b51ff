#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "model/channel_priv.h"
#include "model/field.h"

enum { SITE_ID_MAX = 255, SITE_NAME_MAX = 32, PASSWORD_MAX = 1024 };

static const struct model_key site_keys[] = { { "id", true }, { "url", true }, { "password_file", false },
	{ "password_env", false }, { "semi-sync", false } };

static bool
read_all(int fd, const char *path, size_t max, struct lt_buf *out, struct lt_err *err)
{
	size_t before = out->len;

	for (;;) {
		ssize_t n = read(fd, lt_buf_reserve(out, 4096), 4096);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return lt_fail(err, LT_E_FILE_IO, "%s: %s", path, strerror(errno));
		if (n == 0)
			return true;
		out->len += (size_t)n;
		if (out->len - before > max)
			return lt_fail(err, LT_E_CONFIG_VALUE, "%s is larger than %zu bytes", path, max);
	}
}

bool
model_read_file(const char *path, size_t max, bool secret, struct lt_buf *out, struct lt_err *err)
{
	/* Not blocking: the path may name a pipe. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	bool ok = false;

	if (fd < 0)
		return lt_fail(err, LT_E_FILE_IO, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) != 0)
		lt_fail(err, LT_E_FILE_IO, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		lt_fail(err, LT_E_FILE_IO, "%s is not a regular file", path);
	else if (secret && (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)
		lt_fail(err, LT_E_CONFIG_SECRET, "%s: group or others may use this file (mode %04o)", path,
		    (unsigned)(st.st_mode & 07777));
	else
		ok = read_all(fd, path, max, out, err);
	close(fd);
	return ok;
}

char *
model_resolve(const char *path, struct lt_str name)
{
	const char *slash = strrchr(path, '/');
	struct lt_buf full = { 0 };
	char *copy;

	if (slash != NULL && name.len > 0 && name.ptr[0] != '/')
		lt_buf_add(&full, path, (size_t)(slash - path) + 1);
	lt_buf_str_add(&full, name);
	copy = lt_str_dup(lt_buf_str(&full));
	lt_buf_free(&full);
	return copy;
}

bool
model_password_read(const char *path, char **out, struct lt_err *err)
{
	struct lt_buf text = { 0 };
	bool ok = false;

	/* At once as large as it can become: growing would leave a copy of the secret behind. */
	lt_buf_reserve(&text, PASSWORD_MAX + 2 * 4096);
	if (!model_read_file(path, PASSWORD_MAX, true, &text, err))
		goto out;
	if (text.len > 0 && text.ptr[text.len - 1] == '\n')
		text.len -= text.len > 1 && text.ptr[text.len - 2] == '\r' ? 2 : 1;
	if (text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL) {
		lt_fail(err, LT_E_CONFIG_SECRET, "%s holds a zero byte: a password has none", path);
		goto out;
	}
	*out = lt_str_dup(lt_buf_str(&text));
	ok = true;
out:
	lt_buf_wipe(&text);
	return ok;
}

static bool
password_from_file(struct model_site *site, const struct model_yaml *node, const char *path, struct lt_err *err)
{
	struct lt_str name;
	char *full;
	bool ok;

	if (!model_field_text(node, "password_file", &name, err))
		return false;
	full = model_resolve(path, name);
	model_yaml_at(node, err);
	ok = model_password_read(full, &site->password, err);
	free(full);
	return ok;
}

static bool
password_from_env(struct model_site *site, const struct model_yaml *node, struct lt_err *err)
{
	struct lt_str name;
	const char *value;

	if (!model_field_text(node, "password_env", &name, err))
		return false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];
		bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';

		if (!letter && !(i > 0 && c >= '0' && c <= '9'))
			return model_yaml_fail(node, err, LT_E_CONFIG_VALUE,
			    "password_env: the name of an environment variable is wanted");
	}
	value = getenv(name.ptr); /* texts of a document end with a zero byte */
	if (value == NULL)
		return model_yaml_fail(node, err, LT_E_CONFIG_SECRET, "the environment variable %.*s is not set",
		    (int)LT_MIN(name.len, (size_t)64), name.ptr);
	site->password = lt_strdup(value);
	return true;
}

static bool
read_password(struct model_site *site, const struct model_yaml *node, const char *path, struct lt_err *err)
{
	const struct model_yaml *file = model_yaml_get(node, "password_file"),
				*env = model_yaml_get(node, "password_env");

	if (file != NULL && env != NULL)
		return model_yaml_fail(file->line > env->line || (file->line == env->line && file->column > env->column)
					   ? file->key
					   : env->key,
		    err, LT_E_CONFIG_VALUE, "either password_file or password_env, not both");
	if (file != NULL)
		return password_from_file(site, file, path, err);
	if (env != NULL)
		return password_from_env(site, env, err);
	site->password = lt_strdup("");
	return true;
}

/* TLS files and the socket are named relative to the channel file, as all files are. */
static bool
resolve_files(struct model_site *site, const struct model_yaml *url, const char *path, struct lt_err *err)
{
	char **files[] = { &site->ssl_ca, &site->ssl_cert, &site->ssl_key, &site->socket };

	for (size_t i = 0; i < LT_COUNT(files); i++) {
		char *relative = *files[i];

		if (relative == NULL)
			continue;
		*files[i] = model_resolve(path, lt_str_z(relative));
		free(relative);
	}
	if (site->socket != NULL && strlen(site->socket) > 107)
		return model_yaml_fail(url, err, LT_E_CONFIG_VALUE,
		    "url: the path of the socket is longer than the system takes (107 bytes)");
	return true;
}

static bool
read_semi_sync(struct model_site *site, const struct model_yaml *node, struct lt_err *err)
{
	const unsigned plain = 1u << MODEL_COMPRESSION_NONE;

	if (node == NULL)
		return true;
	if (!model_field_switch(node, "semi-sync", &site->semi_sync, err))
		return false;
	if (site->semi_sync && (site->compressions | plain) != plain)
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE,
		    "semi-sync: not over a compressed connection; take compression-algorithms out of the url");
	return true;
}

static bool
read_site(struct model_site *site, const struct model_yaml *node, const char *path, struct lt_err *err)
{
	const struct model_yaml *plain = node->kind == MODEL_YAML_MAP ? model_yaml_get(node, "password") : NULL;
	const struct model_yaml *url;
	struct lt_str name, text;
	uint64_t id;

	if (!model_field_name(node->key, "name of a site", SITE_NAME_MAX, &name, err))
		return false;
	if (plain != NULL)
		return model_yaml_fail(
		    plain->key, err, LT_E_CONFIG_SECRET, "a password does not belong into the channel file");
	if (!model_field_map(node, "site", site_keys, LT_COUNT(site_keys), err))
		return false;
	if (!model_field_number(model_yaml_get(node, "id"), "id", (struct model_bounds){ 1, SITE_ID_MAX }, &id, err))
		return false;
	url = model_yaml_get(node, "url");
	if (!model_field_text(url, "url", &text, err))
		return false;
	model_yaml_at(url, err);
	if (!model_site_parse_url(text, site, err))
		return false;
	site->name = lt_str_dup(name);
	site->id = (uint32_t)id;
	if (!read_semi_sync(site, model_yaml_get(node, "semi-sync"), err))
		return false;
	return resolve_files(site, url, path, err) && read_password(site, node, path, err);
}

static bool
add_site(struct model_channel *c, const struct model_yaml *node, const char *path, struct lt_err *err)
{
	struct model_site *site = &c->sites[c->nsites++];

	if (!read_site(site, node, path, err))
		return false;
	for (const struct model_site *other = c->sites; other != site; other++) {
		if (other->id == site->id)
			return model_yaml_fail(model_yaml_get(node, "id"), err, LT_E_CONFIG_VALUE,
			    "id: %u is taken by site %s", other->id, other->name);
	}
	return true;
}

bool
model_channel_sites(struct model_channel *c, const struct model_yaml *node, const char *path, struct lt_err *err)
{
	if (node->kind != MODEL_YAML_MAP)
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE, "sites: the sites by their names are wanted here");
	if (node->count < 2)
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE, "sites: a channel joins two sites or more");
	c->sites = lt_calloc(LT_MIN(node->count, (size_t)MODEL_SITES_MAX), sizeof(*c->sites));
	for (const struct model_yaml *n = node->first; n != NULL; n = n->next) {
		if (c->nsites == MODEL_SITES_MAX)
			return model_yaml_fail(
			    n->key, err, LT_E_CONFIG_VALUE, "sites: a channel joins %d sites at most", MODEL_SITES_MAX);
		if (!add_site(c, n, path, err))
			return false;
	}
	return true;
}
