/* pipeline/check_priv.h - the parts of the preflight: sites, tables, the data that is there. */
#ifndef PIPELINE_CHECK_PRIV_H
#define PIPELINE_CHECK_PRIV_H

#include "mysql/conn.h"
#include "pipeline/check.h"
#include "pipeline/grants.h"
#include "schema/table.h"

/** What the preflight knows of one site. */
struct check_site {
	const struct model_site *model; /* borrowed */
	const char *name;               /* borrowed */
	bool is_source, is_target;
	struct my_conn *conn; /* owned; NULL: could not be reached */
	bool mariadb;
	uint32_t version;
	struct my_rows *vars;       /* owned; SHOW GLOBAL VARIABLES */
	struct lt_buf account;      /* 'user'@'host', quoted */
	struct pipeline_held *held; /* owned; NULL: not known */
	bool clock_known;
	int64_t clock_us; /* the site's clock minus ours */
};

/** One run of the preflight; one owner. */
struct check {
	const struct model_channel *channel;          /* borrowed */
	const struct pipeline_check_decider *decider; /* borrowed */
	pipeline_check_fn say;
	void *ctx;
	size_t failures;
	struct lt_err passing;    /* why something could not be told, if that may pass; code 0: all was */
	struct check_site *sites; /* owned; as the channel has them */
	bool two_way;
	bool decides; /* conflicts are decided, not only told of (`shadow`) */
};

/** A mapped table with its other end. */
struct check_pair {
	const struct schema_table *source; /* borrowed */
	struct schema_table *target;       /* borrowed; NULL: not there */
	struct lt_str to_schema, to_table;
	const struct model_rule *rule;
	bool shared; /* several sources have this target */
};

/** All mapped tables of one direction. */
struct check_tables {
	const struct model_pipeline *pipeline;
	const struct check_site *from, *to;
	struct schema_table **sources, **targets; /* owned */
	size_t nsources, ntargets;
	struct check_pair *pairs; /* owned */
	size_t npairs;
	struct lt_arena *arena; /* owned: target names */
};

/** One kind of check over all tables: a line for each table with a finding (so many at most), else one line in all. */
struct check_survey {
	struct check *k;
	const struct check_tables *t;
	const char *what;
	enum pipeline_verdict otherwise; /* of a finding */
	size_t findings;
};

/* One line each; `where` is a site or a pipeline, `mend` may be NULL. */
void pipeline_check_ok(struct check *k, const char *what, const char *where, const char *fmt, ...) LT_PRINTF(4, 5);
void pipeline_check_warn(struct check *k, const char *what, const char *where, const char *mend, const char *fmt, ...)
    LT_PRINTF(5, 6);
void pipeline_check_fail(struct check *k, const char *what, const char *where, const char *mend, const char *fmt, ...)
    LT_PRINTF(5, 6);
/** The step itself could not be done: what the server said, with Lutra's code. */
void pipeline_check_error(struct check *k, const char *what, const char *where, const struct lt_err *err);

/** A global variable as SHOW prints it; ptr NULL: this version has none. */
struct lt_str pipeline_check_var(const struct check_site *s, const char *name);
/** As a number; false if there is none or it is not one. Fractions are cut off. */
bool pipeline_check_number(const struct check_site *s, const char *name, uint64_t *out);
/** The statement that sets a global variable, for good where the server can keep it. Borrowed from `out`. */
const char *pipeline_check_set(const struct check_site *s, const char *name, const char *value, struct lt_buf *out);

/** Whether it is the first of the pipelines between its two sites: what holds for the pair is said there. */
bool pipeline_check_is_first(const struct check *k, const struct model_pipeline *p);

/** The statement that tells where the site's log ends (the first two columns), and its filters. */
const char *pipeline_check_log_status(const struct check_site *s);
/** Connect, gather what the other checks need; a site that cannot be reached is reported and stays without a
 * connection. */
void pipeline_check_reach(struct check *k, struct check_site *s);
/** What the account at a site that was reached may do, into `held`. */
LT_MUST_USE bool pipeline_check_read_grants(struct check_site *s, struct lt_err *err);
/** Give back what is known of all sites. */
void pipeline_check_leave(struct check *k);
void pipeline_check_site(struct check *k, struct check_site *s);
/** What must fit between the two sites of a pipeline (both connected). */
void pipeline_check_between(struct check *k, const struct model_pipeline *p);
/** What the account may do; `tables` NULL where a direction's tables are not known. */
void pipeline_check_grants(struct check *k, size_t site, const struct check_tables *tables, size_t ntables);

/** Read both ends' catalogs. On failure there is nothing to clear, and `where` is the site that could not tell. */
LT_MUST_USE bool pipeline_check_tables_read(
    struct check *k, const struct model_pipeline *p, struct check_tables *out, const char **where, struct lt_err *err);
void pipeline_check_tables(struct check *k, const struct check_tables *t);
/** Of one site's tables that part without which rows would end unequal with no error. */
void pipeline_check_tables_converge(struct check *k, const struct check_tables *t);
/** Whether conflicts of that table are decided by a policy. */
bool pipeline_check_decided(const struct check *k, struct lt_str schema, struct lt_str table);
/** What is of a finding that is a warning where nothing is decided. */
enum pipeline_verdict pipeline_check_verdict(const struct check *k, const struct check_pair *pair);
/** What the ends of such tables must have in common, and whether the target's can be decided there. */
void pipeline_check_alike(struct check *k, const struct check_tables *t);
void pipeline_check_decidable(struct check *k, const struct check_tables *t);
/** What entries do beyond names: constants, several tables into one. */
void pipeline_check_mapping(struct check *k, const struct check_tables *t);
void pipeline_check_otter(struct check *k, const struct check_tables *t);
void pipeline_check_tables_clear(struct check_tables *t);
void pipeline_check_finding(struct check_survey *s, const char *mend, const char *fmt, ...) LT_PRINTF(3, 4);
void pipeline_check_survey_end(struct check_survey *s, const char *fine);
/** Whether the rows that are there already are the same at both ends: a sample, a hint. */
void pipeline_check_data(struct check *k, const struct check_tables *t);
/** The same of all rows of all tables, for a conflict channel that has not begun: what differs and is not written any
 * more would differ for ever. */
void pipeline_check_equal(struct check *k, const struct check_tables *t);
/** Whether the channel has progress between the two sites. */
bool pipeline_check_begun(const struct check *k, const struct model_pipeline *p);
bool pipeline_check_is_integer(struct lt_str base_type);
/** Whether its values can be written as a literal that finds the row at the other end; and the literal. */
bool pipeline_check_is_sound_key(const struct schema_column *c);
void pipeline_check_literal(struct lt_buf *out, const struct schema_column *c, struct lt_str value);

#endif
