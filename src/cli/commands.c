#include "cli/commands.h"

#define BIT(option) (UINT32_C(1) << (option))
#define BY_HAND (BIT(CLI_DATA) | BIT(CLI_WHY))
#define CONFLICTS (BIT(CLI_DATA) | BIT(CLI_SITE) | BIT(CLI_TABLE) | BIT(CLI_SINCE))

const struct cli_command cli_commands[] = {
	{ "run", NULL, "FILE", "run a channel in the foreground",
	    "Runs the channel of FILE until SIGTERM, SIGINT or `lutra stop`. Writes `ready` to standard output once every\n"
	    "pipeline runs; logs to standard error. Stays up when a pipeline stops or a server is away. The data folder is made\n"
	    "if it is missing; only one `lutra run` can use it at a time.",
	    1, 1, BIT(CLI_DATA) | BIT(CLI_LISTEN), BIT(CLI_DATA), cli_run },
	{ "check", NULL, "FILE", "check both ends before a channel runs",
	    "Prints one line for each check: ok, warn or fail, what, and the statement that mends it. Changes nothing.\n"
	    "Ends with 1 if any check fails.",
	    1, 1, 0, 0, cli_check },
	{ "status", NULL, "", "show how a running channel stands",
	    "Shows state, lag, counters and errors of each pipeline. Ends with 1 if a pipeline is stopped.", 0, 0,
	    BIT(CLI_DATA), BIT(CLI_DATA), cli_status },
	{ "wait", NULL, "", "wait until all that is committed now is applied",
	    "Takes where each source's log ends now and waits until as much is applied at the target. Ends with 1 at the time\n"
	    "limit, and at once when a pipeline is stopped. Without a limit it waits as long as it takes.",
	    0, 0, BIT(CLI_DATA) | BIT(CLI_TIMEOUT), BIT(CLI_DATA), cli_wait },
	{ "retry", NULL, "PIPELINE", "let a stopped pipeline try the same again",
	    "Tries the transaction that stopped the pipeline once more. A pipeline that waits for a server tries at once.",
	    1, 1, BY_HAND, BIT(CLI_DATA), cli_retry },
	{ "skip", NULL, "PIPELINE", "pass over the transaction that stopped a pipeline",
	    "Records the transaction as passed over, with who and why, and goes on behind it. The ends differ from then on,\n"
	    "unless they were repaired by hand.",
	    1, 1, BY_HAND, BIT(CLI_DATA), cli_skip },
	{ "replace", NULL, "PIPELINE", "do something else instead of the transaction that stopped a pipeline",
	    "With --sql: carries out these statements (INSERT, UPDATE, DELETE, REPLACE) and nothing of the transaction.\n"
	    "With --row: carries out the transaction, but for the row that failed; in its place the row given is written by its\n"
	    "key. Either way in one transaction with the progress; recorded with who and why.",
	    1, 1, BY_HAND | BIT(CLI_SQL) | BIT(CLI_ROW), BIT(CLI_DATA), cli_replace },
	{ "pause", NULL, "PIPELINE", "hold a pipeline back",
	    "It finishes what is in hand and keeps its place, also when `lutra run` ends and begins again, until\n"
	    "`lutra resume`. The source's log must be kept that long.",
	    1, 1, BY_HAND, BIT(CLI_DATA), cli_pause },
	{ "resume", NULL, "PIPELINE", "let a paused pipeline go on", "It goes on where it was paused.", 1, 1, BY_HAND,
	    BIT(CLI_DATA), cli_resume },
	{ "log", NULL, "[PIPELINE]", "show what was done by hand",
	    "Prints lutra.audit of the targets, the newest line last: when, which pipeline, who, what, why.", 0, 1,
	    BIT(CLI_DATA) | BIT(CLI_LIMIT), BIT(CLI_DATA), cli_log },
	{ "conflicts", NULL, "[FILE]", "list operations that met a write which they had not seen",
	    "Prints the conflict logs of the channel's sites, the newest line first: when, ID@SITE, which row, what met what, who\n"
	    "won. Of a running channel (--data), or of a channel file.",
	    0, 1, CONFLICTS | BIT(CLI_LOST) | BIT(CLI_LIMIT), 0, cli_conflicts },
	{ "conflicts", "show", "ID@SITE [FILE]", "show all of a conflict",
	    "Prints one line of a conflict log with what was written on both sides.", 1, 2, BIT(CLI_DATA), 0,
	    cli_conflicts_show },
	{ "conflicts", "count", "[FILE]", "count conflicts by table and kind",
	    "Prints for each site, table, kind and rule how many operations won and lost.", 0, 1, CONFLICTS, 0,
	    cli_conflicts_count },
	{ "conflicts", "replay", "ID@SITE", "write the value that lost once more",
	    "Shows what the row of a conflict is and would be; with --why it writes that as a new change of the site, as a user\n"
	    "would, and records it. Refused where the row has changed since the decision, unless --force is given.",
	    1, 1, BY_HAND | BIT(CLI_FORCE), BIT(CLI_DATA), cli_conflicts_replay },
	{ "explain", NULL, "[FILE] DB.TABLE KEY...", "tell what made a row what it is",
	    "Prints for each site the row with that primary key, whose write it is, and its lines of the conflict log. Of a\n"
	    "running channel (--data), which remembers writes, or of a channel file.",
	    2, UINT16_MAX, BIT(CLI_DATA), 0, cli_explain },
	{ "position", NULL, "PIPELINE", "let a stopped pipeline go on from another place of the log",
	    "Exactly one place is named: --now, --gtid, --file with --pos, or --time.", 1, 1,
	    BY_HAND | BIT(CLI_NOW) | BIT(CLI_GTID) | BIT(CLI_FILE) | BIT(CLI_POS) | BIT(CLI_TIME), BIT(CLI_DATA),
	    cli_position },
	{ "ddl", "done", "PIPELINE", "say that a schema change was made at the target too",
	    "Compares the tables of both ends and, if they are alike, goes on behind the statement that stopped the pipeline.",
	    1, 1, BY_HAND, BIT(CLI_DATA), cli_ddl_done },
	{ "site", "remove", "ID", "say that a site is gone for good",
	    "Of a conflict channel whose file does not name the site any more: nothing is kept for it from now on. Tells how\n"
	    "far each site has what it wrote, and ends with 1 where they differ.",
	    1, 1, BY_HAND, BIT(CLI_DATA), cli_site_remove },
	{ "site", "heal", "SITE", "go on at a server that lacks the end of a site's log",
	    "Of a conflict channel that stands since a server without the site's newest transactions stands for it. What peers\n"
	    "have of them is given back; what users wrote there since is new, and wins over it.",
	    1, 1, BY_HAND, BIT(CLI_DATA), cli_site_heal },
	{ "stop", NULL, "", "end the `lutra run` of a data folder",
	    "As SIGTERM does; returns once it has ended, and the data folder is free.", 0, 0, BIT(CLI_DATA),
	    BIT(CLI_DATA), cli_stop },
	{ "binlog", "dump", "FILE...|URL", "print a binary log as JSON lines",
	    "Reads log files, or the log of the server at mysql://USER@HOST:PORT up to its end as of now; from its beginning on\n"
	    "unless --from, --gtid or --time is given.",
	    1, UINT16_MAX,
	    BIT(CLI_FROM) | BIT(CLI_GTID) | BIT(CLI_TIME) | BIT(CLI_TO) | BIT(CLI_RAW) | BIT(CLI_COUNT) |
		BIT(CLI_READ_AHEAD) | BIT(CLI_PASSWORD_FILE) | BIT(CLI_PASSWORD_ENV),
	    0, cli_dump },
	{ "version", NULL, "", "print version, commit, build options and libraries",
	    "Prints what this lutra is built of.", 0, 0, 0, 0, cli_version },
	{ .word = NULL },
};
