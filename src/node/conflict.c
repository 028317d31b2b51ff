#include "node/conflict.h"

#include "converge/send.h"

struct node_conflict {
	const struct model_channel *channel; /* borrowed */
	const struct lt_clock *clock;        /* borrowed */
	struct converge_site **sites;        /* owned; of each site */
	struct converge_sender **senders;    /* owned; of each pipeline */
};

struct node_conflict *
node_conflict_start(
    const struct model_channel *channel, const struct pipeline_origin *logs, const struct lt_clock *clock)
{
	struct node_conflict *n;

	if (!channel->conflicts.on)
		return NULL;
	n = lt_new(struct node_conflict);
	n->channel = channel;
	n->clock = clock;
	n->sites = lt_calloc(channel->nsites, sizeof(struct converge_site *));
	n->senders = lt_calloc(channel->npipelines, sizeof(struct converge_sender *));
	for (size_t i = 0; i < channel->nsites; i++)
		n->sites[i] = converge_site_start(channel, i, &logs[i], clock);
	return n;
}

struct pipeline_origin
node_conflict_origin(struct node_conflict *n, size_t index, const struct pipeline_origin *inner)
{
	const struct model_pipeline *p;

	if (n == NULL)
		return *inner;
	p = &n->channel->pipelines[index];
	n->senders[index] = converge_sender_new(n->channel, index, inner, n->sites[p->from], n->sites[p->to], n->clock);
	return converge_sender_ops(n->senders[index]);
}

void
node_conflict_end(struct node_conflict *n)
{
	for (size_t i = 0; n != NULL && i < n->channel->nsites; i++)
		converge_site_end(n->sites[i]);
}

void
node_conflict_free(struct node_conflict *n)
{
	if (n == NULL)
		return;
	for (size_t i = 0; i < n->channel->npipelines; i++)
		converge_sender_free(n->senders[i]);
	for (size_t i = 0; i < n->channel->nsites; i++)
		converge_site_free(n->sites[i]);
	free(n->senders);
	free(n->sites);
	free(n);
}

struct converge_site *
node_conflict_site(const struct node_conflict *n, size_t site)
{
	return n != NULL ? n->sites[site] : NULL;
}
