/* What the pages share. */
#ifndef WEB_PAGE_H
#define WEB_PAGE_H

#include "request.h"
#include "template.h"

enum {
	PAGE_NUMBER_SIZE = 24,
	PAGE_SIZE_SIZE = 16,
	PAGE_TIME_SIZE = 40,
};

/* Puts `main` into the layout, and frees it. */
void page_end(struct request *r, struct response *ret, unsigned status,
    const char *title, struct text *main);
/* Makes a page that tells only what went wrong. */
void page_fail(
    struct request *r, struct response *ret, unsigned status, const char *why);

/*
 * Does the request want pictures of other hosts?  A link on another site cannot
 * have them fetched.
 */
bool page_is_remote(const struct request *r);

const char *page_number(int64_t n, char ret[PAGE_NUMBER_SIZE]);
/* "1.2 MB" */
const char *page_size(int64_t octets, char ret[PAGE_SIZE_SIZE]);
/* "2026-11-21 20:41:05 +0100", of this host. */
const char *page_time(int64_t seconds, char ret[PAGE_TIME_SIZE]);

/* page_links.c */

/*
 * Adds the text with its links, which open in a window without access to ours.
 */
void links_add(struct text *to, struct span text);
/*
 * Returns a list of the links of a mail's HTML, each once, since in the frame
 * of the mail they lead nowhere; to be freed.
 */
char *links_of_html(const struct letter *l);

#endif
