#include "converge/heal_priv.h"

#define READ_STEP_MS 200

static bool
want_table(void *ctx, struct lt_str schema, struct lt_str table)
{
	const struct converge_scan *r = ctx;

	return converge_table_of(schema, table) == CONVERGE_TABLE_LANE ||
	       (r->group != NULL && r->inner.table(r->inner.ctx, schema, table));
}

/* A statement that changes tables comes as a transaction of its own, where rows are looked at. */
static bool
want_ddl(void *ctx, struct lt_str schema, struct lt_str sql, uint64_t sql_mode, struct lt_err *err)
{
	const struct converge_scan *r = ctx;

	return r->group != NULL && r->inner.ddl(r->inner.ctx, schema, sql, sql_mode, err);
}

static bool
describe(void *ctx, struct change_table *draft, struct lt_err *err)
{
	const struct converge_scan *r = ctx;

	return r->regain == NULL || converge_regain_describe(r->regain, draft, err);
}

static bool
tell_lanes(struct converge_scan *r, const struct change_txn *t, size_t first, struct lt_err *err)
{
	for (size_t i = first; r->lane != NULL && i < t->nrows; i++) {
		struct converge_lane_row row;

		lt_arena_reset(r->scratch);
		if (!converge_table_lane(&t->rows[i], r->channel, r->scratch, &row, err))
			return false;
		if (row.ours)
			r->lane(r->ctx, &row);
	}
	return true;
}

static bool
tell_tables(const struct converge_scan *r, const struct change_txn *t, size_t first, struct lt_err *err)
{
	for (size_t i = first; r->local != NULL && i < t->nrows; i++) {
		const struct change_table *table = t->rows[i].table;

		if (i > first && table == t->rows[i - 1].table)
			continue;
		if (converge_table_of(table->schema, table->name) == CONVERGE_TABLE_NONE &&
		    !r->local(r->ctx, table, err))
			return false;
	}
	return true;
}

/* The lane comes first: rows in front of it are those of users, which are only counted. */
static bool
take_rows(void *ctx, struct change_txn *t, size_t first, struct lt_err *err)
{
	struct converge_scan *r = ctx;
	bool lane = first < t->nrows &&
		    converge_table_of(t->rows[first].table->schema, t->rows[first].table->name) == CONVERGE_TABLE_LANE;

	if (!lane && converge_told_of(t) == NULL) {
		bool ok = tell_tables(r, t, first, err);

		t->nrows = first;
		t->shown = true;
		return ok;
	}
	return (!lane || tell_lanes(r, t, first, err)) && r->inner.rows(r->inner.ctx, t, first, err);
}

static bool
may_look(void *ctx)
{
	(void)ctx;
	return true;
}

static bool
look(void *ctx, struct change_txn *t, const struct conflict_mark *mark, struct lt_err *err)
{
	struct converge_scan *r = ctx;

	return r->group(r->ctx, t, mark, err);
}

bool
converge_scan_open(struct converge_scan *r, struct converge_site *s, const struct change_position *from,
    const struct conflict_checkpoint *state, const struct change_position *behind, struct lt_err *err)
{
	const struct change_filter filter = { want_table, want_ddl, r, take_rows, true };
	const struct change_describer describer = { describe, r };
	struct change_describer ignored;
	struct converge_log_start start = { .channel = s->channel->name,
		.origin = &s->origin,
		.place = from,
		.state = state,
		.interval_us = s->interval_us,
		.behind = behind,
		.txn_limit_bytes = s->channel->memory_bytes / PIPELINE_MEMORY_SHARES,
		.giver = r->group != NULL ? &r->giver : NULL };

	r->giver = (struct converge_giver){ may_look, look, r };
	r->channel = s->channel->name;
	r->scratch = lt_arena_new();
	pipeline_select_init(&r->select, s->channel->name, converge_site_mapping(s), NULL);
	pipeline_select_filter(&r->select, &r->inner, &ignored);
	change_position_init(&r->end);
	return s->origin.now(s->origin.ctx, &r->end, err) &&
	       converge_log_open(&start, &filter, &describer, &r->source, err);
}

void
converge_scan_close(struct converge_scan *r)
{
	change_source_close(r->source);
	pipeline_select_clear(&r->select);
	change_position_clear(&r->end);
	lt_arena_free(r->scratch);
}

bool
converge_scan_next(struct converge_scan *r, const struct converge_heal *h, struct change_txn **t, struct lt_err *err)
{
	struct change_place at = { .file = "" };

	*t = NULL;
	change_source_place(r->source, &at);
	while (*t == NULL && change_place_cmp(&at, &r->end.place) < 0) {
		if (lt_wake_raised(h->gone))
			return lt_fail(err, LT_E_CANCELLED, "nobody waits for the answer any more");
		if (!change_source_next(r->source, READ_STEP_MS, t, err))
			return false;
		change_source_place(r->source, &at);
	}
	return true;
}
