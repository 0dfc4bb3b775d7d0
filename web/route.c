/*
 * Which function answers: the first row whose method and path are those of the
 * request.
 */
#include <stdlib.h>
#include <string.h>

#include "../mail/span.h"
#include "routes.h"

/* clang-format off */
static const struct row {
	const char *method;
	const char *path; /* "*" stands for what is between two slashes */
	void (*run)(struct request *r, struct response *ret);
} rows[] = {
	/* Pages. */
	{ "GET",    "/",                              page_list },
	{ "GET",    "/mail/*",                        page_mail },
	{ "GET",    "/mail/*/html",                   page_html },
	{ "GET",    "/mail/*/source",                 page_source },
	{ "GET",    "/mail/*/part/*",                 page_part },
	{ "GET",    "/rules",                         page_rules },
	{ "GET",    "/stats",                         page_stats },
	{ "GET",    "/doctor",                        page_doctor },
	{ "GET",    "/help",                          page_help },
	{ "GET",    "/file/*",                        page_file },
	{ "GET",    "/favicon.ico",                   page_icon },
	{ "GET",    "/events",                        events },
	/* Mailpit's API. */
	{ "GET",    "/api/v1/info",                   api_info },
	{ "GET",    "/api/v1/messages",               api_messages },
	{ "PUT",    "/api/v1/messages",               api_mark },
	{ "DELETE", "/api/v1/messages",               api_delete },
	{ "GET",    "/api/v1/search",                 api_search },
	{ "DELETE", "/api/v1/search",                 api_delete_found },
	{ "GET",    "/api/v1/message/*",              api_message },
	{ "GET",    "/api/v1/message/*/headers",      api_headers },
	{ "GET",    "/api/v1/message/*/raw",          page_source },
	{ "GET",    "/api/v1/message/*/part/*",       page_part },
	{ "GET",    "/api/v1/message/*/part/*/thumb", page_thumb },
	{ "GET",    "/api/v1/tags",                   api_tags },
	{ "GET",    "/api/v1/webui",                  api_config },
	{ "GET",    "/view/*.html",                   page_view_html },
	{ "GET",    "/view/*.txt",                    page_view_text },
	{ "GET",    "/metrics",                       page_metrics },
	{ "GET",    "/livez",                         api_live },
	{ "GET",    "/readyz",                        api_ready },
	/* MailHog's. */
	{ "GET",    "/api/v2/messages",               hog_messages },
	{ "GET",    "/api/v2/search",                 hog_search },
	{ "GET",    "/api/v1/messages/*",             hog_message },
	{ "DELETE", "/api/v1/messages/*",             hog_delete },
};
/* clang-format on */

/* Fills what stands for "*". */
static bool
is_path(const char *pattern, const char *path,
    char args[REQUEST_ARGS_MAX][REQUEST_ARG_SIZE])
{
	int n = 0;

	while (*pattern) {
		if (*pattern != '*') {
			if (*pattern++ != *path++)
				return false;
			continue;
		}
		size_t len = strcspn(path, "/");
		size_t rest = strlen(++pattern);

		/* "*.html": up to what stands behind it. */
		if (rest > 0 && *pattern != '/' && len > rest)
			len -= rest;
		if (len == 0 || len >= REQUEST_ARG_SIZE)
			return false;
		memcpy(args[n], path, len);
		args[n++][len] = '\0';
		path += len;
	}
	return *path == '\0';
}

void
route(struct request *r, struct response *ret)
{
	bool is_head = strcmp(r->method, "HEAD") == 0;
	const char *method = is_head ? "GET" : r->method;
	char *allowed = ret->allow;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (!is_path(rows[i].path, r->path, r->args))
			continue;
		if (strcmp(rows[i].method, method) == 0) {
			*ret->allow = '\0';
			rows[i].run(r, ret);
			return;
		}
		if (allowed != ret->allow)
			allowed = stpcpy(allowed, ", ");
		allowed = stpcpy(allowed, rows[i].method);
	}
	if (strncmp(ret->allow, "GET", 3) == 0)
		stpcpy(allowed, ", HEAD");
	if (*ret->allow)
		response_text(ret, 405, "Not with this method");
	else
		response_text(ret, 404, "There is no such page");
}
