/* model/yaml.h - a small YAML document: maps, lists and texts, each with its line and column.
 *
 * A strict part of YAML 1.1: one document, no anchors, aliases or tags, keys are texts and stand once in their map.
 * Whatever is refused is LT_E_CONFIG_SYNTAX with where.line and where.column. A document has one owner thread. */
#ifndef MODEL_YAML_H
#define MODEL_YAML_H

#include "base/err.h"
#include "base/str.h"

enum {
	MODEL_YAML_BYTES_MAX = 1 << 20,
	MODEL_YAML_NODES_MAX = 200000,
	MODEL_YAML_DEPTH_MAX = 16,
	MODEL_YAML_KEYS_MAX = 4096, /* in one map */
};

enum model_yaml_kind { MODEL_YAML_TEXT, MODEL_YAML_LIST, MODEL_YAML_MAP };

/** One node. All of it lives as long as its document. */
struct model_yaml {
	enum model_yaml_kind kind;
	uint32_t line, column;        /* 1-based; column in characters */
	struct lt_str text;           /* of a text; holds no zero byte */
	bool quoted;                  /* a text in quotes or a block: never null */
	const struct model_yaml *key; /* in a map: this value's key, a text */
	struct model_yaml *first, *last, *next;
	size_t count; /* children */
};

struct model_yaml_doc;

/** Parse. err->where.file is the caller's to set. `**ret` to model_yaml_free(). */
LT_MUST_USE bool model_yaml_parse(struct lt_str text, struct model_yaml_doc **ret, struct lt_err *err);
void model_yaml_free(struct model_yaml_doc *doc);
const struct model_yaml *model_yaml_root(const struct model_yaml_doc *doc);
/** The value of a key, or NULL. */
const struct model_yaml *model_yaml_get(const struct model_yaml *map, const char *key);
/** An unquoted nothing: `key:`, `key: ~`, `key: null`. */
bool model_yaml_is_null(const struct model_yaml *node);
/** Put the node's place into err->where. */
void model_yaml_at(const struct model_yaml *node, struct lt_err *err);
/** lt_fail() with the node's place. */
bool model_yaml_fail(const struct model_yaml *at, struct lt_err *err, enum lt_code code, const char *fmt, ...)
    LT_PRINTF(4, 5);

#endif
