#include "binlog/json_priv.h"

size_t
json_take_length(struct lt_cur *in)
{
	uint64_t n = 0;

	for (unsigned shift = 0; shift < 35; shift += 7) {
		uint8_t b = lt_cur_u8(in);

		n |= (uint64_t)(b & 0x7f) << shift;
		if ((b & 0x80) == 0)
			return (size_t)n;
	}
	in->failed = true;
	return 0;
}

bool
json_cut(struct lt_err *err)
{
	return lt_fail(err, LT_E_CORRUPT, "JSON: a part lies outside of its bytes");
}

bool
json_is_inline(uint8_t type, size_t width)
{
	return type == JSON_LITERAL || type == JSON_INT16 || type == JSON_UINT16 ||
	       (width == 4 && (type == JSON_INT32 || type == JSON_UINT32));
}

bool
json_container_open(uint8_t type, struct lt_cur in, struct json_container *out, struct lt_err *err)
{
	struct json_container c = { .at = in.at, .len = lt_cur_left(&in) };
	size_t entry;

	c.object = type == JSON_SMALL_OBJECT || type == JSON_LARGE_OBJECT;
	c.width = type == JSON_SMALL_OBJECT || type == JSON_SMALL_ARRAY ? 2 : 4;
	c.count = (size_t)lt_cur_le(&in, c.width);
	c.size = (size_t)lt_cur_le(&in, c.width);
	c.size = LT_MIN(c.size, c.len);
	entry = 1 + c.width + (c.object ? c.width + 2 : 0);
	if (!lt_cur_ok(&in) || c.count > lt_cur_left(&in) / entry)
		return json_cut(err);
	*out = c;
	return true;
}

bool
json_container_key(const struct json_container *c, size_t i, struct lt_str *out, struct lt_err *err)
{
	const uint8_t *entry = c->at + 2 * c->width + i * (c->width + 2);
	size_t offset = (size_t)lt_le(entry, c->width), len = (size_t)lt_le(entry + c->width, 2);

	if (offset > c->len || len > c->len - offset)
		return json_cut(err);
	*out = lt_str_of(c->at + offset, len);
	return true;
}

bool
json_container_value(const struct json_container *c, size_t i, uint8_t *type, struct lt_cur *value, struct lt_err *err)
{
	size_t keys = c->object ? c->count * (c->width + 2) : 0;
	const uint8_t *entry = c->at + 2 * c->width + keys + i * (1 + c->width);
	size_t offset;

	*type = entry[0];
	if (json_is_inline(*type, c->width)) {
		*value = lt_cur_of(entry + 1, c->width);
		return true;
	}
	offset = (size_t)lt_le(entry + 1, c->width);
	if (offset > c->len)
		return json_cut(err);
	*value = lt_cur_of(c->at + offset, c->len - offset);
	return true;
}
