/* Statements: what they do to the transaction they stand in, and XA; declared in assembler.h. */
#include "base/fault.h"
#include "binlog/assembler.h"
#include "binlog/compress.h"
#include "binlog/query.h"

/* Prepared XA transactions remembered at once; nobody holds as many open. */
#define PREPARED_MAX 10000

/** A mark inside the transaction in hand. */
struct binlog_savepoint {
	struct binlog_savepoint *older; /* owned */
	char *name;                     /* owned */
	uint64_t rows;
};

/** A prepared XA transaction. */
struct binlog_prepared {
	struct binlog_prepared *older; /* owned */
	char *name;                    /* owned; as XA END wrote it */
	struct change_txn *txn;        /* owned; NULL: it changed nothing wanted */
	size_t bytes;                  /* of memory, as counted in prepared_bytes */
};

static void
pop_savepoint(struct binlog_assembler *a)
{
	struct binlog_savepoint *s = a->savepoints;

	a->savepoints = s->older;
	free(s->name);
	free(s);
}

void
binlog_assembler_forget(struct binlog_assembler *a, bool savepoints_only)
{
	while (a->savepoints != NULL)
		pop_savepoint(a);
	while (!savepoints_only && a->prepared != NULL) {
		struct binlog_prepared *p = a->prepared;

		a->prepared = p->older;
		change_txn_free(p->txn);
		free(p->name);
		free(p);
	}
}

static void
push_savepoint(struct binlog_assembler *a, struct lt_str name)
{
	struct binlog_savepoint *s = lt_new(struct binlog_savepoint);

	s->name = lt_str_dup(name);
	s->rows = change_txn_rows(a->txn);
	s->older = a->savepoints;
	a->savepoints = s;
}

/** Rows behind a savepoint stay in the log when tables without transactions were changed among them. */
static bool
rollback_to(struct binlog_assembler *a, struct lt_str name, struct lt_err *err)
{
	while (a->savepoints != NULL && !lt_str_ieq(lt_str_z(a->savepoints->name), name))
		pop_savepoint(a);
	if (a->savepoints == NULL)
		return lt_fail(err, LT_E_CORRUPT, "ROLLBACK TO a savepoint that the transaction has not");
	return change_txn_cut(a->txn, a->savepoints->rows, err);
}

/* -- XA ------------------------------------------------------------------------------------------- */

static void
count_prepared(struct binlog_assembler *a, struct binlog_prepared *p)
{
	a->prepared_bytes -= p->bytes;
	p->bytes = p->txn != NULL ? change_txn_bytes(p->txn) : 0;
	a->prepared_bytes += p->bytes;
}

/** More than the limit in all: the largest go to disk. */
static bool
bound_prepared(struct binlog_assembler *a, struct lt_err *err)
{
	size_t limit = binlog_assembler_limit(a);

	while (limit != 0 && a->prepared_bytes > limit) {
		struct binlog_prepared *largest = NULL;

		for (struct binlog_prepared *p = a->prepared; p != NULL; p = p->older) {
			if (p->txn != NULL && p->txn->spill == NULL && (largest == NULL || p->bytes > largest->bytes))
				largest = p;
		}
		if (a->spill == NULL || largest == NULL)
			return lt_fail(err, LT_E_TXN_TOO_LARGE,
			    "prepared XA transactions take more than %zu bytes (%zu)", limit, a->prepared_bytes);
		if (!change_txn_spill(largest->txn, a->spill, err) || !change_txn_seal(largest->txn, err))
			return false;
		count_prepared(a, largest);
	}
	return true;
}

bool
binlog_assembler_prepare(
    struct binlog_assembler *a, const struct binlog_event *e, const struct binlog_at *at, struct lt_err *err)
{
	bool one_phase = e->body.len > 0 && e->body.ptr[0] != 0;
	struct binlog_prepared *p;

	if (a->state != BINLOG_STATE_OPEN || !a->xa)
		return lt_fail(err, a->state == BINLOG_STATE_START ? LT_E_LOG_POSITION : LT_E_CORRUPT,
		    "XA_PREPARE event outside of XA START");
	if (one_phase || a->skipped || a->boundaries)
		return binlog_assembler_end(a, e, at, true, err);
	if (a->nprepared == PREPARED_MAX)
		return lt_fail(err, LT_E_EVENT_UNSUPPORTED, "more than %d prepared XA transactions", PREPARED_MAX);
	p = lt_new(struct binlog_prepared);
	p->name = lt_strdup(a->xa_name);
	p->older = a->prepared;
	a->prepared = p;
	a->nprepared++;
	a->told = true; /* nothing is committed yet: no transaction to show */
	if (binlog_assembler_holds(a->txn)) {
		p->txn = a->txn;
		a->txn = NULL;
		/* One that has spilled gives up what it holds back for writing. */
		if (p->txn->spill != NULL && !change_txn_seal(p->txn, err))
			return false;
		count_prepared(a, p);
	}
	if (!bound_prepared(a, err))
		return false;
	return binlog_assembler_end(a, e, at, true, err);
}

/** False: it was not seen. `*txn` is the caller's, NULL when it changed nothing wanted. */
static bool
take_prepared(struct binlog_assembler *a, struct lt_str name, struct change_txn **txn)
{
	for (struct binlog_prepared **at = &a->prepared; *at != NULL; at = &(*at)->older) {
		struct binlog_prepared *p = *at;

		if (!lt_str_eqz(name, p->name))
			continue;
		*at = p->older;
		*txn = p->txn;
		a->prepared_bytes -= p->bytes;
		free(p->name);
		free(p);
		a->nprepared--;
		return true;
	}
	return false;
}

/** A commit of what was prepared before reading began. */
static bool
recall(struct binlog_assembler *a, const struct binlog_at *at, struct change_txn **txn, struct lt_err *err)
{
	struct change_place commit = { .pos = at->pos };

	lt_str_copy(commit.file, sizeof(commit.file), lt_str_z(at->file));
	if (a->recall != NULL)
		return binlog_recall_rows(a->recall, &commit, txn, err);
	if (a->commit != NULL && change_place_cmp(a->commit, &commit) != 0)
		return true;
	return lt_fail(err, a->commit != NULL ? LT_E_LOG_PURGED : LT_E_EVENT_UNSUPPORTED,
	    "XA COMMIT of a transaction that was prepared before %s begins",
	    a->commit != NULL ? "the log" : "what is read");
}

/** XA COMMIT and XA ROLLBACK stand in a group of their own. */
static bool
decide_xa(struct binlog_assembler *a, enum binlog_verb verb, struct lt_str name, const struct binlog_at *at,
    struct lt_err *err)
{
	bool commit = verb == BINLOG_VERB_XA_COMMIT && !a->skipped && !a->boundaries;
	struct change_txn *txn = NULL;

	a->told = true;
	if (!take_prepared(a, name, &txn) && commit && !lt_fault("r14_recall") && !recall(a, at, &txn, err))
		return false;
	if (!commit || txn == NULL) {
		change_txn_free(txn);
		return true;
	}
	a->told = false;
	change_txn_free(a->txn);
	a->txn = txn;
	return true;
}

/* -- statements ----------------------------------------------------------------------------------- */

/** Whether the filter wants a statement. */
static bool
judge(struct binlog_assembler *a, const struct binlog_query *q, struct lt_str sql, bool *wanted, struct lt_err *err)
{
	struct lt_err why = { 0 };

	/* Of a two-phase ALTER only its COMMIT counts. */
	*wanted = !a->skipped && (a->group.flags_extra & (BINLOG_GTID_START_ALTER | BINLOG_GTID_ROLLBACK_ALTER)) == 0;
	if (!*wanted || a->filter.ddl == NULL)
		return true;
	*wanted = a->filter.ddl(a->filter.ctx, q->schema, sql, q->sql_mode, &why);
	if (*wanted || why.code == LT_OK)
		return true;
	if (err != NULL)
		*err = why;
	return false;
}

static bool
hand_out_ddl(struct binlog_assembler *a, const struct binlog_query *q, struct lt_str sql, const struct binlog_event *e,
    const struct binlog_at *at, struct lt_err *err)
{
	if (binlog_assembler_holds(a->txn))
		return lt_fail(
		    err, LT_E_STATEMENT_FORMAT, "a statement stands between the row changes of a transaction");
	if (a->packed)
		return lt_fail(err, LT_E_EVENT_UNSUPPORTED, "a statement stands in a compressed transaction");
	if (a->txn == NULL)
		a->txn = change_txn_new(CHANGE_TXN_DDL);
	a->txn->ddl = lt_arena_str(a->txn->arena, sql);
	a->txn->ddl_schema = lt_arena_str(a->txn->arena, q->schema);
	a->txn->ddl_mode = q->sql_mode;
	lt_str_copy(a->place.file, sizeof(a->place.file), lt_str_z(at->file));
	a->place.pos = at->end;
	a->place.last_pos = at->pos;
	a->place.last_crc = binlog_event_crc(e);
	change_gtid_set_add(a->executed, &a->group.gtid);
	a->told = true;
	return binlog_assembler_hand_out(a, CHANGE_TXN_DDL, err);
}

/** CREATE TABLE ... SELECT as MySQL logs it: its rows follow in the same transaction, but it is told alone. */
static bool
is_create_select(struct lt_str sql)
{
	static const char words[] = "START TRANSACTION";
	size_t len = sizeof(words) - 1;

	return sql.len >= len && lt_str_ieq(lt_str_of(sql.ptr + sql.len - len, len), lt_str_of(words, len));
}

/** A statement that neither begins nor ends anything. */
static bool
other(struct binlog_assembler *a, const struct binlog_query *q, const struct binlog_event *e,
    const struct binlog_at *at, struct lt_err *err)
{
	bool inside = a->state == BINLOG_STATE_OPEN;
	struct lt_buf sql = { 0 };
	bool wanted, ok = false;

	if (inside)
		a->written_s = e->header.when_s;
	if (a->boundaries && inside && (a->packed || !is_create_select(q->sql)))
		return true;
	if (!inside && a->state != BINLOG_STATE_GROUP)
		binlog_assembler_begin(a, e, at);
	/* Whose it is matters to nobody who looks for a place. */
	if ((!a->boundaries && !binlog_query_utf8(q->sql, q->charset, &sql, err)) ||
	    !judge(a, q, lt_buf_str(&sql), &wanted, err))
		goto out;
	if (wanted && !hand_out_ddl(a, q, lt_buf_str(&sql), e, at, err))
		goto out;
	if (inside) {
		if (a->txn == NULL)
			a->txn = change_txn_new_like(CHANGE_TXN_ROWS, &a->like);
		a->txn->ignored += wanted ? 0 : 1;
	} else {
		bool told = a->told;

		a->told = true;
		if (!told && !binlog_assembler_end(a, e, at, true, err))
			goto out;
		a->state = BINLOG_STATE_TAIL;
	}
	ok = true;
out:
	lt_buf_free(&sql);
	return ok;
}

/** Statements that need a transaction around them. */
static bool
inside(struct binlog_assembler *a, enum binlog_verb verb, struct lt_str name, const struct binlog_event *e,
    const struct binlog_at *at, struct lt_err *err)
{
	switch (verb) {
	case BINLOG_VERB_COMMIT: return binlog_assembler_end(a, e, at, true, err);
	case BINLOG_VERB_ROLLBACK: return binlog_assembler_end(a, e, at, false, err);
	case BINLOG_VERB_SAVEPOINT: push_savepoint(a, name); return true;
	case BINLOG_VERB_ROLLBACK_TO: return rollback_to(a, name, err);
	case BINLOG_VERB_XA_END: lt_str_copy(a->xa_name, sizeof(a->xa_name), name); return true;
	case BINLOG_VERB_XA_COMMIT:
	case BINLOG_VERB_XA_ROLLBACK:
		return decide_xa(a, verb, name, at, err) && binlog_assembler_end(a, e, at, true, err);
	default: return true; /* RELEASE */
	}
}

/** What may stand before a statement that ends, marks or decides; opens the transaction where the log leaves that out.
 */
static bool
need_inside(struct binlog_assembler *a, enum binlog_verb verb, const struct binlog_event *e, const struct binlog_at *at,
    struct lt_err *err)
{
	bool decides = verb == BINLOG_VERB_XA_COMMIT || verb == BINLOG_VERB_XA_ROLLBACK || verb == BINLOG_VERB_ROLLBACK;

	if (a->state == BINLOG_STATE_OPEN)
		return true;
	if (a->state == BINLOG_STATE_GROUP)
		return binlog_assembler_open(a, e, err);
	if (a->state == BINLOG_STATE_TAIL && verb == BINLOG_VERB_COMMIT) {
		a->told = true;
		return binlog_assembler_open(a, e, err);
	}
	if (decides) {
		binlog_assembler_begin(a, e, at);
		return binlog_assembler_open(a, e, err);
	}
	if (a->state == BINLOG_STATE_START)
		return lt_fail(err, LT_E_LOG_POSITION, "reading begins inside a transaction");
	return lt_fail(err, LT_E_CORRUPT, "a statement that belongs into a transaction stands alone");
}

bool
binlog_assembler_query(struct binlog_assembler *a, const struct binlog_event *e, struct lt_str body, size_t query_size,
    const struct binlog_at *at, struct lt_err *err)
{
	struct binlog_format format = a->format;
	struct binlog_query q;
	enum binlog_verb verb;
	struct lt_str name;

	format.query_size = (uint8_t)query_size;
	if (!binlog_query_decode(body, &format, &q, err))
		return false;
	verb = binlog_query_verb(q.sql, &name);
	if (verb == BINLOG_VERB_OTHER)
		return other(a, &q, e, at, err);
	if (verb == BINLOG_VERB_BEGIN || verb == BINLOG_VERB_XA_START) {
		if (a->state != BINLOG_STATE_GROUP && a->state != BINLOG_STATE_OPEN)
			binlog_assembler_begin(a, e, at);
		a->xa = verb == BINLOG_VERB_XA_START;
		return binlog_assembler_open(a, e, err);
	}
	return need_inside(a, verb, e, at, err) && inside(a, verb, name, e, at, err);
}

bool
binlog_assembler_behind(struct binlog_assembler *a, const struct binlog_event *e, struct lt_err *err)
{
	size_t limit = binlog_assembler_event_limit(a);
	struct lt_str body = e->body, name;
	uint8_t type = e->header.type;
	struct binlog_query q;

	if (type == BINLOG_MARIADB_QUERY_COMPRESSED) {
		if (!binlog_expand(&type, body, a->format.query_size, limit, &a->scratch, err))
			return false;
		body = lt_buf_str(&a->scratch);
	}
	if (type != BINLOG_QUERY)
		return true;
	if (!binlog_query_decode(body, &a->format, &q, err))
		return false;
	/* Behind CREATE TABLE ... SELECT its rows come. */
	if (binlog_query_verb(q.sql, &name) == BINLOG_VERB_OTHER)
		a->state = BINLOG_STATE_TAIL;
	return true;
}
