/* The loop: connections, requests that wait for mail, and changes. */
#ifndef WEB_SERVE_H
#define WEB_SERVE_H

#include "request.h"

struct serve_conf {
	const int *listening;
	size_t nlistening;
	int connection; /* the one to serve, where none listens; -1 */
	int signals;    /* a signalfd that says when to end */
};

/* Returns when a signal says so, or the one connection has ended.  0 or -1. */
int serve(struct web *w, const struct serve_conf *conf);

#endif
