#include "node/verbs.h"

#include "node/audit.h"
#include "node/conflicts.h"
#include "node/explain.h"
#include "node/heal.h"
#include "node/peers.h"

/* What a pipeline may take over one order: comparing the tables of both ends is the longest. */
#define ORDER_TIMEOUT_MS 60000

struct verb {
	const char *name;
	size_t min_args, max_args;
	bool (*fn)(struct node *n, const struct node_frame *f, const struct node_caller *caller, struct lt_buf *text,
	    bool *found, struct lt_err *err);
};

void
node_view_get(struct node *n, struct node_view *out)
{
	out->channel = n->channel->name;
	out->pipelines = lt_realloc(out->pipelines, (n->count + 1) * sizeof(*out->pipelines));
	out->count = n->count;
	for (size_t i = 0; i < n->count; i++) {
		out->pipelines[i].name = pipeline_name(n->pipelines[i]);
		pipeline_status_get(n->pipelines[i], &out->pipelines[i].status);
		out->pipelines[i].semi_sync = node_origin_relay_status(n->origins[i], &out->pipelines[i].relay);
	}
	out->nsites = 0;
	out->sites = lt_realloc(out->sites, (n->channel->nsites + 1) * sizeof(*out->sites));
	for (size_t i = 0; i < n->channel->nsites; i++) {
		struct converge_site *site = node_converge_site(n->converge, i);

		if (site == NULL)
			continue;
		out->sites[out->nsites].name = n->channel->sites[i].name;
		converge_site_status(site, &out->sites[out->nsites++].status);
	}
}

static bool
verb_status(struct node *n, const struct node_frame *f, const struct node_caller *caller, struct lt_buf *text,
    bool *found, struct lt_err *err)
{
	struct node_view v = { 0 };

	(void)caller;
	(void)err;
	node_view_get(n, &v);
	*found = node_view_state(&v) == PIPELINE_STOPPED || node_sites_diverged(v.sites, v.nsites) > 0;
	if (lt_str_eqz(f->args[1], "json"))
		node_status_json(&v, text);
	else
		node_status_text(&v, text);
	node_view_clear(&v);
	return true;
}

static bool
verb_wait(struct node *n, const struct node_frame *f, const struct node_caller *caller, struct lt_buf *text,
    bool *found, struct lt_err *err)
{
	uint64_t ms = 0;
	bool limited = !lt_str_eqz(f->args[1], "-");

	(void)found;
	if (limited && (!lt_str_u64(f->args[1], &ms) || ms > INT64_MAX / 1000000))
		return lt_fail(err, LT_E_USAGE, "time limit '%.*s'", LT_FMT(f->args[1]));
	return node_wait(n, limited ? (int64_t)ms : -1, caller->gone, text, err);
}

static bool
find_pipeline(struct node *n, struct lt_str name, struct pipeline **ret, struct lt_err *err)
{
	struct lt_buf names = { 0 };

	for (size_t i = 0; i < n->count; i++) {
		if (lt_str_eqz(name, pipeline_name(n->pipelines[i]))) {
			*ret = n->pipelines[i];
			lt_buf_free(&names);
			return true;
		}
		lt_buf_printf(&names, "%s'%s'", i > 0 ? ", " : "", pipeline_name(n->pipelines[i]));
	}
	lt_fail(err, LT_E_NO_SUCH_PIPELINE, "no pipeline '%.*s'; there is %s (in quotes, for the shell)", LT_FMT(name),
	    lt_buf_cstr(&names));
	lt_buf_free(&names);
	return false;
}

static bool
carry_out(struct node *n, struct lt_str pipeline, const struct pipeline_command *command, struct lt_buf *text,
    struct lt_err *err)
{
	struct pipeline *p;

	if (!find_pipeline(n, pipeline, &p, err))
		return false;
	if (!pipeline_do(p, command, ORDER_TIMEOUT_MS, text, err)) {
		lt_str_copy(err->where.pipeline, sizeof(err->where.pipeline), pipeline);
		return false;
	}
	for (size_t i = 0; command->order == PIPELINE_DDL_DONE && i < n->count; i++) {
		if (n->pipelines[i] != p)
			pipeline_nudge(n->pipelines[i]);
	}
	lt_buf_c(text, '\n');
	return true;
}

static bool
order(struct node *n, const struct node_frame *f, const struct node_caller *caller, enum pipeline_order what,
    struct lt_buf *text, struct lt_err *err)
{
	struct pipeline_command command = {
		.order = what, .why = f->args[2], .who = caller->who, .gone = caller->gone
	};

	return carry_out(n, f->args[1], &command, text, err);
}

static bool
verb_retry(struct node *n, const struct node_frame *f, const struct node_caller *caller, struct lt_buf *text,
    bool *found, struct lt_err *err)
{
	(void)found;
	return order(n, f, caller, PIPELINE_RETRY, text, err);
}

static bool
verb_skip(struct node *n, const struct node_frame *f, const struct node_caller *caller, struct lt_buf *text,
    bool *found, struct lt_err *err)
{
	(void)found;
	return order(n, f, caller, PIPELINE_SKIP, text, err);
}

static bool
verb_ddl_done(struct node *n, const struct node_frame *f, const struct node_caller *caller, struct lt_buf *text,
    bool *found, struct lt_err *err)
{
	(void)found;
	return order(n, f, caller, PIPELINE_DDL_DONE, text, err);
}

static bool
verb_pause(struct node *n, const struct node_frame *f, const struct node_caller *caller, struct lt_buf *text,
    bool *found, struct lt_err *err)
{
	(void)found;
	return order(n, f, caller, PIPELINE_PAUSE, text, err);
}

static bool
verb_resume(struct node *n, const struct node_frame *f, const struct node_caller *caller, struct lt_buf *text,
    bool *found, struct lt_err *err)
{
	(void)found;
	return order(n, f, caller, PIPELINE_RESUME, text, err);
}

/* replace PIPELINE WHY sql STATEMENT..., or row JSON */
static bool
verb_replace(struct node *n, const struct node_frame *f, const struct node_caller *caller, struct lt_buf *text,
    bool *found, struct lt_err *err)
{
	struct pipeline_replacement instead = { 0 };
	struct pipeline_command command = { .order = PIPELINE_REPLACE,
		.why = f->args[2],
		.who = caller->who,
		.gone = caller->gone,
		.instead = &instead };

	(void)found;
	if (lt_str_eqz(f->args[3], "row") && f->count == 5)
		instead.row = f->args[4];
	for (size_t i = 4; i < f->count && lt_str_eqz(f->args[3], "sql"); i++)
		instead.statements[instead.count++] = f->args[i];
	if (instead.row.ptr == NULL && instead.count == 0)
		return lt_fail(err, LT_E_CONTROL, "replace by '%.*s'", LT_FMT(f->args[3]));
	return carry_out(n, f->args[1], &command, text, err);
}

static bool
verb_log(struct node *n, const struct node_frame *f, const struct node_caller *caller, struct lt_buf *text, bool *found,
    struct lt_err *err)
{
	struct node_log_wish wish = {
		.json = lt_str_eqz(f->args[1], "json"), .pipeline = f->args[3], .stop = caller->gone
	};
	struct pipeline *p;
	uint64_t limit;

	(void)found;
	if (!lt_str_u64(f->args[2], &limit) || limit > NODE_LOG_MAX)
		return lt_fail(
		    err, LT_E_USAGE, "--limit %.*s: a number up to %d is wanted", LT_FMT(f->args[2]), NODE_LOG_MAX);
	if (wish.pipeline.len > 0 && !find_pipeline(n, wish.pipeline, &p, err))
		return false;
	wish.limit = (size_t)limit;
	return node_log(n->channel, &wish, text, err);
}

static bool
verb_conflicts(struct node *n, const struct node_frame *f, const struct node_caller *caller, struct lt_buf *text,
    bool *found, struct lt_err *err)
{
	(void)found;
	if (lt_str_eqz(f->args[2], "replay"))
		return node_conflicts_replay(n->channel, f, caller->who, caller->gone, text, err);
	return node_conflicts(n->channel, f, caller->gone, text, err);
}

static bool
verb_site_remove(struct node *n, const struct node_frame *f, const struct node_caller *caller, struct lt_buf *text,
    bool *found, struct lt_err *err)
{
	struct node_farewell farewell = { .who = caller->who, .why = f->args[2], .gone = caller->gone };

	if (!lt_str_u64(f->args[1], &farewell.id))
		return lt_fail(err, LT_E_USAGE, "site remove %.*s: the id of a site is wanted", LT_FMT(f->args[1]));
	return node_peer_remove(n, &farewell, text, found, err);
}

static bool
verb_site_heal(struct node *n, const struct node_frame *f, const struct node_caller *caller, struct lt_buf *text,
    bool *found, struct lt_err *err)
{
	const struct node_healing healing = {
		.site = f->args[1], .why = f->args[2], .who = caller->who, .gone = caller->gone
	};

	(void)found;
	return node_heal(n, &healing, text, err);
}

static struct converge_site *
site_of(void *ctx, size_t site)
{
	const struct node *n = ctx;

	return node_converge_site(n->converge, site);
}

static bool
verb_explain(struct node *n, const struct node_frame *f, const struct node_caller *caller, struct lt_buf *text,
    bool *found, struct lt_err *err)
{
	const struct node_explain_wish wish = {
		.channel = n->channel, .site = site_of, .ctx = n, .stop = caller->gone
	};

	(void)found;
	return node_explain(&wish, f, text, err);
}

/* The start that args[3..] name. What is owned is the caller's to free. */
static bool
read_start(const struct node_frame *f, struct model_start *out, struct lt_err *err)
{
	struct lt_str kind = f->args[3];

	if (lt_str_eqz(kind, "now") && f->count == 4) {
		out->kind = MODEL_START_NOW;
		return true;
	}
	if (lt_str_eqz(kind, "gtid") && f->count == 5) {
		out->kind = MODEL_START_GTID;
		out->gtid = lt_str_dup(f->args[4]);
		return true;
	}
	if (lt_str_eqz(kind, "place") && f->count == 6 && lt_str_u64(f->args[5], &out->pos)) {
		out->kind = MODEL_START_PLACE;
		out->file = lt_str_dup(f->args[4]);
		return true;
	}
	if (lt_str_eqz(kind, "time") && f->count == 5 && lt_str_u64(f->args[4], &out->time_us)) {
		out->kind = MODEL_START_TIME;
		return true;
	}
	return lt_fail(err, LT_E_USAGE, "position of kind '%.*s' with %zu words", LT_FMT(kind), f->count - 4);
}

static bool
verb_position(struct node *n, const struct node_frame *f, const struct node_caller *caller, struct lt_buf *text,
    bool *found, struct lt_err *err)
{
	struct model_start start = { 0 };
	struct pipeline_command command = { .order = PIPELINE_POSITION,
		.why = f->args[2],
		.who = caller->who,
		.gone = caller->gone,
		.position = &start };
	bool ok;

	(void)found;
	ok = read_start(f, &start, err) && carry_out(n, f->args[1], &command, text, err);
	free(start.gtid);
	free(start.file);
	return ok;
}

static const struct verb verbs[] = {
	{ "status", 1, 1, verb_status },
	{ "wait", 1, 1, verb_wait },
	{ "retry", 2, 2, verb_retry },
	{ "skip", 2, 2, verb_skip },
	{ "ddl-done", 2, 2, verb_ddl_done },
	{ "position", 3, 5, verb_position },
	{ "replace", 4, NODE_FRAME_ARGS - 1, verb_replace },
	{ "pause", 2, 2, verb_pause },
	{ "resume", 2, 2, verb_resume },
	{ "log", 3, 3, verb_log },
	{ "conflicts", 3, NODE_FRAME_ARGS - 1, verb_conflicts },
	{ "explain", 3, NODE_FRAME_ARGS - 1, verb_explain },
	{ "site-remove", 2, 2, verb_site_remove },
	{ "site-heal", 2, 2, verb_site_heal },
};

static bool
dispatch(struct node *n, const struct node_frame *f, const struct node_caller *caller, struct lt_buf *text, bool *found,
    struct lt_err *err)
{
	for (size_t i = 0; f->count > 0 && i < LT_COUNT(verbs); i++) {
		const struct verb *v = &verbs[i];

		if (!lt_str_eqz(f->args[0], v->name))
			continue;
		if (f->count - 1 < v->min_args || f->count - 1 > v->max_args)
			return lt_fail(err, LT_E_CONTROL, "'%s' with %zu words", v->name, f->count - 1);
		return v->fn(n, f, caller, text, found, err);
	}
	return lt_fail(err, LT_E_CONTROL, "unknown request '%.*s'", LT_FMT(f->count > 0 ? f->args[0] : LT_STR("")));
}

void
node_verb(struct node *n, const struct node_frame *request, const struct node_caller *caller, struct lt_buf *answer)
{
	struct lt_buf text = { 0 };
	struct lt_err err = { 0 };
	bool found = false;

	if (dispatch(n, request, caller, &text, &found, &err))
		node_frame_ok(lt_buf_str(&text), found, answer);
	else
		node_frame_error(&err, answer);
	lt_buf_free(&text);
}
