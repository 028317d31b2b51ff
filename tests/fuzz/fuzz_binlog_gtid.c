/* One byte that picks the event, then its body; GTID sets in both forms: what is read prints, and reads again the same.
 */
#include "binlog/gtid_event.h"
#include "fuzz/fuzz.h"

static void
same_again(const struct change_gtid_set *s)
{
	struct change_gtid_set *back = NULL;
	struct lt_buf text = { 0 };

	change_gtid_set_text(s, &text);
	LT_ASSERT(change_gtid_set_parse(lt_buf_str(&text), &back, NULL));
	LT_ASSERT(change_gtid_set_eq(s, back));
	change_gtid_set_free(back);
	lt_buf_free(&text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t types[] = { BINLOG_GTID, BINLOG_ANONYMOUS_GTID, BINLOG_GTID_TAGGED, BINLOG_MARIADB_GTID };
	struct change_gtid_set *s = NULL;
	struct binlog_gtid_event e;
	struct lt_err err = { 0 };
	struct lt_str body;

	if (size == 0)
		return 0;
	body = lt_str_of(data + 1, size - 1);
	if (data[0] < 128) {
		if (!binlog_gtid_decode(types[data[0] % LT_COUNT(types)], body, 1, &e, &err))
			LT_ASSERT(err.code != LT_OK && err.code != LT_E_INTERNAL);
		return 0;
	}
	switch (data[0] % 3) {
	case 0: (void)!change_gtid_set_decode(body, &s, &err); break;
	case 1: (void)!binlog_gtid_list_decode(body, &s, &err); break;
	default: (void)!change_gtid_set_parse(body, &s, &err); break;
	}
	LT_ASSERT((s != NULL) == (err.code == LT_OK));
	if (s != NULL)
		same_again(s);
	change_gtid_set_free(s);
	return 0;
}
