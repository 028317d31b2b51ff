#include <signal.h>

#include <openssl/ssl.h>

#include "cli/cli.h"

int
main(int argc, char **argv)
{
	/* A peer or a reader that went away, and a file grown to its limit, is the error of a write, not our death. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	/* Before there are threads, and without a configuration file that could change what TLS means here. */
	OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, NULL);
	return cli_main(argc, argv);
}
