/* called.h - for tests of functions: a text, called once with some writes. */
#ifndef TESTS_CALLED_H
#define TESTS_CALLED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "script/script.h"

/** What came of it; all lies in the arena. */
struct called {
	struct lt_arena *arena; /* owned */
	bool ok;
	struct script_value value;
	struct script_failure failure;
};

/** Call `text` with two writes of a column: "mine" from hz, 100 before and 5 after, at 1 us; from us, NULL before and
 * 7 after, at 2 us. */
void called(struct called *c, const char *text);
void called_with(struct called *c, const char *text, const struct script_call *call);
void called_end(struct called *c);

/** "return function(w) BODY end" gives that; else the test fails. */
void gives_integer(const char *body, int64_t expected);
void gives_write(const char *body, int64_t number);
void gives_real(const char *body, double expected);
void gives_string(const char *body, const char *expected);
void gives_kind(const char *body, enum script_kind expected);
/** It fails; `details` (may be NULL) is part of what is said. */
void fails(const char *body, const char *what, const char *details);
/** It is no text of a function. */
void is_refused(const char *text, const char *message);

#endif
