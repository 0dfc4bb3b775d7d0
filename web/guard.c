#include "guard.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <microhttpd.h>

#include "../mail/ip.h"
#include "passwords.h"

/*
 * Host
 */

/*
 * Returns the host's name without the port and the brackets of an IPv6 address;
 * false: it is "name", "name:port" or "[address]:port" not.
 */
static bool
host_name(const char *host, char ret[REQUEST_HOST_SIZE])
{
	bool is_ipv6 = *host == '[';
	const char *name = host + is_ipv6;
	size_t len = strcspn(name, is_ipv6 ? "]" : ":");
	const char *port = name + len;

	if (len == 0 || len >= REQUEST_HOST_SIZE || (is_ipv6 && *port++ != ']'))
		return false;
	memcpy(ret, name, len);
	ret[len] = '\0';
	if (is_ipv6 && !strchr(ret, ':'))
		return false;
	return *port == '\0' ||
	       (*port == ':' &&
		   port[1 + strspn(port + 1, "0123456789")] == '\0');
}

/* An IP address is always accepted: no DNS can make it another host's. */
static bool
is_our_name(const struct web_options *o, const char *name)
{
	struct ip ip;

	if (strcasecmp(name, "localhost") == 0 || ip_read(name, &ip))
		return true;
	for (size_t i = 0; i < o->nhosts; i++) {
		if (strcasecmp(name, o->hosts[i]) == 0)
			return true;
	}
	return false;
}

static bool
is_for_us(const struct request *r)
{
	const char *host = request_header(r, "Host");
	char name[REQUEST_HOST_SIZE];

	return host && host_name(host, name) &&
	       is_our_name(r->web->options, name);
}

/*
 * Origin
 */

/* Is the Origin, "http://host:port", the host that the request is for? */
static bool
is_origin_ours(const struct request *r)
{
	const char *origin = request_header(r, "Origin");
	const char *host = request_header(r, "Host");
	const char *at;

	if (!origin)
		return true;
	at = strstr(origin, "://");
	return host && at && strcasecmp(at + 3, host) == 0 &&
	       (strncmp(origin, "http:", 5) == 0 ||
		   strncmp(origin, "https:", 6) == 0);
}

/* Browsers send this field; any other client can send whatever it wants. */
static bool
is_other_site(const struct request *r)
{
	const char *site = request_header(r, "Sec-Fetch-Site");

	return site && strcmp(site, "same-origin") != 0 &&
	       strcmp(site, "none") != 0;
}

/*
 * Is it a link to a page, in a window of its own?  Other sites may have those.
 */
static bool
is_link(const struct request *r)
{
	const char *mode = request_header(r, "Sec-Fetch-Mode");
	const char *dest = request_header(r, "Sec-Fetch-Dest");

	return strcmp(r->method, "GET") == 0 && mode &&
	       strcmp(mode, "navigate") == 0 && dest &&
	       strcmp(dest, "document") == 0 &&
	       strncmp(r->path, "/api/", 5) != 0;
}

static bool
is_change(const struct request *r)
{
	return strcmp(r->method, "GET") != 0 && strcmp(r->method, "HEAD") != 0;
}

/* A form on another site's page cannot send this type. */
static bool
is_json(const struct request *r)
{
	const char *type = request_header(r, "Content-Type");
	size_t len = strlen("application/json");

	return r->body.len == 0 ||
	       (type && strncasecmp(type, "application/json", len) == 0 &&
		   (type[len] == '\0' || type[len] == ';' ||
		       isspace((unsigned char)type[len])));
}

static bool
check_password(struct request *r, struct response *ret)
{
	const char *header = request_header(r, "Authorization");
	const char *user = "";
	enum passwords_verdict verdict = PASSWORDS_RIGHT;

	if (r->web->passwords)
		verdict = passwords_check(r->web->passwords, header, &user);
	if (verdict == PASSWORDS_RIGHT) {
		snprintf(r->consumer, sizeof r->consumer, "web%s%s",
		    *user ? ":" : "", user);
		return true;
	}
	if (verdict == PASSWORDS_LATER) {
		response_text(ret, 429, "Too many wrong passwords; wait");
		return false;
	}
	response_text(ret, 401, "A user and a password are needed");
	ret->challenge = "Basic realm=\"mail\", charset=\"UTF-8\"";
	return false;
}

bool
guard_header(const struct request *r, struct response *ret)
{
	/* What says who asks, and where the body ends: for all that read it. */
	static const char *const once[] = { "Host", "Origin", "Sec-Fetch-Site",
		"Sec-Fetch-Mode", "Sec-Fetch-Dest", "Authorization",
		"Content-Type", "Content-Length", "Transfer-Encoding" };
	const char *transfer = request_header(r, "Transfer-Encoding");
	const char *why = NULL;

	for (size_t i = 0; i < sizeof once / sizeof *once; i++) {
		if (request_count(r, once[i]) > 1)
			why = "A field is there twice";
	}
	if (transfer && request_header(r, "Content-Length"))
		why = "The body has two lengths";
	else if (transfer && strcasecmp(transfer, "chunked") != 0)
		why = "The body can be chunked, and nothing else";
	if (!why)
		return true;
	response_text(ret, 400, why);
	ret->is_last = true;
	return false;
}

bool
guard(struct request *r, struct response *ret)
{
	if (!is_for_us(r))
		return response_text(ret, 421,
			   "This is not for that host; --host=NAME says "
			   "otherwise"),
		       false;
	r->is_cross_site = is_other_site(r);
	if (!is_origin_ours(r) || (r->is_cross_site && !is_link(r)))
		return response_text(ret, 403, "Asked by another site"), false;
	if (is_change(r) && !is_json(r))
		return response_text(ret, 415, "The body is to be JSON"), false;
	if (r->is_body_too_big)
		return response_text(ret, 413, "That is too long"), false;
	return check_password(r, ret);
}
