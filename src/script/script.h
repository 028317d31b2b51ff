/* script/script.h - a user's function in Lua, shut off from everything but what it is given (ADR 47).
 *
 * A text is a chunk that returns a function. Each call of it is a world of its own: a new state, which is thrown away
 * behind it, so that nothing goes over from one call to the next. There is nothing in it that could answer differently
 * at another time, machine or run, and it ends: by steps, by bytes, by depth. So what comes out is a function of what
 * went in, and so is the failure. */
#ifndef SCRIPT_SCRIPT_H
#define SCRIPT_SCRIPT_H

#include "base/arena.h"
#include "base/err.h"

/** A text that was read. Immutable; any thread. */
struct script;

enum {
	SCRIPT_TEXT_MAX = 64 << 10,  /* bytes of a text */
	SCRIPT_STEPS_MAX = 250000,   /* instructions of one call, and what functions of the library cost */
	SCRIPT_DEPTH_MAX = 150,      /* calls in each other */
	SCRIPT_BYTES_MAX = 8 << 20,  /* that a call makes beside what it is given and twice that, */
	SCRIPT_INPUT_MAX = 16 << 20, /* which is no more than this */
};

enum script_kind {
	SCRIPT_NONE, /* nil */
	SCRIPT_NULL, /* the global NULL */
	SCRIPT_INTEGER,
	SCRIPT_REAL,
	SCRIPT_STRING,
	SCRIPT_WRITE, /* of what comes out: one of the writes; `integer` is its number, from 1 */
	SCRIPT_OTHER, /* a table, ... */
};

struct script_value {
	enum script_kind kind;
	int64_t integer;
	double real;
	struct lt_str string;
};

/** One of the writes that a function chooses among, a table { site =, time =, before =, after = }. */
struct script_write {
	struct lt_str site;
	int64_t time_us;
	const struct script_value *before, *after; /* one value, or one for each column; NULL: nil, there was no row */
};

struct script_call {
	const struct script_write *writes;
	uint32_t nwrites;
	const struct lt_str *columns; /* names: `before` and `after` are tables. NULL: they are a value each */
	uint32_t ncolumns;
};

/** Why a call gave nothing. */
struct script_failure {
	const char *what;      /* "error", "out of steps", "out of memory", "too much data" */
	struct lt_str details; /* in the arena; what Lua says, but nothing that was made of the values */
};

/** LT_E_CONFIG_FUNCTION, with the line of the text, where it is no such chunk. `**ret` to script_free(). */
LT_MUST_USE bool script_new(struct lt_str text, struct script **ret, struct lt_err *err);
void script_free(struct script *s);
/** Call it with the list of writes. A string of `out` lies in `arena`. */
LT_MUST_USE bool script_call(const struct script *s, const struct script_call *call, struct lt_arena *arena,
    struct script_value *out, struct script_failure *failure);
/** Of Lua: "5.4.4". */
const char *script_version(void);

#endif
