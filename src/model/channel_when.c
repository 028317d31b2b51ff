/* When a channel applies: `start`, `until`, `delay`. */
#include "change/gtid.h"
#include "model/channel_priv.h"
#include "model/field.h"

enum { LOG_NAME_MAX = 255 };
/* Thirty days. */
#define DELAY_MAX_MS UINT64_C(2592000000)

static const struct model_key moment_keys[] = { { "gtid", false }, { "file", false }, { "pos", false },
	{ "time", false } };

static bool
read_place(struct model_start *out, const struct model_yaml *node, const char *what, struct lt_err *err)
{
	const struct model_yaml *file = model_yaml_get(node, "file"), *pos = model_yaml_get(node, "pos");
	struct lt_str name;

	if (file == NULL || pos == NULL)
		return model_yaml_fail(node, err, LT_E_CONFIG_MISSING, "%s: file and pos come together", what);
	if (!model_field_text(file, "file", &name, err))
		return false;
	if (name.len > LOG_NAME_MAX || memchr(name.ptr, '/', name.len) != NULL)
		return model_yaml_fail(file, err, LT_E_CONFIG_VALUE,
		    "file: the name of a log is wanted, without a folder, as mysql-bin.000003");
	if (!model_field_number(pos, "pos", (struct model_bounds){ 4, INT64_MAX }, &out->pos, err))
		return false;
	out->kind = MODEL_START_PLACE;
	out->file = lt_str_dup(name);
	return true;
}

bool
model_gtid_check(struct lt_str text, struct lt_err *err)
{
	struct change_gtid_set *set = NULL;
	struct lt_err why = { 0 };
	bool empty;

	if (!change_gtid_set_parse(text, &set, &why))
		return lt_fail(err, LT_E_CONFIG_VALUE,
		    "%s; 0-1-42 (MariaDB) or UUID:1-42 (MySQL) is wanted, several with commas", why.message);
	empty = change_gtid_set_empty(set);
	change_gtid_set_free(set);
	return !empty || lt_fail(err, LT_E_CONFIG_VALUE, "no GTID is given");
}

static bool
read_gtid(struct model_start *out, const struct model_yaml *node, struct lt_err *err)
{
	struct lt_err why = { 0 };
	struct lt_str text;

	if (!model_field_text(node, "gtid", &text, err))
		return false;
	if (!model_gtid_check(text, &why))
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE, "gtid: %s", why.message);
	out->kind = MODEL_START_GTID;
	out->gtid = lt_str_dup(text);
	return true;
}

/* {gtid}, {file, pos} or {time}. */
static bool
read_moment(const struct model_yaml *node, const char *what, struct model_start *out, struct lt_err *err)
{
	const struct model_yaml *gtid, *time;
	size_t ways;

	if (node->kind != MODEL_YAML_MAP)
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE,
		    "%s: %s{ gtid: }, { file:, pos: } or { time: } is wanted", what,
		    strcmp(what, "start") == 0 ? "now, beginning, " : "");
	if (!model_field_map(node, what, moment_keys, LT_COUNT(moment_keys), err))
		return false;
	gtid = model_yaml_get(node, "gtid");
	time = model_yaml_get(node, "time");
	ways = (size_t)(gtid != NULL) + (time != NULL) +
	       (model_yaml_get(node, "file") != NULL || model_yaml_get(node, "pos") != NULL);
	if (ways != 1)
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE, "%s: one of gtid, file with pos, or time", what);
	if (gtid != NULL)
		return read_gtid(out, gtid, err);
	if (time == NULL)
		return read_place(out, node, what, err);
	if (!model_field_time(time, "time", &out->time_us, err))
		return false;
	out->kind = MODEL_START_TIME;
	return true;
}

/* `now` or `beginning`, which may stand for all sites too. */
static bool
read_start_word(enum model_start_kind *out, const struct model_yaml *node)
{
	bool now = node->kind == MODEL_YAML_TEXT && lt_str_eqz(node->text, "now");

	if (!now && !(node->kind == MODEL_YAML_TEXT && lt_str_eqz(node->text, "beginning")))
		return false;
	*out = now ? MODEL_START_NOW : MODEL_START_BEGINNING;
	return true;
}

/* The site that `key` names, whose log is read by pipelines of the channel. */
static bool
find_source(
    const struct model_channel *c, const struct model_yaml *key, const char *what, size_t *site, struct lt_err *err)
{
	const char *names[MODEL_SITES_MAX];

	model_channel_site_names(c, names);
	if (!model_channel_site(c, key->text, site))
		return model_field_unknown(key, what, names, c->nsites, err);
	for (size_t i = 0; i < c->npipelines; i++) {
		if (c->pipelines[i].from == *site)
			return true;
	}
	return model_yaml_fail(
	    key, err, LT_E_CONFIG_VALUE, "%s: the log of site %s is not read", what, c->sites[*site].name);
}

/* What holds for a log holds for each pipeline that reads it. */
static bool
read_source_start(struct model_channel *c, const struct model_yaml *node, struct lt_err *err)
{
	size_t site;

	if (!find_source(c, node->key, "start", &site, err))
		return false;
	for (size_t i = 0; i < c->npipelines; i++) {
		struct model_start *start = &c->pipelines[i].start;

		if (c->pipelines[i].from == site && !read_start_word(&start->kind, node) &&
		    !read_moment(node, "start", start, err))
			return false;
	}
	return true;
}

bool
model_channel_start(struct model_channel *c, const struct model_yaml *node, struct lt_err *err)
{
	enum model_start_kind all = MODEL_START_NOW;
	bool word = node == NULL || read_start_word(&all, node);

	for (size_t i = 0; i < c->npipelines; i++)
		c->pipelines[i].start.kind = all;
	if (word)
		return true;
	if (node->kind != MODEL_YAML_MAP || node->count == 0)
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE,
		    "start: now, beginning, or a place for each site whose log is read, is wanted");
	for (const struct model_yaml *n = node->first; n != NULL; n = n->next) {
		if (!read_source_start(c, n, err))
			return false;
	}
	return true;
}

static bool
read_source_until(struct model_channel *c, const struct model_yaml *node, struct lt_err *err)
{
	size_t site;

	if (!find_source(c, node->key, "until", &site, err))
		return false;
	for (size_t i = 0; i < c->npipelines; i++) {
		if (c->pipelines[i].from == site && !read_moment(node, "until", &c->pipelines[i].until, err))
			return false;
	}
	return true;
}

bool
model_channel_until(struct model_channel *c, const struct model_yaml *node, struct lt_err *err)
{
	if (node == NULL)
		return true;
	if (node->kind != MODEL_YAML_MAP || node->count == 0)
		return model_yaml_fail(
		    node, err, LT_E_CONFIG_VALUE, "until: a place for a site whose log is read is wanted");
	for (const struct model_yaml *n = node->first; n != NULL; n = n->next) {
		if (!read_source_until(c, n, err))
			return false;
	}
	return true;
}

static bool
read_delay(const struct model_yaml *node, unsigned *out, struct lt_err *err)
{
	return model_field_ms(node, "delay", (struct model_bounds){ 0, DELAY_MAX_MS }, out, err);
}

bool
model_channel_delay(struct model_channel *c, const struct model_yaml *node, struct lt_err *err)
{
	const char *names[MODEL_SITES_MAX * (MODEL_SITES_MAX - 1)];
	unsigned ms;

	if (node == NULL)
		return true;
	if (c->conflicts.on)
		return model_yaml_fail(node->key, err, LT_E_CONFIG_VALUE,
		    "delay: not where conflicts are decided: until a site has what another wrote, all that it writes itself is a conflict");
	for (size_t i = 0; i < c->npipelines; i++)
		names[i] = c->pipelines[i].name;
	if (node->kind != MODEL_YAML_MAP) {
		if (!read_delay(node, &ms, err))
			return false;
		for (size_t i = 0; i < c->npipelines; i++)
			c->pipelines[i].delay_ms = ms;
		return true;
	}
	for (const struct model_yaml *n = node->first; n != NULL; n = n->next) {
		size_t i = 0;

		while (i < c->npipelines && !lt_str_eqz(n->key->text, c->pipelines[i].name))
			i++;
		if (i == c->npipelines)
			return model_field_unknown(n->key, "delay", names, c->npipelines, err);
		if (!read_delay(n, &c->pipelines[i].delay_ms, err))
			return false;
	}
	return true;
}
