/*
 * The options that the units give smtpd: SMTPD_OPTIONS, in the environment or
 * in /etc/default/smtpd.
 */
#ifndef READER_SERVICE_H
#define READER_SERVICE_H

#include <stdbool.h>

typedef void service_takes(const char *value, void *arg);

/*
 * Calls `take` with the value of each word that begins so ("--milter="), or ""
 * for one that has no value ("--auth-required").
 */
void service_each(const char *prefix, service_takes *take, void *arg);
/* Returns the last of these values, to be freed.  NULL: there is none. */
char *service_option(const char *prefix);
/* False: the file of options is not there or cannot be read. */
bool service_is_known(void);

#endif
