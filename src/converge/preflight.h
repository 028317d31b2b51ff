/* converge/preflight.h - what `lutra check` asks of who decides: which tables can be in a conflict channel. */
#ifndef CONVERGE_PREFLIGHT_H
#define CONVERGE_PREFLIGHT_H

#include "pipeline/check.h"

/** The tables are looked at as the loader would: what is refused here stops it there. */
extern const struct pipeline_check_decider converge_preflight;

#endif
