#include "context.h"

#include "../clock.h"

struct policy_asker
context_asker(const struct context *c)
{
	return (struct policy_asker){
		.hostname = c->options->hostname,
		.client_address = c->peer.address,
		.now = clock_us() / 1000000,
		.account = c->facts.text[FACT_ACCOUNT],
		.auth_required = c->options->auth_required,
	};
}
