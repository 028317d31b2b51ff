#include "pipeline/weights.h"

#define PAGE 256
#define PAGES (0x110000 / PAGE)

/* Texts that were asked for whole: most come several times in a row, as before, after and found. */
#define ASKED 64
#define ASKED_BYTES 1024

enum how {
	HOW_BYTES,  /* one byte is one character */
	HOW_SIMPLE, /* UTF-8; every character weighs alone */
	HOW_UCA,    /* UTF-8; the characters of the ranges below weigh alone */
};

struct page {
	bool unknown;        /* not to be had */
	uint16_t ends[PAGE]; /* in bytes, of each character's weight */
	struct lt_buf bytes;
};

struct asked {
	struct lt_buf text, weight; /* text empty: none */
};

struct pipeline_weights {
	struct pipeline_weigher *of; /* borrowed */
	enum how how;
	bool counts_spaces;
	struct lt_buf charset, collation;
	struct page *pages[PAGES]; /* owned; NULL: not asked yet */
	struct asked asked[ASKED]; /* by the text's hash */
	struct pipeline_weights *next;
};

struct pipeline_weigher {
	struct my_conn *conn; /* borrowed */
	struct pipeline_weights *list;
	struct lt_err failed; /* of the newest page that could not be had for a reason that may pass; code 0: none */
	bool hushed, wanted;  /* nothing is asked; something would have been */
};

/* -- which ---------------------------------------------------------------------------------------- */

static bool
is_utf8(struct lt_str charset)
{
	static const char *const names[] = { "utf8mb4", "utf8mb3", "utf8" };

	return lt_str_one_of(charset, names, LT_COUNT(names));
}

static bool
contains(struct lt_str s, const char *part)
{
	return s.len > 0 && memmem(s.ptr, s.len, part, strlen(part)) != NULL;
}

bool
pipeline_collation_counts_spaces(struct lt_str collation)
{
	return contains(collation, "_nopad_") || contains(collation, "_0900_");
}

/* One sort order for each byte. Left out: expansions (latin1_german2_ci), several levels (latin2_czech_cs,
 * cp1250_czech_cs), reordering (tis620). */
static bool
weighs_bytes(struct lt_str collation)
{
	static const char *const names[] = { "latin1_swedish_ci", "latin1_general_ci", "latin1_general_cs",
		"latin1_german1_ci", "latin1_danish_ci", "latin1_spanish_ci", "latin2_general_ci", "latin5_turkish_ci",
		"latin7_general_ci", "cp1250_general_ci", "cp1251_general_ci", "cp1251_bulgarian_ci",
		"cp1256_general_ci", "cp1257_general_ci", "koi8r_general_ci", "koi8u_general_ci", "greek_general_ci",
		"hebrew_general_ci", "cp850_general_ci", "cp852_general_ci", "cp866_general_ci", "ascii_general_ci" };

	return lt_str_one_of(collation, names, LT_COUNT(names));
}

static bool
weighs_simply(struct lt_str collation)
{
	static const char *const names[] = { "utf8mb4_general_ci", "utf8mb3_general_ci", "utf8_general_ci" };

	return lt_str_one_of(collation, names, LT_COUNT(names));
}

/* The root collations, of no language. */
static bool
weighs_by_uca(struct lt_str collation)
{
	static const char *const names[] = { "utf8mb4_0900_ai_ci", "utf8mb4_unicode_ci", "utf8mb3_unicode_ci",
		"utf8_unicode_ci", "utf8mb4_unicode_520_ci", "utf8mb3_unicode_520_ci", "utf8mb4_uca1400_ai_ci",
		"utf8mb3_uca1400_ai_ci" };

	return lt_str_one_of(collation, names, LT_COUNT(names));
}

/* Contractions of the root collations begin or end with a combining mark, or are of scripts that are not here. */
static bool
stands_alone(uint32_t c)
{
	static const uint32_t ranges[][2] = {
		{ 0x20, 0x7e },     /* ASCII */
		{ 0xa0, 0xac },     /* Latin */
		{ 0xae, 0xb6 },     /* Latin, without the soft hyphen */
		{ 0xb8, 0x24f },    /* Latin, without the middle dot: it contracts with l */
		{ 0x388, 0x3ff },   /* Greek */
		{ 0x400, 0x482 },   /* Cyrillic */
		{ 0x48a, 0x52f },   /* Cyrillic */
		{ 0x5d0, 0x5ea },   /* Hebrew */
		{ 0x1e00, 0x1eff }, /* Latin, Vietnamese */
		{ 0x2010, 0x2027 }, /* dashes, quotation marks */
		{ 0x20a0, 0x20bf }, /* currencies */
		{ 0x3041, 0x3096 }, /* Hiragana */
		{ 0x30a1, 0x30fa }, /* Katakana */
		{ 0x4e00, 0x9fa5 }, /* Han */
		{ 0xac00, 0xd7a3 }, /* Hangul */
	};

	for (size_t i = 0; i < LT_COUNT(ranges); i++) {
		if (c >= ranges[i][0] && c <= ranges[i][1])
			return true;
	}
	return false;
}

/* -- asking --------------------------------------------------------------------------------------- */

static void
add_character(struct lt_buf *sql, const struct pipeline_weights *w, uint32_t c)
{
	if (w->how == HOW_BYTES || c < 0x80)
		lt_buf_printf(sql, "%02x", (unsigned)c);
	else if (c < 0x800)
		lt_buf_printf(sql, "%02x%02x", 0xc0 | c >> 6, 0x80 | (c & 63));
	else if (c < 0x10000)
		lt_buf_printf(sql, "%02x%02x%02x", 0xe0 | c >> 12, 0x80 | (c >> 6 & 63), 0x80 | (c & 63));
	else
		lt_buf_printf(sql, "%02x%02x%02x%02x", 0xf0 | c >> 18, 0x80 | (c >> 12 & 63), 0x80 | (c >> 6 & 63),
		    0x80 | (c & 63));
}

static int
nibble(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool
add_hex(struct lt_str hex, struct lt_buf *out)
{
	for (size_t i = 0; i + 1 < hex.len; i += 2) {
		int high = nibble(hex.ptr[i]), low = nibble(hex.ptr[i + 1]);

		if (high < 0 || low < 0)
			return false;
		lt_buf_c(out, (char)(high << 4 | low));
	}
	return hex.len % 2 == 0;
}

static size_t
count_of(const struct pipeline_weights *w)
{
	return lt_str_eqz(lt_buf_str(&w->charset), "ascii") ? 128 : PAGE;
}

static bool
fill(const struct pipeline_weights *w, const struct my_rows *rows, struct page *page)
{
	for (size_t i = 0; i < PAGE; i++) {
		struct lt_str hex = i < count_of(w) ? my_rows_at(rows, 0, i) : LT_STR("");

		if (hex.ptr == NULL || !add_hex(hex, &page->bytes) || page->bytes.len > UINT16_MAX)
			return false;
		page->ends[i] = (uint16_t)page->bytes.len;
	}
	return true;
}

/* Whether it is one that may pass. */
static bool
note_failure(struct pipeline_weigher *w, bool ok, const struct lt_err *err)
{
	bool passes = !ok && (!my_alive(w->conn) || lt_err_kind(err) == LT_KIND_RETRY);

	w->failed = passes ? *err : (struct lt_err){ 0 };
	return passes;
}

bool
pipeline_weigher_hush(struct pipeline_weigher *w, bool on)
{
	bool wanted = w->wanted;

	w->hushed = on;
	w->wanted = false;
	return wanted;
}

static bool
is_hushed(struct pipeline_weigher *w)
{
	w->wanted = w->wanted || w->hushed;
	return w->hushed;
}

/* A failure is no error: the text is then not known. If it was the link's, the next statement meets it too. What may
 * pass is asked for again. */
static void
ask(struct pipeline_weights *w, size_t number)
{
	struct page *page;
	struct lt_buf sql = { 0 };
	struct my_rows *rows = NULL;
	struct lt_err err = { 0 };
	bool ok;

	if (is_hushed(w->of))
		return;
	page = lt_new(struct page);
	for (size_t i = 0; i < count_of(w); i++) {
		lt_buf_printf(&sql, "%sHEX(WEIGHT_STRING(_%s X'", i == 0 ? "SELECT " : ", ", lt_buf_cstr(&w->charset));
		add_character(&sql, w, (uint32_t)(number * PAGE + i));
		lt_buf_printf(&sql, "' COLLATE %s))", lt_buf_cstr(&w->collation));
	}
	ok = my_query(w->of->conn, lt_buf_cstr(&sql), &rows, &err);
	page->unknown = !ok || rows->nrows != 1 || !fill(w, rows, page);
	if (note_failure(w->of, ok, &err)) {
		lt_buf_free(&page->bytes);
		free(page);
	} else {
		w->pages[number] = page;
	}
	my_rows_free(rows);
	lt_buf_free(&sql);
}

bool
pipeline_weigher_failed(const struct pipeline_weigher *w, struct lt_err *out)
{
	if (w == NULL || w->failed.code == LT_OK)
		return false;
	*out = w->failed;
	return true;
}

struct pipeline_weigher *
pipeline_weigher_new(struct my_conn *conn)
{
	struct pipeline_weigher *w = lt_new(struct pipeline_weigher);

	w->conn = conn;
	return w;
}

static void
weights_free(struct pipeline_weights *w)
{
	for (size_t i = 0; i < PAGES; i++) {
		if (w->pages[i] != NULL)
			lt_buf_free(&w->pages[i]->bytes);
		free(w->pages[i]);
	}
	for (size_t i = 0; i < ASKED; i++) {
		lt_buf_free(&w->asked[i].text);
		lt_buf_free(&w->asked[i].weight);
	}
	lt_buf_free(&w->charset);
	lt_buf_free(&w->collation);
	free(w);
}

void
pipeline_weigher_free(struct pipeline_weigher *w)
{
	while (w != NULL && w->list != NULL) {
		struct pipeline_weights *first = w->list;

		w->list = first->next;
		weights_free(first);
	}
	free(w);
}

static struct pipeline_weights *
add_weights(struct pipeline_weigher *w, enum how how, struct lt_str charset, struct lt_str collation)
{
	struct pipeline_weights *one = lt_new(struct pipeline_weights);

	one->of = w;
	one->how = how;
	one->counts_spaces = pipeline_collation_counts_spaces(collation);
	lt_buf_str_add(&one->charset, charset);
	lt_buf_str_add(&one->collation, collation);
	one->next = w->list;
	w->list = one;
	return one;
}

struct pipeline_weights *
pipeline_weights_of(struct pipeline_weigher *w, struct lt_str charset, struct lt_str collation)
{
	bool bytes = weighs_bytes(collation);
	bool utf8 = is_utf8(charset) && (weighs_simply(collation) || weighs_by_uca(collation));
	struct pipeline_weights *one;

	if (w == NULL || !(bytes || utf8))
		return NULL;
	for (one = w->list; one != NULL && !lt_str_eq(lt_buf_str(&one->collation), collation); one = one->next)
		;
	if (one == NULL)
		one = add_weights(w,
		    bytes                      ? HOW_BYTES
		    : weighs_simply(collation) ? HOW_SIMPLE
					       : HOW_UCA,
		    charset, collation);
	if (one->pages[0] == NULL)
		ask(one, 0);
	return one->pages[0] == NULL || one->pages[0]->unknown ? NULL : one;
}

bool
pipeline_weights_take(const struct pipeline_weights *w, struct lt_str charset)
{
	return w->how == HOW_BYTES ? lt_str_eq(charset, lt_buf_str(&w->charset)) : is_utf8(charset);
}

/* -- weighing ------------------------------------------------------------------------------------- */

/* The next character of `in`, well-formed UTF-8; false: it is none. */
static bool
next_character(const struct pipeline_weights *w, struct lt_str *in, uint32_t *out)
{
	const unsigned char *p = (const unsigned char *)in->ptr;
	size_t len = w->how == HOW_BYTES || p[0] < 0x80 ? 1
		     : p[0] >= 0xc2 && p[0] < 0xe0      ? 2
		     : p[0] >= 0xe0 && p[0] < 0xf0      ? 3
		     : p[0] >= 0xf0 && p[0] < 0xf5      ? 4
							: 0;
	uint32_t c = len < 2 ? p[0] : p[0] & (0x7fu >> len);

	if (len == 0 || len > in->len)
		return false;
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return false;
		c = c << 6 | (p[i] & 0x3f);
	}
	*in = lt_str_of(in->ptr + len, in->len - len);
	*out = c;
	return c < 0xd800 || (c > 0xdfff && c < 0x110000);
}

static bool
weight_of(struct pipeline_weights *w, uint32_t c, struct lt_str *out)
{
	size_t number = c / PAGE, at = c % PAGE, begin;
	struct page *page;

	if ((w->how == HOW_UCA && !stands_alone(c)) || at >= count_of(w))
		return false;
	if (w->pages[number] == NULL)
		ask(w, number);
	page = w->pages[number];
	if (page == NULL || page->unknown)
		return false;
	begin = at == 0 ? 0 : page->ends[at - 1];
	*out = lt_str_of(page->bytes.ptr + begin, page->ends[at] - begin);
	return true;
}

/* A collation that pads compares as if the shorter text went on with spaces: by units of weight, not by characters,
 * whose weights may end in one. */
static void
cut_spaces(struct lt_buf *out, size_t begin, struct lt_str space)
{
	while (space.len > 0 && out->len - begin >= space.len &&
	       memcmp(out->ptr + out->len - space.len, space.ptr, space.len) == 0)
		out->len -= space.len;
}

static bool
add_text(struct pipeline_weights *w, struct lt_str text, size_t characters, bool spaces, struct lt_buf *out)
{
	size_t begin = out->len;
	struct lt_str space;

	if (!weight_of(w, ' ', &space))
		return false;
	for (size_t n = 0; text.len > 0 && (characters == 0 || n < characters); n++) {
		struct lt_str weight;
		uint32_t c;

		if (!next_character(w, &text, &c) || !weight_of(w, c, &weight))
			return false;
		if (space.len > 0 && weight.len % space.len != 0)
			return false;
		lt_buf_str_add(out, weight);
	}
	if (!spaces)
		cut_spaces(out, begin, space);
	return true;
}

bool
pipeline_weights_add(struct pipeline_weights *w, struct lt_str text, size_t characters, struct lt_buf *out)
{
	return add_text(w, text, characters, false, out);
}

/* What the server makes of a whole text: contractions, and characters that are not among ours. */
static bool
ask_whole(struct pipeline_weights *w, struct lt_str text, struct lt_buf *out)
{
	struct lt_buf sql = { 0 };
	struct my_rows *rows = NULL;
	struct lt_err err = { 0 };
	bool ok, known;

	if (is_hushed(w->of))
		return false;
	lt_buf_printf(&sql, "SELECT HEX(WEIGHT_STRING(_%s X'", lt_buf_cstr(&w->charset));
	lt_buf_hex(&sql, text);
	lt_buf_printf(&sql, "' COLLATE %s))", lt_buf_cstr(&w->collation));
	ok = my_query(w->of->conn, lt_buf_cstr(&sql), &rows, &err);
	(void)note_failure(w->of, ok, &err);
	known = ok && rows->nrows == 1 && my_rows_at(rows, 0, 0).ptr != NULL && add_hex(my_rows_at(rows, 0, 0), out);
	my_rows_free(rows);
	lt_buf_free(&sql);
	return known;
}

static bool
add_whole(struct pipeline_weights *w, struct lt_str text, struct lt_buf *out)
{
	struct asked *a = &w->asked[lt_str_hash(text) % ASKED];

	if (text.len == 0 || text.len > ASKED_BYTES)
		return ask_whole(w, text, out);
	if (!lt_str_eq(lt_buf_str(&a->text), text)) {
		lt_buf_clear(&a->text);
		lt_buf_clear(&a->weight);
		if (!ask_whole(w, text, &a->weight))
			return false;
		lt_buf_str_add(&a->text, text);
	}
	lt_buf_str_add(out, lt_buf_str(&a->weight));
	return true;
}

/* The first characters, all if `count` is 0. False: it is no text. */
static bool
cut_text(const struct pipeline_weights *w, struct lt_str *text, size_t count)
{
	struct lt_str rest = *text;
	uint32_t c;

	for (size_t n = 0; rest.len > 0 && (count == 0 || n < count); n++) {
		if (!next_character(w, &rest, &c))
			return false;
	}
	text->len -= rest.len;
	return true;
}

bool
pipeline_weights_exact(struct pipeline_weights *w, struct lt_str text, size_t characters, struct lt_buf *out)
{
	size_t begin = out->len;
	struct lt_str space;

	if (add_text(w, text, characters, w->counts_spaces, out))
		return true;
	out->len = begin;
	if (w->how != HOW_UCA || !weight_of(w, ' ', &space) || !cut_text(w, &text, characters) ||
	    !add_whole(w, text, out))
		return false;
	if (!w->counts_spaces)
		cut_spaces(out, begin, space);
	return true;
}
