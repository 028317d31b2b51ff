/* mysql/conn.h - one connection to a MySQL or MariaDB server: set-up, login, statements, pipelining, raw packets.
 *
 * Source: the MySQL client/server protocol documentation and MariaDB's knowledge base (protocol pages), seen on
 * MySQL 9.7 and MariaDB 10.11. A connection belongs to one thread; only my_cancel() may come from another one. After an
 * error of kind RETRY the connection is dead: close it. A server's error packet (duplicate key, ...) leaves it usable.
 */
#ifndef MY_CONN_H
#define MY_CONN_H

#include "base/err.h"
#include "base/str.h"

struct lt_wake; /* base/thread.h */

enum my_ssl_mode { MY_SSL_DISABLED, MY_SSL_PREFERRED, MY_SSL_REQUIRED, MY_SSL_VERIFY_CA, MY_SSL_VERIFY_IDENTITY };

/** Protocol compression; MySQL's clients and servers call NONE "uncompressed". */
enum my_zip_kind { MY_ZIP_NONE, MY_ZIP_ZLIB, MY_ZIP_ZSTD, MY_ZIP_COUNT };

/** Where and as whom to connect. Plain strings, borrowed for the time of the call; NULL = not given. */
struct my_addr {
	const char *host; /* NULL or "" with a socket */
	uint16_t port;
	const char *socket;
	const char *user, *password; /* the password never reaches a log or an error */
	enum my_ssl_mode ssl_mode;
	const char *ssl_ca, *ssl_cert, *ssl_key; /* PEM files; no ssl_ca: the system's own certificates */
	unsigned connect_timeout_ms;             /* whole set-up; 0 = 10 s */
	unsigned io_timeout_ms;                  /* each wait for the peer afterwards; 0 = none */
	struct lt_wake *stop;                    /* any thread may raise it: my_connect() ends with CANCELLED */
	const char *session;                     /* a statement without rows that follows the login at once */
	unsigned zip_kinds;                      /* 1 << each enum my_zip_kind that will do, ZSTD first; 0 = NONE */
	bool found_rows;                         /* CLIENT_FOUND_ROWS: UPDATE counts rows matched, not changed */
};

enum my_flavor { MY_MYSQL, MY_MARIADB };

/** Who answered; lives as long as the connection. */
struct my_server {
	enum my_flavor flavor;
	uint32_t version;      /* 10.11.6 = 101106, 9.7.4 = 90704; MariaDB's "5.5.5-" prefix is gone */
	char version_text[64]; /* as the server says it */
	uint32_t thread_id;
	bool bulk; /* my_send_bulk() works */
	bool tls;
	char tls_cipher[64];
	enum my_zip_kind zip;
};

struct my_conn;

/** Connect, TLS, log in; the session charset is utf8mb4. `**ret` is the caller's to my_close(). */
LT_MUST_USE bool my_connect(const struct my_addr *addr, struct my_conn **ret, struct lt_err *err);
/** Say COM_QUIT if the line is idle, close, free; NULL is fine. */
void my_close(struct my_conn *c);
const struct my_server *my_conn_server(const struct my_conn *c);
/** Any thread: the wait in hand, and every later one, fails with LT_E_CANCELLED. */
void my_cancel(struct my_conn *c);
/** Change the limit of each wait; 0 = none. */
void my_set_io_timeout(struct my_conn *c, unsigned timeout_ms);

/* -- replies -------------------------------------------------------------------------------------- */

/** What the server said to one statement that returns no rows. */
struct my_reply {
	uint64_t affected, insert_id;
	uint16_t warnings, status;
};

/** Rows held whole, for small results (catalog, progress). Text protocol: every value as the server prints it. */
struct my_rows {
	size_t ncolumns, nrows;
	const struct lt_str *names;  /* [ncolumns] */
	const struct lt_str *values; /* [nrows * ncolumns]; ptr NULL = NULL; each value has a zero byte behind it */
	struct lt_arena *arena;      /* owned: holds the two arrays and the struct */
};

void my_rows_free(struct my_rows *rows);
/** Value at (row, column); {NULL,0} for NULL. */
struct lt_str my_rows_at(const struct my_rows *rows, size_t row, size_t column);

/* -- one statement at a time ---------------------------------------------------------------------- */

/** A statement without rows; `out` may be NULL. */
LT_MUST_USE bool my_exec(struct my_conn *c, const char *sql, struct my_reply *out, struct lt_err *err);
LT_MUST_USE bool my_execf(struct my_conn *c, struct lt_err *err, const char *fmt, ...) LT_PRINTF(3, 4);
/** A statement with rows, at most `limit_bytes` (0: 64 MB) of them, else LT_E_PACKET_TOO_LARGE; `**ret` to
 * my_rows_free(). */
LT_MUST_USE bool my_query(struct my_conn *c, const char *sql, struct my_rows **ret, struct lt_err *err);
LT_MUST_USE bool my_queryf(struct my_conn *c, struct my_rows **ret, struct lt_err *err, const char *fmt, ...)
    LT_PRINTF(4, 5);
/** Rows handed over one at a time, never held: `each` returns false (having set err) to stop; the rest is then drained.
 */
typedef bool (*my_row_fn)(void *ctx, size_t ncolumns, const struct lt_str *values, struct lt_err *err);
LT_MUST_USE bool my_query_each(struct my_conn *c, struct lt_str sql, my_row_fn each, void *ctx, struct lt_err *err);
/** Whether the peer is still there as far as this machine knows, without asking it: LT_E_LINK_LOST once it has hung up.
 * For a connection that waits for no reply. */
LT_MUST_USE bool my_check_link(struct my_conn *c, struct lt_err *err);
/** COM_PING. */
LT_MUST_USE bool my_ping(struct my_conn *c, struct lt_err *err);

/* -- prepared statements and pipelining (mysql/stmt.h for parameters) ----------------------------- */

struct my_stmt;  /* belongs to its connection, dies with it */
struct my_param; /* mysql/stmt.h */

/** `**ret` lives until my_stmt_close() or my_close(). */
LT_MUST_USE bool my_prepare(struct my_conn *c, struct lt_str sql, struct my_stmt **ret, struct lt_err *err);
/** The same in two steps, for what is queued around it: it is the next reply when it is taken, as with
 * my_recv_rows(). */
LT_MUST_USE bool my_send_prepare(struct my_conn *c, struct lt_str sql, struct lt_err *err);
LT_MUST_USE bool my_recv_prepared(struct my_conn *c, struct my_stmt **ret, struct lt_err *err);
size_t my_stmt_nparams(const struct my_stmt *s);
/** Queues COM_STMT_CLOSE (no reply). */
void my_stmt_close(struct my_stmt *s);

/** Queue a command without waiting for its reply. Sends when the buffer is full; reads replies into memory while it
 * writes, so that neither side can block the other. What is queued goes out at the latest with my_recv(). */
LT_MUST_USE bool my_send_query(struct my_conn *c, struct lt_str sql, struct lt_err *err);
LT_MUST_USE bool my_send_execute(
    struct my_conn *c, struct my_stmt *s, const struct my_param *params, size_t nparams, struct lt_err *err);
/** MariaDB: queue one command that runs `s` for each of `nrows` rows of `params` ([nrows * nparams], row by row). All
 * values of one parameter have the same kind or are NULL, and `nrows` is at least 1. One reply: `affected` is the sum
 * over the rows. Send it inside a transaction only: under autocommit the server commits each row of an UPDATE or DELETE
 * by itself. */
LT_MUST_USE bool my_send_bulk(struct my_conn *c, struct my_stmt *s, const struct my_param *params, size_t nparams,
    size_t nrows, struct lt_err *err);
/** Push out what is queued, wait for nothing. */
LT_MUST_USE bool my_flush(struct my_conn *c, struct lt_err *err);
/** Whether my_recv() would find something to begin with; waits for nothing. */
bool my_answered(const struct my_conn *c);
/** Commands queued whose reply was not taken yet. */
size_t my_pending(const struct my_conn *c);
/** The next reply, in order of sending. False with a server's error: the line goes on, the next reply may be taken
 * (my_alive() tells). Replies that turn out to hold rows are drained and are LT_E_INTERNAL. */
LT_MUST_USE bool my_recv(struct my_conn *c, struct my_reply *out, struct lt_err *err);
/** Replies still to come are read and put aside for my_recv(), as by every command that is answered at once. Of what is
 * queued next, if it has no more than `bytes`, no text makes us ask for the server's limit. */
LT_MUST_USE bool my_settle(struct my_conn *c, size_t bytes, struct lt_err *err);
/** The server's limit of a text is asked for with what is queued, as by such a query: no text makes us ask later. */
LT_MUST_USE bool my_send_limit(struct my_conn *c, struct lt_err *err);
LT_MUST_USE bool my_recv_limit(struct my_conn *c, struct lt_err *err);
/** The reply to a query, queued behind my_settle() or when none was to come, with nothing asked at once since: its rows
 * held whole, as of my_query(), or handed over, as of my_query_each(); `each` NULL: to nobody. */
LT_MUST_USE bool my_recv_rows(struct my_conn *c, struct my_rows **ret, struct lt_err *err);
LT_MUST_USE bool my_recv_each(struct my_conn *c, my_row_fn each, void *ctx, struct lt_err *err);
/** `n` statements without rows, in one round trip; no reply is to come when it is called. One that fails keeps none of
 * those behind it from being run; `err` tells of the first. */
LT_MUST_USE bool my_exec_all(struct my_conn *c, const char *const *sql, size_t n, struct lt_err *err);
/** Whether the connection can still be used. */
bool my_alive(const struct my_conn *c);

/* -- raw packets, for the replication stream ------------------------------------------------------ */

/** Send one command packet; replies are then read by my_read_packet(). */
LT_MUST_USE bool my_command(struct my_conn *c, uint8_t command, struct lt_str body, struct lt_err *err);
/** The next logical packet (pieces of 16 MB joined, at most `limit` bytes), borrowed until the next call. An error
 * packet becomes an error of `err`; an EOF packet gives `out->len` 0. timeout_ms bounds each wait for bytes, not the
 * packet; < 0 waits for ever. LT_E_TIMEOUT leaves the line usable: what came so far is kept. */
LT_MUST_USE bool my_read_packet(
    struct my_conn *c, int timeout_ms, size_t limit, struct lt_str *out, struct lt_err *err);

/** As my_read_packet(), but one piece (16 MB at most) at a time: *more, and the next call gives the piece behind it. */
LT_MUST_USE bool my_read_piece(struct my_conn *c, int timeout_ms, struct lt_str *out, bool *more, struct lt_err *err);

/** Bytes that came in so far: of a packet that is large and slow to come, signs of life. */
uint64_t my_received(const struct my_conn *c);

/** Inside a stream: a packet that answers nothing and is not answered, numbered 0; goes out at once. */
LT_MUST_USE bool my_send_packet(struct my_conn *c, struct lt_str body, struct lt_err *err);
/** The next packet that comes will have this number. */
void my_renumber(struct my_conn *c, uint8_t number);

/** Set err from a server error number: code and kind by number; number and SQLSTATE are kept, and of the text all that
 * cannot be a row's value. Always false. */
bool my_fail_server(struct lt_err *err, uint16_t number, const char *sqlstate, struct lt_str text);

#endif
