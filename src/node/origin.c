#include "node/origin.h"

#include <stdio.h>
#include <sys/random.h>

#include "binlog/source.h"
#include "mysql/sql.h"
#include "pipeline/connect.h"

/* Above what people give their servers by hand, and positive in a signed column. */
#define SERVER_ID_BASE (1u << 30)
#define RELAY_ID_BIT 0x10000000
/* Waits while looking for a start; the log's heartbeat ends each at the latest. */
#define SCAN_WAIT_MS 1000
#define FIRST_POS 4
/* So far may a server's clock have been set back. */
#define CLOCK_BACK_US ((uint64_t)3600 * 1000000)

struct node_origin {
	const struct model_site *site; /* borrowed */
	const struct lt_clock *clock;  /* borrowed */
	size_t scan_limit_bytes;
	uint32_t server_id;
	uint8_t uuid[16];
	struct change_spill_room *spill; /* borrowed; NULL: none */
	struct lt_wake *stop;            /* owned; raised by the pipeline's end */
	bool to_end;                     /* what is opened ends where the log ends then */
	struct binlog_relay *relay;      /* owned; NULL: read straight from the source */
};

static void
random_bytes(void *out, size_t len)
{
	/* Up to 256 bytes come whole once the kernel's pool is ready. */
	LT_ASSERT(getrandom(out, len, 0) == (ssize_t)len);
}

/* Who reads, to the server: one that it knows already is ended by it, and that may take it a tenth of a second. */
static void
random_identity(uint32_t *server_id, uint8_t *uuid)
{
	random_bytes(server_id, sizeof(*server_id));
	*server_id = SERVER_ID_BASE | (*server_id & (SERVER_ID_BASE - 1));
	random_bytes(uuid, 16);
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40); /* RFC 9562: version 4, */
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80); /* variant 10 */
}

struct node_origin *
node_origin_new(const struct model_site *site, size_t scan_limit_bytes, const struct lt_clock *clock)
{
	struct node_origin *o = lt_new(struct node_origin);

	o->site = site;
	o->clock = clock;
	o->stop = lt_wake_new();
	o->scan_limit_bytes = scan_limit_bytes;
	random_identity(&o->server_id, o->uuid);
	return o;
}

void
node_origin_spill(struct node_origin *o, struct change_spill_room *room)
{
	o->spill = room;
}

void
node_origin_to_end(struct node_origin *o)
{
	o->to_end = true;
}

void
node_origin_free(struct node_origin *o)
{
	if (o == NULL)
		return;
	binlog_relay_free(o->relay);
	lt_wake_free(o->stop);
	free(o);
}

/* Read on from `from` at the first host that has it. A host that answers and says no counts more than one that is away.
 */
static bool
open_any(const struct node_origin *o, const struct change_position *from, const struct binlog_options *options,
    struct change_source **ret, struct lt_err *err)
{
	struct lt_err first = { 0 };

	for (size_t i = 0; i < pipeline_site_hosts(o->site); i++) {
		struct lt_err one = { 0 };
		struct my_addr addr;

		pipeline_site_addr(o->site, i, &addr);
		addr.stop = o->stop;
		if (binlog_source_open(&addr, from, options, ret, &one))
			return true;
		if (first.code == LT_OK || (lt_err_kind(&first) == LT_KIND_RETRY && lt_err_kind(&one) != LT_KIND_RETRY))
			first = one;
	}
	*err = first;
	return lt_wrap(err, "site %s", o->site->name);
}

static struct binlog_options
options_of(const struct node_origin *o)
{
	struct binlog_options options = { .server_id = o->server_id, .clock = o->clock };

	memcpy(options.uuid, o->uuid, sizeof(options.uuid));
	return options;
}

/* Of a look into the log beside the reading of it. */
static struct binlog_options
look_options(const struct node_origin *o)
{
	struct binlog_options options = {
		.clock = o->clock, .txn_limit_bytes = o->scan_limit_bytes, .spill = o->spill
	};

	random_identity(&options.server_id, options.uuid);
	return options;
}

bool
node_origin_relay(struct node_origin *o, const char *dir, uint64_t limit, struct lt_err *err)
{
	size_t count = pipeline_site_hosts(o->site);
	struct my_addr *hosts = lt_calloc(count, sizeof(*hosts));
	struct binlog_relay_options options = { .name = o->site->name,
		.dir = dir,
		.limit = limit,
		.hosts = hosts,
		.nhosts = count,
		.stop = o->stop,
		.stream = options_of(o) };
	bool ok;

	for (size_t i = 0; i < count; i++)
		pipeline_site_addr(o->site, i, &hosts[i]);
	options.stream.txn_limit_bytes = o->scan_limit_bytes / PIPELINE_MEMORY_SHARES;
	options.stream.spill = o->spill;
	/* It reads on while a start is looked for: the server takes both for one replica else. */
	options.stream.server_id ^= RELAY_ID_BIT;
	options.stream.uuid[0] ^= 0x20;
	ok = binlog_relay_start(&options, &o->relay, err);
	free(hosts);
	return ok || lt_wrap(err, "site %s", o->site->name);
}

bool
node_origin_relay_status(struct node_origin *o, struct binlog_relay_status *out)
{
	if (o->relay == NULL)
		return false;
	binlog_relay_status(o->relay, out);
	return true;
}

static void
origin_saved(void *ctx, const struct change_position *saved)
{
	binlog_relay_saved(((struct node_origin *)ctx)->relay, saved);
}

static bool
origin_forget(void *ctx, struct lt_err *err)
{
	return binlog_relay_forget(((struct node_origin *)ctx)->relay, err);
}

static bool
origin_kept(void *ctx, bool *folds)
{
	struct binlog_relay_status status;

	binlog_relay_status(((struct node_origin *)ctx)->relay, &status);
	*folds = status.folds;
	return status.holds;
}

static bool
origin_open(void *ctx, const struct change_position *from, const struct change_filter *filter,
    const struct change_describer *describer, size_t txn_limit_bytes, struct change_source **ret, struct lt_err *err)
{
	const struct node_origin *o = ctx;
	struct binlog_options options = options_of(o);

	if (filter != NULL)
		options.filter = *filter;
	if (describer != NULL)
		options.describer = *describer;
	options.txn_limit_bytes = txn_limit_bytes;
	options.spill = o->spill;
	options.to_end = o->to_end;
	if (o->relay != NULL)
		return binlog_relay_open(o->relay, from, &options, ret, err) || lt_wrap(err, "site %s", o->site->name);
	return open_any(o, from, &options, ret, err);
}

/* Where the log of the server at `c` ends; `out` initialised. */
static bool
read_end(struct my_conn *c, struct change_position *out, struct lt_err *err)
{
	struct binlog_server server = { 0 };

	if (!binlog_server_read(c, &server, err))
		return false;
	change_position_copy(out, &server.end);
	lt_str_copy(out->server, sizeof(out->server), lt_str_z(server.identity));
	change_position_clear(&server.end);
	return true;
}

/* Of the first host of `site` that answers. */
static bool
ask_end(const struct node_origin *o, const struct model_site *site, unsigned limit_ms, struct change_position *out,
    struct lt_err *err)
{
	struct my_conn *c = NULL;
	bool ok;

	if (!pipeline_connect(site, false, o->stop, &c, err))
		return false;
	if (limit_ms > 0)
		my_set_io_timeout(c, limit_ms);
	ok = read_end(c, out, err) || lt_wrap(err, "site %s", o->site->name);
	my_close(c);
	return ok;
}

/* A host that is another server, such as a replica that lags, has an end of its own: it says nothing here. */
bool
node_origin_end(
    const struct node_origin *o, const char *server, unsigned limit_ms, struct change_position *out, struct lt_err *err)
{
	struct lt_err why = { 0 };
	struct change_position end;
	bool found = false;

	change_position_init(&end);
	for (size_t i = 0; i < pipeline_site_hosts(o->site) && !found; i++) {
		struct model_site site = *o->site; /* borrows from the other; ours are the limits */
		struct lt_err one = { 0 };

		if (site.nhosts > 1) {
			site.hosts = &o->site->hosts[i];
			site.nhosts = 1;
		}
		if (limit_ms > 0)
			site.connect_timeout_ms = LT_MIN(site.connect_timeout_ms, limit_ms);
		if (ask_end(o, &site, limit_ms, &end, &one))
			found = strcmp(end.server, server) == 0;
		else if (why.code == LT_OK || lt_err_kind(&one) == LT_KIND_RETRY)
			why = one; /* who is away may be the one */
	}
	if (found)
		change_position_copy(out, &end);
	else if (why.code != LT_OK)
		*err = why;
	else
		lt_fail(err, LT_E_CONNECT, "site %s: no host of it is the server that is read", o->site->name);
	change_position_clear(&end);
	return found;
}

static bool
origin_now(void *ctx, struct change_position *out, struct lt_err *err)
{
	const struct node_origin *o = ctx;

	return ask_end(o, o->site, 0, out, err);
}

/* -- a start that must be looked for -------------------------------------------------------------- */

/** Looking through a server's log, up to where it ended when the search began. */
struct scan {
	const struct node_origin *origin; /* borrowed */
	struct my_conn *conn;             /* borrowed */
	struct change_position end;
};

/* GTIDs executed before a MySQL file began, as its second event says. */
static bool
previous_gtids(struct my_conn *c, struct lt_str file, struct change_gtid_set **ret, struct lt_err *err)
{
	struct my_rows *rows = NULL;
	struct lt_str info = LT_STR("");
	struct lt_buf sql = { 0 };
	bool ok = false;

	lt_buf_z(&sql, "SHOW BINLOG EVENTS IN ");
	my_sql_text(&sql, file);
	lt_buf_z(&sql, " LIMIT 2");
	if (!my_query(c, lt_buf_cstr(&sql), &rows, err))
		goto out;
	for (size_t i = 0; i < rows->nrows && rows->ncolumns >= 6; i++) {
		if (lt_str_eqz(my_rows_at(rows, i, 2), "Previous_gtids"))
			info = my_rows_at(rows, i, 5);
	}
	ok = change_gtid_set_parse(info, ret, err);
out:
	my_rows_free(rows);
	lt_buf_free(&sql);
	return ok;
}

/* The start of `file` as a position; `out` initialised. */
static bool
file_start(const struct scan *s, struct lt_str file, struct change_position *out, struct lt_err *err)
{
	struct change_place first = { .pos = FIRST_POS };
	struct change_gtid_set *gtids = NULL;

	lt_str_copy(first.file, sizeof(first.file), file);
	if (my_conn_server(s->conn)->flavor == MY_MARIADB ? !binlog_gtids_at(s->conn, &first, &gtids, err)
							  : !previous_gtids(s->conn, file, &gtids, err))
		return false;
	change_gtid_set_free(out->gtids);
	out->gtids = gtids;
	memcpy(out->server, s->end.server, sizeof(out->server));
	out->place = first;
	return true;
}

static bool
open_scan(const struct scan *s, const struct change_position *from, struct change_source **ret, struct lt_err *err)
{
	struct binlog_options options = look_options(s->origin);

	options.boundaries = true;
	return open_any(s->origin, from, &options, ret, err);
}

/* The next transaction before the end of the search, or NULL there. */
static bool
scan_next(const struct scan *s, struct change_source *source, struct change_txn **ret, struct lt_err *err)
{
	*ret = NULL;
	for (;;) {
		struct change_place at;

		if (!change_source_next(source, SCAN_WAIT_MS, ret, err))
			return false;
		if (*ret != NULL)
			return true;
		binlog_source_place(source, &at);
		if (change_place_cmp(&at, &s->end.place) >= 0)
			return true;
	}
}

/* A place that is given must not stand inside a transaction. */
static bool
check_between(const struct change_txn *t, const struct change_place *until, struct lt_err *err)
{
	struct change_place begins = { .pos = t->pos };

	memcpy(begins.file, t->file, sizeof(begins.file));
	if (t->kind == CHANGE_TXN_PLACE || change_place_cmp(&begins, until) >= 0)
		return true;
	return lt_fail(err, LT_E_LOG_POSITION,
	    "%s:%llu stands inside the transaction that begins at %s:%llu and ends at %s:%llu", until->file,
	    (unsigned long long)until->pos, begins.file, (unsigned long long)begins.pos, t->end.file,
	    (unsigned long long)t->end.pos);
}

/* Go on from `at` over every transaction that ends at or before `until`, or (NULL) that was committed before `time_us`.
 */
static bool
walk(const struct scan *s, struct change_position *at, uint64_t time_us, const struct change_place *until,
    struct lt_err *err)
{
	struct change_source *source = NULL;
	bool ok = false;

	if (!open_scan(s, at, &source, err))
		return false;
	while (change_place_cmp(&at->place, &s->end.place) < 0) {
		struct change_txn *t;

		if (!scan_next(s, source, &t, err))
			goto out;
		if (t == NULL)
			break;
		if (until != NULL ? change_place_cmp(&t->end, until) > 0
				  : t->kind != CHANGE_TXN_PLACE && t->commit_us >= time_us) {
			ok = until == NULL || check_between(t, until, err);
			change_txn_free(t);
			goto out;
		}
		change_txn_advance(t, at);
		change_txn_free(t);
	}
	ok = true;
out:
	change_source_close(source);
	return ok;
}

/* When the first transaction at or behind the start of `file` was committed; UINT64_MAX if there is none. */
static bool
first_commit(const struct scan *s, struct lt_str file, uint64_t *out, struct lt_err *err)
{
	struct change_source *source = NULL;
	struct change_position from;
	bool ok = false, place;

	change_position_init(&from);
	if (!file_start(s, file, &from, err) || !open_scan(s, &from, &source, err))
		goto out;
	do {
		struct change_txn *t;

		if (!scan_next(s, source, &t, err))
			goto out;
		place = t != NULL && t->kind == CHANGE_TXN_PLACE && change_place_cmp(&t->end, &s->end.place) < 0;
		*out = t != NULL && t->kind != CHANGE_TXN_PLACE ? t->commit_us : UINT64_MAX;
		change_txn_free(t);
	} while (place);
	ok = true;
out:
	change_source_close(source);
	change_position_clear(&from);
	return ok;
}

/* MySQL since 8.0.1 stamps every commit by its own clock, to the microsecond. Other stamps are of the statement's begin
 * at the server that wrote it first, and every session may set them: they come in any order. */
static bool
is_ordered(const struct scan *s, uint64_t commit_us)
{
	return my_conn_server(s->conn)->flavor == MY_MYSQL && commit_us % 1000000 != 0;
}

/* A file from which on the first transaction of `time_us` or later must be looked for, by halving; where stamps have no
 * order that is the oldest one. */
static bool
file_at_time(const struct scan *s, const struct my_rows *files, uint64_t time_us, size_t *out, struct lt_err *err)
{
	size_t low = 0, high = files->nrows;
	uint64_t first;

	if (!first_commit(s, my_rows_at(files, 0, 0), &first, err))
		return false;
	if (first >= time_us)
		return lt_fail(err, LT_E_LOG_PURGED,
		    "the oldest log, %.*s, begins after the time that is given as start",
		    LT_FMT(my_rows_at(files, 0, 0)));
	*out = 0;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (!first_commit(s, my_rows_at(files, middle, 0), &first, err))
			return false;
		if (!is_ordered(s, first))
			return true;
		if (first < time_us - LT_MIN(time_us, CLOCK_BACK_US))
			low = middle + 1;
		else
			high = middle;
	}
	*out = low > 0 ? low - 1 : 0;
	return true;
}

static bool
begin_time(const struct scan *s, const struct my_rows *files, const struct model_start *start,
    struct change_position *out, struct lt_err *err)
{
	size_t file;

	return file_at_time(s, files, start->time_us, &file, err) &&
	       file_start(s, my_rows_at(files, file, 0), out, err) && walk(s, out, start->time_us, NULL, err);
}

/* The place is walked to from the start of its file, so that it is known to stand between two transactions, and what
 * was executed up to it. */
static bool
begin_place(const struct scan *s, const struct my_rows *files, const struct model_start *start,
    struct change_position *out, struct lt_err *err)
{
	struct change_place want = { .pos = LT_MAX(start->pos, (uint64_t)FIRST_POS) };
	struct lt_str file = lt_str_z(start->file);
	struct change_place oldest = { .pos = FIRST_POS };
	size_t i = 0;

	lt_str_copy(want.file, sizeof(want.file), file);
	while (i < files->nrows && !lt_str_eq(my_rows_at(files, i, 0), file))
		i++;
	lt_str_copy(oldest.file, sizeof(oldest.file), my_rows_at(files, 0, 0));
	if (i == files->nrows && change_place_cmp(&want, &oldest) < 0)
		return lt_fail(err, LT_E_LOG_PURGED, "log %s is gone; the oldest is %s", want.file, oldest.file);
	if (i == files->nrows)
		return lt_fail(
		    err, LT_E_LOG_POSITION, "the server has no log %s; the newest is %s", want.file, s->end.place.file);
	if (change_place_cmp(&want, &s->end.place) > 0)
		return lt_fail(err, LT_E_LOG_POSITION, "the log ends at %s:%llu, before %s:%llu", s->end.place.file,
		    (unsigned long long)s->end.place.pos, want.file, (unsigned long long)want.pos);
	if (!file_start(s, file, out, err))
		return false;
	if (want.pos > FIRST_POS && !walk(s, out, 0, &want, err))
		return false;
	/* Reached to the byte, the event in front of it is known too; else only what is no transaction stands between.
	 */
	if (change_place_cmp(&out->place, &want) != 0)
		out->place = want;
	return true;
}

/* What needs the server's list of files: a start of kind PLACE, TIME or BEGINNING. */
static bool
begin_search(
    const struct node_origin *o, const struct model_start *start, struct change_position *out, struct lt_err *err)
{
	struct scan s = { .origin = o };
	struct my_rows *files = NULL;
	bool ok = false;

	change_position_init(&s.end);
	if (!pipeline_connect(o->site, false, o->stop, &s.conn, err))
		goto out;
	if (!read_end(s.conn, &s.end, err) || !my_query(s.conn, "SHOW BINARY LOGS", &files, err))
		goto out;
	if (files->nrows == 0) {
		lt_fail(err, LT_E_LOG_OFF, "the server lists no binary logs");
		goto out;
	}
	if (start->kind == MODEL_START_BEGINNING)
		ok = file_start(&s, my_rows_at(files, 0, 0), out, err);
	else if (start->kind == MODEL_START_TIME)
		ok = begin_time(&s, files, start, out, err);
	else
		ok = begin_place(&s, files, start, out, err);
out:
	my_rows_free(files);
	my_close(s.conn);
	change_position_clear(&s.end);
	return ok || lt_wrap(err, "start of site %s", o->site->name);
}

static bool
begin_gtid(const struct model_start *start, struct change_position *out, struct lt_err *err)
{
	struct change_gtid_set *gtids = NULL;

	if (!change_gtid_set_parse(lt_str_z(start->gtid), &gtids, err))
		return false;
	change_gtid_set_free(out->gtids);
	out->gtids = gtids;
	out->server[0] = '\0';
	out->place = (struct change_place){ .pos = 0 };
	return true;
}

static bool
origin_begin(void *ctx, const struct model_start *start, struct change_position *out, struct lt_err *err)
{
	const struct node_origin *o = ctx;

	switch (start->kind) {
	case MODEL_START_NONE: break;
	case MODEL_START_NOW: return origin_now(ctx, out, err);
	case MODEL_START_GTID: return begin_gtid(start, out, err);
	case MODEL_START_BEGINNING:
	case MODEL_START_PLACE:
	case MODEL_START_TIME: return begin_search(o, start, out, err);
	}
	return lt_fail(err, LT_E_NO_START, "no start is given for the log of site %s", o->site->name);
}

/* From a place that was read up to: the first transaction that ends behind `place` is the one, or (what stops stood
 * between two) begins there. */
static bool
walk_behind(const struct scan *s, struct change_source *source, const struct change_place *place,
    struct change_position *at, struct lt_err *err)
{
	for (;;) {
		struct change_txn *t;
		struct change_place begins = { .pos = 0 };
		bool behind, inside;

		if (!scan_next(s, source, &t, err))
			return false;
		if (t == NULL)
			break;
		begins.pos = t->pos;
		memcpy(begins.file, t->file, sizeof(begins.file));
		behind = change_place_cmp(&t->end, place) > 0;
		inside = t->kind == CHANGE_TXN_PLACE || change_place_cmp(&begins, place) <= 0;
		if (!behind || inside)
			change_txn_advance(t, at);
		else
			at->place = begins;
		change_txn_free(t);
		if (behind)
			return true;
	}
	if (change_place_cmp(&s->end.place, place) <= 0)
		return lt_fail(err, LT_E_LOG_POSITION, "the log ends at %s:%llu, before that transaction does",
		    s->end.place.file, (unsigned long long)s->end.place.pos);
	at->place = s->end.place;
	return true;
}

/* Of what is kept here, where its server does not answer: there is no end but that one. */
static bool
open_behind(struct scan *s, const struct change_position *from, struct change_source **ret, struct lt_err *err)
{
	const struct node_origin *o = s->origin;
	struct binlog_options options = look_options(o);

	if (pipeline_connect(o->site, false, o->stop, &s->conn, err))
		return read_end(s->conn, &s->end, err) && open_scan(s, from, ret, err);
	if (o->relay == NULL || lt_err_kind(err) != LT_KIND_RETRY)
		return false;
	*err = (struct lt_err){ 0 };
	memset(s->end.place.file, 0xff, sizeof(s->end.place.file) - 1); /* behind every other */
	options.boundaries = true;
	return binlog_relay_open(o->relay, from, &options, ret, err);
}

/* Behind damage in front of which no transaction ends nothing is believed in that file: the next one's start is the
 * nearest place to go on from. */
static void
tell_next_file(struct my_conn *c, struct lt_err *err)
{
	struct my_rows *files = NULL;
	size_t i = 0;

	if ((err->code != LT_E_CHECKSUM && err->code != LT_E_CORRUPT) || c == NULL ||
	    !my_query(c, "SHOW BINARY LOGS", &files, NULL))
		return;
	while (i < files->nrows && !lt_str_eqz(my_rows_at(files, i, 0), err->where.file))
		i++;
	if (i + 1 < files->nrows)
		lt_wrap(err, "the next file is `--file %.*s --pos %d`", LT_FMT(my_rows_at(files, i + 1, 0)), FIRST_POS);
	my_rows_free(files);
}

static bool
origin_behind(void *ctx, const struct change_position *from, const struct change_place *place,
    struct change_position *out, struct lt_err *err)
{
	const struct node_origin *o = ctx;
	struct scan s = { .origin = o };
	struct change_source *source = NULL;
	bool ok = false;

	change_position_init(&s.end);
	change_position_copy(out, from);
	if (!open_behind(&s, from, &source, err))
		goto out;
	ok = walk_behind(&s, source, place, out, err);
	if (!ok)
		tell_next_file(s.conn, err);
	memcpy(out->server, source->server, sizeof(out->server));
out:
	change_source_close(source);
	my_close(s.conn);
	change_position_clear(&s.end);
	return ok || lt_wrap(err, "while looking for the end of the transaction");
}

static bool
origin_look(void *ctx, const struct change_position *from, const struct change_filter *filter,
    bool (*each)(void *ctx, const struct change_txn *t), struct lt_err *err)
{
	const struct node_origin *o = ctx;
	struct binlog_options options = look_options(o);
	struct change_source *source = NULL;
	bool ok, more = true;

	options.filter = *filter;
	options.to_end = true;
	if (!open_any(o, from, &options, &source, err))
		return false;
	do {
		struct change_txn *t = NULL;

		ok = change_source_next(source, SCAN_WAIT_MS, &t, err);
		if (ok && t != NULL)
			more = each(filter->ctx, t);
		change_txn_free(t);
	} while (ok && more && !binlog_source_ended(source));
	change_source_close(source);
	return ok;
}

static bool
origin_identity(void *ctx, struct my_conn *c, char out[64], struct lt_err *err)
{
	(void)ctx;
	return binlog_identity(c, out, err);
}

struct pipeline_origin
node_origin_ops(struct node_origin *o)
{
	struct pipeline_origin ops = { .now = origin_now,
		.begin = origin_begin,
		.open = origin_open,
		.look = origin_look,
		.behind = origin_behind,
		.identity = origin_identity,
		.ctx = o,
		.stop = o->stop };

	if (o->relay != NULL) {
		ops.saved = origin_saved;
		ops.forget = origin_forget;
		ops.kept = origin_kept;
	}
	return ops;
}
