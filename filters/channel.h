/*
 * A connection to a filter, with a deadline for each wait.  After a call that
 * failed it is closed, and all others fail too.
 */
#ifndef FILTERS_CHANNEL_H
#define FILTERS_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"

enum {
	CHANNEL_FAULT_MAX = 128,
};

struct channel {
	const struct filter_address *address;
	int fd;              /* -1: it has failed */
	int64_t deadline_ms; /* CLOCK_MONOTONIC */
	char fault[CHANNEL_FAULT_MAX];
	bool is_told; /* the fault was logged */
};

/* Connects.  If that fails, so do later calls. */
void channel_open(
    struct channel *c, const struct filter_address *a, int timeout_ms);
void channel_close(struct channel *c);

/* Gives the calls that follow so much time. */
void channel_allow(struct channel *c, int64_t ms);

bool channel_send(struct channel *c, const void *octets, size_t len);
/* Reads all of `len` octets. */
bool channel_read(struct channel *c, void *ret, size_t len);
/* Reads the octets that are there, at least one. */
bool channel_read_some(
    struct channel *c, void *ret, size_t size, size_t *ret_len);

/* Closes the channel for this reason.  Returns false. */
bool channel_fail(struct channel *c, const char *fault);

#endif
