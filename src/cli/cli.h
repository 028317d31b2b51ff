/* cli/cli.h - the `lutra` command: words in, exit status out. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

/** Run the command that argv names; returns the process's exit status. Main thread. */
int cli_main(int argc, char **argv);

#endif
