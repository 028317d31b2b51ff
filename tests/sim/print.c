#include <stdio.h>

#include "history.h"

void sim_print_history(const struct history *h, FILE *out);

static void
print_row(const struct history_row *row, FILE *out)
{
	if (row == NULL) {
		fputs("null", out);
		return;
	}
	for (int i = 0; i < SIM_COLUMNS; i++) {
		fputc(i == 0 ? '[' : ',', out);
		if (row->null[i])
			fputs("null", out);
		else
			fprintf(out, "%lld", (long long)row->v[i]);
	}
	fputc(']', out);
}

/* The rows that are there, by key. */
static void
print_rows(const struct history_row *const *rows, uint32_t keys, FILE *out)
{
	const char *comma = "";

	fputc('{', out);
	for (uint32_t k = 0; k < SIM_KEYS; k++) {
		if ((keys & 1u << k) == 0)
			continue;
		fprintf(out, "%s\"%u\":", comma, k);
		print_row(rows[k], out);
		comma = ",";
	}
	fputc('}', out);
}

static uint32_t
present(const struct history_row *const *rows)
{
	uint32_t keys = 0;

	for (uint32_t k = 0; k < SIM_KEYS; k++)
		keys |= rows[k] != NULL ? 1u << k : 0;
	return keys;
}

static void
print_entry(const struct history_entry *e, FILE *out)
{
	static const char *const kinds[] = { "user", "local", "apply", "beat" };

	fprintf(out, "[\"%s\",", kinds[e->kind]);
	if (e->has_stamp)
		fprintf(out, "%lld,[", (long long)e->stamp);
	else
		fputs("null,[", out);
	for (uint32_t i = 0; i < e->nchanges; i++) {
		fprintf(out, "%s[%u,", i > 0 ? "," : "", e->changes[i].key);
		print_row(e->changes[i].before, out);
		fputc(',', out);
		print_row(e->changes[i].after, out);
		fputc(']', out);
	}
	fputs("],[", out);
	for (uint32_t i = 0; i < e->napplied; i++)
		fprintf(
		    out, "%s[%u,%llu]", i > 0 ? "," : "", e->applied[i].site, (unsigned long long)e->applied[i].seq);
	fputs("],", out);
	print_rows(e->rows, e->written, out);
	fputc(']', out);
}

static void
print_site(const struct history_site *s, uint32_t nsites, FILE *out)
{
	const char *comma = "";

	fputs("{\"log\":[", out);
	for (uint32_t i = 0; i < s->nlog; i++) {
		fputs(i > 0 ? ",\n" : "", out);
		print_entry(s->log[i], out);
	}
	fputs("],\n\"claimed\":{", out);
	for (uint32_t i = 0; i < s->nlog; i++) {
		const struct history_claim *c = &s->claims[i];

		if (!c->there)
			continue;
		fprintf(out, "%s\"%u\":[%lld,%llu,[", comma, i, (long long)c->clock, (unsigned long long)c->seq);
		for (uint32_t k = 0; k < nsites; k++)
			fprintf(out, "%s%llu", k > 0 ? "," : "", (unsigned long long)c->sees[k]);
		fputs("]]", out);
		comma = ",";
	}
	fputs("},\n\"rows\":", out);
	print_rows(s->rows, present(s->rows), out);
	fputs(",\"parked\":", out);
	print_rows(s->parked, present(s->parked), out);
	fputs(",\"conflicts\":[", out);
	for (uint32_t i = 0; i < s->nconflicts; i++) {
		const struct history_conflict *c = &s->conflicts[i];

		fprintf(out, "%s[%u,%llu,%u,[%u,%llu]]", i > 0 ? "," : "", c->operation.site,
		    (unsigned long long)c->operation.seq, c->key, c->other.site, (unsigned long long)c->other.seq);
	}
	fputs("]}", out);
}

void
sim_print_history(const struct history *h, FILE *out)
{
	fprintf(out, "{\"sites\":%u,\"policy\":\"%s\",\"interval\":%lld,\"initial\":", h->nsites, h->policy,
	    (long long)h->interval);
	print_rows(h->initial, present(h->initial), out);
	fputs(",\"histories\":[", out);
	for (uint32_t i = 0; i < h->nsites; i++) {
		fputs(i > 0 ? ",\n" : "\n", out);
		print_site(&h->sites[i], h->nsites, out);
	}
	fputs("]}\n", out);
}
