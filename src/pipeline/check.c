#include "pipeline/check.h"

#include <stdarg.h>
#include <stdio.h>

#include "pipeline/check_priv.h"

/* -- lines ---------------------------------------------------------------------------------------- */

/* A name may hold anything, a line may not. */
static void
clean(struct lt_buf *b)
{
	for (size_t i = 0; i < b->len; i++) {
		if ((unsigned char)b->ptr[i] < 0x20 || b->ptr[i] == 0x7f)
			b->ptr[i] = ' ';
	}
}

struct line {
	enum pipeline_verdict verdict;
	const char *what, *where, *mend;
};

static void
say(struct check *k, const struct line *line, const char *fmt, va_list args)
{
	struct lt_buf what = { 0 }, detail = { 0 }, mend = { 0 };
	char text[2048];

	vsnprintf(text, sizeof(text), fmt, args);
	lt_buf_z(&detail, text);
	lt_buf_printf(&what, "%s %s", line->what, line->where);
	lt_buf_z(&mend, line->mend != NULL ? line->mend : "");
	clean(&what);
	clean(&detail);
	clean(&mend);
	k->failures += line->verdict == PIPELINE_FAIL;
	k->say(k->ctx, line->verdict, lt_buf_cstr(&what), lt_buf_cstr(&detail),
	    line->mend != NULL ? lt_buf_cstr(&mend) : NULL);
	lt_buf_free(&what);
	lt_buf_free(&detail);
	lt_buf_free(&mend);
}

void
pipeline_check_ok(struct check *k, const char *what, const char *where, const char *fmt, ...)
{
	struct line line = { PIPELINE_OK, what, where, NULL };
	va_list args;

	va_start(args, fmt);
	say(k, &line, fmt, args);
	va_end(args);
}

void
pipeline_check_warn(struct check *k, const char *what, const char *where, const char *mend, const char *fmt, ...)
{
	struct line line = { PIPELINE_WARN, what, where, mend };
	va_list args;

	va_start(args, fmt);
	say(k, &line, fmt, args);
	va_end(args);
}

void
pipeline_check_fail(struct check *k, const char *what, const char *where, const char *mend, const char *fmt, ...)
{
	struct line line = { PIPELINE_FAIL, what, where, mend };
	va_list args;

	va_start(args, fmt);
	say(k, &line, fmt, args);
	va_end(args);
}

void
pipeline_check_error(struct check *k, const char *what, const char *where, const struct lt_err *err)
{
	pipeline_check_fail(k, what, where, lt_code_hint(err->code), "E%d %s", (int)err->code, err->message);
}

bool
pipeline_check_is_first(const struct check *k, const struct model_pipeline *p)
{
	const struct model_pipeline *back = model_channel_back(k->channel, p);

	return back == NULL || p < back;
}

/* -- the whole ------------------------------------------------------------------------------------ */

static void
reach_sites(struct check *k)
{
	for (size_t i = 0; i < k->channel->nsites; i++) {
		struct check_site *s = &k->sites[i];

		s->model = &k->channel->sites[i];
		s->name = s->model->name;
		for (size_t j = 0; j < k->channel->npipelines; j++) {
			/* A shadow reads the target's log, too. */
			s->is_source |= k->channel->pipelines[j].from == i ||
					(k->channel->conflicts.shadow && k->channel->pipelines[j].to == i);
			s->is_target |= k->channel->pipelines[j].to == i;
		}
		pipeline_check_reach(k, s);
	}
	for (size_t i = 0; i < k->channel->nsites; i++) {
		if (k->sites[i].conn != NULL)
			pipeline_check_site(k, &k->sites[i]);
	}
}

static void
check_pipelines(struct check *k)
{
	struct check_tables *tables = lt_calloc(k->channel->npipelines, sizeof(*tables));
	size_t ntables = 0;

	for (size_t i = 0; i < k->channel->npipelines; i++) {
		const struct model_pipeline *p = &k->channel->pipelines[i];
		const char *where = NULL;
		struct lt_err err = { 0 };

		if (k->sites[p->from].conn == NULL || k->sites[p->to].conn == NULL) {
			pipeline_check_warn(k, "tables", p->name, NULL, "not checked: a site could not be reached");
			continue;
		}
		pipeline_check_between(k, p);
		if (!pipeline_check_tables_read(k, p, &tables[ntables], &where, &err)) {
			pipeline_check_error(k, "tables", where, &err);
			continue;
		}
		pipeline_check_tables(k, &tables[ntables]);
		ntables++;
	}
	for (size_t i = 0; i < ntables; i++) {
		const struct model_pipeline *p = tables[i].pipeline;

		if (p->from != k->channel->pipelines[0].from) /* who is as the first site is as all others */
			continue;
		if (k->decides && !pipeline_check_begun(k, p))
			pipeline_check_equal(k, &tables[i]);
		else
			pipeline_check_data(k, &tables[i]);
	}
	for (size_t i = 0; i < k->channel->nsites; i++) {
		if (k->sites[i].conn != NULL)
			pipeline_check_grants(k, i, tables, ntables);
	}
	for (size_t i = 0; i < ntables; i++)
		pipeline_check_tables_clear(&tables[i]);
	free(tables);
}

void
pipeline_check_leave(struct check *k)
{
	for (size_t i = 0; i < k->channel->nsites; i++) {
		my_rows_free(k->sites[i].vars);
		pipeline_held_free(k->sites[i].held);
		lt_buf_free(&k->sites[i].account);
		my_close(k->sites[i].conn);
	}
	free(k->sites);
}

size_t
pipeline_check(const struct model_channel *channel, const struct pipeline_check_decider *decider,
    pipeline_check_fn each, void *ctx)
{
	struct check k = { .channel = channel, .decider = decider, .say = each, .ctx = ctx };

	k.sites = lt_calloc(channel->nsites, sizeof(*k.sites));
	k.two_way = channel->pipelines[0].two_way;
	k.decides = channel->conflicts.on && !channel->conflicts.shadow;
	reach_sites(&k);
	check_pipelines(&k);
	pipeline_check_leave(&k);
	return k.failures;
}
