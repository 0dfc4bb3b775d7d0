/* What a tag of HTML does.  For html.c and html_tag.c only. */
#ifndef HTML_TAG_H
#define HTML_TAG_H

#include "html_layout.h"
#include "html_names.h"

enum html_tag {
	HTML_TAG_DONE,
	HTML_TAG_HIDES, /* nothing is text until "</name" */
};

/*
 * `tag` is what stands between "<" and ">"; `ret_name` gets its name in lower
 * case.
 */
enum html_tag html_tag(
    struct layout *l, struct span tag, char ret_name[HTML_NAME_MAX + 1]);

#endif
