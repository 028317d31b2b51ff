#include "change/heap.h"

#include <sys/mman.h>

/* Small pieces by steps of GRAIN, larger ones by powers of two. */
#define GRAIN ((size_t)16)
#define SMALL ((size_t)1024)
#define SMALL_CLASSES (SMALL / GRAIN)
#define CLASSES (SMALL_CLASSES + 40)
/* The system is asked for so much at a time. */
#define CHUNK ((size_t)1 << 20)
#define CHUNK_FILE ((size_t)16 << 20)

/** A piece that was given back. */
struct piece {
	struct piece *next;
};

/** What was got from the system. */
struct chunk {
	struct chunk *next;
	void *at;
	size_t size;
	bool mapped;
};

struct change_heap {
	size_t bound;
	struct change_spill_room *room; /* borrowed */
	struct change_scratch file;
	bool has_file;
	struct chunk *chunks; /* owned */
	char *at;             /* of the newest chunk, what was never taken */
	size_t left;
	struct piece *given[CLASSES];
	uint64_t given_bytes;
	struct change_heap_use use;
};

static size_t
class_of(size_t size, size_t *rounded)
{
	size_t n = SMALL_CLASSES;

	if (size <= SMALL) {
		n = (LT_MAX(size, (size_t)1) - 1) / GRAIN;
		*rounded = (n + 1) * GRAIN;
		return n;
	}
	for (*rounded = 2 * SMALL; *rounded < size; *rounded *= 2)
		n++;
	return n;
}

struct change_heap *
change_heap_new(size_t bound, struct change_spill_room *room)
{
	struct change_heap *h = lt_new(struct change_heap);

	h->bound = bound;
	h->room = room;
	return h;
}

void
change_heap_free(struct change_heap *h)
{
	if (h == NULL)
		return;
	while (h->chunks != NULL) {
		struct chunk *c = h->chunks;

		h->chunks = c->next;
		if (c->mapped)
			munmap(c->at, c->size);
		else
			free(c->at);
		free(c);
	}
	if (h->has_file)
		change_scratch_close(&h->file);
	free(h);
}

static bool
map_more(struct change_heap *h, size_t size, void **ret, struct lt_err *err)
{
	if (h->room == NULL)
		return lt_fail(err, LT_E_SPILL_LIMIT, "there is no folder for it");
	if (!h->has_file && !change_scratch_open(h->room, &h->file, err))
		return false;
	h->has_file = true;
	return change_scratch_map(&h->file, size, ret, err);
}

static void
use_chunk(struct change_heap *h, void *at, size_t size, bool mapped)
{
	struct chunk *c = lt_new(struct chunk);

	*c = (struct chunk){ h->chunks, at, size, mapped };
	h->chunks = c;
	h->at = at;
	h->left = size;
}

static bool
add_chunk_of_file(struct change_heap *h, size_t size, struct lt_err *err)
{
	void *at;

	size = (LT_MAX(size, CHUNK_FILE) + CHUNK - 1) / CHUNK * CHUNK;
	if (!map_more(h, size, &at, err))
		return false;
	h->use.file += size;
	use_chunk(h, at, size, true);
	return true;
}

static void
add_chunk(struct change_heap *h, size_t size)
{
	bool beyond = h->use.memory + size > h->bound;
	struct lt_err ignored = { 0 };

	if (beyond && add_chunk_of_file(h, size, &ignored))
		return;
	h->use.memory += size;
	h->use.over += beyond ? size : 0;
	use_chunk(h, lt_realloc(NULL, size), size, false);
}

/* What was given back is of many sizes, but those that come are most often of the same. */
bool
change_heap_has_room(struct change_heap *h, uint64_t over, struct lt_err *err)
{
	return h->use.over <= over || h->left + h->given_bytes >= CHUNK || add_chunk_of_file(h, CHUNK, err);
}

void *
change_heap_take(struct change_heap *h, size_t size)
{
	size_t rounded, class = class_of(size, &rounded);
	struct piece *p = h->given[class];
	void *at;

	if (p != NULL) {
		h->given[class] = p->next;
		h->given_bytes -= rounded;
		return p;
	}
	if (h->left < rounded)
		add_chunk(h, LT_MAX(rounded, CHUNK));
	at = h->at;
	h->at += rounded;
	h->left -= rounded;
	return at;
}

void
change_heap_give(struct change_heap *h, void *ptr, size_t size)
{
	size_t rounded, class = class_of(size, &rounded);
	struct piece *p = ptr;

	if (p == NULL)
		return;
	p->next = h->given[class];
	h->given[class] = p;
	h->given_bytes += rounded;
}

struct change_heap_use
change_heap_use(const struct change_heap *h)
{
	struct change_heap_use use = h->use;

	use.over -= LT_MIN(use.over, h->given_bytes);
	return use;
}
