#include "protocol.h"

#include <stddef.h>
#include <string.h>

/* In the order of the traits but PROTOCOL_ESMTP. */
const char *const protocol_names[] = {
	"SMTP",
	"ESMTP",
	"ESMTPA",
	"ESMTPS",
	"ESMTPSA",
	"LMTP",
	"LMTPA",
	"LMTPS",
	"LMTPSA",
	"UTF8SMTP",
	"UTF8SMTPA",
	"UTF8SMTPS",
	"UTF8SMTPSA",
	"UTF8LMTP",
	"UTF8LMTPA",
	"UTF8LMTPS",
	"UTF8LMTPSA",
	NULL,
};

const char *
protocol_name(unsigned traits)
{
	return protocol_names[traits == 0 ? 0 : 1 + (traits >> 1)];
}

unsigned
protocol_traits(const char *name)
{
	for (unsigned i = 1; protocol_names[i]; i++) {
		if (strcmp(protocol_names[i], name) == 0)
			return (i - 1) << 1 | PROTOCOL_ESMTP;
	}
	return 0;
}
