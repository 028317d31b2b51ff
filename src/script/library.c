/* What a text may use. Of Lua's own functions those that end soon, for what they are given, and that answer the same
 * always; the others are here anew, or not there. Each costs steps, since no hook looks into C.
 *
 * Not there: io, os, debug, package, coroutine, load, require, collectgarbage, metatables, pcall (nothing holds up a
 * limit), next, select, print, patterns (match, gmatch, gsub: some never end), string.dump, pack, random numbers, and
 * what is left to the C library's last digit (exp, log, sin, ...). */
#include <lualib.h>

#include "script/script_priv.h"

#define UNPACK_MAX 100000

/* -- Lua's own, at a price ------------------------------------------------------------------------ */

static size_t
string_bytes(lua_State *L, int from, int to)
{
	size_t n = 0;

	for (int i = from; i <= to; i++)
		n += lua_type(L, i) == LUA_TSTRING ? (size_t)lua_rawlen(L, i) : 0;
	return n;
}

/* Upvalues: the function; whether it goes through all that it is given. */
static int
charged(lua_State *L)
{
	lua_CFunction f = lua_tocfunction(L, lua_upvalueindex(1));
	bool all = lua_toboolean(L, lua_upvalueindex(2));
	int top = lua_gettop(L), n;

	script_spend(L, all ? script_steps_of(string_bytes(L, 1, top)) : 1);
	n = f(L);
	top = lua_gettop(L);
	script_spend(L, (size_t)n + string_bytes(L, top - n + 1, top) / 16);
	return n;
}

/** Functions of one of Lua's libraries. */
struct picks {
	lua_CFunction open;
	bool all;
	const char *names[20];
};

static const struct picks base = { luaopen_base, true, { "ipairs", "tonumber", "type" } };
static const struct picks strings = { luaopen_string, true, { "len", "lower", "reverse", "upper" } };
static const struct picks pieces = { luaopen_string, false, { "byte", "char", "sub" } };
static const struct picks numbers = { luaopen_math, true,
	{ "abs", "ceil", "floor", "fmod", "huge", "max", "maxinteger", "min", "mininteger", "modf", "pi", "sqrt",
	    "tointeger", "type", "ult" } };
static const struct picks characters = { luaopen_utf8, true, { "char", "codepoint", "len", "offset" } };

/* Into the table on top. */
static void
pick(lua_State *L, const struct picks *p)
{
	lua_pushcfunction(L, p->open);
	lua_call(L, 0, 1);
	for (size_t i = 0; i < LT_COUNT(p->names) && p->names[i] != NULL; i++) {
		if (lua_getfield(L, -1, p->names[i]) == LUA_TFUNCTION) {
			lua_pushboolean(L, p->all);
			lua_pushcclosure(L, charged, 2);
		}
		lua_setfield(L, -3, p->names[i]);
	}
	lua_pop(L, 1);
}

/* -- strings -------------------------------------------------------------------------------------- */

/* Steps over the flags, width and precision behind a '%'; the conversion. */
static char
conversion_at(const char **at)
{
	while (**at != '\0' && strchr("-+ #0123456789.", **at) != NULL)
		++*at;
	return **at;
}

/* What an argument may add. */
static size_t
check_argument(lua_State *L, char conversion, int arg)
{
	int type = lua_type(L, arg);

	if (conversion == '\0' || strchr("cdiouxXeEfgGs", conversion) == NULL)
		luaL_error(L, "format: a conversion that is not taken here");
	if (conversion != 's')
		return 512;
	if (type != LUA_TSTRING && type != LUA_TNUMBER && type != LUA_TBOOLEAN && type != LUA_TNIL)
		luaL_error(L, "format: %%s of a %s", lua_typename(L, type));
	return type == LUA_TSTRING ? (size_t)lua_rawlen(L, arg) + 100 : 512;
}

/* format(format, values). Upvalue: Lua's own. */
static int
format(lua_State *L)
{
	size_t bytes;
	const char *at = luaL_checklstring(L, 1, &bytes), *end = at + bytes;
	int arg = 1;

	for (; (at = memchr(at, '%', (size_t)(end - at))) != NULL; at++) {
		char conversion;

		at++;
		if (*at == '%')
			continue;
		conversion = conversion_at(&at);
		bytes += check_argument(L, conversion, ++arg);
	}
	script_spend(L, script_steps_of(bytes));
	script_room(L, bytes);
	return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* rep(string, n [, separator]) */
static int
repeat(lua_State *L)
{
	size_t len, between, all;
	const char *s = luaL_checklstring(L, 1, &len);
	lua_Integer n = luaL_checkinteger(L, 2);
	const char *separator = luaL_optlstring(L, 3, "", &between);
	luaL_Buffer out;

	if (n <= 0 || len + between == 0) {
		lua_pushliteral(L, "");
		return 1;
	}
	if (__builtin_mul_overflow((size_t)n, len + between, &all))
		all = SIZE_MAX;
	script_room(L, all);
	script_spend(L, script_steps_of(all) + (size_t)n / 4);
	luaL_buffinitsize(L, &out, all);
	for (lua_Integer i = 1; i <= n; i++) {
		luaL_addlstring(&out, s, len);
		if (i < n)
			luaL_addlstring(&out, separator, between);
	}
	luaL_pushresult(&out);
	return 1;
}

/* find(string, what [, from]): no patterns. */
static int
find(lua_State *L)
{
	size_t len, wanted, from;
	const char *s = luaL_checklstring(L, 1, &len), *what = luaL_checklstring(L, 2, &wanted), *found;
	lua_Integer begin = luaL_optinteger(L, 3, 1);

	script_spend(L, script_steps_of(len + wanted));
	if (begin < 0)
		begin = (lua_Integer)len + begin < 0 ? 1 : (lua_Integer)len + begin + 1;
	from = begin > 0 ? (size_t)begin - 1 : 0;
	found = from <= len ? memmem(s + from, len - from, what, wanted) : NULL;
	if (found == NULL) {
		lua_pushnil(L);
		return 1;
	}
	lua_pushinteger(L, found - s + 1);
	lua_pushinteger(L, found - s + (lua_Integer)wanted);
	return 2;
}

/* split(string, separator): the pieces. */
static int
split(lua_State *L)
{
	size_t len, between;
	const char *s = luaL_checklstring(L, 1, &len), *separator = luaL_checklstring(L, 2, &between), *end = s + len;
	lua_Integer n = 0;

	luaL_argcheck(L, between > 0, 2, "a separator is wanted");
	script_spend(L, script_steps_of(len));
	lua_newtable(L);
	for (const char *next = s; next != NULL;) {
		const char *found = memmem(s, (size_t)(end - s), separator, between);

		script_spend(L, 2);
		lua_pushlstring(L, s, (size_t)((found != NULL ? found : end) - s));
		lua_rawseti(L, -2, ++n);
		next = found;
		s = found != NULL ? found + between : s;
	}
	return 1;
}

/* -- tables --------------------------------------------------------------------------------------- */

static size_t
piece_bytes(lua_State *L, int table, lua_Integer at)
{
	int type = lua_rawgeti(L, table, at);
	size_t n = type == LUA_TSTRING ? (size_t)lua_rawlen(L, -1) : 64;

	if (type != LUA_TSTRING && type != LUA_TNUMBER)
		luaL_error(L, "concat: a %s among the values", lua_typename(L, type));
	lua_pop(L, 1);
	return n;
}

/* concat(table [, separator [, from [, to]]]) */
static int
concat(lua_State *L)
{
	size_t between, all = 0;
	const char *separator = luaL_optlstring(L, 2, "", &between);
	lua_Integer from = luaL_optinteger(L, 3, 1), to;
	luaL_Buffer out;

	luaL_checktype(L, 1, LUA_TTABLE);
	to = luaL_optinteger(L, 4, (lua_Integer)lua_rawlen(L, 1));
	for (lua_Integer i = from; i <= to; i++) {
		script_spend(L, 2);
		all += piece_bytes(L, 1, i) + between;
		if (i == to)
			break;
	}
	script_room(L, all);
	script_spend(L, script_steps_of(all));
	luaL_buffinit(L, &out);
	for (lua_Integer i = from; i <= to; i++) {
		lua_rawgeti(L, 1, i);
		luaL_addvalue(&out);
		if (i == to)
			break;
		luaL_addlstring(&out, separator, between);
	}
	luaL_pushresult(&out);
	return 1;
}

/* insert(table, [at,] value) */
static int
insert(lua_State *L)
{
	lua_Integer end, at;

	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_argcheck(L, lua_gettop(L) == 2 || lua_gettop(L) == 3, 2, "insert(table, [at,] value) is wanted");
	at = end = (lua_Integer)lua_rawlen(L, 1) + 1;
	if (lua_gettop(L) == 3)
		at = luaL_checkinteger(L, 2);
	luaL_argcheck(L, at >= 1 && at <= end, 2, "out of the table");
	script_spend(L, (size_t)(end - at) + 1);
	for (lua_Integer i = end; i > at; i--) {
		lua_rawgeti(L, 1, i - 1);
		lua_rawseti(L, 1, i);
	}
	lua_rawseti(L, 1, at);
	return 0;
}

/* remove(table [, at]): what was there. */
static int
take_out(lua_State *L)
{
	lua_Integer end, at;

	luaL_checktype(L, 1, LUA_TTABLE);
	end = (lua_Integer)lua_rawlen(L, 1);
	at = luaL_optinteger(L, 2, end);
	if (end == 0 && lua_isnoneornil(L, 2)) {
		lua_pushnil(L);
		return 1;
	}
	luaL_argcheck(L, at >= 1 && at <= end, 2, "out of the table");
	script_spend(L, (size_t)(end - at) + 1);
	lua_rawgeti(L, 1, at);
	for (lua_Integer i = at; i < end; i++) {
		lua_rawgeti(L, 1, i + 1);
		lua_rawseti(L, 1, i);
	}
	lua_pushnil(L);
	lua_rawseti(L, 1, end);
	return 1;
}

/* unpack(table [, from [, to]]) */
static int
unpack(lua_State *L)
{
	lua_Integer from = luaL_optinteger(L, 2, 1), to;

	luaL_checktype(L, 1, LUA_TTABLE);
	to = luaL_optinteger(L, 3, (lua_Integer)lua_rawlen(L, 1));
	if (from > to)
		return 0;
	if ((lua_Unsigned)to - (lua_Unsigned)from >= UNPACK_MAX)
		return luaL_error(L, "unpack: too many values");
	script_spend(L, (size_t)(to - from) + 1);
	luaL_checkstack(L, (int)(to - from) + 2, "unpack");
	for (lua_Integer i = from; i < to; i++)
		lua_rawgeti(L, 1, i);
	lua_rawgeti(L, 1, to);
	return (int)(to - from) + 1;
}

/* -- the rest ------------------------------------------------------------------------------------- */

/* What a text says of itself may hold a row's values, which no log does. */
static int
raise(lua_State *L, const char *by)
{
	return luaL_error(L, "it called %s()", by);
}

static int
raise_error(lua_State *L)
{
	return raise(L, "error");
}

/* assert(value, ...): all of them. */
static int
demand(lua_State *L)
{
	luaL_checkany(L, 1);
	return lua_toboolean(L, 1) ? lua_gettop(L) : raise(L, "assert");
}

static int
to_string(lua_State *L)
{
	switch (lua_type(L, 1)) {
	case LUA_TSTRING: lua_settop(L, 1); break;
	case LUA_TNUMBER:
		lua_settop(L, 1);
		lua_tolstring(L, 1, NULL);
		break;
	case LUA_TBOOLEAN: lua_pushstring(L, lua_toboolean(L, 1) ? "true" : "false"); break;
	case LUA_TNIL: lua_pushliteral(L, "nil"); break;
	case LUA_TLIGHTUSERDATA: lua_pushliteral(L, "NULL"); break;
	default: return luaL_error(L, "tostring: a %s has no text", luaL_typename(L, 1));
	}
	return 1;
}

static const luaL_Reg globals[] = { { "assert", demand }, { "error", raise_error }, { "pairs", script_pairs },
	{ "tostring", to_string }, { NULL, NULL } };
static const luaL_Reg string_functions[] = { { "find", find }, { "rep", repeat }, { "split", split }, { NULL, NULL } };
static const luaL_Reg table_functions[] = { { "concat", concat }, { "insert", insert }, { "remove", take_out },
	{ "sort", script_sort }, { "unpack", unpack }, { NULL, NULL } };

/* ("x"):rep(3) finds the functions; that "1" + 1 does not is on purpose, a DECIMAL would lose its digits. */
static void
set_string_metatable(lua_State *L)
{
	lua_pushliteral(L, "");
	lua_createtable(L, 0, 1);
	lua_pushvalue(L, -3);
	lua_setfield(L, -2, "__index");
	lua_setmetatable(L, -2);
	lua_pop(L, 1);
}

static void
push_strings(lua_State *L)
{
	lua_newtable(L);
	pick(L, &strings);
	pick(L, &pieces);
	luaL_setfuncs(L, string_functions, 0);
	lua_pushcfunction(L, luaopen_string);
	lua_call(L, 0, 1);
	lua_getfield(L, -1, "format");
	lua_pushcclosure(L, format, 1);
	lua_setfield(L, -3, "format");
	lua_pop(L, 1);
	set_string_metatable(L);
}

void
script_library_push(lua_State *L)
{
	lua_newtable(L);
	pick(L, &base);
	luaL_setfuncs(L, globals, 0);
	lua_pushlightuserdata(L, NULL);
	lua_setfield(L, -2, "NULL");
	push_strings(L);
	lua_setfield(L, -2, "string");
	lua_newtable(L);
	pick(L, &numbers);
	lua_setfield(L, -2, "math");
	lua_newtable(L);
	pick(L, &characters);
	lua_setfield(L, -2, "utf8");
	lua_newtable(L);
	luaL_setfuncs(L, table_functions, 0);
	lua_setfield(L, -2, "table");
}
