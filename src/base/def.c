#include "base/def.h"

#include <stdio.h>

void
lt_assert_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "lutra: E9000 broken invariant: %s (%s:%d): this is a fault of Lutra, please report it\n", what,
	    file, line);
	abort();
}

static void *
or_abort(void *ptr)
{
	if (ptr == NULL) {
		fputs("lutra: E9000 out of memory\n", stderr);
		abort();
	}
	return ptr;
}

void *
lt_calloc(size_t count, size_t size)
{
	return or_abort(calloc(count > 0 ? count : 1, size > 0 ? size : 1));
}

void *
lt_realloc(void *ptr, size_t size)
{
	return or_abort(realloc(ptr, size > 0 ? size : 1));
}

char *
lt_strdup(const char *text)
{
	return or_abort(strdup(text));
}
