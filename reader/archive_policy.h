/* The questions of policy.h, put to the database that an archive has open. */
#ifndef READER_ARCHIVE_POLICY_H
#define READER_ARCHIVE_POLICY_H

#include "../address.h"
#include "../policy.h"
#include "archive.h"

enum store_result archive_ask_mail(
    struct archive *a, const struct policy_query *q, struct policy_answer *ret);
enum store_result archive_ask_rcpt(
    struct archive *a, const struct policy_query *q, struct policy_answer *ret);

#endif
