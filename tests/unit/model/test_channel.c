#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "model/channel.h"

static char folder[] = "/tmp/lutra-channel-XXXXXX";

static void
put(const char *name, const char *text, mode_t mode)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static bool
load(const char *text, struct model_channel **ret, struct lt_err *err)
{
	char path[128];

	put("c.yaml", text, 0644);
	snprintf(path, sizeof(path), "%s/c.yaml", folder);
	return model_channel_load(path, ret, err);
}

static struct model_channel *
loaded(const char *text)
{
	struct model_channel *c = NULL;
	struct lt_err err = { 0 };

	if (!load(text, &c, &err))
		fail_msg("%u:%u: %s", err.where.line, err.where.column, err.message);
	assert_int_equal(err.where.line, 0); /* nothing stays behind */
	return c;
}

#define SITES                                                                                                          \
	"sites:\n  hz: { id: 1, url: \"mysql://lutra@127.0.0.1:3307\" }\n  us: { id: 2, url: "                         \
	"\"mysql://lutra@localhost\" }\n"
#define HEAD "channel: shop\n" SITES                       /* lines 1 to 4 */
#define ONE HEAD "direction: hz -> us\ntables: [shop.*]\n" /* to line 6 */
#define TWO HEAD "direction: hz <-> us\ntables: [shop.*]\n"

#define SEMI(direction, options)                                                                                       \
	"channel: shop\nsites:\n  hz: { id: 1, url: \"mysql://lutra@127.0.0.1:3307/" options "\", semi-sync: on }\n"   \
	"  us: { id: 2, url: \"mysql://lutra@localhost\" }\ndirection: " direction "\ntables: [shop.*]\n"

static void
a_semi_synchronous_site_has_a_bounded_relay_log(void **state)
{
	struct model_channel *c = loaded(SEMI("hz -> us", ""));

	(void)state;
	assert_true(c->sites[0].semi_sync && !c->sites[1].semi_sync);
	assert_int_equal(c->relay_bytes, (uint64_t)16 << 30);
	model_channel_free(c);
	c = loaded(SEMI("hz -> us", "?compression-algorithms=uncompressed") "relay: 5M\n");
	assert_int_equal(c->relay_bytes, (uint64_t)5 << 20);
	model_channel_free(c);
	c = loaded(ONE);
	assert_false(c->sites[0].semi_sync || c->sites[1].semi_sync);
	model_channel_free(c);
}

static void
completes_a_one_way_channel_with_defaults(void **state)
{
	struct model_channel *c = loaded(ONE);
	struct lt_buf a = { 0 }, b = { 0 };
	const struct model_rule *rule;

	(void)state;
	assert_string_equal(c->name, "shop");
	assert_int_equal(c->nsites, 2);
	assert_string_equal(c->sites[1].name, "us");
	assert_int_equal(c->sites[1].id, 2);
	assert_string_equal(c->sites[0].password, "");
	assert_int_equal(c->npipelines, 1);
	assert_string_equal(c->pipelines[0].name, "hz->us");
	assert_false(c->pipelines[0].two_way);
	assert_int_equal(c->pipelines[0].start.kind, MODEL_START_NOW);
	assert_int_equal(c->sync, MODEL_SYNC_FIELD);
	assert_int_equal(c->verify, MODEL_VERIFY_OFF);
	assert_int_equal(c->memory_bytes, 256 << 20);
	assert_int_equal(c->spill_bytes, (uint64_t)16 << 30);
	assert_int_equal(c->group.rows, 5000);
	assert_int_equal(c->group.bytes, 4 << 20);
	assert_int_equal(c->group.time_ms, 200);
	assert_int_equal(c->group.wait_ms, 20);
	assert_false(c->free_order);
	assert_true(model_mapping_table(c->pipelines[0].mapping, LT_STR("shop"), LT_STR("t"), &a, &b, &rule));
	lt_buf_free(&a);
	lt_buf_free(&b);
	model_channel_free(c);
}

/* Unless something in the file speaks against it. */
static void
a_backlog_for_a_far_target_gets_more_writers(void **state)
{
	static const struct {
		const char *text;
		size_t near, far;
	} cases[] = {
		{ ONE, 1, 4 },
		{ ONE "commit-order: free\nmode: merge\nverify: on\ngroup: { wait: 5 }\n", 1, 4 },
		{ ONE "writers: 1\n", 1, 1 },
		{ ONE "writers: 2\n", 2, 2 },
		{ ONE "writers: 9\n", 9, 9 },
		{ ONE "group: { rows: 100 }\n", 1, 1 },
		{ ONE "group: { time: 50 }\n", 1, 1 },
		{ ONE "sync-mode: row\n", 1, 1 },
		{ TWO "conflicts: none\n", 1, 1 },
		{ TWO "conflicts: none\nwriters: 3\n", 3, 3 },
	};

	(void)state;
	for (size_t i = 0; i < LT_COUNT(cases); i++) {
		struct model_channel *c = loaded(cases[i].text);

		assert_int_equal(c->writers, cases[i].near);
		assert_int_equal(c->far_writers, cases[i].far);
		model_channel_free(c);
	}
}

static void
begins_at_the_beginning_where_told(void **state)
{
	struct model_channel *c = loaded(ONE "start: beginning\n");

	(void)state;
	assert_int_equal(c->pipelines[0].start.kind, MODEL_START_BEGINNING);
	model_channel_free(c);
	c = loaded(HEAD "direction: us<->hz\nconflicts: none\ntables: [ a.t ]\nstart: { us: beginning }\n");
	assert_int_equal(c->pipelines[0].start.kind, MODEL_START_BEGINNING);
	assert_int_equal(c->pipelines[1].start.kind, MODEL_START_NOW);
	model_channel_free(c);
}

static void
two_way_gets_two_pipelines_and_an_inverse_from_left_to_right(void **state)
{
	struct model_channel *c =
	    loaded(HEAD "direction: us<->hz\nconflicts: none\ntables:\n  - { from: a.t, to: b.u, exclude: [n] }\n");
	struct lt_buf a = { 0 }, b = { 0 };
	const struct model_rule *rule;

	(void)state;
	assert_int_equal(c->npipelines, 2);
	assert_string_equal(c->pipelines[0].name, "us->hz"); /* `from` is the left site */
	assert_string_equal(c->pipelines[1].name, "hz->us");
	assert_int_equal(c->pipelines[1].from, 0);
	assert_true(c->pipelines[1].two_way);
	assert_int_equal(c->verify, MODEL_VERIFY_ON);
	assert_int_equal(c->group.time_ms, 10);
	assert_int_equal(c->pipelines[1].start.kind, MODEL_START_NOW);
	assert_true(model_mapping_table(c->pipelines[0].mapping, LT_STR("a"), LT_STR("t"), &a, &b, &rule));
	assert_true(model_mapping_table(c->pipelines[1].mapping, LT_STR("b"), LT_STR("u"), &a, &b, &rule));
	assert_true(lt_str_eqz(lt_buf_str(&a), "a") && lt_str_eqz(lt_buf_str(&b), "t"));
	assert_false(model_mapping_table(c->pipelines[1].mapping, LT_STR("a"), LT_STR("t"), &a, &b, &rule));
	lt_buf_free(&a);
	lt_buf_free(&b);
	model_channel_free(c);
}

static void
reads_every_key(void **state)
{
	struct model_channel *c;

	(void)state;
	put("hz.pw", "s3cret\n\n", 0600);
	assert_int_equal(setenv("LUTRA_TEST_PW", "from env", 1), 0);
	c = loaded(
	    "channel: a_B-9\n"
	    "sites:\n"
	    "  hz: { id: 255, url: 'mysql://u@h/?ssl-ca=ca.pem&ssl-cert=/c.pem&ssl-key=k.pem', password_file: hz.pw }\n"
	    "  us: { id: 1, url: 'mysql://u@localhost/?socket=my.sock', password_env: LUTRA_TEST_PW }\n"
	    "direction: hz <-> us\n"
	    "conflicts: none\n"
	    "tables:\n"
	    "  - 's_[0-3].*'\n"
	    "  - from: x.y\n"
	    "    to: x.z\n"
	    "    include: [a, b]\n"
	    "    rename: { a: c }\n"
	    "start:\n"
	    "  hz: { gtid: '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:7' }\n"
	    "  us: { file: mb.000003, pos: 4711 }\n"
	    "memory: 16M\n"
	    "spill: 3G\n"
	    "until:\n"
	    "  us: { gtid: 0-1-9 }\n"
	    "delay: { us->hz: 2h }\n"
	    "otter: { channel: 7, info: ring, write: on }\n"
	    "group: { rows: 10, bytes: 512K, time: 2s, wait: 30 }\n"
	    "writers: 64\n"
	    "commit-order: free\n"
	    "verify: off\n");
	assert_int_equal(c->writers, 64);
	assert_true(c->free_order);
	assert_int_equal(c->group.wait_ms, 30);
	assert_string_equal(c->sites[0].password, "s3cret\n"); /* one newline is dropped */
	assert_string_equal(c->sites[1].password, "from env");
	assert_int_equal(strncmp(c->sites[0].ssl_ca, folder, strlen(folder)), 0);
	assert_string_equal(c->sites[0].ssl_ca + strlen(folder), "/ca.pem");
	assert_string_equal(c->sites[0].ssl_cert, "/c.pem");
	assert_string_equal(c->sites[1].socket + strlen(folder), "/my.sock");
	assert_int_equal(c->pipelines[0].start.kind, MODEL_START_GTID);
	assert_string_equal(c->pipelines[0].start.gtid, "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:7");
	assert_int_equal(c->pipelines[1].start.kind, MODEL_START_PLACE);
	assert_string_equal(c->pipelines[1].start.file, "mb.000003");
	assert_int_equal(c->pipelines[1].start.pos, 4711);
	assert_int_equal(c->pipelines[0].until.kind, MODEL_START_NONE);
	assert_int_equal(c->pipelines[1].until.kind, MODEL_START_GTID);
	assert_string_equal(c->pipelines[1].until.gtid, "0-1-9");
	assert_int_equal(c->pipelines[0].delay_ms, 0);
	assert_int_equal(c->pipelines[1].delay_ms, 7200000);
	assert_true(c->otter.on && c->otter.write && c->otter.has_channel);
	assert_int_equal(c->otter.channel, 7);
	assert_string_equal(c->otter.schema, "retl");
	assert_string_equal(c->otter.info, "ring");
	assert_int_equal(c->memory_bytes, 16 << 20);
	assert_int_equal(c->spill_bytes, (uint64_t)3 << 30);
	assert_int_equal(c->group.rows, 10);
	assert_int_equal(c->group.bytes, 512 << 10);
	assert_int_equal(c->group.time_ms, 2000);
	assert_int_equal(c->verify, MODEL_VERIFY_OFF);
	model_channel_free(c);
}

static void
reads_times_as_microseconds_of_utc(void **state)
{
	static const struct {
		const char *text;
		uint64_t us;
	} times[] = {
		{ "2026-11-22T08:00:00Z", 1795334400000000u },
		{ "2026-11-22 08:00:00.25Z", 1795334400250000u },
		{ "2026-11-22T09:00:00.000001+01:00", 1795334400000001u },
		{ "2026-11-22T02:30:00-05:30", 1795334400000000u },
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2024-02-29T23:59:59Z", 1709251199000000u },
		{ "2000-03-01T00:00:00Z", 951868800000000u },
	};

	(void)state;
	for (size_t i = 0; i < LT_COUNT(times); i++) {
		struct lt_buf text = { 0 };
		struct model_channel *c;

		lt_buf_printf(&text, ONE "start: { hz: { time: '%s' } }\n", times[i].text);
		c = loaded(lt_buf_cstr(&text));
		assert_int_equal(c->pipelines[0].start.kind, MODEL_START_TIME);
		assert_true(c->pipelines[0].start.time_us == times[i].us);
		model_channel_free(c);
		lt_buf_free(&text);
	}
}

struct bad {
	const char *text;
	enum lt_code code;
	uint32_t line, column;
	const char *message;
};

static void
refuse(const struct bad *bad)
{
	struct model_channel *c = NULL;
	struct lt_err err = { 0 };

	if (load(bad->text, &c, &err))
		fail_msg("taken: %s", bad->text);
	assert_null(c);
	if (err.code != bad->code || err.where.line != bad->line || err.where.column != bad->column ||
	    strstr(err.message, bad->message) == NULL)
		fail_msg("E%d %u:%u %s\n%s", (int)err.code, err.where.line, err.where.column, err.message, bad->text);
	assert_non_null(strstr(err.where.file, "c.yaml"));
	assert_null(strstr(err.message, "hunter2"));
}

#define SITE_HZ "channel: shop\nsites:\n  us: { id: 2, url: \"mysql://u@localhost\" }\n  hz: "
#define REST "\ndirection: hz -> us\ntables: [shop.*]\n"

static void
refuses_wrong_keys_and_sites_at_their_place(void **state)
{
	static const struct bad bad[] = {
		{ "channel: [\n", LT_E_CONFIG_SYNTAX, 2, 1, "did not find" },
		{ "just text\n", LT_E_CONFIG_VALUE, 1, 1, "keys with values" },
		{ ONE "tabels: []\n", LT_E_CONFIG_KEY, 7, 1, "did you mean `tables`?" },
		{ ONE "Memory: 1M\n", LT_E_CONFIG_KEY, 7, 1, "did you mean `memory`?" },
		{ ONE "wholly_other: 1\n", LT_E_CONFIG_KEY, 7, 1, "unknown key `wholly_other`" },
		{ ONE "group: { row: 1 }\n", LT_E_CONFIG_KEY, 7, 10, "did you mean `rows`?" },
		{ SITES "direction: hz -> us\ntables: [a.b]\n", LT_E_CONFIG_MISSING, 1, 1, "`channel`" },
		{ "channel: a\ndirection: hz -> us\ntables: [a.b]\n", LT_E_CONFIG_MISSING, 1, 1, "`sites`" },
		{ HEAD "tables: [a.b]\n", LT_E_CONFIG_MISSING, 1, 1, "`direction`" },
		{ HEAD "direction: hz -> us\n", LT_E_CONFIG_MISSING, 1, 1, "`tables`" },
		{ "channel: a b\n" SITES "direction: hz -> us\ntables: [a.b]\n", LT_E_CONFIG_VALUE, 1, 10,
		    "letters, digits" },
		{ "channel:\n" SITES "direction: hz -> us\ntables: [a.b]\n", LT_E_CONFIG_VALUE, 1, 9, "no value" },
		{ "channel: [a]\n" SITES "direction: hz -> us\ntables: [a.b]\n", LT_E_CONFIG_VALUE, 1, 10,
		    "a text is wanted" },
		{ "channel: a\nsites: [hz]" REST, LT_E_CONFIG_VALUE, 2, 8, "by their names" },
		{ "channel: a\nsites: { hz: { id: 1, url: x } }" REST, LT_E_CONFIG_VALUE, 2, 8, "two sites" },
		{ SITE_HZ "{ id: 2, url: 'mysql://u@h' }" REST, LT_E_CONFIG_VALUE, 4, 13, "taken by site us" },
		{ SITE_HZ "{ id: 0, url: 'mysql://u@h' }" REST, LT_E_CONFIG_VALUE, 4, 13, "from 1 to 255" },
		{ SITE_HZ "{ id: 256, url: 'mysql://u@h' }" REST, LT_E_CONFIG_VALUE, 4, 13, "from 1 to 255" },
		{ SITE_HZ "{ id: one, url: 'mysql://u@h' }" REST, LT_E_CONFIG_VALUE, 4, 13, "a number" },
		{ SITE_HZ "{ url: 'mysql://u@h' }" REST, LT_E_CONFIG_MISSING, 4, 7, "`id`" },
		{ SITE_HZ "{ id: 1 }" REST, LT_E_CONFIG_MISSING, 4, 7, "`url`" },
		{ SITE_HZ "{ id: 1, uri: 'mysql://u@h' }" REST, LT_E_CONFIG_KEY, 4, 16, "did you mean `url`?" },
		{ SITE_HZ "{ id: 1, url: 'http://u@h' }" REST, LT_E_CONFIG_VALUE, 4, 21, "must begin with" },
		{ SITE_HZ "{ id: 1, url: 'mysql://u:hunter2@h' }" REST, LT_E_CONFIG_SECRET, 4, 21, "password" },
		{ SITE_HZ "{ id: 1, url: 'mysql://u@h', password: hunter2 }" REST, LT_E_CONFIG_SECRET, 4, 36,
		    "password" },
		{ SITE_HZ "{ id: 1, url: 'mysql://u@h', password_env: LUTRA_TEST_UNSET }" REST, LT_E_CONFIG_SECRET, 4,
		    50, "is not set" },
		{ SITE_HZ "{ id: 1, url: 'mysql://u@h', password_env: 'A=B' }" REST, LT_E_CONFIG_VALUE, 4, 50,
		    "environment variable" },
		{ SITE_HZ "{ id: 1, url: 'mysql://u@h', password_env: A, password_file: b }" REST, LT_E_CONFIG_VALUE, 4,
		    53, "either" },
		{ SITE_HZ "{ id: 1, url: 'mysql://u@h', password_file: none.pw }" REST, LT_E_FILE_IO, 4, 51,
		    "No such file" },
		{ SITE_HZ "{ id: 1, url: 'mysql://u@h', password_file: . }" REST, LT_E_FILE_IO, 4, 51,
		    "not a regular file" },
		{ SITE_HZ "{ id: 1, url: 'mysql://u@h', password_file: open.pw }" REST, LT_E_CONFIG_SECRET, 4, 51,
		    "mode 0640" },
		{ "channel: a\nsites: { h.z: { id: 1, url: 'mysql://u@h' }, b: 1 }" REST, LT_E_CONFIG_VALUE, 2, 10,
		    "name of a site" },
	};

	(void)state;
	put("open.pw", "hunter2\n", 0640);
	assert_int_equal(unsetenv("LUTRA_TEST_UNSET"), 0);
	for (size_t i = 0; i < LT_COUNT(bad); i++)
		refuse(&bad[i]);
}

static const struct bad wrong_values[] = {
	{ HEAD "direction: hz us\ntables: [a.b]\n", LT_E_CONFIG_VALUE, 5, 12, "`a -> b`" },
	{ HEAD "direction: mesh\ntables: [a.b]\n", LT_E_CONFIG_VALUE, 5, 12, "two are `hz <-> us`" },
	{ HEAD "direction: star\ntables: [a.b]\n", LT_E_CONFIG_VALUE, 5, 12, "hands on what others wrote" },
	{ HEAD "direction: hz <- us\ntables: [a.b]\n", LT_E_CONFIG_VALUE, 5, 12, "`a -> b`" },
	{ HEAD "direction: eu -> us\ntables: [a.b]\n", LT_E_CONFIG_VALUE, 5, 12, "left" },
	{ HEAD "direction: hz -> us -> hz\ntables: [a.b]\n", LT_E_CONFIG_VALUE, 5, 12, "right" },
	{ HEAD "direction: hz -> hz\ntables: [a.b]\n", LT_E_CONFIG_VALUE, 5, 12, "same site" },
	{ TWO, LT_E_CONFIG_MISSING, 1, 1, "`conflicts`" },
	{ ONE "conflicts: none\n", LT_E_CONFIG_KEY, 7, 1, "two-way" },
	{ ONE "start: later\n", LT_E_CONFIG_VALUE, 7, 8, "start:" },
	{ ONE "start:\n", LT_E_CONFIG_VALUE, 7, 7, "start:" },
	{ ONE "start: { us: now }\n", LT_E_CONFIG_VALUE, 7, 10, "is not read" },
	{ ONE "start: { hx: now }\n", LT_E_CONFIG_KEY, 7, 10, "did you mean `hz`?" },
	{ ONE "start: { hz: then }\n", LT_E_CONFIG_VALUE, 7, 14, "now, beginning, {" },
	{ ONE "start: { hz: {} }\n", LT_E_CONFIG_VALUE, 7, 14, "one of" },
	{ ONE "start: { hz: { gtid: 0-1-2, time: x } }\n", LT_E_CONFIG_VALUE, 7, 14, "one of" },
	{ ONE "start: { hz: { gtid: '0;1' } }\n", LT_E_CONFIG_VALUE, 7, 22, "gtid" },
	{ ONE "start: { hz: { gtid: 0-1 } }\n", LT_E_CONFIG_VALUE, 7, 22, "'0-1' does not belong" },
	{ ONE "start:\n  hz: { gtid: '0-1-2,\n    x' }\n", LT_E_CONFIG_VALUE, 8, 15, "'x' does not belong" },
	{ ONE "start: { hz: { gtid: '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5,0-1-42' } }\n", LT_E_CONFIG_VALUE, 7, 22,
	    "mixed" },
	{ ONE "start: { hz: { gtid: ',' } }\n", LT_E_CONFIG_VALUE, 7, 22, "no GTID" },
	{ ONE "start: { hz: { gtid: '' } }\n", LT_E_CONFIG_VALUE, 7, 22, "no value" },
	{ HEAD "direction: hz -> us\ntables:\n  - { from: a.b, set: x }\n", LT_E_CONFIG_VALUE, 7, 23, "set" },
	{ HEAD "direction: hz -> us\ntables:\n  - { from: a.b, set: { c: [1] } }\n", LT_E_CONFIG_VALUE, 7, 28,
	    "set: a number" },
	{ HEAD "direction: hz -> us\ntables:\n  - { from: a.b, weight: 0 }\n", LT_E_CONFIG_VALUE, 7, 26, "weight" },
	{ HEAD "direction: hz -> us\ntables:\n  - a.b\n  - { from: a.b, to: a.b }\n", LT_E_CONFIG_MAPPING, 8, 5,
	    "entry 1 has the same" },
	{ HEAD "direction: hz <-> us\nconflicts: none\ntables:\n  - { from: a.b, set: { c: 1 } }\n",
	    LT_E_CONFIG_MAPPING, 8, 5, "no way back" },
	{ HEAD "direction: hz <-> us\nconflicts: none\ntables:\n  - a.b\n  - { from: a.b, to: a.c }\n",
	    LT_E_CONFIG_MAPPING, 9, 5, "fan-out" },
	{ ONE "relay: 1G\n", LT_E_CONFIG_KEY, 7, 1, "semi-sync" },
	{ SEMI("hz <-> us", "") "conflicts: none\n", LT_E_CONFIG_VALUE, 3, 65, "one-way channels only" },
	{ SEMI("us -> hz", ""), LT_E_CONFIG_VALUE, 3, 65, "not read" },
	{ SEMI("hz -> us", "?compression-algorithms=zstd"), LT_E_CONFIG_VALUE, 3, 93, "compressed" },
	{ SEMI("hz -> us", "") "relay: 1K\n", LT_E_CONFIG_VALUE, 7, 8, "are allowed" },
	{ ONE "sync-mode: media\n", LT_E_CONFIG_VALUE, 7, 12, "field or row" },
	{ ONE "writers: 2\nsync-mode: row\n", LT_E_CONFIG_VALUE, 8, 12, "one of `writers`" },
	{ TWO "conflicts: none\nsync-mode: row\n", LT_E_CONFIG_VALUE, 8, 12, "one way" },
	{ ONE "otter: 7\n", LT_E_CONFIG_VALUE, 7, 8, "otter" },
	{ ONE "otter: { channel: 0 }\n", LT_E_CONFIG_VALUE, 7, 19, "channel" },
	{ ONE "otter: { write: on }\n", LT_E_CONFIG_MISSING, 7, 17, "`channel`" },
	{ ONE "until: now\n", LT_E_CONFIG_VALUE, 7, 8, "until:" },
	{ ONE "until: { us: { gtid: 0-1-2 } }\n", LT_E_CONFIG_VALUE, 7, 10, "is not read" },
	{ ONE "until: { hx: { gtid: 0-1-2 } }\n", LT_E_CONFIG_KEY, 7, 10, "did you mean `hz`?" },
	{ ONE "until: { hz: now }\n", LT_E_CONFIG_VALUE, 7, 14, "until: {" },
	{ ONE "until: { hz: { time: soon } }\n", LT_E_CONFIG_VALUE, 7, 22, "time" },
	{ ONE "delay: [1h]\n", LT_E_CONFIG_VALUE, 7, 8, "delay" },
	{ ONE "delay: 1w\n", LT_E_CONFIG_VALUE, 7, 8, "as 10ms, 2s, 1h" },
	{ ONE "delay: 31d\n", LT_E_CONFIG_VALUE, 7, 8, "are allowed" },
	{ ONE "delay: { hz->as: 1h }\n", LT_E_CONFIG_KEY, 7, 10, "did you mean `hz->us`?" },
	{ ONE "start: { hz: { file: a.1 } }\n", LT_E_CONFIG_MISSING, 7, 14, "come together" },
	{ ONE "start: { hz: { file: x/a.1, pos: 4 } }\n", LT_E_CONFIG_VALUE, 7, 22, "without a folder" },
	{ ONE "start: { hz: { file: a.1, pos: 3 } }\n", LT_E_CONFIG_VALUE, 7, 32, "from 4" },
	{ ONE "start: { hz: { time: 2026-02-29T00:00:00Z } }\n", LT_E_CONFIG_VALUE, 7, 22, "a time since" },
	{ ONE "start: { hz: { time: '2026-02-28T00:00:00' } }\n", LT_E_CONFIG_VALUE, 7, 22, "a time since" },
	{ ONE "start: { hz: { time: '1969-12-31T23:59:59Z' } }\n", LT_E_CONFIG_VALUE, 7, 22, "a time since" },
	{ ONE "start: { hz: { tmie: now } }\n", LT_E_CONFIG_KEY, 7, 16, "did you mean `time`?" },
	{ ONE "memory: 64X\n", LT_E_CONFIG_VALUE, 7, 9, "a size" },
	{ ONE "memory: -1\n", LT_E_CONFIG_VALUE, 7, 9, "a size" },
	{ ONE "spill: 1K\n", LT_E_CONFIG_VALUE, 7, 8, "are allowed" },
	{ ONE "memory: M\n", LT_E_CONFIG_VALUE, 7, 9, "a size" },
	{ ONE "memory: 64K\n", LT_E_CONFIG_VALUE, 7, 9, "are allowed" },
	{ ONE "memory: 99999999999999999999G\n", LT_E_CONFIG_VALUE, 7, 9, "a size" },
	{ ONE "memory: 17179869185G\n", LT_E_CONFIG_VALUE, 7, 9, "a size" },
	{ ONE "group: 5\n", LT_E_CONFIG_VALUE, 7, 8, "group" },
	{ ONE "group: { rows: 0 }\n", LT_E_CONFIG_VALUE, 7, 16, "from 1" },
	{ ONE "group: { bytes: 512M }\n", LT_E_CONFIG_VALUE, 7, 17, "larger than" },
	{ ONE "group: { time: 0 }\n", LT_E_CONFIG_VALUE, 7, 16, "are allowed" },
	{ ONE "group: { wait: 2s }\n", LT_E_CONFIG_VALUE, 7, 16, "are allowed" },
	{ ONE "writers: 0\n", LT_E_CONFIG_VALUE, 7, 10, "from 1 to 64" },
	{ ONE "writers: 65\n", LT_E_CONFIG_VALUE, 7, 10, "from 1 to 64" },
	{ ONE "commit-order: any\n", LT_E_CONFIG_VALUE, 7, 15, "source or free" },
	{ ONE "group: { time: 1w }\n", LT_E_CONFIG_VALUE, 7, 16, "a time" },
	{ ONE "group: { time: 1h }\n", LT_E_CONFIG_VALUE, 7, 16, "are allowed" },
	{ ONE "verify: perhaps\n", LT_E_CONFIG_VALUE, 7, 9, "on or off" },
	{ ONE "mode: otter\n", LT_E_CONFIG_VALUE, 7, 7, "exact or merge" },
	{ HEAD "direction: hz -> us\ntables: []\n", LT_E_CONFIG_VALUE, 6, 9, "a list" },
	{ HEAD "direction: hz -> us\ntables: shop.*\n", LT_E_CONFIG_VALUE, 6, 9, "a list" },
	{ HEAD "direction: hz -> us\ntables:\n  - *.orders\n", LT_E_CONFIG_SYNTAX, 7, 5, "in quotes" },
	{ HEAD "direction: hz -> us\ntables:\n  - shop.a\n  - shop\n", LT_E_CONFIG_MAPPING, 8, 5, "no dot" },
	{ HEAD "direction: hz -> us\ntables:\n  - [a.b]\n", LT_E_CONFIG_VALUE, 7, 5, "entry of tables" },
	{ HEAD "direction: hz -> us\ntables:\n  - { to: a.b }\n", LT_E_CONFIG_MISSING, 7, 5, "`from`" },
	{ HEAD "direction: hz -> us\ntables:\n  - { from: a.b, include: x }\n", LT_E_CONFIG_VALUE, 7, 27, "a list" },
	{ HEAD "direction: hz -> us\ntables:\n  - { from: a.b, exclude: [] }\n", LT_E_CONFIG_VALUE, 7, 27, "a list" },
	{ HEAD "direction: hz -> us\ntables:\n  - { from: a.b, rename: [x] }\n", LT_E_CONFIG_VALUE, 7, 26,
	    "new names" },
	{ HEAD "direction: hz -> us\ntables:\n  - { from: a.b, columns: [x] }\n", LT_E_CONFIG_KEY, 7, 18,
	    "unknown key" },
	{ HEAD "direction: hz -> us\ntables:\n  - { from: a.b, include: [x], exclude: [y] }\n", LT_E_CONFIG_MAPPING, 7,
	    5, "not both" },
	{ HEAD "direction: hz <-> us\nconflicts: none\ntables:\n  - a.b\n  - { from: 'c.[0-9]', to: c.x }\n",
	    LT_E_CONFIG_MAPPING, 9, 5, "fan-in" },
};

static void
refuses_wrong_values_at_their_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < LT_COUNT(wrong_values); i++)
		refuse(&wrong_values[i]);
}

static void
a_file_that_is_not_there_is_an_io_error(void **state)
{
	struct model_channel *c = NULL;
	struct lt_err err = { 0 };

	(void)state;
	assert_false(model_channel_load("/nowhere/c.yaml", &c, &err));
	assert_int_equal(err.code, LT_E_FILE_IO);
	assert_string_equal(err.where.file, "/nowhere/c.yaml");
}

static void
takes_every_truncation_without_a_fault(void **state)
{
	static const char text[] = TWO "conflicts: none\nstart: { hz: { gtid: 0-1-2 } }\ngroup: { time: 5ms }\n";

	(void)state;
	for (size_t n = 0; n < sizeof(text); n++) {
		struct model_channel *c = NULL;
		struct lt_err err = { 0 };
		char cut[sizeof(text)] = "";

		memcpy(cut, text, n);
		if (!load(cut, &c, &err))
			assert_in_range(err.code, LT_E_CONFIG_SYNTAX, LT_E_CONFIG_SECRET);
		model_channel_free(c);
	}
}

static int
make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) != NULL ? 0 : -1;
}

static int
remove_folder(void **state)
{
	static const char *const names[] = { "c.yaml", "hz.pw", "open.pw" };
	char path[128];

	(void)state;
	for (size_t i = 0; i < LT_COUNT(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	return rmdir(folder);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(completes_a_one_way_channel_with_defaults),
		cmocka_unit_test(a_backlog_for_a_far_target_gets_more_writers),
		cmocka_unit_test(a_semi_synchronous_site_has_a_bounded_relay_log),
		cmocka_unit_test(begins_at_the_beginning_where_told),
		cmocka_unit_test(two_way_gets_two_pipelines_and_an_inverse_from_left_to_right),
		cmocka_unit_test(reads_every_key),
		cmocka_unit_test(reads_times_as_microseconds_of_utc),
		cmocka_unit_test(refuses_wrong_keys_and_sites_at_their_place),
		cmocka_unit_test(refuses_wrong_values_at_their_place),
		cmocka_unit_test(a_file_that_is_not_there_is_an_io_error),
		cmocka_unit_test(takes_every_truncation_without_a_fault),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
