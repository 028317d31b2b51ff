/* pipeline/grants.h - what a site's account must be allowed, as GRANT statements, and what SHOW GRANTS says it is
 * allowed. */
#ifndef PIPELINE_GRANTS_H
#define PIPELINE_GRANTS_H

#include "base/arena.h"
#include "base/buf.h"
#include "model/channel.h"
#include "mysql/conn.h"

enum {
	PIPELINE_PRIV_SELECT = 1 << 0,
	PIPELINE_PRIV_INSERT = 1 << 1,
	PIPELINE_PRIV_UPDATE = 1 << 2,
	PIPELINE_PRIV_DELETE = 1 << 3,
	PIPELINE_PRIV_CREATE = 1 << 4,
	PIPELINE_PRIV_ALTER = 1 << 5,
	PIPELINE_PRIV_DROP = 1 << 6,
	PIPELINE_PRIV_INDEX = 1 << 7,
	PIPELINE_PRIV_TRIGGER = 1 << 8, /* without it triggers are not visible; asked for where conflicts are decided */
	PIPELINE_PRIV_REPL_SLAVE = 1 << 9,
	PIPELINE_PRIV_REPL_CLIENT = 1 << 10, /* MariaDB: BINLOG MONITOR */
	PIPELINE_PRIV_ALL = (1 << 11) - 1,
};

/** One GRANT statement. */
struct pipeline_need {
	struct lt_str schema, table; /* ptr NULL: all of them */
	uint32_t privs;
	uint32_t later; /* of these, what only an upgrade of Lutra uses */
};

/** The least that a site's account needs in a channel; one owner. */
struct pipeline_needs {
	struct lt_arena *arena;     /* owned */
	struct pipeline_need *list; /* in the arena */
	size_t count, cap;
};

void pipeline_needs_init(struct pipeline_needs *n, const struct model_channel *channel, size_t site);
void pipeline_needs_clear(struct pipeline_needs *n);
/** "GRANT SELECT ON `shop`.* TO 'lutra'@'%'"; `account` is quoted already. */
void pipeline_need_text(const struct pipeline_need *at, bool mariadb, struct lt_str account, struct lt_buf *out);
/** "SELECT, INSERT": the names of a set of privileges. */
void pipeline_privs_text(uint32_t bits, bool mariadb, struct lt_buf *out);

/** What an account holds, gathered from the lines of SHOW GRANTS; one owner. */
struct pipeline_held;

/** `fold`: schema names are alike in any letter case (lower_case_table_names). */
struct pipeline_held *pipeline_held_new(bool fold);
void pipeline_held_free(struct pipeline_held *h);
/** Take in one line. Privileges on single columns, roles, proxies and routines count as nothing. */
void pipeline_held_add(struct pipeline_held *h, struct lt_str line);
/** Take in what a SHOW GRANTS statement answers. */
LT_MUST_USE bool pipeline_held_read(struct pipeline_held *h, struct my_conn *c, const char *sql, struct lt_err *err);
/** The same of one that was queued. */
LT_MUST_USE bool pipeline_held_recv(struct pipeline_held *h, struct my_conn *c, struct lt_err *err);
/** What is held on a table, on all of a schema (`table.ptr` NULL), or on everything (`schema.ptr` NULL). */
uint32_t pipeline_held_on(const struct pipeline_held *h, struct lt_str schema, struct lt_str table);

#endif
