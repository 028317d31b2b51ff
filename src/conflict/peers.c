#include "conflict/peers.h"

#include "conflict/wire_priv.h"

#define FORM 1
#define PEER_LEAST 2 /* bytes: number, vector's count */
/* With the origin of what was lost in place of a site, which has no such number: is awaited, and is back and asks for
 * nothing. In the vector of both the first one as an origin has the last of what was lost. */
#define AWAITED (1u << 31)
#define BACK (1u << 30)

void
conflict_peers_free(struct conflict_peers *p)
{
	for (uint32_t i = 0; i < p->count; i++)
		conflict_vector_free(&p->at[i].seen);
	free(p->at);
	*p = (struct conflict_peers){ 0 };
}

static struct conflict_peer *
find(const struct conflict_peers *p, uint32_t site)
{
	for (uint32_t i = 0; i < p->count; i++) {
		if (p->at[i].site == site)
			return &p->at[i];
	}
	return NULL;
}

static struct conflict_peer *
find_or_add(struct conflict_peers *p, uint32_t site)
{
	struct conflict_peer *peer = find(p, site);

	if (peer != NULL)
		return peer;
	if (p->count == p->cap) {
		p->cap = p->cap > 0 ? p->cap * 2 : 4;
		p->at = lt_realloc(p->at, p->cap * sizeof(*p->at));
	}
	p->at[p->count] = (struct conflict_peer){ .site = site };
	return &p->at[p->count++];
}

void
conflict_peers_add(struct conflict_peers *p, uint32_t site)
{
	find_or_add(p, site);
}

void
conflict_peers_remove(struct conflict_peers *p, uint32_t site)
{
	struct conflict_peer *peer = find(p, site);

	if (peer == NULL)
		return;
	conflict_vector_free(&peer->seen);
	*peer = p->at[--p->count];
}

void
conflict_peers_hear(struct conflict_peers *p, uint32_t site, const struct conflict_vector *seen)
{
	conflict_vector_merge(&find_or_add(p, site)->seen, seen);
}

void
conflict_peers_lower(struct conflict_peers *p, uint32_t site, const struct conflict_vector *seen)
{
	conflict_vector_meet(&find_or_add(p, site)->seen, seen);
}

void
conflict_peers_await(struct conflict_peers *p, uint32_t origin, const struct conflict_vector *survived, uint64_t last)
{
	conflict_peers_hear(p, AWAITED | origin, survived);
	conflict_vector_raise(&find(p, AWAITED | origin)->seen, AWAITED | origin, last);
}

void
conflict_peers_arrived(struct conflict_peers *p, const struct conflict_vector *here)
{
	for (uint32_t i = p->count; i > 0; i--) {
		struct conflict_peer *peer = &p->at[i - 1];
		uint32_t site = peer->site, origin = site & ~AWAITED;
		struct conflict_vector seen = peer->seen;

		if ((site & AWAITED) == 0 || conflict_vector_get(here, origin) < conflict_vector_get(&seen, site))
			continue;
		peer->seen = (struct conflict_vector){ 0 };
		conflict_peers_remove(p, site);
		conflict_peers_hear(p, BACK | origin, &seen);
		conflict_vector_free(&seen);
	}
}

uint64_t
conflict_peers_survived(const struct conflict_peers *p, uint32_t origin)
{
	const struct conflict_vector *seen = conflict_peers_seen(p, AWAITED | origin);

	seen = seen != NULL ? seen : conflict_peers_seen(p, BACK | origin);
	return seen != NULL ? conflict_vector_get(seen, origin) : UINT64_MAX;
}

static bool
asks(const struct conflict_peer *peer)
{
	return (peer->site & BACK) == 0;
}

void
conflict_peers_encode(const struct conflict_peers *p, struct lt_buf *out)
{
	lt_buf_le(out, FORM, 1);
	lt_buf_lenenc(out, p->count);
	for (uint32_t i = 0; i < p->count; i++) {
		lt_buf_lenenc(out, p->at[i].site);
		conflict_put_vector(out, &p->at[i].seen);
	}
}

bool
conflict_peers_decode(struct lt_str bytes, struct conflict_peers *out, struct lt_err *err)
{
	struct lt_cur in = lt_cur_str(bytes);
	struct lt_arena *arena;
	uint32_t count;
	bool ok;

	if (!conflict_get_form(&in, FORM, "list of peers", err))
		return false;
	arena = lt_arena_new();
	count = conflict_get_count(&in, PEER_LEAST);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t site = (uint32_t)lt_cur_lenenc(&in);
		struct conflict_vector seen = conflict_get_vector(&in, arena);

		conflict_peers_hear(out, site, &seen);
	}
	ok = conflict_get_end(&in, "list of peers", err);
	if (!ok)
		conflict_peers_free(out);
	lt_arena_free(arena);
	return ok;
}

void
conflict_peers_merge(struct conflict_peers *p, const struct conflict_peers *from)
{
	for (uint32_t i = 0; i < from->count; i++)
		conflict_peers_hear(p, from->at[i].site, &from->at[i].seen);
}

const struct conflict_vector *
conflict_peers_seen(const struct conflict_peers *p, uint32_t site)
{
	const struct conflict_peer *peer = find(p, site);

	return peer != NULL ? &peer->seen : NULL;
}

void
conflict_peers_everyone(const struct conflict_peers *p, struct conflict_vector *out)
{
	bool begun = false;

	for (uint32_t i = 0; i < p->count; i++) {
		if (!asks(&p->at[i]))
			continue;
		if (!begun)
			conflict_vector_merge(out, &p->at[i].seen);
		else
			conflict_vector_meet(out, &p->at[i].seen);
		begun = true;
	}
}

bool
conflict_peers_have(const struct conflict_peers *p, const struct conflict_vector *seen)
{
	for (uint32_t i = 0; i < p->count; i++) {
		if (asks(&p->at[i]) && !conflict_vector_below(seen, &p->at[i].seen))
			return false;
	}
	return true;
}
