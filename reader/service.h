/*
 * What the units give smtpd as options: SMTPD_OPTIONS, in the environment or in
 * /etc/default/smtpd.
 */
#ifndef READER_SERVICE_H
#define READER_SERVICE_H

#include <stdbool.h>

/*
 * The value of the last word that begins so ("--milter="), or "" for one that
 * has none ("--auth-required"); to be freed.  NULL: there is none.
 */
char *service_option(const char *prefix);
/* False: nobody may see, or they are not installed. */
bool service_is_known(void);

#endif
