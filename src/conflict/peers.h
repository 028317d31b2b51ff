/* conflict/peers.h - what each peer was heard to have seen, and with it what nobody can ask for any more.
 *
 * One of these holds what was received, and bounds what may be forgotten; another what is durable in schema `lutra`,
 * and bounds which checkpoint may be used: a peer that comes back after a crash of ours is asked from there (R18).
 * Vectors, not clocks: what a peer has not seen may be as old as it likes. One owner thread. */
#ifndef CONFLICT_PEERS_H
#define CONFLICT_PEERS_H

#include "base/buf.h"
#include "base/err.h"
#include "conflict/version.h"

struct conflict_peer {
	uint32_t site;
	struct conflict_vector seen; /* owned */
};

/** Zeroed is empty. */
struct conflict_peers {
	struct conflict_peer *at; /* owned */
	uint32_t count, cap;
};

void conflict_peers_free(struct conflict_peers *p);
/** A peer of whom nothing was heard yet, if it is new. Until it is heard, nothing is forgotten. */
void conflict_peers_add(struct conflict_peers *p, uint32_t site);
/** `lutra site remove`: it asks for nothing any more. */
void conflict_peers_remove(struct conflict_peers *p, uint32_t site);
/** It has seen all this; adds it if it is new. */
void conflict_peers_hear(struct conflict_peers *p, uint32_t site, const struct conflict_vector *seen);
/** It has lost the end of its log: it has seen no more than `seen`. */
void conflict_peers_lower(struct conflict_peers *p, uint32_t site, const struct conflict_vector *seen);
/** What a site lost and is to be given back (ADR 53), transactions of `origin` up to number `last`, asks like a peer
 * for all that it may not have seen: it was written behind what `survived`. */
void conflict_peers_await(
    struct conflict_peers *p, uint32_t origin, const struct conflict_vector *survived, uint64_t last);
/** It asks no more where all of it is `here`, in the site's log. */
void conflict_peers_arrived(struct conflict_peers *p, const struct conflict_vector *here);
/** The last one of the origin that survived, back or not yet; UINT64_MAX: none was lost. */
uint64_t conflict_peers_survived(const struct conflict_peers *p, uint32_t origin);
/** Take all that `from` was heard of. */
void conflict_peers_merge(struct conflict_peers *p, const struct conflict_peers *from);
/** All of it as bytes, and back: `out` must be empty. LT_E_STATE_BROKEN, LT_E_STATE_NEWER; then it stays so. */
void conflict_peers_encode(const struct conflict_peers *p, struct lt_buf *out);
LT_MUST_USE bool conflict_peers_decode(struct lt_str bytes, struct conflict_peers *out, struct lt_err *err);
/** NULL for one that is no peer. */
const struct conflict_vector *conflict_peers_seen(const struct conflict_peers *p, uint32_t site);
/** What all of them, and what is awaited, have seen; nothing where there are none. `*out` must be empty; the caller
 * frees it. */
void conflict_peers_everyone(const struct conflict_peers *p, struct conflict_vector *out);
/** Whether each of them has seen all of `seen`: so a checkpoint with that vector may be used. */
bool conflict_peers_have(const struct conflict_peers *p, const struct conflict_vector *seen);

#endif
