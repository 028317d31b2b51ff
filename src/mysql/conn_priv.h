/* mysql/conn_priv.h - what the files of this folder share: a connection from the inside, its layers from the bottom up.
 */
#ifndef MY_CONN_PRIV_H
#define MY_CONN_PRIV_H

#include "base/buf.h"
#include "base/cur.h"
#include "mysql/conn.h"
#include "mysql/proto.h"

struct ssl_st;
struct bio_method_st;
struct lt_wake;
struct my_zip;
struct tcp_info;

/* -- io.c, tls.c: bytes --------------------------------------------------------------------------- */

/** A stream of bytes to the server, plain or TLS. Owned by the connection's thread; `wake` is what others may raise. */
struct my_io {
	int fd; /* owned, non-blocking; -1 when there is none */
	bool is_socket_file;
	struct lt_wake *wake;             /* owned */
	struct lt_wake *stop;             /* borrowed for the set-up; may be NULL */
	struct ssl_st *ssl;               /* owned; NULL: plain */
	struct bio_method_st *bio_method; /* owned */
	struct lt_buf in, out;            /* received and not taken; queued and not sent */
	size_t in_at, out_at;
	uint64_t received;     /* bytes that came in, in all */
	struct lt_buf tls_out; /* records that are not sent */
	size_t tls_out_at;
	/* TLS: records either way since the keys changed, after how many they are changed (0: never), and whether the
	 * server was asked to change its own and did not yet. */
	uint64_t tls_sent, tls_got, tls_rekey;
	bool tls_asked;
	struct my_zip *zip; /* owned; NULL: not compressed. With it, `in` and `out` are plain, and these are frames: */
	struct lt_buf zip_in, zip_out; /* received and not expanded; packed and not sent */
	size_t zip_in_at, zip_out_at;
	unsigned timeout_ms;  /* each wait; 0: none */
	uint64_t deadline_us; /* end of the set-up, monotonic; 0: set up already */
	bool wants_out;       /* TLS has records that are not sent */
	bool closed;          /* the peer closed, or its end is broken: nothing more comes in */
	bool deaf;            /* the peer takes no more bytes */
	int broke;            /* errno of what broke the line; 0: the peer closed it, or nothing did */
};

enum my_io_end { MY_IO_MOVED, MY_IO_AGAIN, MY_IO_CLOSED };

/** Waits as long as io->timeout_ms or the set-up's deadline says. */
#define MY_WAIT_DEFAULT (-2)

/** Take over a connected descriptor. */
void my_io_open(struct my_io *io, int fd);
LT_MUST_USE bool my_io_connect(struct my_io *io, const struct my_addr *addr, struct lt_err *err);
void my_io_close(struct my_io *io);
static inline bool
my_io_to_send(const struct my_io *io)
{
	return io->out.len > io->out_at || io->zip_out.len > io->zip_out_at || io->wants_out;
}
/** At least `want` bytes lie at in.ptr + in_at; what is queued goes out meanwhile. On failure nothing received is lost.
 */
LT_MUST_USE bool my_io_fill(struct my_io *io, size_t want, int timeout_ms, struct lt_err *err);
/** All that is queued went to the kernel; what comes in meanwhile is kept. */
LT_MUST_USE bool my_io_push(struct my_io *io, struct lt_err *err);
/** Wait for the descriptor (and for my_cancel()): false with TIMEOUT, CONNECT or CANCELLED. */
LT_MUST_USE bool my_io_wait(struct my_io *io, short events, int timeout_ms, short *revents, struct lt_err *err);

/** Something came in that was not taken, or lies at the kernel; or nothing more will. */
bool my_io_has_input(const struct my_io *io);
/** LT_E_LINK_LOST once the peer has hung up; reads nothing. */
LT_MUST_USE bool my_io_check(const struct my_io *io, struct lt_err *err);

/** From now on both sides speak in compressed frames. */
void my_io_zip(struct my_io *io, enum my_zip_kind kind);

/** TLS on top of what is connected; nothing of the plain phase may be left in io->in. Fills tls_cipher of `server`. */
LT_MUST_USE bool my_tls_start(
    struct my_io *io, const struct my_addr *addr, struct my_server *server, struct lt_err *err);
enum my_io_end my_tls_read(struct my_io *io, void *ptr, size_t cap, size_t *out);
enum my_io_end my_tls_write(struct my_io *io, const void *ptr, size_t len, size_t *out);
bool my_tls_pending(const struct my_io *io);
void my_tls_close(struct my_io *io);

/* -- link.c: is the peer's machine there ---------------------------------------------------------- */

/** A machine that has been silent for so long, and to so many questions, is gone, or the way to it is. */
#define MY_LINK_LOST_MS 6000
#define MY_LINK_TRIES 2

/** Have the kernel ask the peer now and then while nothing is on its way. */
void my_link_watch(int fd);
/** What the kernel knows of the peer; false where it knows nothing, as of a socket file. */
bool my_link_is_lost(int fd);
bool my_link_judge(const struct tcp_info *t);

/* -- zip.c: protocol compression, pure ------------------------------------------------------------ */

#define MY_ZSTD_LEVEL 1 /* ours, and what the server is asked for */

/** ZLIB or ZSTD. */
struct my_zip *my_zip_new(enum my_zip_kind kind);
void my_zip_free(struct my_zip *z);
/** Append the frames that hold `queue`: whole commands, each of one packet and the pieces behind it. */
void my_zip_pack(struct my_zip *z, struct lt_str queue, struct lt_buf *wire);
/** Append what the frame at the front of `wire` holds, 16 MB at most; `*used` is its size, 0 while it is not whole. */
LT_MUST_USE bool my_zip_unpack(
    struct my_zip *z, struct lt_str wire, struct lt_buf *out, size_t *used, struct lt_err *err);

/* -- packet.c: packets ---------------------------------------------------------------------------- */

#define MY_PIECE_MAX ((size_t)0xffffff) /* a longer packet goes in pieces */
#define MY_PACKET_MAX ((size_t)1 << 30) /* the largest max_allowed_packet there is */
#define MY_ROW_MAX (MY_PACKET_MAX + ((size_t)1 << 20))
#define MY_ROWS_LIMIT ((size_t)64 << 20)  /* a result that is held whole */
#define MY_SMALL_MAX ((size_t)1 << 20)    /* replies without row values, packets of the login */
#define MY_QUEUE_BYTES ((size_t)64 << 10) /* queued before it is sent */
#define MY_COLUMNS_MAX 4096               /* the server's own limit */

/** A reply that had to be read before its turn, because something else was asked between. */
struct my_taken {
	struct my_reply reply;
	struct lt_err *err; /* owned; NULL: it went well */
};

struct my_conn {
	struct my_io io;
	struct my_server server;
	uint32_t caps, mariadb_caps; /* agreed */
	uint8_t seq;                 /* of the next packet, either way */
	bool joining;                /* `join` holds pieces of a packet whose end is to come */
	bool dead;
	bool in_rows; /* inside a row callback: nothing else may be asked */
	struct lt_buf join;
	struct lt_buf expect; /* for each reply to come, oldest first: its first sequence number */
	size_t expect_at;
	struct lt_buf taken;  /* struct my_taken, oldest first */
	size_t taken_at;      /* in bytes */
	struct lt_str *cells; /* owned: scratch for one row */
	size_t ncells;
	struct my_stmt *stmts; /* owned list */
	size_t max_packet;     /* the server's max_allowed_packet; 0: not asked yet */
};

/** Queue a packet: begin, append the payload to io.out, end. End splits, numbers and bounds it. */
size_t my_packet_begin(struct my_conn *c);
LT_MUST_USE bool my_packet_end(struct my_conn *c, size_t start, struct lt_err *err);
/** The next piece of a packet; *more: another one belongs to it. As my_packet_read() else. */
LT_MUST_USE bool my_packet_piece(struct my_conn *c, int timeout_ms, struct lt_str *out, bool *more, struct lt_err *err);
/** The next packet, joined; borrowed until more is read. Only a TIMEOUT leaves the connection alive. */
LT_MUST_USE bool my_packet_read(
    struct my_conn *c, size_t limit, int timeout_ms, struct lt_str *out, struct lt_err *err);
/** Mark dead, return false. */
bool my_dead(struct my_conn *c);
/** What the server sent makes no sense: PROTOCOL, and dead. */
bool my_garbled(struct my_conn *c, const char *what, struct lt_err *err);
/** Error packet to error; kills the connection where the server means to close it. False always. */
bool my_refused(struct my_conn *c, struct lt_str packet, struct lt_err *err);

/* -- auth.c, conn.c ------------------------------------------------------------------------------- */

/** What both packets of the login begin with: capabilities, limits, charset, filler. */
void my_login_head(struct my_conn *c);
/** The login from the handshake's plugin to the server's OK. Queues the handshake response itself. */
LT_MUST_USE bool my_auth_run(
    struct my_conn *c, const struct my_addr *addr, const struct my_handshake *hs, struct lt_err *err);
/** Handshake and login over a connected descriptor (owned from now on); for my_connect() and for tests. */
LT_MUST_USE bool my_connect_fd(int fd, const struct my_addr *addr, struct my_conn **ret, struct lt_err *err);

/* -- query.c, pipeline.c -------------------------------------------------------------------------- */

/** Queue a command of one packet; `*reply_seq` (may be NULL) is the number that the first packet of its reply has. */
LT_MUST_USE bool my_queue_command(
    struct my_conn *c, uint8_t command, struct lt_str body, uint8_t *reply_seq, struct lt_err *err);
/** Queue one that is answered and whose body is text, as my_send_query() does. */
LT_MUST_USE bool my_send_text(struct my_conn *c, uint8_t command, struct lt_str sql, struct lt_err *err);
/** The next reply on the line is read now. */
LT_MUST_USE bool my_begin_reply(struct my_conn *c, struct lt_err *err);
/** my_settle(), then the command goes out; read its reply next. */
LT_MUST_USE bool my_ask(struct my_conn *c, uint8_t command, struct lt_str body, struct lt_err *err);

/** Who takes the rows of a reply. Only the first result's rows are handed over. */
struct my_rows_sink {
	my_row_fn each; /* NULL: rows are passed over */
	void *ctx;
	/** Called once, before the rows; may be NULL. */
	void (*columns)(void *ctx, size_t ncolumns, const struct lt_str *names);
	bool had_rows; /* out: it was a result with columns */
	bool stopped;  /* out: `each` said no, its error stands */
};

/** Read one reply to its end, all results of it. Every failure but a server's error and `each` saying no is the end
 * of the connection. */
LT_MUST_USE bool my_read_reply(struct my_conn *c, struct my_reply *out, struct my_rows_sink *sink, struct lt_err *err);
/** The same with its rows held whole; to my_rows_free(). */
LT_MUST_USE bool my_read_rows(struct my_conn *c, struct my_rows **ret, struct lt_err *err);
/** A packet inside a reply: any failure is the end of the connection. */
LT_MUST_USE bool my_reply_packet(struct my_conn *c, size_t limit, struct lt_str *out, struct lt_err *err);
/** Read `count` column definitions and their end, for nobody. */
LT_MUST_USE bool my_skip_columns(struct my_conn *c, size_t count, struct lt_err *err);
/** Before a packet of about `bytes`: ask the server once how large one may be, where that could matter. */
LT_MUST_USE bool my_know_limit(struct my_conn *c, size_t bytes, struct lt_err *err);

/* -- stmt.c --------------------------------------------------------------------------------------- */

/** Append COM_STMT_EXECUTE with its values. */
void my_stmt_encode(struct lt_buf *b, const struct my_stmt *s, const struct my_param *params, size_t nparams);
/** Append COM_STMT_BULK_EXECUTE with its rows. */
void my_stmt_encode_bulk(
    struct lt_buf *b, const struct my_stmt *s, const struct my_param *params, size_t nparams, size_t nrows);
/** About how many bytes the values take. */
size_t my_params_bytes(const struct my_param *params, size_t nparams);
void my_stmts_free(struct my_conn *c);

#endif
