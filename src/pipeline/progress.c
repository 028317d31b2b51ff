#include "pipeline/progress.h"

#include <pthread.h>

struct pipeline_progress {
	pthread_mutex_t lock;
	struct change_position at; /* under the lock */
};

struct pipeline_progress *
pipeline_progress_new(void)
{
	struct pipeline_progress *p = lt_new(struct pipeline_progress);

	pthread_mutex_init(&p->lock, NULL);
	change_position_init(&p->at);
	return p;
}

void
pipeline_progress_free(struct pipeline_progress *p)
{
	change_position_clear(&p->at);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

void
pipeline_progress_set(struct pipeline_progress *p, const struct change_position *at)
{
	pthread_mutex_lock(&p->lock);
	change_position_copy(&p->at, at);
	pthread_mutex_unlock(&p->lock);
}

void
pipeline_progress_server(struct pipeline_progress *p, char *out)
{
	pthread_mutex_lock(&p->lock);
	memcpy(out, p->at.server, sizeof(p->at.server));
	pthread_mutex_unlock(&p->lock);
}

static bool
covers(const struct change_position *at, const struct change_position *end)
{
	bool same = strcmp(at->server, end->server) == 0;

	if (at->server[0] == '\0')
		return false; /* not begun */
	if (same && at->place.file[0] != '\0')
		return change_place_cmp(&end->place, &at->place) <= 0;
	return (same || !change_gtid_set_empty(end->gtids)) && change_gtid_set_subset(end->gtids, at->gtids);
}

bool
pipeline_progress_covers(struct pipeline_progress *p, const struct change_position *end)
{
	bool done;

	pthread_mutex_lock(&p->lock);
	done = covers(&p->at, end);
	pthread_mutex_unlock(&p->lock);
	return done;
}
