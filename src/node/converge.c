#include "node/converge.h"

#include "converge/send.h"
#include "node/origin.h"

struct node_converge {
	const struct model_channel *channel; /* borrowed */
	const struct lt_clock *clock;        /* borrowed */
	struct converge_site **sites;        /* owned; of each site; shadow: of the target alone */
	struct node_origin **logs;           /* owned; of each site, for its observing reader alone (R21) */
	struct change_spill_room *rooms;     /* owned; of each of these */
	struct converge_sender **senders;    /* owned; of each pipeline */
};

struct node_converge *
node_converge_start(
    const struct model_channel *channel, const struct change_spill_room *room, const struct lt_clock *clock)
{
	struct node_converge *n;

	if (!channel->conflicts.on)
		return NULL;
	n = lt_new(struct node_converge);
	n->channel = channel;
	n->clock = clock;
	n->sites = lt_calloc(channel->nsites, sizeof(struct converge_site *));
	n->logs = lt_calloc(channel->nsites, sizeof(struct node_origin *));
	n->rooms = lt_calloc(channel->nsites, sizeof(*n->rooms));
	n->senders = lt_calloc(channel->npipelines, sizeof(struct converge_sender *));
	for (size_t i = 0; i < channel->nsites; i++) {
		struct pipeline_origin log;

		if (channel->conflicts.shadow && i != channel->pipelines[0].to)
			continue; /* a source is left alone */
		n->rooms[i] = *room;
		n->logs[i] = node_origin_new(&channel->sites[i], channel->memory_bytes, clock);
		node_origin_spill(n->logs[i], &n->rooms[i]);
		log = node_origin_ops(n->logs[i]);
		n->sites[i] = converge_site_start(channel, i, &log, &n->rooms[i], clock);
	}
	return n;
}

struct pipeline_origin
node_converge_origin(struct node_converge *n, size_t index, const struct pipeline_origin *inner)
{
	const struct model_pipeline *p;

	if (n == NULL)
		return *inner;
	p = &n->channel->pipelines[index];
	n->senders[index] = converge_sender_new(n->channel, index, inner, n->sites[p->from], n->sites[p->to], n->clock);
	return converge_sender_ops(n->senders[index]);
}

void
node_converge_end(struct node_converge *n)
{
	for (size_t i = 0; n != NULL && i < n->channel->nsites; i++) {
		if (n->sites[i] != NULL)
			converge_site_end(n->sites[i]);
	}
}

void
node_converge_free(struct node_converge *n)
{
	if (n == NULL)
		return;
	for (size_t i = 0; i < n->channel->npipelines; i++)
		converge_sender_free(n->senders[i]);
	for (size_t i = 0; i < n->channel->nsites; i++)
		converge_site_free(n->sites[i]);
	for (size_t i = 0; i < n->channel->nsites; i++)
		node_origin_free(n->logs[i]);
	free(n->rooms);
	free(n->logs);
	free(n->senders);
	free(n->sites);
	free(n);
}

struct converge_site *
node_converge_site(const struct node_converge *n, size_t site)
{
	return n != NULL ? n->sites[site] : NULL;
}
