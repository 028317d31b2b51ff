/* How a site stands. */
#include "base/log.h"
#include "converge/site_priv.h"

/* Less than this is read before anybody looks. */
#define WORTH_TELLING ((uint64_t)64 << 20)

/* -- how much of the log is left to read ---------------------------------------------------------- */

void
converge_site_forget_files(struct converge_site *s)
{
	for (size_t i = 0; i < s->nfiles; i++)
		free(s->files[i].name);
	free(s->files);
	s->files = NULL;
	s->nfiles = 0;
}

/* Behind the lock. 0: it was read to where it ended when reading began. */
static uint64_t
left_bytes(const struct converge_site *s)
{
	uint64_t left = 0;

	for (size_t i = s->nfiles; i > 0; i--) {
		const struct converge_file *f = &s->files[i - 1];

		if (strcmp(f->name, s->read.file) == 0)
			return left + (f->size > s->read.pos ? f->size - s->read.pos : 0);
		left += f->size;
	}
	return s->read.file[0] == '\0' ? left : 0; /* a file that came later */
}

static void
take_files(struct converge_site *s, const struct my_rows *rows)
{
	converge_site_forget_files(s);
	s->files = lt_calloc(rows->nrows, sizeof(*s->files));
	for (size_t i = 0; i < rows->nrows; i++) {
		struct lt_str name = my_rows_at(rows, i, 0);

		s->files[i].name = lt_str_dup(name);
		if (!lt_str_u64(my_rows_at(rows, i, 1), &s->files[i].size))
			s->files[i].size = 0; /* no more than a hint */
	}
	s->nfiles = rows->nrows;
}

bool
converge_site_measure(struct converge_site *s, struct my_conn *c, struct lt_err *err)
{
	struct my_rows *rows = NULL;
	struct change_place from;
	uint64_t left;

	if (!my_query(c, "SHOW BINARY LOGS", &rows, err))
		return lt_wrap(err, "while asking how long the log is");
	pthread_mutex_lock(&s->lock);
	take_files(s, rows);
	from = s->read;
	left = left_bytes(s);
	pthread_mutex_unlock(&s->lock);
	my_rows_free(rows);
	if (left >= WORTH_TELLING)
		lt_log(LT_LOG_INFO,
		    "site %s: %llu MB of its log are read again, from %s:%llu on; what comes to it waits",
		    s->model->name, (unsigned long long)left >> 20, from.file, (unsigned long long)from.pos);
	return true;
}

/* -- the rest ------------------------------------------------------------------------------------- */

/* Behind the lock. */
static void
tell_memory(const struct converge_site *s, struct converge_status *out)
{
	const struct conflict_memory *m = conflict_observer_memory(s->observer);
	struct change_heap_use use = change_heap_use(s->heap);

	out->keys = conflict_memory_count(m);
	out->key_bytes = conflict_memory_bytes(m);
	out->parked_rows = conflict_memory_parked(m);
	out->spilled_bytes = use.file;
	out->over_bytes = use.over;
	out->went_back += conflict_observer_went_back(s->observer);
}

void
converge_site_status(struct converge_site *s, struct converge_status *out)
{
	pthread_mutex_lock(&s->lock);
	*out = s->status;
	out->read = s->read;
	if (out->err.code == LT_OK)
		out->err = s->keeper_err;
	if (s->observer != NULL) {
		out->left_bytes = left_bytes(s);
		out->reading = out->left_bytes > 0 ? CONVERGE_RECOVERING : CONVERGE_READING;
		tell_memory(s, out);
	}
	pthread_mutex_unlock(&s->lock);
}

void
converge_site_count(struct converge_site *s, const struct converge_tally *add)
{
	pthread_mutex_lock(&s->lock);
	s->status.conflicts += add->conflicts;
	s->status.lost += add->lost;
	s->status.parked += add->parked;
	s->status.drift += add->drift;
	s->status.held += add->held;
	s->status.failed += add->failed;
	pthread_mutex_unlock(&s->lock);
}
