#include "binlog/real.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

#define PLAIN_MAX 15 /* MAX_DECPT_FOR_F_FORMAT of MySQL strings/dtoa.cc */

/* 0.d1d2d3... * 10^point, no zeros at the end */
struct digits {
	char d[20];
	int count, point;
};

static void
split(const char *text, struct digits *out)
{
	int n = 0;

	for (; *text != 'e'; text++) {
		if (*text != '.')
			out->d[n++] = *text;
	}
	while (n > 1 && out->d[n - 1] == '0')
		n--;
	out->count = n;
	out->point = atoi(text + 1) + 1;
}

/* Any number of few enough digits (DBL_DIG, FLT_DIG) comes through binary unchanged, so cutting zeros off that many
 * digits gives the shortest already; only denormal numbers have fewer digits to begin with. */
static void
shortest(double d, bool is_float, struct digits *out)
{
	bool denormal = d < (is_float ? (double)FLT_MIN : DBL_MIN);
	int n = denormal ? 1 : is_float ? FLT_DIG : DBL_DIG;
	int last = is_float ? FLT_DECIMAL_DIG : DBL_DECIMAL_DIG;
	char text[40];

	for (;; n++) {
		snprintf(text, sizeof(text), "%.*e", n - 1, d);
		if (n == last || (is_float ? strtof(text, NULL) == (float)d : strtod(text, NULL) == d))
			break;
	}
	split(text, out);
}

static char *
put(char *at, const char *from, int count)
{
	for (int i = 0; i < count; i++)
		*at++ = from[i];
	return at;
}

static char *
zeros(char *at, int count)
{
	for (int i = 0; i < count; i++)
		*at++ = '0';
	return at;
}

static char *
plain(char *at, const struct digits *n)
{
	if (n->point <= 0) {
		at = put(at, "0.", 2);
		at = zeros(at, -n->point);
		return put(at, n->d, n->count);
	}
	if (n->count <= n->point) {
		at = put(at, n->d, n->count);
		return zeros(at, n->point - n->count);
	}
	at = put(at, n->d, n->point);
	*at++ = '.';
	return put(at, n->d + n->point, n->count - n->point);
}

static char *
scientific(char *at, const struct digits *n)
{
	*at++ = n->d[0];
	if (n->count > 1) {
		*at++ = '.';
		at = put(at, n->d + 1, n->count - 1);
	}
	return at + snprintf(at, 8, "e%d", n->point - 1);
}

static size_t
real_text(double d, bool is_float, char out[BINLOG_REAL_TEXT])
{
	struct digits n;
	char *at = out;

	if (isnan(d) || isinf(d)) {
		*out = '\0';
		return 0;
	}
	if (signbit(d)) {
		*at++ = '-';
		d = -d;
	}
	if (d < 1e15 && d == (double)(uint64_t)d && (!is_float || d < 1e6)) {
		at += snprintf(at, 24, "%llu", (unsigned long long)d);
		return (size_t)(at - out);
	}
	shortest(d, is_float, &n);
	if (n.point > -PLAIN_MAX && (n.point <= PLAIN_MAX || n.count > n.point))
		at = plain(at, &n);
	else
		at = scientific(at, &n);
	*at = '\0';
	return (size_t)(at - out);
}

size_t
binlog_double_text(double d, char out[BINLOG_REAL_TEXT])
{
	return real_text(d, false, out);
}

size_t
binlog_float_text(float f, char out[BINLOG_REAL_TEXT])
{
	return real_text((double)f, true, out);
}
