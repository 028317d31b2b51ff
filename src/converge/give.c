#include "converge/give.h"

#include "base/cur.h"
#include "converge/heal_priv.h"
#include "converge/regain.h"
#include "mysql/sql.h"
#include "pipeline/connect.h"

/* So long a server may take to name what is in its log, and in what steps it is asked. */
#define HAS_MS 2000
#define HAS_STEP_MS 100

struct converge_give {
	const struct model_channel *channel; /* borrowed, as the next four */
	const struct model_pipeline *pipeline;
	struct converge_site *from, *to;
	struct lt_wake *stop;           /* may be NULL */
	uint32_t origin;                /* that the target writes as */
	struct converge_regain *regain; /* owned */
};

struct converge_give *
converge_give_new(const struct model_channel *channel, const struct model_pipeline *pipeline,
    struct converge_site *from, struct converge_site *to, struct lt_wake *stop)
{
	struct converge_give *g = lt_new(struct converge_give);

	g->channel = channel;
	g->pipeline = pipeline;
	g->from = from;
	g->to = to;
	g->stop = stop;
	return g;
}

void
converge_give_free(struct converge_give *g)
{
	if (g == NULL)
		return;
	converge_regain_free(g->regain);
	free(g);
}

/* The target cannot be asked just now: that passes. */
static bool
not_now(struct lt_err *err)
{
	if (err->code == LT_E_FENCE_LATE)
		err->code = LT_E_SERVER_BUSY;
	return false;
}

/* -- whether the target's server has what was sent from it ---------------------------------------- */

/* Of a MariaDB domain each server's own newest counts: numbers go on at whoever stands in. */
static bool
has_each(struct lt_str state, const struct change_gtid *wanted)
{
	struct lt_cur in = lt_cur_str(state);
	bool has = false;

	while (lt_cur_left(&in) > 0 && !has) {
		const uint8_t *end = memchr(in.at, ',', lt_cur_left(&in));
		size_t len = end != NULL ? (size_t)(end - in.at) : lt_cur_left(&in);
		struct change_gtid one;

		has = change_gtid_parse(lt_str_of(in.at, len), &one, NULL) && one.domain == wanted->domain &&
		      one.server_id == wanted->server_id && one.seq >= wanted->seq;
		lt_cur_take(&in, LT_MIN(len + 1, lt_cur_left(&in)));
	}
	return has;
}

static bool
mariadb_has(struct lt_str state, struct lt_str sent)
{
	struct lt_cur in = lt_cur_str(sent);
	bool has = true;

	while (lt_cur_left(&in) > 0 && has) {
		const uint8_t *end = memchr(in.at, ',', lt_cur_left(&in));
		size_t len = end != NULL ? (size_t)(end - in.at) : lt_cur_left(&in);
		struct change_gtid one;

		has = change_gtid_parse(lt_str_of(in.at, len), &one, NULL) && has_each(state, &one);
		lt_cur_take(&in, LT_MIN(len + 1, lt_cur_left(&in)));
	}
	return has;
}

static bool
ask_has(struct my_conn *there, struct lt_str sent, bool *has, struct lt_err *err)
{
	bool mariadb = my_conn_server(there)->flavor == MY_MARIADB;
	struct my_rows *rows = NULL;
	struct lt_buf sql = { 0 };
	bool ok;

	if (mariadb) {
		lt_buf_z(&sql, "SELECT @@GLOBAL.gtid_binlog_state");
	} else {
		lt_buf_z(&sql, "SELECT GTID_SUBSET(");
		my_sql_text(&sql, sent);
		lt_buf_z(&sql, ", @@GLOBAL.gtid_executed)");
	}
	ok = my_query(there, lt_buf_cstr(&sql), &rows, err) &&
	     (rows->nrows == 1 || lt_fail(err, LT_E_PROTOCOL, "the server does not say what it has executed"));
	if (ok)
		*has = mariadb ? mariadb_has(my_rows_at(rows, 0, 0), sent) : lt_str_eqz(my_rows_at(rows, 0, 0), "1");
	my_rows_free(rows);
	lt_buf_free(&sql);
	return ok;
}

static bool
fail_behind(const struct converge_give *g, const struct change_position *sent, struct lt_err *err)
{
	struct lt_buf text = { 0 };

	change_gtid_set_text(sent->gtids, &text);
	lt_fail(err, LT_E_TAIL_LOST,
	    "the server that stands for site %s lacks the end of its log: site %s has it up to %s:%llu (%s)",
	    g->channel->sites[g->pipeline->to].name, g->channel->sites[g->pipeline->from].name, sent->place.file,
	    (unsigned long long)sent->place.pos, lt_buf_cstr(&text));
	lt_buf_free(&text);
	return false;
}

/* The same server: its log must have what was read of it. Numbers of transactions that a crash took are given again. A
 * file that was removed since cannot be asked. */
static bool
ask_place(struct converge_give *g, struct my_conn *there, const struct change_position *sent, bool *asked, bool *has,
    struct lt_err *err)
{
	const struct pipeline_origin *origin = &g->to->origin;
	struct change_position end;
	char server[64];
	bool ok;

	*asked = false;
	if (!origin->identity(origin->ctx, there, server, err))
		return false;
	if (strcmp(server, sent->server) != 0 || sent->place.file[0] == '\0' || sent->place.last_pos == 0)
		return true;
	*asked = true;
	if (converge_crash_log_has(origin, server, &sent->place, has, err))
		return true;
	if (err->code != LT_E_LOG_PURGED)
		return false;
	*err = (struct lt_err){ 0 };
	change_position_init(&end);
	ok = origin->now(origin->ctx, &end, err);
	*asked = ok && change_place_cmp(&sent->place, &end.place) > 0;
	change_position_clear(&end);
	return ok;
}

/* What was sent by now, and whether it is there; `*sure`: nothing more is to be waited for. */
static bool
compare(struct converge_give *g, struct my_conn *here, struct my_conn *there, struct change_position *sent, bool *sure,
    bool *has, struct lt_err *err)
{
	const struct model_pipeline *back = model_channel_back(g->channel, g->pipeline);
	struct lt_buf text = { 0 };
	bool ok;

	if (!converge_store_lane(g->channel, (size_t)(back - g->channel->pipelines), here, sent, err)) {
		*has = err->code == LT_E_TABLE_MISSING; /* nothing was sent yet */
		if (*has)
			*err = (struct lt_err){ 0 };
		return *has;
	}
	if (!ask_place(g, there, sent, sure, has, err))
		return false;
	if (*sure)
		return true;
	change_gtid_set_text(sent->gtids, &text);
	ok = ask_has(there, lt_buf_str(&text), has, err);
	lt_buf_free(&text);
	return ok;
}

/* Asked whenever the pipeline begins to write at a server: before it moves anything there. MySQL names a transaction a
 * moment after its log has it. */
static bool
check_log(struct converge_give *g, struct lt_err *err)
{
	struct my_conn *here = NULL, *there = NULL;
	struct change_position sent;
	bool ok, has = false, sure = false;

	change_position_init(&sent);
	ok = pipeline_connect(&g->channel->sites[g->pipeline->from], false, g->stop, &here, err) &&
	     pipeline_connect(&g->channel->sites[g->pipeline->to], false, g->stop, &there, err);
	for (unsigned waited_ms = 0; ok && !has && !sure && waited_ms <= HAS_MS; waited_ms += HAS_STEP_MS) {
		if (waited_ms > 0 && g->stop != NULL)
			lt_wake_wait(g->stop, HAS_STEP_MS);
		ok = compare(g, here, there, &sent, &sure, &has, err);
	}
	ok = ok && (has || fail_behind(g, &sent, err));
	my_close(here);
	my_close(there);
	change_position_clear(&sent);
	return ok;
}

bool
converge_give_begin(struct converge_give *g, struct lt_err *err)
{
	converge_regain_free(g->regain);
	g->regain = converge_regain_new(g->channel, g->pipeline, g->stop);
	return check_log(g, err) && (converge_site_origin(g->to, g->stop, &g->origin, err) || not_now(err));
}

static uint32_t
incarnation(uint32_t origin)
{
	return origin >> CONFLICT_SITE_BITS;
}

static bool
give_may(void *ctx)
{
	const struct converge_give *g = ctx;

	return incarnation(g->origin) > 0;
}

/* -- what is missing ------------------------------------------------------------------------------ */

static bool
give_back(struct converge_give *g, struct change_txn *t, const struct conflict_mark *mark, struct lt_err *err)
{
	const struct converge_told *known = converge_told_of(t);
	const uint32_t *owner;
	struct converge_told *told;
	size_t owners;
	char *bytes;

	if (!converge_regain_rows(g->regain, t, mark, &owner, err))
		return false;
	owners = t->nrows * sizeof(*owner);
	told = lt_calloc(1, sizeof(*told) + owners + known->mark.len);
	bytes = (char *)(told + 1) + owners;
	if (owners > 0)
		memcpy(told + 1, owner, owners);
	memcpy(bytes, known->mark.ptr, known->mark.len);
	*told = (struct converge_told){ .kind = CONVERGE_GIVEN,
		.mark = lt_str_of(bytes, known->mark.len),
		.owner = (const uint32_t *)(const void *)(told + 1) };
	free(t->told);
	t->told = told;
	t->own = false;
	t->kept = true;
	return true;
}

static bool
fail_lost(const struct converge_give *g, struct conflict_version first, struct lt_err *err)
{
	uint64_t have = converge_site_seen(g->to, first.origin), had = converge_site_seen(g->from, first.origin);

	return lt_fail(err, LT_E_TAIL_LOST,
	    "site %s has lost the end of its log: its transactions up to number %llu are there, site %s has them up to "
	    "number %llu, so it lacks %llu at most",
	    g->channel->sites[g->pipeline->to].name, (unsigned long long)have,
	    g->channel->sites[g->pipeline->from].name, (unsigned long long)had,
	    (unsigned long long)(had > have ? had - have : 0));
}

/* Who is given something twice takes it once, but for rows of tables that one site alone writes. So what survived is
 * never given, though the site's log may not be read so far yet. */
static bool
was_lost(struct converge_give *g, struct conflict_version version, bool lacks)
{
	uint64_t survived = converge_site_survived(g->to, version.origin);

	if (survived == UINT64_MAX)
		return lacks;
	return version.seq > survived && (lacks || converge_regain_is_first(g->regain));
}

static bool
look_at(struct converge_give *g, struct conflict_version version, bool *give, struct lt_err *err)
{
	bool lacks = converge_site_seen(g->to, version.origin) < version.seq;
	bool earlier = incarnation(version.origin) < incarnation(g->origin);

	*give = *give || (earlier && was_lost(g, version, lacks));
	if (!lacks || earlier)
		return true;
	if (!converge_site_lacks(g->to, version, g->stop, &lacks, err))
		return not_now(err);
	return !lacks || fail_lost(g, version, err);
}

static bool
give_look(void *ctx, struct change_txn *t, const struct conflict_mark *mark, struct lt_err *err)
{
	struct converge_give *g = ctx;
	uint32_t site = g->channel->sites[g->pipeline->to].id;
	bool give = false;

	for (uint32_t i = 0; i < mark->ntxns; i++) {
		if (conflict_origin_site(mark->txns[i].version.origin) == site &&
		    !look_at(g, mark->txns[i].version, &give, err))
			return false;
	}
	return !give || give_back(g, t, mark, err);
}

struct converge_giver
converge_give_ops(struct converge_give *g)
{
	return (struct converge_giver){ give_may, give_look, g };
}
