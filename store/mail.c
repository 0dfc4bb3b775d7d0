#include "../mail/trace.h"
#include "../store.h"

struct store_mail
store_mail_of(const struct trace_mail *lines, const struct header *header)
{
	return (struct store_mail){
		.envelope = lines->envelope,
		.header = header,
		.received_at = lines->received_at,
		.client_address = lines->peer->address,
		.client_port = lines->peer->port,
		.facts = lines->facts,
		.trace_mail = lines,
	};
}
