/* HTML as text that can be read, for mails that come in nothing else. */
#ifndef READER_HTML_H
#define READER_HTML_H

/*
 * Takes the tags out, and what is in <head>, <script> and <style>; breaks lines
 * where blocks end.  `html` is UTF-8 or nearly; to be freed.
 */
char *html_to_text(const char *html);

#endif
