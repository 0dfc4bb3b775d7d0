/*
 * The part of Mailpit's API v1 that changes: it marks mails as read, and
 * deletes them where that is allowed.  As in Mailpit, no ids means all mails.
 */
#include <stdlib.h>
#include <string.h>

#include "body.h"
#include "routes.h"

/* False: the response says why. */
static bool
may_delete(struct request *r, struct response *ret)
{
	const struct web_options *o = r->web->options;

	if (o->allow_delete && !o->read_only)
		return true;
	response_text(ret, 403, "Deleting needs --allow-delete");
	return false;
}

static bool
read_body(struct request *r, struct body *b, struct response *ret)
{
	if (body_read(b, (struct span){ r->body.p, r->body.len }))
		return true;
	response_text(ret, 400, "That is no JSON of ids");
	return false;
}

/* Calls `change` with what the words find, until they find no more. */
static int
each_found(struct request *r, const char *words,
    int (*change)(struct request *r, const int64_t *ids, size_t n, bool read),
    bool read)
{
	struct mails_query q = {
		.words = words,
		.limit = MAILS_FOUND_MAX,
		.consumer = r->consumer,
		.before = INT64_MAX,
	};
	struct mails_found found;

	do {
		if (mails_find(&r->web->mails, &q, &found) < 0 ||
		    change(r, found.ids, found.n, read) < 0)
			return -1;
		if (found.n > 0)
			q.before = found.ids[found.n - 1];
	} while (found.n == MAILS_FOUND_MAX);
	return 0;
}

static int
mark(struct request *r, const int64_t *ids, size_t n, bool read)
{
	return mails_mark(&r->web->mails, r->consumer, ids, n, read);
}

static int delete (struct request *r, const int64_t *ids, size_t n, bool read)
{
	(void)read;
	return mails_delete(&r->web->mails, ids, n);
}

/*
 * Is the client one of MailHog's?  Those parse any body as JSON and want an
 * empty one.  They send no Accept, and Mailpit's clients do.
 */
static bool
is_of_hog(const struct request *r)
{
	return strcmp(r->method, "DELETE") == 0 && !request_header(r, "Accept");
}

static void
end(struct request *r, struct response *ret, int result)
{
	if (result < 0)
		response_fail(ret, &r->web->mails);
	else
		response_text(ret, 200, is_of_hog(r) ? "" : "ok");
}

void
api_mark(struct request *r, struct response *ret)
{
	struct body b = { 0 };

	if (r->web->options->read_only) {
		response_text(ret, 403, "Started with --read-only");
	} else if (read_body(r, &b, ret)) {
		if (b.has_ids)
			end(r, ret, mark(r, b.ids, b.nids, b.read));
		else
			end(r, ret, each_found(r, b.search, mark, b.read));
	}
	body_reset(&b);
}

void
api_delete(struct request *r, struct response *ret)
{
	struct body b = { 0 };

	if (may_delete(r, ret) && read_body(r, &b, ret)) {
		if (b.has_ids)
			end(r, ret, delete (r, b.ids, b.nids, false));
		else
			end(r, ret, mails_delete_all(&r->web->mails));
	}
	body_reset(&b);
}

void
api_delete_found(struct request *r, struct response *ret)
{
	const char *words = request_query(r, "query");

	if (!may_delete(r, ret))
		return;
	if (words && *words)
		end(r, ret, each_found(r, words, delete, false));
	else
		response_text(ret, 400, "Error: no search query");
}

void
hog_delete(struct request *r, struct response *ret)
{
	int64_t id;

	if (!may_delete(r, ret))
		return;
	id = request_id(r, ret);
	if (id)
		end(r, ret, delete (r, &id, 1, false));
}
