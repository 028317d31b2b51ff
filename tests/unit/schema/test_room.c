#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "schema/room.h"

static void
room(struct change_column from, const char *base, const char *type, enum schema_room_kind kind, uint32_t count)
{
	const struct schema_column to = { .base_type = lt_str_z(base), .type = lt_str_z(type) };
	struct schema_room r = schema_room_of(&from, &to);

	if (r.kind != kind || r.count != count)
		fail_msg("kind %d into %s: %d %u", (int)from.kind, type, (int)r.kind, r.count);
}

static void
a_narrower_column_bends_and_a_wider_one_does_not(void **state)
{
	static const struct {
		enum change_kind kind;
		uint8_t scale;
		const char *base, *type;
		enum schema_room_kind room;
		uint32_t count;
	} cases[] = {
		{ CHANGE_DATETIME, 6, "datetime", "datetime(3)", SCHEMA_ROOM_DIGITS, 3 },
		{ CHANGE_TIMESTAMP, 6, "timestamp", "timestamp", SCHEMA_ROOM_DIGITS, 0 },
		{ CHANGE_TIMESTAMP, 0, "timestamp", "timestamp(3)", SCHEMA_ROOM_ANY, 0 },
		{ CHANGE_DATETIME, 0, "timestamp", "timestamp", SCHEMA_ROOM_NONE, 0 },
		{ CHANGE_TIMESTAMP, 0, "datetime", "datetime", SCHEMA_ROOM_NONE, 0 },
		{ CHANGE_DATE, 0, "timestamp", "timestamp", SCHEMA_ROOM_NONE, 0 },
		{ CHANGE_DATETIME, 3, "datetime", "datetime(6)", SCHEMA_ROOM_ANY, 0 },
		{ CHANGE_TIMESTAMP, 0, "date", "date", SCHEMA_ROOM_NONE, 0 },
		{ CHANGE_DATETIME, 0, "date", "date", SCHEMA_ROOM_DATE, 0 },
		{ CHANGE_DATE, 0, "datetime", "datetime", SCHEMA_ROOM_ANY, 0 },
		{ CHANGE_DATE, 0, "date", "date", SCHEMA_ROOM_ANY, 0 },
		{ CHANGE_TIME, 0, "datetime", "datetime", SCHEMA_ROOM_NONE, 0 },
		{ CHANGE_TIME, 0, "date", "date", SCHEMA_ROOM_NONE, 0 },
		{ CHANGE_DATETIME, 0, "time", "time", SCHEMA_ROOM_NONE, 0 },
		{ CHANGE_DATETIME, 0, "bigint", "bigint(20)", SCHEMA_ROOM_NONE, 0 },
		{ CHANGE_DATETIME, 6, "varchar", "varchar(30)", SCHEMA_ROOM_ANY, 0 },
		{ CHANGE_DECIMAL, 4, "decimal", "decimal(20,2)", SCHEMA_ROOM_DIGITS, 2 },
		{ CHANGE_DECIMAL, 2, "decimal", "decimal(20,2)", SCHEMA_ROOM_ANY, 0 },
		{ CHANGE_DECIMAL, 2, "int", "int(11)", SCHEMA_ROOM_DIGITS, 0 },
		{ CHANGE_DECIMAL, 2, "double", "double", SCHEMA_ROOM_DOUBLE, 0 },
		{ CHANGE_DOUBLE, 0, "float", "float", SCHEMA_ROOM_FLOAT, 0 },
		{ CHANGE_DOUBLE, 0, "decimal", "decimal(10,3)", SCHEMA_ROOM_DIGITS, 3 },
		{ CHANGE_FLOAT, 0, "double", "double", SCHEMA_ROOM_ANY, 0 },
		{ CHANGE_UINT, 0, "double", "double", SCHEMA_ROOM_DOUBLE, 0 },
		{ CHANGE_INT, 0, "tinyint", "tinyint(4)", SCHEMA_ROOM_ANY, 0 }, /* the server refuses it */
		{ CHANGE_TEXT, 0, "char", "char(10)", SCHEMA_ROOM_CHAR, 0 },
		{ CHANGE_TEXT, 0, "varchar", "varchar(10)", SCHEMA_ROOM_ANY, 0 },
		{ CHANGE_BYTES, 0, "binary", "binary(16)", SCHEMA_ROOM_BINARY, 16 },
		{ CHANGE_BYTES, 0, "blob", "blob", SCHEMA_ROOM_ANY, 0 },
		{ CHANGE_BYTES, 0, "uuid", "uuid", SCHEMA_ROOM_ANY, 0 },
		{ CHANGE_BIT, 0, "bit", "bit(1)", SCHEMA_ROOM_ANY, 0 },
	};

	(void)state;
	for (size_t i = 0; i < LT_COUNT(cases); i++)
		room((struct change_column){ .kind = cases[i].kind, .scale = cases[i].scale }, cases[i].base,
		    cases[i].type, cases[i].room, cases[i].count);
	room((struct change_column){ .kind = CHANGE_TEXT, .charset = LT_STR("utf16le") }, "char", "char(10)",
	    SCHEMA_ROOM_ANY, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_narrower_column_bends_and_a_wider_one_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
