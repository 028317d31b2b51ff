/* Reading of tests/data: lines of columns parted by tabs, bytes as hex. */
#ifndef TESTS_BINLOG_VECTORS_H
#define TESTS_BINLOG_VECTORS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"

#define VECTORS_COLUMNS 8

struct vectors {
	FILE *file;
	char *line; /* owned */
	size_t cap;
	char *column[VECTORS_COLUMNS]; /* of the current line */
	size_t ncolumns;
};

static inline void
vectors_open(struct vectors *v, const char *name)
{
	char path[1024];

	*v = (struct vectors){ 0 };
	snprintf(path, sizeof(path), "%s/%s", TESTS_DATA, name);
	v->file = fopen(path, "r");
	assert_non_null(v->file);
}

static inline bool
vectors_next(struct vectors *v)
{
	char *rest;

	if (getline(&v->line, &v->cap, v->file) < 0) {
		fclose(v->file);
		free(v->line);
		return false;
	}
	rest = v->line;
	rest[strcspn(rest, "\r\n")] = '\0';
	for (v->ncolumns = 0; rest != NULL && v->ncolumns < VECTORS_COLUMNS;)
		v->column[v->ncolumns++] = strsep(&rest, "\t");
	return true;
}

/** Bytes of hex digits in memory of exactly that size, so that a sanitizer sees every read behind it. */
static inline struct lt_str
vectors_bytes(const char *hex)
{
	size_t n = strlen(hex) / 2;
	char *bytes = malloc(n > 0 ? n : 1);

	assert_non_null(bytes);
	for (size_t i = 0; i < n; i++) {
		unsigned byte = 0;

		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		bytes[i] = (char)byte;
	}
	return lt_str_of(bytes, n);
}

/** The first n bytes of `s`, likewise. */
static inline struct lt_str
vectors_cut(struct lt_str s, size_t n)
{
	char *bytes = malloc(n > 0 ? n : 1);

	assert_non_null(bytes);
	if (n > 0)
		memcpy(bytes, s.ptr, n);
	return lt_str_of(bytes, n);
}

static inline void
vectors_free(struct lt_str s)
{
	free((char *)(uintptr_t)s.ptr);
}

/** The bytes that go-mysql's test `file` has in `line`. */
static inline struct lt_str
vectors_literal(const char *file, int line)
{
	struct lt_str found = { 0 };
	struct vectors v;

	vectors_open(&v, "go-mysql/byte_vectors.tsv");
	while (vectors_next(&v)) {
		if (found.ptr == NULL && strcmp(v.column[0], file) == 0 && atoi(v.column[1]) == line)
			found = vectors_bytes(v.column[4]);
	}
	assert_non_null(found.ptr);
	return found;
}

static inline void
assert_log_fault(const struct lt_err *err)
{
	assert_true(err->code == LT_E_TRUNCATED || err->code == LT_E_CORRUPT || err->code == LT_E_TYPE_UNSUPPORTED ||
		    err->code == LT_E_EVENT_UNSUPPORTED);
	assert_true(err->message[0] != '\0');
}

#endif
