/* script/script_priv.h - a call's inside, shared by script.c (states, calls), library.c (what a text may use), sort.c
 * and text.c (what it may not say). */
#ifndef SCRIPT_SCRIPT_PRIV_H
#define SCRIPT_SCRIPT_PRIV_H

#include <lauxlib.h>
#include <lua.h>

#include "script/script.h"

/** What a call may still use. Lua's own figures would not do: where keys lie in a table, and so how large it becomes
 * when some are taken out, goes by a number that each state draws. So a limit that decides is kept by what does not
 * depend on that. */
struct script_limits {
	int64_t steps;         /* left */
	size_t made, made_max; /* bytes of strings, functions, ...; for each table a round sum */
	size_t strings;        /* bytes of these alone */
	size_t held, held_max; /* bytes in all. It is so large that another limit is always met before */
	bool spent, full;      /* why it ended */
};

static inline struct script_limits *
script_limits_of(lua_State *L)
{
	struct script_limits *limits;

	memcpy(&limits, lua_getextraspace(L), sizeof(limits));
	return limits;
}

/** Take steps away; ends the call where there are none left. */
void script_spend(lua_State *L, size_t steps);
/** Ends the call unless so many bytes may still be made. */
void script_room(lua_State *L, size_t bytes);
/** How many steps it takes to handle so many bytes. */
static inline size_t
script_steps_of(size_t bytes)
{
	return 4 + bytes / 16;
}

/** Push the table of what a text may use, its _ENV. */
void script_library_push(lua_State *L);
/** table.sort, and the order of pairs(): stable, and the same whatever the comparison says. */
int script_sort(lua_State *L);
int script_pairs(lua_State *L);
/** Whether the text is free of what has no place here; else where and why. */
LT_MUST_USE bool script_text_check(struct lt_str text, struct lt_err *err);

#endif
