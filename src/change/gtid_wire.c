/* MySQL's binary GTID sets; declared in gtid.h. Source: MySQL sql/rpl_gtid_set.cc (Gtid_set::encode), seen on 9.7.
 *
 * Format 0: count u64, then uuid, span count u64, spans. Format 1 (tags): 0x01, count 48 bits, 0x01, then the same with
 * the tag's length (one byte, doubled) and the tag behind each uuid. A span is from u64, to u64 (exclusive). */
#include "base/cur.h"
#include "change/gtid_priv.h"

void
change_gtid_set_encode(const struct change_gtid_set *s, struct lt_buf *out)
{
	bool tagged = false;

	for (size_t i = 0; i < s->nsources; i++)
		tagged = tagged || s->sources[i].tag[0] != '\0';
	lt_buf_le(out, tagged ? (uint64_t)1 << 56 | (uint64_t)s->nsources << 8 | 1 : s->nsources, 8);
	for (size_t i = 0; i < s->nsources; i++) {
		const struct gtid_source *src = &s->sources[i];

		lt_buf_add(out, src->uuid, sizeof(src->uuid));
		if (tagged) {
			lt_buf_c(out, (char)(strlen(src->tag) * 2));
			lt_buf_z(out, src->tag);
		}
		lt_buf_le(out, src->nspans, 8);
		for (size_t k = 0; k < src->nspans; k++) {
			lt_buf_le(out, src->spans[k].from, 8);
			lt_buf_le(out, src->spans[k].to, 8);
		}
	}
}

static bool
decode_source(struct lt_cur *in, bool tagged, struct change_gtid_set *s, struct lt_err *err)
{
	const uint8_t *uuid = lt_cur_take(in, 16);
	size_t tag_len = tagged ? lt_cur_u8(in) : 0;
	struct lt_str text = lt_cur_bytes(in, tag_len / 2);
	uint64_t nspans = lt_cur_u64(in);
	char tag[33] = "";

	if (!lt_cur_ok(in) || nspans > lt_cur_left(in) / 16)
		return lt_fail(err, LT_E_TRUNCATED, "GTID set: it ends inside a source");
	if (tag_len % 2 != 0 || (tag_len > 0 && !gtid_tag_parse(text, tag)))
		return lt_fail(err, LT_E_CORRUPT, "GTID set: malformed tag");
	for (uint64_t i = 0; i < nspans; i++) {
		uint64_t from = lt_cur_u64(in);
		uint64_t to = lt_cur_u64(in);

		if (from == 0 || from >= to || to > GTID_SEQ_END)
			return lt_fail(err, LT_E_CORRUPT, "GTID set: malformed span");
		gtid_source_add(gtid_set_source(s, uuid, tag), from, to);
	}
	return true;
}

bool
change_gtid_set_decode(struct lt_str bytes, struct change_gtid_set **ret, struct lt_err *err)
{
	struct change_gtid_set *s = change_gtid_set_new();
	struct lt_cur in = lt_cur_str(bytes);
	uint64_t count = lt_cur_u64(&in);
	bool tagged = count >> 56 == 1;
	bool ok = false;

	if (!lt_cur_ok(&in)) {
		lt_fail(err, LT_E_TRUNCATED, "GTID set: %zu bytes, 8 wanted", bytes.len);
		goto out;
	}
	if (count >> 56 > 1 || (tagged && (count & 0xff) != 1)) {
		lt_fail(err, LT_E_CORRUPT, "GTID set: format %u is not known", (unsigned)(count >> 56));
		goto out;
	}
	if (tagged)
		count = count >> 8 & 0xffffffffffff;
	for (uint64_t i = 0; i < count; i++)
		if (!decode_source(&in, tagged, s, err))
			goto out;
	if (lt_cur_left(&in) != 0) {
		lt_fail(err, LT_E_CORRUPT, "GTID set: %zu bytes too many", lt_cur_left(&in));
		goto out;
	}
	*ret = s;
	s = NULL; /* now the caller's */
	ok = true;
out:
	change_gtid_set_free(s);
	return ok;
}
