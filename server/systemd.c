#include "systemd.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-daemon.h>

static void *library;

/*
 * Fills the function pointer `ret` of `size` octets.  dlsym() returns a data
 * pointer, which C casts to no function pointer.  False: it is not there.
 */
static bool
find_function(const char *name, void *ret, size_t size)
{
	void *function;

	if (!library)
		library = dlopen("libsystemd.so.0", RTLD_NOW);
	function = library ? dlsym(library, name) : NULL;
	if (function)
		memcpy(ret, &function, size);
	return function != NULL;
}

int
systemd_listen_fds(int *ret_first)
{
	int (*listen_fds)(int unset_environment);

	if (!getenv("LISTEN_FDS"))
		return 0;
	if (!find_function("sd_listen_fds", &listen_fds, sizeof listen_fds))
		return -ELIBACC;
	*ret_first = SD_LISTEN_FDS_START;
	return listen_fds(1);
}

void
systemd_notify(const char *state)
{
	int (*notify)(int unset_environment, const char *state);

	if (getenv("NOTIFY_SOCKET") &&
	    find_function("sd_notify", &notify, sizeof notify))
		notify(0, state);
}

int64_t
systemd_watchdog_ms(void)
{
	int (*enabled)(int unset_environment, uint64_t *usec);
	uint64_t usec = 0;

	if (!getenv("WATCHDOG_USEC") ||
	    !find_function("sd_watchdog_enabled", &enabled, sizeof enabled) ||
	    enabled(0, &usec) <= 0)
		return 0;
	return (int64_t)(usec / 1000);
}
