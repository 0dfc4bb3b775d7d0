/*
 * The functions of libsystemd that this program needs.  The library is loaded
 * only if systemd started the program: it and the libraries it brings take a
 * third of the start of a short session, and map a decompressor into a process
 * that reads strangers' mail.
 */
#ifndef SYSTEMD_H
#define SYSTEMD_H

#include <stdint.h>

/*
 * Returns how many descriptors systemd passed to this process
 * (sd_listen_fds(3)), from `*ret_first` on.  A negative errno: they cannot be
 * taken; ELIBACC: libsystemd.so.0 is missing.
 */
int systemd_listen_fds(int *ret_first);

/* Tells the service manager (sd_notify(3)), if there is one. */
void systemd_notify(const char *state);

/* Returns how often WATCHDOG=1 is due (sd_watchdog_enabled(3)); 0: never. */
int64_t systemd_watchdog_ms(void);

#endif
