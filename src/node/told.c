#include "node/told.h"

/* The same is said again after a minute, then ever more rarely. */
#define PAUSE_FIRST_US (UINT64_C(60) * 1000000)
#define PAUSE_MAX_US (UINT64_C(3600) * 1000000)

bool
node_told_due(struct node_told *t, const struct pipeline_status *s, uint64_t now_us)
{
	bool same = s->state == t->state && s->err.code == t->code;

	if (same && (s->state != PIPELINE_RETRYING || now_us - t->at_us < t->pause_us))
		return false;
	t->pause_us = same ? LT_MIN(t->pause_us * 2, PAUSE_MAX_US) : PAUSE_FIRST_US;
	t->state = s->state;
	t->code = s->err.code;
	t->at_us = now_us;
	return true;
}
