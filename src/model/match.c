#include "model/pattern_priv.h"

/* Far more than any sane pattern needs for a name of 64 characters; a hostile one ends within milliseconds. */
enum { REGEX_MATCH_LIMIT = 1000000, REGEX_DEPTH_LIMIT = 10000, REGEX_HEAP_LIMIT_KB = 8192 };

/* One walk of a name through the tokens of a part. */
struct walk {
	const struct model_part *part;
	struct lt_str name;
	bool fold;
	size_t end[MODEL_TOKENS_MAX]; /* where each token's piece ends */
	unsigned char dead[MODEL_TOKENS_MAX + 1]
			  [MODEL_NAME_BYTES_MAX + 1]; /* known to lead nowhere: keeps the cost polynomial */
};

/* Whether name[from..to) is a number of the range. */
static bool
in_range(const struct model_token *token, struct lt_str piece, uint64_t *index)
{
	uint64_t n;

	if (token->width > 0 ? piece.len != token->width : piece.len > 1 && piece.ptr[0] == '0')
		return false;
	if (!lt_str_u64(piece, &n) || n < token->low || n > token->high)
		return false;
	*index = n - token->low;
	return true;
}

static bool
same_text(struct lt_str a, struct lt_str b, bool fold)
{
	return fold ? lt_str_ieq(a, b) : lt_str_eq(a, b);
}

static bool walk_from(struct walk *w, size_t token, size_t at);

/* Try every length the token's piece may have, the shortest first. */
static bool
walk_piece(struct walk *w, size_t token, size_t at)
{
	const struct model_token *t = &w->part->tokens[token];
	size_t left = w->name.len - at, shortest = 0, longest = left;
	uint64_t index;

	if (t->kind == MODEL_LITERAL) {
		shortest = longest = t->text.len;
	} else if (t->kind == MODEL_RANGE) {
		shortest = t->width > 0 ? t->width : 1;
		longest = t->width > 0 ? t->width : LT_MIN(left, (size_t)10);
	}
	for (size_t n = shortest; n <= longest && n <= left; n++) {
		struct lt_str piece = lt_str_of(w->name.ptr + at, n);

		if (t->kind == MODEL_LITERAL && !same_text(piece, t->text, w->fold))
			return false;
		if (t->kind == MODEL_RANGE && !in_range(t, piece, &index))
			continue;
		w->end[token] = at + n;
		if (walk_from(w, token + 1, at + n))
			return true;
	}
	return false;
}

/* Recursion is as deep as there are tokens: 16. */
static bool
walk_from(struct walk *w, size_t token, size_t at)
{
	if (token == w->part->count)
		return at == w->name.len;
	if (w->dead[token][at])
		return false;
	if (walk_piece(w, token, at))
		return true;
	w->dead[token][at] = 1;
	return false;
}

static bool
match_tokens(const struct model_part *part, struct lt_str name, struct model_match *m)
{
	struct walk w;
	size_t at = 0;

	if (part->count == 1 && part->tokens[0].kind == MODEL_LITERAL)
		return same_text(part->tokens[0].text, name, m->fold);
	w.part = part;
	w.name = name;
	w.fold = m->fold;
	memset(w.dead, 0, sizeof(w.dead));
	if (!walk_from(&w, 0, 0))
		return false;
	for (size_t i = 0; i < part->count; i++) {
		struct lt_str piece = lt_str_of(name.ptr + at, w.end[i] - at);

		if (part->tokens[i].kind == MODEL_STAR)
			m->star[m->stars++] = piece;
		else if (part->tokens[i].kind == MODEL_RANGE)
			LT_ASSERT(in_range(&part->tokens[i], piece, &m->index[m->ranges++]));
		at = w.end[i];
	}
	return true;
}

/* Returns what pcre2_match() does; groups are added to `m` when the whole subject matches. */
static int
run_regex(const pcre2_code *regex, struct lt_str subject, uint32_t options, struct model_match *m)
{
	pcre2_match_context *limits = pcre2_match_context_create(NULL);
	pcre2_match_data *data = pcre2_match_data_create_from_pattern(regex, NULL);
	const PCRE2_SIZE *place;
	uint32_t groups = 0;
	int rc;

	LT_ASSERT(limits != NULL && data != NULL);
	pcre2_set_match_limit(limits, REGEX_MATCH_LIMIT);
	pcre2_set_depth_limit(limits, REGEX_DEPTH_LIMIT);
	pcre2_set_heap_limit(limits, REGEX_HEAP_LIMIT_KB);
	rc = pcre2_match(
	    regex, (PCRE2_SPTR)(subject.ptr != NULL ? subject.ptr : ""), subject.len, 0, options, data, limits);
	if (rc > 0 && m != NULL) {
		place = pcre2_get_ovector_pointer(data);
		pcre2_pattern_info(regex, PCRE2_INFO_CAPTURECOUNT, &groups);
		for (uint32_t i = 1; i <= groups; i++) {
			bool set = place[2 * i] != PCRE2_UNSET && place[2 * i] <= place[2 * i + 1];

			m->group[m->groups++] =
			    set ? lt_str_of(subject.ptr + place[2 * i], place[2 * i + 1] - place[2 * i])
				: lt_str_of("", 0);
		}
	}
	pcre2_match_data_free(data);
	pcre2_match_context_free(limits);
	return rc;
}

static enum model_answer
answer_of(int rc)
{
	if (rc > 0)
		return MODEL_YES;
	return rc == PCRE2_ERROR_NOMATCH || rc == PCRE2_ERROR_PARTIAL ? MODEL_NO : MODEL_GAVE_UP;
}

static const pcre2_code *
regex_of(const struct model_part *part, const struct model_match *m)
{
	return m->fold ? part->any_case : part->regex;
}

static enum model_answer
match_part(const struct model_part *part, struct lt_str name, struct model_match *m)
{
	if (part->regex != NULL)
		return answer_of(run_regex(regex_of(part, m), name, PCRE2_ENDANCHORED, m));
	return match_tokens(part, name, m) ? MODEL_YES : MODEL_NO;
}

static struct lt_str
join(struct lt_str schema, struct lt_str table, char *out)
{
	memcpy(out, schema.ptr, schema.len);
	out[schema.len] = '.';
	if (table.len > 0)
		memcpy(out + schema.len + 1, table.ptr, table.len);
	return lt_str_of(out, schema.len + 1 + table.len);
}

enum model_answer
model_pattern_match(const struct model_pattern *p, struct lt_str schema, struct lt_str table, struct model_match *m)
{
	enum model_answer answer;

	m->stars = m->ranges = m->groups = 0;
	if (schema.len == 0 || table.len == 0 || schema.len > MODEL_NAME_BYTES_MAX || table.len > MODEL_NAME_BYTES_MAX)
		return MODEL_NO;
	if (p->whole)
		return answer_of(
		    run_regex(regex_of(&p->schema, m), join(schema, table, m->whole), PCRE2_ENDANCHORED, m));
	answer = match_part(&p->schema, schema, m);
	return answer == MODEL_YES ? match_part(&p->table, table, m) : answer;
}

/* Whether a regex for "schema.table" can match some table of that schema. PCRE2 takes a partial match only without the
 * end anchored, which errs on the side of yes. */
static bool
whole_may_match(const pcre2_code *regex, struct lt_str schema)
{
	char subject[MODEL_NAME_BYTES_MAX + 2];
	int rc = run_regex(regex, join(schema, LT_STR(""), subject), PCRE2_PARTIAL_SOFT, NULL);

	return rc != PCRE2_ERROR_NOMATCH;
}

bool
model_pattern_schema(const struct model_pattern *p, struct lt_str schema, bool fold)
{
	struct model_match m = { .fold = fold };

	if (schema.len == 0 || schema.len > MODEL_NAME_BYTES_MAX)
		return false;
	return p->whole ? whole_may_match(regex_of(&p->schema, &m), schema)
			: match_part(&p->schema, schema, &m) != MODEL_NO;
}

/* How far the wildcards are used up while both halves are written. */
struct used {
	size_t stars, ranges;
};

static void
write_part(const struct model_part *part, const struct model_match *m, struct used *used, struct lt_buf *out)
{
	for (size_t i = 0; i < part->count; i++) {
		const struct model_token *t = &part->tokens[i];

		switch (t->kind) {
		case MODEL_LITERAL: lt_buf_str_add(out, t->text); break;
		case MODEL_STAR: lt_buf_str_add(out, m->star[used->stars++]); break;
		case MODEL_RANGE:
			lt_buf_printf(
			    out, "%0*llu", (int)t->width, (unsigned long long)(t->low + m->index[used->ranges++]));
			break;
		case MODEL_GROUP: lt_buf_str_add(out, m->group[t->group - 1]); break;
		}
	}
}

void
model_pattern_write(
    const struct model_pattern *to, const struct model_match *m, struct lt_buf *schema, struct lt_buf *table)
{
	struct used used = { 0 };

	write_part(&to->schema, m, &used, schema);
	write_part(&to->table, m, &used, table);
}

static bool
part_is_literal(const struct model_part *part)
{
	return part->count == 1 && part->tokens[0].kind == MODEL_LITERAL;
}

/* Some text begins (or ends) every name of the part; two such texts that differ keep the parts apart. */
static struct lt_str
edge_text(const struct model_part *part, bool front)
{
	const struct model_token *t;

	if (part->count == 0)
		return LT_STR("");
	t = &part->tokens[front ? 0 : part->count - 1];
	return t->kind == MODEL_LITERAL ? t->text : LT_STR("");
}

/* Both of the same literals and fixed-width ranges: apart when two ranges are apart. */
static bool
ranges_apart(const struct model_part *a, const struct model_part *b)
{
	bool apart = false;

	if (a->count != b->count || a->count == 0)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		const struct model_token *x = &a->tokens[i], *y = &b->tokens[i];

		if (x->kind != y->kind || x->kind == MODEL_STAR || x->width != y->width)
			return false;
		if (x->kind == MODEL_LITERAL && !lt_str_eq(x->text, y->text))
			return false;
		if (x->kind == MODEL_RANGE && x->width == 0)
			return false;
		if (x->kind == MODEL_RANGE && (x->high < y->low || y->high < x->low))
			apart = true;
	}
	return apart;
}

static bool
parts_overlap(const struct model_part *a, const struct model_part *b)
{
	struct model_match m = { .stars = 0 };
	struct lt_str x, y;
	size_t n;

	if (part_is_literal(a))
		return match_part(b, a->tokens[0].text, &m) != MODEL_NO;
	if (part_is_literal(b))
		return match_part(a, b->tokens[0].text, &m) != MODEL_NO;
	if (ranges_apart(a, b))
		return false;
	x = edge_text(a, true);
	y = edge_text(b, true);
	n = LT_MIN(x.len, y.len);
	if (n > 0 && memcmp(x.ptr, y.ptr, n) != 0)
		return false;
	x = edge_text(a, false);
	y = edge_text(b, false);
	n = LT_MIN(x.len, y.len);
	return n == 0 || memcmp(x.ptr + x.len - n, y.ptr + y.len - n, n) == 0;
}

bool
model_pattern_overlap(const struct model_pattern *a, const struct model_pattern *b)
{
	if (a->whole && !b->whole && part_is_literal(&b->schema))
		return model_pattern_schema(a, b->schema.tokens[0].text, false);
	if (b->whole && !a->whole)
		return part_is_literal(&a->schema) ? model_pattern_schema(b, a->schema.tokens[0].text, false) : true;
	if (a->whole || b->whole)
		return true;
	return parts_overlap(&a->schema, &b->schema) && parts_overlap(&a->table, &b->table);
}
