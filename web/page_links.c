/*
 * Links in the text of a mail.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "page.h"
#include "routes.h"

enum {
	URL_MAX = 2000,
	LINKS_MAX = 100, /* links of one mail's HTML that are listed */
};

/* Returns the length of the URL that the text begins with; 0: none. */
static size_t
url_len(struct span text)
{
	size_t len = 0;

	if ((text.len < 8 || strncasecmp(text.p, "https://", 8) != 0) &&
	    (text.len < 7 || strncasecmp(text.p, "http://", 7) != 0))
		return 0;
	while (len < text.len && len < URL_MAX &&
	       (unsigned char)text.p[len] > ' ' &&
	       (unsigned char)text.p[len] < 0x7F &&
	       !strchr("<>\"'`{}|\\^", text.p[len]))
		len++;
	while (len > 0 && strchr(".,;:!?)]", text.p[len - 1]))
		len--;
	return len > 8 ? len : 0;
}

void
links_add(struct text *to, struct span text)
{
	size_t plain = 0;

	while (plain < text.len) {
		struct span rest = { text.p + plain, text.len - plain };
		size_t len = (*rest.p | 0x20) == 'h' ? url_len(rest) : 0;
		struct text url = { 0 };

		if (len == 0) {
			plain++;
			continue;
		}
		template_escape(to, (struct span){ text.p, plain });
		text_add(&url, (struct span){ rest.p, len });
		template_write(to, "link.html",
		    (struct value[]){ { "url", url.p }, { NULL, NULL } });
		text_free(&url);
		text = (struct span){ rest.p + len, rest.len - len };
		plain = 0;
	}
	template_escape(to, text);
}

/* Returns the HTML as text, in which links stand; to be freed. */
static char *
html_as_text(const struct letter *l, size_t *ret_len)
{
	struct text t = { 0 };

	for (size_t i = 0; i < mime_nparts(l->mime); i++) {
		if (part_role(mime_part(l->mime, i)) == PART_HTML)
			mime_text(mime_part(l->mime, i), sink_to_text(&t));
	}
	*ret_len = t.len;
	return text_take(&t);
}

static bool
is_among(char *const *urls, size_t n, struct span url)
{
	for (size_t i = 0; i < n; i++) {
		if (strlen(urls[i]) == url.len &&
		    memcmp(urls[i], url.p, url.len) == 0)
			return true;
	}
	return false;
}

char *
links_of_html(const struct letter *l)
{
	char *urls[LINKS_MAX];
	struct text t = { 0 };
	size_t n = 0, left;
	char *plain = html_as_text(l, &left);

	for (const char *p = plain; left > 0 && n < LINKS_MAX;) {
		size_t len =
		    (*p | 0x20) == 'h' ? url_len((struct span){ p, left }) : 0;
		struct text url = { 0 };

		if (len > 0 && !is_among(urls, n, (struct span){ p, len })) {
			text_add(&url, (struct span){ p, len });
			urls[n] = text_take(&url);
			template_write(&t, "link-item.html",
			    (struct value[]){
				{ "url", urls[n++] },
				{ NULL, NULL },
			    });
		}
		p += len > 0 ? len : 1;
		left -= len > 0 ? len : 1;
	}
	while (n > 0)
		free(urls[--n]);
	free(plain);
	return text_take(&t);
}
