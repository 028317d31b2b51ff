/* Which shapes there are; images of a log as rows and keys. */
#include "converge/shape.h"

#include <stdarg.h>
#include <stdio.h>

#include "change/collation.h"
#include "converge/shape_priv.h"

/* A server may give a table another number whenever it opens it, and each makes a table of the log: beyond this many
 * they are looked up by what they are. */
#define SLOTS_MAX 16384

/* By the log's table. */
struct slot {
	uint64_t id;
	struct converge_shape *shape; /* NULL: free */
};

struct converge_shapes {
	const struct model_channel *channel; /* borrowed */
	struct pipeline_router *router;      /* borrowed */
	struct shape_table *tables;          /* owned, each with its shapes */
	struct slot *slots;                  /* owned */
	size_t cap, count;
	uint64_t gone; /* the log's table of the newest that the site has no more; 0: none */
};

struct converge_shapes *
converge_shapes_new(const struct model_channel *channel, struct pipeline_router *router)
{
	struct converge_shapes *s = lt_new(struct converge_shapes);

	s->channel = channel;
	s->router = router;
	return s;
}

void
converge_shape_free(struct converge_shape *shape)
{
	if (shape == NULL)
		return;
	change_table_unref(shape->from);
	free(shape->at);
	free(shape->values);
	free(shape->no_row);
	free(shape->no_key);
	free(shape);
}

void
converge_shapes_free(struct converge_shapes *s)
{
	if (s == NULL)
		return;
	while (s->tables != NULL) {
		struct shape_table *t = s->tables;

		s->tables = t->next;
		while (t->shapes != NULL) {
			struct converge_shape *shape = t->shapes;

			t->shapes = shape->next;
			converge_shape_free(shape);
		}
		converge_shape_table_free(t);
	}
	free(s->slots);
	free(s);
}

/* -- by the log's table --------------------------------------------------------------------------- */

static struct slot *
slot_of(struct slot *slots, size_t cap, uint64_t id)
{
	size_t at = (size_t)(id * 0x9e3779b97f4a7c15U >> 32) & (cap - 1);

	while (slots[at].shape != NULL && slots[at].id != id)
		at = (at + 1) & (cap - 1);
	return &slots[at];
}

static void
grow(struct converge_shapes *s)
{
	size_t cap = s->cap > 0 ? s->cap * 2 : 64;
	struct slot *slots = lt_calloc(cap, sizeof(*slots));

	for (size_t i = 0; i < s->cap; i++) {
		if (s->slots[i].shape != NULL)
			*slot_of(slots, cap, s->slots[i].id) = s->slots[i];
	}
	free(s->slots);
	s->slots = slots;
	s->cap = cap;
}

static void
remember(struct converge_shapes *s, uint64_t id, struct converge_shape *shape)
{
	if (s->count == SLOTS_MAX) {
		memset(s->slots, 0, s->cap * sizeof(*s->slots));
		s->count = 0;
	}
	if ((s->count + 1) * 2 > s->cap)
		grow(s);
	*slot_of(s->slots, s->cap, id) = (struct slot){ id, shape };
	s->count++;
}

static bool
is_same_column(const struct change_column *a, const struct change_column *b)
{
	bool same = lt_str_eq(a->name, b->name) && lt_str_eq(a->charset, b->charset) && a->kind == b->kind &&
		    a->wire_type == b->wire_type && a->wire_meta == b->wire_meta && a->is_unsigned == b->is_unsigned &&
		    a->collation == b->collation && a->length == b->length && a->precision == b->precision &&
		    a->scale == b->scale && a->hidden == b->hidden && a->nmembers == b->nmembers;

	for (size_t i = 0; same && i < a->nmembers; i++)
		same = lt_str_eq(a->members[i], b->members[i]);
	return same;
}

/* Images of both are read alike. */
static bool
is_same_table(const struct change_table *a, const struct change_table *b)
{
	if (a->ncolumns != b->ncolumns || a->codec != b->codec)
		return false;
	for (size_t i = 0; i < a->ncolumns; i++) {
		if (!is_same_column(&a->columns[i], &b->columns[i]))
			return false;
	}
	return true;
}

/* -- whether the log's columns are those of the site ---------------------------------------------- */

static void why(char **out, const char *fmt, ...) LT_PRINTF(2, 3);

/* The first reason stays. */
static void
why(char **out, const char *fmt, ...)
{
	char text[LT_ERR_MESSAGE];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (*out == NULL)
		*out = lt_strdup(text);
}

static bool
is_integer(enum change_kind kind)
{
	return kind == CHANGE_INT || kind == CHANGE_UINT;
}

static bool
is_bytes(enum change_kind kind)
{
	return kind == CHANGE_TEXT || kind == CHANGE_BYTES || kind == CHANGE_JSON || kind == CHANGE_GEOMETRY ||
	       kind == CHANGE_VECTOR;
}

static struct lt_str
charset_of(const struct change_column *c)
{
	const char *name = c->collation != 0 ? change_collation_charset(c->collation) : NULL;

	return c->charset.len > 0 || name == NULL ? c->charset : lt_str_z(name);
}

/* Bytes mean the same: what the log does not tell is taken for that. */
static bool
is_same_text(const struct change_column *from, const struct change_column *kept)
{
	struct lt_str charset = charset_of(from);

	if (kept->kind == CHANGE_JSON || from->kind == CHANGE_JSON)
		return from->kind == kept->kind ||
		       converge_shape_charset_is_utf8(from->kind == CHANGE_JSON ? kept->charset : charset);
	if (kept->kind != CHANGE_TEXT)
		return from->kind != CHANGE_TEXT || charset.len == 0 || lt_str_eqz(charset, "binary");
	return charset.len == 0 || lt_str_eq(charset, kept->charset) ||
	       (converge_shape_charset_is_utf8(charset) && converge_shape_charset_is_utf8(kept->charset));
}

/* Values of both are told apart alike. */
static bool
is_same_kind(const struct change_column *from, const struct change_column *kept)
{
	if (is_bytes(from->kind) && is_bytes(kept->kind))
		return is_same_text(from, kept);
	return from->kind == kept->kind || (is_integer(from->kind) && is_integer(kept->kind));
}

static bool
has_same_members(const struct change_column *from, const struct change_column *kept)
{
	if (from->nmembers == 0)
		return true;
	for (size_t i = 0; i < from->nmembers && from->nmembers == kept->nmembers; i++) {
		if (!lt_str_eq(from->members[i], kept->members[i]))
			return false;
	}
	return from->nmembers == kept->nmembers;
}

/* And are kept alike. */
static bool
is_same(const struct change_column *from, const struct change_column *kept)
{
	if (!is_same_kind(from, kept))
		return false;
	switch (kept->kind) {
	case CHANGE_DECIMAL:
	case CHANGE_TIME:
	case CHANGE_DATETIME:
	case CHANGE_TIMESTAMP: return from->scale == kept->scale;
	case CHANGE_ENUM:
	case CHANGE_SET: return has_same_members(from, kept);
	default: return true;
	}
}

static uint32_t
find_source(const struct change_table *from, struct lt_str name)
{
	for (size_t i = 0; i < from->ncolumns; i++) {
		if (!from->columns[i].hidden && lt_str_ieq(from->columns[i].name, name))
			return (uint32_t)i;
	}
	return SHAPE_ABSENT;
}

static bool
is_in_key(const struct shape_table *t, size_t at)
{
	for (size_t i = 0; i < t->key.nparts; i++) {
		if (t->key.parts[i].at == at)
			return true;
	}
	return false;
}

static void
match_column(struct converge_shape *s, size_t at)
{
	const struct shape_column *c = &s->table->columns[at];
	bool in_key = is_in_key(s->table, at);
	const struct change_column *from;

	s->at[at] = find_source(s->from, c->kept->name);
	if (s->at[at] == SHAPE_ABSENT) {
		why(in_key ? &s->no_key : &s->no_row, "the log's has no column %.*s", LT_FMT(c->kept->name));
		return;
	}
	from = &s->from->columns[s->at[at]];
	if (in_key && !is_same_kind(from, c->kept))
		why(&s->no_key, "column %.*s is of another type, or character set, in the log", LT_FMT(c->kept->name));
	if (!is_same(from, c->kept))
		why(&s->no_row, "column %.*s is of another type, character set or other members in the log",
		    LT_FMT(c->kept->name));
}

struct converge_shape *
converge_shape_new(struct shape_table *t, const struct change_table *from)
{
	struct converge_shape *s = lt_new(struct converge_shape);

	s->table = t;
	s->from = change_table_ref(from);
	s->at = lt_calloc(t->ncolumns, sizeof(*s->at));
	s->values = lt_calloc(from->ncolumns + 1, sizeof(*s->values));
	for (size_t i = 0; i < t->ncolumns; i++)
		match_column(s, i);
	for (size_t i = 0; i < from->ncolumns; i++) {
		const struct change_column *c = &from->columns[i];

		if (!c->hidden && schema_table_column(t->target, c->name) == SIZE_MAX)
			why(&s->no_row, "the site's has no column %.*s", LT_FMT(c->name));
	}
	return s;
}

/* -- tables --------------------------------------------------------------------------------------- */

static bool
is_tag_free(const struct converge_shapes *s, const struct shape_table *t, struct lt_err *err)
{
	for (const struct shape_table *other = s->tables; other != NULL; other = other->next) {
		if (memcmp(other->tag, t->tag, SHAPE_TAG) == 0)
			return converge_shape_table_fail(t, err,
			    "its keys would be taken for those of %.*s.%.*s: rename it", LT_FMT(other->target->schema),
			    LT_FMT(other->target->name));
	}
	return true;
}

static bool
table_of(
    struct converge_shapes *s, struct lt_str schema, struct lt_str name, struct shape_table **ret, struct lt_err *err)
{
	const struct schema_table *target;
	struct shape_table *t;

	if (!pipeline_router_table(s->router, schema, name, &target, err))
		return false;
	for (t = s->tables; t != NULL && t->target != target;)
		t = t->next;
	if (t == NULL) {
		if (!converge_shape_table_new(s->channel, s->router, target, &t, err))
			return false;
		if (!is_tag_free(s, t, err)) {
			converge_shape_table_free(t);
			return false;
		}
		t->next = s->tables;
		s->tables = t;
	}
	*ret = t;
	return true;
}

static struct converge_shape *
find_shape(const struct converge_shapes *s, uint64_t id)
{
	return s->cap > 0 ? slot_of(s->slots, s->cap, id)->shape : NULL;
}

static struct converge_shape *
shape_of(struct converge_shapes *s, struct shape_table *t, const struct change_table *from)
{
	struct converge_shape *shape = find_shape(s, from->id);

	if (shape != NULL)
		return shape;
	shape = t->shapes;
	while (shape != NULL && !is_same_table(shape->from, from))
		shape = shape->next;
	if (shape == NULL) {
		shape = converge_shape_new(t, from);
		shape->next = t->shapes;
		t->shapes = shape;
	}
	remember(s, from->id, shape);
	return shape;
}

bool
converge_shapes_get(
    struct converge_shapes *s, const struct change_table *from, const struct converge_shape **ret, struct lt_err *err)
{
	const struct converge_shape *known = find_shape(s, from->id);
	struct shape_table *t;

	if (known == NULL) {
		if (!table_of(s, from->schema, from->name, &t, err))
			return false;
		known = shape_of(s, t, from);
	}
	*ret = known;
	return true;
}

bool
converge_shapes_get_own(
    struct converge_shapes *s, const struct change_table *from, const struct converge_shape **ret, struct lt_err *err)
{
	*ret = NULL;
	if (from->id == s->gone || converge_shapes_get(s, from, ret, err))
		return true;
	if (err->code != LT_E_TABLE_MISSING || !pipeline_router_lacks(s->router, from->schema, from->name))
		return false;
	*err = (struct lt_err){ 0 };
	s->gone = from->id;
	return true;
}

bool
converge_shapes_named(struct converge_shapes *s, struct lt_str schema, struct lt_str name,
    const struct converge_shape **ret, struct lt_err *err)
{
	struct shape_table *t;

	if (!table_of(s, schema, name, &t, err))
		return false;
	*ret = shape_of(s, t, t->kept);
	return true;
}

const struct converge_shape *
converge_shapes_of_key(const struct converge_shapes *s, struct lt_str key)
{
	for (const struct shape_table *t = s->tables; key.len >= SHAPE_TAG && t != NULL; t = t->next) {
		if (memcmp(t->tag, key.ptr, SHAPE_TAG) == 0)
			return t->shapes;
	}
	return NULL;
}

const struct schema_table *
converge_shape_target(const struct converge_shape *s)
{
	return s->table->target;
}

const struct conflict_policy *
converge_shape_policy(const struct converge_shape *s)
{
	return &s->table->policy;
}

bool
converge_shape_is_single(const struct converge_shape *s)
{
	return s->table->single;
}

bool
converge_shape_fits(const struct converge_shape *s)
{
	return s->no_row == NULL && s->no_key == NULL;
}

/* -- images and rows ------------------------------------------------------------------------------ */

static bool
is_there(const struct change_value *v)
{
	return v->kind != CHANGE_ABSENT && v->kind != CHANGE_JSON_DIFF;
}

static bool
not_there(const struct converge_shape *s, size_t at, struct lt_err *err)
{
	lt_where_table(&err->where, s->from->schema, s->from->name);
	return lt_fail(err, LT_E_CONFLICT_IMAGE, "the log's image of a row lacks column %.*s",
	    LT_FMT(s->table->columns[at].kept->name));
}

static bool
key_of(const struct converge_shape *s, struct lt_arena *arena, struct lt_str *key, struct lt_err *err)
{
	struct shape_table *t = s->table;

	if (t->single) {
		*key = (struct lt_str){ 0 };
		return true;
	}
	switch (converge_shape_key_make(t, &t->key, arena, key, err)) {
	case SHAPE_KEY_MADE: return true;
	case SHAPE_KEY_NULL: return converge_shape_table_fail(t, err, "a row has NULL in its primary key");
	case SHAPE_KEY_FAILED: break;
	}
	return false;
}

static bool
key_of_image(const struct converge_shape *s, struct lt_arena *arena, struct lt_str *key, struct lt_err *err)
{
	struct shape_table *t = s->table;

	if (s->no_key != NULL)
		return converge_shape_table_fail(t, err, "%s", s->no_key);
	for (size_t i = 0; i < t->key.nparts; i++) {
		size_t at = t->key.parts[i].at;

		if (!is_there(&s->values[s->at[at]]))
			return not_there(s, at, err);
		t->values[at] = s->values[s->at[at]];
	}
	return key_of(s, arena, key, err);
}

static struct conflict_row *
new_row(const struct shape_table *t, struct lt_arena *arena)
{
	struct conflict_row *row = lt_arena_alloc(arena, sizeof(*row));

	row->count = (uint32_t)t->ncolumns;
	row->values = lt_arena_alloc(arena, t->ncolumns * sizeof(*row->values));
	return row;
}

static bool
row_of_image(
    const struct converge_shape *s, struct lt_arena *arena, const struct conflict_row **ret, struct lt_err *err)
{
	struct shape_table *t = s->table;
	struct conflict_row *row = new_row(t, arena);

	if (s->no_row != NULL || s->no_key != NULL)
		return converge_shape_table_fail(t, err, "%s", s->no_row != NULL ? s->no_row : s->no_key);
	for (size_t i = 0; i < t->ncolumns; i++) {
		const struct change_value *v = &s->values[s->at[i]];

		if (!is_there(v))
			return not_there(s, i, err);
		row->values[i] = converge_shape_value_keep(&t->columns[i], v, arena);
	}
	*ret = row;
	return true;
}

bool
converge_shape_image(const struct converge_shape *s, const struct change_image *image, struct lt_arena *arena,
    const struct conflict_row **row, struct lt_str *key, struct lt_err *err)
{
	if (!s->from->codec->decode(s->from, image, arena, s->values, err)) {
		lt_where_table(&err->where, s->from->schema, s->from->name);
		return false;
	}
	return key_of_image(s, arena, key, err) && (row == NULL || row_of_image(s, arena, row, err));
}

/* What an index is made of, into t->values. */
static bool
read_parts(struct shape_table *t, const struct shape_index *index, const struct conflict_row *row, struct lt_err *err)
{
	if (row->count != t->ncolumns)
		return converge_shape_table_fail(
		    t, err, "a row that was kept has %u columns, the table %zu", row->count, t->ncolumns);
	for (size_t i = 0; i < index->nparts; i++) {
		size_t at = index->parts[i].at;

		if (!converge_shape_value_read(t->columns[at].kept, row->values[at], &t->values[at]))
			return converge_shape_table_fail(t, err, "a row that was kept has no value of column %.*s",
			    LT_FMT(t->columns[at].kept->name));
	}
	return true;
}

bool
converge_shape_key(const struct converge_shape *s, const struct conflict_row *row, struct lt_arena *arena,
    struct lt_str *key, struct lt_err *err)
{
	return read_parts(s->table, &s->table->key, row, err) && key_of(s, arena, key, err);
}

bool
converge_shape_claims(const struct converge_shape *s, const struct conflict_row *row, struct lt_arena *arena,
    struct lt_str **claims, uint32_t *count, struct lt_err *err)
{
	struct shape_table *t = s->table;
	struct lt_str *out = lt_arena_alloc(arena, (t->nuniques + 1) * sizeof(*out));
	uint32_t n = 0;

	for (size_t i = 0; i < t->nuniques; i++) {
		if (!read_parts(t, &t->uniques[i], row, err))
			return false;
		switch (converge_shape_key_make(t, &t->uniques[i], arena, &out[n], err)) {
		case SHAPE_KEY_MADE: n++; break;
		case SHAPE_KEY_NULL: break;
		case SHAPE_KEY_FAILED: return false;
		}
	}
	*claims = out;
	*count = n;
	return true;
}

bool
converge_shape_found(const struct converge_shape *s, const struct my_rows *rows, size_t at, struct lt_arena *arena,
    const struct conflict_row **ret, struct lt_str *key, struct lt_err *err)
{
	struct shape_table *t = s->table;
	struct conflict_row *row = new_row(t, arena);

	for (size_t i = 0; i < t->ncolumns; i++) {
		if (!converge_shape_value_found(&t->columns[i], my_rows_at(rows, at, i), arena, &row->values[i]))
			return lt_fail(err, LT_E_PROTOCOL,
			    "column %.*s of %.*s.%.*s: the server's value is none of its type",
			    LT_FMT(t->columns[i].kept->name), LT_FMT(t->target->schema), LT_FMT(t->target->name));
	}
	*ret = row;
	return key == NULL || converge_shape_key(s, row, arena, key, err);
}

void
converge_shape_change(const struct converge_shape *s, const struct conflict_row *before,
    const struct conflict_row *after, struct change_txn *t)
{
	struct change_row *row = change_txn_add_row(t, s->table->kept);

	LT_ASSERT(before != NULL || after != NULL);
	row->op = before == NULL ? CHANGE_INSERT : after == NULL ? CHANGE_DELETE : CHANGE_UPDATE;
	if (before != NULL)
		row->before.bytes = converge_shape_encode(before, t->arena);
	if (after != NULL)
		row->after.bytes = converge_shape_encode(after, t->arena);
}
