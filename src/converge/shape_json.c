/* A row as JSON and back: numbers as numbers, decimals and times as strings, text as a string where it is UTF-8; any
 * other bytes, and text that itself begins so, as "0x" and digits. */
#include <stdio.h>

#include "base/utf8.h"
#include "converge/shape_priv.h"

#define HEX "0x"

/* -- out ------------------------------------------------------------------------------------------ */

static void
add_hex(struct lt_str bytes, struct lt_buf *out)
{
	lt_buf_z(out, "\"" HEX);
	lt_buf_hex(out, bytes);
	lt_buf_c(out, '"');
}

static bool
is_ascii(struct lt_str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if ((unsigned char)s.ptr[i] >= 0x80)
			return false;
	}
	return true;
}

/* Text that is itself under its character set. */
static bool
is_readable(const struct change_column *c, struct lt_str s)
{
	if (c->kind != CHANGE_TEXT && c->kind != CHANGE_JSON)
		return false;
	if (lt_str_starts(s, LT_STR(HEX)) || !lt_utf8_valid(s))
		return false;
	return c->kind == CHANGE_JSON || converge_shape_charset_is_utf8(c->charset) ||
	       (converge_shape_blank(c->charset).len == 1 && is_ascii(s));
}

/* The fewest digits that read back the same. */
static void
add_real(const struct change_value *v, struct lt_buf *out)
{
	double d = v->kind == CHANGE_FLOAT ? (double)v->f32 : v->f64;
	char text[40];

	for (int digits = v->kind == CHANGE_FLOAT ? 6 : 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, d);
		if (v->kind == CHANGE_FLOAT ? strtof(text, NULL) == v->f32 : strtod(text, NULL) == d)
			break;
	}
	lt_buf_z(out, text);
}

static void
add_value(const struct change_column *c, struct lt_str kept, struct lt_buf *out)
{
	struct change_value v;

	if (kept.ptr == NULL || !converge_shape_value_read(c, kept, &v)) {
		lt_buf_z(out, "null");
		return;
	}
	switch (c->kind) {
	case CHANGE_INT:
	case CHANGE_UINT:
	case CHANGE_YEAR:
	case CHANGE_BIT:
	case CHANGE_ENUM:
	case CHANGE_SET: lt_buf_str_add(out, kept); break;
	case CHANGE_FLOAT:
	case CHANGE_DOUBLE: add_real(&v, out); break;
	case CHANGE_DECIMAL:
	case CHANGE_DATE:
	case CHANGE_TIME:
	case CHANGE_DATETIME:
	case CHANGE_TIMESTAMP: lt_json_str(out, kept); break;
	default:
		if (is_readable(c, kept))
			lt_json_str(out, kept);
		else
			add_hex(kept, out);
	}
}

static void
add_member(const struct shape_table *t, size_t at, const struct conflict_row *row, struct lt_buf *out)
{
	lt_json_str(out, t->columns[at].kept->name);
	lt_buf_c(out, ':');
	add_value(t->columns[at].kept, row->values[at], out);
}

void
converge_shape_json(const struct converge_shape *s, const struct conflict_row *row, struct lt_buf *out)
{
	const struct shape_table *t = s->table;

	if (row == NULL) {
		lt_buf_z(out, "null");
		return;
	}
	lt_buf_c(out, '{');
	for (size_t i = 0; i < t->ncolumns && i < row->count; i++) {
		if (i > 0)
			lt_buf_c(out, ',');
		add_member(t, i, row, out);
	}
	lt_buf_c(out, '}');
}

void
converge_shape_key_json(const struct converge_shape *s, const struct conflict_row *row, struct lt_buf *out)
{
	const struct shape_table *t = s->table;

	lt_buf_c(out, '{');
	for (size_t i = 0; i < t->key.nparts; i++) {
		if (i > 0)
			lt_buf_c(out, ',');
		add_member(t, t->key.parts[i].at, row, out);
	}
	lt_buf_c(out, '}');
}

/* -- in ------------------------------------------------------------------------------------------- */

/* What is read; `failed` once it is not such an object. */
struct reading {
	const char *at, *end;
	bool failed;
	struct lt_arena *arena;
};

static void
pass_blanks(struct reading *r)
{
	while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
		r->at++;
}

static bool
take(struct reading *r, char c)
{
	pass_blanks(r);
	if (r->at == r->end || *r->at != c)
		return false;
	r->at++;
	return true;
}

static void
want(struct reading *r, char c)
{
	r->failed = !take(r, c) || r->failed;
}

static uint32_t
take_code(struct reading *r)
{
	uint32_t code = 0;

	for (int i = 0; i < 4; i++) {
		int digit = r->at < r->end ? lt_hex_digit(*r->at) : -1;

		if (digit < 0) {
			r->failed = true;
			return ' ';
		}
		code = code << 4 | (uint32_t)digit;
		r->at++;
	}
	return code;
}

/* Behind "\u". */
static void
take_character(struct reading *r, struct lt_buf *out)
{
	uint32_t code = take_code(r), low;

	if (code >= 0xd800 && code < 0xdc00 && r->end - r->at >= 2 && r->at[0] == '\\' && r->at[1] == 'u') {
		r->at += 2;
		low = take_code(r);
		code = low >= 0xdc00 && low < 0xe000 ? 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00) : 0xdc00;
	}
	if (code >= 0xd800 && code < 0xe000)
		r->failed = true;
	else
		lt_utf8_add(out, code);
}

static void
take_escape(struct reading *r, struct lt_buf *out)
{
	static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
	char c = r->at < r->end ? *r->at++ : 0;
	const char *name = c != 0 ? strchr(names, c) : NULL;

	if (c == 'u')
		take_character(r, out);
	else if (name != NULL)
		lt_buf_c(out, bytes[name - names]);
	else
		r->failed = true;
}

/* In `arena`. */
static struct lt_str
take_string(struct reading *r)
{
	struct lt_buf text = { 0 };
	struct lt_str out;

	want(r, '"');
	while (!r->failed && r->at < r->end && *r->at != '"') {
		if (*r->at++ == '\\')
			take_escape(r, &text);
		else
			lt_buf_c(&text, r->at[-1]);
	}
	if (r->failed || r->at == r->end)
		r->failed = true;
	else
		r->at++;
	out = lt_arena_str(r->arena, lt_buf_str(&text));
	lt_buf_free(&text);
	return out;
}

/* A number, null, true, ... as it is written; in `arena`. */
static struct lt_str
take_word(struct reading *r)
{
	const char *begin = r->at;

	while (r->at < r->end && strchr(",} \t\r\n", *r->at) == NULL)
		r->at++;
	return lt_arena_str(r->arena, lt_str_of(begin, (size_t)(r->at - begin)));
}

static bool
read_hex(struct lt_str digits, struct lt_arena *arena, struct lt_str *out)
{
	char *bytes = lt_arena_alloc(arena, digits.len / 2 + 1);

	for (size_t i = 0; i + 1 < digits.len; i += 2) {
		int high = lt_hex_digit(digits.ptr[i]), low = lt_hex_digit(digits.ptr[i + 1]);

		if (high < 0 || low < 0)
			return false;
		bytes[i / 2] = (char)(high << 4 | low);
	}
	*out = lt_str_of(bytes, digits.len / 2);
	return digits.len % 2 == 0;
}

static bool
read_bytes(const struct shape_column *c, struct lt_str text, struct lt_arena *arena, struct lt_str *out)
{
	if (lt_str_starts(text, LT_STR(HEX)))
		return read_hex(lt_str_of(text.ptr + strlen(HEX), text.len - strlen(HEX)), arena, out);
	return is_readable(c->kept, text) && converge_shape_value_found(c, text, arena, out);
}

/* Strings are what the text protocol says of a value, and numbers too. */
static bool
take_value(struct reading *r, const struct shape_column *c, struct lt_str *out)
{
	struct change_value v;
	struct lt_str text;
	bool quoted;

	pass_blanks(r);
	quoted = r->at < r->end && *r->at == '"';
	text = quoted ? take_string(r) : take_word(r);
	if (r->failed)
		return false;
	if (!quoted && lt_str_eqz(text, "null")) {
		*out = (struct lt_str){ 0 };
		return c->target->nullable;
	}
	switch (c->kept->kind) {
	case CHANGE_TEXT:
	case CHANGE_BYTES:
	case CHANGE_JSON:
	case CHANGE_GEOMETRY:
	case CHANGE_VECTOR: return quoted && read_bytes(c, text, r->arena, out);
	default:
		return converge_shape_value_found(c, text, r->arena, out) &&
		       converge_shape_value_read(c->kept, *out, &v);
	}
}

static size_t
find_column(const struct shape_table *t, struct lt_str name)
{
	size_t i = 0;

	while (i < t->ncolumns && !lt_str_ieq(t->columns[i].kept->name, name))
		i++;
	return i;
}

static bool
take_member(struct reading *r, const struct shape_table *t, struct conflict_row *row, bool *have, struct lt_err *err)
{
	struct lt_str name = take_string(r);
	size_t at = find_column(t, name);

	want(r, ':');
	if (r->failed)
		return lt_fail(
		    err, LT_E_USAGE, "a row: an object of columns is wanted, as {\"id\": 7, \"note\": \"x\"}");
	if (at == t->ncolumns || have[at])
		return lt_fail(err, LT_E_USAGE, "a row: %.*s.%.*s has no column %.*s, or it comes twice",
		    LT_FMT(t->target->schema), LT_FMT(t->target->name), LT_FMT(name));
	have[at] = true;
	return take_value(r, &t->columns[at], &row->values[at]) ||
	       lt_fail(err, LT_E_USAGE, "a row: no value of column %.*s (%.*s)", LT_FMT(t->columns[at].kept->name),
		   LT_FMT(t->columns[at].target->type));
}

/* *have: which columns were there; in `arena` as the row is. */
static bool
read_row(const struct shape_table *t, struct lt_str json, struct lt_arena *arena, struct conflict_row *row,
    const bool **ret, struct lt_err *err)
{
	struct reading r = { json.ptr, json.ptr + json.len, false, arena };
	bool *have = lt_arena_zalloc(arena, t->ncolumns * sizeof(*have)), more;

	row->count = (uint32_t)t->ncolumns;
	row->values = lt_arena_zalloc(arena, t->ncolumns * sizeof(*row->values));
	want(&r, '{');
	more = !take(&r, '}');
	while (more && !r.failed) {
		if (!take_member(&r, t, row, have, err))
			return false;
		more = take(&r, ',');
		if (!more)
			want(&r, '}');
	}
	pass_blanks(&r);
	if (r.failed || r.at != r.end)
		return lt_fail(
		    err, LT_E_USAGE, "a row: an object of columns is wanted, as {\"id\": 7, \"note\": \"x\"}");
	*ret = have;
	return true;
}

static bool
check_there(const struct shape_table *t, size_t at, const bool *have, struct lt_err *err)
{
	return have[at] || lt_fail(err, LT_E_USAGE, "a row: column %.*s is missing", LT_FMT(t->columns[at].kept->name));
}

bool
converge_shape_parse(const struct converge_shape *s, struct lt_str json, struct lt_arena *arena,
    const struct conflict_row **ret, struct lt_err *err)
{
	struct conflict_row *row = lt_arena_alloc(arena, sizeof(*row));
	const bool *have;

	if (lt_str_eqz(json, "null")) {
		*ret = NULL;
		return true;
	}
	if (!read_row(s->table, json, arena, row, &have, err))
		return false;
	for (size_t i = 0; i < s->table->ncolumns; i++) {
		if (!check_there(s->table, i, have, err))
			return false;
	}
	*ret = row;
	return true;
}

bool
converge_shape_key_parse(const struct converge_shape *s, struct lt_str json, struct lt_arena *arena,
    const struct conflict_row **ret, struct lt_err *err)
{
	struct conflict_row *row = lt_arena_alloc(arena, sizeof(*row));
	const bool *have;

	if (!read_row(s->table, json, arena, row, &have, err))
		return false;
	for (size_t i = 0; i < s->table->key.nparts; i++) {
		if (!check_there(s->table, s->table->key.parts[i].at, have, err))
			return false;
	}
	*ret = row;
	return true;
}
