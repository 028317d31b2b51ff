#include "binlog/dump.h"

#include <errno.h>

#include "base/arena.h"
#include "base/clock.h"
#include "binlog/ahead.h"
#include "binlog/image.h"
#include "binlog/source.h"

/* Output is written in pieces of about this size. */
#define FLUSH_BYTES ((size_t)256 << 10)
/* A transaction above this is decoded twice: first to know that all of it can be, then to be printed piece by piece. */
#define WHOLE_BYTES ((size_t)4 << 20)
#define NAMES 64
/* How often is looked whether a server's log has been read as far as wanted. */
#define LOOK_MS 100

/** The fixed text of one table's lines: `"schema":...,"table":...`, and the key of each column. */
struct names {
	uint64_t table_id; /* 0 = free */
	struct lt_buf text;
	size_t head;  /* length of the first part */
	size_t *ends; /* owned; behind each column's key */
};

struct dumper {
	const struct binlog_dump_options *options; /* borrowed */
	struct binlog_dump_sums *sums;             /* borrowed */
	FILE *to;                                  /* borrowed */
	struct lt_buf out;
	struct lt_arena *scratch;    /* owned: values of the row in hand */
	struct change_value *values; /* owned */
	size_t values_cap;
	struct names names[NAMES]; /* by table id */
};

static void
dumper_clear(struct dumper *d)
{
	for (size_t i = 0; i < NAMES; i++) {
		lt_buf_free(&d->names[i].text);
		free(d->names[i].ends);
	}
	free(d->values);
	lt_arena_free(d->scratch);
	lt_buf_free(&d->out);
}

static bool
flush(struct dumper *d, struct lt_err *err)
{
	if (d->out.len > 0 && fwrite(d->out.ptr, 1, d->out.len, d->to) != d->out.len)
		return lt_fail(err, LT_E_FILE_IO, "cannot write the dump: %s", strerror(errno));
	lt_buf_clear(&d->out);
	return true;
}

static const struct names *
names_of(struct dumper *d, const struct change_table *t)
{
	struct names *n = &d->names[t->id % NAMES];

	if (n->table_id == t->id && n->ends != NULL)
		return n;
	n->table_id = t->id;
	lt_buf_clear(&n->text);
	lt_buf_z(&n->text, ",\"schema\":");
	lt_json_str(&n->text, t->schema);
	lt_buf_z(&n->text, ",\"table\":");
	lt_json_str(&n->text, t->name);
	n->head = n->text.len;
	n->ends = lt_realloc(n->ends, LT_MAX(t->ncolumns, 1) * sizeof(*n->ends));
	for (size_t i = 0; i < t->ncolumns; i++) {
		if (t->columns[i].name.len > 0)
			lt_json_str(&n->text, t->columns[i].name);
		else
			lt_buf_printf(&n->text, "\"@%zu\"", i + 1);
		lt_buf_c(&n->text, ':');
		n->ends[i] = n->text.len;
	}
	return n;
}

/* -- rows ----------------------------------------------------------------------------------------- */

static bool
decode(struct dumper *d, const struct change_table *t, const struct change_image *image, struct lt_err *err)
{
	if (t->ncolumns > d->values_cap) {
		d->values_cap = t->ncolumns;
		d->values = lt_realloc(d->values, d->values_cap * sizeof(*d->values));
	}
	lt_arena_reset(d->scratch);
	if (t->codec->decode(t, image, d->scratch, d->values, err))
		return true;
	if (err != NULL)
		lt_where_table(&err->where, t->schema, t->name);
	return false;
}

static bool
count_image(struct dumper *d, const struct change_table *t, const struct change_image *image, struct lt_err *err)
{
	if (!decode(d, t, image, err))
		return false;
	d->sums->images++;
	d->sums->values += binlog_image_columns(t, image->present);
	return true;
}

static bool
count_part(struct dumper *d, const struct change_txn *t, struct lt_err *err)
{
	for (size_t i = 0; i < t->nrows; i++) {
		const struct change_row *row = &t->rows[i];

		if (row->op != CHANGE_INSERT && !count_image(d, row->table, &row->before, err))
			return false;
		if (row->op != CHANGE_DELETE && !count_image(d, row->table, &row->after, err))
			return false;
	}
	return true;
}

/* All rows, in memory or on disk, through `part`. */
static bool
each_part(struct dumper *d, struct change_txn *t,
    bool (*part)(struct dumper *d, const struct change_txn *t, struct lt_err *err), struct lt_err *err)
{
	bool got;

	change_txn_rewind(t);
	for (;;) {
		if (!change_txn_part(t, &got, err))
			return false;
		if (!got)
			return true;
		if (!part(d, t, err))
			return false;
	}
}

static bool
print_image(struct dumper *d, const char *key, const struct change_table *t, const struct names *n,
    const struct change_image *image, struct lt_err *err)
{
	bool first = true;

	if (!decode(d, t, image, err))
		return false;
	lt_buf_z(&d->out, key);
	for (size_t i = 0; i < t->ncolumns; i++) {
		size_t begin = i == 0 ? n->head : n->ends[i - 1];

		if (d->values[i].kind == CHANGE_ABSENT)
			continue;
		lt_buf_c(&d->out, first ? '{' : ',');
		first = false;
		lt_buf_add(&d->out, n->text.ptr + begin, n->ends[i] - begin);
		binlog_dump_value(&t->columns[i], &d->values[i], d->options->raw, &d->out);
	}
	lt_buf_z(&d->out, first ? "{}" : "}");
	return true;
}

static bool
print_row(struct dumper *d, const struct change_row *row, struct lt_err *err)
{
	static const char *const begins[] = { [CHANGE_INSERT] = "{\"kind\":\"insert\"",
		[CHANGE_UPDATE] = "{\"kind\":\"update\"",
		[CHANGE_DELETE] = "{\"kind\":\"delete\"" };
	const struct names *n = names_of(d, row->table);

	lt_buf_z(&d->out, begins[row->op]);
	lt_buf_add(&d->out, n->text.ptr, n->head);
	if (row->op != CHANGE_INSERT && !print_image(d, ",\"before\":", row->table, n, &row->before, err))
		return false;
	if (row->op != CHANGE_DELETE && !print_image(d, ",\"after\":", row->table, n, &row->after, err))
		return false;
	lt_buf_z(&d->out, "}\n");
	return true;
}

/* -- transactions --------------------------------------------------------------------------------- */

static void
print_begin(struct dumper *d, const struct change_txn *t, const char *gtid)
{
	char time[32];

	lt_time_text(t->commit_us, time);
	lt_buf_z(&d->out, "{\"kind\":\"begin\",\"gtid\":");
	lt_json_str(&d->out, lt_str_z(gtid));
	lt_buf_z(&d->out, ",\"file\":");
	lt_json_str(&d->out, lt_str_z(t->file));
	lt_buf_z(&d->out, ",\"pos\":");
	lt_buf_u64(&d->out, t->pos);
	lt_buf_z(&d->out, ",\"server_id\":");
	lt_buf_u64(&d->out, t->server_id);
	lt_buf_z(&d->out, ",\"time\":\"");
	lt_buf_z(&d->out, time);
	if (t->written_us != t->commit_us) {
		lt_time_text(t->written_us, time);
		lt_buf_z(&d->out, "\",\"written\":\"");
		lt_buf_z(&d->out, time);
	}
	lt_buf_z(&d->out, "\"}\n");
}

/* A transaction that is not decoded twice must fit the buffer, to be taken back when a row cannot be read. */
static bool
is_large(const struct change_txn *t)
{
	return t->spill != NULL || change_txn_bytes(t) > WHOLE_BYTES;
}

static bool
print_part(struct dumper *d, const struct change_txn *t, struct lt_err *err)
{
	for (size_t i = 0; i < t->nrows; i++) {
		if (!print_row(d, &t->rows[i], err))
			return false;
		if (d->out.len > FLUSH_BYTES && is_large(t) && !flush(d, err))
			return false;
	}
	return true;
}

static bool
print_rows(struct dumper *d, struct change_txn *t, struct lt_err *err)
{
	struct binlog_dump_sums sums = *d->sums;
	size_t start = d->out.len;
	char gtid[96];

	if (is_large(t)) {
		bool good = each_part(d, t, count_part, err);

		*d->sums = sums;
		if (!good)
			return false;
	}
	change_gtid_text(&t->gtid, gtid);
	print_begin(d, t, gtid);
	if (!each_part(d, t, print_part, err)) {
		d->out.len = LT_MIN(start, d->out.len);
		return false;
	}
	lt_buf_z(&d->out, "{\"kind\":\"commit\",\"gtid\":");
	lt_json_str(&d->out, lt_str_z(gtid));
	lt_buf_z(&d->out, ",\"rows\":");
	lt_buf_u64(&d->out, change_txn_rows(t));
	lt_buf_z(&d->out, ",\"end_pos\":");
	lt_buf_u64(&d->out, t->end.pos);
	lt_buf_z(&d->out, "}\n");
	return true;
}

static void
print_ddl(struct dumper *d, const struct change_txn *t)
{
	char gtid[96];

	change_gtid_text(&t->gtid, gtid);
	lt_buf_z(&d->out, "{\"kind\":\"ddl\",\"schema\":");
	lt_json_str(&d->out, t->ddl_schema);
	lt_buf_z(&d->out, ",\"sql\":");
	lt_json_str(&d->out, t->ddl);
	lt_buf_printf(&d->out, ",\"gtid\":\"%s\",\"file\":", gtid);
	lt_json_str(&d->out, lt_str_z(t->file));
	lt_buf_z(&d->out, ",\"pos\":");
	lt_buf_u64(&d->out, t->pos);
	lt_buf_z(&d->out, ",\"end_pos\":");
	lt_buf_u64(&d->out, t->end.pos);
	lt_buf_z(&d->out, "}\n");
}

static bool
dump_txn(struct dumper *d, struct change_txn *t, struct lt_err *err)
{
	char gtid[96];

	if (t->kind == CHANGE_TXN_ROWS) {
		if (d->options->count ? !each_part(d, t, count_part, err) : !print_rows(d, t, err)) {
			if (err != NULL)
				change_txn_where(t, &err->where);
			return false;
		}
		d->sums->transactions++;
		d->sums->rows += change_txn_rows(t);
	} else if (d->options->count) {
		return true;
	} else if (t->kind == CHANGE_TXN_DDL) {
		print_ddl(d, t);
	} else if (t->gtid.kind != CHANGE_GTID_NONE) {
		change_gtid_text(&t->gtid, gtid);
		lt_buf_printf(&d->out, "{\"kind\":\"rollback\",\"gtid\":\"%s\"}\n", gtid);
	}
	return d->out.len < FLUSH_BYTES || flush(d, err);
}

/* Whether a server's log, which goes on, has been read as far as wanted; a file as far as it goes. */
static bool
came_to_end(const struct binlog_ahead_look *look, const struct binlog_dump_options *options)
{
	return look->ended || (options->end != NULL && change_place_cmp(&look->place, options->end) >= 0);
}

static bool
begins_behind(const struct change_txn *t, const struct binlog_dump_options *options)
{
	struct change_place begins = { .pos = t->pos };

	if (options->to_pos != 0 && t->pos >= options->to_pos)
		return true;
	memcpy(begins.file, t->file, sizeof(begins.file));
	return options->end != NULL && change_place_cmp(&begins, options->end) >= 0;
}

/* What a log holds must go on where the GTIDs end: a server would refuse to send it, too. */
static bool
check_start(const struct change_source *s, const struct binlog_dump_start *start, struct lt_err *err)
{
	const struct change_gtid_set *before = binlog_source_before(s);
	struct lt_buf text = { 0 };
	bool ok;

	if (before == NULL)
		return lt_fail(err, LT_E_LOG_POSITION, "the log does not say which GTIDs come before it");
	change_gtid_set_text(before, &text);
	ok = change_gtid_set_subset(before, start->gtids) ||
	     lt_fail(err, LT_E_LOG_PURGED, "the log begins behind %.*s, of which the start lacks some",
		 LT_FMT(lt_buf_str(&text)));
	lt_buf_free(&text);
	return ok;
}

static bool
is_shown(const struct change_source *s, struct binlog_dump_start *start, const struct change_txn *t, bool *shown,
    struct lt_err *err)
{
	bool named = t->gtid.kind == CHANGE_GTID_MYSQL || t->gtid.kind == CHANGE_GTID_MARIADB;
	bool begun = start->begun;

	*shown = t->kind == CHANGE_TXN_PLACE && t->gtid.kind == CHANGE_GTID_NONE;
	if (*shown)
		return true;
	if (start->gtids == NULL) {
		*shown = start->begun = begun || t->commit_us >= start->time_us;
		return true;
	}
	start->begun = true;
	if (!begun && !check_start(s, start, err))
		return false;
	*shown = !change_gtid_set_has(start->gtids, &t->gtid);
	if (named)
		return true;
	change_txn_where(t, &err->where);
	return lt_fail(err, LT_E_LOG_POSITION,
	    "a transaction has no GTID: whether it comes before or behind the start is not known");
}

bool
binlog_dump(struct change_source *s, const struct binlog_dump_options *options, FILE *out,
    struct binlog_dump_sums *sums, struct lt_err *err)
{
	struct dumper d = { .options = options, .sums = sums, .to = out, .scratch = lt_arena_new() };
	uint64_t before = binlog_source_bytes(s);
	int look_ms = options->end != NULL ? LOOK_MS : -1;
	struct binlog_ahead *ahead = binlog_ahead_start(s, look_ms, options->ahead, lt_clock_real());
	bool ok = false;

	for (;;) {
		struct binlog_ahead_look look;
		struct change_txn *t;
		bool good, last, shown = true;

		if (!binlog_ahead_next(ahead, &t, &look, err))
			goto out;
		if (t == NULL && came_to_end(&look, options))
			break;
		if (t == NULL)
			continue;
		if (begins_behind(t, options)) {
			change_txn_free(t);
			break;
		}
		good = (options->start == NULL || is_shown(s, options->start, t, &shown, err)) &&
		       (!shown || dump_txn(&d, t, err));
		last = options->end != NULL && change_place_cmp(&t->end, options->end) >= 0;
		change_txn_free(t);
		if (!good)
			goto out;
		if (last)
			break;
	}
	ok = true;
out:
	binlog_ahead_stop(ahead);
	sums->bytes += binlog_source_bytes(s) - before;
	/* What was whole before a fault is shown; the fault stays the one that is told. */
	if (!flush(&d, ok ? err : NULL))
		ok = false;
	dumper_clear(&d);
	return ok;
}

void
binlog_dump_sums_json(const struct binlog_dump_sums *sums, struct lt_buf *out)
{
	lt_buf_z(out, "{\"transactions\":");
	lt_buf_u64(out, sums->transactions);
	lt_buf_z(out, ",\"rows\":");
	lt_buf_u64(out, sums->rows);
	lt_buf_z(out, ",\"images\":");
	lt_buf_u64(out, sums->images);
	lt_buf_z(out, ",\"values\":");
	lt_buf_u64(out, sums->values);
	lt_buf_z(out, ",\"bytes\":");
	lt_buf_u64(out, sums->bytes);
	lt_buf_c(out, '}');
}
