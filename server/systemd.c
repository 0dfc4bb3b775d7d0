#include "systemd.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <systemd/sd-daemon.h>

static void *library;

/*
 * Fills the function pointer `ret` of `size` octets.  C has no cast from data
 * to function pointers, though POSIX has dlsym().  False: not there.
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

__attribute__((format(printf, 3, 4))) static struct iovec
text_field(char *text, size_t size, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, size, format, args);
	va_end(args);
	return (
	    struct iovec){ text, (size_t)len < size ? (size_t)len : size - 1 };
}

bool
systemd_journal_send(int priority, const char *message_id, struct span message,
    const struct iovec *fields, size_t nfields)
{
	int (*send)(const struct iovec *fields, int n);
	char texts[3][64], *line;
	struct iovec all[32];
	size_t n = 0;
	bool sent;

	line = malloc(message.len + 16);
	if (!line || nfields > 28 ||
	    !find_function("sd_journal_sendv", &send, sizeof send)) {
		free(line);
		return false;
	}
	all[n++] = text_field(line, message.len + 16, "MESSAGE=%.*s",
	    (int)message.len, message.p);
	all[n++] =
	    text_field(texts[0], sizeof texts[0], "MESSAGE_ID=%s", message_id);
	all[n++] =
	    text_field(texts[1], sizeof texts[1], "PRIORITY=%d", priority);
	all[n++] =
	    text_field(texts[2], sizeof texts[2], "SYSLOG_IDENTIFIER=smtpd");
	memcpy(all + n, fields, nfields * sizeof *fields);
	sent = send(all, (int)(n + nfields)) == 0;
	free(line);
	return sent;
}
