/* `otter`: the marks of a channel that runs in Otter too. */
#include "model/channel_priv.h"
#include "model/field.h"

enum { INFO_MAX = 128, SCHEMA_MAX = 64 };

static const struct model_key otter_keys[] = { { "channel", false }, { "info", false }, { "schema", false },
	{ "write", false } };

static bool
read_text(const struct model_yaml *node, const char *what, size_t max, char **out, struct lt_err *err)
{
	struct lt_str text;

	if (!model_field_text(node, what, &text, err))
		return false;
	if (text.len > max)
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE, "%s: at most %zu bytes", what, max);
	*out = lt_str_dup(text);
	return true;
}

bool
model_channel_otter(struct model_channel *c, const struct model_yaml *node, struct lt_err *err)
{
	const struct model_yaml *channel, *info, *schema, *write;
	struct model_otter *o = &c->otter;

	if (node == NULL)
		return true;
	if (!model_field_map(node, "otter", otter_keys, LT_COUNT(otter_keys), err))
		return false;
	if (c->conflicts.on)
		return model_yaml_fail(node->key, err, LT_E_CONFIG_VALUE,
		    "otter: not where conflicts are decided: what Otter applies has no version");
	channel = model_yaml_get(node, "channel");
	info = model_yaml_get(node, "info");
	schema = model_yaml_get(node, "schema");
	write = model_yaml_get(node, "write");
	o->on = true;
	o->has_channel = channel != NULL;
	if (channel != NULL &&
	    !model_field_number(channel, "channel", (struct model_bounds){ 1, INT32_MAX }, &o->channel, err))
		return false;
	if (info != NULL && !read_text(info, "info", INFO_MAX, &o->info, err))
		return false;
	if (schema == NULL)
		o->schema = lt_strdup("retl");
	else if (!read_text(schema, "schema", SCHEMA_MAX, &o->schema, err))
		return false;
	if (write != NULL && !model_field_switch(write, "write", &o->write, err))
		return false;
	if (o->write && !o->has_channel)
		return model_yaml_fail(write, err, LT_E_CONFIG_MISSING,
		    "write: it needs `channel`, the id that Otter knows the channel by");
	return true;
}
