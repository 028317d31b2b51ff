/* Any bytes as a mark, as a checkpoint, and as what peers were heard of: a coded error, or one that an observer takes
 * and that comes out again the same. */
#include "conflict/observer.h"
#include "conflict/peers.h"
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

static void
peers(struct lt_str bytes)
{
	struct conflict_peers p = { 0 }, again = { 0 };
	struct lt_err err = { 0 };
	struct lt_buf out = { 0 };

	if (!conflict_peers_decode(bytes, &p, &err)) {
		LT_ASSERT(p.count == 0 && (err.code == LT_E_STATE_BROKEN || err.code == LT_E_STATE_NEWER));
		return;
	}
	conflict_peers_encode(&p, &out);
	LT_ASSERT(conflict_peers_decode(lt_buf_str(&out), &again, &err));
	LT_ASSERT(again.count == p.count);
	for (uint32_t i = 0; i < p.count; i++)
		LT_ASSERT(conflict_peers_seen(&again, p.at[i].site) != NULL);
	conflict_peers_free(&again);
	conflict_peers_free(&p);
	lt_buf_free(&out);
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
	peers(bytes);
	check_arena(arena, size);
	conflict_observer_free(o);
	lt_arena_free(arena);
	return 0;
}
