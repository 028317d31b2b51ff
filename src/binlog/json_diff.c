#include "binlog/json_diff.h"

#include "base/buf.h"
#include "binlog/json.h"
#include "binlog/json_priv.h"
#include "change/json.h"
#include "change/json_path.h"

enum { DIFF_REPLACE, DIFF_INSERT, DIFF_REMOVE };

/* A document's bytes with all edits are no longer than this many times what they are made of, or they are LT_E_CORRUPT:
 * offsets that point at the same bytes again and again would make them grow without end. */
#define GROWTH 8

struct diff {
	uint8_t op;
	struct lt_str path, value;
};

static bool
take_diff(struct lt_cur *in, struct diff *out, struct lt_err *err)
{
	struct diff d = { .op = lt_cur_u8(in) };

	d.path = lt_cur_bytes(in, (size_t)lt_cur_lenenc(in));
	if (lt_cur_ok(in) && d.op > DIFF_REMOVE)
		return lt_fail(err, LT_E_CORRUPT, "JSON: unknown edit %u", d.op);
	if (d.op != DIFF_REMOVE)
		d.value = lt_cur_bytes(in, (size_t)lt_cur_lenenc(in));
	if (!lt_cur_ok(in))
		return lt_fail(err, LT_E_TRUNCATED, "JSON: an edit is cut");
	*out = d;
	return true;
}

/* -- the document, as far as it is taken apart ---------------------------------------------------- */

struct node {
	uint8_t type;
	struct lt_cur raw;     /* behind the type, up to the end of all; not used once opened */
	bool opened, object;   /* a container whose children are nodes */
	struct node *children; /* arena */
	size_t count, cap;
	struct lt_str key; /* in an object */
};

struct editing {
	struct lt_arena *arena;
	struct lt_err *err;
	struct lt_buf out;
	size_t limit;
};

static bool
node_of(struct editing *e, struct lt_str bytes, struct node *out)
{
	struct lt_cur in = lt_cur_str(bytes);

	*out = (struct node){ 0 };
	if (bytes.len == 0) { /* JSON null */
		out->type = JSON_LITERAL;
		out->raw = lt_cur_of("", 1);
		return true;
	}
	out->type = lt_cur_u8(&in);
	out->raw = in;
	return lt_cur_ok(&in) || json_cut(e->err);
}

static bool
open_node(struct editing *e, struct node *n)
{
	struct json_container c;

	if (n->opened || !json_is_container(n->type))
		return true;
	if (!json_container_open(n->type, n->raw, &c, e->err))
		return false;
	n->object = c.object;
	n->cap = c.count + 1;
	n->children = lt_arena_zalloc(e->arena, n->cap * sizeof(*n->children));
	for (n->count = 0; n->count < c.count; n->count++) {
		struct node *child = &n->children[n->count];

		if (!json_container_value(&c, n->count, &child->type, &child->raw, e->err) ||
		    (c.object && !json_container_key(&c, n->count, &child->key, e->err)))
			return false;
	}
	n->opened = true;
	return true;
}

/* A place for a new child in front of the i-th. */
static struct node *
make_room(struct editing *e, struct node *n, size_t i)
{
	if (n->count == n->cap) {
		n->children = lt_arena_grow(
		    e->arena, n->children, n->cap * sizeof(*n->children), 2 * n->cap * sizeof(*n->children));
		n->cap *= 2;
	}
	memmove(&n->children[i + 1], &n->children[i], (n->count - i) * sizeof(*n->children));
	n->count++;
	return &n->children[i];
}

static void
remove_child(struct node *n, struct node *child)
{
	size_t i = (size_t)(child - n->children);

	n->count--;
	memmove(child, child + 1, (n->count - i) * sizeof(*n->children));
}

/* Keys stand in the order of their lengths, then of their bytes. Returns where `key` is or belongs. */
static size_t
key_place(const struct node *n, struct lt_str key, bool *found)
{
	size_t i = 0;

	*found = false;
	for (; i < n->count; i++) {
		struct lt_str k = n->children[i].key;
		int order =
		    k.len != key.len ? (k.len < key.len ? -1 : 1) : (key.len > 0 ? memcmp(k.ptr, key.ptr, key.len) : 0);

		*found = order == 0;
		if (order >= 0)
			break;
	}
	return i;
}

/* The child that a leg names; NULL and no error: there is none. */
static bool
find_child(struct editing *e, struct node *n, const struct change_json_leg *leg, struct node **ret)
{
	size_t i;
	bool found;

	*ret = NULL;
	if (!open_node(e, n))
		return false;
	if (!leg->cell) {
		if (!n->opened || !n->object)
			return true;
		i = key_place(n, leg->key, &found);
		*ret = found ? &n->children[i] : NULL;
	} else if (n->opened && !n->object) {
		if (leg->index < n->count)
			*ret = &n->children[leg->from_end ? n->count - 1 - leg->index : leg->index];
	} else if (leg->index == 0) {
		*ret = n; /* whatever is no array counts as one with a single cell */
	}
	return true;
}

/* -- the edits ------------------------------------------------------------------------------------ */

static bool
misfit(struct editing *e)
{
	return lt_fail(e->err, LT_E_CORRUPT, "JSON: an edit does not fit the value that it changes");
}

static bool
insert(struct editing *e, struct node *parent, const struct change_json_leg *leg, const struct node *value)
{
	struct node *to;
	bool found;
	size_t i;

	if (!open_node(e, parent))
		return false;
	if (!parent->opened || parent->object == leg->cell)
		return misfit(e);
	if (leg->cell) {
		i = LT_MIN(leg->index, parent->count);
		if (leg->from_end)
			i = leg->index < parent->count ? parent->count - 1 - leg->index : 0;
		*make_room(e, parent, i) = *value;
		return true;
	}
	i = key_place(parent, leg->key, &found);
	if (found)
		return misfit(e);
	to = make_room(e, parent, i);
	*to = *value;
	to->key = leg->key;
	return true;
}

/* `parent` is where the last leg starts, `at` what it names. */
static bool
change(struct editing *e, const struct diff *d, struct node *parent, struct node *at, const struct change_json_leg *leg)
{
	struct lt_str key;
	struct node value;

	if (d->op == DIFF_REMOVE) {
		if (at == NULL || parent == NULL || at == parent)
			return misfit(e);
		remove_child(parent, at);
		return true;
	}
	if (!node_of(e, d->value, &value))
		return false;
	if (d->op == DIFF_INSERT)
		return parent != NULL ? insert(e, parent, leg, &value) : misfit(e);
	if (at == NULL)
		return misfit(e);
	key = at->key;
	*at = value;
	at->key = key;
	return true;
}

static bool
apply(struct editing *e, const struct diff *d, struct node *root)
{
	struct node *parent = NULL, *at = root;
	struct lt_str path = d->path;
	struct change_json_leg leg = { 0 };

	if (!change_json_path_begin(&path, e->err))
		return false;
	for (size_t depth = 0; path.len > 0; depth++) {
		if (depth > BINLOG_JSON_DEPTH)
			return lt_fail(
			    e->err, LT_E_CORRUPT, "JSON: an edit more than %d levels deep", BINLOG_JSON_DEPTH);
		if (at == NULL)
			return misfit(e);
		if (!change_json_path_leg(&path, e->arena, &leg, e->err))
			return false;
		parent = at;
		if (!find_child(e, parent, &leg, &at))
			return false;
	}
	return change(e, d, parent, at, &leg);
}

/* -- back to bytes: opened containers in their large form, all else as it is ---------------------- */

static bool
add(struct editing *e, const void *bytes, size_t len)
{
	if (len > e->limit - e->out.len)
		return lt_fail(e->err, LT_E_CORRUPT, "JSON: a value would be too long for the bytes it is made of");
	lt_buf_add(&e->out, bytes, len);
	return true;
}

static void
set_u32(struct editing *e, size_t at, size_t n)
{
	for (size_t i = 0; i < 4; i++)
		e->out.ptr[at + i] = (char)(n >> (8 * i));
}

static bool
scalar_size(struct editing *e, uint8_t type, struct lt_cur in, size_t *out)
{
	const uint8_t *start = in.at;

	switch (type) {
	case JSON_LITERAL: lt_cur_take(&in, 1); break;
	case JSON_INT16:
	case JSON_UINT16: lt_cur_take(&in, 2); break;
	case JSON_INT32:
	case JSON_UINT32: lt_cur_take(&in, 4); break;
	case JSON_INT64:
	case JSON_UINT64:
	case JSON_DOUBLE: lt_cur_take(&in, 8); break;
	case JSON_OPAQUE:
		lt_cur_u8(&in);
		lt_cur_take(&in, json_take_length(&in));
		break;
	case JSON_STRING: lt_cur_take(&in, json_take_length(&in)); break;
	default: return lt_fail(e->err, LT_E_CORRUPT, "JSON: unknown type %u", type);
	}
	*out = (size_t)(in.at - start);
	return lt_cur_ok(&in) || json_cut(e->err);
}

/* What stands behind the type of a node that was not opened. */
static bool
write_raw(struct editing *e, const struct node *n)
{
	struct json_container c;
	size_t size;

	if (!json_is_container(n->type))
		return scalar_size(e, n->type, n->raw, &size) && add(e, n->raw.at, size);
	return json_container_open(n->type, n->raw, &c, e->err) && add(e, c.at, c.size);
}

static uint8_t
type_of(const struct node *n)
{
	if (!n->opened)
		return n->type;
	return n->object ? JSON_LARGE_OBJECT : JSON_LARGE_ARRAY;
}

static bool write_node(struct editing *e, const struct node *n, unsigned depth);

/* An entry's four bytes: the value or where it stands. */
static bool
write_child(struct editing *e, const struct node *child, size_t start, size_t entry, unsigned depth)
{
	size_t size;

	e->out.ptr[entry] = (char)type_of(child);
	if (!json_is_inline(child->type, 4) || child->opened) {
		set_u32(e, entry + 1, e->out.len - start);
		return write_node(e, child, depth + 1);
	}
	if (!scalar_size(e, child->type, child->raw, &size))
		return false;
	memcpy(e->out.ptr + entry + 1, child->raw.at, size);
	return true;
}

/* Recursive as deep as an edit's path, and as the edits' values: never deeper than BINLOG_JSON_DEPTH. */
static bool
write_node(struct editing *e, const struct node *n, unsigned depth)
{
	size_t start = e->out.len, key_width = n->object ? 6 : 0, values = start + 8 + n->count * key_width;
	static const char zeros[64];

	if (depth > BINLOG_JSON_DEPTH)
		return lt_fail(e->err, LT_E_CORRUPT, "JSON: more than %d levels", BINLOG_JSON_DEPTH);
	if (!n->opened)
		return write_raw(e, n);
	for (size_t left = 8 + n->count * (key_width + 5); left > 0;) {
		size_t part = LT_MIN(left, sizeof(zeros));

		if (!add(e, zeros, part))
			return false;
		left -= part;
	}
	set_u32(e, start, n->count);
	for (size_t i = 0; i < n->count && n->object; i++) {
		struct lt_str key = n->children[i].key;
		size_t entry = start + 8 + i * 6;

		if (key.len > UINT16_MAX)
			return json_cut(e->err);
		set_u32(e, entry, e->out.len - start);
		e->out.ptr[entry + 4] = (char)key.len;
		e->out.ptr[entry + 5] = (char)(key.len >> 8);
		if (!add(e, key.ptr, key.len))
			return false;
	}
	for (size_t i = 0; i < n->count; i++) {
		if (!write_child(e, &n->children[i], start, values + i * 5, depth))
			return false;
	}
	set_u32(e, start + 4, e->out.len - start);
	return true;
}

bool
binlog_json_edit(
    struct lt_str before, struct lt_str diffs, struct lt_arena *arena, struct lt_str *out, struct lt_err *err)
{
	struct editing e = { .arena = lt_arena_new(), .err = err };
	struct lt_cur in = lt_cur_str(diffs);
	struct node root;
	uint8_t type;
	bool ok = false;

	if (diffs.len == 0) {
		*out = before;
		ok = true;
		goto out;
	}
	if (before.len > UINT32_MAX || diffs.len > UINT32_MAX) {
		lt_fail(err, LT_E_CORRUPT, "JSON: %zu bytes", before.len);
		goto out;
	}
	e.limit = (before.len + diffs.len) * GROWTH + 256;
	if (!node_of(&e, before, &root))
		goto out;
	while (lt_cur_left(&in) > 0) {
		struct diff d = { 0 };

		if (!take_diff(&in, &d, err) || !apply(&e, &d, &root))
			goto out;
	}
	type = type_of(&root);
	if (!add(&e, &type, 1) || !write_node(&e, &root, 0))
		goto out;
	*out = lt_arena_str(arena, lt_buf_str(&e.out));
	ok = true;
out:
	lt_buf_free(&e.out);
	lt_arena_free(e.arena);
	return ok;
}

/* A value's text, and its marks where it now stands. */
static bool
put_value(struct lt_buf *text, struct lt_buf *marks, struct lt_str value, struct lt_arena *arena, struct lt_err *err)
{
	struct change_value v;

	if (!binlog_json_value(value, arena, &v, err))
		return false;
	for (size_t i = 0; i < v.nmarks; i++) {
		struct change_json_mark mark = change_value_marks(&v)[i];

		mark.at += (uint32_t)text->len;
		lt_buf_add(marks, &mark, sizeof(mark));
	}
	lt_buf_str_add(text, v.bytes);
	return true;
}

bool
binlog_json_diff_value(struct lt_str diffs, struct lt_arena *arena, struct change_value *out, struct lt_err *err)
{
	static const char *const names[] = { "replace", "insert", "remove" };
	struct lt_cur in = lt_cur_str(diffs);
	struct lt_buf text = { 0 }, marks = { 0 };
	bool ok = false;

	lt_buf_c(&text, '[');
	while (lt_cur_left(&in) > 0) {
		struct diff d = { 0 };

		if (!take_diff(&in, &d, err))
			goto out;
		lt_buf_printf(&text, "%s{\"op\": \"%s\", \"path\": ", text.len > 1 ? ", " : "", names[d.op]);
		lt_json_str(&text, d.path);
		if (d.op != DIFF_REMOVE) {
			lt_buf_z(&text, ", \"value\": ");
			if (!put_value(&text, &marks, d.value, arena, err))
				goto out;
		}
		lt_buf_c(&text, '}');
	}
	lt_buf_c(&text, ']');
	*out = change_json_marked(CHANGE_JSON_DIFF, lt_buf_str(&text), (const void *)marks.ptr,
	    marks.len / sizeof(struct change_json_mark), arena);
	ok = true;
out:
	lt_buf_free(&text);
	lt_buf_free(&marks);
	return ok;
}
