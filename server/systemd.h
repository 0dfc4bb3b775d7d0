/*
 * What libsystemd is needed for, loaded when systemd is there and not before:
 * it and the libraries it brings cost a third of a short session's start and
 * map a decompressor into a process that reads strangers' mail.
 */
#ifndef SYSTEMD_H
#define SYSTEMD_H

#include <stdint.h>

/*
 * How many descriptors systemd passed to this process (sd_listen_fds(3)), the
 * first of which is `*ret_first`.  0: none.  A negative errno: they cannot be
 * taken; ELIBACC: for want of libsystemd.so.0.
 */
int systemd_listen_fds(int *ret_first);

/*
 * Tells the service manager (sd_notify(3)).  Nothing happens where there is
 * none.
 */
void systemd_notify(const char *state);

/* How often WATCHDOG=1 must be told (sd_watchdog_enabled(3)); 0: never. */
int64_t systemd_watchdog_ms(void);

#endif
