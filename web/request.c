/*
 * What a request says: its query, its header, and the mail that its path names.
 */
#include "request.h"

#include <microhttpd.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *
request_query(const struct request *r, const char *name)
{
	return MHD_lookup_connection_value(
	    r->connection, MHD_GET_ARGUMENT_KIND, name);
}

const char *
request_header(const struct request *r, const char *name)
{
	return MHD_lookup_connection_value(
	    r->connection, MHD_HEADER_KIND, name);
}

/* The name, and how often it has been seen. */
struct counting {
	const char *name;
	int n;
};

static enum MHD_Result
count_one(
    void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct counting *c = arg;

	(void)kind;
	(void)value;
	c->n += strcasecmp(name, c->name) == 0;
	return MHD_YES;
}

int
request_count(const struct request *r, const char *name)
{
	struct counting c = { name, 0 };

	MHD_get_connection_values(
	    r->connection, MHD_HEADER_KIND, count_one, &c);
	return c.n;
}

static int64_t
read_number(const struct request *r, const char *name, int64_t otherwise)
{
	const char *text = request_query(r, name);
	char *end;
	long long n;

	if (!text || *text < '0' || *text > '9')
		return otherwise;
	n = strtoll(text, &end, 10);
	return *end == '\0' ? n : otherwise;
}

int64_t
request_bounded(
    const struct request *r, const char *name, int64_t otherwise, int64_t max)
{
	int64_t n = read_number(r, name, otherwise);

	return n > max ? max : n;
}

int64_t
request_id(struct request *r, struct response *ret)
{
	const char *text = r->args[0];
	int64_t id = 0;
	char *end;

	if (strcmp(text, "latest") == 0) {
		if (mails_last_id(&r->web->mails, &id) < 0)
			return response_fail(ret, &r->web->mails), 0;
	} else if (*text >= '1' && *text <= '9') {
		id = strtoll(text, &end, 10);
		if (*end)
			id = 0;
	}
	if (id == 0)
		response_text(ret, 404, "Message not found");
	return id;
}

bool
request_letter(struct request *r, struct letter *l, struct response *ret)
{
	int64_t id = request_id(r, ret);
	int found = id ? letter_open(l, r->web->mails.archive, id) : 0;

	if (found > 0)
		return true;
	letter_close(l);
	if (found < 0)
		response_fail(ret, &r->web->mails);
	else
		response_text(ret, 404, "Message not found");
	return false;
}
