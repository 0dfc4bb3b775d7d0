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

/* Returns the host's name without the port; false: there is none. */
static bool
host_name(const char *host, char ret[REQUEST_HOST_SIZE])
{
	size_t len = strlen(host);
	const char *end = host[0] == '[' ? strchr(host, ']') : NULL;

	if (end)
		len = (size_t)(end - host) - 1;
	else if (strrchr(host, ':'))
		len = (size_t)(strrchr(host, ':') - host);
	if (len == 0 || len >= REQUEST_HOST_SIZE)
		return false;
	memcpy(ret, host + (end != NULL), len);
	ret[len] = '\0';
	return true;
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

	if (r->is_by_path && r->web->options->nhosts == 0)
		return true;
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
