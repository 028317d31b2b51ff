#include "binlog/relay_priv.h"

#include "base/log.h"

#define GTIDS_US 1000000

void
binlog_relay_order_free(void *item)
{
	struct binlog_relay_order *o = item;

	change_position_clear(&o->from);
	lt_wake_free(o->done);
	free(o);
}

bool
binlog_relay_start(const struct binlog_relay_options *options, struct binlog_relay **ret, struct lt_err *err)
{
	struct binlog_relay *r = lt_new(struct binlog_relay);
	uint64_t cut = 0;

	r->name = lt_strdup(options->name);
	r->dir = lt_strdup(options->dir);
	r->limit = options->limit;
	r->nhosts = options->nhosts;
	r->hosts = lt_calloc(r->nhosts, sizeof(*r->hosts));
	memcpy(r->hosts, options->hosts, r->nhosts * sizeof(*r->hosts));
	r->stop = options->stop;
	r->options = options->stream;
	r->options.semi_sync = true;
	r->clock = options->stream.clock != NULL ? options->stream.clock : lt_clock_real();
	r->orders = lt_queue_new(SIZE_MAX);
	r->wake = lt_wake_new();
	r->news = lt_wake_new();
	r->view = lt_cell_new(sizeof(struct binlog_relay_view));
	r->status = lt_cell_new(sizeof(struct binlog_relay_status));
	r->saved = lt_cell_new(sizeof(struct binlog_relay_saved_at));
	r->pause_ms = BINLOG_RELAY_PAUSE_MS;
	r->now.limit = r->limit;
	r->shown.generation = 1;
	change_position_init(&r->begin);
	if (!binlog_relay_log_open(&r->log, r->dir, r->limit, &cut, err)) {
		binlog_relay_free(r);
		return false;
	}
	if (cut > 0)
		lt_log(LT_LOG_WARN, "site %s: %llu bytes at the end of the relay log are no whole event, and cut off",
		    r->name, (unsigned long long)cut);
	binlog_relay_publish(r);
	r->thread = lt_thread_start("relay", binlog_relay_receive, r);
	*ret = r;
	return true;
}

void
binlog_relay_free(struct binlog_relay *r)
{
	if (r == NULL)
		return;
	atomic_store(&r->ending, true);
	lt_wake_raise(r->wake);
	lt_thread_join(r->thread);
	lt_queue_free(r->orders, binlog_relay_order_free);
	lt_wake_free(r->wake);
	lt_wake_free(r->news);
	lt_cell_free(r->view);
	lt_cell_free(r->status);
	lt_cell_free(r->saved);
	binlog_relay_log_close(&r->log);
	change_position_clear(&r->begin);
	free(r->hosts);
	free(r->name);
	free(r->dir);
	free(r);
}

static struct binlog_relay_order *
order_new(enum binlog_relay_order_kind kind, const struct change_position *from)
{
	struct binlog_relay_order *o = lt_new(struct binlog_relay_order);

	o->kind = kind;
	change_position_init(&o->from);
	if (from != NULL)
		change_position_copy(&o->from, from);
	return o;
}

/* Carried out when this returns: the receiver waits for nobody but a server that does not answer, and that no longer
 * than connections are waited for. */
static void
order(struct binlog_relay *r, struct binlog_relay_order *o)
{
	o->done = lt_wake_new();
	LT_ASSERT(lt_queue_push(r->orders, o, 1, -1) == LT_QUEUE_DONE);
	lt_wake_raise(r->wake);
	lt_wake_wait(o->done, -1);
}

bool
binlog_relay_open(struct binlog_relay *r, const struct change_position *from, const struct binlog_options *options,
    struct change_source **ret, struct lt_err *err)
{
	struct binlog_relay_order *o = order_new(BINLOG_RELAY_OPEN, from);
	struct binlog_feed *feed;
	struct lt_err mine = { 0 };
	bool ok = false;

	err = err != NULL ? err : &mine;
	order(r, o);
	if (!o->ok) {
		*err = o->err;
		goto out;
	}
	if (!binlog_relay_feed_open(r, o, &o->from, options, &feed, err))
		goto out;
	*ret = binlog_source_new(feed, &o->from, options, !o->by_gtid && o->from.place.last_pos != 0);
	lt_str_copy((*ret)->server, sizeof((*ret)->server), lt_str_z(o->server));
	if (!options->boundaries) {
		struct binlog_recall *recall = binlog_recall_new(&r->hosts[o->host], options);

		binlog_recall_kept(recall);
		binlog_source_recall(*ret, recall);
	}
	ok = true;
out:
	binlog_relay_order_free(o);
	return ok;
}

void
binlog_relay_saved(struct binlog_relay *r, const struct change_position *saved)
{
	struct binlog_relay_saved_at at = { .place = saved->place };
	uint64_t now;

	if (saved->place.file[0] != '\0') {
		memcpy(at.server, saved->server, sizeof(at.server));
		lt_cell_set(r->saved, &at);
		return;
	}
	/* Now and then: they may be many. */
	now = lt_mono_us(r->clock);
	if (now - atomic_load(&r->gtids_us) < GTIDS_US)
		return;
	atomic_store(&r->gtids_us, now);
	LT_ASSERT(lt_queue_push(r->orders, order_new(BINLOG_RELAY_SAVED, saved), 1, -1) == LT_QUEUE_DONE);
}

bool
binlog_relay_forget(struct binlog_relay *r, struct lt_err *err)
{
	static const struct binlog_relay_saved_at nowhere = { .server = "" };
	struct binlog_relay_order *o = order_new(BINLOG_RELAY_FORGET, NULL);
	bool ok;

	lt_cell_set(r->saved, &nowhere);
	order(r, o);
	ok = o->ok;
	if (!ok && err != NULL)
		*err = o->err;
	binlog_relay_order_free(o);
	return ok;
}

void
binlog_relay_status(struct binlog_relay *r, struct binlog_relay_status *out)
{
	lt_cell_get(r->status, out);
}
