/* Judges a run from logs and tables alone. Written from the rules, without the code that it judges: an error has to be
 * made twice to pass. */
#ifndef SIM_ORACLE_H
#define SIM_ORACLE_H

#include "history.h"

#define ORACLE_COMPLAINTS 24

struct oracle_verdict {
	const char *complaints[ORACLE_COMPLAINTS]; /* sentences, each once */
	uint32_t count;
};

void oracle_judge(const struct history *history, struct oracle_verdict *out);

#endif
