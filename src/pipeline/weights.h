/* pipeline/weights.h - what characters weigh under a collation: the bytes that a server compares in their place.
 *
 * Asked of the target itself, 256 characters at a time, as they are met. Only for collations and characters of which
 * the weight of a text is that of its characters one by one: no contractions, no weight that depends on the place.
 * Texts with the same weights are equal to the server but for spaces at their end. One owner thread: that of the
 * connection. */
#ifndef PIPELINE_WEIGHTS_H
#define PIPELINE_WEIGHTS_H

#include "base/buf.h"
#include "mysql/conn.h"

/** Of one collation. */
struct pipeline_weights;

/** All that were asked for over one connection. */
struct pipeline_weigher;

/** `conn` is borrowed. */
struct pipeline_weigher *pipeline_weigher_new(struct my_conn *conn);
void pipeline_weigher_free(struct pipeline_weigher *w);
/** The weights of a collation of a character set; NULL: not known here, or not to be had. Lives as long as `w`, which
 * may be NULL. */
struct pipeline_weights *pipeline_weights_of(
    struct pipeline_weigher *w, struct lt_str charset, struct lt_str collation);
/** Whether text of this character set can be weighed as it is; of any other, only ASCII. */
bool pipeline_weights_take(const struct pipeline_weights *w, struct lt_str charset);
/** Append what `text`, or its first `characters` if that is not 0, weighs without spaces at the end. False, with `out`
 * undefined: it has a character whose weight is not known to stand alone. */
bool pipeline_weights_add(struct pipeline_weights *w, struct lt_str text, size_t characters, struct lt_buf *out);
/** The same with the spaces at the end that count under the collation: bytes that are equal just where the server calls
 * the texts equal. A text that has characters whose weights do not stand alone is asked for whole. */
bool pipeline_weights_exact(struct pipeline_weights *w, struct lt_str text, size_t characters, struct lt_buf *out);
/** From now on (`on`) nothing is asked: what is not known yet is not known. Ended: whether something would have been
 * asked meanwhile. */
bool pipeline_weigher_hush(struct pipeline_weigher *w, bool on);
/** Whether spaces at the end count (NO PAD). */
bool pipeline_collation_counts_spaces(struct lt_str collation);
/** Why weights that were asked for could not be had, where they may be had another time; false: no such failure. NULL
 * is fine. */
bool pipeline_weigher_failed(const struct pipeline_weigher *w, struct lt_err *out);

#endif
