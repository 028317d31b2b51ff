#include "base/fault.h"

#ifdef LT_FAULTS

#include <signal.h>
#include <stdatomic.h>

#include "base/str.h"

bool
lt_fault(const char *name)
{
	const char *list = getenv("LUTRA_FAULTS");
	size_t len = strlen(name);

	while (list != NULL && *list != '\0') {
		const char *end = strchrnul(list, ',');

		if ((size_t)(end - list) == len && strncmp(list, name, len) == 0)
			return true;
		list = *end == ',' ? end + 1 : end;
	}
	return false;
}

void
lt_step(const char *name)
{
	static _Atomic uint64_t passed;
	const char *at = getenv("LUTRA_KILL_AT"), *colon = at != NULL ? strchr(at, ':') : NULL;
	uint64_t want = 1;

	if (at == NULL || (colon != NULL && !lt_str_u64(lt_str_z(colon + 1), &want)))
		return;
	if (strlen(name) != (size_t)(strchrnul(at, ':') - at) || strncmp(at, name, strlen(name)) != 0)
		return;
	if (atomic_fetch_add(&passed, 1) + 1 == want)
		raise(SIGKILL);
}

#else
typedef int lt_fault_is_not_built;
#endif
