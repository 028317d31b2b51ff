#include "change/gtid.h"

#include "base/digits.h"
#include "change/gtid_priv.h"

void
change_uuid_text(const uint8_t uuid[16], char out[37])
{
	static const char digits[] = "0123456789abcdef";
	char *p = out;

	for (size_t i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = digits[uuid[i] >> 4];
		*p++ = digits[uuid[i] & 15];
	}
	*p = '\0';
}

bool
gtid_uuid_parse(struct lt_str text, uint8_t out[16])
{
	uint8_t uuid[16] = { 0 };
	bool dashes = text.len == 36;
	size_t at = 0;

	if (!dashes && text.len != 32)
		return false;
	for (size_t i = 0; i < 32; i++) {
		int digit;

		if (dashes && (i == 8 || i == 12 || i == 16 || i == 20) && text.ptr[at++] != '-')
			return false;
		digit = lt_hex_digit(text.ptr[at++]);
		if (digit < 0)
			return false;
		uuid[i / 2] = (uint8_t)(uuid[i / 2] << 4 | digit);
	}
	memcpy(out, uuid, sizeof(uuid));
	return true;
}

bool
gtid_tag_parse(struct lt_str text, char out[33])
{
	if (text.len == 0 || text.len > 32)
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (!(c == '_' || (c >= 'a' && c <= 'z') || (i > 0 && c >= '0' && c <= '9')))
			return false;
		out[i] = c;
	}
	out[text.len] = '\0';
	return true;
}

void
change_gtid_text(const struct change_gtid *g, char out[96])
{
	char *to = out;
	size_t tag;

	switch (g->kind) {
	case CHANGE_GTID_MYSQL:
		change_uuid_text(g->uuid, to);
		to += strlen(to);
		tag = strnlen(g->tag, sizeof(g->tag) - 1);
		if (tag > 0) {
			*to++ = ':';
			memcpy(to, g->tag, tag);
			to += tag;
		}
		*to++ = ':';
		to = lt_u64_text(to, g->seq);
		break;
	case CHANGE_GTID_MARIADB:
		to = lt_u64_text(to, g->domain);
		*to++ = '-';
		to = lt_u64_text(to, g->server_id);
		*to++ = '-';
		to = lt_u64_text(to, g->seq);
		break;
	case CHANGE_GTID_NONE:
	case CHANGE_GTID_ANONYMOUS: break;
	}
	*to = '\0';
}

/** What stands before the first `c`; `rest` is what stands behind it, or empty. */
static struct lt_str
split(struct lt_str s, char c, struct lt_str *rest)
{
	const char *at = s.len > 0 ? memchr(s.ptr, c, s.len) : NULL;

	if (at == NULL) {
		*rest = lt_str_of(s.ptr, 0);
		return s;
	}
	*rest = lt_str_of(at + 1, s.len - (size_t)(at - s.ptr) - 1);
	return lt_str_of(s.ptr, (size_t)(at - s.ptr));
}

static bool
parse_mariadb(struct lt_str text, struct change_gtid *out)
{
	struct lt_str rest, seq;
	struct lt_str domain = split(text, '-', &rest);
	struct lt_str server = split(rest, '-', &seq);
	uint64_t d, i, n;

	if (!lt_str_u64(domain, &d) || !lt_str_u64(server, &i) || !lt_str_u64(seq, &n) || d > UINT32_MAX ||
	    i > UINT32_MAX)
		return false;
	*out = (struct change_gtid){
		.kind = CHANGE_GTID_MARIADB, .domain = (uint32_t)d, .server_id = (uint32_t)i, .seq = n
	};
	return true;
}

static bool
parse_mysql(struct lt_str text, struct change_gtid *out)
{
	struct change_gtid g = { .kind = CHANGE_GTID_MYSQL };
	struct lt_str rest, tail;
	struct lt_str uuid = split(text, ':', &rest);
	struct lt_str first = split(rest, ':', &tail);

	if (!gtid_uuid_parse(uuid, g.uuid))
		return false;
	if (gtid_tag_parse(first, g.tag))
		first = tail;
	else if (tail.len > 0)
		return false;
	if (!lt_str_u64(first, &g.seq) || g.seq == 0 || g.seq >= GTID_SEQ_END)
		return false;
	*out = g;
	return true;
}

bool
change_gtid_parse(struct lt_str text, struct change_gtid *out, struct lt_err *err)
{
	bool mysql = text.len > 0 && memchr(text.ptr, ':', text.len) != NULL;

	if (mysql ? parse_mysql(text, out) : parse_mariadb(text, out))
		return true;
	return lt_fail(err, LT_E_CONFIG_VALUE, "'%.*s' is no GTID (uuid:n, uuid:tag:n or domain-server-n)",
	    LT_FMT(lt_str_of(text.ptr, LT_MIN(text.len, 100))));
}

bool
change_gtid_eq(const struct change_gtid *a, const struct change_gtid *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind) {
	case CHANGE_GTID_MYSQL:
		return a->seq == b->seq && memcmp(a->uuid, b->uuid, sizeof(a->uuid)) == 0 &&
		       strcmp(a->tag, b->tag) == 0;
	case CHANGE_GTID_MARIADB: return a->domain == b->domain && a->server_id == b->server_id && a->seq == b->seq;
	case CHANGE_GTID_NONE:
	case CHANGE_GTID_ANONYMOUS: break;
	}
	return true;
}
