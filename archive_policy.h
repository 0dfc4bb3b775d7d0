/* The questions of policy.h, put to the database that an archive has open. */
#ifndef ARCHIVE_POLICY_H
#define ARCHIVE_POLICY_H

#include "address.h"
#include "archive.h"
#include "policy.h"

enum store_result archive_ask_mail(
    struct archive *a, const struct policy_query *q, struct policy_answer *ret);
enum store_result archive_ask_rcpt(
    struct archive *a, const struct policy_query *q, struct policy_answer *ret);

#endif
