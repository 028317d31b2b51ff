#include "converge/send.h"

#include "base/log.h"
#include "converge/give.h"
#include "converge/log.h"
#include "converge/preflight.h"
#include "converge/settle.h"
#include "converge/shadow.h"

#define PROBE_MS 1000

struct converge_sender {
	const struct model_channel *channel; /* borrowed */
	size_t index;
	struct pipeline_origin inner;
	struct converge_site *from, *to; /* borrowed; shadow: from is NULL */
	struct converge_give *give;      /* owned; NULL: shadow */
	struct converge_giver giver;     /* it, for the log that is open */
	const struct lt_clock *clock;    /* borrowed */
	bool are_alike;                  /* the tables of both ends were, in this process */
	uint64_t told_us;                /* mono: when the source's site was told what is saved, */
	struct change_position told;     /* owned: and that */
};

struct converge_sender *
converge_sender_new(const struct model_channel *channel, size_t index, const struct pipeline_origin *inner,
    struct converge_site *from, struct converge_site *to, const struct lt_clock *clock)
{
	struct converge_sender *s = lt_new(struct converge_sender);

	*s = (struct converge_sender){
		.channel = channel, .index = index, .inner = *inner, .from = from, .to = to, .clock = clock
	};
	change_position_init(&s->told);
	if (from == NULL)
		return s;
	s->give = converge_give_new(channel, &channel->pipelines[index], from, to, inner->stop);
	s->giver = converge_give_ops(s->give);
	return s;
}

void
converge_sender_free(struct converge_sender *s)
{
	if (s == NULL)
		return;
	converge_give_free(s->give);
	change_position_clear(&s->told);
	free(s);
}

/* Nothing is sent before the site's history: what is sent has a version. */
static bool
has_history(const struct converge_sender *s, struct lt_err *err)
{
	return s->from == NULL || converge_site_await(s->from, err);
}

static bool
send_now(void *ctx, struct change_position *out, struct lt_err *err)
{
	struct converge_sender *s = ctx;

	return has_history(s, err) && s->inner.now(s->inner.ctx, out, err);
}

static bool
send_begin(void *ctx, const struct model_start *start, struct change_position *out, struct lt_err *err)
{
	struct converge_sender *s = ctx;

	if (!has_history(s, err) || !s->inner.begin(s->inner.ctx, start, out, err))
		return false;
	if (s->from != NULL)
		lt_log(LT_LOG_INFO,
		    "%s %s begins: rows that are at either site by now are taken for equal (before a channel begins `lutra check` "
		    "compares them)",
		    s->channel->name, s->channel->pipelines[s->index].name);
	return true;
}

/* Nobody may have asked `lutra check`, and tables change. That they do so at both ends is asked of whoever acknowledges
 * the statement; the first time it may have been another channel file. */
static bool
can_converge(struct converge_sender *s, struct lt_err *err)
{
	converge_site_look(s->to, s->index);
	if (!pipeline_check_converges(
		s->channel, &s->channel->pipelines[s->index], &converge_preflight, !s->are_alike, s->inner.stop, err))
		return false;
	s->are_alike = true;
	return true;
}

/* R13, where the log is of another server than the one that was read before: reading begins at a checkpoint, and what
 * was sent behind that must be there, too. On the same server the place says so. */
static bool
check_history(struct converge_sender *s, const struct change_position *from, size_t txn_limit_bytes, struct lt_err *err)
{
	const struct change_filter nothing = { .table = change_filter_no_table, .ddl = change_filter_no_ddl };
	struct change_source *probe = NULL;
	struct change_position now;
	struct change_txn *t = NULL;
	bool ok, same;

	change_position_init(&now);
	ok = s->inner.now(s->inner.ctx, &now, err);
	same = ok && strcmp(now.server, from->server) == 0 && from->place.file[0] != '\0';
	change_position_clear(&now);
	if (!ok || same)
		return ok;
	/* What is missing the server says at once. */
	ok = s->inner.open(s->inner.ctx, from, &nothing, NULL, txn_limit_bytes, &probe, err) &&
	     change_source_next(probe, PROBE_MS, &t, err);
	change_txn_free(t);
	change_source_close(probe);
	return ok;
}

static bool
send_open(void *ctx, const struct change_position *from, const struct change_filter *filter,
    const struct change_describer *describer, size_t txn_limit_bytes, struct change_source **ret, struct lt_err *err)
{
	struct converge_sender *s = ctx;
	struct lt_arena *arena;
	struct conflict_checkpoint state;
	struct change_position place;
	struct converge_log_start start = { .channel = s->channel->name,
		.origin = &s->inner,
		.place = &place,
		.state = &state,
		.interval_us = (int64_t)s->channel->conflicts.heartbeat_ms * 1000,
		.behind = from,
		.txn_limit_bytes = txn_limit_bytes,
		.giver = &s->giver };
	bool ok;

	if (s->from == NULL)
		return s->inner.open(s->inner.ctx, from, filter, describer, txn_limit_bytes, ret, err);
	if (!can_converge(s, err) || !converge_give_begin(s->give, err) ||
	    !check_history(s, from, txn_limit_bytes, err))
		return false;
	arena = lt_arena_new();
	change_position_init(&place);
	ok = converge_site_checkpoint(s->from, from, &place, arena, &state, err) &&
	     converge_log_open(&start, filter, describer, ret, err);
	change_position_clear(&place);
	lt_arena_free(arena);
	return ok;
}

static bool
send_look(void *ctx, const struct change_position *from, const struct change_filter *filter,
    bool (*each)(void *ctx, const struct change_txn *t), struct lt_err *err)
{
	struct converge_sender *s = ctx;

	return s->inner.look(s->inner.ctx, from, filter, each, err);
}

static bool
send_behind(void *ctx, const struct change_position *from, const struct change_place *place,
    struct change_position *out, struct lt_err *err)
{
	struct converge_sender *s = ctx;

	return s->inner.behind(s->inner.ctx, from, place, out, err);
}

static struct pipeline_settle *
send_settle(void *ctx, struct lt_wake *stop)
{
	struct converge_sender *s = ctx;

	if (s->from == NULL)
		return converge_shadow_new(s->channel, s->index, s->to, s->clock);
	return converge_settle_new(s->channel, s->index, s->to, &s->inner, s->clock, stop);
}

/* A heartbeat of the source, with all before it applied: the target hears what the source had seen by then. */
static void
send_passed(void *ctx, struct change_txn *const *txns, size_t n)
{
	struct converge_sender *s = ctx;
	uint32_t peer = s->channel->sites[s->channel->pipelines[s->index].from].id;

	for (size_t i = n; i > 0; i--) {
		const struct converge_told *told = converge_told_of(txns[i - 1]);

		if (told != NULL && told->kind == CONVERGE_BEAT) {
			converge_site_hear(s->to, peer, &told->seen);
			return;
		}
	}
}

/* `a` is not before `b`, in the same log. */
static bool
is_further(const struct change_position *a, const struct change_position *b)
{
	return strcmp(a->server, b->server) == 0 && a->place.file[0] != '\0' && b->place.file[0] != '\0' &&
	       change_place_cmp(&a->place, &b->place) >= 0;
}

/* An older place than what is saved by now keeps a little more; one that went back is told at once. */
static void
send_saved(void *ctx, const struct change_position *saved)
{
	struct converge_sender *s = ctx;
	uint64_t now = lt_mono_us(s->clock);
	bool often = now - s->told_us < (uint64_t)s->channel->conflicts.heartbeat_ms * 1000;

	if (s->from == NULL || (often && is_further(saved, &s->told)))
		return;
	s->told_us = now;
	change_position_copy(&s->told, saved);
	converge_site_sent(s->from, s->index, saved);
}

static bool
send_identity(void *ctx, struct my_conn *c, char out[64], struct lt_err *err)
{
	struct converge_sender *s = ctx;

	return s->inner.identity(s->inner.ctx, c, out, err);
}

struct pipeline_origin
converge_sender_ops(struct converge_sender *s)
{
	return (struct pipeline_origin){ .now = send_now,
		.begin = send_begin,
		.open = send_open,
		.look = send_look,
		.behind = send_behind,
		.saved = send_saved,
		.settle = send_settle,
		.passed = send_passed,
		.identity = send_identity,
		.ctx = s,
		.stop = s->inner.stop,
		.changed = s->inner.changed };
}
