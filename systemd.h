/*
 * What libsystemd is needed for, loaded when systemd is there and not before:
 * it and the libraries it brings cost a third of a short session's start and
 * map a decompressor into a process that reads strangers' mail.
 */
#ifndef SYSTEMD_H
#define SYSTEMD_H

/*
 * How many descriptors systemd passed to this process (sd_listen_fds(3)), the
 * first of which is `*ret_first`.  0: none.  -1: some, but libsystemd is not
 * there to take them; that is logged.
 */
int systemd_listen_fds(int *ret_first);

#endif
