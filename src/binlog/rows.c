#include "binlog/rows.h"

#include "binlog/image.h"
#include "binlog/partial.h"

#define EXTRA_LENGTH_SIZE 2 /* counts itself */

enum { FORM_V1, FORM_V2 };

static bool
form_of(uint8_t type, int *form, enum change_op *op, struct lt_err *err)
{
	switch (type) {
	case BINLOG_WRITE_ROWS_V1:
	case BINLOG_WRITE_ROWS: *op = CHANGE_INSERT; break;
	case BINLOG_UPDATE_ROWS_V1:
	case BINLOG_UPDATE_ROWS:
	case BINLOG_PARTIAL_UPDATE_ROWS: *op = CHANGE_UPDATE; break;
	case BINLOG_DELETE_ROWS_V1:
	case BINLOG_DELETE_ROWS: *op = CHANGE_DELETE; break;
	default: return lt_fail(err, LT_E_EVENT_UNSUPPORTED, "row events of type %u", type);
	}
	*form = type >= BINLOG_WRITE_ROWS ? FORM_V2 : FORM_V1;
	return true;
}

static bool
take_head(uint8_t type, struct lt_cur *in, size_t id_width, struct binlog_rows_head *out, struct lt_err *err)
{
	struct binlog_rows_head h = { 0 };
	int form = FORM_V1;

	if (!form_of(type, &form, &h.op, err))
		return false;
	h.table_id = lt_cur_le(in, id_width);
	h.flags = lt_cur_u16(in);
	if (form == FORM_V2) {
		uint16_t extra = lt_cur_u16(in);

		if (lt_cur_ok(in) && extra < EXTRA_LENGTH_SIZE)
			return lt_fail(err, LT_E_CORRUPT, "row event: extra data of %u bytes", extra);
		lt_cur_take(in, extra - (size_t)EXTRA_LENGTH_SIZE);
	}
	if (!lt_cur_ok(in))
		return lt_fail(err, LT_E_TRUNCATED, "row event: it ends in its head");
	*out = h;
	return true;
}

bool
binlog_rows_head_decode(
    uint8_t type, struct lt_str body, size_t id_width, struct binlog_rows_head *out, struct lt_err *err)
{
	struct lt_cur in = lt_cur_str(body);

	return take_head(type, &in, id_width, out, err);
}

/* Which columns the images of one side have. */
struct side {
	const uint8_t *present; /* NULL: all */
	size_t columns;
};

static bool
take_side(struct lt_cur *in, const struct change_table *table, struct side *out, struct lt_err *err)
{
	const uint8_t *present = lt_cur_take(in, (table->ncolumns + 7) / 8);

	if (present == NULL)
		return lt_fail(err, LT_E_TRUNCATED, "row event: it ends in a bitmap of columns");
	out->columns = binlog_image_columns(table, present);
	out->present = out->columns == table->ncolumns ? NULL : present;
	return true;
}

struct reading {
	struct lt_cur in;
	const struct change_table *table;
	struct change_txn *txn;
	struct change_row common;  /* op, flags, event */
	struct side before, after; /* insert: after alone; delete: before alone */
	bool partial;              /* JSON values may be lists of edits */
};

/* Which of the table's JSON columns are edits in the image that follows; NULL: none. */
static bool
take_partial_bits(struct reading *r, const uint8_t **ret, struct lt_err *err)
{
	enum { PARTIAL_JSON = 1 };
	uint64_t options = r->partial ? lt_cur_lenenc(&r->in) : 0;

	*ret = NULL;
	if (options > PARTIAL_JSON)
		return lt_fail(
		    err, LT_E_EVENT_UNSUPPORTED, "row event: value options %llu", (unsigned long long)options);
	if (options == PARTIAL_JSON)
		*ret = lt_cur_take(&r->in, (binlog_partial_columns(r->table) + 7) / 8);
	if (!lt_cur_ok(&r->in))
		return lt_fail(err, LT_E_TRUNCATED, "row event: it ends in front of an image");
	return true;
}

static bool
take_after(struct reading *r, const struct change_image *before, struct change_image *out, struct lt_err *err)
{
	struct change_image edits;
	const uint8_t *bits;

	out->present = r->after.present;
	if (!take_partial_bits(r, &bits, err) ||
	    !binlog_image_take(r->table, r->after.present, r->after.columns, &r->in, &out->bytes, err))
		return false;
	if (bits == NULL)
		return true;
	edits = *out;
	return binlog_partial_whole(r->table, before, &edits, bits, r->txn->arena, out, err);
}

static bool
take_row(struct reading *r, struct lt_err *err)
{
	struct change_row *row = change_txn_add_row(r->txn, r->table);

	row->op = r->common.op;
	row->flags = r->common.flags;
	row->event = r->common.event;
	row->before.present = r->before.present;
	if (row->op != CHANGE_INSERT &&
	    !binlog_image_take(r->table, r->before.present, r->before.columns, &r->in, &row->before.bytes, err))
		goto fail;
	if (row->op != CHANGE_DELETE && !take_after(r, &row->before, &row->after, err))
		goto fail;
	return true;
fail:
	r->txn->nrows--;
	return false;
}

static bool
take_sides(struct reading *r, struct lt_err *err)
{
	uint64_t width = lt_cur_lenenc(&r->in);
	struct lt_str rest;

	if (!lt_cur_ok(&r->in))
		return lt_fail(err, LT_E_TRUNCATED, "row event: it ends in front of its columns");
	if (width != r->table->ncolumns)
		return lt_fail(err, LT_E_CORRUPT, "row event: %llu columns, its table map has %zu",
		    (unsigned long long)width, r->table->ncolumns);
	rest = lt_arena_str(r->txn->arena, lt_cur_rest(&r->in));
	r->in = lt_cur_str(rest);
	if (!take_side(&r->in, r->table, r->common.op == CHANGE_INSERT ? &r->after : &r->before, err))
		return false;
	return r->common.op != CHANGE_UPDATE || take_side(&r->in, r->table, &r->after, err);
}

bool
binlog_rows_decode(uint8_t type, struct lt_str body, size_t id_width, const struct change_table *table, uint32_t event,
    struct change_txn *txn, struct lt_err *err)
{
	struct reading r = { .in = lt_cur_str(body), .table = table, .txn = txn };
	struct binlog_rows_head head = { 0 };

	r.partial = type == BINLOG_PARTIAL_UPDATE_ROWS;
	if (!take_head(type, &r.in, id_width, &head, err))
		return false;
	r.common.op = head.op;
	r.common.flags = head.flags;
	r.common.event = event;
	if (!take_sides(&r, err))
		goto fail;
	/* Images without columns have no bytes, so bytes can only be too many then: MySQL refuses to log such a row,
	 * MariaDB logs it in full. */
	if (r.before.columns + r.after.columns == 0 && lt_cur_left(&r.in) > 0) {
		lt_fail(err, LT_E_CORRUPT, "row event: %zu bytes of rows without columns", lt_cur_left(&r.in));
		goto fail;
	}
	while (lt_cur_left(&r.in) > 0) {
		if (!take_row(&r, err))
			goto fail;
	}
	return true;
fail:
	if (err != NULL && err->where.table[0] == '\0')
		lt_where_table(&err->where, table->schema, table->name);
	return false;
}
