#include "service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULTS "/etc/default/smtpd"

enum {
	DEFAULTS_MAX = 64 * 1024,
};

static char *
read_defaults(void)
{
	FILE *f = fopen(DEFAULTS, "re");
	char *text = f ? malloc(DEFAULTS_MAX) : NULL;
	size_t len = text ? fread(text, 1, DEFAULTS_MAX - 1, f) : 0;

	if (text)
		text[len] = '\0';
	if (f)
		fclose(f);
	return text;
}

/* Looks for the option in a line, unless the line is commented out. */
static void
take_line(char *line, const char *prefix, service_takes *take, void *arg)
{
	size_t len = strcspn(prefix, "=");
	bool has_value = prefix[len] == '=';
	char *word;

	if (line[strspn(line, " \t")] == '#')
		return;
	while ((word = strsep(&line, " \t\"'="))) {
		/* "=" ends the name of the variable, and stands in options. */
		if (strncmp(word, prefix, len) != 0 || word[len] != '\0' ||
		    (has_value && !line))
			continue;
		word = has_value ? strsep(&line, " \t\"'") : "";
		take(word, arg);
	}
}

void
service_each(const char *prefix, service_takes *take, void *arg)
{
	const char *given = getenv("SMTPD_OPTIONS");
	char *text = given ? strdup(given) : read_defaults();
	char *rest = text, *line;

	while (rest && (line = strsep(&rest, "\n")))
		take_line(line, prefix, take, arg);
	free(text);
}

static void
keep(const char *value, void *arg)
{
	char **last = arg;

	free(*last);
	*last = strdup(value);
}

char *
service_option(const char *prefix)
{
	char *value = NULL;

	service_each(prefix, keep, &value);
	return value;
}

bool
service_is_known(void)
{
	char *text = getenv("SMTPD_OPTIONS") ? strdup("") : read_defaults();
	bool is_known = text != NULL;

	/* Landlock lets access(2) say yes of what it lets nobody open. */
	free(text);
	return is_known;
}
