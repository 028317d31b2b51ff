#include "conflict/mark.h"

#include "conflict/wire_priv.h"

#define FORM 2
#define FORM_WITHOUT_SAME 1
enum { WON_ROW, WON_LISTED, WON_REPLACED, WON_SAME }; /* what follows the key */
/* The fewest bytes that each takes. */
#define TXN_LEAST 12
#define WON_LEAST 3
#define OP_LEAST 13

static void
put_won(struct lt_buf *out, const struct conflict_won *w)
{
	lt_buf_lenstr(out, w->key);
	if (!w->listed) {
		lt_buf_le(out, w->after != NULL ? WON_SAME : WON_ROW, 1);
		lt_buf_le(out, w->state, 1);
		if (w->after != NULL)
			conflict_put_row(out, w->after);
		return;
	}
	lt_buf_le(out, w->replaced.nops > 0 ? WON_REPLACED : WON_LISTED, 1);
	conflict_put_row(out, w->before);
	conflict_put_row(out, w->after);
	conflict_put_row(out, w->found);
	if (w->replaced.nops == 0)
		return;
	conflict_put_row(out, w->replaced.base);
	lt_buf_lenenc(out, w->replaced.nops);
	for (uint32_t i = 0; i < w->replaced.nops; i++)
		conflict_put_op(out, w->replaced.ops[i]);
}

/* Who knows only the form before can read what needs no more. */
static uint64_t
form_of(const struct conflict_mark *mark)
{
	for (uint32_t i = 0; i < mark->ntxns; i++) {
		for (uint32_t k = 0; k < mark->txns[i].nwon; k++) {
			if (!mark->txns[i].won[k].listed && mark->txns[i].won[k].after != NULL)
				return FORM;
		}
	}
	return FORM_WITHOUT_SAME;
}

void
conflict_mark_encode(const struct conflict_mark *mark, struct lt_buf *out)
{
	lt_buf_le(out, form_of(mark), 1);
	lt_buf_lenenc(out, mark->ntxns);
	for (uint32_t i = 0; i < mark->ntxns; i++) {
		const struct conflict_mark_txn *t = &mark->txns[i];

		conflict_put_version(out, t->version);
		conflict_put_vector(out, &t->seen);
		lt_buf_lenenc(out, t->nwon);
		for (uint32_t k = 0; k < t->nwon; k++)
			put_won(out, &t->won[k]);
	}
	conflict_put_pins(out, mark->pins, mark->npins);
}

static struct conflict_list
get_list(struct lt_cur *in, struct lt_arena *arena)
{
	struct conflict_list list = { .base = conflict_get_row(in, arena) };
	uint32_t nops = conflict_get_count(in, OP_LEAST);
	const struct conflict_op **ops = lt_arena_alloc(arena, nops * sizeof(const struct conflict_op *));

	if (nops == 0)
		in->failed = true;
	for (uint32_t i = 0; i < nops && lt_cur_ok(in); i++) {
		ops[i] = conflict_get_op(in, arena);
		if (i > 0 && conflict_version_cmp(ops[i]->version, ops[i - 1]->version) <= 0)
			in->failed = true;
	}
	list.ops = ops;
	list.nops = nops;
	return list;
}

static void
get_won(struct lt_cur *in, struct lt_arena *arena, struct conflict_won *out)
{
	uint8_t kind;

	*out = (struct conflict_won){ .key = conflict_get_key(in) };
	kind = conflict_get_byte(in, WON_SAME);
	if (kind == WON_ROW || kind == WON_SAME) {
		out->state = (enum conflict_state)conflict_get_byte(in, CONFLICT_PARKED);
		out->after = kind == WON_SAME ? conflict_get_row(in, arena) : NULL;
		return;
	}
	out->listed = true;
	out->before = conflict_get_row(in, arena);
	out->after = conflict_get_row(in, arena);
	out->found = conflict_get_row(in, arena);
	if (kind == WON_REPLACED)
		out->replaced = get_list(in, arena);
}

static void
get_txn(struct lt_cur *in, struct lt_arena *arena, struct conflict_mark_txn *out)
{
	out->version = conflict_get_version(in);
	out->seen = conflict_get_vector(in, arena);
	out->nwon = conflict_get_count(in, WON_LEAST);
	out->won = lt_arena_alloc(arena, out->nwon * sizeof(*out->won));
	for (uint32_t i = 0; i < out->nwon && lt_cur_ok(in); i++)
		get_won(in, arena, &out->won[i]);
}

bool
conflict_mark_decode(struct lt_str bytes, struct lt_arena *arena, struct conflict_mark *out, struct lt_err *err)
{
	struct lt_cur in = lt_cur_str(bytes);
	struct conflict_mark mark = { 0 };

	if (!conflict_get_form(&in, FORM, "mark", err))
		return false;
	mark.ntxns = conflict_get_count(&in, TXN_LEAST);
	mark.txns = lt_arena_alloc(arena, mark.ntxns * sizeof(*mark.txns));
	for (uint32_t i = 0; i < mark.ntxns && lt_cur_ok(&in); i++)
		get_txn(&in, arena, &mark.txns[i]);
	mark.pins = conflict_get_pins(&in, arena, &mark.npins);
	if (!conflict_get_end(&in, "mark", err))
		return false;
	*out = mark;
	return true;
}
