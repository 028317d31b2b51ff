#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pipeline/check.h"
#include "pipeline/grants.h"

/* A channel between sites 0 and 1, with one or both directions of `entries`. */
struct fixture {
	struct model_channel channel;
	struct model_site sites[2];
	struct model_pipeline pipelines[2];
};

static void
open_channel(struct fixture *f, const struct model_entry *entries, size_t count, bool two_way)
{
	struct lt_err err = { 0 };
	size_t bad;

	*f = (struct fixture){ 0 };
	f->sites[0].user = lt_strdup("lu'tra");
	f->sites[1].user = lt_strdup("lutra");
	f->channel.sites = f->sites;
	f->channel.nsites = 2;
	f->channel.pipelines = f->pipelines;
	f->channel.npipelines = two_way ? 2 : 1;
	f->channel.pipelines[0].to = 1;
	assert_true(model_mapping_new(entries, count, &f->channel.pipelines[0].mapping, &bad, &err));
	if (!two_way)
		return;
	f->channel.pipelines[1].from = 1;
	assert_true(
	    model_mapping_invert(f->channel.pipelines[0].mapping, &f->channel.pipelines[1].mapping, &bad, &err));
}

static void
close_channel(struct fixture *f)
{
	for (size_t i = 0; i < f->channel.npipelines; i++)
		model_mapping_free(f->channel.pipelines[i].mapping);
	free(f->sites[0].user);
	free(f->sites[1].user);
}

static void
prints(struct fixture *f, size_t site, bool mariadb, const char *want)
{
	struct lt_buf out = { 0 };

	pipeline_grants(&f->channel, site, mariadb, &out);
	assert_string_equal(lt_buf_cstr(&out), want);
	lt_buf_free(&out);
}

#define ENTRY(f, t)                                                                                                    \
	{                                                                                                              \
		.from = { (f), sizeof(f) - 1 }, .to = {(t), sizeof(t) - 1 }                                            \
	}

static void
a_source_may_read_and_a_target_may_write(void **state)
{
	const struct model_entry entries[] = { ENTRY("my_shop.*", "shop.*"), ENTRY("crm.people", "") };
	struct fixture f;

	(void)state;
	open_channel(&f, entries, 2, false);
	prints(&f, 0, false,
	    "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO 'lu\\'tra'@'%';\n"
	    "GRANT SELECT ON `crm`.`people` TO 'lu\\'tra'@'%';\n"
	    "GRANT SELECT ON `my\\_shop`.* TO 'lu\\'tra'@'%';\n");
	prints(&f, 1, false,
	    "GRANT SELECT, INSERT, UPDATE, DELETE ON `crm`.`people` TO 'lutra'@'%';\n"
	    "GRANT SELECT, INSERT, UPDATE, DELETE ON `shop`.* TO 'lutra'@'%';\n"
	    "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX ON `lutra`.* TO 'lutra'@'%';\n");
	close_channel(&f);
}

static void
a_two_way_site_may_both_and_nothing_twice(void **state)
{
	const struct model_entry entries[] = { ENTRY("shop.*", ""), ENTRY("shop.orders", "") };
	struct fixture f;

	(void)state;
	open_channel(&f, entries, 2, true);
	prints(&f, 1, true,
	    "GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO 'lutra'@'%';\n"
	    "GRANT SELECT, INSERT, UPDATE, DELETE ON `shop`.* TO 'lutra'@'%';\n"
	    "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX ON `lutra`.* TO 'lutra'@'%';\n");
	close_channel(&f);
}

static void
a_pattern_of_schemas_needs_all_of_them(void **state)
{
	const struct model_entry entries[] = { ENTRY("shop_[0-9].*", ""), ENTRY("crm.people", "") };
	struct fixture f;

	(void)state;
	open_channel(&f, entries, 2, false);
	prints(&f, 0, true, "GRANT REPLICATION SLAVE, BINLOG MONITOR, SELECT ON *.* TO 'lu\\'tra'@'%';\n");
	prints(&f, 1, true,
	    "GRANT SELECT, INSERT, UPDATE, DELETE ON *.* TO 'lutra'@'%';\n"
	    "GRANT CREATE, ALTER, DROP, INDEX ON `lutra`.* TO 'lutra'@'%';\n");
	close_channel(&f);
}

static struct pipeline_held *
held_of(bool fold, const char *const *lines)
{
	struct pipeline_held *h = pipeline_held_new(fold);

	for (; *lines != NULL; lines++)
		pipeline_held_add(h, lt_str_z(*lines));
	return h;
}

#define ON(h, schema, table) pipeline_held_on((h), lt_str_z(schema), lt_str_z(table))

static void
reads_what_both_engines_print(void **state)
{
	static const char *const lines[] = {
		"GRANT `rr` TO `lu't`@`%`",
		"GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO `lu't`@`%` IDENTIFIED BY PASSWORD '*B690'",
		"GRANT SELECT ON `a\\_b`.* TO `lu't`@`%`",
		"GRANT SELECT, DELETE ON `we``ird`.* TO `lu't`@`%` WITH GRANT OPTION",
		"GRANT SELECT (`id`), INSERT (`id`, `v) ON `), UPDATE ON `a_b`.`t` TO `lu't`@`%`",
		"GRANT BACKUP_ADMIN,BINLOG_ADMIN ON *.* TO `lu't`@`%`",
		"GRANT PROXY ON ``@`%` TO `root`@`localhost` WITH GRANT OPTION",
		"GRANT EXECUTE ON FUNCTION `a_b`.`f` TO `lu't`@`%`",
		NULL,
	};
	struct pipeline_held *h = held_of(false, lines);

	(void)state;
	assert_int_equal(ON(h, NULL, NULL), PIPELINE_PRIV_REPL_SLAVE | PIPELINE_PRIV_REPL_CLIENT);
	assert_int_equal(ON(h, "a_b", NULL) & PIPELINE_PRIV_SELECT, PIPELINE_PRIV_SELECT);
	assert_int_equal(ON(h, "axb", NULL) & PIPELINE_PRIV_SELECT, 0);
	assert_int_equal(ON(h, "we`ird", "x") & (PIPELINE_PRIV_SELECT | PIPELINE_PRIV_DELETE),
	    PIPELINE_PRIV_SELECT | PIPELINE_PRIV_DELETE);
	assert_int_equal(ON(h, "a_b", "t") & (PIPELINE_PRIV_INSERT | PIPELINE_PRIV_UPDATE), PIPELINE_PRIV_UPDATE);
	assert_int_equal(ON(h, "a_b", "u") & PIPELINE_PRIV_UPDATE, 0);
	pipeline_held_free(h);
}

static void
all_privileges_are_all(void **state)
{
	static const char *const everywhere[] = { "GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION",
		NULL };
	static const char *const somewhere[] = { "GRANT ALL PRIVILEGES ON \"shop%\".* TO \"l\"@\"%\"", NULL };
	struct pipeline_held *h = held_of(false, everywhere);

	(void)state;
	assert_int_equal(ON(h, NULL, NULL), PIPELINE_PRIV_ALL);
	assert_int_equal(ON(h, "shop", "t"), PIPELINE_PRIV_ALL);
	pipeline_held_free(h);
	h = held_of(false, somewhere);
	assert_int_equal(ON(h, NULL, NULL), 0);
	assert_int_equal(ON(h, "shop_eu", NULL), PIPELINE_PRIV_ALL);
	assert_int_equal(ON(h, "Shop", NULL), 0);
	pipeline_held_free(h);
	h = held_of(true, somewhere);
	assert_int_equal(ON(h, "Shop", NULL), PIPELINE_PRIV_ALL);
	pipeline_held_free(h);
}

static void
a_partial_revoke_takes_away(void **state)
{
	static const char *const lines[] = {
		"GRANT SELECT, INSERT ON *.* TO `z`@`%`",
		"REVOKE SELECT ON `shop`.* FROM `z`@`%`",
		NULL,
	};
	struct pipeline_held *h = held_of(false, lines);

	(void)state;
	assert_int_equal(ON(h, "shop", "t"), PIPELINE_PRIV_INSERT);
	assert_int_equal(ON(h, "crm", "t"), PIPELINE_PRIV_SELECT | PIPELINE_PRIV_INSERT);
	pipeline_held_free(h);
}

static void
the_most_exact_pattern_counts_alone(void **state)
{
	static const char *const lines[] = {
		"GRANT SELECT, INSERT ON `shop_1`.* TO `l`@`%`",
		"GRANT DELETE ON `shop\\_1`.* TO `l`@`%`",
		"GRANT UPDATE ON `shop%`.* TO `role`",
		NULL,
	};
	struct pipeline_held *h = held_of(false, lines);

	(void)state;
	assert_int_equal(ON(h, "shop_1", NULL), PIPELINE_PRIV_DELETE | PIPELINE_PRIV_UPDATE);
	assert_int_equal(ON(h, "shopx1", NULL), PIPELINE_PRIV_SELECT | PIPELINE_PRIV_INSERT | PIPELINE_PRIV_UPDATE);
	pipeline_held_free(h);
}

/* Every beginning of a line is read without harm and promises nothing that the line does not. */
static void
survives_every_truncation(void **state)
{
	static const char line[] = "GRANT SELECT (`i``d`), UPDATE ON `a\\_b`.`t` TO `l`@`%`";

	(void)state;
	for (size_t n = 0; n < sizeof(line); n++) {
		struct pipeline_held *h = pipeline_held_new(false);
		char *copy = lt_str_dup(lt_str_of(line, n)); /* so that a reader beyond the end is seen */

		pipeline_held_add(h, lt_str_of(copy, n));
		assert_int_equal(ON(h, "a\\_b", "t") & ~(uint32_t)PIPELINE_PRIV_UPDATE, 0);
		assert_int_equal(ON(h, "a_b", "u"), 0);
		pipeline_held_free(h);
		free(copy);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_source_may_read_and_a_target_may_write),
		cmocka_unit_test(a_two_way_site_may_both_and_nothing_twice),
		cmocka_unit_test(a_pattern_of_schemas_needs_all_of_them),
		cmocka_unit_test(reads_what_both_engines_print),
		cmocka_unit_test(all_privileges_are_all),
		cmocka_unit_test(a_partial_revoke_takes_away),
		cmocka_unit_test(the_most_exact_pattern_counts_alone),
		cmocka_unit_test(survives_every_truncation),
	};

	return cmocka_run_group_tests_name("grants", tests, NULL, NULL);
}
