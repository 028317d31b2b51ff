/* pipeline/connect.h - from a site of the channel file to a connection. */
#ifndef PIPELINE_CONNECT_H
#define PIPELINE_CONNECT_H

#include "base/thread.h"
#include "model/site.h"
#include "mysql/conn.h"

/** What a wait for one reply may last: far above any lock wait, which the session bounds to a second. */
#define PIPELINE_IO_TIMEOUT_MS 60000

/** The site's host number `host` (0 for a socket) as an address; borrows from the site. */
void pipeline_site_addr(const struct model_site *site, size_t host, struct my_addr *out);
/** Hosts to try: at least one. */
size_t pipeline_site_hosts(const struct model_site *site);
/** Connect to the first host that answers; refuses servers that are too old (LT_E_SERVER_UNSUPPORTED). `stop` (NULL:
 * none) may be raised from any thread: it ends with LT_E_CANCELLED. */
LT_MUST_USE bool pipeline_connect(
    const struct model_site *site, bool found_rows, struct lt_wake *stop, struct my_conn **ret, struct lt_err *err);

#endif
