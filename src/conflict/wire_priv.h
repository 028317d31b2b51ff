/* conflict/wire_priv.h - the pieces that marks and checkpoints are written of, and read from.
 *
 * Reading never passes the end. A count is believed only as far as bytes are left that could hold so many: what a log
 * can make us allocate is a small multiple of its length. Readers leave `in` failed where it ends early, and return
 * false only for what no writer makes. */
#ifndef CONFLICT_WIRE_PRIV_H
#define CONFLICT_WIRE_PRIV_H

#include "base/buf.h"
#include "base/cur.h"
#include "base/err.h"
#include "conflict/memory.h"

void conflict_put_version(struct lt_buf *out, struct conflict_version v);
void conflict_put_vector(struct lt_buf *out, const struct conflict_vector *v);
void conflict_put_row(struct lt_buf *out, const struct conflict_row *row); /* NULL too */
void conflict_put_op(struct lt_buf *out, const struct conflict_op *op);
void conflict_put_pins(struct lt_buf *out, const struct conflict_pin *pins, uint32_t npins);

/** Fails `in` above CONFLICT_CLOCK_MAX. */
int64_t conflict_get_clock(struct lt_cur *in);
struct conflict_version conflict_get_version(struct lt_cur *in);
struct conflict_vector conflict_get_vector(struct lt_cur *in, struct lt_arena *arena);
/** Borrows from `in`; fails it above CONFLICT_KEY_MAX. */
struct lt_str conflict_get_key(struct lt_cur *in);
/** Values borrow from `in`. */
const struct conflict_row *conflict_get_row(struct lt_cur *in, struct lt_arena *arena);
const struct conflict_op *conflict_get_op(struct lt_cur *in, struct lt_arena *arena);
/** Keys borrow from `in`. */
struct conflict_pin *conflict_get_pins(struct lt_cur *in, struct lt_arena *arena, uint32_t *npins);
/** A count of things that take at least `least` bytes each; fails `in` where so many cannot follow. */
uint32_t conflict_get_count(struct lt_cur *in, size_t least);
/** A number up to `most`; fails `in` above. */
uint8_t conflict_get_byte(struct lt_cur *in, uint8_t most);
/** All was read, and nothing is left; else a coded error about `what`. */
LT_MUST_USE bool conflict_get_end(const struct lt_cur *in, const char *what, struct lt_err *err);
/** The first byte, the form's number: LT_E_STATE_NEWER above `known`. */
LT_MUST_USE bool conflict_get_form(struct lt_cur *in, uint8_t known, const char *what, struct lt_err *err);

#endif
