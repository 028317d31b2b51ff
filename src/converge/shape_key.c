/* Keys and claims: bytes that are equal just where the site's server calls values of an index equal.
 *
 * Each part says where it ends, so parts do not run into each other: numbers and text by their length in front. What
 * is longer than a server's usual key becomes a digest, which no other key can be taken for: no part begins with its
 * mark. */
#include <openssl/evp.h>

#include "base/cur.h"
#include "converge/shape_priv.h"

#define LONGEST 64 /* bytes of parts; beyond it their digest */
#define DIGEST 16
#define DIGEST_MARK '\xff'
#define NEGATIVE 0x10
#define LONG_PART 0x80

static void
digest(struct lt_str s, uint8_t out[EVP_MAX_MD_SIZE])
{
	unsigned len;

	LT_ASSERT(EVP_Digest(s.ptr, s.len, out, &len, EVP_sha256(), NULL) == 1);
}

void
converge_shape_key_tag(const struct schema_table *t, char tag[SHAPE_TAG])
{
	uint8_t md[EVP_MAX_MD_SIZE];
	struct lt_buf name = { 0 };

	/* No name holds a zero byte. */
	lt_buf_str_add(&name, t->schema);
	lt_buf_c(&name, '\0');
	lt_buf_str_add(&name, t->name);
	digest(lt_buf_str(&name), md);
	memcpy(tag, md, SHAPE_TAG);
	lt_buf_free(&name);
}

bool
converge_shape_key_is_of(struct lt_str key, struct lt_str schema, struct lt_str name)
{
	const struct schema_table named = { .schema = schema, .name = name };
	char tag[SHAPE_TAG];

	converge_shape_key_tag(&named, tag);
	return key.len >= SHAPE_TAG && memcmp(key.ptr, tag, SHAPE_TAG) == 0;
}

/* -- parts ---------------------------------------------------------------------------------------- */

/* How many bytes, then these, the lowest first. */
static void
add_magnitude(uint64_t n, unsigned sign, struct lt_buf *out)
{
	size_t width = n == 0 ? 0 : (size_t)(71 - __builtin_clzll(n)) / 8;

	lt_buf_c(out, (char)(width | sign));
	lt_buf_le(out, n, width);
}

static void
add_number(const struct change_value *v, struct lt_buf *out)
{
	if (v->kind == CHANGE_INT && v->i64 < 0)
		add_magnitude(~(uint64_t)v->i64, NEGATIVE, out);
	else
		add_magnitude(v->u64, 0, out);
}

/* FLOAT and DOUBLE; -0 equals 0. */
static void
add_real(const struct change_value *v, struct lt_buf *out)
{
	double d = v->kind == CHANGE_FLOAT ? (double)v->f32 : v->f64;
	uint64_t n;

	d = d == 0 ? 0 : d;
	memcpy(&n, &d, sizeof(n));
	add_magnitude(n, 0, out);
}

/* Write the length of what was added behind the byte at `begin` there: in that byte, or in four behind it. */
static void
end_part(size_t begin, struct lt_buf *out)
{
	size_t len = out->len - begin - 1;
	char *at;

	if (len < LONG_PART) {
		out->ptr[begin] = (char)len;
		return;
	}
	lt_buf_le(out, 0, 4);
	at = out->ptr + begin;
	memmove(at + 5, at + 1, len);
	at[0] = (char)LONG_PART;
	for (size_t i = 0; i < 4; i++)
		at[1 + i] = (char)(len >> (8 * i));
}

static void
add_bytes(struct lt_str s, struct lt_buf *out)
{
	size_t begin = out->len;

	lt_buf_c(out, 0);
	lt_buf_str_add(out, s);
	end_part(begin, out);
}

/* Without zeros at the end of its fraction: a column may have got more digits since. */
static struct lt_str
without_end_zeros(struct lt_str s)
{
	if (memchr(s.ptr, '.', s.len) == NULL)
		return s;
	while (s.ptr[s.len - 1] == '0')
		s.len--;
	if (s.ptr[s.len - 1] == '.')
		s.len--;
	return s;
}

static void
add_decimal(struct lt_str s, struct lt_buf *out)
{
	s = without_end_zeros(s);
	add_bytes(lt_str_eqz(s, "-0") ? LT_STR("0") : s, out);
}

static void
add_time(const struct change_value *v, struct lt_buf *out)
{
	char text[32];

	add_bytes(without_end_zeros(lt_str_of(text, change_time_text(v->kind, &v->time, text))), out);
}

/* The first characters of UTF-8. */
static struct lt_str
first_characters(struct lt_str s, uint32_t count)
{
	size_t end = 0;

	while (end < s.len && count > 0) {
		end++;
		while (end < s.len && ((unsigned char)s.ptr[end] & 0xc0) == 0x80)
			end++;
		count--;
	}
	return lt_str_of(s.ptr, end);
}

/* Text that is compared as it is, or but for the case of ASCII letters. False: not known how. */
static bool
add_text(const struct shape_part *p, struct lt_str charset, struct lt_str s, struct lt_buf *out)
{
	bool fold = p->kind == PIPELINE_PART_TEXT_FOLDED;
	size_t begin = out->len;

	if (fold && !pipeline_text_folds(s))
		return false;
	if (p->prefix > 0 && !lt_str_is_print(s) && !converge_shape_charset_is_utf8(charset))
		return false;
	if (p->prefix > 0)
		s = first_characters(s, p->prefix);
	if (!p->counts_spaces)
		s = converge_shape_cut_blanks(s, charset);
	lt_buf_c(out, 0);
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		lt_buf_c(out, fold && c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c);
	}
	end_part(begin, out);
	return true;
}

static bool
add_weights(const struct shape_part *p, struct lt_str s, struct lt_buf *out)
{
	size_t begin = out->len;

	lt_buf_c(out, 0);
	if (!pipeline_weights_exact(p->weights, s, p->prefix, out))
		return false;
	end_part(begin, out);
	return true;
}

/* False: its text cannot be told from others as the server does. */
static bool
add_part(const struct shape_part *p, const struct shape_column *c, const struct change_value *v, struct lt_buf *out)
{
	struct lt_str s = v->bytes;

	switch (p->kind) {
	case PIPELINE_PART_NUMBER: add_number(v, out); return true;
	case PIPELINE_PART_REAL: add_real(v, out); return true;
	case PIPELINE_PART_BYTES:
		if (p->prefix > 0)
			s.len = LT_MIN(s.len, (size_t)p->prefix);
		add_bytes(s, out);
		return true;
	case PIPELINE_PART_DECIMAL: add_decimal(s, out); return true;
	case PIPELINE_PART_TEMPORAL: add_time(v, out); return true;
	case PIPELINE_PART_TEXT_BINARY:
	case PIPELINE_PART_TEXT_FOLDED: return add_text(p, c->kept->charset, s, out);
	case PIPELINE_PART_TEXT_WEIGHED: return add_weights(p, s, out);
	case PIPELINE_PART_UNKNOWN: break;
	}
	return false;
}

/* -- keys ----------------------------------------------------------------------------------------- */

static enum shape_key_end
not_known(struct shape_table *t, const struct shape_index *index, size_t part, struct lt_err *err)
{
	const struct schema_column *c = t->columns[index->parts[part].at].target;

	if (pipeline_weigher_failed(t->weigher, err)) {
		lt_wrap(err, "while asking what characters weigh");
		return SHAPE_KEY_FAILED;
	}
	converge_shape_table_fail(t, err,
	    "index %.*s: a value of column %.*s has a character that may equal others under %.*s: give the column a "
	    "_bin collation",
	    LT_FMT(index->key->name), LT_FMT(c->name), LT_FMT(c->collation));
	return SHAPE_KEY_FAILED;
}

static struct lt_str
shorten(struct lt_buf *key, size_t begin)
{
	uint8_t md[EVP_MAX_MD_SIZE];

	if (key->len - begin > LONGEST) {
		digest(lt_str_of(key->ptr + begin, key->len - begin), md);
		key->len = begin;
		lt_buf_c(key, DIGEST_MARK);
		lt_buf_add(key, md, DIGEST);
	}
	return lt_buf_str(key);
}

enum shape_key_end
converge_shape_key_make(struct shape_table *t, const struct shape_index *index, struct lt_arena *arena,
    struct lt_str *out, struct lt_err *err)
{
	struct lt_buf *key = &t->scratch;
	size_t begin;

	lt_buf_clear(key);
	lt_buf_add(key, t->tag, SHAPE_TAG);
	if (index != &t->key)
		lt_buf_c(key, (char)(index - t->uniques));
	begin = key->len;
	for (size_t i = 0; i < index->nparts; i++) {
		const struct shape_part *p = &index->parts[i];
		const struct change_value *v = &t->values[p->at];

		if (v->kind == CHANGE_NULL)
			return SHAPE_KEY_NULL;
		if (!add_part(p, &t->columns[p->at], v, key))
			return not_known(t, index, i, err);
	}
	*out = lt_arena_str(arena, shorten(key, begin));
	return SHAPE_KEY_MADE;
}

/* -- and as people read them ---------------------------------------------------------------------- */

static void
number_text(uint64_t n, bool negative, struct lt_buf *out)
{
	if (negative)
		lt_buf_i64(out, (int64_t)~n);
	else
		lt_buf_u64(out, n);
}

static void
bytes_text(struct lt_str s, struct lt_buf *out)
{
	if (lt_str_is_print(s)) {
		lt_buf_printf(out, "'%.*s'", LT_FMT(s));
		return;
	}
	lt_buf_z(out, "0x");
	lt_buf_hex(out, s);
}

/* What was written by add_part(); with a long part the key is a digest. */
static void
part_text(const struct shape_part *p, struct lt_cur *in, struct lt_buf *out)
{
	uint8_t first = lt_cur_u8(in);
	bool number = p->kind == PIPELINE_PART_NUMBER || p->kind == PIPELINE_PART_REAL;
	uint64_t n = number ? lt_cur_le(in, first & 0xf) : first;
	double real;

	if (!number) {
		bytes_text(lt_cur_bytes(in, n), out);
	} else if (p->kind == PIPELINE_PART_NUMBER) {
		number_text(n, (first & NEGATIVE) != 0, out);
	} else {
		memcpy(&real, &n, sizeof(real));
		lt_buf_printf(out, "%.17g", real);
	}
}

void
converge_shape_key_text(const struct converge_shape *s, struct lt_str key, struct lt_buf *out)
{
	const struct shape_index *index = s != NULL ? &s->table->key : NULL;
	struct lt_cur in = lt_cur_str(key);

	if (index == NULL || key.len <= SHAPE_TAG || key.ptr[SHAPE_TAG] == DIGEST_MARK) {
		lt_buf_z(out, "0x");
		lt_buf_hex(out, key);
		return;
	}
	(void)lt_cur_bytes(&in, SHAPE_TAG);
	for (size_t i = 0; i < index->nparts && lt_cur_ok(&in); i++) {
		if (i > 0)
			lt_buf_z(out, ", ");
		part_text(&index->parts[i], &in, out);
	}
}
