/* The functions that answer, by what they are of; route.c has their paths. */
#ifndef WEB_ROUTES_H
#define WEB_ROUTES_H

#include "../mime/json.h"
#include "request.h"

typedef void answers(struct request *r, struct response *ret);

/* page.c, page_mail.c, page_more.c, page_part.c: for people. */
answers page_list, page_mail, page_html, page_source, page_part, page_thumb;
answers page_rules, page_stats, page_doctor, page_help, page_file, page_icon;
answers page_view_html, page_view_text, page_metrics, events;

/* api.c, api_change.c: what Mailpit's clients ask. */
answers api_info, api_config, api_messages, api_search, api_message,
    api_headers, api_tags;
answers api_mark, api_delete, api_delete_found, api_live, api_ready;

/* hog.c: what MailHog's ask. */
answers hog_messages, hog_search, hog_message, hog_delete;

/* {"Received":["...","..."],"Subject":["..."]}: the fields, by their names. */
void add_headers(struct json *j, const char *name, const struct letter *l);
#endif
