/* What each account may do against what it needs, and the statements that give it. */
#include "pipeline/check_priv.h"

/* Whether every mapped table that the statement would cover is allowed one by one; false if there is none. */
static bool
held_on_tables(const struct check_site *s, const struct pipeline_need *need, uint32_t wanted,
    const struct check_tables *tables, size_t ntables)
{
	size_t covered = 0;

	for (size_t i = 0; i < ntables; i++) {
		bool source = tables[i].from == s;

		for (size_t j = 0; j < tables[i].npairs; j++) {
			const struct check_pair *pair = &tables[i].pairs[j];
			struct lt_str schema = source ? pair->source->schema : pair->to_schema;
			struct lt_str table = source ? pair->source->name : pair->to_table;

			if (need->schema.ptr != NULL && !lt_str_ieq(need->schema, schema))
				continue;
			if ((wanted & ~pipeline_held_on(s->held, schema, table)) != 0)
				return false;
			covered++;
		}
	}
	return covered > 0;
}

static void
check_need(struct check *k, const struct check_site *s, const struct pipeline_need *need,
    const struct check_tables *tables, size_t ntables)
{
	const uint32_t rows = PIPELINE_PRIV_SELECT | PIPELINE_PRIV_INSERT | PIPELINE_PRIV_UPDATE |
			      PIPELINE_PRIV_DELETE | PIPELINE_PRIV_TRIGGER;
	uint32_t missing = need->privs & ~pipeline_held_on(s->held, need->schema, need->table);
	struct lt_buf mend = { 0 }, names = { 0 };
	bool is_lutra = lt_str_eqz(need->schema, "lutra");

	if (need->table.ptr == NULL && !is_lutra && (missing & rows) != 0 &&
	    held_on_tables(s, need, missing & rows, tables, ntables))
		missing &= ~rows;
	if (missing != 0) {
		/* The whole statement: a part of it on a more exact pattern would hide what an older grant gives. */
		pipeline_need_text(need, s->mariadb, lt_buf_str(&s->account), &mend);
		pipeline_privs_text(missing, s->mariadb, &names);
		if ((missing & ~need->later) == 0)
			pipeline_check_warn(k, "privileges", s->name, lt_buf_cstr(&mend),
			    "%s missing: needed when a newer Lutra changes its own tables", lt_buf_cstr(&names));
		else
			pipeline_check_fail(
			    k, "privileges", s->name, lt_buf_cstr(&mend), "%s missing", lt_buf_cstr(&names));
	} else {
		pipeline_need_text(need, s->mariadb, lt_buf_str(&s->account), &names);
		pipeline_check_ok(k, "grants", s->name, "%s", lt_buf_cstr(&names));
	}
	lt_buf_free(&mend);
	lt_buf_free(&names);
}

void
pipeline_check_grants(struct check *k, size_t site, const struct check_tables *tables, size_t ntables)
{
	struct check_site *s = &k->sites[site];
	struct pipeline_needs needs;

	if (s->held == NULL)
		return; /* said when they could not be read */
	pipeline_needs_init(&needs, k->channel, site);
	for (size_t i = 0; i < needs.count; i++)
		check_need(k, s, &needs.list[i], tables, ntables);
	pipeline_needs_clear(&needs);
}
