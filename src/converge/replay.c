#include "converge/replay.h"

#include "base/fault.h"
#include "converge/record.h"
#include "converge/rows.h"
#include "pipeline/state.h"

/** One order on its way. All lies in the arena or is owned by `rows`. */
struct replay {
	const struct converge_replay *order;
	struct my_conn *conn;
	struct converge_rows *rows; /* owned */
	struct lt_arena *arena;     /* owned */
	struct my_rows *line;       /* owned */
	const struct converge_shape *shape;
	const struct conflict_row *left;  /* as the decision left the row */
	const struct conflict_row *from;  /* what lost made of this */
	const struct conflict_row *to;    /* this */
	const struct conflict_row *found; /* the row as it is now, */
	const struct conflict_row *put;   /* and as it is to be */
};

static struct lt_str
column(const struct replay *r, enum converge_record_column c)
{
	return my_rows_at(r->line, 0, c);
}

static bool
read_line(struct replay *r, struct lt_err *err)
{
	const struct converge_replay *o = r->order;
	struct converge_record_wish wish = { .channel = o->channel->name, .id = o->id, .images = true, .limit = 1 };

	if (!converge_record_read(r->conn, &wish, &r->line, err))
		return false;
	if (r->line->nrows == 0)
		return lt_fail(err, LT_E_NO_SUCH_CONFLICT, "the conflict log of site %s holds no line %llu",
		    o->channel->sites[o->site].name, (unsigned long long)o->id);
	return true;
}

/* An image of the line; NULL where it has none. */
static bool
read_image(struct replay *r, enum converge_record_column c, const struct conflict_row **ret, struct lt_err *err)
{
	struct lt_str text = column(r, c);

	*ret = NULL;
	if (text.ptr == NULL)
		return true;
	if (!converge_record_is_whole(text))
		return lt_fail(err, LT_E_REPLAY_CUT, "the conflict log keeps only the beginning of the row");
	return converge_shape_parse(r->shape, text, r->arena, ret, err);
}

/* Who lost is the operation, or the write that it met: then what it left is what was found. */
static bool
read_images(struct replay *r, struct lt_err *err)
{
	bool won = lt_str_eqz(column(r, CONVERGE_RECORD_WON), "1");

	return read_image(r, CONVERGE_RECORD_NOW, &r->left, err) &&
	       read_image(r, won ? CONVERGE_RECORD_NOW : CONVERGE_RECORD_BEFORE, &r->from, err) &&
	       read_image(r, won ? CONVERGE_RECORD_FOUND : CONVERGE_RECORD_AFTER, &r->to, err);
}

static bool
find_row(struct replay *r, struct lt_err *err)
{
	const struct conflict_row *key;
	struct lt_str text = column(r, CONVERGE_RECORD_KEY);

	if (!converge_record_is_whole(text))
		return lt_fail(err, LT_E_REPLAY_CUT, "the conflict log keeps only the beginning of the row's key");
	return converge_shape_key_parse(r->shape, text, r->arena, &key, err) &&
	       converge_rows_find(r->conn, r->shape, key, true, r->arena, &r->found, err);
}

/* Where columns are decided one by one, only those that the lost write changed are written. */
static const struct conflict_row *
merged(const struct replay *r)
{
	const struct conflict_row *base = r->found;
	struct conflict_row *row;

	if (converge_shape_policy(r->shape)->kind != CONFLICT_BY_COLUMN || base == NULL || r->from == NULL ||
	    r->to == NULL || base->count != r->to->count || r->from->count != r->to->count)
		return r->to;
	row = lt_arena_alloc(r->arena, sizeof(*row));
	row->count = base->count;
	row->values = lt_arena_alloc(r->arena, row->count * sizeof(*row->values));
	for (uint32_t i = 0; i < row->count; i++)
		row->values[i] =
		    conflict_value_eq(r->from->values[i], r->to->values[i]) ? base->values[i] : r->to->values[i];
	return row;
}

static void
tell_row(const struct replay *r, const char *what, const struct conflict_row *row, struct lt_buf *out)
{
	lt_buf_printf(out, "  %s: ", what);
	if (row != NULL)
		converge_shape_json(r->shape, row, out);
	else
		lt_buf_z(out, "none");
	lt_buf_c(out, '\n');
}

static void
tell(const struct replay *r, struct lt_buf *out)
{
	const struct converge_replay *o = r->order;
	const struct schema_table *table = converge_shape_target(r->shape);

	lt_buf_printf(out, "%.*s.%.*s %.*s at site %s:\n", LT_FMT(table->schema), LT_FMT(table->name),
	    LT_FMT(column(r, CONVERGE_RECORD_KEY)), o->channel->sites[o->site].name);
	tell_row(r, "the row now", r->found, out);
	tell_row(r, "and then   ", r->put, out);
	if (conflict_row_eq(r->found, r->put))
		lt_buf_z(out, "nothing is to be done: it is so already\n");
	else if (!o->write)
		lt_buf_z(out, "nothing was written: --why TEXT carries it out\n");
}

static bool
check_unchanged(const struct replay *r, struct lt_buf *out, struct lt_err *err)
{
	if (conflict_row_eq(r->found, r->left))
		return true;
	if (r->order->force)
		return true;
	if (!r->order->write) {
		tell_row(r, "it has changed since the decision, which left", r->left, out);
		lt_buf_z(out, "--force writes all the same\n");
		return true;
	}
	return lt_fail(err, LT_E_REPLAY_CHANGED, "the row has changed since the decision of line %llu at site %s",
	    (unsigned long long)r->order->id, r->order->channel->sites[r->order->site].name);
}

static bool
write(struct replay *r, struct lt_err *err)
{
	const struct converge_replay *o = r->order;
	struct lt_buf detail = { 0 };
	struct lt_str pipeline = lt_arena_str(r->arena, column(r, CONVERGE_RECORD_PIPELINE));
	struct pipeline_audit entry = { .channel = o->channel->name,
		.pipeline = pipeline.ptr,
		.action = "conflicts replay",
		.who = o->who,
		.why = o->why };
	bool ok;

	lt_buf_printf(&detail, "%llu@%s %.*s.%.*s %.*s", (unsigned long long)o->id, o->channel->sites[o->site].name,
	    LT_FMT(column(r, CONVERGE_RECORD_SCHEMA)), LT_FMT(column(r, CONVERGE_RECORD_TABLE)),
	    LT_FMT(column(r, CONVERGE_RECORD_KEY)));
	entry.detail = lt_buf_str(&detail);
	ok =
	    converge_rows_write(r->rows, r->shape, r->found, r->put, err) && pipeline_state_audit(r->conn, &entry, err);
	lt_buf_free(&detail);
	lt_step("replay.written");
	return ok && my_exec(r->conn, "COMMIT", NULL, err);
}

static bool
carry_out(struct replay *r, struct lt_buf *out, struct lt_err *err)
{
	const struct converge_replay *o = r->order;

	if (!read_line(r, err) || !converge_rows_open(o->channel, o->site, r->conn, &r->rows, err) ||
	    !converge_rows_shape(
		r->rows, column(r, CONVERGE_RECORD_SCHEMA), column(r, CONVERGE_RECORD_TABLE), &r->shape, err) ||
	    !read_images(r, err) || !find_row(r, err))
		return false;
	r->put = merged(r);
	tell(r, out);
	if (conflict_row_eq(r->found, r->put))
		return true;
	if (!check_unchanged(r, out, err))
		return false;
	if (!o->write)
		return true;
	if (!write(r, err))
		return false;
	lt_buf_z(out, "written\n");
	return true;
}

bool
converge_replay(const struct converge_replay *order, struct my_conn *c, struct lt_buf *out, struct lt_err *err)
{
	struct replay r = { .order = order, .conn = c, .arena = lt_arena_new() };
	bool ok = carry_out(&r, out, err);
	struct lt_err ignored = { 0 };

	if (my_alive(c) && !my_exec(c, "ROLLBACK", NULL, &ignored) && ok)
		*err = ignored, ok = false;
	converge_rows_close(r.rows);
	my_rows_free(r.line);
	lt_arena_free(r.arena);
	return ok ? true : lt_wrap(err, "while replaying a conflict");
}
