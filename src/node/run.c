#include "node/run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "arbiter/embedded.h"
#include "base/log.h"
#include "base/thread.h"
#include "node/control.h"
#include "node/folder.h"
#include "node/http.h"
#include "node/told.h"

/* The contract gives ten seconds to an end; what is not done by then is undone by the databases, as after a kill. */
#define END_MS 8500
/* Parts of a transaction that spilled: a small share of its memory; beyond the largest they get no faster. */
#define PART_SHARES 8
#define PART_MIN ((size_t)64 << 10)
#define PART_MAX ((size_t)2 << 20)
static const int end_signals[] = { SIGTERM, SIGINT };

/* Owned by the main thread; handed to the ending thread once the loop has stopped. */
struct runner {
	struct node node;
	struct model_channel *channel;   /* owned */
	struct pipeline_origin *ops;     /* owned; of the node's origins, or of who stands before them */
	const char *data;                /* borrowed: the data folder */
	char *spill;                     /* owned: the folder of large transactions */
	struct change_spill_room *rooms; /* owned; in it, for each pipeline */
	struct arbiter_lock *lock;       /* owned */
	struct event_base *loop;         /* owned */
	struct event *signals[LT_COUNT(end_signals)], *look; /* owned */
	struct node_control *control;                        /* owned */
	struct node_http *http;                              /* owned */
	struct node_told *told;                              /* owned */
	bool ready;                                          /* said */
	struct lt_wake *changed; /* owned; raised by the pipelines: states are to be looked at */
	struct lt_wake *ended;   /* owned; raised by the ending thread */
};

/* -- while it runs -------------------------------------------------------------------------------- */

static void
log_state(const char *name, const struct pipeline_status *s)
{
	static const enum lt_level levels[] = { [PIPELINE_RETRYING] = LT_LOG_WARN,
		[PIPELINE_STOPPED] = LT_LOG_ERROR,
		[PIPELINE_STARTING] = LT_LOG_INFO,
		[PIPELINE_RUNNING] = LT_LOG_INFO,
		[PIPELINE_PAUSED] = LT_LOG_INFO,
		[PIPELINE_ENDED] = LT_LOG_INFO };
	struct lt_buf text = { 0 };

	lt_buf_printf(&text, "pipeline %s is %s", name,
	    s->state == PIPELINE_STARTING ? "starting" : pipeline_state_name(s->state));
	if (s->err.code != LT_OK) {
		struct lt_err e = s->err;
		struct lt_buf why = { 0 };

		e.where.pipeline[0] = '\0'; /* named already */
		lt_err_text(&e, &why);
		lt_buf_printf(&text, ": %s", lt_buf_cstr(&why) + strlen("lutra: "));
		lt_buf_free(&why);
	}
	if (s->tries > 1) {
		lt_buf_z(&text, " (");
		node_tries_text(s, &text);
		lt_buf_c(&text, ')');
	}
	lt_log(s->err.code == LT_E_UNTIL ? LT_LOG_INFO : levels[s->state], "%s", lt_buf_cstr(&text));
	lt_buf_free(&text);
}

static void
look_at_states(struct runner *r)
{
	struct node_view v = { 0 };

	node_view_get(&r->node, &v);
	for (size_t i = 0; i < v.count; i++) {
		if (node_told_due(&r->told[i], &v.pipelines[i].status, lt_mono_us(r->node.clock)))
			log_state(v.pipelines[i].name, &v.pipelines[i].status);
	}
	node_view_clear(&v);
}

static void
say_ready(struct runner *r)
{
	for (size_t i = 0; i < r->node.count; i++) {
		if (!pipeline_is_ready(r->node.pipelines[i]))
			return;
	}
	r->ready = true;
	lt_log(LT_LOG_INFO, "channel %s is ready", r->channel->name);
	if (puts("ready") == EOF || fflush(stdout) != 0)
		lt_log(LT_LOG_WARN, "cannot write `ready` to standard output: %s", strerror(errno));
}

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	struct runner *r = arg;

	(void)fd;
	(void)what;
	lt_wake_clear(r->changed);
	look_at_states(r);
	if (!r->ready)
		say_ready(r);
}

static void
on_signal(evutil_socket_t number, short what, void *arg)
{
	struct runner *r = arg;

	(void)what;
	lt_log(LT_LOG_INFO, "ending: signal %d", (int)number);
	event_base_loopbreak(r->loop);
}

static void
on_stop(void *arg)
{
	struct runner *r = arg;

	lt_log(LT_LOG_INFO, "ending: `lutra stop`");
	event_base_loopbreak(r->loop);
}

/* -- begin and end -------------------------------------------------------------------------------- */

static void
make_room(const struct runner *r, struct change_spill_room *room)
{
	room->dir = r->spill;
	room->make = true;
	room->limit = r->channel->spill_bytes;
	room->memory_bytes = r->channel->memory_bytes / PIPELINE_MEMORY_SHARES;
	room->part_bytes = LT_MIN(LT_MAX(room->memory_bytes / PART_SHARES, PART_MIN), PART_MAX);
}

static void
make_node(struct runner *r)
{
	size_t n = r->channel->npipelines;

	r->node.channel = r->channel;
	r->node.clock = lt_clock_real();
	r->node.origins = lt_calloc(n, sizeof(struct node_origin *));
	r->node.traces = lt_calloc(n, sizeof(struct node_trace *));
	r->node.pipelines = lt_calloc(n, sizeof(struct pipeline *));
	r->ops = lt_calloc(n, sizeof(*r->ops));
	r->rooms = lt_calloc(n, sizeof(*r->rooms));
	r->told = lt_calloc(n, sizeof(*r->told));
}

static void
free_origins(struct runner *r)
{
	for (size_t i = 0; r->node.origins != NULL && i < r->channel->npipelines; i++) {
		node_origin_free(r->node.origins[i]);
		r->node.origins[i] = NULL;
	}
}

/* Before any pipeline starts: a folder that cannot be used ends the run. */
static bool
make_origins(struct runner *r, const char *data, struct lt_err *err)
{
	const struct model_channel *channel = r->channel;
	bool ok = true;

	for (size_t i = 0; ok && i < channel->npipelines; i++) {
		const struct model_site *site = &channel->sites[channel->pipelines[i].from];
		struct node_origin *o = node_origin_new(site, channel->memory_bytes, r->node.clock);
		char *folder = NULL;

		make_room(r, &r->rooms[i]);
		node_origin_spill(o, &r->rooms[i]);
		r->node.origins[i] = o;
		if (site->semi_sync)
			ok = node_folder_relay(data, site->name, &folder, err) &&
			     node_origin_relay(o, folder, channel->relay_bytes, err);
		free(folder);
	}
	return ok;
}

static void
start_pipelines(struct runner *r)
{
	const struct model_channel *channel = r->channel;
	struct change_spill_room room = { 0 };

	make_room(r, &room);
	r->node.converge = node_converge_start(channel, &room, r->node.clock);
	for (size_t i = 0; i < channel->npipelines; i++) {
		struct pipeline_origin inner = node_origin_ops(r->node.origins[i]);
		struct pipeline_trace trace;

		inner.changed = r->changed;
		r->ops[i] = node_converge_origin(r->node.converge, i, &inner);
		r->node.traces[i] = node_trace_new(r->data, channel, i);
		trace = node_trace_ops(r->node.traces[i]);
		r->node.pipelines[i] = pipeline_start(channel, i, &r->ops[i], &trace, r->node.clock);
		r->node.count = i + 1;
	}
}

static void
open_loop(struct runner *r)
{
	r->loop = event_base_new();
	LT_ASSERT(r->loop != NULL);
	for (size_t i = 0; i < LT_COUNT(end_signals); i++) {
		r->signals[i] = evsignal_new(r->loop, end_signals[i], on_signal, r);
		LT_ASSERT(r->signals[i] != NULL && event_add(r->signals[i], NULL) == 0);
	}
	r->look = event_new(r->loop, lt_wake_fd(r->changed), EV_READ | EV_PERSIST, on_look, r);
	LT_ASSERT(r->look != NULL && event_add(r->look, NULL) == 0);
}

static void
end_all(void *arg)
{
	struct runner *r = arg;

	for (size_t i = 0; i < r->node.count; i++)
		pipeline_end(r->node.pipelines[i]);
	node_converge_end(r->node.converge);
	if (r->control != NULL)
		node_control_end(r->control);
	for (size_t i = 0; i < r->node.count; i++) {
		pipeline_free(r->node.pipelines[i]);
		node_trace_free(r->node.traces[i]);
	}
	r->node.count = 0;
	node_converge_free(r->node.converge);
	r->node.converge = NULL;
	free_origins(r);
	lt_wake_raise(r->ended);
}

static void
end_in_time(struct runner *r)
{
	struct lt_thread *ending = lt_thread_start("ending", end_all, r);

	if (!lt_wake_wait(r->ended, END_MS)) {
		lt_log(LT_LOG_WARN,
		    "a server keeps a pipeline waiting: its transaction in hand is left to be rolled back");
		_exit(0);
	}
	lt_thread_join(ending);
}

static void
runner_close(struct runner *r)
{
	node_http_free(r->http);
	free_origins(r);
	arbiter_unlock(r->lock);
	/* Last, so that whoever asked to stop finds the folder free. */
	node_control_free(r->control);
	for (size_t i = 0; i < LT_COUNT(end_signals); i++) {
		if (r->signals[i] != NULL)
			event_free(r->signals[i]);
	}
	if (r->look != NULL)
		event_free(r->look);
	if (r->loop != NULL)
		event_base_free(r->loop);
	free(r->node.origins);
	free(r->node.traces);
	free(r->node.pipelines);
	free(r->ops);
	free(r->rooms);
	free(r->told);
	model_channel_free(r->channel);
	free(r->spill);
	lt_wake_free(r->changed);
	lt_wake_free(r->ended);
}

bool
node_run(const struct node_run_options *options, struct lt_err *err)
{
	struct runner r = { .data = options->data, .changed = lt_wake_new(), .ended = lt_wake_new() };
	bool ok = false;

	if (!model_channel_load(options->file, &r.channel, err))
		goto out;
	if (!node_folder_make(options->data, err) || !arbiter_lock(options->data, &r.lock, err) ||
	    !node_folder_spill(options->data, &r.spill, err))
		goto out;
	make_node(&r);
	if (!make_origins(&r, options->data, err))
		goto out;
	open_loop(&r);
	if (options->listen != NULL && !node_http_open(options->listen, r.loop, &r.node, &r.http, err))
		goto out;
	if (!node_control_open(options->data, r.loop, &r.node, on_stop, &r, &r.control, err))
		goto out;

	start_pipelines(&r);
	lt_log(LT_LOG_INFO, "channel %s: %zu pipeline%s", r.channel->name, r.node.count, r.node.count == 1 ? "" : "s");
	event_base_dispatch(r.loop);
	end_in_time(&r);
	ok = true;
out:
	runner_close(&r);
	return ok;
}
