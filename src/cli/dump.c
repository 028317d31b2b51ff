#include "binlog/dump.h"

#include "binlog/ahead.h"
#include "binlog/source.h"
#include "cli/commands.h"
#include "node/origin.h"

/* A larger transaction goes to a temporary file, and comes back in parts. */
#define SPILL_MEMORY ((size_t)4 << 20)
#define SPILL_PART ((size_t)1 << 20)

static const char url_scheme[] = "mysql://";

static bool
is_url(const char *word)
{
	return strncmp(word, url_scheme, strlen(url_scheme)) == 0;
}

static void
print_sums(const struct binlog_dump_sums *sums)
{
	struct lt_buf out = { 0 };

	binlog_dump_sums_json(sums, &out);
	puts(lt_buf_cstr(&out));
	lt_buf_free(&out);
}

/* Rows of a transaction larger than memory lie here meanwhile. */
static void
make_room(struct change_spill_room *room)
{
	const char *dir = getenv("TMPDIR");

	*room = (struct change_spill_room){ .dir = dir != NULL && dir[0] != '\0' ? dir : "/var/tmp",
		.memory_bytes = SPILL_MEMORY,
		.part_bytes = SPILL_PART };
}

/* -- files ---------------------------------------------------------------------------------------- */

static bool
parse_pos(const char *text, const char *option, uint64_t *out, struct lt_err *err)
{
	if (text == NULL || lt_str_u64(lt_str_z(text), out))
		return true;
	return lt_fail(err, LT_E_USAGE, "--%s %s: a byte position is wanted", option, text);
}

/* `--gtid` and `--time`, as a pipeline's start has them. */
static bool
parse_start(const struct cli_args *args, struct model_start *out, struct lt_err *err)
{
	const char *gtid = args->values[CLI_GTID], *time = args->values[CLI_TIME];
	struct lt_err why = { 0 };

	if ((gtid != NULL) + (time != NULL) + (args->values[CLI_FROM] != NULL) > 1)
		return lt_fail(err, LT_E_USAGE, "one of --from, --gtid and --time, not more");
	if (gtid != NULL && !model_gtid_check(lt_str_z(gtid), &why))
		return lt_fail(err, LT_E_USAGE, "--gtid: %s", why.message);
	if (time != NULL && !model_time_parse(lt_str_z(time), &out->time_us))
		return lt_fail(err, LT_E_USAGE, "--time %s: a time as 2026-11-22T08:00:00Z is wanted", time);
	out->kind = gtid != NULL ? MODEL_START_GTID : time != NULL ? MODEL_START_TIME : MODEL_START_BEGINNING;
	out->gtid = gtid != NULL ? lt_strdup(gtid) : NULL;
	return true;
}

static bool
each_file(
    const struct cli_args *args, struct binlog_dump_options *how, struct binlog_dump_sums *sums, struct lt_err *err)
{
	struct change_spill_room room;
	struct binlog_options options = { .clock = lt_clock_real(), .spill = &room };
	uint64_t from = 0, to = 0;

	if (!parse_pos(args->values[CLI_FROM], "from", &from, err) || !parse_pos(args->values[CLI_TO], "to", &to, err))
		return false;
	make_room(&room);
	for (size_t i = 0; i < args->noperands; i++) {
		struct change_source *s = NULL;
		bool ok;

		how->to_pos = i + 1 == args->noperands ? to : 0;
		if (!binlog_file_open(args->operands[i], i == 0 ? from : 0, &options, &s, err))
			return false;
		ok = binlog_dump(s, how, stdout, sums, err);
		change_source_close(s);
		if (!ok)
			return false;
	}
	return true;
}

static bool
dump_files(const struct cli_args *args, const struct model_start *at, struct binlog_dump_options *how,
    struct binlog_dump_sums *sums, struct lt_err *err)
{
	struct binlog_dump_start start = { .time_us = at->time_us };
	struct change_gtid_set *gtids = NULL;
	bool ok;

	if (at->gtid != NULL && !change_gtid_set_parse(lt_str_z(at->gtid), &gtids, err))
		return false;
	start.gtids = gtids;
	how->start = at->kind != MODEL_START_BEGINNING ? &start : NULL;
	ok = each_file(args, how, sums, err);
	how->start = NULL;
	change_gtid_set_free(gtids);
	return ok;
}

/* -- a server ------------------------------------------------------------------------------------- */

static bool
read_password(const struct cli_args *args, struct model_site *site, struct lt_err *err)
{
	const char *file = args->values[CLI_PASSWORD_FILE], *name = args->values[CLI_PASSWORD_ENV];

	if (file != NULL && name != NULL)
		return lt_fail(err, LT_E_USAGE, "either --password-file or --password-env, not both");
	if (file != NULL)
		return model_password_read(file, &site->password, err);
	if (name != NULL && getenv(name) == NULL)
		return lt_fail(err, LT_E_CONFIG_SECRET, "the environment variable %s is not set", name);
	site->password = lt_strdup(name != NULL ? getenv(name) : "");
	return true;
}

/* FILE:POS */
static bool
parse_place(const char *text, const char *option, struct change_place *out, struct lt_err *err)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon != NULL ? (size_t)(colon - text) : 0;

	*out = (struct change_place){ .pos = 0 };
	if (len == 0 || len >= sizeof(out->file) || !lt_str_u64(lt_str_z(colon + 1), &out->pos))
		return lt_fail(err, LT_E_USAGE, "--%s %s: of a server FILE:POS is wanted", option, text);
	lt_str_copy(out->file, sizeof(out->file), lt_str_of(text, len));
	return true;
}

/* From where to where: the oldest file, the end as of now, unless others are given. Both initialised. */
static bool
find_range(const struct cli_args *args, struct node_origin *o, const struct model_start *at,
    struct change_position *from, struct change_position *end, struct lt_err *err)
{
	struct pipeline_origin ops = node_origin_ops(o);
	const char *const *v = args->values;
	struct change_place to;

	if (v[CLI_FROM] != NULL && !parse_place(v[CLI_FROM], "from", &from->place, err))
		return false;
	if (v[CLI_TO] != NULL && !parse_place(v[CLI_TO], "to", &to, err))
		return false;
	if (!ops.now(ops.ctx, end, err))
		return false;
	memcpy(from->server, end->server, sizeof(from->server));
	if (v[CLI_TO] != NULL && change_place_cmp(&to, &end->place) < 0)
		end->place = to;
	return v[CLI_FROM] != NULL || ops.begin(ops.ctx, at, from, err);
}

static bool
dump_url(const struct cli_args *args, const struct model_start *at, struct binlog_dump_options *how,
    struct binlog_dump_sums *sums, struct lt_err *err)
{
	struct model_site site = { 0 };
	struct change_position from, end;
	struct change_source *s = NULL;
	struct node_origin *o = NULL;
	struct change_spill_room room;
	struct pipeline_origin ops;
	bool ok = false;

	change_position_init(&from);
	change_position_init(&end);
	if (!model_site_parse_url(lt_str_z(args->operands[0]), &site, err) || !read_password(args, &site, err))
		goto out;
	site.name = lt_strdup("of the URL");
	o = node_origin_new(&site, 0, lt_clock_real());
	make_room(&room);
	node_origin_spill(o, &room);
	node_origin_to_end(o);
	ops = node_origin_ops(o);
	if (!find_range(args, o, at, &from, &end, err))
		goto out;
	if (!ops.open(ops.ctx, &from, NULL, NULL, 0, &s, err))
		goto out;
	how->end = &end.place;
	ok = binlog_dump(s, how, stdout, sums, err);
	how->end = NULL;
out:
	change_source_close(s);
	node_origin_free(o);
	model_site_clear(&site);
	change_position_clear(&end);
	change_position_clear(&from);
	return ok;
}

bool
cli_dump(const struct cli_args *args, int *status, struct lt_err *err)
{
	struct binlog_dump_options how = { .raw = args->values[CLI_RAW] != NULL,
		.count = args->values[CLI_COUNT] != NULL,
		.ahead = args->values[CLI_READ_AHEAD] != NULL ? BINLOG_AHEAD_TRIAL : 0 };
	struct binlog_dump_sums sums = { 0 };
	struct model_start at = { 0 };
	bool ok;

	(void)status;
	for (size_t i = 0; args->noperands > 1 && i < args->noperands; i++) {
		if (is_url(args->operands[i]))
			return lt_fail(err, LT_E_USAGE, "binlog dump: either files or one URL");
	}
	ok = parse_start(args, &at, err) && (is_url(args->operands[0]) ? dump_url(args, &at, &how, &sums, err)
								       : dump_files(args, &at, &how, &sums, err));
	free(at.gtid);
	if (ok && how.count)
		print_sums(&sums);
	return ok;
}
