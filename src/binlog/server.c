/* A server's log as a feed of events: the set-up in its order, the stream, its silence; declared in source.h. */
#include <inttypes.h>
#include <stdio.h>

#include "binlog/gtid_event.h"
#include "binlog/recall.h"
#include "binlog/server_priv.h"
#include "binlog/source_priv.h"

enum { COM_REGISTER_SLAVE = 0x15, COM_BINLOG_DUMP = 0x12, COM_BINLOG_DUMP_GTID = 0x1e };
/* Flags of the dump commands. The second bit is another one in each engine. */
enum { DUMP_NON_BLOCK = 1, MYSQL_HEARTBEAT_V2 = 2, MARIADB_ANNOTATE = 2 };

#define HEARTBEAT_MS 1000
#define SILENT_HEARTBEATS 3
/* MariaDB looks for a start by GTID from the beginning of the file on. Meanwhile it sends no heartbeat, and what it has
 * to send it keeps until it meets the end of its log or has enough of it: as long as a gigabyte may take to be read. */
#define SEEK_US (60 * UINT64_C(1000000))
/* What a packet may be when nothing limits transactions, and what it may be beyond a limit. */
#define PACKET_MAX (((size_t)1 << 30) + ((size_t)1 << 20))
#define PACKET_MORE ((size_t)1 << 20)
/* Memory of an event in pieces that is kept for the next one. */
#define KEEP_MAX ((size_t)1 << 20)
/* Of the first event in every file. */
#define START_POS 4
/* Where the type stands in an event. */
#define TYPE_AT 4

struct stream {
	struct binlog_feed feed;
	struct my_conn *conn;           /* owned */
	const struct lt_clock *clock;   /* borrowed */
	uint64_t silence_us, silent_us; /* as long as is borne; as long as it has been waited already */
	uint64_t heard;                 /* bytes up to the last wait */
	struct change_gtid_set *sought; /* owned: the start that the server may still be looking for, or NULL */
	struct change_gtid_set *found;  /* owned: with it, what the stream shows to be behind the server by now */
	size_t packet_max;
	struct change_spill_room *spill; /* borrowed; NULL: none */
	bool joining, spooling;          /* pieces of an event are still to come; they go to the file */
	struct lt_buf event;             /* owned: its pieces, joined */
	struct binlog_spool spool_file;
	bool expect;       /* begun at an event that must be there */
	char identity[64]; /* of the server */
	enum binlog_semi_sync semi_sync;
	bool folds;  /* names are the same in any letter case */
	bool headed; /* two bytes stand in front of each event */
	bool begun;  /* a packet was read */
	bool ack;    /* of the event in hand: the source waits for it */
};

static void
stream_close(struct binlog_feed *feed)
{
	struct stream *s = (struct stream *)feed;

	binlog_spool_close(&s->spool_file);
	lt_buf_free(&s->event);
	change_gtid_set_free(s->sought);
	change_gtid_set_free(s->found);
	my_close(s->conn);
	free(s);
}

static void
stream_cancel(struct binlog_feed *feed)
{
	my_cancel(((struct stream *)feed)->conn);
}

/* -- reading -------------------------------------------------------------------------------------- */

/* What servers end a stream with: error 1236 is many errors, of which only the text tells which. */
enum { STREAM_FATAL = 1236, MARIADB_SAME_ID = 4052 };

static enum lt_code
code_of_fatal(const char *text)
{
	static const struct {
		const char *words;
		enum lt_code code;
	} known[] = {
		{ "same server_uuid/server_id", LT_E_LOG_TWIN },
		{ "same server_id", LT_E_LOG_TWIN },
		{ "same server_uuid", LT_E_LOG_TWIN },
		{ "purged required binary logs", LT_E_LOG_PURGED },
		{ "have been purged", LT_E_LOG_PURGED },
		{ "Could not find first log file name", LT_E_LOG_PURGED },
		{ "could not find next log", LT_E_LOG_HISTORY }, /* RESET MASTER while it was read */
		{ "diverged", LT_E_LOG_HISTORY },
		{ "not in the master's binlog", LT_E_LOG_HISTORY },
		{ "more GTIDs than", LT_E_LOG_HISTORY },
		{ "is missing the GTID", LT_E_LOG_HISTORY },
		{ "impossible position", LT_E_LOG_POSITION },
		{ "> file size", LT_E_LOG_POSITION },
		{ "bogus data in log event", LT_E_LOG_POSITION },
		{ "max_allowed_packet", LT_E_PACKET_TOO_LARGE },
		{ "truncated in the middle of event", LT_E_TRUNCATED },
		{ "did not pass crc check", LT_E_CHECKSUM },
		{ "not open", LT_E_LOG_OFF },
	};

	for (size_t i = 0; i < LT_COUNT(known); i++)
		if (strstr(text, known[i].words) != NULL)
			return known[i].code;
	return LT_E_SERVER_REFUSED;
}

static enum binlog_read
read_failed(const struct stream *s, struct lt_err *err)
{
	if (err->server_errno == STREAM_FATAL || err->server_errno == MARIADB_SAME_ID)
		err->code = code_of_fatal(err->message);
	if (err->server_errno == 0 && err->code == LT_E_PACKET_TOO_LARGE)
		err->code = LT_E_TXN_TOO_LARGE;
	/* Behind the login MariaDB says so when REPLICATION SLAVE is missing. */
	if (err->code == LT_E_AUTH_DENIED)
		err->code = LT_E_NO_PRIVILEGE;
	/* The source has lost what it once had. */
	if (s->expect && err->code == LT_E_LOG_POSITION)
		err->code = LT_E_LOG_HISTORY;
	return BINLOG_READ_FAILED;
}

static uint64_t
silence_us(const struct stream *s)
{
	return s->sought != NULL ? LT_MAX(s->silence_us, SEEK_US) : s->silence_us;
}

/** Of each domain in the start the server sends nothing until it has met the start's transaction there. */
static void
note_found(struct stream *s, struct lt_str bytes)
{
	uint8_t type = (uint8_t)bytes.ptr[TYPE_AT];
	struct binlog_gtid_event begins;
	struct change_gtid_set *list;
	struct binlog_event e;

	/* Whether it carries a checksum is not known here; if that is wrong, who reads the event stops. */
	if ((type != BINLOG_MARIADB_GTID && type != BINLOG_MARIADB_GTID_LIST && type != BINLOG_HEARTBEAT) ||
	    !binlog_event_open(bytes, BINLOG_CHECKSUM_EITHER, &e, NULL))
		return;
	if (type == BINLOG_MARIADB_GTID && binlog_gtid_decode(type, e.body, e.header.server_id, &begins, NULL))
		change_gtid_set_add(s->found, &begins.gtid);
	/* What comes before its file. One that the server makes up repeats what it was asked for. */
	if (type == BINLOG_MARIADB_GTID_LIST && (e.header.flags & BINLOG_FLAG_ARTIFICIAL) == 0 &&
	    binlog_gtid_list_decode(e.body, &list, NULL)) {
		change_gtid_set_merge(s->found, list);
		change_gtid_set_free(list);
	}
	if (type != BINLOG_HEARTBEAT && !change_gtid_set_subset(s->sought, s->found))
		return;
	change_gtid_set_free(s->sought);
	change_gtid_set_free(s->found);
	s->sought = s->found = NULL;
}

/** No event came in the time given; silence adds up only while it is listened to, and a part of an event ends it. */
static enum binlog_read
nothing(struct stream *s, uint64_t since_us, int wait_ms, struct lt_err *err)
{
	uint64_t heard = my_received(s->conn);

	if (heard != s->heard)
		s->silent_us = 0;
	s->heard = heard;
	/* Before the last wait bytes may have come. */
	s->silent_us += LT_MIN(lt_mono_us(s->clock) - since_us, (uint64_t)wait_ms * 1000);
	if (s->silent_us < silence_us(s)) {
		*err = (struct lt_err){ 0 };
		return BINLOG_READ_NOTHING;
	}
	lt_fail(err, LT_E_LOG_SILENT, "the source sent nothing for %" PRIu64 " ms", s->silent_us / 1000);
	return BINLOG_READ_FAILED;
}

/* What stands in front of an event: a zero, and two bytes more in a semi-synchronous stream. The first event of any is
 * an artificial ROTATE, which begins with zeros: it shows whether the server does as it was asked. */
static bool
take_head(struct stream *s, struct lt_str *piece, struct lt_err *err)
{
	size_t len = piece->len;
	bool ok = piece->ptr[0] == 0;

	*piece = lt_str_of(piece->ptr + 1, piece->len - 1);
	if (s->headed && !binlog_semi_sync_head(*piece, &s->ack)) {
		ok = ok && !s->begun;
		s->headed = false;
		s->semi_sync = BINLOG_SEMI_SYNC_ABSENT;
	}
	if (s->headed)
		*piece = lt_str_of(piece->ptr + BINLOG_SEMI_SYNC_HEAD, piece->len - BINLOG_SEMI_SYNC_HEAD);
	s->begun = true;
	if (!ok || piece->len < BINLOG_HEADER_SIZE)
		return lt_fail(err, LT_E_PROTOCOL, "a packet of %zu bytes is no event", len);
	return true;
}

/* Of the first piece: what a packet of it would be. A larger event than is allowed must be one that can be streamed. */
static bool
begin_event(struct stream *s, struct lt_str *piece, struct lt_err *err)
{
	uint64_t size;

	if (!take_head(s, piece, err))
		return false;
	size = lt_le((const uint8_t *)piece->ptr + BINLOG_HEADER_SIZE_AT, 4);
	s->spooling = s->joining && s->spill != NULL && (uint8_t)piece->ptr[TYPE_AT] == BINLOG_TRANSACTION_PAYLOAD;
	if (size > s->packet_max && !s->spooling)
		return lt_fail(err, LT_E_TXN_TOO_LARGE, "an event of %llu bytes is more than the %zu that are allowed",
		    (unsigned long long)size, s->packet_max);
	lt_buf_clear(&s->event);
	if (s->event.cap > KEEP_MAX)
		lt_buf_free(&s->event);
	return !s->spooling || binlog_spool_open(&s->spool_file, s->spill, err);
}

/* With its last piece `*event` is whole. */
static bool
take_piece(struct stream *s, struct lt_str piece, bool first, struct lt_str *event, struct lt_err *err)
{
	if (first && !begin_event(s, &piece, err))
		return false;
	if (s->spooling) {
		s->feed.spool = &s->spool_file;
		*event = lt_str_of(s->spool_file.front, 0);
		if (!binlog_spool_add(&s->spool_file, piece, err))
			return false;
		event->len = s->spool_file.nfront;
		return true;
	}
	*event = piece;
	if (first && !s->joining)
		return true;
	if (s->event.len + piece.len > s->packet_max)
		return lt_fail(
		    err, LT_E_TXN_TOO_LARGE, "an event is more than the %zu bytes that are allowed", s->packet_max);
	lt_buf_str_add(&s->event, piece);
	*event = lt_buf_str(&s->event);
	return true;
}

static enum binlog_read
stream_read(struct binlog_feed *feed, int timeout_ms, struct lt_str *event, struct lt_err *err)
{
	struct stream *s = (struct stream *)feed;
	int wait_ms = (int)((silence_us(s) - LT_MIN(s->silent_us, silence_us(s))) / 1000) + 1;
	uint64_t since_us = timeout_ms == 0 ? 0 : lt_mono_us(s->clock);
	if (timeout_ms >= 0)
		wait_ms = LT_MIN(wait_ms, timeout_ms);
	if (!s->joining) {
		binlog_spool_close(&s->spool_file);
		s->feed.spool = NULL;
		s->ack = false;
	}
	for (;;) {
		struct lt_str piece;
		bool first = !s->joining;

		if (!my_read_piece(s->conn, wait_ms, &piece, &s->joining, err)) {
			if (err->code != LT_E_TIMEOUT)
				return read_failed(s, err);
			return nothing(s, timeout_ms == 0 ? lt_mono_us(s->clock) : since_us, wait_ms, err);
		}
		s->silent_us = 0;
		if (first && piece.len == 0) {
			if (s->feed.in_use)
				return BINLOG_READ_END;
			lt_fail(err, LT_E_LINK_LOST, "the server ended the stream");
			return BINLOG_READ_FAILED;
		}
		if (!take_piece(s, piece, first, event, err))
			return read_failed(s, err);
		if (s->joining)
			continue;
		if (s->sought != NULL)
			note_found(s, *event);
		if (s->ack)
			my_renumber(s->conn, 1); /* as if the answer had gone out: the server counts on behind it */
		return BINLOG_READ_EVENT;
	}
}

/* -- set-up --------------------------------------------------------------------------------------- */

/* As the vendors' replicas do; but also where it is off, so that it may be switched on while the stream runs. */
static bool
ask_semi_sync(struct stream *s, struct lt_err *err)
{
	struct my_rows *rows = NULL;
	struct lt_str value = { 0 };
	bool newer = false;

	if (!my_query(s->conn,
		"SHOW GLOBAL VARIABLES WHERE Variable_name IN ('rpl_semi_sync_source_enabled', "
		"'rpl_semi_sync_master_enabled', 'lower_case_table_names')",
		&rows, err))
		return false;
	for (size_t i = 0; i < rows->nrows && rows->ncolumns >= 2; i++) {
		struct lt_str name = my_rows_at(rows, i, 0);

		if (lt_str_ieq(name, LT_STR("lower_case_table_names"))) {
			s->folds = !lt_str_eqz(my_rows_at(rows, i, 1), "0");
			continue;
		}
		newer = lt_str_ieq(name, LT_STR("rpl_semi_sync_source_enabled"));
		value = my_rows_at(rows, i, 1);
	}
	s->headed = value.ptr != NULL;
	s->semi_sync = !s->headed                        ? BINLOG_SEMI_SYNC_ABSENT
		       : lt_str_ieq(value, LT_STR("ON")) ? BINLOG_SEMI_SYNC_ON
							 : BINLOG_SEMI_SYNC_OFF;
	my_rows_free(rows);
	return !s->headed ||
	       my_exec(s->conn, newer ? "SET @rpl_semi_sync_replica = 1" : "SET @rpl_semi_sync_slave = 1", NULL, err);
}

static bool
set_up(struct stream *s, const struct binlog_options *options, struct lt_err *err)
{
	bool mariadb = my_conn_server(s->conn)->flavor == MY_MARIADB;
	uint64_t period_ns = (uint64_t)(options->heartbeat_ms != 0 ? options->heartbeat_ms : HEARTBEAT_MS) * 1000000;
	char uuid[37], heartbeat[120], who[120];
	/* The reader may leave the socket alone for long (a full queue, `delay`): no reason for the server to hang up.
	 */
	const char *const first[] = { "SET SESSION net_write_timeout = 86400",
		"SET @source_binlog_checksum = 'CRC32', @master_binlog_checksum = 'CRC32'", heartbeat,
		mariadb ? "SET @mariadb_slave_capability = 4" : who };

	change_uuid_text(options->uuid, uuid);
	snprintf(heartbeat, sizeof(heartbeat),
	    "SET @source_heartbeat_period = %" PRIu64 ", @master_heartbeat_period = %" PRIu64, period_ns, period_ns);
	snprintf(who, sizeof(who), "SET @replica_uuid = '%s', @slave_uuid = '%s'", uuid, uuid);
	return my_exec_all(s->conn, first, LT_COUNT(first), err) && (!options->semi_sync || ask_semi_sync(s, err));
}

static bool
register_replica(struct stream *s, const struct binlog_options *options, struct lt_err *err)
{
	struct lt_buf body = { 0 };
	struct lt_str reply;
	bool ok = false;

	lt_buf_le(&body, options->server_id, 4);
	lt_buf_le(&body, 0, 3);     /* host, user, password: not told */
	lt_buf_le(&body, 0, 2 + 8); /* port, rank, id of the source */
	if (!my_command(s->conn, COM_REGISTER_SLAVE, lt_buf_str(&body), err) ||
	    !my_read_packet(s->conn, -1, PACKET_MORE, &reply, err))
		goto out;
	ok = true;
out:
	lt_buf_free(&body);
	return ok;
}

static bool
dump_at(struct stream *s, const struct change_place *place, uint64_t pos, const struct binlog_options *options,
    struct lt_err *err)
{
	bool mariadb = my_conn_server(s->conn)->flavor == MY_MARIADB;
	uint64_t flags = (options->to_end ? DUMP_NON_BLOCK : 0) | (mariadb ? MARIADB_ANNOTATE : MYSQL_HEARTBEAT_V2);
	struct lt_buf body = { 0 };
	bool ok;

	lt_buf_le(&body, pos, 4);
	lt_buf_le(&body, flags, 2);
	lt_buf_le(&body, options->server_id, 4);
	lt_buf_z(&body, place->file);
	ok = my_command(s->conn, COM_BINLOG_DUMP, lt_buf_str(&body), err);
	lt_buf_free(&body);
	return ok;
}

static bool
dump_mysql_gtid(
    struct stream *s, const struct change_gtid_set *gtids, const struct binlog_options *options, struct lt_err *err)
{
	struct lt_buf body = { 0 }, set = { 0 };
	bool ok;

	change_gtid_set_encode(gtids, &set);
	lt_buf_le(&body, (options->to_end ? DUMP_NON_BLOCK : 0) | MYSQL_HEARTBEAT_V2, 2);
	lt_buf_le(&body, options->server_id, 4);
	lt_buf_le(&body, 0, 4); /* no file */
	lt_buf_le(&body, 4, 8);
	lt_buf_le(&body, set.len, 4);
	lt_buf_str_add(&body, lt_buf_str(&set));
	ok = my_command(s->conn, COM_BINLOG_DUMP_GTID, lt_buf_str(&body), err);
	lt_buf_free(&body);
	lt_buf_free(&set);
	return ok;
}

/** MariaDB streams a domain that is not in the start from its oldest file on, silently without what was purged before
 * it. */
static bool
check_purged(struct stream *s, const struct change_gtid_set *gtids, struct lt_err *err)
{
	struct change_place first = { .pos = START_POS };
	struct change_gtid_set *oldest = NULL;
	struct my_rows *rows = NULL;
	struct lt_buf text = { 0 };
	bool ok = false;

	if (!my_query(s->conn, "SHOW BINARY LOGS", &rows, err))
		goto out;
	if (rows->nrows == 0) {
		lt_fail(err, LT_E_LOG_OFF, "the server writes no binary log");
		goto out;
	}
	lt_str_copy(first.file, sizeof(first.file), my_rows_at(rows, 0, 0));
	if (!binlog_gtids_at(s->conn, &first, &oldest, err))
		goto out;
	change_gtid_set_text(oldest, &text);
	ok = change_gtid_set_subset(oldest, gtids) ||
	     lt_fail(err, LT_E_LOG_PURGED, "the oldest log file begins behind %.*s", LT_FMT(lt_buf_str(&text)));
out:
	change_gtid_set_free(oldest);
	my_rows_free(rows);
	lt_buf_free(&text);
	return ok;
}

static bool
dump_mariadb_gtid(
    struct stream *s, const struct change_gtid_set *gtids, const struct binlog_options *options, struct lt_err *err)
{
	static const struct change_place nowhere = { .file = "" };
	struct lt_buf text = { 0 };
	bool ok;

	change_gtid_set_text(gtids, &text);
	ok = check_purged(s, gtids, err) &&
	     my_execf(s->conn, err,
		 "SET @slave_connect_state = '%s', @slave_gtid_strict_mode = 1, @slave_gtid_ignore_duplicates = 0",
		 lt_buf_cstr(&text)) &&
	     register_replica(s, options, err) && dump_at(s, &nowhere, 4, options, err);
	lt_buf_free(&text);
	return ok;
}

/** Everything done up to `from` must be in the log of the server that is read on from. */
static bool
check_executed(struct stream *s, const struct change_gtid_set *gtids, struct lt_err *err)
{
	struct change_gtid_set *has;
	bool ok;

	if (!binlog_executed(s->conn, &has, err))
		return false;
	ok = change_gtid_set_subset(gtids, has) ||
	     lt_fail(err, LT_E_LOG_HISTORY,
		 "the server has not executed all that was read before from its log, or another one's");
	change_gtid_set_free(has);
	return ok;
}

static bool
start_by_gtid(
    struct stream *s, const struct change_position *from, const struct binlog_options *options, struct lt_err *err)
{
	s->feed.by_gtid = true;
	if (!check_executed(s, from->gtids, err))
		return false;
	if (my_conn_server(s->conn)->flavor == MY_MARIADB) {
		s->sought = change_gtid_set_copy(from->gtids);
		s->found = change_gtid_set_new();
		return dump_mariadb_gtid(s, from->gtids, options, err);
	}
	return register_replica(s, options, err) && dump_mysql_gtid(s, from->gtids, options, err);
}

static bool
start(struct stream *s, const struct change_position *from, const struct binlog_options *options, struct lt_err *err)
{
	uint64_t pos = from->place.last_pos != 0 ? from->place.last_pos : from->place.pos;
	bool same;

	if (!set_up(s, options, err) || !binlog_identity(s->conn, s->identity, err))
		return false;
	same = from->server[0] == '\0' || strcmp(s->identity, from->server) == 0;
	if (!same && change_gtid_set_empty(from->gtids))
		return lt_fail(
		    err, LT_E_LOG_HISTORY, "this is another server, and without GTIDs its log cannot be gone on in");
	if (!same || from->place.file[0] == '\0')
		return start_by_gtid(s, from, options, err);
	s->expect = from->place.last_pos != 0;
	/* The command has 32 bits for a position. (MySQL's other one has 64, but looks for the file by GTIDs alone.) */
	s->feed.whole = pos > UINT32_MAX;
	return register_replica(s, options, err) &&
	       dump_at(s, &from->place, s->feed.whole ? 4 : LT_MAX(pos, 4), options, err);
}

bool
binlog_stream_open(const struct my_addr *addr, const struct change_position *from, const struct binlog_options *options,
    struct binlog_feed **ret, struct lt_err *err)
{
	static const struct binlog_feed_ops ops = { stream_read, stream_cancel, stream_close };
	struct stream *s = lt_new(struct stream);
	bool ok = false;

	s->feed.ops = &ops;
	s->feed.stream = true;
	s->feed.in_use = options->to_end;
	s->clock = options->clock != NULL ? options->clock : lt_clock_real();
	s->silence_us =
	    (uint64_t)(options->heartbeat_ms != 0 ? options->heartbeat_ms : HEARTBEAT_MS) * 1000 * SILENT_HEARTBEATS;
	s->packet_max = options->txn_limit_bytes != 0 ? options->txn_limit_bytes + PACKET_MORE : PACKET_MAX;
	s->spill = options->spill;
	if (!my_connect(addr, &s->conn, err))
		goto out;
	if (!start(s, from, options, err)) {
		(void)read_failed(s, err);
		goto out;
	}
	*ret = &s->feed;
	s = NULL; /* the caller's */
	ok = true;
out:
	if (s != NULL)
		stream_close(&s->feed);
	return ok;
}

const char *
binlog_stream_identity(const struct binlog_feed *feed)
{
	return ((const struct stream *)feed)->identity;
}

bool
binlog_stream_expects(const struct binlog_feed *feed)
{
	return ((const struct stream *)feed)->expect;
}

enum binlog_semi_sync
binlog_stream_semi_sync(const struct binlog_feed *feed)
{
	return ((const struct stream *)feed)->semi_sync;
}

bool
binlog_stream_folds(const struct binlog_feed *feed)
{
	return ((const struct stream *)feed)->folds;
}

bool
binlog_stream_wants_ack(const struct binlog_feed *feed)
{
	return ((const struct stream *)feed)->ack;
}

bool
binlog_stream_ack(struct binlog_feed *feed, const struct change_place *end, struct lt_err *err)
{
	struct lt_buf body = { 0 };
	bool ok;

	binlog_semi_sync_ack(end, &body);
	ok = my_send_packet(((struct stream *)feed)->conn, lt_buf_str(&body), err);
	lt_buf_free(&body);
	return ok;
}

bool
binlog_source_open(const struct my_addr *addr, const struct change_position *from, const struct binlog_options *options,
    struct change_source **ret, struct lt_err *err)
{
	struct binlog_feed *feed;
	struct change_position begin;
	struct lt_err mine = { 0 };

	if (!binlog_stream_open(addr, from, options, &feed, err != NULL ? err : &mine))
		return false;
	change_position_init(&begin);
	change_position_copy(&begin, from);
	if (feed->by_gtid)
		begin.place = (struct change_place){ .pos = 4 };
	*ret = binlog_source_new(feed, &begin, options, binlog_stream_expects(feed));
	lt_str_copy((*ret)->server, sizeof((*ret)->server), lt_str_z(binlog_stream_identity(feed)));
	if (options->commit == NULL && !options->boundaries)
		binlog_source_recall(*ret, binlog_recall_new(addr, options));
	change_position_clear(&begin);
	return true;
}
