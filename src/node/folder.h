/* node/folder.h - the data folder: private to its user, and what lies in it. */
#ifndef NODE_FOLDER_H
#define NODE_FOLDER_H

#include <sys/un.h>

#include "base/err.h"

/** Make `dir` (0700) if it is missing, and what is missing above it, else check that it is a folder of ours that nobody
 * else may enter (LT_E_FILE_IO). */
LT_MUST_USE bool node_folder_make(const char *dir, struct lt_err *err);
/** DIR/spill, where transactions larger than memory lie; **ret is the caller's to free(). What a crash left there is
 * removed. The folder is made when it is needed. */
LT_MUST_USE bool node_folder_spill(const char *dir, char **ret, struct lt_err *err);
/** DIR/relay/SITE, where the log of a semi-synchronous site is kept; **ret is the caller's to free(). DIR/relay is
 * made.
 */
LT_MUST_USE bool node_folder_relay(const char *dir, const char *site, char **ret, struct lt_err *err);
/** Address of DIR/control.sock, by way of an open descriptor of the folder, since socket addresses hold 107 bytes only.
 * `*fd` is the caller's to close, and must stay open while the address is used. LT_E_NOT_RUNNING if there is no such
 * folder. */
LT_MUST_USE bool node_folder_socket(const char *dir, struct sockaddr_un *out, int *fd, struct lt_err *err);

#endif
