#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "../clock.h"
#include "request.h"

FILE *
response_open(struct response *r)
{
	FILE *f = open_memstream(&r->body, &r->len);

	if (!f)
		exit(EX_OSERR); /* as text.h does */
	return f;
}

void
response_json(struct response *r, unsigned status, FILE *f)
{
	fclose(f);
	r->status = status;
	r->type = "application/json";
}

void
response_text(struct response *r, unsigned status, const char *text)
{
	free(r->body);
	r->status = status;
	r->type = "text/plain; charset=utf-8";
	r->body = text_copy(text);
	r->len = strlen(text);
}

void
response_take(
    struct response *r, unsigned status, const char *type, struct text *body)
{
	free(r->body);
	r->status = status;
	r->type = type;
	r->len = body->len;
	r->body = text_take(body);
}

void
response_fail(struct response *r, const struct mails *m)
{
	response_text(r, 503, mails_error(m));
}

bool
response_wait(struct response *r, const struct request *of, int64_t ms)
{
	r->status = 0;
	r->until_ms = of->began_ms + ms;
	return clock_ms() < r->until_ms;
}
