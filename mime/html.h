/*
 * HTML as text that can be read: blocks, lists, quotes and preformatted text
 * keep their lines, links keep their URLs ("Reset password <https://...>"),
 * images are their alternative text.
 */
#ifndef HTML_H
#define HTML_H

#include "text.h"

struct html;

/*
 * UTF-8 goes in, in pieces of whole characters, and text comes out into `to`.
 * html_end() ends and frees it; false: the sink wanted no more.
 */
struct html *html_begin(struct sink to);
struct sink html_sink(struct html *h);
bool html_end(struct html *h);

/* The charset that a document names near its start; empty: none. */
struct span html_charset(struct span octets);

#endif
