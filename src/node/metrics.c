#include "node/metrics.h"

#include <stddef.h>

struct metric {
	const char *name, *type, *help;
	size_t offset; /* of a uint64_t in struct pipeline_status */
};

static const struct metric metrics[] = {
	{ "lutra_lag_ms", "gauge",
	    "Age of the newest transaction applied, or of the oldest that waits; 0 when all that was read is applied.",
	    offsetof(struct pipeline_status, lag_ms) },
	{ "lutra_lag_bytes", "gauge", "Bytes of log read and not applied.",
	    offsetof(struct pipeline_status, lag_bytes) },
	{ "lutra_memory_bytes", "gauge", "Memory held by transactions in hand.",
	    offsetof(struct pipeline_status, memory_bytes) },
	{ "lutra_transactions_total", "counter", "Source transactions applied.",
	    offsetof(struct pipeline_status, transactions) },
	{ "lutra_rows_total", "counter", "Row changes applied.", offsetof(struct pipeline_status, rows) },
	{ "lutra_groups_total", "counter", "Target transactions committed.", offsetof(struct pipeline_status, groups) },
	{ "lutra_tries", "gauge", "How often the pipeline failed since it is retrying; 0 in any other state.",
	    offsetof(struct pipeline_status, tries) },
	{ "lutra_retries_total", "counter", "Times that work was done again.",
	    offsetof(struct pipeline_status, retries) },
	{ "lutra_own_total", "counter", "Transactions of the other direction, not sent back.",
	    offsetof(struct pipeline_status, own) },
	{ "lutra_opted_out_total", "counter", "Transactions that their writer marked not to be sent.",
	    offsetof(struct pipeline_status, opted_out) },
	{ "lutra_passed_total", "counter", "Statements passed over: nothing mapped is concerned.",
	    offsetof(struct pipeline_status, passed) },
};

/* Of pipelines that have a relay log. */
static const struct metric relay_metrics[] = {
	{ "lutra_semi_sync_relay_bytes", "gauge", "Bytes of log received and kept until they are applied.",
	    offsetof(struct binlog_relay_status, bytes) },
	{ "lutra_semi_sync_acks_total", "counter", "Acknowledgements sent to the source.",
	    offsetof(struct binlog_relay_status, acks) },
};

/* Of sites: members of struct converge_status. */
static const struct metric site_metrics[] = {
	{ "lutra_site_conflicts_total", "counter", "Operations that met a write which they had not seen.",
	    offsetof(struct converge_status, conflicts) },
	{ "lutra_site_conflicts_lost_total", "counter", "Those of them that lost.",
	    offsetof(struct converge_status, lost) },
	{ "lutra_site_parked_total", "counter", "Rows that lost a value of a unique key and were parked.",
	    offsetof(struct converge_status, parked) },
	{ "lutra_site_parked_rows", "gauge", "Rows that are parked now.",
	    offsetof(struct converge_status, parked_rows) },
	{ "lutra_site_went_back_total", "counter",
	    "Divergence: how often the version of a row went back in the site's log.",
	    offsetof(struct converge_status, went_back) },
	{ "lutra_site_drift_total", "counter", "Divergence: rows that were not as they had to be.",
	    offsetof(struct converge_status, drift) },
	{ "lutra_site_functions_failed_total", "counter",
	    "Operations for which a function failed, so that the newest write stood.",
	    offsetof(struct converge_status, failed) },
	{ "lutra_site_held_total", "counter", "Transactions held, as their clock was too far ahead.",
	    offsetof(struct converge_status, held) },
	{ "lutra_site_keys", "gauge", "Rows whose last write is remembered.", offsetof(struct converge_status, keys) },
	{ "lutra_site_keys_bytes", "gauge", "Memory that they take.", offsetof(struct converge_status, key_bytes) },
	{ "lutra_site_spilled_bytes", "gauge", "Of the disk, what is taken for them.",
	    offsetof(struct converge_status, spilled_bytes) },
	{ "lutra_site_over_bytes", "gauge", "Memory beyond its share, as the disk had no room for them.",
	    offsetof(struct converge_status, over_bytes) },
	{ "lutra_site_left_bytes", "gauge",
	    "Of the site's log, what is to be read again before anything is decided there; 0: all is read.",
	    offsetof(struct converge_status, left_bytes) },
	{ "lutra_site_fences_total", "counter", "Times that a group waited for the site's log to be read to its end.",
	    offsetof(struct converge_status, fences) },
};

/* Label values: backslash, quote and newline are escaped. */
static void
label_value(struct lt_buf *out, const char *text)
{
	lt_buf_c(out, '"');
	for (; *text != '\0'; text++) {
		if (*text == '\n') {
			lt_buf_z(out, "\\n");
			continue;
		}
		if (*text == '"' || *text == '\\')
			lt_buf_c(out, '\\');
		lt_buf_c(out, *text);
	}
	lt_buf_c(out, '"');
}

static void
sample(struct lt_buf *out, const char *metric, const struct node_view *v, size_t i, const char *state)
{
	lt_buf_printf(out, "%s{channel=", metric);
	label_value(out, v->channel);
	lt_buf_z(out, ",pipeline=");
	label_value(out, v->pipelines[i].name);
	if (state != NULL) {
		lt_buf_z(out, ",state=");
		label_value(out, state);
	}
	lt_buf_z(out, "} ");
}

static void
head(struct lt_buf *out, const char *name, const char *type, const char *help)
{
	lt_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void
samples(struct lt_buf *out, const struct metric *m, const struct node_view *v, bool of_relay)
{
	head(out, m->name, m->type, m->help);
	for (size_t i = 0; i < v->count; i++) {
		const char *from =
		    of_relay ? (const char *)&v->pipelines[i].relay : (const char *)&v->pipelines[i].status;
		uint64_t value;

		if (of_relay && !v->pipelines[i].semi_sync)
			continue;
		memcpy(&value, from + m->offset, sizeof(value));
		sample(out, m->name, v, i, NULL);
		lt_buf_u64(out, value);
		lt_buf_c(out, '\n');
	}
}

static void
relay_samples(struct lt_buf *out, const struct node_view *v)
{
	static const char alarm[] = "lutra_semi_sync_alarm";

	for (size_t m = 0; m < LT_COUNT(relay_metrics); m++)
		samples(out, &relay_metrics[m], v, true);
	head(out, alarm, "gauge", "The code of what keeps commits at the source from being acknowledged; 0: nothing.");
	for (size_t i = 0; i < v->count; i++) {
		if (!v->pipelines[i].semi_sync)
			continue;
		sample(out, alarm, v, i, NULL);
		lt_buf_u64(out, (uint64_t)v->pipelines[i].relay.alarm.code);
		lt_buf_c(out, '\n');
	}
}

static void
state_samples(struct lt_buf *out, const struct node_view *v)
{
	static const char since[] = "lutra_state_since_seconds", error[] = "lutra_error";

	head(out, since, "gauge", "When the pipeline came into its state, in Unix time.");
	for (size_t i = 0; i < v->count; i++) {
		sample(out, since, v, i, NULL);
		lt_buf_printf(out, "%.3f\n", (double)v->pipelines[i].status.since_us / 1e6);
	}
	head(out, error, "gauge", "The code of the error that the pipeline is stopped or retrying by; 0: none.");
	for (size_t i = 0; i < v->count; i++) {
		sample(out, error, v, i, NULL);
		lt_buf_u64(out, (uint64_t)v->pipelines[i].status.err.code);
		lt_buf_c(out, '\n');
	}
}

/* -- of sites ------------------------------------------------------------------------------------- */

static void
site_sample(struct lt_buf *out, const char *metric, const struct node_view *v, size_t i)
{
	lt_buf_printf(out, "%s{channel=", metric);
	label_value(out, v->channel);
	lt_buf_z(out, ",site=");
	label_value(out, v->sites[i].name);
	lt_buf_z(out, "} ");
}

/** A metric that is made of more than one member. */
struct site_figure {
	const char *name, *type, *help;
	/* False: there is none of that site. */
	bool (*value)(const struct node_site_view *v, double *out);
};

static bool
fence_seconds(const struct node_site_view *v, double *out)
{
	*out = (double)v->status.fence_us / 1e6;
	return true;
}

static bool
skew_seconds(const struct node_site_view *v, double *out)
{
	*out = (double)v->status.skew_us / 1e6;
	return true;
}

static bool
is_believed(const struct node_site_view *v, double *out)
{
	*out = v->status.believed;
	return true;
}

static bool
seen_seconds(const struct node_site_view *v, double *out)
{
	*out = (double)v->status.forgotten_us / 1e6;
	return v->status.forgotten_us > 0;
}

static bool
purge_seconds(const struct node_site_view *v, double *out)
{
	*out = (double)v->status.purge_left_us / 1e6;
	return v->status.purges;
}

static bool
error_code(const struct node_site_view *v, double *out)
{
	*out = (double)v->status.err.code;
	return true;
}

static const struct site_figure site_figures[] = {
	{ "lutra_site_fence_seconds_total", "counter", "How long the fences took in all.", fence_seconds },
	{ "lutra_site_clock_skew_seconds", "gauge", "The server's clock against Lutra's, at the last heartbeat.",
	    skew_seconds },
	{ "lutra_site_clock_believed", "gauge", "1 if the server's clock counts; 0: it is too far off.", is_believed },
	{ "lutra_site_seen_by_all_seconds", "gauge",
	    "Unix time: all that was written at the site by then every other site has.", seen_seconds },
	{ "lutra_site_purge_left_seconds", "gauge",
	    "How long until the server removes log that is still needed, by the age at which it removes files.",
	    purge_seconds },
	{ "lutra_site_error", "gauge", "The code of what keeps the site's log from being read; 0: nothing.",
	    error_code },
};

static void
peer_samples(struct lt_buf *out, const struct node_view *v)
{
	static const char heard[] = "lutra_site_peer_heard_seconds";

	head(out, heard, "gauge",
	    "Unix time: when the peer's heartbeat came here last; 0: not since Lutra was started.");
	for (size_t i = 0; i < v->nsites; i++) {
		const struct converge_status *s = &v->sites[i].status;

		for (size_t k = 0; k < s->npeers; k++) {
			lt_buf_printf(out, "%s{channel=", heard);
			label_value(out, v->channel);
			lt_buf_z(out, ",site=");
			label_value(out, v->sites[i].name);
			lt_buf_z(out, ",peer=");
			label_value(out, s->peers[k].name);
			lt_buf_printf(out, "} %.3f\n", (double)s->peers[k].at_us / 1e6);
		}
	}
}

static void
site_samples(struct lt_buf *out, const struct node_view *v)
{
	for (size_t m = 0; m < LT_COUNT(site_metrics); m++) {
		head(out, site_metrics[m].name, site_metrics[m].type, site_metrics[m].help);
		for (size_t i = 0; i < v->nsites; i++) {
			uint64_t value;

			memcpy(&value, (const char *)&v->sites[i].status + site_metrics[m].offset, sizeof(value));
			site_sample(out, site_metrics[m].name, v, i);
			lt_buf_u64(out, value);
			lt_buf_c(out, '\n');
		}
	}
	for (size_t m = 0; m < LT_COUNT(site_figures); m++) {
		head(out, site_figures[m].name, site_figures[m].type, site_figures[m].help);
		for (size_t i = 0; i < v->nsites; i++) {
			double value;

			if (!site_figures[m].value(&v->sites[i], &value))
				continue;
			site_sample(out, site_figures[m].name, v, i);
			lt_buf_printf(out, "%.6f\n", value);
		}
	}
}

/* -- the whole ------------------------------------------------------------------------------------ */

void
node_metrics_text(const struct node_view *v, struct lt_buf *out)
{
	static const enum pipeline_state states[] = { PIPELINE_RUNNING, PIPELINE_PAUSED, PIPELINE_RETRYING,
		PIPELINE_STOPPED };

	head(out, "lutra_state", "gauge", "1 for the state that the pipeline is in.");
	for (size_t i = 0; i < v->count; i++) {
		const char *now = pipeline_state_name(v->pipelines[i].status.state);

		for (size_t j = 0; j < LT_COUNT(states); j++) {
			const char *name = pipeline_state_name(states[j]);

			sample(out, "lutra_state", v, i, name);
			lt_buf_z(out, strcmp(name, now) == 0 ? "1\n" : "0\n");
		}
	}
	state_samples(out, v);
	for (size_t m = 0; m < LT_COUNT(metrics); m++)
		samples(out, &metrics[m], v, false);
	for (size_t i = 0; i < v->count; i++) {
		if (v->pipelines[i].semi_sync) {
			relay_samples(out, v);
			break;
		}
	}
	if (v->nsites > 0) {
		site_samples(out, v);
		peer_samples(out, v);
	}
}

static void
health_of_sites(const struct node_view *v, struct lt_buf *out)
{
	lt_buf_printf(
	    out, ",\"divergence\":%llu,\"sites\":[", (unsigned long long)node_sites_diverged(v->sites, v->nsites));
	for (size_t i = 0; i < v->nsites; i++) {
		lt_buf_z(out, i > 0 ? ",{" : "{");
		lt_json_key(out, "name");
		lt_json_str(out, lt_str_z(v->sites[i].name));
		lt_json_key(out, "state");
		lt_json_str(out, lt_str_z(node_site_state(&v->sites[i])));
		lt_buf_c(out, '}');
	}
	lt_buf_c(out, ']');
}

static bool
all_well(const struct node_view *v)
{
	enum pipeline_state state = node_view_state(v);

	for (size_t i = 0; i < v->nsites; i++) {
		if (v->sites[i].status.err.code != LT_OK)
			return false;
	}
	return (state == PIPELINE_RUNNING || state == PIPELINE_PAUSED) && node_sites_diverged(v->sites, v->nsites) == 0;
}

bool
node_health_json(const struct node_view *v, struct lt_buf *out)
{
	bool well = all_well(v);

	lt_buf_printf(out, "{\"status\":\"%s\",\"pipelines\":[", well ? "ok" : "failing");
	for (size_t i = 0; i < v->count; i++) {
		lt_buf_z(out, i > 0 ? ",{" : "{");
		lt_json_key(out, "name");
		lt_json_str(out, lt_str_z(v->pipelines[i].name));
		lt_json_key(out, "state");
		lt_json_str(out, lt_str_z(pipeline_state_name(v->pipelines[i].status.state)));
		lt_buf_c(out, '}');
	}
	lt_buf_c(out, ']');
	if (v->nsites > 0)
		health_of_sites(v, out);
	lt_buf_z(out, "}\n");
	return well;
}
