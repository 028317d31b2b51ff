#include "model/field.h"

#include <stdio.h>

#include "base/clock.h"
#include "model/channel.h"

enum { SHOWN_MAX = 48, GUESS_MAX = 32 };

/* A key as it may stand in a message: cut, without control characters. */
static void
show(struct lt_str s, char out[SHOWN_MAX + 1])
{
	lt_str_copy(out, SHOWN_MAX + 1, s);
	for (char *p = out; *p != '\0'; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	}
}

/* Edits (insert, delete, replace, swap of neighbours) from a to b. */
static size_t
distance(struct lt_str a, struct lt_str b)
{
	size_t d[GUESS_MAX + 1][GUESS_MAX + 1];

	if (a.len > GUESS_MAX || b.len > GUESS_MAX)
		return SIZE_MAX;
	for (size_t i = 0; i <= a.len; i++) {
		for (size_t j = 0; j <= b.len; j++) {
			size_t best;

			if (i == 0 || j == 0) {
				d[i][j] = i + j;
				continue;
			}
			best = d[i - 1][j - 1] + (a.ptr[i - 1] != b.ptr[j - 1]);
			best = LT_MIN(best, d[i - 1][j] + 1);
			best = LT_MIN(best, d[i][j - 1] + 1);
			if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1])
				best = LT_MIN(best, d[i - 2][j - 2] + 1);
			d[i][j] = best;
		}
	}
	return d[a.len][b.len];
}

bool
model_field_unknown(
    const struct model_yaml *key, const char *what, const char *const *known, size_t count, struct lt_err *err)
{
	size_t nearest = SIZE_MAX, which = 0;
	char name[SHOWN_MAX + 1];

	show(key->text, name);
	for (size_t i = 0; i < count; i++) {
		size_t d = distance(key->text, lt_str_z(known[i]));

		if (d < nearest) {
			nearest = d;
			which = i;
		}
	}
	if (nearest <= 2 || (nearest != SIZE_MAX && nearest * 3 <= key->text.len))
		return model_yaml_fail(
		    key, err, LT_E_CONFIG_KEY, "%s: unknown key `%s`; did you mean `%s`?", what, name, known[which]);
	return model_yaml_fail(key, err, LT_E_CONFIG_KEY, "%s: unknown key `%s`", what, name);
}

bool
model_field_map(
    const struct model_yaml *node, const char *what, const struct model_key *keys, size_t count, struct lt_err *err)
{
	const char *names[32];

	LT_ASSERT(count <= LT_COUNT(names));
	if (node->kind != MODEL_YAML_MAP)
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE, "%s: keys with values are wanted here", what);
	for (size_t i = 0; i < count; i++)
		names[i] = keys[i].name;
	for (const struct model_yaml *n = node->first; n != NULL; n = n->next) {
		size_t i = 0;

		while (i < count && !lt_str_eqz(n->key->text, names[i]))
			i++;
		if (i == count)
			return model_field_unknown(n->key, what, names, count, err);
	}
	for (size_t i = 0; i < count; i++) {
		if (keys[i].required && model_yaml_get(node, names[i]) == NULL)
			return model_yaml_fail(
			    node, err, LT_E_CONFIG_MISSING, "%s: the key `%s` is missing", what, names[i]);
	}
	return true;
}

bool
model_field_text(const struct model_yaml *node, const char *what, struct lt_str *out, struct lt_err *err)
{
	if (node->kind != MODEL_YAML_TEXT)
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE, "%s: a text is wanted here", what);
	if (model_yaml_is_null(node) || node->text.len == 0)
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE, "%s has no value", what);
	*out = node->text;
	return true;
}

bool
model_field_name(const struct model_yaml *node, const char *what, size_t max, struct lt_str *out, struct lt_err *err)
{
	struct lt_str text;

	if (!model_field_text(node, what, &text, err))
		return false;
	if (text.len > max)
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE, "%s: at most %zu characters", what, max);
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
			c == '-'))
			return model_yaml_fail(node, err, LT_E_CONFIG_VALUE, "%s: letters, digits, _ and - only", what);
	}
	*out = text;
	return true;
}

static struct lt_str
cut_end(struct lt_str s, size_t n)
{
	return lt_str_of(s.ptr, s.len - n);
}

/* digits times `unit`; false when no number or too large. */
static bool
scaled(struct lt_str text, uint64_t unit, uint64_t *out)
{
	uint64_t n;

	if (!lt_str_u64(text, &n) || n > UINT64_MAX / unit)
		return false;
	*out = n * unit;
	return true;
}

bool
model_field_number(
    const struct model_yaml *node, const char *what, struct model_bounds bounds, uint64_t *out, struct lt_err *err)
{
	struct lt_str text;
	uint64_t n;

	if (!model_field_text(node, what, &text, err))
		return false;
	if (!lt_str_u64(text, &n) || n < bounds.low || n > bounds.high)
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE, "%s: a number from %llu to %llu is wanted", what,
		    (unsigned long long)bounds.low, (unsigned long long)bounds.high);
	*out = n;
	return true;
}

bool
model_field_size(
    const struct model_yaml *node, const char *what, struct model_bounds bounds, size_t *out, struct lt_err *err)
{
	static const char units[] = "kmg";
	struct lt_str text;
	uint64_t unit = 1, n;
	const char *found;

	if (!model_field_text(node, what, &text, err))
		return false;
	found = strchr(units, text.ptr[text.len - 1] | 0x20);
	if (found != NULL && *found != '\0') {
		unit = (uint64_t)1 << (10 * (found - units + 1));
		text = cut_end(text, 1);
	}
	if (!scaled(text, unit, &n))
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE, "%s: a size is wanted, as 512K, 64M, 1G", what);
	if (n < bounds.low || n > bounds.high)
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE, "%s: from %lluK to %lluK are allowed", what,
		    (unsigned long long)(bounds.low >> 10), (unsigned long long)(bounds.high >> 10));
	*out = (size_t)n;
	return true;
}

bool
model_field_span(
    const struct model_yaml *node, const char *what, struct model_bounds bounds, uint64_t *out_ms, struct lt_err *err)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", 86400000 } };
	struct lt_str text;
	uint64_t unit = 1, n;

	if (!model_field_text(node, what, &text, err))
		return false;
	for (size_t i = 0; i < LT_COUNT(units); i++) {
		size_t len = strlen(units[i].name);

		if (text.len <= len || memcmp(text.ptr + text.len - len, units[i].name, len) != 0)
			continue;
		unit = units[i].ms;
		text = cut_end(text, len);
		break;
	}
	if (!scaled(text, unit, &n))
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE, "%s: a time is wanted, as 10ms, 2s, 1h", what);
	if (n < bounds.low || n > bounds.high)
		return model_yaml_fail(node, err, LT_E_CONFIG_VALUE, "%s: from %llums to %llums are allowed", what,
		    (unsigned long long)bounds.low, (unsigned long long)bounds.high);
	*out_ms = n;
	return true;
}

bool
model_field_ms(
    const struct model_yaml *node, const char *what, struct model_bounds bounds, unsigned *out, struct lt_err *err)
{
	uint64_t ms;

	LT_ASSERT(bounds.high <= UINT32_MAX);
	if (!model_field_span(node, what, bounds, &ms, err))
		return false;
	*out = (unsigned)ms;
	return true;
}

bool
model_field_switch(const struct model_yaml *node, const char *what, bool *out, struct lt_err *err)
{
	static const char *const words[] = { "off", "on", "false", "true", "no", "yes" };
	struct lt_str text;

	if (!model_field_text(node, what, &text, err))
		return false;
	for (size_t i = 0; i < LT_COUNT(words); i++) {
		if (lt_str_eqz(text, words[i])) {
			*out = i % 2 == 1;
			return true;
		}
	}
	return model_yaml_fail(node, err, LT_E_CONFIG_VALUE, "%s: on or off", what);
}

/* `n` digits at *at as a number of at most `max`; goes on behind them. */
static bool
take_digits(struct lt_str *at, size_t n, unsigned max, unsigned *out)
{
	uint64_t value;

	if (at->len < n || !lt_str_u64(lt_str_of(at->ptr, n), &value) || value > max)
		return false;
	*out = (unsigned)value;
	*at = lt_str_of(at->ptr + n, at->len - n);
	return true;
}

static bool
take_char(struct lt_str *at, const char *any)
{
	if (at->len == 0 || at->ptr[0] == '\0' || strchr(any, at->ptr[0]) == NULL)
		return false;
	*at = lt_str_of(at->ptr + 1, at->len - 1);
	return true;
}

/* Days since 1970-01-01 of a day in the Gregorian calendar. */
static int64_t
days_since_1970(unsigned year, unsigned month, unsigned day)
{
	int64_t y = (int64_t)year - (month <= 2), m = (int64_t)month + (month > 2 ? -3 : 9);

	return y * 365 + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + (int64_t)day - 1 - 719468;
}

static bool
take_zone(struct lt_str *at, int64_t *offset_s)
{
	unsigned hours, minutes;
	bool minus = at->len > 0 && at->ptr[0] == '-';

	*offset_s = 0;
	if (take_char(at, "Z"))
		return at->len == 0;
	if (!take_char(at, "+-") || !take_digits(at, 2, 14, &hours) || !take_char(at, ":") ||
	    !take_digits(at, 2, 59, &minutes))
		return false;
	*offset_s = (int64_t)(hours * 3600 + minutes * 60) * (minus ? -1 : 1);
	return at->len == 0;
}

bool
model_time_parse(struct lt_str at, uint64_t *out_us)
{
	unsigned year, month, day, hour, minute, second, micros = 0;
	int64_t offset_s, seconds;

	if (!take_digits(&at, 4, 9999, &year) || !take_char(&at, "-") || !take_digits(&at, 2, 12, &month) ||
	    !take_char(&at, "-") || !take_digits(&at, 2, 31, &day) || !take_char(&at, "T ") ||
	    !take_digits(&at, 2, 23, &hour) || !take_char(&at, ":") || !take_digits(&at, 2, 59, &minute) ||
	    !take_char(&at, ":") || !take_digits(&at, 2, 59, &second))
		return false;
	if (take_char(&at, ".")) {
		unsigned scale = 100000, digit;

		if (at.len == 0 || at.ptr[0] < '0' || at.ptr[0] > '9')
			return false;
		for (; scale > 0 && take_digits(&at, 1, 9, &digit); scale /= 10)
			micros += digit * scale;
	}
	if (!lt_day_exists(year, month, day) || !take_zone(&at, &offset_s))
		return false;
	seconds = days_since_1970(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - offset_s;
	if (seconds < 0)
		return false;
	*out_us = (uint64_t)seconds * 1000000 + micros;
	return true;
}

bool
model_field_time(const struct model_yaml *node, const char *what, uint64_t *out_us, struct lt_err *err)
{
	struct lt_str text;

	if (!model_field_text(node, what, &text, err))
		return false;
	if (!model_time_parse(text, out_us))
		return model_yaml_fail(
		    node, err, LT_E_CONFIG_VALUE, "%s: a time since 1970 is wanted, as 2026-11-22T08:00:00Z", what);
	return true;
}
