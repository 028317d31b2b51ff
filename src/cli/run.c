#include "node/run.h"
#include "cli/commands.h"

bool
cli_run(const struct cli_args *args, int *status, struct lt_err *err)
{
	struct node_run_options options = {
		.file = args->operands[0],
		.data = args->values[CLI_DATA],
		.listen = args->values[CLI_LISTEN],
	};

	(void)status;
	return node_run(&options, err);
}
