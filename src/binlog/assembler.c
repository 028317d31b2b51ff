#include "binlog/assembler.h"

#include "binlog/compress.h"
#include "binlog/rows.h"

/* A row event may name this table to say only "the statement ends". */
#define DUMMY_TABLE_ID 0x00ffffff
/* Table ids known at a time. A source that opens thousands of tables anew and anew gives each a new id in the same
 * file.
 */
#define TABLES_MAX 4096
/* What they may take from one transaction to the next, and in one where nothing else is the limit. */
#define TABLES_BYTES ((size_t)32 << 20)
#define TABLES_BYTES_MAX ((size_t)64 << 20)
/* Largest event inside a compressed one when no limit is set. */
#define EVENT_MAX ((size_t)1 << 30)

void
binlog_assembler_init(
    struct binlog_assembler *a, const struct binlog_options *options, const struct change_gtid_set *executed)
{
	*a = (struct binlog_assembler){
		.filter = options->filter,
		.txn_limit = options->txn_limit_bytes,
		.spill = options->spill,
		.boundaries = options->boundaries,
		.commit = options->commit,
		.tables = { .filter = options->filter, .describer = options->describer },
		.executed = change_gtid_set_copy(executed),
	};
}

void
binlog_assembler_clear(struct binlog_assembler *a)
{
	binlog_assembler_forget(a, false);
	binlog_tables_free(&a->tables);
	for (size_t i = 0; i < a->nready; i++)
		change_txn_free(a->ready[i]);
	change_txn_free(a->txn);
	change_gtid_set_free(a->passed);
	change_gtid_set_free(a->executed);
	lt_buf_free(&a->scratch);
	binlog_fragments_free(&a->fragments);
	*a = (struct binlog_assembler){ 0 };
}

bool
binlog_assembler_busy(const struct binlog_assembler *a)
{
	return a->state == BINLOG_STATE_OPEN || a->state == BINLOG_STATE_GROUP;
}

/** Drop the rows in hand; an object that holds none is used again. */
static void
drop_txn(struct binlog_assembler *a)
{
	if (a->txn == NULL || a->txn->ntables == 0)
		return;
	change_txn_free(a->txn);
	a->txn = NULL;
}

void
binlog_assembler_format(struct binlog_assembler *a, const struct binlog_format *format)
{
	a->format = *format;
	binlog_tables_clear(&a->tables);
	binlog_fragments_reset(&a->fragments);
	if (binlog_assembler_busy(a) || a->state == BINLOG_STATE_TAIL) {
		drop_txn(a);
		binlog_assembler_forget(a, true);
		a->state = BINLOG_STATE_IDLE;
	}
}

/* -- the life of a transaction -------------------------------------------------------------------- */

void
binlog_assembler_begin(struct binlog_assembler *a, const struct binlog_event *e, const struct binlog_at *at)
{
	a->group = (struct binlog_gtid_event){ 0 };
	lt_str_copy(a->begin_file, sizeof(a->begin_file), lt_str_z(at->file));
	a->begin_pos = at->pos;
	a->begin_s = a->written_s = e->header.when_s;
	a->begin_server = e->header.server_id;
	a->serial++;
	/* Nobody points into them between transactions. */
	if (a->tables.count > TABLES_MAX || a->tables.bytes > TABLES_BYTES)
		binlog_tables_clear(&a->tables);
	a->row_events = 0;
	a->xa = a->skipped = a->told = a->bare = false;
	binlog_fragments_reset(&a->fragments);
	binlog_assembler_forget(a, true);
}

/** Whoever comes here has seen that a transaction may begin, or is behind a statement that rows may follow. */
bool
binlog_assembler_open(struct binlog_assembler *a, const struct binlog_event *e, struct lt_err *err)
{
	char name[40];

	if (a->state == BINLOG_STATE_OPEN)
		return lt_fail(err, LT_E_CORRUPT, "%s event: a transaction begins inside another one",
		    binlog_event_name(e->header.type, name));
	if (a->txn == NULL)
		a->txn = change_txn_new_like(CHANGE_TXN_ROWS, &a->like);
	a->state = BINLOG_STATE_OPEN;
	return true;
}

/** Rows outside of a transaction: after a statement that stood alone they belong to it, else something is missing. */
static bool
need_open(struct binlog_assembler *a, const struct binlog_event *e, struct lt_err *err)
{
	char name[40];

	switch (a->state) {
	case BINLOG_STATE_OPEN: return true;
	case BINLOG_STATE_TAIL: a->told = true; return binlog_assembler_open(a, e, err);
	case BINLOG_STATE_GROUP: return binlog_assembler_open(a, e, err);
	case BINLOG_STATE_START:
		return lt_fail(err, LT_E_LOG_POSITION, "reading begins inside a transaction (at its %s event)",
		    binlog_event_name(e->header.type, name));
	case BINLOG_STATE_IDLE: break;
	}
	return lt_fail(err, LT_E_CORRUPT, "%s event outside of a transaction", binlog_event_name(e->header.type, name));
}

static bool
has_gtid(const struct change_gtid *g)
{
	return g->kind == CHANGE_GTID_MYSQL || g->kind == CHANGE_GTID_MARIADB;
}

size_t
binlog_assembler_limit(const struct binlog_assembler *a)
{
	return a->spill != NULL ? a->spill->memory_bytes : a->txn_limit;
}

size_t
binlog_assembler_event_limit(const struct binlog_assembler *a)
{
	return a->txn_limit != 0 ? a->txn_limit : EVENT_MAX;
}

bool
binlog_assembler_holds(const struct change_txn *t)
{
	return t != NULL && (change_txn_rows(t) > 0 || t->shown);
}

/** Queue what is in hand as `kind`, with all that is known of it. */
bool
binlog_assembler_hand_out(struct binlog_assembler *a, enum change_txn_kind kind, struct lt_err *err)
{
	struct change_txn *t = a->txn != NULL ? a->txn : change_txn_new(kind);

	a->txn = t;
	if (a->nready == LT_COUNT(a->ready))
		return lt_fail(err, LT_E_CORRUPT, "one event holds more than %zu transactions", LT_COUNT(a->ready));
	change_txn_note_like(&a->like, t);
	if (!change_txn_seal(t, err))
		return false;
	if (t->spill != NULL)
		change_spill_hand_out(t->spill);
	t->kind = kind;
	t->gtid = a->group.gtid;
	lt_str_copy(t->file, sizeof(t->file), lt_str_z(a->begin_file));
	t->pos = a->begin_pos;
	t->end = a->place;
	t->commit_us = a->group.commit_us != 0 ? a->group.commit_us : (uint64_t)a->begin_s * 1000000;
	t->written_us = a->group.written_us != 0 ? a->group.written_us : (uint64_t)a->written_s * 1000000;
	t->server_id = a->begin_server;
	t->passed = a->passed;
	a->passed = NULL;
	a->moved = false;
	a->ready[a->nready++] = t;
	a->txn = NULL;
	return true;
}

static void
set_place(struct binlog_assembler *a, const struct binlog_event *e, const struct binlog_at *at)
{
	lt_str_copy(a->place.file, sizeof(a->place.file), lt_str_z(at->file));
	a->place.pos = at->end;
	a->place.last_pos = at->pos;
	/* Of a payload it is the outer event that stands in the log. */
	if (!a->packed)
		a->place.last_crc = binlog_event_crc(e);
}

bool
binlog_assembler_end(struct binlog_assembler *a, const struct binlog_event *e, const struct binlog_at *at,
    bool committed, struct lt_err *err)
{
	bool everything = a->filter.table == NULL;
	bool rows = binlog_assembler_holds(a->txn);

	a->state = BINLOG_STATE_IDLE;
	set_place(a, e, at);
	if (!a->skipped)
		change_gtid_set_add(a->executed, &a->group.gtid);
	if (!committed && !a->skipped) {
		drop_txn(a);
		if (a->group.gtid.kind == CHANGE_GTID_NONE)
			a->group.gtid.kind = CHANGE_GTID_ANONYMOUS;
		return binlog_assembler_hand_out(a, CHANGE_TXN_PLACE, err);
	}
	if (rows || ((everything || a->filter.every) && !a->skipped && !a->told))
		return binlog_assembler_hand_out(a, CHANGE_TXN_ROWS, err);
	drop_txn(a);
	if (a->txn != NULL)
		a->txn->ignored = 0;
	a->moved = true;
	if (!a->skipped && has_gtid(&a->group.gtid)) {
		if (a->passed == NULL)
			a->passed = change_gtid_set_new();
		change_gtid_set_add(a->passed, &a->group.gtid);
	}
	return true;
}

struct change_txn *
binlog_assembler_take(struct binlog_assembler *a)
{
	struct change_txn *t;

	if (a->nready == 0)
		return NULL;
	t = a->ready[0];
	a->nready--;
	memmove(&a->ready[0], &a->ready[1], a->nready * sizeof(a->ready[0]));
	return t;
}

struct change_txn *
binlog_assembler_take_place(struct binlog_assembler *a)
{
	struct change_txn *t;

	if (!a->moved)
		return NULL;
	t = change_txn_new(CHANGE_TXN_PLACE);
	lt_str_copy(t->file, sizeof(t->file), lt_str_z(a->place.file));
	t->pos = a->place.pos;
	t->end = a->place;
	t->commit_us = (uint64_t)a->begin_s * 1000000;
	t->server_id = a->begin_server;
	t->passed = a->passed;
	a->passed = NULL;
	a->moved = false;
	return t;
}

/* -- events --------------------------------------------------------------------------------------- */

static bool
feed_gtid(struct binlog_assembler *a, const struct binlog_event *e, const struct binlog_at *at, struct lt_err *err)
{
	struct binlog_gtid_event g;

	if (!binlog_gtid_decode(e->header.type, e->body, e->header.server_id, &g, err))
		return false;
	if (binlog_assembler_busy(a))
		return lt_fail(err, LT_E_CORRUPT, "GTID event: the transaction before it has no end");
	binlog_assembler_begin(a, e, at);
	a->group = g;
	a->skipped = a->skip != NULL && g.gtid.kind == CHANGE_GTID_MYSQL && change_gtid_set_has(a->skip, &g.gtid);
	a->state = BINLOG_STATE_GROUP;
	if (e->header.type != BINLOG_MARIADB_GTID || (g.flags & BINLOG_GTID_STANDALONE) != 0)
		return true;
	a->xa = (g.flags & BINLOG_GTID_XA_PREPARED) != 0;
	return binlog_assembler_open(a, e, err);
}

/** Rows of the transaction in hand may point to every one. */
static bool
bound_tables(const struct binlog_assembler *a, struct lt_err *err)
{
	size_t limit = binlog_assembler_limit(a);

	limit = limit != 0 ? LT_MAX(limit, TABLES_BYTES) : TABLES_BYTES_MAX;
	return a->tables.bytes <= limit ||
	       lt_fail(err, LT_E_TXN_TOO_LARGE, "the tables of the transaction take more than %zu bytes (%zu so far)",
		   limit, a->tables.bytes);
}

static bool
feed_table_map(struct binlog_assembler *a, const struct binlog_event *e, const struct binlog_at *at, struct lt_err *err)
{
	bool bare = a->format.bare_rows && !binlog_assembler_busy(a);

	if (bare)
		binlog_assembler_begin(a, e, at);
	if (bare ? !binlog_assembler_open(a, e, err) : !need_open(a, e, err))
		return false;
	a->bare |= bare;
	if (a->boundaries)
		return true;
	return binlog_tables_map(&a->tables, e->body, a->format.id_width, a->format.mariadb, a->serial, err) &&
	       bound_tables(a, err);
}

/** Rows of a table, found by its id; *ret NULL when they are not wanted. */
static bool
rows_table(struct binlog_assembler *a, const struct binlog_event *e, struct lt_str body,
    const struct change_table **ret, struct lt_err *err)
{
	const struct binlog_mapped *m;
	uint64_t id;

	*ret = NULL;
	if (!need_open(a, e, err))
		return false;
	a->written_s = e->header.when_s;
	if (a->boundaries)
		return true;
	if (body.len < a->format.id_width)
		return lt_fail(err, LT_E_TRUNCATED, "row event: %zu bytes", body.len);
	id = lt_le((const uint8_t *)body.ptr, a->format.id_width);
	m = binlog_tables_find(&a->tables, id, a->serial);
	if (m == NULL)
		return id == DUMMY_TABLE_ID ||
		       lt_fail(err, LT_E_CORRUPT, "row event of table id %llu, which the transaction did not map",
			   (unsigned long long)id);
	if (m->table == NULL || a->skipped)
		a->txn->ignored++;
	else
		*ret = m->table;
	return true;
}

/** The filter's word on the rows from `first` on; then what is more than the limit goes to disk. */
static bool
settle_rows(struct binlog_assembler *a, size_t first, struct lt_err *err)
{
	size_t limit = binlog_assembler_limit(a);
	struct change_txn *t = a->txn;

	if (a->filter.rows != NULL && !a->filter.rows(a->filter.ctx, t, first, err))
		return false;
	if (limit == 0 || (t->spill == NULL && change_txn_bytes(t) <= limit))
		return true;
	if (a->spill == NULL && t->nrows > 0)
		return lt_fail(err, LT_E_TXN_TOO_LARGE, "the transaction takes more than %zu bytes (%zu so far)", limit,
		    change_txn_bytes(t));
	return change_txn_spill(t, a->spill, err);
}

static bool
feed_rows(
    struct binlog_assembler *a, const struct binlog_event *e, uint8_t type, struct lt_str body, struct lt_err *err)
{
	const struct change_table *table;
	size_t first;

	if (!rows_table(a, e, body, &table, err))
		return false;
	if (table == NULL)
		return true;
	first = a->txn->nrows;
	if (binlog_rows_decode(type, body, a->format.id_width, table, a->row_events++, a->txn, err) &&
	    settle_rows(a, first, err))
		return true;
	if (err != NULL)
		lt_where_table(&err->where, table->schema, table->name);
	return false;
}

/** The last row event of a statement ends the transaction that it opened. */
static bool
end_bare(struct binlog_assembler *a, const struct binlog_event *e, const struct binlog_at *at, struct lt_err *err)
{
	enum { STMT_END = 1 };
	struct lt_cur in = lt_cur_str(e->body);

	lt_cur_bytes(&in, a->format.id_width);
	if (!a->bare || (lt_cur_u16(&in) & STMT_END) == 0)
		return true;
	return binlog_assembler_end(a, e, at, true, err);
}

static bool
feed_compressed(
    struct binlog_assembler *a, const struct binlog_event *e, const struct binlog_at *at, struct lt_err *err)
{
	size_t limit = binlog_assembler_event_limit(a);
	const struct change_table *table;
	uint8_t type = e->header.type;

	if (type != BINLOG_MARIADB_QUERY_COMPRESSED) {
		/* Not even unpacked where nobody wants it; asked twice, so counted once. */
		if (!rows_table(a, e, e->body, &table, err))
			return false;
		if (table == NULL)
			return true;
	}
	if (!binlog_expand(&type, e->body, a->format.query_size, limit, &a->scratch, err))
		return false;
	if (type == BINLOG_QUERY)
		return binlog_assembler_query(a, e, lt_buf_str(&a->scratch), a->format.query_size, at, err);
	return feed_rows(a, e, type, lt_buf_str(&a->scratch), err);
}

static bool
feed_payload(
    struct binlog_assembler *a, const struct binlog_event *outer, const struct binlog_at *at, struct lt_err *err)
{
	struct binlog_payload *p = NULL;
	bool ok = false;

	if (a->packed)
		return lt_fail(err, LT_E_CORRUPT, "TRANSACTION_PAYLOAD event inside another one");
	if (!binlog_payload_open_event(outer, binlog_assembler_event_limit(a), &p, err))
		return false;
	a->packed = true;
	a->place.last_crc = binlog_event_crc(outer);
	for (;;) {
		struct binlog_event e;
		struct lt_str bytes;

		if (!binlog_payload_next(p, &bytes, err))
			goto out;
		if (bytes.len == 0)
			break;
		if (!binlog_event_open(bytes, BINLOG_CHECKSUM_NONE, &e, err) || !binlog_assembler_feed(a, &e, at, err))
			goto out;
	}
	ok = true;
out:
	a->packed = false;
	binlog_payload_close(p);
	return ok;
}

/** Whether the row event that begins with `bytes` is of a table that nobody wants. */
static bool
is_unwanted(const struct binlog_assembler *a, struct lt_str bytes)
{
	const struct binlog_mapped *m;

	if (bytes.len < BINLOG_HEADER_SIZE + (size_t)a->format.id_width)
		return false;
	m = binlog_tables_find(
	    &a->tables, lt_le((const uint8_t *)bytes.ptr + BINLOG_HEADER_SIZE, a->format.id_width), a->serial);
	return m != NULL && (m->table == NULL || a->skipped);
}

static bool
is_rows_v1(uint8_t type)
{
	return (type >= BINLOG_WRITE_ROWS_V1 && type <= BINLOG_DELETE_ROWS_V1) ||
	       (binlog_is_compressed(type) && type != BINLOG_MARIADB_QUERY_COMPRESSED);
}

/** The whole row event out of its fragments; they have checksums of their own, it may have one or not. */
static bool
feed_fragments(struct binlog_assembler *a, const struct binlog_at *at, struct lt_err *err)
{
	struct lt_str bytes = lt_buf_str(&a->fragments.bytes);
	struct lt_cur in = lt_cur_str(bytes);
	struct binlog_header h = { 0 };
	struct binlog_event e;
	char name[40];

	if (a->fragments.discard) {
		a->txn->ignored++;
		return true;
	}
	if (!binlog_header_decode(&in, &h, err))
		return false;
	if (!is_rows_v1(h.type))
		return lt_fail(err, LT_E_CORRUPT, "fragments of a %s event", binlog_event_name(h.type, name));
	if (!binlog_event_open(bytes, BINLOG_CHECKSUM_EITHER, &e, err))
		return false;
	return binlog_assembler_feed(a, &e, at, err);
}

static bool
feed_fragment(struct binlog_assembler *a, const struct binlog_event *e, const struct binlog_at *at, struct lt_err *err)
{
	struct binlog_fragments *f = &a->fragments;
	bool whole = false;

	if (!need_open(a, e, err) || !binlog_fragments_add(f, e->body, binlog_assembler_event_limit(a), &whole, err))
		return false;
	f->discard = f->discard || a->boundaries || is_unwanted(a, lt_buf_str(&f->bytes));
	return !whole || feed_fragments(a, at, err);
}

/* Who looks for a place, or for the rows of an XA transaction, must come behind what stops who applies: that was judged
 * when it was met, or lies in front of the start. */
static bool
is_looking(const struct binlog_assembler *a)
{
	return a->boundaries || a->commit != NULL;
}

/** It stands in a group of its own, or (MariaDB) alone. */
static bool
feed_incident(struct binlog_assembler *a, const struct binlog_event *e, const struct binlog_at *at, struct lt_err *err)
{
	struct lt_cur in = lt_cur_str(e->body);
	uint16_t number = lt_cur_u16(&in);
	struct lt_str text = lt_cur_bytes(&in, lt_cur_u8(&in));

	if (is_looking(a)) {
		if (!binlog_assembler_busy(a))
			binlog_assembler_begin(a, e, at);
		return binlog_assembler_end(a, e, at, true, err);
	}
	return lt_fail(err, LT_E_INCIDENT, "the source wrote an incident (%u: %.*s)", number, LT_FMT(text));
}

static bool
feed_other(const struct binlog_assembler *a, const struct binlog_event *e, struct lt_err *err)
{
	char name[40];

	if ((e->header.flags & BINLOG_FLAG_IGNORABLE) != 0 || is_looking(a))
		return true;
	if (binlog_type_name(e->header.type) != NULL)
		return lt_fail(
		    err, LT_E_EVENT_UNSUPPORTED, "%s events are not read yet", binlog_event_name(e->header.type, name));
	return lt_fail(
	    err, LT_E_EVENT_UNKNOWN, "event type %u is not known, and not marked as ignorable", e->header.type);
}

/** An XID event commits. Behind a statement that was handed out alone there may be nothing left to commit. */
static bool
feed_xid(struct binlog_assembler *a, const struct binlog_event *e, const struct binlog_at *at, struct lt_err *err)
{
	return need_open(a, e, err) && binlog_assembler_end(a, e, at, true, err);
}

bool
binlog_assembler_feed(
    struct binlog_assembler *a, const struct binlog_event *e, const struct binlog_at *at, struct lt_err *err)
{
	enum { LOAD_QUERY_MORE = 13 };
	uint8_t type = e->header.type;

	if (binlog_fragments_open(&a->fragments) && type != BINLOG_MARIADB_PARTIAL_ROW_DATA)
		return lt_fail(err, LT_E_CORRUPT, "a row event in fragments has no end");
	switch (type) {
	case BINLOG_TABLE_MAP: return feed_table_map(a, e, at, err);
	case BINLOG_WRITE_ROWS:
	case BINLOG_UPDATE_ROWS:
	case BINLOG_DELETE_ROWS:
	case BINLOG_PARTIAL_UPDATE_ROWS:
	case BINLOG_WRITE_ROWS_V1:
	case BINLOG_UPDATE_ROWS_V1:
	case BINLOG_DELETE_ROWS_V1: return feed_rows(a, e, type, e->body, err) && end_bare(a, e, at, err);
	case BINLOG_XID: return feed_xid(a, e, at, err);
	case BINLOG_QUERY: return binlog_assembler_query(a, e, e->body, a->format.query_size, at, err);
	case BINLOG_EXECUTE_LOAD_QUERY:
		return binlog_assembler_query(a, e, e->body, (size_t)a->format.query_size + LOAD_QUERY_MORE, at, err);
	case BINLOG_GTID:
	case BINLOG_ANONYMOUS_GTID:
	case BINLOG_GTID_TAGGED:
	case BINLOG_MARIADB_GTID: return feed_gtid(a, e, at, err);
	case BINLOG_XA_PREPARE: return binlog_assembler_prepare(a, e, at, err);
	case BINLOG_TRANSACTION_PAYLOAD: return feed_payload(a, e, at, err);
	case BINLOG_INCIDENT: return feed_incident(a, e, at, err);
	case BINLOG_ROTATE:
		return !binlog_assembler_busy(a) ||
		       lt_fail(err, LT_E_CORRUPT, "ROTATE event: the transaction before it has no end");
	case BINLOG_STOP:
	case BINLOG_INTVAR: /* parts of a statement, which is judged when it comes */
	case BINLOG_RAND:
	case BINLOG_USER_VAR:
	case BINLOG_BEGIN_LOAD_QUERY:
	case BINLOG_APPEND_BLOCK:
	case BINLOG_DELETE_FILE:
	case BINLOG_IGNORABLE:
	case BINLOG_ROWS_QUERY:
	case BINLOG_PREVIOUS_GTIDS:
	case BINLOG_TRANSACTION_CONTEXT: /* of group replication: certification, nothing of the rows */
	case BINLOG_VIEW_CHANGE:
	case BINLOG_MARIADB_ANNOTATE_ROWS:
	case BINLOG_MARIADB_CHECKPOINT:
	case BINLOG_MARIADB_GTID_LIST: return true;
	case BINLOG_MARIADB_PARTIAL_ROW_DATA: return feed_fragment(a, e, at, err);
	default: return binlog_is_compressed(type) ? feed_compressed(a, e, at, err) : feed_other(a, e, err);
	}
}

bool
binlog_assembler_damaged(
    struct binlog_assembler *a, const struct binlog_event *e, const struct binlog_at *at, struct lt_err *err)
{
	uint8_t type = e->header.type;

	if (!a->boundaries || type == BINLOG_QUERY || type == BINLOG_MARIADB_QUERY_COMPRESSED || type == BINLOG_GTID ||
	    type == BINLOG_ANONYMOUS_GTID || type == BINLOG_GTID_TAGGED || type == BINLOG_MARIADB_GTID)
		return false;
	*err = (struct lt_err){ 0 };
	if ((type != BINLOG_XID && type != BINLOG_TRANSACTION_PAYLOAD) || !binlog_assembler_busy(a))
		return true;
	if (!binlog_assembler_end(a, e, at, true, err))
		return false;
	/* Who goes on behind it cannot expect to find it again. */
	a->place.last_pos = a->place.last_crc = 0;
	if (a->nready > 0)
		a->ready[a->nready - 1]->end = a->place;
	return true;
}
