/* Order in tables: Lua's own table.sort turns to the clock for large tables, and its pairs() gives keys as they lie in
 * memory. */
#include "script/script_priv.h"

/** Two tables at indexes of the stack, and what compares: a function's index, 0: `<`, -1: the order of keys. */
struct sorting {
	int from, to, less;
};

/* The order of keys that pairs() gives: numbers, then strings by their bytes, then false and true. */
static int
rank_of(lua_State *L, int at)
{
	switch (lua_type(L, at)) {
	case LUA_TNUMBER: return 0;
	case LUA_TSTRING: return 1;
	default: return 2;
	}
}

static bool
is_key_less(lua_State *L, int a, int b)
{
	int x = rank_of(L, a), y = rank_of(L, b);

	if (x != y)
		return x < y;
	return x < 2 ? lua_compare(L, a, b, LUA_OPLT) : lua_toboolean(L, a) < lua_toboolean(L, b);
}

/* Whether what is on top comes before what is below it; both stay. */
static bool
is_top_less(lua_State *L, const struct sorting *s)
{
	bool less;

	script_spend(L, 8);
	if (s->less < 0)
		return is_key_less(L, -1, -2);
	if (s->less == 0)
		return lua_compare(L, -1, -2, LUA_OPLT);
	lua_pushvalue(L, s->less);
	lua_pushvalue(L, -2);
	lua_pushvalue(L, -4);
	lua_call(L, 2, 1);
	less = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return less;
}

/* [low, middle) and [middle, high) of `from`, each in order, into `to`. */
static void
merge(lua_State *L, const struct sorting *s, lua_Integer low, lua_Integer middle, lua_Integer high)
{
	lua_Integer a = low, b = middle;
	int top = lua_gettop(L);

	for (lua_Integer i = low; i < high; i++) {
		bool second = a == middle;

		lua_rawgeti(L, s->from, a);
		lua_rawgeti(L, s->from, b);
		if (a < middle && b < high)
			second = is_top_less(L, s);
		if (!second)
			lua_pop(L, 1);
		lua_rawseti(L, s->to, i);
		lua_settop(L, top);
		a += !second;
		b += second;
	}
}

/* The first `n` of the table at index `table`. */
static void
sort(lua_State *L, int table, lua_Integer n, int less)
{
	struct sorting s = { table, table + 1, less };

	lua_settop(L, table);
	lua_createtable(L, (int)n, 0);
	luaL_checkstack(L, 8, NULL);
	for (lua_Integer width = 1; width < n; width *= 2) {
		int was = s.from;

		script_spend(L, (size_t)n);
		for (lua_Integer low = 1; low <= n; low += 2 * width)
			merge(L, &s, low, LT_MIN(low + width, n + 1), LT_MIN(low + 2 * width, n + 1));
		s.from = s.to;
		s.to = was;
	}
	for (lua_Integer i = 1; s.from != table && i <= n; i++) {
		lua_rawgeti(L, s.from, i);
		lua_rawseti(L, table, i);
	}
	lua_settop(L, table);
}

/* sort(table [, less]) */
int
script_sort(lua_State *L)
{
	bool compares = !lua_isnoneornil(L, 2);
	lua_Integer n;

	luaL_checktype(L, 1, LUA_TTABLE);
	if (compares)
		luaL_checktype(L, 2, LUA_TFUNCTION);
	n = (lua_Integer)lua_rawlen(L, 1);
	script_spend(L, (size_t)n);
	lua_settop(L, 2);
	lua_insert(L, 1); /* the function, or nil, below the table */
	sort(L, 2, n, compares ? 1 : 0);
	return 0;
}

/* The next key that still has a value, and that. Upvalues: the table, its keys in order, how far it is. */
static int
next_pair(lua_State *L)
{
	lua_Integer at = lua_tointeger(L, lua_upvalueindex(3));

	for (;;) {
		lua_settop(L, 0);
		at++;
		if (lua_rawgeti(L, lua_upvalueindex(2), at) == LUA_TNIL)
			break;
		lua_pushvalue(L, 1);
		if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNIL)
			break;
		script_spend(L, 1);
	}
	lua_pushinteger(L, at);
	lua_replace(L, lua_upvalueindex(3));
	return lua_gettop(L);
}

/* pairs(table) */
int
script_pairs(lua_State *L)
{
	lua_Integer n = 0;
	bool odd = false;

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 1);
	lua_newtable(L);
	for (lua_pushnil(L); lua_next(L, 1) != 0;) {
		int type = lua_type(L, -2);

		script_spend(L, 4);
		odd = odd || (type != LUA_TNUMBER && type != LUA_TSTRING && type != LUA_TBOOLEAN);
		lua_pop(L, 1);
		lua_pushvalue(L, -1);
		lua_rawseti(L, 2, ++n);
	}
	if (odd) /* only now: which key comes first is chance */
		return luaL_error(L, "pairs: a key is neither number, string nor boolean, so they are in no order");
	sort(L, 2, n, -1);
	lua_pushinteger(L, 0);
	lua_pushcclosure(L, next_pair, 3);
	return 1;
}
