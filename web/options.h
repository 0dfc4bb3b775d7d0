/* The command line of smtpdb-web. */
#ifndef WEB_OPTIONS_H
#define WEB_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

enum {
	WEB_VALUES_MAX = 32, /* values of --listen, and of --host */
};

struct web_options {
	const char *database;
	const char *listen[WEB_VALUES_MAX];
	size_t nlisten;
	const char *hosts[WEB_VALUES_MAX];
	size_t nhosts;
	const char *password_file;
	const char *user;
	bool read_only;
	bool allow_delete;
	bool no_confine;
};

/* Returns 0; or -1: the program ends with `*ret_status`. */
int web_options_read(
    int argc, char **argv, struct web_options *ret, int *ret_status);

#endif
