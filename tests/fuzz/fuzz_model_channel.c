/* Any bytes as a channel file: a coded error with its place, or a channel whose mappings lead there and back. */
#include <stdio.h>

#include "base/buf.h"
#include "fuzz/fuzz.h"
#include "model/channel.h"

static void
check_round_trip(
    const struct model_mapping *there, const struct model_mapping *back, struct lt_str schema, struct lt_str table)
{
	struct lt_buf a = { 0 }, b = { 0 }, c = { 0 }, d = { 0 };
	const struct model_rule *rule = NULL, *home = NULL;

	if (model_mapping_table(there, schema, table, &a, &b, &rule) && rule != NULL && back != NULL && a.len <= 256 &&
	    b.len <= 256) {
		LT_ASSERT(model_mapping_table(back, lt_buf_str(&a), lt_buf_str(&b), &c, &d, &home));
		LT_ASSERT(home == NULL || (lt_str_eq(lt_buf_str(&c), schema) && lt_str_eq(lt_buf_str(&d), table)));
	}
	lt_buf_free(&a);
	lt_buf_free(&b);
	lt_buf_free(&c);
	lt_buf_free(&d);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "a", "b", "shop", "t", "t_03", "t_3", "orders", "o_12" };
	struct model_channel *c = NULL;
	struct lt_err err = { 0 };

	if (!model_channel_parse(lt_str_of(data, size), "/nowhere/channel.yaml", &c, &err)) {
		LT_ASSERT(err.code != LT_OK && err.code != LT_E_INTERNAL && err.message[0] != '\0');
		return 0;
	}
	for (size_t i = 0; i < LT_COUNT(names) * LT_COUNT(names); i++) {
		struct lt_str schema = lt_str_z(names[i % LT_COUNT(names)]),
			      table = lt_str_z(names[i / LT_COUNT(names)]);
		const struct model_mapping *back =
		    c->pipelines[0].two_way ? model_channel_back(c, &c->pipelines[0])->mapping : NULL;

		check_round_trip(c->pipelines[0].mapping, back, schema, table);
		if (back != NULL)
			check_round_trip(back, c->pipelines[0].mapping, schema, table);
	}
	model_channel_free(c);
	return 0;
}
