/* wire CASE KEY=VALUE... - runs one case of the client against a real server; tests/integration/test_wire.py calls it.
 *
 * Keys: host, port, socket, user, password, ssl (0-4), ca, cert, key, zip (bits). Prints "ok ..." and ends 0, or says
 * which line of this file did not find what it should and ends 1. `login` prints "NAME server_errno message" for an
 * error. */
#include <stdio.h>
#include <unistd.h>

#include "base/cur.h"
#include "base/thread.h"
#include "mysql/conn.h"
#include "mysql/sql.h"
#include "mysql/stmt.h"

#define CHECK(cond, err) ((cond) ? (void)0 : failed(#cond, __LINE__, (err)))

static void
failed(const char *what, int line, const struct lt_err *err)
{
	printf("wire.c:%d: %s: %s %s\n", line, what, err != NULL ? lt_code_name(err->code) : "",
	    err != NULL ? err->message : "");
	exit(1);
}

static struct my_addr addr;

static struct my_conn *
connected(void)
{
	struct my_conn *c = NULL;
	struct lt_err err = { 0 };

	CHECK(my_connect(&addr, &c, &err), &err);
	return c;
}

static void
exec(struct my_conn *c, const char *sql)
{
	struct lt_err err = { 0 };

	CHECK(my_exec(c, sql, NULL, &err), &err);
}

/* The first value of the first row, as a number. */
static uint64_t
number(struct my_conn *c, const char *sql)
{
	struct lt_err err = { 0 };
	struct my_rows *rows = NULL;
	uint64_t n = 0;

	CHECK(my_query(c, sql, &rows, &err), &err);
	CHECK(rows->nrows == 1 && lt_str_u64(my_rows_at(rows, 0, 0), &n), NULL);
	my_rows_free(rows);
	return n;
}

static void
run_login(void)
{
	struct my_conn *c = NULL;
	struct lt_err err = { 0 };
	struct my_rows *rows = NULL;

	if (!my_connect(&addr, &c, &err)) {
		printf("%s %u %s\n", lt_code_name(err.code), err.server_errno, err.message);
		return;
	}
	CHECK(my_query(c, "SELECT CURRENT_USER(), @@character_set_client, @@character_set_results", &rows, &err), &err);
	printf("ok %.*s %.*s %.*s tls=%s flavor=%d zip=%d version=%u\n", LT_FMT(my_rows_at(rows, 0, 0)),
	    LT_FMT(my_rows_at(rows, 0, 1)), LT_FMT(my_rows_at(rows, 0, 2)), my_conn_server(c)->tls_cipher,
	    my_conn_server(c)->flavor, my_conn_server(c)->zip, my_conn_server(c)->version);
	my_rows_free(rows);
	CHECK(my_ping(c, &err), &err);
	my_close(c);
}

/* 10 000 statements are queued before the first reply is read; every tenth is refused. */
static void
run_pipeline(void)
{
	struct my_conn *c = connected();
	struct my_stmt *s = NULL, *other = NULL;
	struct lt_err err = { 0 };
	struct my_reply r;

	exec(c, "DROP TABLE IF EXISTS wire.t");
	exec(c, "CREATE TABLE wire.t (id INT PRIMARY KEY, v VARCHAR(100)) ENGINE=InnoDB");
	CHECK(my_prepare(c, LT_STR("INSERT INTO wire.t VALUES (?, ?)"), &s, &err), &err);
	CHECK(my_stmt_nparams(s) == 2, NULL);
	CHECK(my_send_query(c, LT_STR("BEGIN"), &err), &err);
	for (int64_t i = 0; i < 10000; i++) {
		struct my_param p[2] = { { .kind = MY_PARAM_I64, .i64 = i % 10 == 9 ? i - 1 : i },
			{ .kind = MY_PARAM_TEXT, .bytes = LT_STR("some text, about as long as such text is") } };

		CHECK(my_send_execute(c, s, p, 2, &err), &err);
	}
	CHECK(my_pending(c) == 10001, NULL);
	/* A statement between, answered at once: the replies before it are kept. */
	CHECK(my_prepare(c, LT_STR("SELECT 1"), &other, &err), &err);
	my_stmt_close(other);
	CHECK(my_pending(c) == 10001, NULL);
	CHECK(my_recv(c, &r, &err), &err);
	for (int i = 0; i < 10000; i++) {
		bool ok = my_recv(c, &r, &err);

		CHECK(ok == (i % 10 != 9), &err);
		CHECK(ok ? r.affected == 1 : err.code == LT_E_DUPLICATE && err.server_errno == 1062, &err);
		CHECK(my_alive(c), NULL);
	}
	CHECK(my_pending(c) == 0, NULL);
	exec(c, "COMMIT");
	CHECK(number(c, "SELECT COUNT(*) FROM wire.t") == 9000, NULL);
	my_stmt_close(s);
	my_close(c);
}

/* Replies that fill the server's and our own socket buffers while we still write: neither side may wait for the other.
 */
static void
run_flood(void)
{
	enum { STATEMENTS = 2000, WORDS = 16000 };
	struct my_conn *c = connected();
	struct lt_buf sql = { 0 };
	struct lt_err err = { 0 };

	/* An error text quotes 80 bytes at most, so rows make the flood; each is refused as a reply, and the line goes
	 * on. */
	lt_buf_z(&sql, "SELECT REPEAT('x', 16000) /* ");
	for (int i = 0; i < WORDS; i++)
		lt_buf_c(&sql, 'y');
	lt_buf_z(&sql, " */");
	for (int i = 0; i < STATEMENTS; i++)
		CHECK(my_send_query(c, lt_buf_str(&sql), &err), &err);
	for (int i = 0; i < STATEMENTS; i++) {
		CHECK(!my_recv(c, NULL, &err) && err.code == LT_E_INTERNAL, &err);
		CHECK(my_alive(c), NULL);
	}
	CHECK(number(c, "SELECT 7") == 7, NULL);
	lt_buf_free(&sql);
	my_close(c);
}

/* The first bytes are the same whatever the length. */
static void
fill(struct lt_buf *b, size_t len)
{
	lt_buf_reserve(b, len - b->len);
	for (size_t i = b->len; i < len; i++)
		b->ptr[i] = (char)(i * 31 + i / 251);
	b->len = len;
}

/* Values around one and two pieces of 16 MB, both ways, bit for bit. It is the line that is tried: what the server
 * would do to keep them is left out. */
static void
run_large(void)
{
	static const size_t sizes[] = { 0, 1, 250, 251, 65535, 65536, 16777215 - 40, 16777215, 16777216, 33554430,
		35000000 };
	struct my_conn *c = connected();
	struct my_stmt *s = NULL;
	struct lt_err err = { 0 };
	struct lt_buf value = { 0 };
	struct my_param p = { .kind = MY_PARAM_BYTES };

	exec(c, "SET sql_log_bin = 0");
	exec(c, "DROP TABLE IF EXISTS wire.b");
	exec(c, "CREATE TABLE wire.b (v LONGBLOB) ENGINE=MyISAM");
	CHECK(my_prepare(c, LT_STR("INSERT INTO wire.b VALUES (?)"), &s, &err), &err);
	for (size_t i = 0; i < LT_COUNT(sizes); i++) {
		struct my_rows *rows = NULL;

		fill(&value, sizes[i]);
		p.bytes = lt_buf_str(&value);
		CHECK(my_send_execute(c, s, &p, 1, &err) && my_recv(c, NULL, &err), &err);
		CHECK(my_query(c, "SELECT v, 'end' FROM wire.b", &rows, &err), &err);
		CHECK(rows->nrows == 1 && lt_str_eq(my_rows_at(rows, 0, 0), p.bytes) &&
			  lt_str_eqz(my_rows_at(rows, 0, 1), "end"),
		    NULL);
		my_rows_free(rows);
		exec(c, "DELETE FROM wire.b");
	}
	/* Larger than max_allowed_packet (64 MB here): said before it is sent, and the line lives. */
	fill(&value, (size_t)66 << 20);
	p.bytes = lt_buf_str(&value);
	CHECK(!my_send_execute(c, s, &p, 1, &err) && err.code == LT_E_PACKET_TOO_LARGE && my_alive(c), &err);
	CHECK(number(c, "SELECT COUNT(*) FROM wire.b") == 0, NULL);
	lt_buf_free(&value);
	my_close(c);
}

/* Every length of statement around the border of one piece. */
static void
run_border(void)
{
	struct my_conn *c = connected();
	struct lt_buf sql = { 0 };
	struct my_rows *rows = NULL;
	struct lt_err err = { 0 };

	lt_buf_z(&sql, "SELECT LENGTH('");
	for (size_t len = 16777215 - 12; len < 16777215 + 3; len++) {
		memset(lt_buf_reserve(&sql, len - sql.len), 'a', len - 2 - sql.len);
		sql.len = len - 2;
		lt_buf_z(&sql, "')");
		CHECK(my_query(c, lt_buf_cstr(&sql), &rows, &err), &err);
		my_rows_free(rows);
		sql.len -= 2; /* the next is longer by one */
	}
	lt_buf_free(&sql);
	my_close(c);
}

static void
run_types(void)
{
	static const struct lt_str wanted[] = { { "-9223372036854775808", 20 }, { "18446744073709551615", 20 },
		{ "0.1", 3 }, { "0.30000000000000004", 19 }, { "-12345678901234567890.123456789", 31 },
		{ "gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xa6", 11 }, { "00FF27", 6 }, { "2026-11-22", 10 },
		{ "9999-12-31 23:59:59.999999", 26 }, { "-838:59:58.000001", 17 }, { "0000-00-00", 10 },
		{ "0000-00-00 00:00:00.000000", 26 }, { NULL, 0 } };
	struct my_param p[] = { { .kind = MY_PARAM_I64, .i64 = INT64_MIN }, { .kind = MY_PARAM_U64, .u64 = UINT64_MAX },
		{ .kind = MY_PARAM_FLOAT, .f32 = 0.1f }, { .kind = MY_PARAM_DOUBLE, .f64 = 0.1 + 0.2 },
		{ .kind = MY_PARAM_DECIMAL, .bytes = LT_STR("-12345678901234567890.123456789") },
		{ .kind = MY_PARAM_TEXT, .bytes = { "gr\xc3\xbc\xc3\x9f \xf0\x9f\x90\xa6", 11 } },
		{ .kind = MY_PARAM_BYTES, .bytes = { "\0\xff'", 3 } },
		{ .kind = MY_PARAM_DATE, .time = { .year = 2026, .month = 11, .day = 22 } },
		{ .kind = MY_PARAM_DATETIME,
		    .time = { .year = 9999,
			.month = 12,
			.day = 31,
			.hour = 23,
			.minute = 59,
			.second = 59,
			.micro = 999999 } },
		{ .kind = MY_PARAM_TIME,
		    .time = { .negative = true, .hour = 838, .minute = 59, .second = 58, .micro = 1 } },
		{ .kind = MY_PARAM_DATE }, { .kind = MY_PARAM_DATETIME }, { .kind = MY_PARAM_NULL } };
	struct my_conn *c = connected();
	struct my_stmt *s = NULL;
	struct my_rows *rows = NULL;
	struct lt_err err = { 0 };
	struct lt_buf sql = { 0 };

	exec(c, "SET sql_mode=''");
	exec(c, "DROP TABLE IF EXISTS wire.k");
	exec(c, "CREATE TABLE wire.k (a BIGINT, b BIGINT UNSIGNED, c FLOAT, d DOUBLE, e DECIMAL(40,9), f VARCHAR(20) "
		"CHARACTER SET utf8mb4,"
		" g VARBINARY(9), h DATE, i DATETIME(6), j TIME(6), k DATE, l DATETIME(6), m INT)");
	CHECK(my_prepare(c, LT_STR("INSERT INTO wire.k VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)"), &s, &err), &err);
	CHECK(my_send_execute(c, s, p, LT_COUNT(p), &err) && my_recv(c, NULL, &err), &err);
	CHECK(my_query(c, "SELECT a, b, c, d, e, f, HEX(g), h, i, j, k, l, m FROM wire.k", &rows, &err), &err);
	CHECK(rows->ncolumns == LT_COUNT(wanted) && lt_str_eqz(rows->names[0], "a"), NULL);
	for (size_t i = 0; i < rows->ncolumns; i++) {
		struct lt_str got = my_rows_at(rows, 0, i);

		if (!lt_str_eq(got, wanted[i]))
			printf("column %zu: %.*s\n", i, LT_FMT(got));
		CHECK(lt_str_eq(got, wanted[i]) && (got.ptr == NULL) == (wanted[i].ptr == NULL), NULL);
	}
	my_rows_free(rows);
	/* The same statement with all other types, as a later row may have them. */
	for (size_t i = 0; i < LT_COUNT(p); i++)
		p[i].kind = MY_PARAM_NULL;
	CHECK(my_send_execute(c, s, p, LT_COUNT(p), &err) && my_recv(c, NULL, &err), &err);
	CHECK(number(c, "SELECT COUNT(*) FROM wire.k WHERE COALESCE(a,b,c,d,e,f,g,h,i,j,k,l,m) IS NULL") == 1, NULL);
	/* The same bytes as text of SQL. */
	lt_buf_z(&sql, "SELECT COUNT(*) FROM wire.k WHERE g = ");
	my_sql_bytes(&sql, lt_str_of("\0\xff'", 3));
	lt_buf_z(&sql, " AND f = ");
	my_sql_text(&sql, wanted[5]);
	CHECK(number(c, lt_buf_cstr(&sql)) == 1, NULL);
	lt_buf_clear(&sql);
	lt_buf_z(&sql, "SELECT LENGTH(");
	my_sql_text(&sql, lt_str_of("a'b\"c\\d\0e\nf\rg\x1a%_", 17));
	lt_buf_z(&sql, ")");
	CHECK(number(c, lt_buf_cstr(&sql)) == 17, NULL);
	lt_buf_free(&sql);
	my_close(c);
}

static bool
stop_at_three(void *ctx, size_t ncolumns, const struct lt_str *values, struct lt_err *err)
{
	(void)ncolumns;
	return ++*(int *)ctx < 3 || lt_fail(err, LT_E_VALUE_REFUSED, "row %.*s", LT_FMT(values[0]));
}

static void
run_rows(void)
{
	struct my_conn *c = connected();
	struct lt_err err = { 0 };
	struct my_rows *rows = NULL;
	int count = 0;

	CHECK(!my_query_each(
		  c, LT_STR("SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4"), stop_at_three, &count, &err),
	    NULL);
	CHECK(count == 3 && err.code == LT_E_VALUE_REFUSED && my_alive(c), &err);
	CHECK(!my_exec(c, "SELECT 1", NULL, &err) && err.code == LT_E_INTERNAL, &err);
	CHECK(!my_exec(c, "SELEC 1", NULL, &err) && err.code == LT_E_SQL && strcmp(err.sqlstate, "42000") == 0, &err);
	CHECK(!my_query(c, "SELECT * FROM wire.nothere", &rows, &err) && err.code == LT_E_TABLE_MISSING, &err);
	/* More than is held at once: refused, drained, and the line lives. */
	exec(c, "DROP TABLE IF EXISTS wire.n");
	exec(c, "CREATE TABLE wire.n (a INT)");
	exec(c, "INSERT INTO wire.n VALUES (1), (2), (3), (4), (5), (6), (7), (8), (9)");
	CHECK(!my_query(c, "SELECT REPEAT('x', 1000000) FROM wire.n, wire.n m", &rows, &err), NULL);
	CHECK(err.code == LT_E_PACKET_TOO_LARGE && my_alive(c), &err);
	CHECK(my_query(c, "SELECT 1 FROM DUAL WHERE FALSE", &rows, &err) && rows->nrows == 0 && rows->ncolumns == 1,
	    &err);
	my_rows_free(rows);
	CHECK(my_queryf(c, &rows, &err, "SELECT '%s', NULL, ''", "a") && rows->nrows == 1, &err);
	CHECK(
	    my_rows_at(rows, 0, 1).ptr == NULL && my_rows_at(rows, 0, 2).ptr != NULL && my_rows_at(rows, 0, 2).len == 0,
	    NULL);
	my_rows_free(rows);
	/* A call has results of its own and a last OK. */
	exec(c, "DROP PROCEDURE IF EXISTS wire.p");
	exec(c, "CREATE PROCEDURE wire.p() BEGIN SELECT 5; SELECT 6; END");
	CHECK(number(c, "CALL wire.p()") == 5, NULL);
	CHECK(number(c, "SELECT 8") == 8, NULL);
	/* FOUND_ROWS is off: a row that stays as it is counts for nothing. */
	exec(c, "DROP TABLE IF EXISTS wire.f");
	exec(c, "CREATE TABLE wire.f (a INT)");
	exec(c, "INSERT INTO wire.f VALUES (1)");
	for (int on = 0; on < 2; on++) {
		struct my_reply r;

		CHECK(my_exec(c, "UPDATE wire.f SET a = 1", &r, &err) && r.affected == (uint64_t)on, &err);
		my_close(c);
		addr.found_rows = true;
		c = connected();
	}
	my_close(c);
}

static void
cancel_soon(void *arg)
{
	struct my_conn *other = connected();

	/* Cancelled while it waits: the server shows the statement. */
	while (number(other,
		   "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(1000%'") == 0)
		usleep(1000);
	my_cancel(arg);
	my_close(other);
}

static void
run_cancel(void)
{
	struct my_conn *c = connected();
	struct lt_err err = { 0 };
	struct my_rows *rows = NULL;
	struct lt_thread *t = lt_thread_start("cancel", cancel_soon, c);

	CHECK(!my_query(c, "SELECT SLEEP(1000)", &rows, &err) && err.code == LT_E_CANCELLED && !my_alive(c), &err);
	lt_thread_join(t);
	CHECK(!my_ping(c, &err), NULL);
	my_close(c);
}

static void
run_timeout(void)
{
	struct my_conn *c = connected(), *other = connected();
	struct lt_err err = { 0 };
	struct my_rows *rows = NULL;
	struct lt_str packet;

	/* A raw read may be tried again. */
	CHECK(number(other, "SELECT GET_LOCK('wire', 60)") == 1, NULL);
	CHECK(my_command(c, 3, LT_STR("SELECT GET_LOCK('wire', 1000)"), &err), &err);
	CHECK(!my_read_packet(c, 10, 1000, &packet, &err) && err.code == LT_E_TIMEOUT && my_alive(c), &err);
	CHECK(number(other, "SELECT RELEASE_LOCK('wire')") == 1, NULL);
	CHECK(my_read_packet(c, -1, 1000, &packet, &err) && packet.len == 1 && packet.ptr[0] == 1, &err);
	CHECK(my_read_packet(c, -1, 1000, &packet, &err), &err); /* column */
	CHECK(my_read_packet(c, -1, 1000, &packet, &err) && packet.len == 2 && packet.ptr[1] == '1', &err);
	CHECK(my_read_packet(c, -1, 1000, &packet, &err) && packet.len == 0, &err);
	CHECK(number(c, "SELECT RELEASE_LOCK('wire')") == 1, NULL); /* the session may outlive us */
	CHECK(my_command(c, 3, LT_STR("SELEC"), &err), &err);
	CHECK(!my_read_packet(c, -1, 1000, &packet, &err) && err.server_errno == 1064 && my_alive(c), &err);
	my_set_io_timeout(c, 50);
	CHECK(!my_query(c, "SELECT SLEEP(1000)", &rows, &err) && err.code == LT_E_TIMEOUT && !my_alive(c), &err);
	my_close(c);
	my_close(other);
}

/* The server's log as it comes: every event's size is that of its packet, up to the end. */
static void
run_dump(void)
{
	enum { BINLOG_DUMP = 0x12, NON_BLOCK = 1, HEAD = 19 };
	const size_t inserts = 2000;
	struct my_conn *c = connected();
	struct lt_err err = { 0 };
	struct my_rows *rows = NULL;
	struct lt_buf body = { 0 };
	struct lt_str packet;
	struct lt_cur size;
	size_t events = 0, bytes = 0;

	exec(c, my_conn_server(c)->flavor == MY_MYSQL ? "RESET BINARY LOGS AND GTIDS" : "RESET MASTER");
	exec(c, "DROP TABLE IF EXISTS wire.d");
	exec(c, "CREATE TABLE wire.d (a INT, b LONGTEXT)");
	for (size_t i = 0; i < inserts; i++)
		CHECK(my_send_query(c, LT_STR("INSERT INTO wire.d VALUES (1, REPEAT('abc', 300))"), &err), &err);
	for (size_t i = 0; i < inserts; i++)
		CHECK(my_recv(c, NULL, &err), &err);
	exec(c, "INSERT INTO wire.d VALUES (2, REPEAT('x', 17000000))");
	exec(c, "SET @source_binlog_checksum = 'NONE', @master_binlog_checksum = 'NONE'");
	CHECK(my_query(c, my_conn_server(c)->flavor == MY_MYSQL ? "SHOW BINARY LOGS" : "SHOW MASTER LOGS", &rows, &err),
	    &err);
	lt_buf_le(&body, 4, 4);
	lt_buf_le(&body, NON_BLOCK, 2);
	lt_buf_le(&body, 4242, 4);
	lt_buf_str_add(&body, my_rows_at(rows, 0, 0));
	my_rows_free(rows);
	CHECK(my_command(c, BINLOG_DUMP, lt_buf_str(&body), &err), &err);
	for (;;) {
		CHECK(my_read_packet(c, 60000, (size_t)64 << 20, &packet, &err), &err);
		if (packet.len == 0)
			break;
		CHECK(packet.len > HEAD && packet.ptr[0] == 0, NULL);
		size = lt_cur_str(lt_str_of(packet.ptr + 1 + 9, 4));
		CHECK(lt_cur_u32(&size) == packet.len - 1, NULL);
		events++;
		bytes += packet.len;
	}
	CHECK(events > 3 * inserts && bytes > 17000000 + inserts * 900, NULL);
	lt_buf_free(&body);
	my_close(c);
}

static int64_t
reply_sum(struct my_conn *c)
{
	struct lt_err err = { 0 };
	struct my_reply r;

	CHECK(my_recv(c, &r, &err), &err);
	return (int64_t)r.affected;
}

enum { BULK_COLUMNS = 11 };

/* Row `i` of the bulk: every kind of value, each of them NULL in some row; the last is NULL in all. */
static void
bulk_row(int64_t i, struct my_param *p)
{
	static const struct lt_str texts[] = { { "", 0 }, { "a", 1 }, { "gr\xc3\xbc\xc3\x9f", 6 } };
	struct lt_str text = texts[i % 3];
	uint8_t n = (uint8_t)(i % 28);

	p[0] = (struct my_param){ .kind = MY_PARAM_I64, .i64 = i };
	p[1] = (struct my_param){ .kind = MY_PARAM_U64, .u64 = UINT64_MAX - (uint64_t)i };
	p[2] = (struct my_param){ .kind = MY_PARAM_FLOAT, .f32 = (float)i / 2 };
	p[3] = (struct my_param){ .kind = MY_PARAM_DOUBLE, .f64 = (double)i / 4 };
	p[4] = (struct my_param){ .kind = MY_PARAM_DECIMAL, .bytes = LT_STR("-12345678901234567890.123456789") };
	p[5] = (struct my_param){ .kind = MY_PARAM_TEXT, .bytes = text };
	p[6] = (struct my_param){ .kind = MY_PARAM_BYTES, .bytes = { "\0\xff'", (size_t)(i % 4) } };
	p[7] =
	    (struct my_param){ .kind = MY_PARAM_DATE, .time = { .year = 2026, .month = 2, .day = (uint8_t)(n + 1) } };
	p[8] = (struct my_param){ .kind = MY_PARAM_DATETIME,
		.time = {
		    .year = 1999, .month = 12, .day = 31, .hour = i % 2 == 0 ? 0 : 23, .micro = i % 3 == 0 ? 0 : 7 } };
	p[9] = (struct my_param){ .kind = MY_PARAM_TIME,
		.time = {
		    .negative = i % 2 != 0, .hour = 100, .minute = n, .second = 1, .micro = i % 5 == 0 ? 0 : 5 } };
	for (int64_t k = 1; k < BULK_COLUMNS - 1; k++) {
		if (i % 13 == k)
			p[k].kind = MY_PARAM_NULL;
	}
	p[BULK_COLUMNS - 1].kind = MY_PARAM_NULL;
}

/* An error in the midst: what went before it goes with the transaction, and the line lives. */
static void
bulk_refused(struct my_conn *c, struct my_stmt *bulk, struct my_param *p)
{
	struct lt_err err = { 0 };

	exec(c, "DELETE FROM wire.bulk2");
	for (int64_t i = 0; i < 100; i++)
		bulk_row(i == 60 ? 3 : i, p + i * BULK_COLUMNS);
	exec(c, "BEGIN");
	CHECK(my_send_bulk(c, bulk, p, BULK_COLUMNS, 100, &err), &err);
	CHECK(my_send_query(c, LT_STR("DO 1"), &err), &err);
	CHECK(!my_recv(c, NULL, &err) && err.code == LT_E_DUPLICATE && my_alive(c), &err);
	CHECK(reply_sum(c) == 0, NULL);
	exec(c, "ROLLBACK");
	CHECK(number(c, "SELECT COUNT(*) FROM wire.bulk2") == 0, NULL);
	CHECK(!my_send_bulk(c, bulk, p, BULK_COLUMNS, 0, &err) && err.code == LT_E_INTERNAL && my_alive(c), &err);
	CHECK(!my_send_bulk(c, bulk, p, BULK_COLUMNS - 1, 2, &err) && err.code == LT_E_INTERNAL && my_alive(c), &err);
}

/* MariaDB: the rows of one bulk are those that as many single statements make. */
static void
run_bulk(void)
{
	enum { ROWS = 10000 };
	static const char insert[] = "INSERT INTO wire.%s VALUES (?,?,?,?,?,?,?,?,?,?,?)";
	struct my_conn *c = connected();
	struct my_param *p = calloc((size_t)ROWS * BULK_COLUMNS, sizeof(*p));
	struct my_stmt *bulk = NULL, *single = NULL, *other = NULL;
	struct lt_err err = { 0 };
	char sql[100];

	CHECK(p != NULL && my_conn_server(c)->bulk, NULL);
	exec(c, "SET sql_mode='STRICT_ALL_TABLES'");
	for (int t = 0; t < 2; t++) {
		CHECK(my_execf(c, &err, "DROP TABLE IF EXISTS wire.%s", t == 0 ? "bulk1" : "bulk2"), &err);
		CHECK(my_execf(c, &err,
			  "CREATE TABLE wire.%s (a BIGINT PRIMARY KEY, b BIGINT UNSIGNED, c FLOAT, d DOUBLE, "
			  "e DECIMAL(40,9), f VARCHAR(20) CHARACTER SET utf8mb4, g VARBINARY(9), h DATE, i "
			  "DATETIME(6), j TIME(6), "
			  "k INT) ENGINE=InnoDB",
			  t == 0 ? "bulk1" : "bulk2"),
		    &err);
		snprintf(sql, sizeof(sql), insert, t == 0 ? "bulk1" : "bulk2");
		CHECK(my_prepare(c, lt_str_z(sql), t == 0 ? &single : &bulk, &err), &err);
	}
	exec(c, "BEGIN");
	for (int64_t i = 0; i < ROWS; i++) {
		bulk_row(i, p + i * BULK_COLUMNS);
		CHECK(my_send_execute(c, single, p + i * BULK_COLUMNS, BULK_COLUMNS, &err), &err);
	}
	for (int64_t i = 0; i < ROWS; i++)
		CHECK(reply_sum(c) == 1, NULL);
	CHECK(my_send_bulk(c, bulk, p, BULK_COLUMNS, ROWS, &err), &err);
	CHECK(my_pending(c) == 1 && reply_sum(c) == ROWS, NULL);
	exec(c, "COMMIT");
	CHECK(
	    number(c,
		"SELECT COUNT(*) FROM wire.bulk1 x JOIN wire.bulk2 y ON x.a = y.a AND x.b <=> y.b AND x.c <=> y.c AND "
		"x.d <=> y.d AND x.e <=> y.e AND BINARY x.f <=> BINARY y.f AND x.g <=> y.g AND x.h <=> y.h AND x.i <=> "
		"y.i "
		"AND x.j <=> y.j AND x.k <=> y.k") == ROWS,
	    NULL);
	CHECK(
	    number(c, "SELECT COUNT(b) + COUNT(f) + COUNT(j) + COUNT(k) FROM wire.bulk2") == 3 * ROWS - 770 - 769 - 769,
	    NULL);

	/* The sum is that of the rows that were there. */
	CHECK(my_prepare(c, LT_STR("DELETE FROM wire.bulk2 WHERE a = ?"), &other, &err), &err);
	exec(c, "BEGIN");
	for (int64_t i = 0; i < ROWS; i++)
		p[i] = (struct my_param){ .kind = MY_PARAM_I64, .i64 = i * 2 };
	CHECK(my_send_bulk(c, other, p, 1, ROWS, &err) && reply_sum(c) == ROWS / 2, &err);
	CHECK(number(c, "SELECT COUNT(*) FROM wire.bulk2") == ROWS / 2, NULL);
	exec(c, "ROLLBACK");
	CHECK(number(c, "SELECT COUNT(*) FROM wire.bulk2") == ROWS, NULL);
	bulk_refused(c, bulk, p);
	free(p);
	my_close(c);
}

/* Prints "ready", waits for a line (the server is killed meanwhile), then must find the link lost. */
static void
run_killed(void)
{
	struct my_conn *c = connected();
	struct lt_err err = { 0 };
	char line[8];

	puts("ready");
	fflush(stdout);
	CHECK(fgets(line, sizeof(line), stdin) != NULL, NULL);
	for (int i = 0; i < 3; i++)
		CHECK(my_send_query(c, LT_STR("DO 1"), &err), &err);
	CHECK(!my_recv(c, NULL, &err) && err.code == LT_E_LINK_LOST && !my_alive(c), &err);
	CHECK(!my_recv(c, NULL, &err) && err.code == LT_E_LINK_LOST, &err);
	my_close(c);
}

/* Prints "ready", waits for a line (the server ends in order meanwhile), then must find the link lost or the server
 * ending. */
static void
run_shutdown(void)
{
	struct my_conn *c = connected();
	struct lt_err err = { 0 };
	struct my_rows *rows = NULL;
	char line[8];

	puts("ready");
	fflush(stdout);
	CHECK(!my_query(c, "SELECT SLEEP(1000)", &rows, &err) || lt_str_eqz(my_rows_at(rows, 0, 0), "1"), NULL);
	my_rows_free(rows);
	CHECK(fgets(line, sizeof(line), stdin) != NULL, NULL);
	while (my_ping(c, &err))
		continue;
	CHECK((err.code == LT_E_LINK_LOST || err.code == LT_E_SERVER_BUSY) && !my_alive(c), &err);
	my_close(c);
}

/* A server that is tired of us: MySQL says so (4031) before it closes. */
static void
run_inactive(void)
{
	struct my_conn *c = connected(), *other = connected();
	struct lt_err err = { 0 };
	bool mysql = my_conn_server(c)->flavor == MY_MYSQL;
	char sql[100];

	exec(c, "SET SESSION wait_timeout = 1");
	snprintf(sql, sizeof(sql), "SELECT COUNT(*) FROM information_schema.processlist WHERE id = %u",
	    my_conn_server(c)->thread_id);
	while (number(other, sql) != 0)
		usleep(1000);
	CHECK(!my_exec(c, "DO 1", NULL, &err) && err.code == LT_E_LINK_LOST && !my_alive(c), &err);
	CHECK(err.server_errno == (mysql ? 4031 : 0), &err);
	my_close(c);
	my_close(other);
}

/* KILL of our own connection from another one: the server may or may not say so before it closes. */
static void
run_kill_statement(void)
{
	struct my_conn *c = connected(), *other = connected();
	struct lt_err err = { 0 };

	CHECK(my_execf(other, &err, "KILL %u", my_conn_server(c)->thread_id), &err);
	while (my_ping(c, &err))
		continue;
	CHECK(err.code == LT_E_LINK_LOST && !my_alive(c), &err);
	my_close(c);
	my_close(other);
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "login", run_login },
	{ "pipeline", run_pipeline },
	{ "flood", run_flood },
	{ "large", run_large },
	{ "border", run_border },
	{ "types", run_types },
	{ "rows", run_rows },
	{ "cancel", run_cancel },
	{ "timeout", run_timeout },
	{ "bulk", run_bulk },
	{ "dump", run_dump },
	{ "killed", run_killed },
	{ "shutdown", run_shutdown },
	{ "inactive", run_inactive },
	{ "kill", run_kill_statement },
};

static bool
take_key(const char *arg)
{
	const struct {
		const char *key, **to;
	} texts[] = { { "host=", &addr.host }, { "socket=", &addr.socket }, { "user=", &addr.user },
		{ "password=", &addr.password }, { "ca=", &addr.ssl_ca }, { "cert=", &addr.ssl_cert },
		{ "key=", &addr.ssl_key } };

	for (size_t i = 0; i < LT_COUNT(texts); i++) {
		if (strncmp(arg, texts[i].key, strlen(texts[i].key)) == 0) {
			*texts[i].to = arg + strlen(texts[i].key);
			return true;
		}
	}
	if (strncmp(arg, "port=", 5) == 0)
		addr.port = (uint16_t)atoi(arg + 5);
	else if (strncmp(arg, "ssl=", 4) == 0)
		addr.ssl_mode = (enum my_ssl_mode)atoi(arg + 4);
	else if (strncmp(arg, "zip=", 4) == 0)
		addr.zip_kinds = (unsigned)atoi(arg + 4);
	else if (strncmp(arg, "connect_timeout=", 16) == 0)
		addr.connect_timeout_ms = (unsigned)atoi(arg + 16);
	else
		return false;
	return true;
}

int
main(int argc, char **argv)
{
	addr.user = "root";
	for (int i = 2; i < argc; i++)
		CHECK(take_key(argv[i]), NULL);
	for (size_t i = 0; argc > 1 && i < LT_COUNT(cases); i++) {
		if (strcmp(cases[i].name, argv[1]) != 0)
			continue;
		cases[i].run();
		if (i > 0)
			puts("ok");
		return 0;
	}
	fputs("usage: wire CASE KEY=VALUE...\n", stderr);
	return 2;
}
