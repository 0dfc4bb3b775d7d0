#include "systemd.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-daemon.h>

#include "log.h"

/* A function of libsystemd; NULL, and logged, where there is none. */
static void *
find_function(const char *name)
{
	static void *library;

	if (!library)
		library = dlopen("libsystemd.so.0", RTLD_NOW);
	if (!library) {
		log_line(LOG_ERR, "libsystemd is needed: %s", dlerror());
		return NULL;
	}
	return dlsym(library, name);
}

int
systemd_listen_fds(int *ret_first)
{
	int (*listen_fds)(int unset_environment);
	void *function;

	if (!getenv("LISTEN_FDS"))
		return 0;
	function = find_function("sd_listen_fds");
	if (!function)
		return -1;
	/* C has no cast from data to function pointers; POSIX has dlsym(). */
	memcpy(&listen_fds, &function, sizeof listen_fds);
	*ret_first = SD_LISTEN_FDS_START;
	return listen_fds(1);
}
