/* Edits of JSON text; declared in json.h. Mirrors binlog/json_diff.c, which carries them out on the log's own form. */
#include "base/buf.h"
#include "base/utf8.h"
#include "change/json_path.h"
#include "change/json_priv.h"

/* A document, as far as it is taken apart. */
struct node {
	struct lt_str raw; /* as it is written; not used once opened */
	struct lt_str key; /* in an object: as it is written, with its quotes */
	bool opened, object;
	struct node *children; /* arena */
	size_t count, cap;
};

struct editing {
	struct lt_arena *arena;
	struct lt_err *err;
};

static bool
misfit(struct editing *e)
{
	return lt_fail(e->err, LT_E_ROW_DIFFERS, "the log's edit of a JSON value does not fit the value at the target");
}

static bool
is_container(const struct node *n)
{
	return n->opened || (n->raw.len > 0 && (n->raw.ptr[0] == '{' || n->raw.ptr[0] == '['));
}

static struct node *
make_room(struct editing *e, struct node *n, size_t i)
{
	if (n->count == n->cap) {
		size_t cap = n->cap > 0 ? 2 * n->cap : 8;

		n->children =
		    lt_arena_grow(e->arena, n->children, n->cap * sizeof(*n->children), cap * sizeof(*n->children));
		n->cap = cap;
	}
	memmove(&n->children[i + 1], &n->children[i], (n->count - i) * sizeof(*n->children));
	n->children[i] = (struct node){ 0 };
	n->count++;
	return &n->children[i];
}

static bool
open_node(struct editing *e, struct node *n)
{
	struct json_text t;
	struct lt_str key, value;
	bool first = true;

	if (n->opened || !is_container(n))
		return true;
	n->object = n->raw.ptr[0] == '{';
	t = json_text_of(lt_str_of(n->raw.ptr + 1, n->raw.len - 1));
	while (json_text_next(&t, n->object, &first, &key, &value)) {
		struct node *child = make_room(e, n, n->count);

		child->key = key;
		child->raw = value;
	}
	n->opened = true;
	return t.at != NULL || misfit(e);
}

/* -- keys ----------------------------------------------------------------------------------------- */

static bool
take_code(struct lt_str *s, uint32_t *out)
{
	*out = 0;
	if (s->len < 4)
		return false;
	for (size_t i = 0; i < 4; i++) {
		int digit = lt_hex_digit(s->ptr[i]);

		if (digit < 0)
			return false;
		*out = *out << 4 | (uint32_t)digit;
	}
	*s = lt_str_of(s->ptr + 4, s->len - 4);
	return true;
}

/* Behind a backslash. */
static void
add_escaped(struct lt_str *s, struct lt_buf *out)
{
	static const char from[] = "bfnrt", into[] = "\b\f\n\r\t";
	char c = s->ptr[0];
	const char *at = memchr(from, c, sizeof(from) - 1);
	uint32_t code, low;

	*s = lt_str_of(s->ptr + 1, s->len - 1);
	if (c != 'u' || !take_code(s, &code)) {
		lt_buf_c(out, at != NULL ? into[at - from] : c);
		return;
	}
	if (code >= 0xd800 && code < 0xdc00 && s->len >= 6 && s->ptr[0] == '\\' && s->ptr[1] == 'u') {
		*s = lt_str_of(s->ptr + 2, s->len - 2);
		if (take_code(s, &low) && low >= 0xdc00 && low < 0xe000)
			code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
	}
	if (code < 0xd800 || code >= 0xe000)
		lt_utf8_add(out, code);
}

/* What a string as it is written means, appended. */
static void
unquote(struct lt_str written, struct lt_buf *out)
{
	struct lt_str s = lt_str_of(written.ptr + 1, written.len - 2);

	while (s.len > 0) {
		char c = s.ptr[0];

		s = lt_str_of(s.ptr + 1, s.len - 1);
		if (c == '\\' && s.len > 0)
			add_escaped(&s, out);
		else
			lt_buf_c(out, c);
	}
}

static bool
key_is(struct lt_str written, struct lt_str name)
{
	struct lt_buf plain = { 0 };
	bool same;

	if (memchr(written.ptr, '\\', written.len) == NULL)
		return lt_str_eq(lt_str_of(written.ptr + 1, written.len - 2), name);
	unquote(written, &plain);
	same = lt_str_eq(lt_buf_str(&plain), name);
	lt_buf_free(&plain);
	return same;
}

static struct node *
find_key(const struct node *n, struct lt_str name)
{
	for (size_t i = 0; i < n->count; i++) {
		if (key_is(n->children[i].key, name))
			return &n->children[i];
	}
	return NULL;
}

/* MySQL's order of keys: by length, then by bytes. As they are written, which differs for keys with escapes alone. */
static size_t
key_place(const struct node *n, struct lt_str written)
{
	size_t i = 0;

	for (; i < n->count; i++) {
		struct lt_str k = n->children[i].key;

		if (k.len > written.len || (k.len == written.len && memcmp(k.ptr, written.ptr, k.len) > 0))
			break;
	}
	return i;
}

/* -- the edits ------------------------------------------------------------------------------------ */

static bool
find_child(struct editing *e, struct node *n, const struct change_json_leg *leg, struct node **ret)
{
	*ret = NULL;
	if (!open_node(e, n))
		return false;
	if (!leg->cell)
		*ret = n->opened && n->object ? find_key(n, leg->key) : NULL;
	else if (n->opened && !n->object)
		*ret =
		    leg->index < n->count ? &n->children[leg->from_end ? n->count - 1 - leg->index : leg->index] : NULL;
	else if (leg->index == 0)
		*ret = n; /* whatever is no array counts as one with a single cell */
	return true;
}

static bool
insert(struct editing *e, struct node *parent, const struct change_json_leg *leg, struct lt_str value)
{
	struct lt_buf key = { 0 };
	struct node *to;
	size_t i;

	if (!open_node(e, parent))
		return false;
	if (!parent->opened || parent->object == leg->cell)
		return misfit(e);
	if (leg->cell) {
		i = LT_MIN(leg->index, parent->count);
		if (leg->from_end)
			i = leg->index < parent->count ? parent->count - 1 - leg->index : 0;
		make_room(e, parent, i)->raw = value;
		return true;
	}
	if (find_key(parent, leg->key) != NULL)
		return misfit(e);
	lt_json_str(&key, leg->key);
	to = make_room(e, parent, key_place(parent, lt_buf_str(&key)));
	to->raw = value;
	to->key = lt_arena_str(e->arena, lt_buf_str(&key));
	lt_buf_free(&key);
	return true;
}

struct edit {
	struct lt_str op, path, value; /* as they are written */
};

/* `parent` is where the last leg starts, `at` what it names. */
static bool
change(struct editing *e, const struct edit *d, struct node *parent, struct node *at, const struct change_json_leg *leg)
{
	struct lt_str key;
	size_t i;

	if (lt_str_eqz(d->op, "\"insert\""))
		return parent != NULL ? insert(e, parent, leg, d->value) : misfit(e);
	if (at == NULL)
		return misfit(e);
	if (lt_str_eqz(d->op, "\"remove\"")) {
		if (parent == NULL || at == parent)
			return misfit(e);
		i = (size_t)(at - parent->children);
		parent->count--;
		memmove(at, at + 1, (parent->count - i) * sizeof(*at));
		return true;
	}
	key = at->key;
	*at = (struct node){ .raw = d->value, .key = key };
	return true;
}

static bool
apply(struct editing *e, const struct edit *d, struct node *root)
{
	struct node *parent = NULL, *at = root;
	struct change_json_leg leg = { 0 };
	struct lt_buf plain = { 0 };
	struct lt_str path;

	unquote(d->path, &plain);
	path = lt_arena_str(e->arena, lt_buf_str(&plain));
	lt_buf_free(&plain);
	if (!change_json_path_begin(&path, e->err))
		return false;
	for (size_t depth = 0; path.len > 0; depth++) {
		if (at == NULL || depth > JSON_DEPTH)
			return misfit(e);
		if (!change_json_path_leg(&path, e->arena, &leg, e->err))
			return false;
		parent = at;
		if (!find_child(e, parent, &leg, &at))
			return false;
	}
	return change(e, d, parent, at, &leg);
}

/* -- back to text --------------------------------------------------------------------------------- */

/* Recursive as deep as an edit's path. */
static void
write_node(const struct node *n, struct lt_buf *out)
{
	if (!n->opened) {
		lt_buf_str_add(out, n->raw);
		return;
	}
	lt_buf_c(out, n->object ? '{' : '[');
	for (size_t i = 0; i < n->count; i++) {
		if (i > 0)
			lt_buf_z(out, ", ");
		if (n->object) {
			lt_buf_str_add(out, n->children[i].key);
			lt_buf_z(out, ": ");
		}
		write_node(&n->children[i], out);
	}
	lt_buf_c(out, n->object ? '}' : ']');
}

static bool
take_edit(struct lt_str text, struct edit *out)
{
	struct json_text t = json_text_of(text);
	struct lt_str key, value;
	bool first = true;

	*out = (struct edit){ 0 };
	if (!json_text_take(&t, '{'))
		return false;
	while (json_text_next(&t, true, &first, &key, &value)) {
		if (lt_str_eqz(key, "\"op\""))
			out->op = value;
		else if (lt_str_eqz(key, "\"path\""))
			out->path = value;
		else
			out->value = value;
	}
	return out->op.len > 0 && out->path.len >= 2;
}

bool
change_json_edit(
    struct lt_str text, struct lt_str edits, struct lt_arena *arena, struct lt_str *out, struct lt_err *err)
{
	struct editing e = { .arena = lt_arena_new(), .err = err };
	struct json_text t = json_text_of(text), list = json_text_of(edits);
	struct lt_buf written = { 0 };
	struct node root = { 0 };
	struct lt_str none, one;
	struct edit d;
	bool first = true, ok = false;

	if (!json_text_value(&t, &root.raw) || json_text_peek(&t) != '\0') {
		misfit(&e);
		goto out;
	}
	ok = json_text_take(&list, '[');
	while (ok && json_text_next(&list, false, &first, &none, &one))
		ok = take_edit(one, &d) && apply(&e, &d, &root);
	if (!ok) {
		if (err->code == LT_OK)
			lt_fail(err, LT_E_INTERNAL, "edits of a JSON value in an unknown form");
		goto out;
	}
	write_node(&root, &written);
	*out = lt_arena_str(arena, lt_buf_str(&written));
out:
	lt_buf_free(&written);
	lt_arena_free(e.arena);
	return ok;
}

/* -- one by one ----------------------------------------------------------------------------------- */

/* The part of the edits' text that is one's value, with the marks that stand in it. */
static struct change_value
value_of(const struct change_value *edits, struct lt_str part, struct lt_arena *arena)
{
	const struct change_json_mark *marks = change_value_marks(edits);
	uint32_t from = (uint32_t)(part.ptr - edits->bytes.ptr);
	size_t first = 0, n = 0;
	struct change_json_mark *moved;

	while (first < edits->nmarks && marks[first].at < from)
		first++;
	while (first + n < edits->nmarks && marks[first + n].at < from + part.len)
		n++;
	moved = lt_arena_alloc(arena, (n + 1) * sizeof(*moved));
	for (size_t i = 0; i < n; i++) {
		moved[i] = marks[first + i];
		moved[i].at -= from;
	}
	return change_json_marked(CHANGE_JSON, part, moved, n, arena);
}

void
change_json_steps(const struct change_value *edits, struct lt_arena *arena, change_json_step_fn each, void *ctx)
{
	struct json_text list = json_text_of(edits->bytes);
	struct lt_str none, one;
	bool first = true;

	if (!json_text_take(&list, '['))
		return;
	while (json_text_next(&list, false, &first, &none, &one)) {
		struct change_json_step step = { .op = CHANGE_JSON_REPLACE };
		struct lt_buf path = { 0 };
		struct edit d;

		if (!take_edit(one, &d))
			return;
		unquote(d.path, &path);
		step.path = lt_arena_str(arena, lt_buf_str(&path));
		lt_buf_free(&path);
		if (lt_str_eqz(d.op, "\"remove\""))
			step.op = CHANGE_JSON_REMOVE;
		else if (lt_str_eqz(d.op, "\"insert\""))
			step.op = CHANGE_JSON_INSERT;
		if (step.op != CHANGE_JSON_REMOVE)
			step.value = value_of(edits, d.value, arena);
		each(ctx, &step);
	}
}
