/* TARGET RUNS [FOLDER] - drives a fuzz target where there is no libFuzzer: every file of FOLDER as it is, then RUNS
 * inputs made of them by chance (always the same chance). Prints one TAP line. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "fuzz/fuzz.h"

#define INPUTS_MAX 256
#define INPUT_BYTES ((size_t)1 << 16)

static struct lt_buf inputs[INPUTS_MAX];
static size_t ninputs;
static uint64_t chance = 1;

static size_t
below(size_t limit)
{
	chance ^= chance << 13;
	chance ^= chance >> 7;
	chance ^= chance << 17;
	return limit > 0 ? (size_t)(chance % limit) : 0;
}

static void
read_folder(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	LT_ASSERT(dir != NULL);
	while ((entry = readdir(dir)) != NULL && ninputs < INPUTS_MAX) {
		char path[1024];
		FILE *f;

		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (entry->d_name[0] == '.' || (f = fopen(path, "rb")) == NULL)
			continue;
		inputs[ninputs].len = fread(lt_buf_reserve(&inputs[ninputs], INPUT_BYTES), 1, INPUT_BYTES, f);
		ninputs++;
		fclose(f);
	}
	closedir(dir);
}

/* One small change: a byte, a cut, a piece of another input. */
static void
change(struct lt_buf *b)
{
	static const uint8_t edges[] = { 0, 1, 0x7f, 0x80, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff };
	const struct lt_buf *other = &inputs[below(ninputs)]; /* empty where there is none */
	size_t at = below(b->len), from = below(other->len);

	switch (below(5)) {
	case 0:
		if (b->len > 0)
			b->ptr[at] = (char)edges[below(sizeof(edges))];
		break;
	case 1:
		if (b->len > 0)
			b->ptr[at] = (char)(b->ptr[at] ^ 1 << below(8));
		break;
	case 2: b->len = at; break;
	case 3:
		b->len = at;
		if (other->len > 0)
			lt_buf_add(b, other->ptr + from, other->len - from);
		break;
	default:
		lt_buf_c(b, (char)below(256));
		memmove(b->ptr + at + 1, b->ptr + at, b->len - at - 1);
		break;
	}
	b->len = LT_MIN(b->len, INPUT_BYTES);
}

/* From memory of just that size, so that a byte too far is seen. */
static void
run_one(const struct lt_buf *b)
{
	uint8_t *exact = lt_calloc(1, b->len + (b->len == 0));

	if (b->len > 0)
		memcpy(exact, b->ptr, b->len);
	LLVMFuzzerTestOneInput(exact, b->len);
	free(exact);
}

int
main(int argc, char **argv)
{
	size_t runs = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 1000;
	struct lt_buf b = { 0 };

	if (argc > 2)
		read_folder(argv[2]);
	for (size_t i = 0; i < ninputs; i++)
		run_one(&inputs[i]);
	for (size_t i = 0; i < runs; i++) {
		lt_buf_clear(&b);
		if (ninputs > 0)
			lt_buf_str_add(&b, lt_buf_str(&inputs[below(ninputs)]));
		for (size_t n = 1 + below(6); n > 0; n--)
			change(&b);
		run_one(&b);
	}
	lt_buf_free(&b);
	for (size_t i = 0; i < INPUTS_MAX; i++)
		lt_buf_free(&inputs[i]);
	printf("1..1\nok 1 - %zu inputs and %zu made of them\n", ninputs, runs);
	return 0;
}
