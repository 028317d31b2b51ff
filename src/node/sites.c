#include "node/sites.h"

#include "base/clock.h"

uint64_t
node_sites_diverged(const struct node_site_view *sites, size_t count)
{
	uint64_t n = 0;

	for (size_t i = 0; i < count; i++)
		n += sites[i].status.went_back + sites[i].status.drift;
	return n;
}

static double
fence_ms(const struct converge_status *s)
{
	return s->fences > 0 ? (double)s->fence_us / 1000 / (double)s->fences : 0;
}

const char *
node_site_state(const struct node_site_view *v)
{
	static const char *const names[] = {
		[CONVERGE_STARTING] = "starting", [CONVERGE_RECOVERING] = "recovering", [CONVERGE_READING] = "reading"
	};

	return v->status.err.code != LT_OK ? "failing" : names[v->status.reading];
}

/* -- JSON ----------------------------------------------------------------------------------------- */

static void
key_u64(struct lt_buf *out, const char *key, uint64_t value)
{
	lt_json_key(out, key);
	lt_buf_u64(out, value);
}

static void
key_time(struct lt_buf *out, const char *key, uint64_t wall_us)
{
	char at[32];

	lt_json_key(out, key);
	if (wall_us == 0) {
		lt_buf_z(out, "null");
		return;
	}
	lt_time_text(wall_us, at);
	lt_json_str(out, lt_str_z(at));
}

static void
peers_json(const struct converge_status *s, struct lt_buf *out)
{
	lt_json_key(out, "peers");
	lt_buf_c(out, '[');
	for (size_t i = 0; i < s->npeers; i++) {
		lt_buf_z(out, i > 0 ? ",{" : "{");
		lt_json_key(out, "name");
		lt_json_str(out, lt_str_z(s->peers[i].name));
		key_time(out, "heard", s->peers[i].at_us);
		lt_buf_c(out, '}');
	}
	lt_buf_c(out, ']');
}

static void
back_json(const struct converge_back *back, struct lt_buf *out)
{
	lt_json_key(out, "went_back_last");
	if (back->at.file[0] == '\0') {
		lt_buf_z(out, "null");
		return;
	}
	lt_buf_c(out, '{');
	lt_json_key(out, "table");
	lt_json_str(out, lt_str_z(back->table));
	lt_json_key(out, "key");
	lt_json_str(out, lt_str_z(back->key));
	lt_json_key(out, "file");
	lt_json_str(out, lt_str_z(back->at.file));
	key_u64(out, "pos", back->at.pos);
	lt_buf_c(out, '}');
}

static void
site_json(const struct node_site_view *v, struct lt_buf *out)
{
	const struct converge_status *s = &v->status;

	lt_buf_c(out, '{');
	lt_json_key(out, "name");
	lt_json_str(out, lt_str_z(v->name));
	lt_json_key(out, "state");
	lt_json_str(out, lt_str_z(node_site_state(v)));
	lt_json_key(out, "read_position");
	lt_buf_c(out, '{');
	lt_json_key(out, "file");
	lt_json_str(out, lt_str_z(s->read.file));
	key_u64(out, "pos", s->read.pos);
	lt_buf_c(out, '}');
	key_u64(out, "left_bytes", s->left_bytes);
	key_u64(out, "went_back", s->went_back);
	back_json(&s->back, out);
	key_u64(out, "drift", s->drift);
	key_u64(out, "conflicts", s->conflicts);
	key_u64(out, "lost", s->lost);
	key_u64(out, "parked", s->parked);
	key_u64(out, "parked_rows", s->parked_rows);
	key_u64(out, "functions_failed", s->failed);
	key_u64(out, "held", s->held);
	key_u64(out, "keys", s->keys);
	key_u64(out, "key_bytes", s->key_bytes);
	key_u64(out, "spilled_bytes", s->spilled_bytes);
	key_u64(out, "over_bytes", s->over_bytes);
	key_u64(out, "local", s->local);
	key_u64(out, "marks", s->marks);
	key_u64(out, "fences", s->fences);
	lt_json_key(out, "fence_ms");
	lt_buf_printf(out, "%.3f", fence_ms(s));
	lt_json_key(out, "skew_ms");
	lt_buf_printf(out, "%.3f", (double)s->skew_us / 1000);
	lt_json_key(out, "clock_believed");
	lt_buf_z(out, s->believed ? "true" : "false");
	peers_json(s, out);
	key_time(out, "seen_by_all", s->forgotten_us);
	lt_json_key(out, "purge_left_s");
	if (v->status.purges)
		lt_buf_i64(out, v->status.purge_left_us / 1000000);
	else
		lt_buf_z(out, "null");
	lt_json_key(out, "error");
	if (s->err.code != LT_OK)
		lt_err_json(&s->err, out);
	else
		lt_buf_z(out, "null");
	lt_buf_c(out, '}');
}

void
node_sites_json(const struct node_site_view *sites, size_t count, struct lt_buf *out)
{
	lt_buf_c(out, '[');
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			lt_buf_c(out, ',');
		site_json(&sites[i], out);
	}
	lt_buf_c(out, ']');
}

/* -- for people ----------------------------------------------------------------------------------- */

/* What must not be overlooked. */
static void
alarms_text(const struct node_site_view *v, struct lt_buf *out)
{
	const struct converge_status *s = &v->status;

	if (s->went_back > 0)
		lt_buf_printf(out,
		    "DIVERGENCE at site %s: %llu times a row's version went back in its log, last that of %s %s by the "
		    "transaction that ends at %s:%llu: compare the sites\n",
		    v->name, (unsigned long long)s->went_back, s->back.table, s->back.key, s->back.at.file,
		    (unsigned long long)s->back.at.pos);
	if (s->drift > 0)
		lt_buf_printf(out,
		    "DIVERGENCE at site %s: %llu rows were not as they had to be (`lutra conflicts` names them): compare the "
		    "sites\n",
		    v->name, (unsigned long long)s->drift);
	if (v->status.purges && v->status.purge_left_us < 0)
		lt_buf_printf(out, "site %s: its server may have removed log that is still needed\n", v->name);
	if (s->err.code != LT_OK) {
		lt_buf_printf(out, "site %s: its log is not read: ", v->name);
		lt_err_text(&s->err, out);
		lt_buf_c(out, '\n');
	} else if (s->reading == CONVERGE_RECOVERING) {
		lt_buf_printf(out,
		    "site %s: its log is read again from the last checkpoint on, now at %s:%llu; %.1f MB are left, and what "
		    "comes to it waits\n",
		    v->name, s->read.file, (unsigned long long)s->read.pos, (double)s->left_bytes / 1048576);
	}
	if (s->over_bytes > 0)
		lt_buf_printf(out,
		    "site %s: what is remembered of rows takes %.1f MB more than it may, as the disk has no room\n",
		    v->name, (double)s->over_bytes / 1048576);
	if (s->err.code == LT_OK && !s->believed) {
		lt_buf_printf(out, "site %s: its clock is %.3f s off, and counts for nothing\n", v->name,
		    (double)s->skew_us / 1e6);
	}
}

void
node_sites_text(const struct node_site_view *sites, size_t count, struct lt_buf *out)
{
	if (count == 0)
		return;
	lt_buf_printf(out, "%-20s %10s %10s %8s %8s %12s %12s %10s %10s  %s\n", "SITE", "CONFLICTS", "LOST", "PARKED",
	    "HELD", "KEYS", "KEY BYTES", "FENCE MS", "SKEW MS", "SEEN BY ALL UP TO");
	for (size_t i = 0; i < count; i++) {
		const struct converge_status *s = &sites[i].status;
		char at[32] = "-";

		if (s->forgotten_us > 0)
			lt_time_text(s->forgotten_us, at);
		lt_buf_printf(out, "%-20s %10llu %10llu %8llu %8llu %12llu %12llu %10.3f %10.3f  %s\n", sites[i].name,
		    (unsigned long long)s->conflicts, (unsigned long long)s->lost, (unsigned long long)s->parked,
		    (unsigned long long)s->held, (unsigned long long)s->keys, (unsigned long long)s->key_bytes,
		    fence_ms(s), (double)s->skew_us / 1000, at);
	}
	for (size_t i = 0; i < count; i++)
		alarms_text(&sites[i], out);
}
