/* mysql/proto.h - the packets of the protocol as structs: what is read, and the bits and numbers both sides use.
 *
 * Pure functions over bytes, no connection: every decoder refuses what is cut short or too long, with LT_E_PROTOCOL. */
#ifndef MY_PROTO_H
#define MY_PROTO_H

#include "base/buf.h"
#include "base/err.h"
#include "mysql/conn.h"

enum my_capability {
	MY_CAP_LONG_PASSWORD = 1u << 0, /* MariaDB leaves it out to say who it is */
	MY_CAP_FOUND_ROWS = 1u << 1,
	MY_CAP_LONG_FLAG = 1u << 2,
	MY_CAP_COMPRESS = 1u << 5, /* zlib */
	MY_CAP_PROTOCOL_41 = 1u << 9,
	MY_CAP_SSL = 1u << 11,
	MY_CAP_TRANSACTIONS = 1u << 13,
	MY_CAP_SECURE_CONNECTION = 1u << 15,
	MY_CAP_MULTI_RESULTS = 1u << 17,
	MY_CAP_PS_MULTI_RESULTS = 1u << 18,
	MY_CAP_PLUGIN_AUTH = 1u << 19,
	MY_CAP_CONNECT_ATTRS = 1u << 20,
	MY_CAP_LENENC_AUTH = 1u << 21,
	MY_CAP_DEPRECATE_EOF = 1u << 24,
	MY_CAP_ZSTD = 1u << 26,
};

/* MariaDB's own, in what the others leave as filler; told only by servers that leave out MY_CAP_LONG_PASSWORD. */
enum my_mariadb_capability {
	MY_MARIADB_BULK = 1u << 2,
};

enum my_com {
	MY_COM_QUIT = 0x01,
	MY_COM_QUERY = 0x03,
	MY_COM_PING = 0x0e,
	MY_COM_STMT_PREPARE = 0x16,
	MY_COM_STMT_EXECUTE = 0x17,
	MY_COM_STMT_CLOSE = 0x19,
	MY_COM_STMT_BULK_EXECUTE = 0xfa, /* MariaDB */
};

/* First byte of a reply. */
enum { MY_HEAD_OK = 0x00, MY_HEAD_MORE = 0x01, MY_HEAD_INFILE = 0xfb, MY_HEAD_EOF = 0xfe, MY_HEAD_ERR = 0xff };

#define MY_STATUS_MORE_RESULTS 0x0008
#define MY_CHARSET_UTF8MB4 45
#define MY_NONCE_MAX 255

/** The server's greeting. */
struct my_handshake {
	char version[64];
	uint32_t thread_id;
	uint32_t caps, mariadb_caps;
	uint8_t nonce[MY_NONCE_MAX];
	size_t nonce_len;
	char plugin[64]; /* "" when the server names none */
};

/** A request to log in by another method. */
struct my_auth_switch {
	char plugin[64];
	uint8_t nonce[MY_NONCE_MAX];
	size_t nonce_len;
};

/** NOT_MYSQL for another protocol version, PROTOCOL for a greeting that is cut short. */
LT_MUST_USE bool my_handshake_decode(struct lt_str packet, struct my_handshake *out, struct lt_err *err);
/** Flavor, number and text from the greeting's version; MariaDB's "5.5.5-" goes. */
void my_version_decode(const char *version, uint32_t caps, struct my_server *out);
LT_MUST_USE bool my_auth_switch_decode(struct lt_str packet, struct my_auth_switch *out, struct lt_err *err);
/** An OK packet, also one that ends a result (first byte 0xfe). */
LT_MUST_USE bool my_ok_decode(struct lt_str packet, struct my_reply *out, struct lt_err *err);
/** The old end-of-rows packet. */
LT_MUST_USE bool my_eof_decode(struct lt_str packet, struct my_reply *out, struct lt_err *err);
/** Turns an error packet into an error; PROTOCOL when it is none. False always. */
bool my_err_decode(struct lt_str packet, struct lt_err *err);
/** The shown name of a column, borrowed from the packet. */
LT_MUST_USE bool my_column_decode(struct lt_str packet, struct lt_str *name, struct lt_err *err);
/** One row of the text protocol into `ncolumns` cells, borrowed from the packet; NULL is {NULL, 0}. */
LT_MUST_USE bool my_text_row_decode(struct lt_str packet, size_t ncolumns, struct lt_str *cells, struct lt_err *err);
/** What a prepare is answered with. */
struct my_prepared {
	uint32_t id;
	uint16_t ncolumns, nparams;
};
LT_MUST_USE bool my_prepared_decode(struct lt_str packet, struct my_prepared *out, struct lt_err *err);

#endif
