/* Sets of GTIDs; declared in gtid.h. */
#include <inttypes.h>

#include "change/gtid_priv.h"

struct change_gtid_set *
change_gtid_set_new(void)
{
	return lt_new(struct change_gtid_set);
}

void
change_gtid_set_free(struct change_gtid_set *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->nsources; i++)
		free(s->sources[i].spans);
	free(s->sources);
	free(s->domains);
	free(s);
}

struct change_gtid_set *
change_gtid_set_copy(const struct change_gtid_set *s)
{
	struct change_gtid_set *copy = change_gtid_set_new();

	copy->nsources = copy->sources_cap = s->nsources;
	copy->sources = lt_calloc(LT_MAX(s->nsources, 1), sizeof(*copy->sources));
	for (size_t i = 0; i < s->nsources; i++) {
		struct gtid_source *dst = &copy->sources[i];
		const struct gtid_source *src = &s->sources[i];

		*dst = *src;
		dst->cap = src->nspans;
		dst->spans = lt_calloc(LT_MAX(src->nspans, 1), sizeof(*dst->spans));
		if (src->nspans > 0)
			memcpy(dst->spans, src->spans, src->nspans * sizeof(*dst->spans));
	}
	copy->ndomains = copy->domains_cap = s->ndomains;
	copy->domains = lt_calloc(LT_MAX(s->ndomains, 1), sizeof(*copy->domains));
	if (s->ndomains > 0)
		memcpy(copy->domains, s->domains, s->ndomains * sizeof(*copy->domains));
	return copy;
}

bool
change_gtid_set_empty(const struct change_gtid_set *s)
{
	return s->nsources == 0 && s->ndomains == 0;
}

/** Make room for one more in an array of `size`-byte items with `n` inside. */
static void *
room(void *items, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return items;
	*cap = LT_MAX(*cap * 2, 4);
	return lt_realloc(items, *cap * size);
}

/* -- MySQL: sources and their spans --------------------------------------------------------------- */

static int
source_cmp(const struct gtid_source *src, const uint8_t uuid[16], const char *tag)
{
	int order = memcmp(src->uuid, uuid, sizeof(src->uuid));

	return order != 0 ? order : strcmp(src->tag, tag);
}

/** Index of the first source that is not before (uuid, tag). */
static size_t
source_index(const struct change_gtid_set *s, const uint8_t uuid[16], const char *tag)
{
	size_t low = 0, high = s->nsources;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (source_cmp(&s->sources[mid], uuid, tag) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static const struct gtid_source *
source_find(const struct change_gtid_set *s, const uint8_t uuid[16], const char *tag)
{
	size_t i = source_index(s, uuid, tag);

	return i < s->nsources && source_cmp(&s->sources[i], uuid, tag) == 0 ? &s->sources[i] : NULL;
}

struct gtid_source *
gtid_set_source(struct change_gtid_set *s, const uint8_t uuid[16], const char *tag)
{
	size_t i = source_index(s, uuid, tag);

	if (i < s->nsources && source_cmp(&s->sources[i], uuid, tag) == 0)
		return &s->sources[i];
	s->sources = room(s->sources, s->nsources, &s->sources_cap, sizeof(*s->sources));
	memmove(&s->sources[i + 1], &s->sources[i], (s->nsources - i) * sizeof(*s->sources));
	s->sources[i] = (struct gtid_source){ 0 };
	memcpy(s->sources[i].uuid, uuid, sizeof(s->sources[i].uuid));
	lt_str_copy(s->sources[i].tag, sizeof(s->sources[i].tag), lt_str_z(tag));
	s->nsources++;
	return &s->sources[i];
}

/** Index of the first span that ends at or behind `n`. */
static size_t
span_index(const struct gtid_source *src, uint64_t n)
{
	size_t low = 0, high = src->nspans;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (src->spans[mid].to < n)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

void
gtid_source_add(struct gtid_source *src, uint64_t from, uint64_t to)
{
	size_t first = span_index(src, from), last = first;

	while (last < src->nspans && src->spans[last].from <= to)
		last++;
	if (first == last) {
		src->spans = room(src->spans, src->nspans, &src->cap, sizeof(*src->spans));
		memmove(&src->spans[first + 1], &src->spans[first], (src->nspans - first) * sizeof(*src->spans));
		src->spans[first] = (struct gtid_span){ from, to };
		src->nspans++;
		return;
	}
	src->spans[first].from = LT_MIN(src->spans[first].from, from);
	src->spans[first].to = LT_MAX(src->spans[last - 1].to, to);
	memmove(&src->spans[first + 1], &src->spans[last], (src->nspans - last) * sizeof(*src->spans));
	src->nspans -= last - first - 1;
}

static bool
source_covers(const struct gtid_source *src, uint64_t from, uint64_t to)
{
	size_t i;

	if (src == NULL)
		return false;
	i = span_index(src, to);
	return i < src->nspans && src->spans[i].from <= from;
}

/* -- MariaDB: domains ----------------------------------------------------------------------------- */

static size_t
domain_index(const struct change_gtid_set *s, uint32_t domain)
{
	size_t i = 0;

	while (i < s->ndomains && s->domains[i].domain < domain)
		i++;
	return i;
}

static const struct gtid_domain *
domain_find(const struct change_gtid_set *s, uint32_t domain)
{
	size_t i = domain_index(s, domain);

	return i < s->ndomains && s->domains[i].domain == domain ? &s->domains[i] : NULL;
}

static void
domain_set(struct change_gtid_set *s, struct gtid_domain d)
{
	size_t i = domain_index(s, d.domain);

	if (i == s->ndomains || s->domains[i].domain != d.domain) {
		s->domains = room(s->domains, s->ndomains, &s->domains_cap, sizeof(*s->domains));
		memmove(&s->domains[i + 1], &s->domains[i], (s->ndomains - i) * sizeof(*s->domains));
		s->ndomains++;
	}
	s->domains[i] = d;
}

/* -- both ----------------------------------------------------------------------------------------- */

void
change_gtid_set_add(struct change_gtid_set *s, const struct change_gtid *g)
{
	if (g->kind == CHANGE_GTID_MYSQL)
		gtid_source_add(gtid_set_source(s, g->uuid, g->tag), g->seq, g->seq + 1);
	else if (g->kind == CHANGE_GTID_MARIADB)
		domain_set(s, (struct gtid_domain){ g->domain, g->server_id, g->seq });
}

void
change_gtid_set_merge(struct change_gtid_set *s, const struct change_gtid_set *more)
{
	for (size_t i = 0; i < more->nsources; i++) {
		const struct gtid_source *src = &more->sources[i];
		struct gtid_source *dst = gtid_set_source(s, src->uuid, src->tag);

		for (size_t k = 0; k < src->nspans; k++)
			gtid_source_add(dst, src->spans[k].from, src->spans[k].to);
	}
	for (size_t i = 0; i < more->ndomains; i++)
		domain_set(s, more->domains[i]);
}

bool
change_gtid_set_has(const struct change_gtid_set *s, const struct change_gtid *g)
{
	const struct gtid_domain *d;

	if (g->kind == CHANGE_GTID_MYSQL)
		return source_covers(source_find(s, g->uuid, g->tag), g->seq, g->seq + 1);
	if (g->kind != CHANGE_GTID_MARIADB)
		return false;
	d = domain_find(s, g->domain);
	return d != NULL && d->seq >= g->seq;
}

bool
change_gtid_set_subset(const struct change_gtid_set *a, const struct change_gtid_set *b)
{
	for (size_t i = 0; i < a->nsources; i++) {
		const struct gtid_source *src = &a->sources[i];
		const struct gtid_source *in = source_find(b, src->uuid, src->tag);

		for (size_t k = 0; k < src->nspans; k++)
			if (!source_covers(in, src->spans[k].from, src->spans[k].to))
				return false;
	}
	for (size_t i = 0; i < a->ndomains; i++) {
		const struct gtid_domain *in = domain_find(b, a->domains[i].domain);

		if (in == NULL || in->seq < a->domains[i].seq)
			return false;
	}
	return true;
}

bool
change_gtid_set_eq(const struct change_gtid_set *a, const struct change_gtid_set *b)
{
	for (size_t i = 0; i < LT_MIN(a->ndomains, b->ndomains); i++)
		if (a->domains[i].server_id != b->domains[i].server_id)
			return false;
	return change_gtid_set_subset(a, b) && change_gtid_set_subset(b, a);
}

/* -- text ----------------------------------------------------------------------------------------- */

static void
source_text(const struct gtid_source *src, bool same_uuid, struct lt_buf *out)
{
	char uuid[37];

	if (!same_uuid) {
		change_uuid_text(src->uuid, uuid);
		if (out->len > 0)
			lt_buf_c(out, ',');
		lt_buf_z(out, uuid);
	}
	if (src->tag[0] != '\0')
		lt_buf_printf(out, ":%s", src->tag);
	for (size_t i = 0; i < src->nspans; i++) {
		lt_buf_printf(out, ":%" PRIu64, src->spans[i].from);
		if (src->spans[i].to - src->spans[i].from > 1)
			lt_buf_printf(out, "-%" PRIu64, src->spans[i].to - 1);
	}
}

void
change_gtid_set_text(const struct change_gtid_set *s, struct lt_buf *out)
{
	struct lt_buf text = { 0 };

	for (size_t i = 0; i < s->nsources; i++) {
		bool same =
		    i > 0 && memcmp(s->sources[i].uuid, s->sources[i - 1].uuid, sizeof(s->sources[i].uuid)) == 0;

		source_text(&s->sources[i], same, &text);
	}
	for (size_t i = 0; i < s->ndomains; i++)
		lt_buf_printf(&text, "%s%" PRIu32 "-%" PRIu32 "-%" PRIu64, text.len > 0 ? "," : "",
		    s->domains[i].domain, s->domains[i].server_id, s->domains[i].seq);
	lt_buf_str_add(out, lt_buf_str(&text));
	lt_buf_free(&text);
}

/** The piece up to the next `stop`, without white space around it; moves `at` behind it. */
static struct lt_str
piece(struct lt_str *at, char stop)
{
	const char *end = at->len > 0 ? memchr(at->ptr, stop, at->len) : NULL;
	size_t len = end != NULL ? (size_t)(end - at->ptr) : at->len;
	struct lt_str p = lt_str_of(at->ptr, len);

	*at = lt_str_of(at->ptr + len, at->len - len);
	if (end != NULL)
		*at = lt_str_of(at->ptr + 1, at->len - 1);
	while (p.len > 0 && strchr(" \t\r\n", p.ptr[0]) != NULL)
		p = lt_str_of(p.ptr + 1, p.len - 1);
	while (p.len > 0 && strchr(" \t\r\n", p.ptr[p.len - 1]) != NULL)
		p.len--;
	return p;
}

static bool
parse_span(struct lt_str text, uint64_t *from, uint64_t *to)
{
	struct lt_str rest = text;
	struct lt_str low = piece(&rest, '-');
	bool one = low.len == text.len;

	if (!lt_str_u64(low, from) || *from == 0)
		return false;
	if (!one && !lt_str_u64(piece(&rest, '\0'), to))
		return false;
	if (one)
		*to = *from;
	if (*to < *from || *to >= GTID_SEQ_END)
		return false;
	*to += 1;
	return true;
}

static bool
parse_source(struct change_gtid_set *s, struct lt_str item)
{
	uint8_t uuid[16];
	char tag[33] = "";
	size_t spans = 0;

	if (!gtid_uuid_parse(piece(&item, ':'), uuid))
		return false;
	while (item.len > 0) {
		struct lt_str part = piece(&item, ':');
		uint64_t from, to;

		if (parse_span(part, &from, &to)) {
			gtid_source_add(gtid_set_source(s, uuid, tag), from, to);
			spans++;
		} else if (!gtid_tag_parse(part, tag)) {
			return false;
		} else {
			spans = 0;
		}
	}
	return spans > 0;
}

static bool
parse_domain(struct change_gtid_set *s, struct lt_str item)
{
	struct change_gtid g;

	if (!change_gtid_parse(item, &g, NULL) || g.kind != CHANGE_GTID_MARIADB)
		return false;
	if (!change_gtid_set_has(s, &g))
		change_gtid_set_add(s, &g);
	return true;
}

bool
change_gtid_set_parse(struct lt_str text, struct change_gtid_set **ret, struct lt_err *err)
{
	struct change_gtid_set *s = change_gtid_set_new();
	bool ok = false;

	while (text.len > 0) {
		struct lt_str item = piece(&text, ',');

		if (item.len == 0)
			continue;
		if (!(memchr(item.ptr, ':', item.len) != NULL ? parse_source(s, item) : parse_domain(s, item))) {
			lt_fail(err, LT_E_CONFIG_VALUE, "'%.*s' does not belong into a GTID set",
			    LT_FMT(lt_str_of(item.ptr, LT_MIN(item.len, 100))));
			goto out;
		}
		if (s->nsources > 0 && s->ndomains > 0) {
			lt_fail(err, LT_E_CONFIG_VALUE, "a GTID set of MySQL and MariaDB ids mixed");
			goto out;
		}
	}
	*ret = s;
	s = NULL; /* now the caller's */
	ok = true;
out:
	change_gtid_set_free(s);
	return ok;
}
