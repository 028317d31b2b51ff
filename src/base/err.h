/* base/err.h - what went wrong, where, and what kind of answer it wants.
 *
 * The code decides everything a program decides (retry, stop, exit status); the message is for people. */
#ifndef LT_BASE_ERR_H
#define LT_BASE_ERR_H

#include "base/def.h"
#include "base/str.h"

/** What the loop that owns the work does about an error. */
enum lt_kind {
	LT_KIND_FATAL,    /* stop the pipeline; a person decides */
	LT_KIND_RETRY,    /* the same again after a pause, on a new connection where need be */
	LT_KIND_CONFLICT, /* the target's rows are in the way: lock, deadlock, duplicate, missing row */
};

enum lt_code {
	LT_OK = 0,
#define LT_CODE(name, number, kind, exit_status, hint) LT_E_##name = (number),
#include "base/codes.def"
#undef LT_CODE
};

/** The place an error speaks of. Empty strings and zeros are "not known". Never holds row values. */
struct lt_where {
	char pipeline[132];
	char file[128]; /* log file, or configuration file */
	uint64_t pos;   /* byte in the log */
	uint32_t line, column;
	char gtid[80];
	char table[132]; /* schema.table */
};

#define LT_ERR_MESSAGE 640 /* bytes, the zero among them */

/** One error. Zeroed by the caller ({ 0 }) before it is handed down; a value, may be copied. */
struct lt_err {
	enum lt_code code;
	uint16_t server_errno; /* the database server's own number, or 0 */
	char sqlstate[6];
	char message[LT_ERR_MESSAGE];
	struct lt_where where;
};

/** Set `err` and return false, so that `return lt_fail(...)` is one line. `err` may be NULL. Keeps a `where` that is
 * set. */
bool lt_fail(struct lt_err *err, enum lt_code code, const char *fmt, ...) LT_PRINTF(3, 4);
/** Put "while ...: " in front of the message of an error on its way up; returns false. */
bool lt_wrap(struct lt_err *err, const char *fmt, ...) LT_PRINTF(2, 3);
/* Compilers and analyzers cannot see into the two, but here they see what comes out. */
static inline bool
lt_false(bool failed)
{
	(void)failed;
	return false;
}
#define lt_fail(...) lt_false(lt_fail(__VA_ARGS__))
#define lt_wrap(...) lt_false(lt_wrap(__VA_ARGS__))

enum lt_kind lt_err_kind(const struct lt_err *err);
/** The process exit status that the contract names for this code: 1 to 5. */
int lt_code_exit(enum lt_code code);
/** What to do about it; never NULL. */
const char *lt_code_hint(enum lt_code code);
/** The short name, as in LT_E_<name>; never NULL. */
const char *lt_code_name(enum lt_code code);

/** The place as one line ("shop hz->us, mb.000003:4711, shop.orders"); "" when nothing is known. */
void lt_where_text(const struct lt_where *where, char *out, size_t cap);
/** Fill table with "schema.table". */
void lt_where_table(struct lt_where *where, struct lt_str schema, struct lt_str table);

struct lt_buf;
/** "lutra: E1234 what happened (where): what to do", no newline. */
void lt_err_text(const struct lt_err *err, struct lt_buf *out);
/** {"code":"E1234","name":...,"message":...,"where":{...},"hint":...} */
void lt_err_json(const struct lt_err *err, struct lt_buf *out);

#endif
