/* A transaction that spilled: its parts are sent one after the other inside one transaction at the target. */
#include "base/clock.h"
#include "base/fault.h"
#include "pipeline/connect.h"
#include "pipeline/load_priv.h"

/* Once the pipeline is to end: what is left of such a transaction may take this long; else it is rolled back. */
#define END_GRACE_US 3000000

/* When the end was noticed first; 0: not yet. */
struct patience {
	const struct lt_clock *clock;
	uint64_t ending_us;
};

static bool
is_given_up(const struct load *l, struct patience *p)
{
	uint64_t now = lt_mono_us(p->clock);

	if (l->origin->stop == NULL || !lt_wake_raised(l->origin->stop))
		return false;
	p->ending_us = p->ending_us != 0 ? p->ending_us : now;
	return now - p->ending_us >= END_GRACE_US;
}

/* The server undoes it when the connection is gone; waiting for that would take as long as the rows did. */
static bool
give_up(struct load *l, struct lt_err *err)
{
	my_cancel(l->conn);
	return lt_fail(err, LT_E_CANCELLED, "the pipeline ends inside a large transaction, which is rolled back");
}

/* Rows of a part are pointed at until all replies are there. */
static bool
send_part(struct load *l, bool gather, struct lt_err *err)
{
	pipeline_router_trim(l->router);
	gather = gather && l->channel->sync == MODEL_SYNC_FIELD && !pipeline_load_edits(l->txns[0]);
	return (gather ? pipeline_load_group_gathered(l, 1, err) : pipeline_load_group(l, 1, err)) &&
	       pipeline_load_settle(l, err);
}

bool
pipeline_load_send_parts(struct load *l, bool gather, const struct change_position *end, struct lt_err *err)
{
	struct patience patience = { .clock = lt_clock_real() };
	struct change_txn *t = l->txns[0];
	bool got;

	if (!pipeline_load_lane_first(l, 1, end, err))
		return false;
	change_txn_rewind(t);
	for (;;) {
		if (is_given_up(l, &patience))
			return give_up(l, err);
		if (!change_txn_part(t, &got, err)) {
			change_txn_where(t, &err->where);
			return false;
		}
		if (!got)
			break;
		if (!send_part(l, gather, err))
			return false;
		lt_step("load.part");
	}
	return pipeline_load_settle(l, err);
}
