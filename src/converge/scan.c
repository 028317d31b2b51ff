#include "converge/heal_priv.h"

#define READ_STEP_MS 200

static bool
want_lane(void *ctx, struct lt_str schema, struct lt_str table)
{
	(void)ctx;
	return converge_table_of(schema, table) == CONVERGE_TABLE_LANE;
}

static bool
take_rows(void *ctx, struct change_txn *t, size_t first, struct lt_err *err)
{
	const struct converge_scan *r = ctx;

	for (size_t i = first; r->lane != NULL && i < t->nrows; i++) {
		struct converge_lane_row row;

		lt_arena_reset(r->scratch);
		if (!converge_table_lane(&t->rows[i], r->channel, r->scratch, &row, err))
			return false;
		if (row.ours)
			r->lane(r->ctx, &row);
	}
	return r->inner.rows(r->inner.ctx, t, first, err);
}

bool
converge_scan_open(struct converge_scan *r, struct converge_site *s, const struct change_position *from,
    const struct conflict_checkpoint *state, const struct change_position *behind, struct lt_err *err)
{
	struct change_filter filter = { want_lane, change_filter_no_ddl, r, take_rows, true };
	struct change_describer ignored;
	struct converge_log_start start = { .channel = s->channel->name,
		.origin = &s->origin,
		.place = from,
		.state = state,
		.interval_us = s->interval_us,
		.behind = behind,
		.txn_limit_bytes = s->channel->memory_bytes / PIPELINE_MEMORY_SHARES };

	r->channel = s->channel->name;
	r->scratch = lt_arena_new();
	pipeline_select_init(&r->select, s->channel->name, converge_site_mapping(s), NULL);
	pipeline_select_filter(&r->select, &r->inner, &ignored);
	change_position_init(&r->end);
	return s->origin.now(s->origin.ctx, &r->end, err) && converge_log_open(&start, &filter, NULL, &r->source, err);
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
