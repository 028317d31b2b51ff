/* model/channel_priv.h - the pieces of reading a channel file. */
#ifndef MODEL_CHANNEL_PRIV_H
#define MODEL_CHANNEL_PRIV_H

#include "model/channel.h"
#include "model/yaml.h"

/** Read a whole regular file of at most `max` bytes, appended to `out`; secret: its mode must shut out group and
 * others. */
LT_MUST_USE bool model_read_file(const char *path, size_t max, bool secret, struct lt_buf *out, struct lt_err *err);

/** A file name of the channel file, which is relative to that file's folder. Owned by the caller. */
char *model_resolve(const char *path, struct lt_str name);

/** `sites`: fills c->sites. */
LT_MUST_USE bool model_channel_sites(
    struct model_channel *c, const struct model_yaml *node, const char *path, struct lt_err *err);
/** `start`: fills the pipelines' starts; NULL: now. */
LT_MUST_USE bool model_channel_start(struct model_channel *c, const struct model_yaml *node, struct lt_err *err);
/** `until`, `delay`: the same. */
LT_MUST_USE bool model_channel_until(struct model_channel *c, const struct model_yaml *node, struct lt_err *err);
LT_MUST_USE bool model_channel_delay(struct model_channel *c, const struct model_yaml *node, struct lt_err *err);
/** `otter`. */
LT_MUST_USE bool model_channel_otter(struct model_channel *c, const struct model_yaml *node, struct lt_err *err);
/** `conflicts` of a file whose sites and direction are read: fills c->conflicts. */
LT_MUST_USE bool model_channel_conflicts(
    struct model_channel *c, const struct model_yaml *root, const char *path, struct lt_err *err);
/** Once the mappings are there: an entry that names one table names one that is mapped. */
LT_MUST_USE bool model_channel_conflicts_mapped(
    const struct model_channel *c, const struct model_yaml *node, struct lt_err *err);
void model_conflicts_clear(struct model_conflicts *k);
/** Index of the site of that name. */
bool model_channel_site(const struct model_channel *c, struct lt_str name, size_t *index);
/** The names of all sites; `out` of MODEL_SITES_MAX. */
void model_channel_site_names(const struct model_channel *c, const char **out);
/** `tables`: fills the pipelines' mappings. */
LT_MUST_USE bool model_channel_tables(struct model_channel *c, const struct model_yaml *node, struct lt_err *err);

#endif
