#include "pipeline/delay.h"

#include "pipeline/connect.h"

#define SECOND_US UINT64_C(1000000)
/* The answer that came fastest tells best. */
#define ASKED 3

static bool
ask_clock(struct pipeline_delay *d, struct my_conn *c, struct lt_err *err)
{
	uint64_t fastest = UINT64_MAX;

	for (int i = 0; i < ASKED; i++) {
		uint64_t before = lt_mono_us(d->clock), took, at = 0;
		struct my_rows *rows = NULL;
		bool told;

		if (!my_query(c, "SELECT CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS UNSIGNED)", &rows, err))
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

bool
pipeline_delay_init(struct pipeline_delay *d, const struct model_site *source, unsigned delay_ms,
    const struct lt_clock *clock, struct lt_wake *stop, struct lt_err *err)
{
	struct my_conn *c = NULL;
	bool ok;

	*d = (struct pipeline_delay){ .clock = clock, .delay_us = (uint64_t)delay_ms * 1000 };
	if (delay_ms == 0)
		return true;
	ok = pipeline_connect(source, false, stop, &c, err) && my_exec(c, "SET time_zone='+00:00'", NULL, err) &&
	     ask_clock(d, c, err);
	my_close(c);
	return ok ? true : lt_wrap(err, "while asking the clock of site %s", source->name);
}

void
pipeline_delay_own(struct pipeline_delay *d)
{
	d->source_us = lt_wall_us(d->clock);
	d->mono_us = lt_mono_us(d->clock);
}

uint64_t
pipeline_delay_left_us(const struct pipeline_delay *d, uint64_t commit_us, uint64_t read_us)
{
	uint64_t mono = lt_mono_us(d->clock), since_read = mono - read_us, now, due, left;

	if (d->delay_us == 0 || commit_us == 0)
		return 0;
	now = d->source_us + (mono - d->mono_us);
	due = commit_us + d->delay_us + (commit_us % SECOND_US == 0 ? SECOND_US : 0);
	left = due > now ? due - now : 0;
	return LT_MIN(left, since_read < d->delay_us ? d->delay_us - since_read : 0);
}
