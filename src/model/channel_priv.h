/* model/channel_priv.h - the pieces of reading a channel file. */
#ifndef MODEL_CHANNEL_PRIV_H
#define MODEL_CHANNEL_PRIV_H

#include "model/channel.h"
#include "model/yaml.h"

/** Read a whole regular file of at most `max` bytes, appended to `out`; secret: its mode must shut out group and
 * others. */
LT_MUST_USE bool model_read_file(const char *path, size_t max, bool secret, struct lt_buf *out, struct lt_err *err);

/** `sites`: fills c->sites. */
LT_MUST_USE bool model_channel_sites(
    struct model_channel *c, const struct model_yaml *node, const char *path, struct lt_err *err);
/** `start`: fills the pipelines' starts; NULL: now. */
LT_MUST_USE bool model_channel_start(struct model_channel *c, const struct model_yaml *node, struct lt_err *err);
/** `tables`: fills the pipelines' mappings. */
LT_MUST_USE bool model_channel_tables(struct model_channel *c, const struct model_yaml *node, struct lt_err *err);

#endif
