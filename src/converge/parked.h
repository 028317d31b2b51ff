/* converge/parked.h - rows that lost a unique value, as a site keeps them: `lutra.parked`, and the values that they
 * wait for in `lutra.parked_claim`.
 *
 * They are written with the group that parks them or lets them come back, under the lock of their key. All functions in
 * the connection's open transaction. */
#ifndef CONVERGE_PARKED_H
#define CONVERGE_PARKED_H

#include "conflict/decide.h"
#include "mysql/conn.h"

struct converge_parked {
	struct lt_str schema, table; /* of the site */
	struct lt_str key;
	struct conflict_parked parked; /* row NULL: not any longer */
};

/** In an arena. */
struct converge_parked_list {
	struct converge_parked *at;
	size_t count, cap;
};

/** The bytes in which a row is kept there, as the row; in `arena`. LT_E_STATE_BROKEN, LT_E_STATE_NEWER. */
LT_MUST_USE bool converge_parked_row(
    struct lt_str bytes, struct lt_arena *arena, const struct conflict_row **ret, struct lt_err *err);
/** Whether there is any. */
LT_MUST_USE bool converge_parked_any(struct my_conn *c, const char *channel, bool *any, struct lt_err *err);
/** Those of keys[0..n), as they are now. */
LT_MUST_USE bool converge_parked_find(struct my_conn *c, const char *channel, const struct lt_str *keys, size_t n,
    struct lt_arena *arena, struct converge_parked_list *out, struct lt_err *err);
/** Those that wait for one of claims[0..n). */
LT_MUST_USE bool converge_parked_waiting(struct my_conn *c, const char *channel, const struct lt_str *claims, size_t n,
    struct lt_arena *arena, struct converge_parked_list *out, struct lt_err *err);
/** A piece of all: the next ones behind `*behind` (empty: from the first on), which moves, and is empty again behind
 * the last piece. */
LT_MUST_USE bool converge_parked_next(struct my_conn *c, const char *channel, size_t limit, struct lt_str *behind,
    struct lt_arena *arena, struct converge_parked_list *out, struct lt_err *err);
/** Park it, with what it claims, or take it away. */
LT_MUST_USE bool converge_parked_put(struct my_conn *c, const char *channel, const struct converge_parked *p,
    const struct lt_str *claims, size_t nclaims, struct lt_err *err);

#endif
