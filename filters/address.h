/*
 * Where a filter listens, as its option says it.
 */
#ifndef FILTERS_ADDRESS_H
#define FILTERS_ADDRESS_H

#include <stddef.h>

#include "../filters.h"
#include "../mail/change.h"

struct filter_address {
	char name[CHANGE_FILTER_MAX + 1]; /* all of it, as it was written */
	char host[CHANGE_FILTER_MAX + 1]; /* or the path of a socket */
	const char *port;                 /* in `host`; NULL: it is a path */
};

/*
 * Reads a list, with commas; NULL is none.  Returns NULL, or what is wrong with
 * it.
 */
const char *filter_address_read(
    const char *list, struct filter_address *ret, size_t *ret_n);

/*
 * Connects within the time, in a process that may still make sockets and open
 * files.  Returns a descriptor, or -1 with the cause.
 */
int filter_address_connect(
    const struct filter_address *a, int timeout_ms, const char **ret_fault);

#endif
