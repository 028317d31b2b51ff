/* node/frame.h - what goes over the control socket: a kind and a few strings, in one length-prefixed frame.
 *
 *   u32 bytes that follow | u8 kind | u8 count | count times (u32 length, bytes)      all little-endian
 */
#ifndef NODE_FRAME_H
#define NODE_FRAME_H

#include "base/buf.h"
#include "base/err.h"

enum { NODE_FRAME_ARGS = 16 };
/* A request is a few words, or a row by hand; an answer may be a status of many pipelines. */
#define NODE_REQUEST_LIMIT (1u << 20)
#define NODE_ANSWER_LIMIT (4u << 20)

enum node_frame_kind {
	NODE_REQUEST = 1,      /* verb, then its arguments; a later form of the protocol takes another number */
	NODE_ANSWER_OK = 2,    /* text or JSON; "1" behind it: done, and it found something */
	NODE_ANSWER_ERROR = 3, /* the members of a struct lt_err */
};

/** A value; the strings borrow from the bytes it was decoded from. */
struct node_frame {
	uint8_t kind; /* enum node_frame_kind; may be newer than we know */
	size_t count;
	struct lt_str args[NODE_FRAME_ARGS];
};

enum node_frame_state { NODE_FRAME_WHOLE, NODE_FRAME_MORE, NODE_FRAME_BAD };

/** Append the frame. */
void node_frame_encode(const struct node_frame *f, struct lt_buf *out);
/** Decode the frame at the start of `bytes`; BAD (err set) if it is malformed or longer than `limit`. `*out` and
 * `*used` (its length) are set only when it is WHOLE. Any thread. */
enum node_frame_state node_frame_decode(
    struct lt_str bytes, size_t limit, struct node_frame *out, size_t *used, struct lt_err *err);

/** Append an OK answer. */
void node_frame_ok(struct lt_str text, bool found, struct lt_buf *out);
/** Append an error answer. */
void node_frame_error(const struct lt_err *e, struct lt_buf *out);
/** The error that an answer of kind NODE_ANSWER_ERROR carries; LT_E_CONTROL if it is none of ours. */
void node_frame_error_read(const struct node_frame *f, struct lt_err *out);

#endif
