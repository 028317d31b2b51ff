#include "pipeline/until.h"

#include "base/clock.h"

bool
pipeline_until_init(
    struct pipeline_until *u, const struct model_start *at, const struct change_position *from, struct lt_err *err)
{
	*u = (struct pipeline_until){ .at = at };
	change_position_init(&u->seen);
	change_position_copy(&u->seen, from);
	return at->kind != MODEL_START_GTID || change_gtid_set_parse(lt_str_z(at->gtid), &u->gtids, err);
}

void
pipeline_until_clear(struct pipeline_until *u)
{
	change_gtid_set_free(u->gtids);
	change_position_clear(&u->seen);
	u->gtids = NULL;
}

static struct change_place
place_of(const struct model_start *at)
{
	struct change_place place = { .pos = at->pos };

	lt_str_copy(place.file, sizeof(place.file), lt_str_z(at->file));
	return place;
}

bool
pipeline_until_reached(const struct pipeline_until *u)
{
	struct change_place place;

	switch (u->at->kind) {
	case MODEL_START_GTID: return change_gtid_set_subset(u->gtids, u->seen.gtids);
	case MODEL_START_PLACE: place = place_of(u->at); return change_place_cmp(&u->seen.place, &place) >= 0;
	case MODEL_START_TIME: /* known by the first transaction behind it alone */
	case MODEL_START_NOW:
	case MODEL_START_BEGINNING:
	case MODEL_START_NONE: break;
	}
	return false;
}

bool
pipeline_until_excludes(struct pipeline_until *u, const struct change_txn *t, bool future)
{
	struct change_place place;

	switch (u->at->kind) {
	case MODEL_START_GTID: change_txn_advance(t, &u->seen); return false;
	case MODEL_START_PLACE:
		place = place_of(u->at);
		if (change_place_cmp(&t->end, &place) > 0)
			return true;
		u->seen.place = t->end;
		return false;
	case MODEL_START_TIME: return !future && t->commit_us >= u->at->time_us;
	case MODEL_START_NOW:
	case MODEL_START_BEGINNING:
	case MODEL_START_NONE: break;
	}
	return false;
}

bool
pipeline_until_fail(const struct pipeline_until *u, struct lt_err *err)
{
	char time[32];

	switch (u->at->kind) {
	case MODEL_START_GTID: return lt_fail(err, LT_E_UNTIL, "all of `until` is applied: GTID %.200s", u->at->gtid);
	case MODEL_START_PLACE:
		return lt_fail(err, LT_E_UNTIL, "all of `until` is applied: up to %s:%llu", u->at->file,
		    (unsigned long long)u->at->pos);
	case MODEL_START_TIME:
	case MODEL_START_NOW:
	case MODEL_START_BEGINNING:
	case MODEL_START_NONE: break;
	}
	lt_time_text(u->at->time_us, time);
	return lt_fail(err, LT_E_UNTIL, "all of `until` is applied: what was committed before %s", time);
}
