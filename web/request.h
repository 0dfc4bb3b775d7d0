/*
 * What is asked, and what is answered: HTTP without libmicrohttpd's types, so
 * that what serves pages knows neither sockets nor its library.
 */
#ifndef WEB_REQUEST_H
#define WEB_REQUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "../mime/text.h"
#include "mails.h"
#include "options.h"

struct MHD_Connection;
struct teller;

enum {
	REQUEST_BODY_MAX = 1024 * 1024,
	REQUEST_ARGS_MAX = 2,
	REQUEST_ARG_SIZE = 64,
	REQUEST_HOST_SIZE = 300,
};

/* What all requests share. */
struct web {
	const struct web_options *options;
	struct mails mails;
	struct passwords *passwords; /* NULL: nobody is asked */
	struct teller *teller;
	int64_t started_at; /* seconds since 1970 */
	int64_t changes;    /* of the archive, that those who wait have seen */
};

struct request {
	struct web *web;
	struct MHD_Connection *connection;
	const char *method;
	const char *path;
	struct text body;
	bool is_body_too_big;
	bool is_cross_site; /* another site has led the browser here */
	char consumer[MAILS_CONSUMER_MAX];
	/* What "*" stands for in the route. */
	char args[REQUEST_ARGS_MAX][REQUEST_ARG_SIZE];
	int64_t began_ms;
};

struct response;

/* Returns a value of the query, "?name=value"; NULL: it is not there. */
const char *request_query(const struct request *r, const char *name);
/* The same as a number, or `max` for a higher one. */
int64_t request_bounded(
    const struct request *r, const char *name, int64_t otherwise, int64_t max);
const char *request_header(const struct request *r, const char *name);
/* How many fields of that name there are. */
int request_count(const struct request *r, const char *name);
/*
 * Returns the id that the path names, which may be "latest".  0: there is
 * none, and the response says why.
 */
int64_t request_id(struct request *r, struct response *ret);
/*
 * The same, and opens the mail.  False: it is closed, and the response says
 * why.
 */
bool request_letter(struct request *r, struct letter *l, struct response *ret);

struct response {
	/*
	 * 0: no answer yet; route() runs again when anything has changed, or
	 * at that time.
	 */
	unsigned status;
	int64_t until_ms; /* by clock_ms() */
	const char *type;
	char *body; /* to be freed */
	size_t len;
	const char *policy; /* Content-Security-Policy; NULL: nothing at all */
	bool is_framed;     /* may stand in a frame of our page */
	char disposition[1024]; /* Content-Disposition; "": none */
	const char *challenge;  /* WWW-Authenticate */
	char allow[64];         /* Allow; "": nothing is said */
	bool is_events;         /* goes on as long as the client wants */
	bool is_static;         /* changes only with the program */
	bool is_last; /* no other request follows on this connection */
};

/* The body is written to the FILE, which response_json() closes. */
FILE *response_open(struct response *r);
void response_json(struct response *r, unsigned status, FILE *f);
void response_text(struct response *r, unsigned status, const char *text);
void response_take(
    struct response *r, unsigned status, const char *type, struct text *body);
/*
 * Lets the request wait so long, from its beginning.  False: that time is
 * over.
 */
bool response_wait(struct response *r, const struct request *of, int64_t ms);
/* Trouble of the archive: 503 and its cause. */
void response_fail(struct response *r, const struct mails *m);

/* The table of routes: fills the response. */
void route(struct request *r, struct response *ret);

#endif
