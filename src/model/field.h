/* model/field.h - typed reading of what a channel file holds. Every failure carries the place of the key or value. */
#ifndef MODEL_FIELD_H
#define MODEL_FIELD_H

#include "model/yaml.h"

/** One key that a map may have. */
struct model_key {
	const char *name;
	bool required;
};

/** `node` must be a map with these keys only, the required ones among them. `what` names the map in messages. */
LT_MUST_USE bool model_field_map(
    const struct model_yaml *node, const char *what, const struct model_key *keys, size_t count, struct lt_err *err);
/** LT_E_CONFIG_KEY for a key, with the nearest of the names that are known. */
bool model_field_unknown(
    const struct model_yaml *key, const char *what, const char *const *known, size_t count, struct lt_err *err);
/** A text with at least one byte. */
LT_MUST_USE bool model_field_text(
    const struct model_yaml *node, const char *what, struct lt_str *out, struct lt_err *err);
/** A text of [A-Za-z0-9_-], 1 to `max` bytes. */
LT_MUST_USE bool model_field_name(
    const struct model_yaml *node, const char *what, size_t max, struct lt_str *out, struct lt_err *err);
/** The bounds of a number, both allowed. */
struct model_bounds {
	uint64_t low, high;
};
LT_MUST_USE bool model_field_number(
    const struct model_yaml *node, const char *what, struct model_bounds bounds, uint64_t *out, struct lt_err *err);
/** Bytes: 4096, 512K, 64M, 1G. */
LT_MUST_USE bool model_field_size(
    const struct model_yaml *node, const char *what, struct model_bounds bounds, size_t *out, struct lt_err *err);
/** Milliseconds: 10, 10ms, 2s, 5m, 1h, 7d. */
LT_MUST_USE bool model_field_span(
    const struct model_yaml *node, const char *what, struct model_bounds bounds, uint64_t *out_ms, struct lt_err *err);
/** The same in 32 bits. */
LT_MUST_USE bool model_field_ms(
    const struct model_yaml *node, const char *what, struct model_bounds bounds, unsigned *out, struct lt_err *err);
/** on or off (true, false, yes, no). */
LT_MUST_USE bool model_field_switch(const struct model_yaml *node, const char *what, bool *out, struct lt_err *err);
/** "2026-11-22T08:00:00.25Z", or with +01:00: microseconds since 1970 UTC. */
LT_MUST_USE bool model_field_time(
    const struct model_yaml *node, const char *what, uint64_t *out_us, struct lt_err *err);

#endif
