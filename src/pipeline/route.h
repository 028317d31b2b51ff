/* pipeline/route.h - transform: from a table of a source's log to the statements that write it at the target.
 *
 * A route is made once for each version of a source table; it knows which column goes where and how its values are
 * bound, and holds the prepared statements, one for each operation and set of columns present. One owner thread (the
 * loader's). */
#ifndef PIPELINE_ROUTE_H
#define PIPELINE_ROUTE_H

#include "change/txn.h"
#include "model/mapping.h"
#include "mysql/stmt.h"
#include "schema/room.h"
#include "schema/table.h"

/** How a value is handed over: decided by the source's kind and the target's column. */
enum pipeline_bind {
	PIPELINE_BIND_NUMBER, /* integers, YEAR */
	PIPELINE_BIND_INDEX,  /* ENUM, SET, BIT by their number */
	PIPELINE_BIND_FLOAT,
	PIPELINE_BIND_DOUBLE,
	PIPELINE_BIND_DECIMAL,
	PIPELINE_BIND_TEMPORAL, /* as text: every zero and partial date survives */
	PIPELINE_BIND_UTF8,     /* text of utf8mb4, utf8mb3, ascii */
	PIPELINE_BIND_FOREIGN,  /* text of another character set: its bytes, converted by the target */
	PIPELINE_BIND_JSON,     /* text into a JSON column */
	PIPELINE_BIND_NAME,     /* ENUM and SET whose members differ at the ends: by name */
	PIPELINE_BIND_BYTES,
	PIPELINE_BIND_OPAQUE, /* GEOMETRY, VECTOR: bytes in the server's own form */
};

struct pipeline_column {
	size_t source; /* index in the image; of a constant: behind those */
	const struct schema_column *target;
	const struct change_column *from;
	enum pipeline_bind bind;
	bool in_key;
	bool constant; /* what the mapping sets, in every row */
	struct schema_room room;
};

/** How rows of one shape are written. */
enum pipeline_form {
	PIPELINE_FORM_ROW,    /* one row by the operation of the log; bulk execute takes it for many */
	PIPELINE_FORM_MANY,   /* many rows by one statement of the operation */
	PIPELINE_FORM_UPSERT, /* updates, as INSERT ... ON DUPLICATE KEY UPDATE: see pipeline_sql_upsert() */
	PIPELINE_FORM_PROVE,  /* changes nothing, meets the rows that hold the before image */
	PIPELINE_FORM_PROBE,  /* changes nothing, meets the row that has the key */
};

struct pipeline_want {
	enum pipeline_form form;
	size_t rows; /* that one execution takes */
};

struct pipeline_statement;
struct pipeline_indexes; /* pipeline/writeset.h */
struct pipeline_family;  /* pipeline/family.h */

struct pipeline_route {
	const struct change_table *from;   /* referenced */
	const struct schema_table *target; /* borrowed from the router */
	struct pipeline_column *columns;   /* owned; those that are written, and what the key needs; in source order */
	size_t ncolumns;
	bool verify;                           /* before images are compared (R8) */
	bool keyless, json_native;             /* json_native: the target's JSON is MySQL's */
	bool json_marks;                       /* and all of its types can be written (MySQL 8.0.4: JSON_TABLE) */
	bool triggers_told;                    /* the account would see triggers of the target, if it had any */
	unsigned refused;                      /* 1 << each enum pipeline_form that failed here: not tried again */
	bool odd;                              /* pipeline_router_is_odd() said so of a row */
	bool converts;                         /* text of another character set goes to it (PIPELINE_BIND_FOREIGN) */
	bool careful;                          /* what was converted came with a warning: it is looked at row by row */
	struct pipeline_statement *statements; /* owned list */
	struct pipeline_weigher *weigher;      /* borrowed from the router; NULL: none (pipeline/weights.h) */
	struct pipeline_indexes *indexes;      /* owned: the target's unique indexes */
	struct pipeline_family *family;        /* owned: its foreign keys; NULL: not asked for yet */
	struct change_value *before, *after; /* owned: decoded values of the row in hand, by source column; constants */
	struct change_value *edits; /* owned, by source column: of a JSON value that stands in `after` as it becomes,
				     * what is done to the one there (kind CHANGE_JSON_DIFF); NULL: no row had such */
	struct change_column *constants; /* owned: what stands for a column of the source */
	struct pipeline_route *next;
};

/** A row of the group in hand. */
struct pipeline_row_ref {
	const struct change_row *row; /* borrowed */
	uint32_t txn, at;             /* where it stands; of folded rows (pipeline/fold.h): one of them */
};

/** Whether a row with this image has a value for the column. */
static inline bool
pipeline_column_in(const struct pipeline_column *c, const struct change_image *image)
{
	return c->constant || change_image_has(image, c->source);
}

/** What fills that column of the route's target; NULL: nothing does. */
static inline const struct pipeline_column *
pipeline_route_column(const struct pipeline_route *r, const struct schema_column *target)
{
	for (size_t i = 0; i < r->ncolumns; i++) {
		if (r->columns[i].target == target)
			return &r->columns[i];
	}
	return NULL;
}

struct pipeline_router;
struct pipeline_held; /* pipeline/grants.h */

/** What the account may do at the target, the router's from now on: without it nothing is known of triggers. */
void pipeline_router_hold(struct pipeline_router *r, struct pipeline_held *held);
/** Routes into `target` over `mapping` (borrowed). `verify`: before images are compared (R8). */
struct pipeline_router *pipeline_router_new(const struct model_mapping *mapping, struct my_conn *target, bool verify);
void pipeline_router_free(struct pipeline_router *r);
/** Whether the target's log holds what its foreign keys change by themselves (CASCADE, SET NULL). */
bool pipeline_router_logs_cascades(const struct pipeline_router *r);
/** A table of the target that was read already (taken over), so that no route has to ask for it. */
void pipeline_router_know(struct pipeline_router *r, struct schema_table *table);
/** The same, borrowed for the router's life. */
void pipeline_router_lend(struct pipeline_router *r, struct schema_table *table);
/** The route of a table; coded error if the target lacks the table or a column, or cannot hold it. */
LT_MUST_USE bool pipeline_router_get(
    struct pipeline_router *r, const struct change_table *from, struct pipeline_route **ret, struct lt_err *err);
/** A table of the target, as its catalog has it; borrowed from the router. */
LT_MUST_USE bool pipeline_router_table(struct pipeline_router *r, struct lt_str schema, struct lt_str name,
    const struct schema_table **ret, struct lt_err *err);
/** Whether the target says that there is no such table: its catalog shows none either that the account may not see. */
bool pipeline_router_lacks(struct pipeline_router *r, struct lt_str schema, struct lt_str name);
/** Whom the rows of the route's target stand on, into route->family; where it has neither parents nor children it stays
 * NULL. */
LT_MUST_USE bool pipeline_router_family(struct pipeline_router *r, struct pipeline_route *route, struct lt_err *err);

/** End the transaction in which the catalog was read, if it was since the last call: for who only looks at rows. */
LT_MUST_USE bool pipeline_router_settle(struct pipeline_router *r, struct lt_err *err);
/** Give up the least recently used of too many routes: between groups, since a route may be pointed at while one is
 * sent. True: there were some, and no plan that was made before holds. */
bool pipeline_router_trim(struct pipeline_router *r);
/** From now on (`on`) the target is asked nothing: a route that is not there yet is an error, a weight that is not is
 * not known. Ended: whether something would have been asked meanwhile. */
bool pipeline_router_hush(struct pipeline_router *r, bool on);
/** A statement for rows of the shape of `row`: the same operation, the same columns present. Prepares it where needed;
 * *ret NULL (and true): there is no such form for the table, the images or so many rows. Lives until the route's next
 * statement is made. */
LT_MUST_USE bool pipeline_router_statement(struct pipeline_router *r, struct pipeline_route *route,
    const struct change_row *row, struct pipeline_want want, const struct pipeline_statement **ret, struct lt_err *err);
/** What the wire client sends, and how many values each row takes. */
struct my_stmt *pipeline_statement_stmt(const struct pipeline_statement *s);
size_t pipeline_statement_width(const struct pipeline_statement *s);
/** What the i-th of them is for; NULL: the number of rows. */
const struct pipeline_column *pipeline_statement_column(const struct pipeline_statement *s, size_t i);
/** Decode one row into route->before and route->after; values live until pipeline_router_forget(). */
LT_MUST_USE bool pipeline_router_decode(
    struct pipeline_router *r, struct pipeline_route *route, const struct change_row *row, struct lt_err *err);
/** Decode one row and bind its values to `params`. `count`: how many identical rows of a keyless table it stands for,
 * else 1. */
LT_MUST_USE bool pipeline_router_values(struct pipeline_router *r, struct pipeline_route *route,
    const struct pipeline_statement *s, const struct change_row *row, uint32_t count, struct my_param *params,
    struct lt_err *err);
/** How many values to be stored are no member of their ENUM (its number 0). */
uint16_t pipeline_statement_nonmembers(const struct pipeline_statement *s, const struct my_param *params);
/** Whether the values would not arrive as parameters: then the row goes as text. */
bool pipeline_router_is_odd(
    struct pipeline_route *route, const struct pipeline_statement *s, const struct my_param *params);
/** The statement of one row with its values in it, appended. */
LT_MUST_USE bool pipeline_router_text(const struct pipeline_route *route, const struct change_row *row,
    const struct my_param *params, struct lt_buf *out);
/** Nothing bound before is needed any more. */
void pipeline_router_forget(struct pipeline_router *r);

#endif
