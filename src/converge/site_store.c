#include "converge/site_priv.h"
#include "mysql/sql.h"
#include "pipeline/state.h"

static void
where_channel(const struct converge_site *s, struct lt_buf *sql)
{
	lt_buf_z(sql, " WHERE channel=");
	my_sql_text(sql, lt_str_z(s->channel->name));
}

/* Which site of the channel the database is; the first to come says. */
static bool
claim_row(struct converge_site *s, struct my_conn *c, struct lt_err *err)
{
	struct lt_buf sql = { 0 }, none = { 0 };
	bool ok;

	conflict_peers_encode(&(struct conflict_peers){ 0 }, &none);
	lt_buf_z(&sql, "INSERT IGNORE INTO lutra.site (channel, id, uuid, beats, beat, heard) VALUES (");
	my_sql_text(&sql, lt_str_z(s->channel->name));
	lt_buf_printf(&sql, ", %u, UUID(), 0, NULL, ", s->model->id);
	my_sql_bytes(&sql, lt_buf_str(&none));
	lt_buf_c(&sql, ')');
	ok = my_exec(c, lt_buf_cstr(&sql), NULL, err);
	lt_buf_free(&none);
	lt_buf_free(&sql);
	return ok;
}

static bool
take_site(struct converge_site *s, const struct my_rows *rows, struct lt_err *err)
{
	struct conflict_peers heard = { 0 };
	uint64_t id;

	if (rows->nrows != 1 || !lt_str_u64(my_rows_at(rows, 0, 0), &id))
		return lt_fail(err, LT_E_STATE_BROKEN, "lutra.site does not say which site the database is");
	if (id != s->model->id)
		return lt_fail(err, LT_E_SITE_FOREIGN,
		    "the channel file names it site %s with id %u, but it is the one with id %llu", s->model->name,
		    s->model->id, (unsigned long long)id);
	if (!conflict_peers_decode(my_rows_at(rows, 0, 1), &heard, err))
		return lt_wrap(err, "lutra.site");
	pthread_mutex_lock(&s->lock);
	conflict_peers_merge(&s->heard, &heard);
	conflict_peers_merge(&s->durable, &heard);
	pthread_mutex_unlock(&s->lock);
	conflict_peers_free(&heard);
	return true;
}

bool
converge_store_open(struct converge_site *s, struct my_conn *c, struct lt_err *err)
{
	struct lt_buf sql = { 0 };
	struct my_rows *rows = NULL;
	bool ok = false;

	if (!pipeline_state_install(c, err) || !claim_row(s, c, err))
		goto out;
	lt_buf_z(&sql, "SELECT id, CAST(heard AS BINARY) FROM lutra.site");
	where_channel(s, &sql);
	ok = my_query(c, lt_buf_cstr(&sql), &rows, err) && take_site(s, rows, err);
out:
	my_rows_free(rows);
	lt_buf_free(&sql);
	return ok;
}

bool
converge_store_beat(struct converge_site *s, struct my_conn *c, bool believed, struct lt_str heard, struct lt_err *err)
{
	struct lt_buf sql = { 0 };
	struct my_reply reply;
	bool ok;

	lt_buf_z(&sql, "UPDATE lutra.site SET beats=beats+1, beat=");
	lt_buf_z(&sql, believed ? "CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS SIGNED)" : "NULL");
	lt_buf_z(&sql, ", heard=");
	my_sql_bytes(&sql, heard);
	where_channel(s, &sql);
	ok = my_exec(c, lt_buf_cstr(&sql), &reply, err) &&
	     (reply.affected == 1 || lt_fail(err, LT_E_STATE_BROKEN, "lutra.site has lost the channel's row"));
	lt_buf_free(&sql);
	return ok;
}

bool
converge_store_put(struct converge_site *s, struct my_conn *c, const struct change_position *at, struct lt_str state,
    uint64_t *id, struct lt_err *err)
{
	struct lt_buf sql = { 0 }, gtids = { 0 };
	struct my_reply reply;
	bool ok;

	change_gtid_set_text(at->gtids, &gtids);
	lt_buf_z(&sql,
	    "INSERT INTO lutra.checkpoint (channel, server, file, pos, last_pos, last_crc, gtids, state) VALUES (");
	my_sql_text(&sql, lt_str_z(s->channel->name));
	lt_buf_z(&sql, ", ");
	my_sql_text(&sql, lt_str_z(at->server));
	lt_buf_z(&sql, ", ");
	my_sql_text(&sql, lt_str_z(at->place.file));
	lt_buf_printf(&sql, ", %llu, %llu, %u, ", (unsigned long long)at->place.pos,
	    (unsigned long long)at->place.last_pos, at->place.last_crc);
	my_sql_text(&sql, lt_buf_str(&gtids));
	lt_buf_z(&sql, ", ");
	my_sql_bytes(&sql, state);
	lt_buf_c(&sql, ')');
	ok = my_exec(c, lt_buf_cstr(&sql), &reply, err);
	if (ok)
		*id = reply.insert_id;
	lt_buf_free(&gtids);
	lt_buf_free(&sql);
	return ok;
}

bool
converge_store_drop(struct converge_site *s, struct my_conn *c, uint64_t id, struct lt_err *err)
{
	struct lt_buf sql = { 0 };
	bool ok;

	lt_buf_z(&sql, "DELETE FROM lutra.checkpoint");
	where_channel(s, &sql);
	lt_buf_printf(&sql, " AND id=%llu", (unsigned long long)id);
	ok = my_exec(c, lt_buf_cstr(&sql), NULL, err);
	lt_buf_free(&sql);
	return ok;
}

enum { ID, SERVER, FILE_NAME, POS, LAST_POS, LAST_CRC, GTIDS, STATE, MADE };

/* out->at initialised. */
static bool
take_checkpoint(const struct my_rows *rows, struct lt_arena *arena, struct converge_found *out, struct lt_err *err)
{
	struct change_position *at = &out->at;
	uint64_t crc;

	if (!lt_str_u64(my_rows_at(rows, 0, ID), &out->id) || !lt_str_u64(my_rows_at(rows, 0, POS), &at->place.pos) ||
	    !lt_str_u64(my_rows_at(rows, 0, LAST_POS), &at->place.last_pos) ||
	    !lt_str_u64(my_rows_at(rows, 0, LAST_CRC), &crc) || !lt_str_u64(my_rows_at(rows, 0, MADE), &out->made_us))
		return lt_fail(err, LT_E_STATE_BROKEN, "lutra.checkpoint holds no numbers");
	at->place.last_crc = (uint32_t)crc;
	lt_str_copy(at->server, sizeof(at->server), my_rows_at(rows, 0, SERVER));
	lt_str_copy(at->place.file, sizeof(at->place.file), my_rows_at(rows, 0, FILE_NAME));
	change_gtid_set_free(at->gtids);
	at->gtids = NULL;
	if (!change_gtid_set_parse(my_rows_at(rows, 0, GTIDS), &at->gtids, err)) {
		at->gtids = change_gtid_set_new();
		return lt_wrap(err, "lutra.checkpoint");
	}
	return conflict_checkpoint_decode(my_rows_at(rows, 0, STATE), arena, &out->state, err) ||
	       lt_wrap(err, "lutra.checkpoint");
}

/* The newest below *below, if there is one. */
static bool
hand_one(struct my_rows *rows, converge_stored_fn each, void *ctx, uint64_t *below, bool *more, struct lt_err *err)
{
	struct lt_arena *arena = lt_arena_new();
	struct converge_found found = { 0 };
	struct lt_err failed = { 0 }; /* the caller's may tell of a host that was passed over */
	bool ok;

	change_position_init(&found.at);
	ok = take_checkpoint(rows, arena, &found, err);
	if (ok) {
		*below = found.id;
		*more = each(ctx, &found, &failed);
	}
	if (failed.code != LT_OK) {
		*err = failed;
		ok = false;
	}
	change_position_clear(&found.at);
	lt_arena_free(arena);
	return ok;
}

bool
converge_store_each(struct converge_site *s, struct my_conn *c, converge_stored_fn each, void *ctx, struct lt_err *err)
{
	uint64_t below = UINT64_MAX;
	bool more = true, ok = true;

	while (ok && more) { /* one by one: a state may be large */
		struct lt_buf sql = { 0 };
		struct my_rows *rows = NULL;

		lt_buf_z(&sql, "SELECT id, server, file, pos, last_pos, last_crc, gtids, CAST(state AS BINARY),"
			       " CAST(UNIX_TIMESTAMP(at) * 1000000 AS UNSIGNED) FROM lutra.checkpoint");
		where_channel(s, &sql);
		lt_buf_printf(&sql, " AND id<%llu ORDER BY id DESC LIMIT 1", (unsigned long long)below);
		ok = my_query(c, lt_buf_cstr(&sql), &rows, err);
		lt_buf_free(&sql);
		if (ok && rows->nrows == 0)
			more = false;
		else if (ok)
			ok = hand_one(rows, each, ctx, &below, &more, err);
		my_rows_free(rows);
	}
	return ok;
}

bool
converge_store_expiry(struct my_conn *c, uint64_t *expire_us, struct lt_err *err)
{
	const char *sql = my_conn_server(c)->flavor == MY_MARIADB
			      ? "SELECT CAST(@@expire_logs_days * 86400 AS UNSIGNED)"
			      : "SELECT @@binlog_expire_logs_seconds";
	struct lt_err refused = { 0 };
	struct my_rows *rows = NULL;
	uint64_t seconds = 0;

	*expire_us = 0;
	if (!my_query(c, sql, &rows, &refused)) { /* MySQL 5.7 has no such variable */
		if (!my_alive(c))
			*err = refused;
		return my_alive(c);
	}
	if (rows->nrows == 1 && lt_str_u64(my_rows_at(rows, 0, 0), &seconds))
		*expire_us = seconds * 1000000;
	my_rows_free(rows);
	return true;
}

bool
converge_store_frail(struct my_conn *c, struct lt_buf *out, struct lt_err *err)
{
	static const char *const names[] = { "sync_binlog", "innodb_flush_log_at_trx_commit" };
	struct my_rows *rows = NULL;

	if (!my_query(c, "SELECT @@GLOBAL.sync_binlog, @@GLOBAL.innodb_flush_log_at_trx_commit", &rows, err))
		return false;
	for (size_t i = 0; i < LT_COUNT(names) && rows->nrows == 1; i++) {
		if (!lt_str_eqz(my_rows_at(rows, 0, i), "1"))
			lt_buf_printf(
			    out, "%s%s=%.*s", out->len > 0 ? ", " : "", names[i], LT_FMT(my_rows_at(rows, 0, i)));
	}
	my_rows_free(rows);
	return true;
}

bool
converge_store_lane(const struct model_channel *channel, size_t index, struct my_conn *target,
    struct change_position *at, struct lt_err *err)
{
	struct change_gtid_set *gtids = NULL;
	struct my_rows *rows = NULL;
	struct lt_buf sql = { 0 };
	uint64_t crc;
	bool ok;

	lt_buf_z(&sql, "SELECT server, file, pos, last_pos, last_crc, gtids FROM lutra.lane WHERE channel=");
	my_sql_text(&sql, lt_str_z(channel->name));
	lt_buf_z(&sql, " AND pipeline=");
	my_sql_text(&sql, lt_str_z(channel->pipelines[index].name));
	lt_buf_z(&sql, " ORDER BY seq DESC LIMIT 1");
	ok = my_query(target, lt_buf_cstr(&sql), &rows, err);
	if (ok &&
	    (rows->nrows != 1 || !lt_str_u64(my_rows_at(rows, 0, 2), &at->place.pos) ||
		!lt_str_u64(my_rows_at(rows, 0, 3), &at->place.last_pos) || !lt_str_u64(my_rows_at(rows, 0, 4), &crc)))
		ok = lt_fail(err, LT_E_TABLE_MISSING, "lutra.lane does not say where the pipeline stands");
	ok = ok && change_gtid_set_parse(my_rows_at(rows, 0, 5), &gtids, err);
	if (ok) {
		at->place.last_crc = (uint32_t)crc;
		lt_str_copy(at->server, sizeof(at->server), my_rows_at(rows, 0, 0));
		lt_str_copy(at->place.file, sizeof(at->place.file), my_rows_at(rows, 0, 1));
		change_gtid_set_free(at->gtids);
		at->gtids = gtids;
	}
	my_rows_free(rows);
	lt_buf_free(&sql);
	return ok || lt_wrap(err, "pipeline %s", channel->pipelines[index].name);
}
