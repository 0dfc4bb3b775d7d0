/* What PUT and DELETE say in their body, as JSON. */
#ifndef WEB_BODY_H
#define WEB_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../mail/span.h"

/* {"IDs":["1","2"],"Read":true,"Search":"words"}; other members are passed over. */
struct body {
	int64_t *ids; /* those that can be one of a mail */
	size_t nids;
	bool has_ids; /* the member is there and not empty */
	bool read;
	char *search; /* NULL: not there */
};

/* False: it is no such object.  To be reset in any case; starts as { 0 }. */
bool body_read(struct body *b, struct span json);
void body_reset(struct body *b);

#endif
