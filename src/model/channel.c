#include "model/channel.h"

#include <stdio.h>

#include "base/buf.h"
#include "model/channel_priv.h"
#include "model/field.h"

enum {
	CHANNEL_NAME_MAX = 64,
	WRITERS = 1,
	FAR_WRITERS = 4,
	GROUP_ROWS = 5000,
	GROUP_WAIT_MS = 20,
	GROUP_TIME_MS = 200,
	GROUP_TIME_TWO_WAY_MS = 10, /* a group holds locks that local writers wait for (R4) */
};

#define KILO ((uint64_t)1 << 10)
#define MEGA ((uint64_t)1 << 20)
#define GIGA ((uint64_t)1 << 30)
#define TERA ((uint64_t)1 << 40)
#define SPILL_BYTES (16 * GIGA)
#define RELAY_BYTES (16 * GIGA)

static const struct model_key channel_keys[] = { { "channel", true }, { "sites", true }, { "direction", true },
	{ "tables", true }, { "conflicts", false }, { "start", false }, { "until", false }, { "delay", false },
	{ "otter", false }, { "memory", false }, { "spill", false }, { "relay", false }, { "group", false },
	{ "verify", false }, { "writers", false }, { "mode", false }, { "commit-order", false },
	{ "sync-mode", false } };
static const struct model_key group_keys[] = { { "rows", false }, { "bytes", false }, { "time", false },
	{ "wait", false } };

static struct lt_str
trim(struct lt_str s)
{
	while (s.len > 0 && s.ptr[0] == ' ')
		s = lt_str_of(s.ptr + 1, s.len - 1);
	while (s.len > 0 && s.ptr[s.len - 1] == ' ')
		s.len--;
	return s;
}

bool
model_channel_site(const struct model_channel *c, struct lt_str name, size_t *index)
{
	for (size_t i = 0; i < c->nsites; i++) {
		if (lt_str_eqz(name, c->sites[i].name)) {
			*index = i;
			return true;
		}
	}
	return false;
}

void
model_channel_site_names(const struct model_channel *c, const char **out)
{
	for (size_t i = 0; i < c->nsites; i++)
		out[i] = c->sites[i].name;
}

const struct model_pipeline *
model_channel_back(const struct model_channel *c, const struct model_pipeline *p)
{
	for (size_t i = 0; i < c->npipelines; i++) {
		if (c->pipelines[i].from == p->to && c->pipelines[i].to == p->from)
			return &c->pipelines[i];
	}
	return NULL;
}

static void
make_pipeline(struct model_channel *c, size_t from, size_t to, bool two_way)
{
	struct model_pipeline *p = &c->pipelines[c->npipelines++];

	p->from = from;
	p->to = to;
	p->two_way = two_way;
	snprintf(p->name, sizeof(p->name), "%s->%s", c->sites[from].name, c->sites[to].name);
}

/* `mesh`, or another word for what joins more than two. */
static bool
read_topology(struct model_channel *c, const struct model_yaml *node, struct lt_err *err)
{
	if (lt_str_eqz(node->text, "star") || lt_str_eqz(node->text, "chain"))
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE,
		    "direction: a %.*s has a site that hands on what others wrote, and this version does not: mesh is wanted",
		    LT_FMT(node->text));
	if (!lt_str_eqz(node->text, "mesh"))
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE,
		    "direction: `a -> b` or `a <-> b` is wanted, with the names of two sites, or `mesh` for more");
	if (c->nsites == 2)
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE,
		    "direction: a mesh has three sites or more; two are `%s <-> %s`", c->sites[0].name,
		    c->sites[1].name);
	for (size_t from = 0; from < c->nsites; from++) {
		for (size_t to = 0; to < c->nsites; to++) {
			if (from != to)
				make_pipeline(c, from, to, true);
		}
	}
	return true;
}

static bool
read_direction(struct model_channel *c, const struct model_yaml *node, struct lt_err *err)
{
	struct lt_str text, left, right;
	const char *arrow;
	size_t from, to, width;
	bool two_way;

	if (!model_field_text(node, "direction", &text, err))
		return false;
	c->pipelines = lt_calloc(c->nsites * (c->nsites - 1), sizeof(*c->pipelines));
	arrow = strstr(text.ptr, "<->"); /* texts of a document end with a zero byte */
	two_way = arrow != NULL;
	width = two_way ? 3 : 2;
	if (arrow == NULL)
		arrow = strstr(text.ptr, "->");
	if (arrow == NULL)
		return read_topology(c, node, err);
	left = trim(lt_str_of(text.ptr, (size_t)(arrow - text.ptr)));
	right = trim(lt_str_of(arrow + width, text.len - (size_t)(arrow - text.ptr) - width));
	if (!model_channel_site(c, left, &from))
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE,
		    "direction: what stands at the left of the arrow is no site of this file");
	if (!model_channel_site(c, right, &to))
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE,
		    "direction: what stands at the right of the arrow is no site of this file");
	if (from == to)
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE, "direction: both ends are the same site");
	if (c->nsites > 2)
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE,
		    "direction: %zu sites are joined by `mesh`; an arrow is for two", c->nsites);
	make_pipeline(c, from, to, two_way);
	if (two_way)
		make_pipeline(c, to, from, two_way);
	return true;
}

static bool
read_group(struct model_channel *c, const struct model_yaml *node, struct lt_err *err)
{
	const struct model_yaml *rows, *bytes, *time, *wait;
	uint64_t n;

	if (node == NULL)
		return true;
	if (!model_field_map(node, "group", group_keys, LT_COUNT(group_keys), err))
		return false;
	rows = model_yaml_get(node, "rows");
	bytes = model_yaml_get(node, "bytes");
	time = model_yaml_get(node, "time");
	wait = model_yaml_get(node, "wait");
	c->group.grows = c->group.grows && rows == NULL && bytes == NULL && time == NULL;
	if (wait != NULL && !model_field_ms(wait, "wait", (struct model_bounds){ 1, 1000 }, &c->group.wait_ms, err))
		return false;
	if (rows != NULL) {
		if (!model_field_number(rows, "rows", (struct model_bounds){ 1, 1000000 }, &n, err))
			return false;
		c->group.rows = (size_t)n;
	}
	if (bytes != NULL &&
	    !model_field_size(bytes, "bytes", (struct model_bounds){ KILO, GIGA }, &c->group.bytes, err))
		return false;
	if (bytes != NULL && c->group.bytes > c->memory_bytes)
		return model_yaml_fail(bytes, err, LT_E_CONFIG_VALUE, "bytes: a group cannot be larger than `memory`");
	return time == NULL || model_field_ms(time, "time", (struct model_bounds){ 1, 60000 }, &c->group.time_ms, err);
}

/* What a key asks for cannot be had where conflicts are decided. */
static bool
not_with_conflicts(const struct model_channel *c, const struct model_yaml *node, const char *why, struct lt_err *err)
{
	return !c->conflicts.on || model_yaml_fail(node, err, LT_E_CONFIG_VALUE, "%s", why);
}

static bool
read_mode(struct model_channel *c, const struct model_yaml *node, struct lt_err *err)
{
	bool text = node != NULL && node->kind == MODEL_YAML_TEXT;

	if (node != NULL && !(text && (lt_str_eqz(node->text, "exact") || lt_str_eqz(node->text, "merge"))))
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE, "mode: exact or merge");
	c->mode = text && lt_str_eqz(node->text, "merge") ? MODEL_MODE_MERGE : MODEL_MODE_EXACT;
	return c->mode == MODEL_MODE_EXACT ||
	       not_with_conflicts(c, node,
		   "mode: where conflicts are decided each change is one by itself, and none is merged with another",
		   err);
}

static bool
read_spill(struct model_channel *c, const struct model_yaml *node, struct lt_err *err)
{
	size_t bytes = SPILL_BYTES;

	if (node != NULL && !model_field_size(node, "spill", (struct model_bounds){ MEGA, TERA }, &bytes, err))
		return false;
	c->spill_bytes = bytes;
	return true;
}

/* The log of a semi-synchronous site. Two ways it is refused (R23, docs/adr/0024): each side's commits, Lutra's own
 * among them, would wait for the other's acknowledgement. */
static bool
read_relay(struct model_channel *c, const struct model_yaml *root, struct lt_err *err)
{
	const struct model_yaml *node = model_yaml_get(root, "relay"), *sites = model_yaml_get(root, "sites");
	size_t bytes = RELAY_BYTES;
	bool any = false;

	for (size_t i = 0; i < c->nsites; i++) {
		const struct model_yaml *site = model_yaml_get(sites, c->sites[i].name);
		const struct model_yaml *key = site != NULL ? model_yaml_get(site, "semi-sync") : NULL;

		if (!c->sites[i].semi_sync)
			continue;
		any = true;
		if (c->pipelines[0].two_way)
			return model_yaml_fail(key, err, LT_E_CONFIG_VALUE,
			    "semi-sync: one-way channels only; two ways, commits would wait for each other's acknowledgement");
		if (i != c->pipelines[0].from)
			return model_yaml_fail(
			    key, err, LT_E_CONFIG_VALUE, "semi-sync: the log of site %s is not read", c->sites[i].name);
	}
	if (node != NULL && !any)
		return model_yaml_fail(node->key, err, LT_E_CONFIG_KEY, "relay: no site has `semi-sync`");
	if (node != NULL && !model_field_size(node, "relay", (struct model_bounds){ MEGA, TERA }, &bytes, err))
		return false;
	c->relay_bytes = bytes;
	return true;
}

static bool
read_sync(struct model_channel *c, const struct model_yaml *node, struct lt_err *err)
{
	if (node == NULL || (node->kind == MODEL_YAML_TEXT && lt_str_eqz(node->text, "field")))
		return true;
	if (node->kind != MODEL_YAML_TEXT || !lt_str_eqz(node->text, "row"))
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE, "sync-mode: field or row is wanted");
	if (!not_with_conflicts(c, node,
		"sync-mode: where conflicts are decided a row is what its writes made of it, not what it is at the source by then",
		err))
		return false;
	if (c->pipelines[0].two_way || c->writers > 1 || c->mode != MODEL_MODE_EXACT)
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE,
		    "sync-mode: rows that are read again come from another time than those around them: one way, with one of"
		    " `writers`, and not merged");
	c->sync = MODEL_SYNC_ROW;
	return true;
}

static bool
read_order(struct model_channel *c, const struct model_yaml *node, struct lt_err *err)
{
	if (node == NULL)
		return true;
	c->free_order = node->kind == MODEL_YAML_TEXT && lt_str_eqz(node->text, "free");
	if (c->free_order)
		return not_with_conflicts(c, node,
		    "commit-order: where conflicts are decided, what a site has seen of another is all up to a place: source is wanted",
		    err);
	if (node->kind == MODEL_YAML_TEXT && lt_str_eqz(node->text, "source"))
		return true;
	return model_yaml_fail(node, err, LT_E_CONFIG_VALUE, "commit-order: source or free is wanted");
}

static bool
read_limits(struct model_channel *c, const struct model_yaml *root, struct lt_err *err)
{
	const struct model_yaml *memory = model_yaml_get(root, "memory"), *verify = model_yaml_get(root, "verify"),
				*writers = model_yaml_get(root, "writers");
	bool two_way = c->pipelines[0].two_way, on = two_way;
	uint64_t n;

	c->memory_bytes = 256 * MEGA;
	if (memory != NULL &&
	    !model_field_size(memory, "memory", (struct model_bounds){ MEGA, TERA }, &c->memory_bytes, err))
		return false;
	if (!read_relay(c, root, err) || !read_spill(c, model_yaml_get(root, "spill"), err) ||
	    !read_mode(c, model_yaml_get(root, "mode"), err))
		return false;
	if (!read_order(c, model_yaml_get(root, "commit-order"), err))
		return false;
	c->writers = WRITERS;
	if (writers != NULL) {
		if (!model_field_number(writers, "writers", (struct model_bounds){ 1, 64 }, &n, err))
			return false;
		c->writers = (size_t)n;
	}
	c->group.rows = GROUP_ROWS;
	c->group.bytes = LT_MIN(4 * MEGA, c->memory_bytes / 4);
	c->group.wait_ms = GROUP_WAIT_MS;
	c->group.grows = !two_way;
	c->group.time_ms = two_way ? GROUP_TIME_TWO_WAY_MS : GROUP_TIME_MS;
	if (verify != NULL && two_way &&
	    !not_with_conflicts(c, verify->key,
		"verify: where conflicts are decided the row is found and locked first; tables of `policy: none` are compared always",
		err))
		return false;
	if (verify != NULL && !model_field_switch(verify, "verify", &on, err))
		return false;
	c->verify = on ? MODEL_VERIFY_ON : MODEL_VERIFY_OFF;
	if (!read_group(c, model_yaml_get(root, "group"), err) || !read_sync(c, model_yaml_get(root, "sync-mode"), err))
		return false;
	c->far_writers = writers == NULL && c->group.grows && c->sync != MODEL_SYNC_ROW ? FAR_WRITERS : c->writers;
	return true;
}

static bool
read_channel(struct model_channel *c, const struct model_yaml *root, const char *path, struct lt_err *err)
{
	struct lt_str name;

	if (!model_field_map(root, "channel file", channel_keys, LT_COUNT(channel_keys), err))
		return false;
	if (!model_field_name(model_yaml_get(root, "channel"), "channel", CHANNEL_NAME_MAX, &name, err))
		return false;
	c->name = lt_str_dup(name);
	return model_channel_sites(c, model_yaml_get(root, "sites"), path, err) &&
	       read_direction(c, model_yaml_get(root, "direction"), err) &&
	       model_channel_conflicts(c, root, path, err) &&
	       model_channel_start(c, model_yaml_get(root, "start"), err) &&
	       model_channel_until(c, model_yaml_get(root, "until"), err) &&
	       model_channel_delay(c, model_yaml_get(root, "delay"), err) &&
	       model_channel_otter(c, model_yaml_get(root, "otter"), err) && read_limits(c, root, err) &&
	       model_channel_tables(c, model_yaml_get(root, "tables"), err) &&
	       model_channel_conflicts_mapped(c, model_yaml_get(root, "conflicts"), err);
}

bool
model_channel_parse(struct lt_str text, const char *path, struct model_channel **ret, struct lt_err *err)
{
	struct model_channel *c = lt_new(struct model_channel);
	struct model_yaml_doc *doc = NULL;
	bool ok = false;

	if (!model_yaml_parse(text, &doc, err))
		goto out;
	if (!read_channel(c, model_yaml_root(doc), path, err))
		goto out;
	*ret = c;
	c = NULL; /* now the caller's */
	ok = true;
out:
	model_channel_free(c);
	model_yaml_free(doc);
	return ok;
}

bool
model_channel_load(const char *path, struct model_channel **ret, struct lt_err *err)
{
	struct lt_err e = { 0 }; /* its place is filled on the way, and must not stay in `err` on success */
	struct lt_buf text = { 0 };
	bool ok;

	lt_str_copy(e.where.file, sizeof(e.where.file), lt_str_z(path));
	ok = model_read_file(path, MODEL_YAML_BYTES_MAX, false, &text, &e) &&
	     model_channel_parse(lt_buf_str(&text), path, ret, &e);
	lt_buf_free(&text);
	if (!ok && err != NULL)
		*err = e;
	return ok;
}

static void
clear_pipeline(struct model_pipeline *p)
{
	model_mapping_free(p->mapping);
	free(p->start.gtid);
	free(p->start.file);
	free(p->until.gtid);
	free(p->until.file);
}

void
model_channel_free(struct model_channel *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->npipelines; i++)
		clear_pipeline(&c->pipelines[i]);
	free(c->pipelines);
	model_conflicts_clear(&c->conflicts);
	for (size_t i = 0; i < c->nsites; i++)
		model_site_clear(&c->sites[i]);
	free(c->sites);
	free(c->name);
	free(c->otter.schema);
	free(c->otter.info);
	free(c);
}
