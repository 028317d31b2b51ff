#include "pipeline/bind_priv.h"

#include "pipeline/room_priv.h"

#include "base/fault.h"

/* Character sets whose text is UTF-8 already. */
static bool
is_utf8(struct lt_str charset)
{
	static const char *const names[] = { "utf8mb4", "utf8mb3", "utf8", "ascii" };

	return lt_str_one_of(charset, names, LT_COUNT(names));
}

static bool
same_members(const struct change_column *from, const struct schema_column *to)
{
	if (from->nmembers == 0)
		return true; /* the log does not name them: the numbers are all there is */
	if (from->nmembers > to->nmembers)
		return false;
	for (size_t i = 0; i < from->nmembers; i++) {
		if (!lt_str_eq(from->members[i], to->members[i]))
			return false;
	}
	return true;
}

static bool
choose_text(const struct change_column *from, const struct schema_column *to, bool json_native, enum pipeline_bind *out)
{
	if (lt_str_eqz(to->base_type, "json") && json_native)
		*out = PIPELINE_BIND_JSON;
	else if (from->charset.len == 0)
		*out = PIPELINE_BIND_BYTES;
	else
		*out = is_utf8(from->charset) ? PIPELINE_BIND_UTF8 : PIPELINE_BIND_FOREIGN;
	return true;
}

bool
pipeline_bind_choose(const struct change_column *from, const struct schema_column *to, bool json_native,
    enum pipeline_bind *out, struct lt_err *err)
{
	switch (from->kind) {
	case CHANGE_INT:
	case CHANGE_UINT:
	case CHANGE_YEAR: *out = PIPELINE_BIND_NUMBER; return true;
	case CHANGE_BIT: *out = PIPELINE_BIND_INDEX; return true;
	case CHANGE_ENUM:
	case CHANGE_SET: *out = same_members(from, to) ? PIPELINE_BIND_INDEX : PIPELINE_BIND_NAME; return true;
	case CHANGE_FLOAT: *out = PIPELINE_BIND_FLOAT; return true;
	case CHANGE_DOUBLE: *out = PIPELINE_BIND_DOUBLE; return true;
	case CHANGE_DECIMAL: *out = PIPELINE_BIND_DECIMAL; return true;
	case CHANGE_DATE:
	case CHANGE_TIME:
	case CHANGE_DATETIME:
	case CHANGE_TIMESTAMP: *out = PIPELINE_BIND_TEMPORAL; return true;
	case CHANGE_TEXT: return choose_text(from, to, json_native, out);
	case CHANGE_JSON: *out = PIPELINE_BIND_JSON; return true;
	case CHANGE_BYTES: *out = PIPELINE_BIND_BYTES; return true;
	case CHANGE_GEOMETRY:
	case CHANGE_VECTOR: *out = PIPELINE_BIND_OPAQUE; return true;
	default:
		return lt_fail(err, LT_E_TYPE_UNSUPPORTED,
		    "column %.*s has a type (number %u in the log) that is not known", LT_FMT(from->name),
		    from->wire_type);
	}
}

static struct lt_str
temporal_text(const struct change_value *v, struct lt_arena *scratch)
{
	char *text = lt_arena_alloc(scratch, 32);

	return lt_str_of(text, change_time_text(v->kind, &v->time, text));
}

static void
add_member(struct lt_buf *names, struct lt_str name)
{
	if (names->len > 0)
		lt_buf_c(names, ',');
	lt_buf_str_add(names, name);
}

/* In the order of the target's members, in which it gives them back. What it has not comes last, for it to refuse. */
static struct lt_str
set_names(const struct pipeline_column *c, uint64_t bits, struct lt_arena *scratch)
{
	const struct change_column *from = c->from;
	size_t count = LT_MIN(from->nmembers, 64); /* a SET has no more */
	struct lt_buf names = { 0 };
	struct lt_str out;

	for (size_t i = 0; i < c->target->nmembers; i++) {
		for (size_t k = 0; k < count; k++) {
			if ((bits >> k & 1) == 0 || !lt_str_eq(from->members[k], c->target->members[i]))
				continue;
			add_member(&names, from->members[k]);
			bits &= ~((uint64_t)1 << k);
		}
	}
	for (size_t k = 0; k < count; k++) {
		if ((bits >> k & 1) != 0)
			add_member(&names, from->members[k]);
	}
	out = lt_arena_str(scratch, lt_buf_str(&names));
	lt_buf_free(&names);
	return out;
}

/* "b", or "a,c" of a SET. */
static bool
member_names(const struct pipeline_column *c, const struct change_value *v, struct lt_arena *scratch,
    struct lt_str *out, struct lt_err *err)
{
	const struct change_column *from = c->from;

	if (v->kind == CHANGE_ENUM) {
		if (v->u64 > from->nmembers)
			return lt_fail(err, LT_E_CORRUPT, "column %.*s: ENUM value %llu of %zu members",
			    LT_FMT(from->name), (unsigned long long)v->u64, from->nmembers);
		*out = v->u64 > 0 ? from->members[v->u64 - 1] : LT_STR("");
		return true;
	}
	if (from->nmembers < 64 && v->u64 >> from->nmembers != 0)
		return lt_fail(err, LT_E_CORRUPT, "column %.*s: SET value %llx of %zu members", LT_FMT(from->name),
		    (unsigned long long)v->u64, from->nmembers);
	*out = set_names(c, v->u64, scratch);
	return true;
}

bool
pipeline_bind_takes(const struct pipeline_column *c, const struct change_value *value, struct lt_err *err)
{
	const struct schema_column *to = c->target;

	if (value->kind != CHANGE_NULL || to->nullable ||
	    !(to->auto_increment || lt_str_eqz(to->base_type, "timestamp")))
		return true;
	return lt_fail(err, LT_E_VALUE_REFUSED, "column %.*s is NOT NULL, and the log has NULL", LT_FMT(to->name));
}

bool
pipeline_bind_value(const struct pipeline_column *c, const struct change_value *value, struct lt_arena *scratch,
    struct my_param *out, struct lt_err *err)
{
	if (value->kind == CHANGE_NULL || (value->kind == CHANGE_ABSENT && lt_fault("r07_missing"))) {
		out->kind = MY_PARAM_NULL;
		return true;
	}
	LT_ASSERT(value->kind != CHANGE_JSON_DIFF); /* see pipeline/edits_priv.h */
	if (c->room.kind != SCHEMA_ROOM_ANY && !pipeline_room_keeps(c, value, err))
		return false;
	switch (c->bind) {
	case PIPELINE_BIND_NUMBER:
	case PIPELINE_BIND_INDEX:
		out->kind = value->kind == CHANGE_INT ? MY_PARAM_I64 : MY_PARAM_U64;
		out->u64 = value->u64;
		return true;
	case PIPELINE_BIND_FLOAT:
		out->kind = MY_PARAM_FLOAT;
		out->f32 = value->f32;
		return true;
	case PIPELINE_BIND_DOUBLE:
		out->kind = MY_PARAM_DOUBLE;
		out->f64 = value->f64;
		return true;
	case PIPELINE_BIND_DECIMAL:
		out->kind = MY_PARAM_DECIMAL;
		out->bytes = value->bytes;
		return true;
	case PIPELINE_BIND_TEMPORAL:
		out->kind = MY_PARAM_TEXT;
		out->bytes = temporal_text(value, scratch);
		return true;
	case PIPELINE_BIND_UTF8:
	case PIPELINE_BIND_JSON:
		out->kind = MY_PARAM_TEXT;
		out->bytes = value->bytes;
		return true;
	case PIPELINE_BIND_NAME: out->kind = MY_PARAM_TEXT; return member_names(c, value, scratch, &out->bytes, err);
	case PIPELINE_BIND_FOREIGN:
	case PIPELINE_BIND_BYTES:
	case PIPELINE_BIND_OPAQUE:
		out->kind = MY_PARAM_BYTES;
		out->bytes = value->bytes;
		return true;
	}
	return lt_fail(err, LT_E_INTERNAL, "no way to bind column %.*s", LT_FMT(c->from->name));
}
