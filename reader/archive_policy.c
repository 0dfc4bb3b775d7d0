#include "archive_policy.h"

#include "archive_private.h"

enum store_result
archive_ask_mail(
    struct archive *a, const struct policy_query *q, struct policy_answer *ret)
{
	policy_refresh(a->store);
	a->result = policy_mail(a->store, q, ret);
	return a->result;
}

enum store_result
archive_ask_rcpt(
    struct archive *a, const struct policy_query *q, struct policy_answer *ret)
{
	policy_refresh(a->store);
	a->result = policy_rcpt(a->store, q, ret);
	return a->result;
}
