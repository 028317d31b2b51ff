#include "pipeline/delay.h"

#include "pipeline/connect.h"

#define SECOND_US UINT64_C(1000000)
/* The answer that came fastest tells best. */
#define ASKED 3
/* A clock that was set is noticed so soon. */
#define AGAIN_US (2 * SECOND_US)
/* Further ahead than this a stamp is no matter of how well the clock is known. */
#define FUTURE_US (2 * SECOND_US)

static bool
read_clock(struct pipeline_delay *d, struct lt_err *err)
{
	uint64_t fastest = UINT64_MAX;

	for (int i = 0; i < ASKED; i++) {
		uint64_t before = lt_mono_us(d->clock), took, at = 0;
		struct my_rows *rows = NULL;
		bool told;

		if (!my_query(d->conn, "SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS UNSIGNED)", &rows, err))
			return false;
		took = lt_mono_us(d->clock) - before;
		told = rows->nrows == 1 && lt_str_u64(my_rows_at(rows, 0, 0), &at);
		my_rows_free(rows);
		if (!told)
			return lt_fail(err, LT_E_PROTOCOL, "the server does not tell the time");
		if (took >= fastest)
			continue;
		fastest = took;
		d->source_us = at;
		d->mono_us = before + took / 2;
	}
	return true;
}

static bool
ask_clock(struct pipeline_delay *d, struct lt_err *err)
{
	bool ok = true;

	if (d->conn != NULL && !my_alive(d->conn)) {
		my_close(d->conn);
		d->conn = NULL;
	}
	if (d->conn == NULL)
		ok = pipeline_connect(d->source, false, d->stop, &d->conn, err) &&
		     my_exec(d->conn, "SET time_zone='+00:00'", NULL, err);
	return (ok && read_clock(d, err)) || lt_wrap(err, "while asking the clock of site %s", d->source->name);
}

bool
pipeline_delay_init(struct pipeline_delay *d, const struct model_site *source, const struct model_pipeline *pipeline,
    const struct lt_clock *clock, struct lt_wake *stop, struct lt_err *err)
{
	*d = (struct pipeline_delay){ .clock = clock, .delay_us = (uint64_t)pipeline->delay_ms * 1000, .stop = stop };
	if (pipeline->delay_ms == 0 && pipeline->until.kind != MODEL_START_TIME)
		return true;
	d->source = source;
	return ask_clock(d, err);
}

void
pipeline_delay_clear(struct pipeline_delay *d)
{
	my_close(d->conn);
	d->conn = NULL;
}

void
pipeline_delay_own(struct pipeline_delay *d)
{
	pipeline_delay_clear(d);
	d->source = NULL;
	d->source_us = lt_wall_us(d->clock);
	d->mono_us = lt_mono_us(d->clock);
}

bool
pipeline_delay_follow(struct pipeline_delay *d, struct lt_err *err)
{
	return d->delay_us == 0 || d->source == NULL || lt_mono_us(d->clock) - d->mono_us < AGAIN_US ||
	       ask_clock(d, err);
}

static uint64_t
source_now(const struct pipeline_delay *d)
{
	return d->source_us + (lt_mono_us(d->clock) - d->mono_us);
}

bool
pipeline_delay_is_future(struct pipeline_delay *d, uint64_t commit_us, bool *future, struct lt_err *err)
{
	*future = false;
	if (d->source == NULL || commit_us <= source_now(d) + FUTURE_US)
		return true;
	/* Or the clock was set meanwhile. */
	if (!ask_clock(d, err))
		return false;
	*future = commit_us > source_now(d) + FUTURE_US;
	return true;
}

uint64_t
pipeline_delay_left_us(const struct pipeline_delay *d, uint64_t commit_us, uint64_t read_us)
{
	uint64_t mono = lt_mono_us(d->clock), since_read = mono - read_us, now, due, left;

	if (d->delay_us == 0 || commit_us == 0)
		return 0;
	now = source_now(d);
	due = commit_us + d->delay_us + (commit_us % SECOND_US == 0 ? SECOND_US : 0);
	left = due > now ? due - now : 0;
	return LT_MIN(left, since_read < d->delay_us ? d->delay_us - since_read : 0);
}
