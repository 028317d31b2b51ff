#include "node/conflicts.h"

#include "base/clock.h"
#include "converge/replay.h"
#include "mysql/conn.h"
#include "pipeline/connect.h"

/* What one answer on the control socket takes, with room for the last line. */
#define ANSWER_BYTES ((size_t)3 << 20)

/* The words of a request. */
enum {
	FORM = 1,
	WHAT,
	SITE,
	TABLE,
	SINCE,
	WHICH,
	LIMIT,
	LIST_WORDS,
	NAME = SITE,
	SHOW_WORDS,
	WHY = SHOW_WORDS,
	FORCE,
	REPLAY_WORDS
};

struct ask {
	const struct model_channel *channel;
	struct lt_wake *stop;
	bool json;
	struct lt_str site; /* empty: all */
	struct converge_record_wish wish;
};

/* The lines of one site. */
struct lines {
	struct my_rows *rows; /* owned */
	size_t next;
};

/* -- words ---------------------------------------------------------------------------------------- */

static bool
find_site(const struct model_channel *channel, struct lt_str name, size_t *site, struct lt_err *err)
{
	struct lt_buf names = { 0 };

	for (size_t i = 0; i < channel->nsites; i++) {
		if (lt_str_eqz(name, channel->sites[i].name)) {
			*site = i;
			lt_buf_free(&names);
			return true;
		}
		lt_buf_printf(&names, "%s%s", i > 0 ? ", " : "", channel->sites[i].name);
	}
	lt_fail(err, LT_E_USAGE, "channel %s has no site '%.*s'; there is %s", channel->name, LT_FMT(name),
	    lt_buf_cstr(&names));
	lt_buf_free(&names);
	return false;
}

bool
node_conflict_name(
    const struct model_channel *channel, struct lt_str name, uint64_t *id, size_t *site, struct lt_err *err)
{
	const char *at = name.len > 0 ? memchr(name.ptr, '@', name.len) : NULL;

	if (at == NULL || !lt_str_u64(lt_str_of(name.ptr, (size_t)(at - name.ptr)), id) || *id == 0)
		return lt_fail(
		    err, LT_E_USAGE, "'%.*s': ID@SITE is wanted, as `lutra conflicts` lists them", LT_FMT(name));
	return find_site(channel, lt_str_of(at + 1, (size_t)(name.ptr + name.len - at) - 1), site, err);
}

bool
node_table_name(struct lt_str name, struct lt_str *schema, struct lt_str *table, struct lt_err *err)
{
	const char *dot = name.len > 0 ? memchr(name.ptr, '.', name.len) : NULL;
	size_t len = dot != NULL ? (size_t)(dot - name.ptr) : 0;

	if (len == 0 || len + 1 == name.len)
		return lt_fail(err, LT_E_USAGE, "'%.*s': a table is wanted, as shop.orders", LT_FMT(name));
	*schema = lt_str_of(name.ptr, len);
	*table = lt_str_of(dot + 1, name.len - len - 1);
	return true;
}

bool
node_conflict_decides(const struct model_channel *channel, size_t site)
{
	for (size_t i = 0; i < channel->npipelines; i++) {
		if (channel->pipelines[i].to == site)
			return true;
	}
	return false;
}

bool
node_conflict_connect(
    const struct model_channel *channel, size_t site, struct lt_wake *stop, struct my_conn **ret, struct lt_err *err)
{
	struct my_conn *c = NULL;

	if (!pipeline_connect(&channel->sites[site], false, stop, &c, err) ||
	    !my_exec(c, "SET time_zone='+00:00'", NULL, err)) {
		my_close(c);
		return lt_wrap(err, "site %s", channel->sites[site].name);
	}
	*ret = c;
	return true;
}

/* -- a line --------------------------------------------------------------------------------------- */

static void
site_name(const struct model_channel *channel, uint32_t origin, struct lt_buf *out)
{
	uint32_t id = conflict_origin_site(origin);

	for (size_t i = 0; i < channel->nsites; i++) {
		if (channel->sites[i].id == id) {
			lt_buf_z(out, channel->sites[i].name);
			return;
		}
	}
	lt_buf_printf(out, "site %u", id);
}

static bool
is_known(struct conflict_version v)
{
	return v.clock_us > 0;
}

void
node_version_text(const struct model_channel *channel, struct conflict_version v, struct lt_buf *out)
{
	char at[32];

	if (!is_known(v)) {
		lt_buf_z(out, "a write that nobody remembers");
		return;
	}
	lt_time_text((uint64_t)v.clock_us, at);
	site_name(channel, v.origin, out);
	lt_buf_printf(out, " %s (%llu)", at, (unsigned long long)v.seq);
}

void
node_version_json(const struct model_channel *channel, struct conflict_version v, struct lt_buf *out)
{
	struct lt_buf name = { 0 };
	char at[32];

	if (!is_known(v)) {
		lt_buf_z(out, "null");
		return;
	}
	lt_time_text((uint64_t)v.clock_us, at);
	site_name(channel, v.origin, &name);
	lt_buf_c(out, '{');
	lt_json_key(out, "site");
	lt_json_str(out, lt_buf_str(&name));
	lt_json_key(out, "time");
	lt_json_str(out, lt_str_z(at));
	lt_json_key(out, "origin");
	lt_buf_u64(out, v.origin);
	lt_json_key(out, "seq");
	lt_buf_u64(out, v.seq);
	lt_buf_c(out, '}');
	lt_buf_free(&name);
}

/* The version in three columns from `column` on; what is no number there makes it unknown. */
static struct conflict_version
version_of(const struct my_rows *rows, size_t at, size_t column)
{
	uint64_t clock = 0, origin = 0, seq = 0;

	/* A negative clock is that of CONFLICT_UNKNOWN. */
	if (!lt_str_u64(my_rows_at(rows, at, column), &clock) ||
	    !lt_str_u64(my_rows_at(rows, at, column + 1), &origin) ||
	    !lt_str_u64(my_rows_at(rows, at, column + 2), &seq) || clock > CONFLICT_CLOCK_MAX)
		return CONFLICT_UNKNOWN;
	return (struct conflict_version){ (int64_t)clock, seq, (uint32_t)origin };
}

static uint64_t
time_of(const struct my_rows *rows, size_t at)
{
	uint64_t us = 0;

	return lt_str_u64(my_rows_at(rows, at, CONVERGE_RECORD_AT), &us) ? us : 0;
}

static bool
has_won(const struct my_rows *rows, size_t at)
{
	return lt_str_eqz(my_rows_at(rows, at, CONVERGE_RECORD_WON), "1");
}

static bool
is_drift(const struct my_rows *rows, size_t at)
{
	return lt_str_eqz(my_rows_at(rows, at, CONVERGE_RECORD_RULE), CONVERGE_RULE_DRIFT);
}

void
node_conflict_text(
    const struct model_channel *channel, size_t site, const struct my_rows *rows, size_t at, struct lt_buf *out)
{
	char when[32];

	lt_time_text(time_of(rows, at), when);
	lt_buf_printf(out, "%s  %.*s@%s  %.*s.%.*s %.*s  %.*s by ", when,
	    LT_FMT(my_rows_at(rows, at, CONVERGE_RECORD_ID)), channel->sites[site].name,
	    LT_FMT(my_rows_at(rows, at, CONVERGE_RECORD_SCHEMA)), LT_FMT(my_rows_at(rows, at, CONVERGE_RECORD_TABLE)),
	    LT_FMT(my_rows_at(rows, at, CONVERGE_RECORD_KEY)), LT_FMT(my_rows_at(rows, at, CONVERGE_RECORD_OPERATION)));
	node_version_text(channel, version_of(rows, at, CONVERGE_RECORD_CLOCK), out);
	if (is_drift(rows, at)) {
		lt_buf_z(out, " found another row than it had to: DRIFT\n");
		return;
	}
	lt_buf_printf(out, " met %.*s by ", LT_FMT(my_rows_at(rows, at, CONVERGE_RECORD_MET)));
	node_version_text(channel, version_of(rows, at, CONVERGE_RECORD_MET_CLOCK), out);
	lt_buf_printf(out, " and %s (%.*s)\n", has_won(rows, at) ? "won" : "lost",
	    LT_FMT(my_rows_at(rows, at, CONVERGE_RECORD_RULE)));
}

/* As it is, as a string where only its beginning is kept, or null. */
static void
key_json(struct lt_buf *out, const char *key, struct lt_str text)
{
	lt_json_key(out, key);
	if (text.ptr == NULL)
		lt_buf_z(out, "null");
	else if (converge_record_is_whole(text))
		lt_buf_str_add(out, text);
	else
		lt_json_str(out, text);
}

static void
key_text(struct lt_buf *out, const char *key, struct lt_str text)
{
	lt_json_key(out, key);
	lt_json_str(out, text);
}

/* "shop.orders", of two columns. */
static void
key_table(struct lt_buf *out, const struct my_rows *rows, size_t at, size_t column)
{
	struct lt_buf table = { 0 };

	lt_buf_printf(
	    &table, "%.*s.%.*s", LT_FMT(my_rows_at(rows, at, column)), LT_FMT(my_rows_at(rows, at, column + 1)));
	key_text(out, "table", lt_buf_str(&table));
	lt_buf_free(&table);
}

static const char *const image_keys[] = { "before", "after", "found", "now" };

void
node_conflict_json(
    const struct model_channel *channel, size_t site, const struct my_rows *rows, size_t at, struct lt_buf *out)
{
	struct lt_buf id = { 0 };
	char when[32];

	lt_time_text(time_of(rows, at), when);
	lt_buf_printf(&id, "%.*s@%s", LT_FMT(my_rows_at(rows, at, CONVERGE_RECORD_ID)), channel->sites[site].name);
	lt_buf_c(out, '{');
	key_text(out, "id", lt_buf_str(&id));
	key_text(out, "at", lt_str_z(when));
	key_text(out, "site", lt_str_z(channel->sites[site].name));
	key_text(out, "pipeline", my_rows_at(rows, at, CONVERGE_RECORD_PIPELINE));
	key_table(out, rows, at, CONVERGE_RECORD_SCHEMA);
	key_json(out, "key", my_rows_at(rows, at, CONVERGE_RECORD_KEY));
	key_text(out, "operation", my_rows_at(rows, at, CONVERGE_RECORD_OPERATION));
	key_text(out, "met", my_rows_at(rows, at, CONVERGE_RECORD_MET));
	lt_json_key(out, "won");
	lt_buf_z(out, has_won(rows, at) ? "true" : "false");
	key_text(out, "rule", my_rows_at(rows, at, CONVERGE_RECORD_RULE));
	lt_json_key(out, "version");
	node_version_json(channel, version_of(rows, at, CONVERGE_RECORD_CLOCK), out);
	lt_json_key(out, "other");
	node_version_json(channel, version_of(rows, at, CONVERGE_RECORD_MET_CLOCK), out);
	for (size_t i = 0; rows->ncolumns > CONVERGE_RECORD_BEFORE && i < LT_COUNT(image_keys); i++)
		key_json(out, image_keys[i], my_rows_at(rows, at, CONVERGE_RECORD_BEFORE + i));
	lt_buf_c(out, '}');
	lt_buf_free(&id);
}

/* -- list ----------------------------------------------------------------------------------------- */

/* What each site has of what was asked for, in the order of the sites; those not asked keep NULL. */
static bool
read_sites(const struct ask *a,
    bool (*read)(struct my_conn *c, const struct converge_record_wish *wish, struct my_rows **ret, struct lt_err *err),
    struct lines *all, struct lt_err *err)
{
	bool ok = true;

	for (size_t i = 0; ok && i < a->channel->nsites; i++) {
		struct my_conn *c = NULL;

		if (!node_conflict_decides(a->channel, i) ||
		    (a->site.len > 0 && !lt_str_eqz(a->site, a->channel->sites[i].name)))
			continue;
		ok = node_conflict_connect(a->channel, i, a->stop, &c, err) && read(c, &a->wish, &all[i].rows, err);
		my_close(c);
	}
	return ok;
}

/* The site with the newest of the lines that are left; SIZE_MAX: none is. */
static size_t
newest(const struct lines *all, size_t count)
{
	size_t found = SIZE_MAX;

	for (size_t i = 0; i < count; i++) {
		if (all[i].rows == NULL || all[i].next == all[i].rows->nrows)
			continue;
		if (found == SIZE_MAX || time_of(all[i].rows, all[i].next) > time_of(all[found].rows, all[found].next))
			found = i;
	}
	return found;
}

static void
print_list(const struct ask *a, struct lines *all, struct lt_buf *out)
{
	size_t begin = out->len, site;

	if (a->json)
		lt_buf_z(out, "{\"conflicts\":[");
	for (size_t n = 0; n < a->wish.limit && out->len - begin < ANSWER_BYTES &&
			   (site = newest(all, a->channel->nsites)) != SIZE_MAX;
	     n++) {
		struct lines *l = &all[site];

		if (a->json && n > 0)
			lt_buf_c(out, ',');
		if (a->json)
			node_conflict_json(a->channel, site, l->rows, l->next, out);
		else
			node_conflict_text(a->channel, site, l->rows, l->next, out);
		l->next++;
	}
	if (a->json)
		lt_buf_z(out, "]}");
}

/* -- count ---------------------------------------------------------------------------------------- */

/* Columns of converge_record_count(). */
enum { COUNT_SCHEMA, COUNT_TABLE, COUNT_OPERATION, COUNT_MET, COUNT_RULE, COUNT_WON, COUNT_LOST };

static void
count_json(const char *site, const struct my_rows *rows, size_t at, struct lt_buf *out)
{
	lt_buf_c(out, '{');
	key_text(out, "site", lt_str_z(site));
	key_table(out, rows, at, COUNT_SCHEMA);
	key_text(out, "operation", my_rows_at(rows, at, COUNT_OPERATION));
	key_text(out, "met", my_rows_at(rows, at, COUNT_MET));
	key_text(out, "rule", my_rows_at(rows, at, COUNT_RULE));
	lt_json_key(out, "won");
	lt_buf_str_add(out, my_rows_at(rows, at, COUNT_WON));
	lt_json_key(out, "lost");
	lt_buf_str_add(out, my_rows_at(rows, at, COUNT_LOST));
	lt_buf_c(out, '}');
}

static void
count_text(const char *site, const struct my_rows *rows, size_t at, struct lt_buf *out)
{
	struct lt_buf table = { 0 }, kind = { 0 };

	lt_buf_printf(
	    &table, "%.*s.%.*s", LT_FMT(my_rows_at(rows, at, COUNT_SCHEMA)), LT_FMT(my_rows_at(rows, at, COUNT_TABLE)));
	lt_buf_printf(
	    &kind, "%.*s/%.*s", LT_FMT(my_rows_at(rows, at, COUNT_OPERATION)), LT_FMT(my_rows_at(rows, at, COUNT_MET)));
	lt_buf_printf(out, "%-12s %-32s %-14s %-24.*s %10.*s %10.*s\n", site, lt_buf_cstr(&table), lt_buf_cstr(&kind),
	    LT_FMT(my_rows_at(rows, at, COUNT_RULE)), LT_FMT(my_rows_at(rows, at, COUNT_WON)),
	    LT_FMT(my_rows_at(rows, at, COUNT_LOST)));
	lt_buf_free(&table);
	lt_buf_free(&kind);
}

static void
print_counts(const struct ask *a, const struct lines *all, struct lt_buf *out)
{
	size_t begin = out->len, n = 0;

	if (a->json)
		lt_buf_z(out, "{\"counts\":[");
	else
		lt_buf_printf(
		    out, "%-12s %-32s %-14s %-24s %10s %10s\n", "SITE", "TABLE", "KIND", "RULE", "WON", "LOST");
	for (size_t i = 0; i < a->channel->nsites; i++) {
		const char *site = a->channel->sites[i].name;

		for (size_t k = 0; all[i].rows != NULL && k < all[i].rows->nrows && out->len - begin < ANSWER_BYTES;
		     k++) {
			if (a->json && n++ > 0)
				lt_buf_c(out, ',');
			if (a->json)
				count_json(site, all[i].rows, k, out);
			else
				count_text(site, all[i].rows, k, out);
		}
	}
	if (a->json)
		lt_buf_z(out, "]}");
}

/* -- show ----------------------------------------------------------------------------------------- */

static void
show_text(const struct model_channel *channel, size_t site, const struct my_rows *rows, size_t at, struct lt_buf *out)
{
	static const char *const names[] = { "the operation, before", "the operation, after", "the row here, before",
		"the row here, after" };

	node_conflict_text(channel, site, rows, at, out);
	lt_buf_printf(out, "pipeline: %.*s\n", LT_FMT(my_rows_at(rows, at, CONVERGE_RECORD_PIPELINE)));
	for (size_t i = 0; i < LT_COUNT(names); i++) {
		struct lt_str image = my_rows_at(rows, at, CONVERGE_RECORD_BEFORE + i);

		lt_buf_printf(out, "%s: ", names[i]);
		lt_buf_str_add(out, image.ptr != NULL ? image : LT_STR("none"));
		lt_buf_c(out, '\n');
	}
}

static bool
show(const struct ask *a, struct lt_str name, struct lt_buf *out, struct lt_err *err)
{
	struct converge_record_wish wish = { .channel = a->channel->name, .images = true, .limit = 1 };
	struct my_conn *c = NULL;
	struct my_rows *rows = NULL;
	size_t site;
	bool ok = false;

	if (!node_conflict_name(a->channel, name, &wish.id, &site, err))
		return false;
	if (!node_conflict_connect(a->channel, site, a->stop, &c, err) || !converge_record_read(c, &wish, &rows, err))
		goto out;
	if (rows->nrows == 0) {
		lt_fail(err, LT_E_NO_SUCH_CONFLICT, "the conflict log of site %s holds no line %llu",
		    a->channel->sites[site].name, (unsigned long long)wish.id);
		goto out;
	}
	if (a->json)
		node_conflict_json(a->channel, site, rows, 0, out);
	else
		show_text(a->channel, site, rows, 0, out);
	ok = true;
out:
	my_rows_free(rows);
	my_close(c);
	return ok;
}

/* -- replay --------------------------------------------------------------------------------------- */

bool
node_conflicts_replay(const struct model_channel *channel, const struct node_frame *f, const char *who,
    struct lt_wake *stop, struct lt_buf *out, struct lt_err *err)
{
	struct converge_replay order = { .channel = channel, .who = who };
	struct my_conn *c = NULL;
	bool ok;

	if (f->count != REPLAY_WORDS)
		return lt_fail(err, LT_E_CONTROL, "'conflicts replay' with %zu words", f->count);
	if (!node_conflict_name(channel, f->args[NAME], &order.id, &order.site, err))
		return false;
	order.why = f->args[WHY];
	order.write = order.why.len > 0;
	order.force = lt_str_eqz(f->args[FORCE], "force");
	ok = pipeline_connect(&channel->sites[order.site], true, stop, &c, err) && converge_replay(&order, c, out, err);
	my_close(c);
	return ok;
}

/* -- the whole ------------------------------------------------------------------------------------ */

static bool
read_words(const struct node_frame *f, struct ask *a, struct lt_err *err)
{
	uint64_t limit;
	size_t site;

	a->site = f->args[SITE];
	a->wish.lost = lt_str_eqz(f->args[WHICH], "lost");
	if (!lt_str_u64(f->args[SINCE], &a->wish.since_us))
		return lt_fail(err, LT_E_USAGE, "--since %.*s", LT_FMT(f->args[SINCE]));
	if (!lt_str_u64(f->args[LIMIT], &limit) || limit > NODE_CONFLICTS_MAX)
		return lt_fail(err, LT_E_USAGE, "--limit %.*s: a number up to %d is wanted", LT_FMT(f->args[LIMIT]),
		    NODE_CONFLICTS_MAX);
	a->wish.limit = (size_t)limit;
	if (a->site.len > 0 && !find_site(a->channel, a->site, &site, err))
		return false;
	return f->args[TABLE].len == 0 || node_table_name(f->args[TABLE], &a->wish.schema, &a->wish.table, err);
}

bool
node_conflicts(const struct model_channel *channel, const struct node_frame *f, struct lt_wake *stop,
    struct lt_buf *out, struct lt_err *err)
{
	struct ask a = { .channel = channel,
		.stop = stop,
		.json = lt_str_eqz(f->args[FORM], "json"),
		.wish = { .channel = channel->name } };
	bool counts = lt_str_eqz(f->args[WHAT], "count");
	struct lines *all;
	bool ok;

	if (f->count == SHOW_WORDS && lt_str_eqz(f->args[WHAT], "show"))
		return show(&a, f->args[NAME], out, err);
	if (f->count != LIST_WORDS || (!counts && !lt_str_eqz(f->args[WHAT], "list")))
		return lt_fail(err, LT_E_CONTROL, "'conflicts %.*s' with %zu words", LT_FMT(f->args[WHAT]), f->count);
	if (!read_words(f, &a, err))
		return false;
	all = lt_calloc(channel->nsites, sizeof(*all));
	ok = read_sites(&a, counts ? converge_record_count : converge_record_read, all, err);
	if (ok && counts)
		print_counts(&a, all, out);
	else if (ok)
		print_list(&a, all, out);
	for (size_t i = 0; i < channel->nsites; i++)
		my_rows_free(all[i].rows);
	free(all);
	return ok;
}
