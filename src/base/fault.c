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

/* Whether `entry` ("load.commit:3") names this step, passed for the how many-th time it says. */
static bool
step_is(const char *entry, const char *name, _Atomic uint64_t *passed)
{
	size_t len = strcspn(entry, ":,"), digits = entry[len] == ':' ? strcspn(entry + len + 1, ",") : 0;
	uint64_t want = 1;

	if (len != strlen(name) || strncmp(entry, name, len) != 0)
		return false;
	if (digits > 0 && !lt_str_u64(lt_str_of(entry + len + 1, digits), &want))
		return false;
	return atomic_fetch_add(passed, 1) + 1 == want;
}

/* One entry of the list after the other, each counted from where the one before was met. */
static void
hold(const char *list, const char *name)
{
	static _Atomic uint64_t passed, met;
	const char *entry = list;

	for (uint64_t i = atomic_load(&met); i > 0 && entry != NULL; i--) {
		entry = strchr(entry, ',');
		entry = entry != NULL ? entry + 1 : NULL;
	}
	if (entry == NULL || !step_is(entry, name, &passed))
		return;
	atomic_store(&passed, 0);
	atomic_fetch_add(&met, 1);
	raise(SIGSTOP);
}

void
lt_step(const char *name)
{
	static _Atomic uint64_t passed;
	const char *kill_at = getenv("LUTRA_KILL_AT"), *hold_at = getenv("LUTRA_HOLD_AT");

	if (kill_at != NULL && step_is(kill_at, name, &passed))
		raise(SIGKILL);
	if (hold_at != NULL)
		hold(hold_at, name);
}

#else
typedef int lt_fault_is_not_built;
#endif
