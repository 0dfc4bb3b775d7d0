#include "usage.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *
usage_database(void)
{
	static char path[PATH_MAX];
	const char *from_env = getenv("SMTPD_DATABASE");
	const char *folder = getenv("STATE_DIRECTORY");

	if (from_env && *from_env)
		return from_env;
	if (!folder || !*folder)
		return "/var/lib/smtpd/mail.db";
	/* systemd lists several with ":"; ours is first. */
	snprintf(path, sizeof path, "%.*s/mail.db", (int)strcspn(folder, ":"),
	    folder);
	return path;
}

bool
usage_is_database(const char *path)
{
	return path[0] != '\0' && path[0] != ':';
}

void
usage_print(int letter, const char *name, const char *value, const char *help,
    int column)
{
	int width = letter ? printf("  -%c, --%s", letter, name)
			   : printf("      --%s", name);

	if (value)
		width += printf("=%s", value);
	for (;;) {
		int len = (int)strcspn(help, "\n");

		printf("%*s%.*s\n", column - width, "", len, help);
		if (help[len] == '\0')
			break;
		help += len + 1;
		width = 0;
	}
}
