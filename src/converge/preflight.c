#include "converge/preflight.h"

#include "converge/shape.h"

struct preflight {
	struct pipeline_router *router; /* owned */
	struct converge_shapes *shapes; /* owned */
};

static void *
open_site(const struct model_channel *channel, const struct model_mapping *mapping, struct my_conn *conn)
{
	struct preflight *p = lt_new(struct preflight);

	p->router = pipeline_router_new(mapping, conn, false);
	p->shapes = converge_shapes_new(channel, p->router);
	return p;
}

static bool
fits(void *preflight, struct schema_table *table, struct lt_err *err)
{
	struct preflight *p = preflight;
	const struct converge_shape *shape;

	if (table->transactional) /* which is looked at when it is asked for */
		pipeline_router_lend(p->router, table);
	return converge_shapes_named(p->shapes, table->schema, table->name, &shape, err);
}

static void
close_site(void *preflight)
{
	struct preflight *p = preflight;

	converge_shapes_free(p->shapes);
	pipeline_router_free(p->router);
	free(p);
}

const struct pipeline_check_decider converge_preflight = { open_site, fits, close_site };
