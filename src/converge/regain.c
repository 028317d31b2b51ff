#include "converge/regain.h"

#include "conflict/keys.h"
#include "converge/log.h"
#include "converge/shape.h"
#include "pipeline/connect.h"
#include "schema/catalog.h"

struct converge_regain {
	const struct model_channel *channel; /* borrowed, as the next two */
	const struct model_pipeline *pipeline;
	struct lt_wake *stop; /* may be NULL */
	bool first;           /* among those that lead to the site */
	struct my_conn *conn; /* owned, as the next three; NULL until something is asked: to the peer */
	struct pipeline_router *router;
	struct converge_shapes *shapes; /* of its tables */
	struct lt_arena *arena;         /* of the group in hand */
};

struct converge_regain *
converge_regain_new(const struct model_channel *channel, const struct model_pipeline *pipeline, struct lt_wake *stop)
{
	struct converge_regain *r = lt_new(struct converge_regain);
	size_t first = 0;

	while (channel->pipelines[first].to != pipeline->to)
		first++;
	r->channel = channel;
	r->pipeline = pipeline;
	r->stop = stop;
	r->first = pipeline == &channel->pipelines[first];
	r->arena = lt_arena_new();
	return r;
}

static void
leave(struct converge_regain *r)
{
	converge_shapes_free(r->shapes);
	pipeline_router_free(r->router);
	my_close(r->conn);
	r->shapes = NULL;
	r->router = NULL;
	r->conn = NULL;
}

void
converge_regain_free(struct converge_regain *r)
{
	if (r == NULL)
		return;
	leave(r);
	lt_arena_free(r->arena);
	free(r);
}

static bool
meet(struct converge_regain *r, struct lt_err *err)
{
	if (r->conn != NULL && my_alive(r->conn))
		return true;
	leave(r);
	if (!pipeline_connect(&r->channel->sites[r->pipeline->from], false, r->stop, &r->conn, err))
		return false;
	r->router = pipeline_router_new(r->pipeline->mapping, r->conn, false);
	r->shapes = converge_shapes_new(r->channel, r->router);
	return true;
}

bool
converge_regain_describe(struct converge_regain *r, struct change_table *draft, struct lt_err *err)
{
	return meet(r, err) && converge_log_describe(r->router, draft, err);
}

/* -- whose each key is ---------------------------------------------------------------------------- */

/** A key that the group won, and who wrote it last. */
struct holder {
	uint32_t txn;
	const struct conflict_won *won;
};

/** A group on its way. */
struct making {
	struct converge_regain *r;
	struct change_txn *t;
	const struct conflict_mark *mark;
	struct conflict_keys keys;
	struct holder *holders; /* by number of key */
	uint32_t *owner;        /* of each row that is kept, */
	size_t kept;            /* so many */
};

static void
list_holders(struct making *m)
{
	struct lt_arena *arena = m->r->arena;
	size_t n = 0;

	for (uint32_t i = 0; i < m->mark->ntxns; i++)
		n += m->mark->txns[i].nwon;
	m->keys.arena = arena;
	m->holders = lt_arena_alloc(arena, (n + 1) * sizeof(*m->holders));
	m->owner = lt_arena_alloc(arena, (m->t->nrows + n + 1) * sizeof(*m->owner));
	for (uint32_t i = 0; i < m->mark->ntxns; i++) {
		for (uint32_t k = 0; k < m->mark->txns[i].nwon; k++) {
			const struct conflict_won *won = &m->mark->txns[i].won[k];

			m->holders[conflict_keys_add(&m->keys, won->key)] = (struct holder){ i, won };
		}
	}
}

static bool
fail(const struct making *m, const char *why, struct lt_err *err)
{
	return lt_fail(err, LT_E_TAIL_LOST, "site %s lost a transaction that cannot be given back: %s",
	    m->r->channel->sites[m->r->pipeline->to].name, why);
}

/* -- rows of the log ------------------------------------------------------------------------------ */

/* What a row of a group changes is one key; some it changes are of no transaction, such as rows that came back. Of
 * tables that remember operations the mark tells, not the row. Those of a single table nobody decides, so of several
 * peers one alone gives them back. */
static bool
take_row(struct making *m, size_t i, struct lt_err *err)
{
	const struct change_row *row = &m->t->rows[i];
	const struct change_image *image = row->op == CHANGE_DELETE ? &row->before : &row->after;
	const struct converge_shape *shape;
	const struct conflict_row *whole;
	struct lt_str key = { 0 };
	uint32_t at;
	bool lists;

	if (!converge_shapes_get(m->r->shapes, row->table, &shape, err))
		return false;
	if (converge_shape_is_single(shape)) {
		if (m->r->first) {
			m->t->rows[m->kept] = *row;
			m->owner[m->kept++] = CONVERGE_NO_OWNER;
		}
		return true;
	}
	lists = conflict_policy_lists(converge_shape_policy(shape));
	if (!converge_shape_image(shape, image, m->r->arena, lists ? &whole : NULL, &key, err))
		return false;
	at = conflict_keys_find(&m->keys, key);
	if (at == CONFLICT_NO_KEY || m->holders[at].won->listed)
		return true;
	if (m->holders[at].won->state == CONFLICT_PARKED)
		return fail(m, "a row of it is parked at a peer", err);
	m->t->rows[m->kept] = *row;
	m->owner[m->kept++] = m->holders[at].txn;
	return true;
}

/* -- operations of the mark ----------------------------------------------------------------------- */

/** Looking for the table of a key. */
struct wanted {
	const struct converge_regain *r;
	struct lt_str key;
};

static bool
is_wanted(void *ctx, struct lt_str schema, struct lt_str table)
{
	const struct wanted *w = ctx;
	struct lt_buf names[2] = { 0 };
	const struct model_rule *rule = NULL;
	bool is = converge_shape_key_is_of(w->key, schema, table) &&
		  model_mapping_branch(w->r->pipeline->mapping, schema, table, 0, names, &rule) && rule != NULL;

	lt_buf_free(&names[0]);
	lt_buf_free(&names[1]);
	return is;
}

/* An operation that changed nothing at the peer has no row in its log that names the table. */
static bool
shape_of(struct making *m, struct lt_str key, const struct converge_shape **ret, struct lt_err *err)
{
	struct wanted w = { m->r, key };
	struct schema_table **tables = NULL;
	size_t n = 0;
	bool ok;

	*ret = converge_shapes_of_key(m->r->shapes, key);
	if (*ret != NULL)
		return true;
	if (!schema_catalog_tables(m->r->conn, is_wanted, &w, &tables, &n, err))
		return false;
	ok = n == 1 ? converge_shapes_named(m->r->shapes, tables[0]->schema, tables[0]->name, ret, err)
		    : fail(m, "its table is not there any more", err);
	schema_catalog_free(tables, n);
	return ok;
}

/* The table may be another one by now than when the mark was written. */
static bool
is_its_row(struct making *m, const struct converge_shape *shape, const struct conflict_won *won,
    const struct conflict_row *row, struct lt_err *err)
{
	struct lt_str key = { 0 };

	if (row == NULL)
		return true;
	if (!converge_shape_key(shape, row, m->r->arena, &key, err))
		return false;
	return lt_str_eq(key, won->key) || fail(m, "its table was changed since", err);
}

static bool
add_operation(struct making *m, uint32_t txn, const struct conflict_won *won, struct lt_err *err)
{
	const struct converge_shape *shape = NULL;

	if (won->before == NULL && won->after == NULL)
		return lt_fail(err, LT_E_STATE_BROKEN, "lutra.mark: an operation that does nothing");
	if (!shape_of(m, won->key, &shape, err) || !is_its_row(m, shape, won, won->before, err) ||
	    !is_its_row(m, shape, won, won->after, err))
		return false;
	converge_shape_change(shape, won->before, won->after, m->t);
	m->owner[m->t->nrows - 1] = txn;
	return true;
}

/* In the order of the transactions, behind the rows of the log: a key is of one kind or of the other. */
static bool
add_operations(struct making *m, struct lt_err *err)
{
	uint32_t site = m->r->channel->sites[m->r->pipeline->to].id;

	for (uint32_t i = 0; i < m->mark->ntxns; i++) {
		const struct conflict_mark_txn *txn = &m->mark->txns[i];

		if (conflict_origin_site(txn->version.origin) != site)
			continue;
		for (uint32_t k = 0; k < txn->nwon; k++) {
			if (txn->won[k].listed && !add_operation(m, i, &txn->won[k], err))
				return false;
		}
	}
	return true;
}

/* -- all ------------------------------------------------------------------------------------------ */

static bool
make(struct making *m, struct lt_err *err)
{
	size_t n = m->t->nrows;

	if (m->t->spill != NULL)
		return lt_fail(err, LT_E_TXN_TOO_LARGE,
		    "%llu rows that are to be given back in one transaction are more than fit into memory",
		    (unsigned long long)change_txn_rows(m->t));
	list_holders(m);
	for (size_t i = 0; i < n; i++) {
		if (!take_row(m, i, err))
			return false;
	}
	m->t->nrows = m->kept;
	return add_operations(m, err);
}

bool
converge_regain_rows(struct converge_regain *r, struct change_txn *t, const struct conflict_mark *mark,
    const uint32_t **owner, struct lt_err *err)
{
	struct making m = { .r = r, .t = t, .mark = mark };

	lt_arena_reset(r->arena);
	if (!meet(r, err))
		return false;
	if (!make(&m, err)) {
		change_txn_where(t, &err->where);
		return false;
	}
	*owner = m.owner;
	return true;
}
