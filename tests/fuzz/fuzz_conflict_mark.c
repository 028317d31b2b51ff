/* Any bytes as a mark, and as a checkpoint: a coded error, or one that an observer takes and that comes out again the
 * same. */
#include "conflict/observer.h"
#include "fuzz/fuzz.h"

#define INTERVAL_US 1000000

/* Memory stays in proportion, whatever a count claims. */
static void
check_arena(const struct lt_arena *arena, size_t size)
{
	LT_ASSERT(lt_arena_bytes(arena) < 64 * size + (1 << 19));
}

static void
mark(struct lt_str bytes, struct conflict_observer *o, struct lt_arena *arena)
{
	struct conflict_mark m, again;
	struct lt_err err = { 0 };
	struct lt_buf out = { 0 };

	if (!conflict_mark_decode(bytes, arena, &m, &err)) {
		LT_ASSERT(err.code == LT_E_STATE_BROKEN || err.code == LT_E_STATE_NEWER);
		return;
	}
	conflict_mark_encode(&m, &out);
	LT_ASSERT(conflict_mark_decode(lt_buf_str(&out), arena, &again, &err));
	LT_ASSERT(again.ntxns == m.ntxns && again.npins == m.npins);
	lt_buf_free(&out);
	conflict_observer_mark(o, &m);
}

static void
checkpoint(struct lt_str bytes, struct lt_arena *arena)
{
	struct conflict_checkpoint c;
	struct lt_err err = { 0 };

	if (!conflict_checkpoint_decode(bytes, arena, &c, &err)) {
		LT_ASSERT(err.code == LT_E_STATE_BROKEN || err.code == LT_E_STATE_NEWER);
		return;
	}
	conflict_observer_free(conflict_observer_resume(&c, INTERVAL_US, &conflict_room_plain));
}

/* Twice into the same observer: what is known is met by what is known. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct lt_arena *arena = lt_arena_new();
	struct conflict_observer *o = conflict_observer_new(conflict_origin(1, 0), INTERVAL_US, &conflict_room_plain);
	struct lt_str bytes = lt_str_of(data, size);

	for (int i = 0; i < 2; i++)
		mark(bytes, o, arena);
	checkpoint(bytes, arena);
	check_arena(arena, size);
	conflict_observer_free(o);
	lt_arena_free(arena);
	return 0;
}
