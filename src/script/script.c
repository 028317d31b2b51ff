#include "script/script_priv.h"

#include <stdlib.h>

#define TICK 100
/* For so many bytes that strings take, a step costs one more: any of them may walk through all (==, <). */
#define TICK_BYTES ((size_t)64 << 10)
/* In the account of what was made, for each table: 8 MB are sixteen thousand. */
#define TABLE_BYTES 512
#define HELD_MAX ((size_t)256 << 20)
#define DETAILS_MAX 200

struct script {
	char *text; /* owned */
	size_t len;
};

/** One call, on its way through a protected function. */
struct running {
	const struct script *script;
	const struct script_call *call; /* NULL: it is only looked whether there is a function */
	struct lt_arena *arena;
	struct script_value *out;
};

/* -- limits --------------------------------------------------------------------------------------- */

void
script_spend(lua_State *L, size_t steps)
{
	struct script_limits *limits = script_limits_of(L);

	if (limits->steps >= 0 && steps <= (size_t)limits->steps) {
		limits->steps -= (int64_t)steps;
		return;
	}
	limits->steps = 0;
	limits->spent = true;
	luaL_error(L, "more than %d steps", SCRIPT_STEPS_MAX);
}

void
script_room(lua_State *L, size_t bytes)
{
	struct script_limits *limits = script_limits_of(L);

	if (limits->made <= limits->made_max && bytes <= limits->made_max - limits->made)
		return;
	limits->full = true;
	luaL_error(L, "not enough memory");
}

/* `osize` of a new block says what it is for. Once there was no room there is none any more: Lua collects what nobody
 * uses and asks again, and how much that is does depend on the run. */
static void *
allocate(void *ctx, void *ptr, size_t osize, size_t nsize)
{
	struct script_limits *limits = ctx;
	size_t was = ptr != NULL ? osize : 0, more = nsize > was ? nsize - was : 0, made = 0;
	void *to;

	if (nsize == 0) {
		free(ptr);
		limits->held -= was;
		return NULL;
	}
	if (ptr == NULL && osize != 0)
		made = osize == LUA_TTABLE ? TABLE_BYTES : nsize;
	limits->strings += ptr == NULL && osize == LUA_TSTRING ? nsize : 0;
	if (more > 0 &&
	    (limits->full || made > limits->made_max - limits->made || more > limits->held_max - limits->held)) {
		limits->full = true;
		return NULL;
	}
	to = realloc(ptr, nsize);
	if (to == NULL)
		abort(); /* as everywhere: this is the machine's memory, not the call's */
	limits->held = limits->held - was + nsize;
	limits->made += made;
	return to;
}

static void
tick(lua_State *L, lua_Debug *at)
{
	const struct script_limits *limits = script_limits_of(L);
	lua_Debug deep;

	if (at->event == LUA_HOOKCOUNT)
		script_spend(L, TICK * (1 + limits->strings / TICK_BYTES));
	else if (lua_getstack(L, SCRIPT_DEPTH_MAX, &deep) != 0)
		luaL_error(L, "calls nest deeper than %d", SCRIPT_DEPTH_MAX);
}

/* -- values --------------------------------------------------------------------------------------- */

static void
push_value(lua_State *L, const struct script_value *v)
{
	switch (v->kind) {
	case SCRIPT_INTEGER: lua_pushinteger(L, v->integer); return;
	case SCRIPT_REAL: lua_pushnumber(L, v->real); return;
	case SCRIPT_STRING: lua_pushlstring(L, v->string.len > 0 ? v->string.ptr : "", v->string.len); return;
	case SCRIPT_NULL: lua_pushlightuserdata(L, NULL); return;
	case SCRIPT_NONE:
	case SCRIPT_WRITE:
	case SCRIPT_OTHER: break;
	}
	lua_pushnil(L);
}

/* The value of a column, or a table of all. */
static void
push_image(lua_State *L, const struct script_call *call, const struct script_value *image)
{
	if (image == NULL) {
		lua_pushnil(L);
		return;
	}
	if (call->columns == NULL) {
		push_value(L, image);
		return;
	}
	lua_createtable(L, 0, (int)call->ncolumns);
	for (uint32_t i = 0; i < call->ncolumns; i++) {
		lua_pushlstring(L, call->columns[i].ptr, call->columns[i].len);
		push_value(L, &image[i]);
		lua_rawset(L, -3);
	}
}

/* The list for the function, which may sort it or take some out; so they go into the table at `known`, too. */
static void
push_writes(lua_State *L, const struct script_call *call, int known)
{
	luaL_checkstack(L, 8, NULL);
	lua_createtable(L, (int)call->nwrites, 0);
	for (uint32_t i = 0; i < call->nwrites; i++) {
		const struct script_write *w = &call->writes[i];

		lua_createtable(L, 0, 4);
		lua_pushlstring(L, w->site.ptr, w->site.len);
		lua_setfield(L, -2, "site");
		lua_pushinteger(L, w->time_us);
		lua_setfield(L, -2, "time");
		push_image(L, call, w->before);
		lua_setfield(L, -2, "before");
		push_image(L, call, w->after);
		lua_setfield(L, -2, "after");
		lua_pushvalue(L, -1);
		lua_rawseti(L, known, i + 1);
		lua_rawseti(L, -2, i + 1);
	}
}

/* The number of the write that the table on top is; 0: none. */
static lua_Integer
find_write(lua_State *L, const struct script_call *call, int known)
{
	for (lua_Integer i = 1; i <= call->nwrites; i++) {
		bool same;

		lua_rawgeti(L, known, i);
		same = lua_rawequal(L, -1, -2);
		lua_pop(L, 1);
		if (same)
			return i;
	}
	return 0;
}

static void
take_value(lua_State *L, const struct running *r, int known)
{
	struct script_value *out = r->out;
	struct lt_str s;

	*out = (struct script_value){ .kind = SCRIPT_OTHER };
	switch (lua_type(L, -1)) {
	case LUA_TNIL: out->kind = SCRIPT_NONE; break;
	case LUA_TLIGHTUSERDATA: out->kind = SCRIPT_NULL; break;
	case LUA_TNUMBER:
		out->kind = lua_isinteger(L, -1) ? SCRIPT_INTEGER : SCRIPT_REAL;
		out->integer = lua_tointeger(L, -1);
		out->real = lua_tonumber(L, -1);
		break;
	case LUA_TSTRING:
		out->kind = SCRIPT_STRING;
		s.ptr = lua_tolstring(L, -1, &s.len);
		out->string = lt_arena_str(r->arena, s);
		break;
	case LUA_TTABLE:
		out->integer = find_write(L, r->call, known);
		out->kind = out->integer > 0 ? SCRIPT_WRITE : SCRIPT_OTHER;
		break;
	default: break;
	}
}

/* -- a call --------------------------------------------------------------------------------------- */

static size_t
image_bytes(const struct script_call *call, const struct script_value *image)
{
	uint32_t count = call->columns != NULL ? call->ncolumns : 1;
	size_t n = 0;

	for (uint32_t i = 0; image != NULL && i < count; i++)
		n += image[i].kind == SCRIPT_STRING ? image[i].string.len : 0;
	return n;
}

static size_t
input_bytes(const struct script_call *call)
{
	size_t n = 0;

	for (uint32_t i = 0; i < call->nwrites; i++)
		n += image_bytes(call, call->writes[i].before) + image_bytes(call, call->writes[i].after);
	return n;
}

/* From here on it is counted: what went before is the same each time. */
static void
begin_count(lua_State *L, size_t input)
{
	struct script_limits *limits = script_limits_of(L);

	limits->steps = SCRIPT_STEPS_MAX;
	limits->made = 0;
	limits->made_max = SCRIPT_BYTES_MAX + 2 * input;
	limits->strings = input;
	lua_sethook(L, tick, LUA_MASKCOUNT | LUA_MASKCALL, TICK);
}

static void
end_count(lua_State *L)
{
	lua_sethook(L, NULL, 0, 0);
	script_limits_of(L)->made_max = HELD_MAX;
}

/* Protected: errors of Lua end it. */
static int
run(lua_State *L)
{
	const struct running *r = lua_touserdata(L, 1);

	lua_settop(L, 0);
	script_library_push(L);
	if (luaL_loadbufferx(L, r->script->text, r->script->len, "=function", "t") != LUA_OK)
		return lua_error(L);
	lua_pushvalue(L, 1);
	lua_setupvalue(L, 2, 1);
	begin_count(L, 0);
	lua_call(L, 0, 1);
	if (!lua_isfunction(L, -1))
		return luaL_error(
		    L, "it returns a %s: `return function(writes) ... end` is wanted", luaL_typename(L, -1));
	if (r->call == NULL)
		return 0;
	end_count(L);
	lua_newtable(L);
	lua_insert(L, 1);
	push_writes(L, r->call, 1);
	begin_count(L, input_bytes(r->call));
	lua_call(L, 1, 1);
	end_count(L);
	take_value(L, r, 1);
	return 0;
}

static const char *
what_of(const struct script_limits *limits)
{
	if (limits->spent)
		return "out of steps";
	return limits->full ? "out of memory" : "error";
}

static void
fail(lua_State *L, const struct script_limits *limits, struct lt_arena *arena, struct script_failure *failure)
{
	struct lt_str said = { 0 };

	if (lua_type(L, -1) == LUA_TSTRING)
		said.ptr = lua_tolstring(L, -1, &said.len);
	said.len = LT_MIN(said.len, (size_t)DETAILS_MAX);
	*failure = (struct script_failure){ what_of(limits), lt_arena_str(arena, said) };
}

/* A new state for it. */
static bool
enter(struct running *r, struct lt_arena *arena, struct script_failure *failure)
{
	struct script_limits limits = { .made_max = HELD_MAX, .held_max = HELD_MAX }, *at = &limits;
	lua_State *L = lua_newstate(allocate, &limits);
	bool ok;

	LT_ASSERT(L != NULL);
	memcpy(lua_getextraspace(L), &at, sizeof(at));
	lua_gc(L, LUA_GCSTOP);
	lua_pushcfunction(L, run);
	lua_pushlightuserdata(L, r);
	ok = lua_pcall(L, 1, 0, 0) == LUA_OK;
	if (!ok)
		fail(L, &limits, arena, failure);
	lua_sethook(L, NULL, 0, 0);
	lua_close(L);
	LT_ASSERT(limits.held == 0);
	return ok;
}

bool
script_call(const struct script *s, const struct script_call *call, struct lt_arena *arena, struct script_value *out,
    struct script_failure *failure)
{
	struct running r = { s, call, arena, out };

	if (input_bytes(call) > SCRIPT_INPUT_MAX) {
		*failure = (struct script_failure){ "too much data", { "", 0 } };
		return false;
	}
	return enter(&r, arena, failure);
}

/* -- texts ---------------------------------------------------------------------------------------- */

/* "function:3: what": the line stands for itself. */
static bool
fail_text(struct lt_str said, struct lt_err *err)
{
	static const char prefix[] = "function:";
	char *end;
	unsigned long line;

	if (!lt_str_starts(said, LT_STR("function:")))
		return lt_fail(err, LT_E_CONFIG_FUNCTION, "%.*s", LT_FMT(said));
	line = strtoul(said.ptr + sizeof(prefix) - 1, &end, 10);
	while (*end == ':' || *end == ' ')
		end++;
	return lt_fail(err, LT_E_CONFIG_FUNCTION, "line %lu of the function: %s", line, end);
}

bool
script_new(struct lt_str text, struct script **ret, struct lt_err *err)
{
	struct script *s = NULL;
	struct lt_arena *arena = NULL;
	struct script_failure failure;
	struct running r = { 0 };
	bool ok = false;

	if (text.len > SCRIPT_TEXT_MAX)
		return lt_fail(err, LT_E_CONFIG_FUNCTION, "a function takes at most %d bytes", SCRIPT_TEXT_MAX);
	if (!script_text_check(text, err))
		return false;
	s = lt_new(struct script);
	s->text = lt_str_dup(text);
	s->len = text.len;
	arena = lt_arena_new();
	r.script = s;
	if (!enter(&r, arena, &failure)) {
		fail_text(failure.details, err);
		goto out;
	}
	*ret = s;
	s = NULL;
	ok = true;
out:
	lt_arena_free(arena);
	script_free(s);
	return ok;
}

void
script_free(struct script *s)
{
	if (s == NULL)
		return;
	free(s->text);
	free(s);
}

const char *
script_version(void)
{
	return LUA_VERSION_MAJOR "." LUA_VERSION_MINOR "." LUA_VERSION_RELEASE;
}
