/* The body of PUT and DELETE, which is JSON. */
#ifndef WEB_BODY_H
#define WEB_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../mail/span.h"

/* {"IDs":["1","2"],"Read":true,"Search":"words"}; other members are passed over. */
struct body {
	int64_t *ids; /* those that can be ids of mails */
	size_t nids;
	bool has_ids; /* the member is there and not empty */
	bool read;
	char *search; /* NULL: not there */
};

/*
 * Starts as { 0 }, and is to be reset in any case.  False: the text is no such
 * object.
 */
bool body_read(struct body *b, struct span json);
void body_reset(struct body *b);

#endif
