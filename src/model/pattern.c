#include "model/pattern_priv.h"

/* Parsing; matching is in match.c. */

struct parser {
	struct lt_str in;
	size_t at;
	bool target;   /* a `to`: no regexes */
	size_t groups; /* of the `from`'s regexes: `$n` means something */
	struct lt_arena *arena;
	struct lt_err *err;
	struct model_token scratch[MODEL_TOKENS_MAX]; /* of the part in hand */
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* What may stand outside of backquotes: what servers take unquoted, and - # @. */
static bool
is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || (unsigned char)c >= 0x80 ||
	       (c != '\0' && strchr("_$-#@", c) != NULL);
}

static bool
more(const struct parser *p)
{
	return p->at < p->in.len;
}

static bool
push(struct parser *p, struct model_part *part, struct model_token token)
{
	if (token.kind == MODEL_LITERAL && part->count > 0 && part->tokens[part->count - 1].kind == MODEL_LITERAL) {
		struct lt_str *old = &part->tokens[part->count - 1].text;
		char *both = lt_arena_alloc(p->arena, old->len + token.text.len + 1);

		memcpy(both, old->ptr, old->len);
		memcpy(both + old->len, token.text.ptr, token.text.len);
		*old = lt_str_of(both, old->len + token.text.len);
		return true;
	}
	if (part->count == MODEL_TOKENS_MAX)
		return lt_fail(p->err, LT_E_CONFIG_MAPPING, "the name pattern has too many wildcards");
	part->tokens[part->count++] = token;
	return true;
}

/* `...` with doubled backquotes inside. */
static bool
parse_quoted(struct parser *p, struct model_part *part)
{
	char *text = lt_arena_alloc(p->arena, p->in.len);
	size_t n = 0;

	for (p->at++; more(p); p->at++) {
		if (p->in.ptr[p->at] == '`') {
			if (p->at + 1 == p->in.len || p->in.ptr[p->at + 1] != '`')
				break;
			p->at++;
		}
		text[n++] = p->in.ptr[p->at];
	}
	if (!more(p))
		return lt_fail(p->err, LT_E_CONFIG_MAPPING, "a backquote is not closed");
	p->at++;
	if (n == 0)
		return lt_fail(p->err, LT_E_CONFIG_MAPPING, "nothing stands between two backquotes");
	return push(p, part, (struct model_token){ .kind = MODEL_LITERAL, .text = lt_str_of(text, n) });
}

static struct lt_str
digits(struct parser *p)
{
	size_t from = p->at;

	while (more(p) && is_digit(p->in.ptr[p->at]))
		p->at++;
	return lt_str_of(p->in.ptr + from, p->at - from);
}

static bool
eat(struct parser *p, char c)
{
	if (!more(p) || p->in.ptr[p->at] != c)
		return false;
	p->at++;
	return true;
}

static bool
parse_range(struct parser *p, struct model_part *part)
{
	struct model_token token = { .kind = MODEL_RANGE };
	struct lt_str low, high;
	bool ok;

	p->at++;
	low = digits(p);
	ok = eat(p, '-');
	high = digits(p);
	if (!ok || !eat(p, ']') || low.len == 0 || high.len == 0)
		return lt_fail(p->err, LT_E_CONFIG_MAPPING,
		    "a range is written [00-31]; put a name with brackets into backquotes");
	if (low.len > 9 || high.len > 9)
		return lt_fail(p->err, LT_E_CONFIG_MAPPING, "a range has at most 9 digits");
	LT_ASSERT(lt_str_u64(low, &token.low) && lt_str_u64(high, &token.high));
	if (token.low > token.high)
		return lt_fail(
		    p->err, LT_E_CONFIG_MAPPING, "the range [%.*s-%.*s] runs backwards", LT_FMT(low), LT_FMT(high));
	if (low.len == high.len)
		token.width = (unsigned)low.len;
	else if ((low.len > 1 && low.ptr[0] == '0') || high.ptr[0] == '0')
		return lt_fail(p->err, LT_E_CONFIG_MAPPING,
		    "both ends of the range [%.*s-%.*s] need the same number of digits", LT_FMT(low), LT_FMT(high));
	return push(p, part, token);
}

/* `$1`; a `$` before anything else is itself. */
static bool
parse_group(struct parser *p, struct model_part *part)
{
	struct lt_str number;
	uint64_t group = 0;

	p->at++;
	number = digits(p);
	if (number.len == 0)
		return push(p, part, (struct model_token){ .kind = MODEL_LITERAL, .text = LT_STR("$") });
	if (!lt_str_u64(number, &group) || group < 1 || group > p->groups)
		return lt_fail(p->err, LT_E_CONFIG_MAPPING, "$%.*s: the regexes of `from` have %zu groups",
		    LT_FMT(number), p->groups);
	return push(p, part, (struct model_token){ .kind = MODEL_GROUP, .group = (unsigned)group });
}

static bool
parse_plain(struct parser *p, struct model_part *part)
{
	size_t from = p->at;

	while (more(p) && is_plain(p->in.ptr[p->at]) && !(p->groups > 0 && p->in.ptr[p->at] == '$'))
		p->at++;
	if (p->at == from)
		return lt_fail(p->err, LT_E_CONFIG_MAPPING,
		    "byte %zu: put a name with such a character into backquotes", from + 1);
	return push(p, part,
	    (struct model_token){
		.kind = MODEL_LITERAL, .text = lt_arena_str(p->arena, lt_str_of(p->in.ptr + from, p->at - from)) });
}

static bool
parse_regex(struct parser *p, struct model_part *part)
{
	uint32_t options = PCRE2_ANCHORED | PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
	size_t from = ++p->at, where;
	uint32_t groups = 0;
	int code;

	if (p->target)
		return lt_fail(
		    p->err, LT_E_CONFIG_MAPPING, "a regex stands only in `from`; `to` takes $1 for its groups");
	for (; more(p) && p->in.ptr[p->at] != '/'; p->at++) {
		if (p->in.ptr[p->at] == '\\')
			p->at++;
	}
	if (!more(p))
		return lt_fail(p->err, LT_E_CONFIG_MAPPING, "a regex is not closed by /");
	part->regex = pcre2_compile((PCRE2_SPTR)(p->in.ptr + from), p->at - from, options, &code, &where, NULL);
	if (part->regex != NULL)
		part->any_case = pcre2_compile(
		    (PCRE2_SPTR)(p->in.ptr + from), p->at - from, options | PCRE2_CASELESS, &code, &where, NULL);
	p->at++;
	if (part->any_case == NULL) {
		char text[160] = "";

		pcre2_get_error_message(code, (PCRE2_UCHAR *)text, sizeof(text));
		return lt_fail(p->err, LT_E_CONFIG_MAPPING, "the regex is wrong at byte %zu: %s", where + 1, text);
	}
	pcre2_pattern_info(part->regex, PCRE2_INFO_CAPTURECOUNT, &groups);
	if (groups >= MODEL_GROUPS_MAX)
		return lt_fail(p->err, LT_E_CONFIG_MAPPING, "the regex has more than %d groups", MODEL_GROUPS_MAX - 1);
	if (more(p) && p->in.ptr[p->at] != '.')
		return lt_fail(p->err, LT_E_CONFIG_MAPPING, "only a dot may follow a regex");
	return true;
}

static bool
parse_tokens(struct parser *p, struct model_part *part)
{
	while (more(p) && p->in.ptr[p->at] != '.') {
		char c = p->in.ptr[p->at];
		bool ok;

		if (c == '*') {
			if (part->count > 0 && part->tokens[part->count - 1].kind == MODEL_STAR)
				return lt_fail(p->err, LT_E_CONFIG_MAPPING, "two * side by side");
			p->at++;
			ok = push(p, part, (struct model_token){ .kind = MODEL_STAR });
		} else if (c == '[') {
			ok = parse_range(p, part);
		} else if (c == '`') {
			ok = parse_quoted(p, part);
		} else if (c == '$' && p->groups > 0) {
			ok = parse_group(p, part);
		} else {
			ok = parse_plain(p, part);
		}
		if (!ok)
			return false;
	}
	return true;
}

/* Up to the dot or the end. */
static bool
parse_part(struct parser *p, struct model_part *part)
{
	struct model_token *tokens;
	size_t literal = 0;

	if (more(p) && p->in.ptr[p->at] == '/')
		return parse_regex(p, part);
	part->tokens = p->scratch;
	if (!parse_tokens(p, part))
		return false;
	if (part->count == 0)
		return lt_fail(p->err, LT_E_CONFIG_MAPPING, "schema.table wanted, and one of the names is empty");
	for (size_t i = 0; i < part->count; i++)
		literal += part->tokens[i].kind == MODEL_LITERAL ? part->tokens[i].text.len : 0;
	if (literal > MODEL_NAME_BYTES_MAX)
		return lt_fail(p->err, LT_E_CONFIG_MAPPING, "the name is longer than any server takes");
	tokens = lt_arena_alloc(p->arena, part->count * sizeof(*tokens));
	memcpy(tokens, part->tokens, part->count * sizeof(*tokens));
	part->tokens = tokens;
	return true;
}

static void
count_wildcards(const struct model_part *part, struct model_pattern *out)
{
	uint32_t groups = 0;

	for (size_t i = 0; i < part->count; i++) {
		out->stars += part->tokens[i].kind == MODEL_STAR;
		out->ranges += part->tokens[i].kind == MODEL_RANGE;
	}
	if (part->regex != NULL)
		pcre2_pattern_info(part->regex, PCRE2_INFO_CAPTURECOUNT, &groups);
	out->groups += groups;
}

static bool
parse_both(struct parser *p, struct model_pattern *out)
{
	if (p->in.len > MODEL_PATTERN_BYTES_MAX)
		return lt_fail(p->err, LT_E_CONFIG_MAPPING, "the name pattern is too long");
	if (!parse_part(p, &out->schema))
		return false;
	if (!more(p) && out->schema.regex != NULL) {
		out->whole = true;
	} else if (!eat(p, '.')) {
		return lt_fail(p->err, LT_E_CONFIG_MAPPING, "schema.table wanted, and there is no dot");
	} else {
		if (!parse_part(p, &out->table))
			return false;
		if (more(p))
			return lt_fail(p->err, LT_E_CONFIG_MAPPING,
			    "schema.table has one dot; put a name with a dot into backquotes");
	}
	if (out->schema.count == 1 && out->schema.tokens[0].kind == MODEL_LITERAL &&
	    model_is_system_schema(out->schema.tokens[0].text))
		return lt_fail(p->err, LT_E_CONFIG_MAPPING, "schema %.*s is the system's own and is never copied",
		    LT_FMT(out->schema.tokens[0].text));
	count_wildcards(&out->schema, out);
	count_wildcards(&out->table, out);
	return true;
}

static bool
parse(struct parser *p, struct model_pattern *out)
{
	struct model_pattern pattern = { 0 };

	if (!parse_both(p, &pattern)) {
		model_pattern_clear(&pattern);
		return false;
	}
	*out = pattern;
	return true;
}

bool
model_pattern_parse_from(struct lt_str text, struct lt_arena *arena, struct model_pattern *out, struct lt_err *err)
{
	struct parser p = { .in = text, .arena = arena, .err = err };

	return parse(&p, out);
}

bool
model_pattern_parse_to(
    struct lt_str text, size_t groups, struct lt_arena *arena, struct model_pattern *out, struct lt_err *err)
{
	struct parser p = { .in = text, .arena = arena, .err = err, .target = true, .groups = groups };

	return parse(&p, out);
}

void
model_pattern_clear(struct model_pattern *p)
{
	pcre2_code_free(p->schema.regex);
	pcre2_code_free(p->table.regex);
	pcre2_code_free(p->schema.any_case);
	pcre2_code_free(p->table.any_case);
	*p = (struct model_pattern){ 0 };
}

bool
model_is_system_schema(struct lt_str schema)
{
	static const char *const names[] = { "lutra", "mysql", "sys", "information_schema", "performance_schema" };

	for (size_t i = 0; i < LT_COUNT(names); i++) {
		if (lt_str_ieq(schema, lt_str_z(names[i])))
			return true;
	}
	return false;
}

bool
model_pattern_is_literal(const struct model_pattern *p)
{
	return p->schema.count == 1 && p->schema.tokens[0].kind == MODEL_LITERAL && p->table.count == 1 &&
	       p->table.tokens[0].kind == MODEL_LITERAL;
}

bool
model_pattern_has_regex(const struct model_pattern *p)
{
	return p->schema.regex != NULL || p->table.regex != NULL;
}
