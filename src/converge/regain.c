#include "converge/regain.h"

#include "conflict/keys.h"
#include "converge/log.h"
#include "converge/parked.h"
#include "converge/shape.h"
#include "converge/tables.h"
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

bool
converge_regain_is_first(const struct converge_regain *r)
{
	return r->first;
}

const struct schema_table *
converge_regain_table(const struct converge_regain *r, struct lt_str key)
{
	const struct converge_shape *shape = r->shapes != NULL ? converge_shapes_of_key(r->shapes, key) : NULL;

	return shape != NULL ? converge_shape_target(shape) : NULL;
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

bool
converge_regain_fits(struct converge_regain *r, const struct change_table *from, bool *fits, struct lt_err *err)
{
	const struct converge_shape *shape = NULL;

	if (!meet(r, err))
		return false;
	*fits = converge_shapes_get_own(r->shapes, from, &shape, err);
	if (!*fits && lt_err_kind(err) == LT_KIND_RETRY)
		return false;
	*err = (struct lt_err){ 0 };
	*fits = *fits && (shape == NULL || converge_shape_is_single(shape) || converge_shape_fits(shape));
	return true;
}

/* -- whose each key is ---------------------------------------------------------------------------- */

/** A key that the group won. */
struct holder {
	uint32_t txn; /* who wrote it last */
	const struct conflict_won *won;
	bool kept; /* a row of the log says it */
	/* Of tables whose rows compete for values; NULL: no row. */
	bool shown;                           /* rows of the log were met: */
	const struct conflict_row *had, *has; /* the first one before, the last one behind, */
	const struct conflict_row *gone;      /* and the last one that was deleted */
	const struct conflict_row *was_parked, *parked;
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

static bool
is_of_site(const struct making *m, uint32_t txn)
{
	return conflict_origin_site(m->mark->txns[txn].version.origin) == m->r->channel->sites[m->r->pipeline->to].id;
}

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
		for (uint32_t k = 0; is_of_site(m, i) && k < m->mark->txns[i].nwon; k++) {
			const struct conflict_won *won = &m->mark->txns[i].won[k];

			m->holders[conflict_keys_add(&m->keys, won->key)] = (struct holder){ .txn = i, .won = won };
		}
	}
}

static bool
fail(const struct making *m, const char *why, struct lt_err *err)
{
	return lt_fail(err, LT_E_TAIL_LOST, "site %s lost a transaction that cannot be given back: %s",
	    m->r->channel->sites[m->r->pipeline->to].name, why);
}

static struct holder *
holder_of(const struct making *m, struct lt_str key)
{
	uint32_t at = conflict_keys_find(&m->keys, key);

	return at != CONFLICT_NO_KEY ? &m->holders[at] : NULL;
}

/* -- rows of the log ------------------------------------------------------------------------------ */

static void
keep(struct making *m, const struct change_row *row, uint32_t owner)
{
	m->t->rows[m->kept] = *row;
	m->owner[m->kept++] = owner;
}

static bool
image_of(const struct making *m, const struct converge_shape *shape, const struct change_image *image,
    const struct conflict_row **row, struct lt_str *key, struct lt_err *err)
{
	return converge_shape_image(shape, image, m->r->arena, row, key, err);
}

/* A row may go and come again, where values change hands or a key was locked by inserting it. */
static bool
take_competing(struct making *m, const struct converge_shape *shape, const struct change_row *row, struct holder *h,
    struct lt_err *err)
{
	const struct conflict_row *before = NULL, *after = NULL;
	struct lt_str key;

	if ((row->op != CHANGE_INSERT && !image_of(m, shape, &row->before, &before, &key, err)) ||
	    (row->op != CHANGE_DELETE && !image_of(m, shape, &row->after, &after, &key, err)))
		return false;
	h->had = h->shown ? h->had : before;
	h->has = after;
	h->gone = row->op == CHANGE_DELETE ? before : h->gone;
	h->shown = true;
	return true;
}

/* What a row of a group changes is one key; some it changes are of no transaction, such as rows that came back. Of
 * tables that remember operations the mark tells, not the row. Those of a single table nobody decides, so of several
 * peers one alone gives them back. */
static bool
take_row(struct making *m, const struct change_row *row, struct lt_err *err)
{
	const struct conflict_policy *policy;
	const struct converge_shape *shape;
	const struct conflict_row *whole;
	struct lt_str key = { 0 };
	struct holder *h;

	if (!converge_shapes_get(m->r->shapes, row->table, &shape, err))
		return false;
	if (converge_shape_is_single(shape)) {
		if (m->r->first)
			keep(m, row, CONVERGE_NO_OWNER);
		return true;
	}
	policy = converge_shape_policy(shape);
	if (!image_of(m, shape, row->op == CHANGE_DELETE ? &row->before : &row->after,
		conflict_policy_lists(policy) ? &whole : NULL, &key, err))
		return false;
	h = holder_of(m, key);
	if (h == NULL || h->won->listed)
		return true;
	if (policy->unique)
		return take_competing(m, shape, row, h, err);
	h->kept = true;
	if (h->won->state != CONFLICT_ABSENT || row->op != CHANGE_INSERT) /* else it was to be locked, and goes again */
		keep(m, row, h->txn);
	return true;
}

static bool
take_parked_image(
    struct making *m, const struct change_row *row, const struct change_image *image, bool behind, struct lt_err *err)
{
	struct converge_parked_row p;
	const struct conflict_row *kept;
	struct holder *h;

	if (!converge_table_parked(row->table, image, m->r->channel->name, m->r->arena, &p, err))
		return false;
	h = p.ours ? holder_of(m, p.key) : NULL;
	if (h == NULL)
		return true;
	if (!converge_parked_row(p.image, m->r->arena, &kept, err))
		return false;
	*(behind ? &h->parked : &h->was_parked) = kept;
	return true;
}

/* A parked row is taken away and put again, once. */
static bool
take_parked(struct making *m, const struct change_row *row, struct lt_err *err)
{
	return (row->op == CHANGE_INSERT || take_parked_image(m, row, &row->before, false, err)) &&
	       (row->op == CHANGE_DELETE || take_parked_image(m, row, &row->after, true, err));
}

static bool
take_rows(struct making *m, struct lt_err *err)
{
	for (size_t i = 0; i < m->t->nrows; i++) {
		const struct change_row row = m->t->rows[i];
		bool parked = converge_table_of(row.table->schema, row.table->name) == CONVERGE_TABLE_PARKED;

		if (!(parked ? take_parked(m, &row, err) : take_row(m, &row, err)))
			return false;
	}
	m->t->nrows = m->kept;
	return true;
}

/* -- operations ----------------------------------------------------------------------------------- */

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
add(struct making *m, const struct holder *h, const struct conflict_row *before, const struct conflict_row *after,
    struct lt_err *err)
{
	const struct converge_shape *shape = NULL;

	if (!shape_of(m, h->won->key, &shape, err) || !is_its_row(m, shape, h->won, before, err) ||
	    !is_its_row(m, shape, h->won, after, err))
		return false;
	converge_shape_change(shape, before, after, m->t);
	m->owner[m->t->nrows - 1] = h->txn;
	return true;
}

/* In the order of the transactions, behind the rows of the log: a key is of one kind or of the other. */
static bool
add_listed(struct making *m, struct lt_err *err)
{
	for (uint32_t i = 0; i < m->mark->ntxns; i++) {
		const struct conflict_mark_txn *txn = &m->mark->txns[i];

		for (uint32_t k = 0; is_of_site(m, i) && k < txn->nwon; k++) {
			const struct holder h = { .txn = i, .won = &txn->won[k] };

			if (!h.won->listed)
				continue;
			if (h.won->before == NULL && h.won->after == NULL)
				return lt_fail(err, LT_E_STATE_BROKEN, "lutra.mark: an operation that does nothing");
			if (!add(m, &h, h.won->before, h.won->after, err))
				return false;
		}
	}
	return true;
}

/* A mark of before ADR 53, or of many such rows, does not have it. Where rows compete its version decides, though it is
 * the same; and where there is a third site, whose writes it may have met elsewhere. */
static bool
may_pass_over(struct making *m, const struct holder *h, struct lt_err *err)
{
	const struct converge_shape *shape = NULL;

	return shape_of(m, h->won->key, &shape, err) &&
	       ((!converge_shape_policy(shape)->unique && m->r->channel->nsites == 2) ||
		   fail(m, "a row of it changed nothing at a peer", err));
}

/* What the rows that were kept so far do not tell of a key that was won whole. */
static bool
add_won(struct making *m, const struct holder *h, struct lt_err *err)
{
	const struct conflict_row *before = h->had != NULL ? h->had : h->was_parked, *after = NULL;

	switch (h->won->state) {
	case CONFLICT_VISIBLE: after = h->won->after != NULL ? h->won->after : h->has; break;
	case CONFLICT_PARKED: after = h->parked; break;
	case CONFLICT_ABSENT:
		before = before != NULL ? before : h->gone; /* it was not there: what locked it */
		return h->kept || before == NULL || add(m, h, before, NULL, err);
	}
	if (after == NULL)
		return h->kept || may_pass_over(m, h, err);
	/* Else it would be none. */
	return add(m, h, conflict_row_eq(before, after) ? NULL : before, after, err);
}

static bool
add_others(struct making *m, struct lt_err *err)
{
	for (uint32_t i = 0; i < m->keys.count; i++) {
		if (!m->holders[i].won->listed && !add_won(m, &m->holders[i], err))
			return false;
	}
	return true;
}

/* -- all ------------------------------------------------------------------------------------------ */

static bool
make(struct making *m, struct lt_err *err)
{
	if (m->t->spill != NULL)
		return lt_fail(err, LT_E_TXN_TOO_LARGE,
		    "%llu rows that are to be given back in one transaction are more than fit into memory",
		    (unsigned long long)change_txn_rows(m->t));
	list_holders(m);
	return take_rows(m, err) && add_listed(m, err) && add_others(m, err);
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
