#include "program.h"

#include <libgen.h>
#include <limits.h>
#include <unistd.h>

#include "../mime/text.h"

void
program_run(const char *name, char *const *args)
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof path - 1);

	if (len > 0) {
		struct text beside = { 0 };

		path[len] = '\0';
		text_add(&beside, span_of(dirname(path)));
		text_add_char(&beside, '/');
		text_add(&beside, span_of(name));
		execv(beside.p, args);
		text_free(&beside);
	}
	execvp(name, args);
}
