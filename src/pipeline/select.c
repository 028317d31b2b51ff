#include "pipeline/select.h"
#include "pipeline/fan.h"
#include "pipeline/otter.h"
#include "pipeline/versioned_priv.h"

#include "schema/ddl.h"

void
pipeline_select_init(struct pipeline_select *s, const char *channel, const struct model_mapping *mapping,
    const struct schema_history *history)
{
	memset(s, 0, sizeof(*s));
	s->channel = channel;
	s->mapping = mapping;
	s->history = history;
	s->scratch = lt_arena_new();
	s->fan = pipeline_fan_new(mapping);
}

void
pipeline_select_clear(struct pipeline_select *s)
{
	lt_arena_free(s->scratch);
	pipeline_fan_free(s->fan);
	lt_buf_free(&s->to_schema);
	lt_buf_free(&s->to_table);
}

static bool
is_mark(struct lt_str schema, struct lt_str table)
{
	return lt_str_eqz(schema, "lutra") && lt_str_eqz(table, "lane");
}

static bool
is_mapped(struct pipeline_select *s, struct lt_str schema, struct lt_str table)
{
	const struct model_rule *rule;

	return model_mapping_table(s->mapping, schema, table, &s->to_schema, &s->to_table, &rule);
}

static bool
want_table(void *ctx, struct lt_str schema, struct lt_str table)
{
	const struct pipeline_select *s = ctx;

	return is_mark(schema, table) || pipeline_otter_is_mark(s->otter, schema, table) ||
	       is_mapped(ctx, schema, table);
}

/* The first name of a statement that is mapped; NULL: none is. */
static const struct schema_ddl_name *
mapped_name(struct pipeline_select *s, const struct schema_ddl *ddl)
{
	for (size_t i = 0; i < ddl->nnames; i++) {
		const struct schema_ddl_name *n = &ddl->names[i];

		if (n->table.len == 0 ? model_mapping_schema(s->mapping, n->schema) : is_mapped(s, n->schema, n->table))
			return n;
	}
	return NULL;
}

/* Whether the log's name of something lost a character on its way to UTF-8: it may be anyone's. */
static bool
is_lossy(struct lt_str name)
{
	static const char lost[] = "\xef\xbf\xbd";

	return name.len > 0 && memmem(name.ptr, name.len, lost, sizeof(lost) - 1) != NULL;
}

static bool
has_lossy_name(const struct schema_ddl *ddl)
{
	for (size_t i = 0; i < ddl->nnames; i++) {
		if (is_lossy(ddl->names[i].schema) || is_lossy(ddl->names[i].table))
			return true;
	}
	return false;
}

static bool
refuse_statement(struct pipeline_select *s, const struct schema_ddl *ddl, struct lt_err *err)
{
	const struct schema_ddl_name *name = mapped_name(s, ddl);

	if (name == NULL && ddl->nnames > 0 && !has_lossy_name(ddl))
		return true;
	if (name != NULL)
		lt_where_table(&err->where, name->schema, name->table);
	return lt_fail(err, LT_E_STATEMENT_FORMAT, "%s of %s was logged as a statement, not as rows", ddl->verb,
	    name != NULL ? "a mapped table" : "who knows what");
}

/* change_filter.ddl: true for what must stop the pipeline until somebody has seen to it. */
static bool
want_ddl(void *ctx, struct lt_str schema, struct lt_str sql, uint64_t sql_mode, struct lt_err *err)
{
	struct pipeline_select *s = ctx;
	struct schema_ddl ddl;
	bool wanted = false;

	lt_arena_reset(s->scratch);
	schema_ddl_classify(sql, schema, sql_mode, s->scratch, &ddl);
	switch (ddl.kind) {
	case SCHEMA_DDL_NONE: return false;
	case SCHEMA_DDL_HARMLESS: break;
	case SCHEMA_DDL_SHAPE:
	case SCHEMA_DDL_SCHEMA: wanted = mapped_name(s, &ddl) != NULL || has_lossy_name(&ddl); break;
	case SCHEMA_DDL_DML:
		if (!refuse_statement(s, &ddl, err))
			return false;
		break;
	case SCHEMA_DDL_UNKNOWN: wanted = true; break; /* cannot be told: a person must look */
	}
	if (!wanted)
		atomic_fetch_add_explicit(&s->passed, 1, memory_order_relaxed);
	return wanted;
}

/* Today's columns under yesterday's rows would bend or lose values without a word. */
static bool
not_sure(const struct pipeline_select *s, const struct change_table *draft, struct lt_err *err)
{
	struct change_place at;

	lt_where_table(&err->where, draft->schema, draft->name);
	if (!schema_history_changed_at(s->history, draft->schema, draft->name, &at))
		return lt_fail(err, LT_E_SCHEMA_LATER,
		    "the log does not name the table's columns, and they were read from the source later");
	return lt_fail(err, LT_E_SCHEMA_LATER,
	    "the log does not name the table's columns, and they were read from the source behind a statement that "
	    "changed them (its end: %s:%llu)",
	    at.file, (unsigned long long)at.pos);
}

bool
pipeline_select_engine(const struct schema_table *t, struct lt_err *err)
{
	if (t->transactional)
		return true;
	lt_where_table(&err->where, t->schema, t->name);
	return lt_fail(err, LT_E_ENGINE, "the source's table %.*s.%.*s has engine %.*s, which is not transactional",
	    LT_FMT(t->schema), LT_FMT(t->name), LT_FMT(t->engine));
}

static bool
describe(void *ctx, struct change_table *draft, struct lt_err *err)
{
	struct pipeline_select *s = ctx;
	const struct schema_table *known;

	if (is_mark(draft->schema, draft->name) || pipeline_otter_is_mark(s->otter, draft->schema, draft->name))
		return true; /* ours: read by place, in every version */
	known = schema_history_table(s->history, draft->schema, draft->name);
	if (!draft->named && !schema_history_is_sure(s->history, draft->schema, draft->name))
		return not_sure(s, draft, err);
	if (s->two_way && known != NULL && !pipeline_select_engine(known, err))
		return false;
	if (schema_complete(known, draft, err))
		return true;
	lt_where_table(&err->where, draft->schema, draft->name);
	return false;
}

/* Column 0 of lutra.lane is the channel; an update's after image may lack it (binlog_row_image=MINIMAL). */
static bool
is_own_mark(struct pipeline_select *s, const struct change_row *row, bool *own, struct lt_err *err)
{
	const struct change_image *image = row->op == CHANGE_INSERT ? &row->after : &row->before;
	const struct change_table *table = row->table;
	struct change_value *values;

	lt_arena_reset(s->scratch);
	values = lt_arena_alloc(s->scratch, table->ncolumns * sizeof(*values));
	if (!table->codec->decode(table, image, s->scratch, values, err))
		return lt_wrap(err, "lutra.lane");
	if (table->ncolumns == 0 || (values[0].kind != CHANGE_TEXT && values[0].kind != CHANGE_BYTES))
		return lt_fail(err, LT_E_STATE_BROKEN, "the log's lutra.lane does not begin with the channel's name");
	*own = lt_str_eqz(values[0].bytes, s->channel);
	return true;
}

/* Rows of lutra.lane never stay; with this channel's mark nothing of the transaction does. */
static bool
take_marks(struct pipeline_select *s, struct change_txn *t, size_t first, struct lt_err *err)
{
	for (size_t i = first; i < t->nrows && !t->own; i++) {
		if (!is_own_mark(s, &t->rows[i], &t->own, err))
			return false;
	}
	t->nrows = first;
	t->shown = true;
	return true;
}

/* The same with Otter's. */
static bool
take_otter_marks(struct pipeline_select *s, struct change_txn *t, size_t first, struct lt_err *err)
{
	for (size_t i = first; i < t->nrows && !t->own; i++) {
		enum pipeline_otter_says says;

		if (!pipeline_otter_look(s->otter, &t->rows[i], s->scratch, &says, err))
			return false;
		t->own = says != PIPELINE_OTTER_NOTHING;
		t->opted_out = says == PIPELINE_OTTER_OPTED_OUT;
	}
	t->nrows = first;
	t->shown = true;
	return true;
}

/* change_filter.rows: before anything may have to go to disk. */
static bool
sift(void *ctx, struct change_txn *t, size_t first, struct lt_err *err)
{
	struct pipeline_select *s = ctx;
	size_t kept = first;

	if (first == t->nrows)
		return true;
	if (is_mark(t->rows[first].table->schema, t->rows[first].table->name))
		return take_marks(s, t, first, err);
	if (pipeline_otter_is_mark(s->otter, t->rows[first].table->schema, t->rows[first].table->name))
		return take_otter_marks(s, t, first, err);
	for (size_t i = first; i < t->nrows && !t->own; i++) {
		bool keep;

		if (!pipeline_versioned_row(&t->rows[i], s->scratch, &keep, err))
			return false;
		if (keep)
			t->rows[kept++] = t->rows[i];
	}
	t->ignored += t->nrows - kept;
	t->nrows = kept;
	pipeline_fan_rows(s->fan, t, first);
	return true;
}

void
pipeline_select_filter(struct pipeline_select *s, struct change_filter *filter, struct change_describer *describer)
{
	*filter = (struct change_filter){ .table = want_table, .ddl = want_ddl, .ctx = s, .rows = sift };
	*describer = (struct change_describer){ describe, s };
}

void
pipeline_select_txn(struct pipeline_select *s, struct change_txn *t)
{
	bool empty;

	if (t->kind != CHANGE_TXN_ROWS)
		return;
	empty = change_txn_rows(t) == 0;
	t->quiet = empty && t->shown && t->ignored == 0;
	if (t->own)
		atomic_fetch_add_explicit(t->opted_out ? &s->opted_out : &s->own, 1, memory_order_relaxed);
	if (!t->own && (!empty || t->kept)) {
		pipeline_fan_sort(s->fan, t);
		return;
	}
	change_txn_drop_rows(t);
	t->kind = CHANGE_TXN_PLACE;
}
