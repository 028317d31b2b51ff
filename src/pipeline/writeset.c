#include "pipeline/writeset.h"

#include "base/fault.h"
#include "pipeline/family.h"
#include "pipeline/weights.h"

/* -- indexes -------------------------------------------------------------------------------------- */

static bool
ends_with(struct lt_str s, const char *end)
{
	size_t n = strlen(end);

	return s.len >= n && memcmp(s.ptr + s.len - n, end, n) == 0;
}

/* Collations under which printable ASCII is equal just where its letters are, whatever their case: no contractions, no
 * expansions, nothing printable ignored; but for the tilde, which gbk_chinese_ci calls a y. All others are treated as
 * not known. */
static bool
folds_ascii(struct lt_str collation)
{
	static const char *const ends[] = { "_general_ci", "mb4_0900_ai_ci", "_unicode_ci", "_unicode_520_ci",
		"uca1400_ai_ci", "latin1_swedish_ci", "gbk_chinese_ci", "gb18030_chinese_ci", "sjis_japanese_ci" };

	for (size_t i = 0; i < LT_COUNT(ends); i++) {
		if (ends_with(collation, ends[i]))
			return true;
	}
	return false;
}

static enum pipeline_part_kind
text_part(const struct schema_column *target)
{
	if (ends_with(target->collation, "_bin"))
		return PIPELINE_PART_TEXT_BINARY;
	return folds_ascii(target->collation) ? PIPELINE_PART_TEXT_FOLDED : PIPELINE_PART_UNKNOWN;
}

static bool
one_of(struct lt_str s, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (lt_str_eqz(s, names[i]))
			return true;
	}
	return false;
}

/* The n-th number in "decimal(10,2)", "datetime(6)", "binary(16)"; 0 where there is none. */
static unsigned long
type_number(const struct schema_column *c, size_t n)
{
	const char *at = memchr(c->type.ptr != NULL ? c->type.ptr : "", '(', c->type.len),
		   *end = c->type.ptr + c->type.len;

	for (; at != NULL && n > 0; n--)
		at = memchr(at + 1, ',', (size_t)(end - at - 1));
	return at != NULL ? strtoul(at + 1, NULL, 10) : 0;
}

static const char *
temporal_name(enum change_kind kind)
{
	switch (kind) {
	case CHANGE_DATE: return "date";
	case CHANGE_TIME: return "time";
	case CHANGE_DATETIME: return "datetime";
	default: return "timestamp";
	}
}

/* Whether a value stands for what the target will hold, byte by byte: several sources may lead to one table, each with
 * a type of its own, and what the target rounds, pads or renames is equal there though it came in another form. */
static bool
is_canonical(const struct pipeline_column *c)
{
	static const char *const integers[] = { "tinyint", "smallint", "mediumint", "int", "bigint", "year" };
	const struct schema_column *to = c->target;

	switch (c->bind) {
	case PIPELINE_BIND_NUMBER: return one_of(to->base_type, integers, LT_COUNT(integers));
	case PIPELINE_BIND_INDEX: return to->nmembers > 0 || lt_str_eqz(to->base_type, "bit");
	case PIPELINE_BIND_FLOAT: return true;
	case PIPELINE_BIND_DOUBLE: return lt_str_eqz(to->base_type, "double");
	case PIPELINE_BIND_DECIMAL: return lt_str_eqz(to->base_type, "decimal") && type_number(to, 1) == c->from->scale;
	case PIPELINE_BIND_TEMPORAL:
		return lt_str_eqz(to->base_type, temporal_name(c->from->kind)) && type_number(to, 0) == c->from->scale;
	case PIPELINE_BIND_BYTES: /* text of a collation has equals that differ */
		return to->collation.len == 0 &&
		       (!lt_str_eqz(to->base_type, "binary") || type_number(to, 0) == c->from->length);
	default: return to->nmembers == 0; /* text; a name of an ENUM's member */
	}
}

static enum pipeline_part_kind
part_kind(const struct pipeline_column *c)
{
	if (!is_canonical(c))
		return PIPELINE_PART_UNKNOWN;
	switch (c->bind) {
	case PIPELINE_BIND_NUMBER:
	case PIPELINE_BIND_INDEX: return PIPELINE_PART_NUMBER;
	case PIPELINE_BIND_FLOAT:
	case PIPELINE_BIND_DOUBLE: return PIPELINE_PART_REAL;
	case PIPELINE_BIND_DECIMAL: return PIPELINE_PART_DECIMAL;
	case PIPELINE_BIND_TEMPORAL: return PIPELINE_PART_TEMPORAL;
	case PIPELINE_BIND_BYTES: return PIPELINE_PART_BYTES;
	case PIPELINE_BIND_UTF8:
	case PIPELINE_BIND_FOREIGN: return text_part(c->target);
	default: return PIPELINE_PART_UNKNOWN;
	}
}

/* Where the target can say what characters weigh, that is better than what is known here. */
static void
weigh(const struct pipeline_route *route, struct pipeline_part *p)
{
	const struct pipeline_column *c = p->column;

	if (c == NULL || !is_canonical(c) || (c->bind != PIPELINE_BIND_UTF8 && c->bind != PIPELINE_BIND_FOREIGN))
		return;
	p->weights = pipeline_weights_of(route->weigher, c->target->charset, c->target->collation);
	if (p->weights == NULL)
		return;
	p->kind = PIPELINE_PART_TEXT_WEIGHED;
	p->ascii_only = !pipeline_weights_take(p->weights, c->from->charset);
}

void
pipeline_index_make(const struct pipeline_route *route, const struct schema_key *key, struct pipeline_index *out)
{
	*out = (struct pipeline_index){ .nparts = key->nparts };
	out->parts = lt_calloc(key->nparts, sizeof(*out->parts));
	for (size_t i = 0; i < key->nparts; i++) {
		const struct schema_key_part *part = &key->parts[i];
		struct pipeline_part *p = &out->parts[i];

		p->prefix = part->prefix;
		p->column = part->column == SIZE_MAX
				? NULL
				: pipeline_route_column(route, &route->target->columns[part->column]);
		p->kind = p->column != NULL ? part_kind(p->column) : PIPELINE_PART_UNKNOWN;
		weigh(route, p);
		out->unknown = out->unknown || p->kind == PIPELINE_PART_UNKNOWN;
	}
}

uint64_t
pipeline_table_number(const struct schema_table *t)
{
	return lt_str_hash(t->schema) * 31 + lt_str_hash(t->name);
}

void
pipeline_indexes_make(const struct pipeline_route *route, struct pipeline_indexes *out)
{
	const struct schema_table *t = route->target;

	*out = (struct pipeline_indexes){ .ordered = (t->nparents > 0 || t->nchildren > 0 || t->has_triggers) &&
						     !lt_fault("r06_writeset"),
		.triggers = t->has_triggers && !lt_fault("r06_writeset"),
		.table = pipeline_table_number(t) };
	out->items = lt_calloc(t->nkeys, sizeof(*out->items));
	for (size_t i = 0; i < t->nkeys; i++) {
		if (t->keys[i].unique)
			pipeline_index_make(route, &t->keys[i], &out->items[out->count++]);
	}
}

void
pipeline_indexes_clear(struct pipeline_indexes *x)
{
	for (size_t i = 0; i < x->count; i++)
		free(x->items[i].parts);
	free(x->items);
	*x = (struct pipeline_indexes){ 0 };
}

/* -- key values ----------------------------------------------------------------------------------- */

static struct lt_str
without_end_spaces(struct lt_str s)
{
	while (s.len > 0 && s.ptr[s.len - 1] == ' ')
		s.len--;
	return s;
}

bool
pipeline_text_folds(struct lt_str s)
{
	return lt_str_is_print(s) && (s.len == 0 || memchr(s.ptr, '~', s.len) == NULL);
}

static enum pipeline_key_end
add_text(struct lt_str s, const struct pipeline_part *p, struct lt_buf *out)
{
	bool fold = p->kind == PIPELINE_PART_TEXT_FOLDED;

	if ((p->prefix > 0 || p->column->bind == PIPELINE_BIND_FOREIGN) && !lt_str_is_print(s))
		return PIPELINE_KEY_UNKNOWN;
	if (fold && !pipeline_text_folds(s))
		return PIPELINE_KEY_UNKNOWN;
	if (p->prefix > 0)
		s.len = LT_MIN(s.len, (size_t)p->prefix);
	s = without_end_spaces(s);
	lt_buf_le(out, s.len, 8);
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i];

		lt_buf_c(out, fold && c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c);
	}
	return PIPELINE_KEY_MADE;
}

static enum pipeline_key_end
add_weights(struct lt_str s, const struct pipeline_part *p, struct lt_buf *out)
{
	size_t at = out->len;

	lt_buf_le(out, 0, 4); /* its length, known in the end */
	if ((p->ascii_only && !lt_str_is_print(s)) || !pipeline_weights_add(p->weights, s, p->prefix, out))
		return PIPELINE_KEY_UNKNOWN;
	for (size_t i = 0; i < 4; i++)
		out->ptr[at + i] = (char)((out->len - at - 4) >> (8 * i));
	return PIPELINE_KEY_MADE;
}

static void
add_bytes(struct lt_str s, uint32_t prefix, struct lt_buf *out)
{
	size_t len = prefix > 0 ? LT_MIN(s.len, (size_t)prefix) : s.len;

	lt_buf_le(out, len, 8);
	lt_buf_add(out, s.ptr, len);
}

/* "-0.00" equals "0.00". */
static struct lt_str
decimal_key(struct lt_str s)
{
	if (s.len == 0 || s.ptr[0] != '-')
		return s;
	for (size_t i = 1; i < s.len; i++) {
		if (s.ptr[i] != '0' && s.ptr[i] != '.')
			return s;
	}
	return lt_str_of(s.ptr + 1, s.len - 1);
}

static void
add_real(const struct change_value *v, struct lt_buf *out)
{
	double d = v->kind == CHANGE_FLOAT ? (double)v->f32 : v->f64;

	d = d == 0 ? 0 : d; /* -0 equals 0 */
	lt_buf_add(out, &d, sizeof(d));
}

static enum pipeline_key_end
add_part(const struct pipeline_part *p, const struct change_value *v, struct lt_buf *out)
{
	char text[32];

	if (v->kind == CHANGE_ABSENT)
		return PIPELINE_KEY_UNKNOWN;
	if (v->kind == CHANGE_NULL)
		return PIPELINE_KEY_NULL;
	switch (p->kind) {
	case PIPELINE_PART_NUMBER: lt_buf_le(out, v->u64, 8); return PIPELINE_KEY_MADE;
	case PIPELINE_PART_REAL: add_real(v, out); return PIPELINE_KEY_MADE;
	case PIPELINE_PART_BYTES: add_bytes(v->bytes, p->prefix, out); return PIPELINE_KEY_MADE;
	case PIPELINE_PART_DECIMAL: add_bytes(decimal_key(v->bytes), 0, out); return PIPELINE_KEY_MADE;
	case PIPELINE_PART_TEMPORAL:
		add_bytes(lt_str_of(text, change_time_text(v->kind, &v->time, text)), 0, out);
		return PIPELINE_KEY_MADE;
	case PIPELINE_PART_TEXT_BINARY:
	case PIPELINE_PART_TEXT_FOLDED: return add_text(v->bytes, p, out);
	case PIPELINE_PART_TEXT_WEIGHED: return add_weights(v->bytes, p, out);
	case PIPELINE_PART_UNKNOWN: break;
	}
	return PIPELINE_KEY_UNKNOWN;
}

static const struct change_value *
value_of(const struct pipeline_route *route, const struct pipeline_part *p, enum pipeline_image image)
{
	const struct change_value *before = &route->before[p->column->source],
				  *after = &route->after[p->column->source];

	if (image == PIPELINE_IMAGE_BEFORE)
		return before;
	return image == PIPELINE_IMAGE_UPDATED && after->kind == CHANGE_ABSENT ? before : after;
}

static enum pipeline_key_end
make_key(const struct pipeline_route *route, const struct pipeline_index *index, enum pipeline_image image,
    struct lt_buf *out)
{
	enum pipeline_key_end end = index->unknown ? PIPELINE_KEY_UNKNOWN : PIPELINE_KEY_MADE;

	for (size_t i = 0; i < index->nparts && !index->unknown; i++) {
		enum pipeline_key_end part = add_part(&index->parts[i], value_of(route, &index->parts[i], image), out);

		if (part == PIPELINE_KEY_NULL)
			return PIPELINE_KEY_NULL; /* a unique index lets NULL in any number of times */
		if (part == PIPELINE_KEY_UNKNOWN)
			end = PIPELINE_KEY_UNKNOWN;
	}
	return end;
}

enum pipeline_key_end
pipeline_reference_key(const struct pipeline_route *route, const struct pipeline_reference *r,
    enum pipeline_image image, struct lt_buf *scratch, uint64_t *out)
{
	enum pipeline_key_end end;

	/* By name and number: several routes may lead to one table. */
	lt_buf_clear(scratch);
	lt_buf_le(scratch, r->table, 8);
	lt_buf_le(scratch, r->at, 8);
	end = make_key(route, &r->index, image, scratch);
	if (end == PIPELINE_KEY_MADE)
		*out = lt_str_hash(lt_buf_str(scratch));
	return end;
}

enum pipeline_key_end
pipeline_index_key(const struct pipeline_route *route, const struct pipeline_indexes *indexes, size_t at,
    enum pipeline_image image, struct lt_buf *scratch, uint64_t *out)
{
	const struct pipeline_reference itself = { .index = indexes->items[at], .table = indexes->table, .at = at };

	return pipeline_reference_key(route, &itself, image, scratch, out);
}

/* False: the image does not tell, or there are too many. */
static bool
add_keys(struct pipeline_keys *k, const struct pipeline_route *route, const struct pipeline_indexes *indexes,
    enum pipeline_image image)
{
	for (size_t i = 0; i < indexes->count; i++) {
		uint64_t key = 0;
		enum pipeline_key_end end = pipeline_index_key(route, indexes, i, image, &k->scratch, &key);

		if (end == PIPELINE_KEY_UNKNOWN || k->count == LT_COUNT(k->items))
			return false;
		if (end == PIPELINE_KEY_MADE)
			k->items[k->count++] = key;
	}
	return true;
}

void
pipeline_keys_of(struct pipeline_keys *out, const struct pipeline_route *route, const struct pipeline_indexes *indexes,
    const struct change_row *row)
{
	bool told = true;

	out->table = indexes->table;
	out->count = 0;
	if (row->op != CHANGE_INSERT)
		told = !route->keyless && add_keys(out, route, indexes, PIPELINE_IMAGE_BEFORE);
	if (row->op != CHANGE_DELETE)
		told = told && add_keys(out, route, indexes,
				   row->op == CHANGE_UPDATE ? PIPELINE_IMAGE_UPDATED : PIPELINE_IMAGE_AFTER);
	out->whole = !told && !lt_fault("r06_writeset");
	if (!told)
		out->count = 0;
}

/* -- levels --------------------------------------------------------------------------------------- */

#define SLOTS_FIRST 4096

/* Levels are counted from 1 here, so that 0 is "none yet". */
struct slot {
	uint64_t key;
	uint32_t generation; /* of another group: empty */
	uint32_t alone, shared;
};

struct pipeline_levels {
	struct slot *slots; /* owned, open addressing */
	size_t cap, used;
	uint32_t generation;
	struct pipeline_keys keys; /* of the row in hand */
	uint32_t highest;          /* level that was given so far */
	uint32_t barrier;          /* the newest row that fires triggers: all before it lie below, all after it above */
	/* Tables that may touch others go in order, but rows of one kind on one table together. */
	uint32_t ordered_level;
	const struct schema_table *ordered_table;
	enum change_op ordered_op;
};

struct pipeline_levels *
pipeline_levels_new(void)
{
	struct pipeline_levels *l = lt_new(struct pipeline_levels);

	l->cap = SLOTS_FIRST;
	l->slots = lt_calloc(l->cap, sizeof(*l->slots));
	l->generation = 1;
	return l;
}

void
pipeline_levels_free(struct pipeline_levels *l)
{
	if (l == NULL)
		return;
	lt_buf_free(&l->keys.scratch);
	free(l->slots);
	free(l);
}

void
pipeline_levels_clear(struct pipeline_levels *l)
{
	l->used = 0;
	l->highest = l->barrier = 0;
	l->ordered_level = 0;
	l->ordered_table = NULL;
	if (++l->generation == 0) {
		memset(l->slots, 0, l->cap * sizeof(*l->slots));
		l->generation = 1;
	}
}

static struct slot *
find_slot(struct slot *slots, size_t cap, uint32_t generation, uint64_t key)
{
	size_t at = (size_t)key & (cap - 1);

	while (slots[at].generation == generation && slots[at].key != key)
		at = (at + 1) & (cap - 1);
	return &slots[at];
}

static void
grow(struct pipeline_levels *l)
{
	size_t cap = l->cap * 2;
	struct slot *slots = lt_calloc(cap, sizeof(*slots));

	for (size_t i = 0; i < l->cap; i++) {
		if (l->slots[i].generation == l->generation)
			*find_slot(slots, cap, l->generation, l->slots[i].key) = l->slots[i];
	}
	free(l->slots);
	l->slots = slots;
	l->cap = cap;
}

static struct slot *
slot_of(struct pipeline_levels *l, uint64_t key)
{
	struct slot *s;

	if (l->used * 2 >= l->cap)
		grow(l);
	s = find_slot(l->slots, l->cap, l->generation, key);
	if (s->generation != l->generation) {
		*s = (struct slot){ .key = key, .generation = l->generation };
		l->used++;
	}
	return s;
}

static uint32_t
ordered_after(const struct pipeline_levels *l, const struct pipeline_route *route, enum change_op op)
{
	bool same = l->ordered_table == route->target && l->ordered_op == op;
	bool itself = route->target->nparents > 0 && route->target->nchildren > 0; /* perhaps its own parent */

	return same && !itself ? l->ordered_level : l->ordered_level + 1;
}

size_t
pipeline_levels_add(struct pipeline_levels *l, const struct pipeline_route *route,
    const struct pipeline_indexes *indexes, const struct change_row *row)
{
	const struct pipeline_keys *keys = &l->keys;
	struct slot *table;
	uint32_t level;

	pipeline_keys_of(&l->keys, route, indexes, row);
	table = slot_of(l, keys->table);
	level = LT_MAX(table->alone, l->barrier) + 1;
	if (keys->whole)
		level = LT_MAX(level, table->shared + 1);
	for (size_t i = 0; i < keys->count; i++)
		level = LT_MAX(level, slot_of(l, keys->items[i])->alone + 1);
	if (indexes->ordered)
		level = LT_MAX(level, ordered_after(l, route, row->op));
	if (indexes->triggers)
		l->barrier = level = l->highest + 1;
	l->highest = LT_MAX(l->highest, level);

	table = slot_of(l, keys->table); /* the table of slots may have grown */
	if (keys->whole)
		table->alone = level;
	else
		table->shared = LT_MAX(table->shared, level);
	for (size_t i = 0; i < keys->count; i++)
		slot_of(l, keys->items[i])->alone = level;
	if (indexes->ordered) {
		l->ordered_level = level;
		l->ordered_table = route->target;
		l->ordered_op = row->op;
	}
	return level - 1;
}
