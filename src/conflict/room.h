/* conflict/room.h - where what is remembered of keys lies: whoever runs a site says (R24). */
#ifndef CONFLICT_ROOM_H
#define CONFLICT_ROOM_H

#include "base/def.h"

struct conflict_room {
	/** `size` bytes, aligned for anything, with whatever in them. Never NULL. */
	void *(*take)(void *ctx, size_t size);
	/** Back again; `size` as it was taken. NULL is fine. */
	void (*give)(void *ctx, void *ptr, size_t size);
	void *ctx;
};

/** The process's own memory. */
extern const struct conflict_room conflict_room_plain;

#endif
