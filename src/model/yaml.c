#include "model/yaml.h"

#include <stdarg.h>
#include <stdio.h>
#include <yaml.h>

#include "base/arena.h"
#include "base/utf8.h"

struct model_yaml_doc {
	struct lt_arena *arena; /* owned */
	struct model_yaml *root;
	size_t nodes;
};

/* What is open while events come in. */
struct builder {
	struct model_yaml_doc *doc; /* borrowed */
	struct model_yaml *open[MODEL_YAML_DEPTH_MAX];
	struct model_yaml *key[MODEL_YAML_DEPTH_MAX]; /* the key whose value is awaited */
	size_t depth;
	size_t documents;
};

static const char no_alias[] = "aliases are not taken here; write a name that begins with * in quotes";

static bool
fail_mark(const yaml_mark_t *mark, struct lt_err *err, const char *what)
{
	if (err != NULL) {
		err->where.line = (uint32_t)mark->line + 1;
		err->where.column = (uint32_t)mark->column + 1;
	}
	return lt_fail(err, LT_E_CONFIG_SYNTAX, "%s", what);
}

static bool
fail_parser(const yaml_parser_t *parser, struct lt_err *err)
{
	const yaml_mark_t *mark = &parser->problem_mark;

	if (parser->context != NULL && strcmp(parser->context, "while scanning an alias") == 0)
		return fail_mark(&parser->context_mark, err, no_alias);

	/* Faults of the bytes themselves come without a mark; then the reader's own place is the nearest. */
	if (parser->error == YAML_READER_ERROR)
		mark = &parser->mark;
	return fail_mark(mark, err, parser->problem != NULL ? parser->problem : "this is not YAML");
}

static bool
check_key(const struct model_yaml *map, const struct model_yaml *key, struct lt_err *err)
{
	if (map->count >= MODEL_YAML_KEYS_MAX)
		return model_yaml_fail(
		    key, err, LT_E_CONFIG_SYNTAX, "more than %d keys in one map", MODEL_YAML_KEYS_MAX);
	for (const struct model_yaml *n = map->first; n != NULL; n = n->next) {
		if (lt_str_eq(n->key->text, key->text))
			return model_yaml_fail(key, err, LT_E_CONFIG_SYNTAX,
			    "the key `%.*s` stands twice, first in line %u", (int)LT_MIN(key->text.len, (size_t)64),
			    key->text.ptr, n->key->line);
	}
	return true;
}

/* Hang a finished text or a newly opened map or list where it belongs. */
static bool
place(struct builder *b, struct model_yaml *node, struct lt_err *err)
{
	struct model_yaml *parent;

	if (b->depth == 0) {
		b->doc->root = node;
		return true;
	}
	parent = b->open[b->depth - 1];
	if (parent->kind == MODEL_YAML_MAP && b->key[b->depth - 1] == NULL) {
		if (node->kind != MODEL_YAML_TEXT)
			return model_yaml_fail(node, err, LT_E_CONFIG_SYNTAX, "a key must be a text");
		b->key[b->depth - 1] = node;
		return check_key(parent, node, err);
	}
	node->key = b->key[b->depth - 1];
	b->key[b->depth - 1] = NULL;
	if (parent->last != NULL)
		parent->last->next = node;
	else
		parent->first = node;
	parent->last = node;
	parent->count++;
	return true;
}

static bool
add(struct builder *b, enum model_yaml_kind kind, const yaml_event_t *event, struct model_yaml **out,
    struct lt_err *err)
{
	struct model_yaml *node = NULL;

	if (++b->doc->nodes > MODEL_YAML_NODES_MAX)
		return fail_mark(&event->start_mark, err, "the file holds too many values");
	node = lt_arena_zalloc(b->doc->arena, sizeof(*node));
	node->kind = kind;
	node->line = (uint32_t)event->start_mark.line + 1;
	node->column = (uint32_t)event->start_mark.column + 1;
	*out = node;
	return true;
}

static bool
add_text(struct builder *b, const yaml_event_t *event, struct lt_err *err)
{
	struct lt_str text = lt_str_of(event->data.scalar.value, event->data.scalar.length);
	struct model_yaml *node = NULL;

	if (event->data.scalar.anchor != NULL)
		return fail_mark(&event->start_mark, err, "anchors (&name) are not taken here");
	if (event->data.scalar.tag != NULL)
		return fail_mark(&event->start_mark, err,
		    "tags (!name) are not taken here; write text that begins with ! in quotes");
	if (text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL)
		return fail_mark(&event->start_mark, err, "a text must not hold a zero byte");
	if (!add(b, MODEL_YAML_TEXT, event, &node, err))
		return false;
	node->text = lt_arena_str(b->doc->arena, text);
	node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	return place(b, node, err);
}

static bool
open_group(struct builder *b, enum model_yaml_kind kind, const yaml_event_t *event, struct lt_err *err)
{
	bool list = kind == MODEL_YAML_LIST;
	const yaml_char_t *anchor = list ? event->data.sequence_start.anchor : event->data.mapping_start.anchor;
	const yaml_char_t *tag = list ? event->data.sequence_start.tag : event->data.mapping_start.tag;
	struct model_yaml *node = NULL;

	if (anchor != NULL)
		return fail_mark(&event->start_mark, err, "anchors (&name) are not taken here");
	if (tag != NULL)
		return fail_mark(&event->start_mark, err, "tags (!name) are not taken here");
	if (b->depth == MODEL_YAML_DEPTH_MAX)
		return fail_mark(&event->start_mark, err, "values are nested too deeply");
	if (!add(b, kind, event, &node, err) || !place(b, node, err))
		return false;
	b->open[b->depth] = node;
	b->key[b->depth] = NULL;
	b->depth++;
	return true;
}

static bool
take(struct builder *b, const yaml_event_t *event, struct lt_err *err)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (++b->documents > 1)
			return fail_mark(
			    &event->start_mark, err, "a second document begins; one file holds one channel");
		return true;
	case YAML_ALIAS_EVENT: return fail_mark(&event->start_mark, err, no_alias);
	case YAML_SCALAR_EVENT: return add_text(b, event, err);
	case YAML_SEQUENCE_START_EVENT: return open_group(b, MODEL_YAML_LIST, event, err);
	case YAML_MAPPING_START_EVENT: return open_group(b, MODEL_YAML_MAP, event, err);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		LT_ASSERT(b->depth > 0);
		b->depth--;
		return true;
	default: return true;
	}
}

static bool
build(yaml_parser_t *parser, struct model_yaml_doc *doc, struct lt_err *err)
{
	struct builder b = { .doc = doc };
	bool more = true;

	while (more) {
		yaml_event_t event;
		bool ok;

		if (!yaml_parser_parse(parser, &event))
			return fail_parser(parser, err);
		more = event.type != YAML_STREAM_END_EVENT;
		ok = take(&b, &event, err);
		yaml_event_delete(&event);
		if (!ok)
			return false;
	}
	if (doc->root == NULL) {
		if (err != NULL)
			err->where.line = err->where.column = 1;
		return lt_fail(err, LT_E_CONFIG_SYNTAX, "the file is empty");
	}
	return true;
}

/* libyaml would tell an offset only, so bytes that are no UTF-8 are found here, with their line. */
static bool
check_bytes(struct lt_str text, struct lt_err *err)
{
	yaml_mark_t mark = { 0 };

	if (text.len > MODEL_YAML_BYTES_MAX)
		return lt_fail(err, LT_E_CONFIG_SYNTAX, "the file is larger than %d bytes", MODEL_YAML_BYTES_MAX);
	for (size_t at = 0; at < text.len;) {
		size_t n = lt_utf8_len(lt_str_of(text.ptr + at, text.len - at));

		if (n == 0)
			return fail_mark(&mark, err, "the file is not UTF-8");
		if (text.ptr[at] == '\n') {
			mark.line++;
			mark.column = 0;
		} else {
			mark.column++;
		}
		at += n;
	}
	return true;
}

bool
model_yaml_parse(struct lt_str text, struct model_yaml_doc **ret, struct lt_err *err)
{
	struct model_yaml_doc *doc;
	yaml_parser_t parser;
	bool ok;

	if (!check_bytes(text, err))
		return false;
	if (!yaml_parser_initialize(&parser))
		return lt_fail(err, LT_E_INTERNAL, "no memory for the YAML parser");
	doc = lt_new(struct model_yaml_doc);
	doc->arena = lt_arena_new();
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)(text.ptr != NULL ? text.ptr : ""), text.len);
	ok = build(&parser, doc, err);
	yaml_parser_delete(&parser);
	if (ok) {
		*ret = doc;
		doc = NULL; /* now the caller's */
	}
	model_yaml_free(doc);
	return ok;
}

void
model_yaml_free(struct model_yaml_doc *doc)
{
	if (doc == NULL)
		return;
	lt_arena_free(doc->arena);
	free(doc);
}

const struct model_yaml *
model_yaml_root(const struct model_yaml_doc *doc)
{
	return doc->root;
}

const struct model_yaml *
model_yaml_get(const struct model_yaml *map, const char *key)
{
	for (const struct model_yaml *n = map->first; n != NULL; n = n->next) {
		if (n->key != NULL && lt_str_eqz(n->key->text, key))
			return n;
	}
	return NULL;
}

bool
model_yaml_is_null(const struct model_yaml *node)
{
	return node->kind == MODEL_YAML_TEXT && !node->quoted &&
	       (node->text.len == 0 || lt_str_eqz(node->text, "~") || lt_str_eqz(node->text, "null"));
}

void
model_yaml_at(const struct model_yaml *node, struct lt_err *err)
{
	if (err == NULL)
		return;
	err->where.line = node->line;
	err->where.column = node->column;
}

bool
model_yaml_fail(const struct model_yaml *at, struct lt_err *err, enum lt_code code, const char *fmt, ...)
{
	char text[sizeof(err->message)];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	model_yaml_at(at, err);
	return lt_fail(err, code, "%s", text);
}
