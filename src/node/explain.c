#include "node/explain.h"

#include "converge/parked.h"
#include "converge/rows.h"
#include "node/conflicts.h"

/* The words of a request. */
enum { FORM = 1, TABLE, KEY };
/* Lines of the conflict log, and operations that are remembered: the newest. */
enum { LINES_MAX = 50, OPERATIONS_MAX = 100 };

/** One site's answer, all of it gathered before it is told. */
struct answer {
	const struct node_explain_wish *wish;
	size_t site;
	struct lt_arena *arena;     /* borrowed: of rows, versions and operations */
	struct my_conn *conn;       /* owned */
	struct converge_rows *rows; /* owned */
	const struct converge_shape *shape;
	const struct conflict_row *key, *row; /* the key's columns; the row; NULL: there is none */
	struct lt_str key_bytes;
	bool runs, remembered; /* whether somebody would remember a write; and does */
	struct conflict_known known;
	const struct conflict_row *parked; /* NULL: none that counts */
	struct lt_buf rivals;              /* owned: keys of rows that have its values, as JSON with commas between */
	struct my_rows *lines;             /* owned: of the conflict log */
	struct lt_err err;                 /* code not 0: why it cannot be told */
};

/* -- gathering ------------------------------------------------------------------------------------ */

/* The words as the JSON object of a row that has only its key. */
static bool
key_object(
    const struct schema_table *t, const struct lt_str *words, size_t count, struct lt_buf *out, struct lt_err *err)
{
	const struct schema_key *key = schema_table_find_key(t);

	if (key == NULL || key->nparts != count)
		return lt_fail(err, LT_E_USAGE, "the primary key of %.*s.%.*s has %zu columns, not %zu",
		    LT_FMT(t->schema), LT_FMT(t->name), key != NULL ? key->nparts : 0, count);
	lt_buf_c(out, '{');
	for (size_t i = 0; i < count; i++) {
		lt_buf_z(out, i > 0 ? "," : "");
		lt_json_str(out, t->columns[key->parts[i].column].name);
		lt_buf_c(out, ':');
		lt_json_str(out, words[i]);
	}
	lt_buf_c(out, '}');
	return true;
}

static bool
find_key(struct answer *a, const struct node_frame *f, struct lt_err *err)
{
	struct lt_buf text = { 0 };
	bool ok = key_object(converge_shape_target(a->shape), &f->args[KEY], f->count - KEY, &text, err) &&
		  converge_shape_key_parse(a->shape, lt_buf_str(&text), a->arena, &a->key, err) &&
		  converge_shape_key(a->shape, a->key, a->arena, &a->key_bytes, err);

	lt_buf_free(&text);
	return ok;
}

/* What the observing reader knows by now. */
static void
remember(struct answer *a)
{
	struct converge_site *site = a->wish->site != NULL ? a->wish->site(a->wish->ctx, a->site) : NULL;
	const struct conflict_observer *o;

	if (site == NULL)
		return;
	o = converge_site_hold(site);
	a->runs = o != NULL;
	if (o != NULL && conflict_memory_find(conflict_observer_memory(o), a->key_bytes, &a->known)) {
		struct conflict_list *list = &a->known.list;
		const struct conflict_op **ops = lt_arena_alloc(a->arena, (list->nops + 1) * sizeof(*ops));

		a->remembered = true;
		for (uint32_t i = 0; i < list->nops; i++)
			ops[i] = conflict_op_copy(list->ops[i], a->arena);
		list->base = conflict_row_copy(list->base, a->arena);
		list->ops = ops;
	}
	converge_site_release(site);
}

static void
add_rival(void *ctx, const struct conflict_row *rival)
{
	struct answer *a = ctx;

	lt_buf_z(&a->rivals, a->rivals.len > 0 ? ", " : "");
	converge_shape_key_json(a->shape, rival, &a->rivals);
}

/* A parked row that was written over is void: who knows that remembers another version. */
static bool
find_parked(struct answer *a, struct lt_err *err)
{
	struct converge_parked_list list = { 0 };

	if (!converge_parked_find(a->conn, a->wish->channel->name, &a->key_bytes, 1, a->arena, &list, err))
		return false;
	if (list.count == 0 || list.at[0].parked.row == NULL ||
	    (a->remembered && !conflict_version_same(a->known.version, list.at[0].parked.version)))
		return true;
	a->parked = list.at[0].parked.row;
	return converge_rows_rivals(a->rows, a->shape, a->parked, a->arena, add_rival, a, err);
}

static bool
gather(struct answer *a, const struct node_frame *f, struct lt_err *err)
{
	const struct model_channel *channel = a->wish->channel;
	struct converge_record_wish wish = { .channel = channel->name, .limit = LINES_MAX };
	struct lt_str schema, table;

	if (!node_table_name(f->args[TABLE], &schema, &table, err) ||
	    !node_conflict_connect(channel, a->site, a->wish->stop, &a->conn, err) ||
	    !converge_rows_open(channel, a->site, a->conn, &a->rows, err) ||
	    !converge_rows_shape(a->rows, schema, table, &a->shape, err) || !find_key(a, f, err) ||
	    !converge_rows_find(a->conn, a->shape, a->key, false, a->arena, &a->row, err))
		return false;
	remember(a);
	wish.key = a->key_bytes;
	if (!find_parked(a, err))
		return false;
	return converge_record_read(a->conn, &wish, &a->lines, err);
}

/* -- for people ----------------------------------------------------------------------------------- */

static void
row_text(const struct answer *a, const struct conflict_row *row, struct lt_buf *out)
{
	if (row != NULL)
		converge_shape_json(a->shape, row, out);
	else
		lt_buf_z(out, "no row");
}

static const char *
rule_text(const struct conflict_policy *p)
{
	switch (p->kind) {
	case CONFLICT_BY_ROW: return "the newest write of the row wins";
	case CONFLICT_BY_HOME: return "the most trusted site's write wins";
	case CONFLICT_BY_FUNCTION: return "of writes that had not seen each other a function names the one that wins";
	case CONFLICT_BY_COLUMN: break;
	}
	return "each column by its own rule";
}

static void
add_rule(const struct answer *a, struct lt_buf *out)
{
	struct lt_buf columns = { 0 };

	converge_shape_rules(a->shape, &columns);
	lt_buf_printf(out, "\n  rule: %s", rule_text(converge_shape_policy(a->shape)));
	if (columns.len > 0)
		lt_buf_printf(out, " (%s)", lt_buf_cstr(&columns));
	lt_buf_c(out, '\n');
	lt_buf_free(&columns);
}

static void
operations_text(const struct answer *a, struct lt_buf *out)
{
	const struct conflict_list *list = &a->known.list;
	uint32_t first = list->nops > OPERATIONS_MAX ? list->nops - OPERATIONS_MAX : 0;

	lt_buf_printf(out, "  made of %u operations, the oldest first%s:\n    before them: ", list->nops,
	    first > 0 ? " (of which the newest follow)" : "");
	row_text(a, list->base, out);
	lt_buf_c(out, '\n');
	for (uint32_t i = first; i < list->nops; i++) {
		lt_buf_z(out, "    ");
		node_version_text(a->wish->channel, list->ops[i]->version, out);
		lt_buf_z(out, ": ");
		row_text(a, list->ops[i]->before, out);
		lt_buf_z(out, " -> ");
		row_text(a, list->ops[i]->after, out);
		lt_buf_c(out, '\n');
	}
}

static void
write_text(const struct answer *a, struct lt_buf *out)
{
	static const char *const words[] = { [CONFLICT_VISIBLE] = "written by ",
		[CONFLICT_ABSENT] = "deleted by ",
		[CONFLICT_PARKED] = "parked; written by " };

	if (!a->runs) {
		lt_buf_z(out, "  whose write it is a running `lutra run` would remember\n");
	} else if (!a->remembered) {
		lt_buf_z(out, "  its last write is not remembered: every site has seen it\n");
	} else {
		lt_buf_printf(out, "  %s", words[a->known.state]);
		node_version_text(a->wish->channel, a->known.version, out);
		lt_buf_c(out, '\n');
		if (a->known.list.nops > 0)
			operations_text(a, out);
	}
}

static void
answer_text(const struct answer *a, struct lt_buf *out)
{
	lt_buf_printf(out, "%s: ", a->wish->channel->sites[a->site].name);
	if (a->err.code != LT_OK) {
		lt_buf_z(out, "cannot be told: ");
		lt_err_text(&a->err, out);
		lt_buf_c(out, '\n');
		return;
	}
	row_text(a, a->row, out);
	add_rule(a, out);
	write_text(a, out);
	if (a->parked != NULL) {
		struct lt_str rivals = a->rivals.len > 0 ? lt_buf_str(&a->rivals) : LT_STR("no row by now");

		lt_buf_z(out, "  parked: ");
		row_text(a, a->parked, out);
		lt_buf_printf(out, "\n    which waits for a unique value that is in %.*s\n", LT_FMT(rivals));
	}
	if (a->lines->nrows > 0)
		lt_buf_z(out, "  conflict log, the newest first:\n");
	for (size_t i = 0; i < a->lines->nrows; i++) {
		lt_buf_z(out, "    ");
		node_conflict_text(a->wish->channel, a->site, a->lines, i, out);
	}
}

/* -- JSON ----------------------------------------------------------------------------------------- */

static void
key_row(const struct answer *a, const char *key, const struct conflict_row *row, struct lt_buf *out)
{
	lt_json_key(out, key);
	converge_shape_json(a->shape, row, out);
}

static void
write_json(const struct answer *a, struct lt_buf *out)
{
	static const char *const states[] = {
		[CONFLICT_VISIBLE] = "visible", [CONFLICT_ABSENT] = "absent", [CONFLICT_PARKED] = "parked"
	};
	const struct conflict_list *list = &a->known.list;
	uint32_t first = list->nops > OPERATIONS_MAX ? list->nops - OPERATIONS_MAX : 0;

	lt_json_key(out, "write");
	if (!a->remembered) {
		lt_buf_z(out, "null");
		return;
	}
	lt_buf_c(out, '{');
	lt_json_key(out, "state");
	lt_json_str(out, lt_str_z(states[a->known.state]));
	lt_json_key(out, "version");
	node_version_json(a->wish->channel, a->known.version, out);
	if (list->nops > 0) {
		key_row(a, "base", list->base, out);
		lt_json_key(out, "operations");
		lt_buf_c(out, '[');
		for (uint32_t i = first; i < list->nops; i++) {
			lt_buf_z(out, i > first ? ",{" : "{");
			lt_json_key(out, "version");
			node_version_json(a->wish->channel, list->ops[i]->version, out);
			key_row(a, "before", list->ops[i]->before, out);
			key_row(a, "after", list->ops[i]->after, out);
			lt_buf_c(out, '}');
		}
		lt_buf_c(out, ']');
	}
	lt_buf_c(out, '}');
}

static void
answer_json(const struct answer *a, struct lt_buf *out)
{
	lt_buf_c(out, '{');
	lt_json_key(out, "name");
	lt_json_str(out, lt_str_z(a->wish->channel->sites[a->site].name));
	lt_json_key(out, "error");
	if (a->err.code != LT_OK) {
		lt_err_json(&a->err, out);
		lt_buf_c(out, '}');
		return;
	}
	lt_buf_z(out, "null");
	key_row(a, "row", a->row, out);
	lt_json_key(out, "remembers");
	lt_buf_z(out, a->runs ? "true" : "false");
	write_json(a, out);
	key_row(a, "parked", a->parked, out);
	lt_json_key(out, "behind");
	lt_buf_printf(out, "[%.*s]", LT_FMT(lt_buf_str(&a->rivals)));
	lt_json_key(out, "conflicts");
	lt_buf_c(out, '[');
	for (size_t i = 0; i < a->lines->nrows; i++) {
		if (i > 0)
			lt_buf_c(out, ',');
		node_conflict_json(a->wish->channel, a->site, a->lines, i, out);
	}
	lt_buf_z(out, "]}");
}

/* -- the whole ------------------------------------------------------------------------------------ */

/* Wrong use is wrong at each site. */
static bool
is_our_fault(const struct lt_err *err)
{
	return err->code == LT_E_USAGE || err->code == LT_E_TABLE_MISSING || err->code == LT_E_CANCELLED;
}

bool
node_explain(const struct node_explain_wish *wish, const struct node_frame *f, struct lt_buf *out, struct lt_err *err)
{
	bool json = lt_str_eqz(f->args[FORM], "json"), ok = true;
	size_t n = 0;

	if (json) {
		lt_buf_c(out, '{');
		lt_json_key(out, "table");
		lt_json_str(out, f->args[TABLE]);
		lt_json_key(out, "sites");
		lt_buf_c(out, '[');
	}
	for (size_t i = 0; ok && i < wish->channel->nsites; i++) {
		struct answer a = { .wish = wish, .site = i };

		if (!node_conflict_decides(wish->channel, i))
			continue;
		a.arena = lt_arena_new();
		if (!gather(&a, f, &a.err) && is_our_fault(&a.err)) {
			*err = a.err;
			ok = false;
		} else if (json) {
			lt_buf_z(out, n++ > 0 ? "," : "");
			answer_json(&a, out);
		} else {
			answer_text(&a, out);
		}
		my_rows_free(a.lines);
		lt_buf_free(&a.rivals);
		converge_rows_close(a.rows);
		my_close(a.conn);
		lt_arena_free(a.arena);
	}
	if (json)
		lt_buf_z(out, "]}");
	return ok;
}
