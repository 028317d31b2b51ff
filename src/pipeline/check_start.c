/* What of the preflight is asked again whenever a pipeline begins, since people forget `lutra check`. */
#include "pipeline/check_priv.h"
#include "pipeline/connect.h"

/* The first thing that fails. */
struct finding {
	struct lt_err *err;
	size_t failures;
};

static void
take_finding(void *ctx, enum pipeline_verdict verdict, const char *what, const char *detail, const char *mend)
{
	struct finding *f = ctx;

	if (verdict != PIPELINE_FAIL || f->failures++ > 0)
		return;
	lt_fail(f->err, LT_E_CONFLICT_TABLE, "rows would end unequal: %s: %s; mend: %s", what, detail,
	    mend != NULL ? mend : "see `lutra check FILE`");
}

/* Only what the checks below ask for. */
static bool
reach(const struct check *k, size_t site, struct lt_wake *stop, struct lt_err *err)
{
	struct check_site *s = &k->sites[site];

	s->model = &k->channel->sites[site];
	s->name = s->model->name;
	if (!pipeline_connect(s->model, false, stop, &s->conn, err))
		return false;
	my_set_io_timeout(s->conn, PIPELINE_IO_TIMEOUT_MS);
	s->mariadb = my_conn_server(s->conn)->flavor == MY_MARIADB;
	s->version = my_conn_server(s->conn)->version;
	return my_exec(s->conn, "SET SESSION sql_mode = '', lock_wait_timeout = 5", NULL, err) &&
	       my_query(s->conn,
		   "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('lower_case_table_names', 'innodb_native_foreign_keys')",
		   &s->vars, err) &&
	       pipeline_check_read_grants(s, err);
}

static bool
look(struct check *k, const struct model_pipeline *p, bool alike, struct lt_err *err)
{
	struct finding *found = k->ctx;
	struct check_tables tables;
	const char *where = NULL;

	if (!pipeline_check_tables_read(k, p, &tables, &where, err))
		return lt_wrap(err, "while reading the tables of site %s", where);
	pipeline_check_tables_converge(k, &tables);
	if (alike)
		pipeline_check_alike(k, &tables);
	pipeline_check_tables_clear(&tables);
	if (k->passing.code != LT_OK) {
		*err = k->passing;
		return lt_wrap(err, "while looking at the tables of site %s", k->sites[p->to].name);
	}
	return found->failures == 0;
}

bool
pipeline_check_converges(const struct model_channel *channel, const struct model_pipeline *p,
    const struct pipeline_check_decider *decider, bool alike, struct lt_wake *stop, struct lt_err *err)
{
	struct finding found = { .err = err };
	struct check k = { .channel = channel,
		.decider = decider,
		.say = take_finding,
		.ctx = &found,
		.two_way = p->two_way,
		.decides = true };
	bool ok;

	k.sites = lt_calloc(channel->nsites, sizeof(*k.sites));
	ok = reach(&k, p->from, stop, err) && reach(&k, p->to, stop, err) && look(&k, p, alike, err);
	pipeline_check_leave(&k);
	return ok;
}
