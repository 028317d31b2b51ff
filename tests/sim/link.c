#include "sim.h"

uint32_t
link_pending(const struct link *l)
{
	return l->sent - l->taken;
}

/* What the receiver has, and a heartbeat right before a newer one, are passed over. */
const struct message *
link_next(struct link *l)
{
	const struct messages *all = &l->reader->messages;

	for (; l->position < all->count; l->position++) {
		const struct message *m = all->at[l->position];

		if (!m->beat) {
			if (m->seq > l->progress)
				return m;
		} else if (m->seq >= l->progress && !(l->position + 1 < all->count && all->at[l->position + 1]->beat)) {
			return m;
		}
	}
	return NULL;
}

bool
link_send(struct world *w, struct link *l)
{
	const struct message *m = link_next(l);

	if (m == NULL)
		return false;
	SIM_PUSH(w, &l->wires[l->sent % l->connections].sent, m);
	l->sent++;
	l->position++;
	return true;
}

void
link_carry(struct world *w, struct link *l)
{
	struct wire *wire = &l->wires[world_choose(w, l->connections)];

	if (wire->arrived < wire->sent.count)
		wire->arrived += 1 + world_choose(w, wire->sent.count - wire->arrived);
}

void
link_carry_all(struct link *l)
{
	for (uint32_t i = 0; i < l->connections; i++)
		l->wires[i].arrived = l->wires[i].sent.count;
}

struct wire *
link_turn(struct link *l, bool reassemble)
{
	struct wire *turn = &l->wires[l->taken % l->connections];

	if (turn->taken < turn->arrived)
		return turn;
	for (uint32_t i = 0; !reassemble && i < l->connections; i++) {
		if (l->wires[i].taken < l->wires[i].arrived)
			return &l->wires[i];
	}
	return NULL;
}

bool
link_is_empty(struct link *l)
{
	return link_pending(l) == 0 && link_next(l) == NULL;
}
