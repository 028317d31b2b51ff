/* change/gtid_priv.h - how a GTID set is held; shared by its text and its wire form. */
#ifndef CHANGE_GTID_PRIV_H
#define CHANGE_GTID_PRIV_H

#include "change/gtid.h"

/** MySQL's own bound: sequence numbers are positive signed 64-bit numbers. */
#define GTID_SEQ_END ((uint64_t)INT64_MAX)

/** [from, to) */
struct gtid_span {
	uint64_t from, to;
};

/** All numbers of one (uuid, tag): spans in order, none empty, none touching the next. */
struct gtid_source {
	uint8_t uuid[16];
	char tag[33];
	struct gtid_span *spans; /* owned */
	size_t nspans, cap;
};

struct gtid_domain {
	uint32_t domain, server_id;
	uint64_t seq;
};

struct change_gtid_set {
	struct gtid_source *sources; /* owned; by uuid, then tag */
	size_t nsources, sources_cap;
	struct gtid_domain *domains; /* owned; by number */
	size_t ndomains, domains_cap;
};

/** 36 characters with dashes, or 32 without. */
bool gtid_uuid_parse(struct lt_str text, uint8_t out[16]);
/** [a-z_][a-z0-9_]*, at most 32, in any case; `out` becomes lower case. */
bool gtid_tag_parse(struct lt_str text, char out[33]);

/** The source's entry, made when it is not there. Valid until the next call. */
struct gtid_source *gtid_set_source(struct change_gtid_set *s, const uint8_t uuid[16], const char *tag);
/** Add [from, to), which must not be empty. */
void gtid_source_add(struct gtid_source *src, uint64_t from, uint64_t to);

#endif
