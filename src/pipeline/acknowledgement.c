/* Statements that a person has said were made at another site too (`lutra ddl done`), in lutra.ddl of that site.
 *
 * Where the site is read itself, its own run of the statement comes out of its log as well, and would stop every
 * pipeline that reads it. Each of those may pass by it once: the one that leads back to where the statement came from
 * by the acknowledgement alone, and one that leads to a third site if the same run of the statement was acknowledged
 * there as well. */
#include "mysql/sql.h"
#include "pipeline/connect.h"
#include "pipeline/load.h"
#include "pipeline/pipeline_priv.h"
#include "schema/ddl.h"

static void
add_texts(struct lt_buf *sql, const char *first, const char *second)
{
	my_sql_text(sql, lt_str_z(first));
	lt_buf_z(sql, ", ");
	my_sql_text(sql, lt_str_z(second));
}

static uint64_t
digest_of(const struct pipeline *p)
{
	return schema_ddl_digest(lt_buf_str(&p->stop.statement), lt_buf_str(&p->stop.schema), 0);
}

/* -- at the target of the pipeline that it stopped ------------------------------------------------ */

/* ('shop', 'hz->us', 42, 'ALTER ...', 'mb.000003', 4711, 'us->eu') */
static void
add_row(const struct pipeline *p, struct lt_str statement, const char *reader, struct lt_buf *sql)
{
	const struct change_place *at = &p->stop.end.place;

	lt_buf_c(sql, '(');
	add_texts(sql, p->channel->name, p->model->name);
	lt_buf_printf(sql, ", %llu, ", (unsigned long long)digest_of(p));
	my_sql_text(sql, statement);
	lt_buf_z(sql, ", ");
	my_sql_text(sql, lt_str_z(at->file));
	lt_buf_printf(sql, ", %llu, ", (unsigned long long)at->pos);
	if (reader != NULL)
		my_sql_text(sql, lt_str_z(reader));
	else
		lt_buf_z(sql, "NULL");
	lt_buf_c(sql, ')');
}

bool
pipeline_acknowledge(struct pipeline *p, struct change_sink *sink, void *ctx, struct lt_err *err)
{
	const struct model_channel *c = p->channel;
	struct lt_buf sql = { 0 }, shown = { 0 };
	size_t readers = 0;
	bool ok;

	(void)ctx;
	schema_ddl_shown(lt_buf_str(&p->stop.statement), p->stop.sql_mode, &shown);
	lt_buf_z(
	    &sql, "INSERT INTO lutra.ddl (channel, pipeline, digest, statement, from_file, from_pos, reader) VALUES ");
	for (size_t i = 0; i < c->npipelines; i++) {
		if (c->pipelines[i].from != p->model->to)
			continue;
		lt_buf_z(&sql, readers++ > 0 ? ", " : "");
		add_row(p, lt_buf_str(&shown), c->pipelines[i].name, &sql);
	}
	if (readers == 0)
		add_row(p, lt_buf_str(&shown), NULL, &sql);
	ok = my_exec(pipeline_load_conn(sink), lt_buf_cstr(&sql), NULL, err);
	lt_buf_free(&sql);
	lt_buf_free(&shown);
	return ok;
}

/* -- in the log of the site where it was made ----------------------------------------------------- */

/* One acknowledgement, as lutra.ddl at the source has it. */
struct found {
	uint64_t id;
	struct lt_buf pipeline, file, pos; /* whom the statement had stopped, and where in that one's log it ends */
};

static void
found_clear(struct found *f)
{
	lt_buf_free(&f->pipeline);
	lt_buf_free(&f->file);
	lt_buf_free(&f->pos);
}

/* The oldest that is not used up; a repeated try finds its own again. Id 0: none. Rows of before meshes have no reader.
 */
static bool
find(const struct pipeline *p, struct my_conn *source, struct found *out, struct lt_err *err)
{
	const struct change_place *end = &p->stop.end.place;
	struct lt_buf sql = { 0 };
	struct my_rows *rows = NULL;
	bool ok;

	lt_buf_z(&sql, "SELECT id, pipeline, from_file, from_pos FROM lutra.ddl WHERE channel=");
	my_sql_text(&sql, lt_str_z(p->channel->name));
	lt_buf_printf(&sql, " AND digest=%llu AND (reader=", (unsigned long long)digest_of(p));
	my_sql_text(&sql, lt_str_z(p->model->name));
	lt_buf_z(&sql, " OR (reader IS NULL AND pipeline=");
	my_sql_text(&sql, lt_str_z(model_channel_back(p->channel, p->model)->name));
	lt_buf_z(&sql, ")) AND (passed_file IS NULL OR (passed_file=");
	my_sql_text(&sql, lt_str_z(end->file));
	lt_buf_printf(
	    &sql, " AND passed_pos=%llu)) ORDER BY passed_file IS NULL, id LIMIT 1", (unsigned long long)end->pos);
	ok = my_query(source, lt_buf_cstr(&sql), &rows, err);
	if (ok && rows->nrows > 0) {
		ok = lt_str_u64(my_rows_at(rows, 0, 0), &out->id) ||
		     lt_fail(err, LT_E_STATE_BROKEN, "lutra.ddl holds no number as an id");
		lt_buf_str_add(&out->pipeline, my_rows_at(rows, 0, 1));
		lt_buf_str_add(&out->file, my_rows_at(rows, 0, 2));
		lt_buf_str_add(&out->pos, my_rows_at(rows, 0, 3));
	}
	my_rows_free(rows);
	lt_buf_free(&sql);
	return ok;
}

/* The pipeline into p's target that reads the same log as the one named; NULL: there is none. */
static const struct model_pipeline *
sibling(const struct pipeline *p, struct lt_str name)
{
	const struct model_channel *c = p->channel;

	for (size_t i = 0; i < c->npipelines; i++) {
		for (size_t j = 0; lt_str_eqz(name, c->pipelines[i].name) && j < c->npipelines; j++) {
			if (c->pipelines[j].from == c->pipelines[i].from && c->pipelines[j].to == p->model->to)
				return &c->pipelines[j];
		}
	}
	return NULL;
}

/* Whether p's target has what the acknowledgement speaks of: it came from there, or was acknowledged there too. */
static bool
target_has(struct pipeline *p, struct change_sink *sink, const struct found *f, bool *has, struct lt_err *err)
{
	struct lt_str name = lt_buf_str(&f->pipeline);
	const struct model_pipeline *other = sibling(p, name);
	struct lt_buf sql = { 0 };
	struct my_rows *rows = NULL;
	bool ok;

	*has = lt_str_eqz(name, model_channel_back(p->channel, p->model)->name);
	if (*has || other == NULL || f->file.len == 0)
		return true;
	lt_buf_z(&sql, "SELECT 1 FROM lutra.ddl WHERE (channel, pipeline)=(");
	add_texts(&sql, p->channel->name, other->name);
	lt_buf_printf(&sql, ") AND digest=%llu AND from_file=", (unsigned long long)digest_of(p));
	my_sql_text(&sql, lt_buf_str(&f->file));
	lt_buf_printf(&sql, " AND from_pos=%.*s LIMIT 1", LT_FMT(lt_buf_str(&f->pos)));
	ok = my_query(pipeline_load_conn(sink), lt_buf_cstr(&sql), &rows, err);
	*has = ok && rows->nrows > 0;
	my_rows_free(rows);
	lt_buf_free(&sql);
	return ok;
}

static bool
use_up(const struct pipeline *p, struct my_conn *source, const struct found *f, struct lt_err *err)
{
	const struct change_place *end = &p->stop.end.place;
	struct lt_buf sql = { 0 };
	bool ok;

	lt_buf_z(&sql, "UPDATE lutra.ddl SET passed_file=");
	my_sql_text(&sql, lt_str_z(end->file));
	lt_buf_printf(&sql, ", passed_pos=%llu WHERE id=%llu", (unsigned long long)end->pos, (unsigned long long)f->id);
	ok = my_exec(source, lt_buf_cstr(&sql), NULL, err);
	lt_buf_free(&sql);
	return ok;
}

bool
pipeline_acknowledged(struct pipeline *p, struct change_sink *sink, bool *taken, struct lt_err *err)
{
	struct found f = { 0 };
	struct my_conn *c = NULL;
	bool ok = false;

	*taken = false;
	if (!pipeline_connect(&p->channel->sites[p->model->from], true, p->origin.stop, &c, err) ||
	    !my_exec(c, "SET SESSION autocommit=1", NULL, err) || !find(p, c, &f, err))
		goto out;
	if (f.id != 0 && !target_has(p, sink, &f, taken, err))
		goto out;
	ok = !*taken || use_up(p, c, &f, err);
out:
	my_close(c);
	found_clear(&f);
	return ok;
}
