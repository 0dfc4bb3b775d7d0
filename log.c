#include "log.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"

static enum {
	TO_STDERR,  /* a person reads it */
	TO_JOURNAL, /* stderr, with sd-daemon(3)'s "<N>" before each line */
	TO_SYSLOG,
} target;

/* Is stderr this very file, or not even open? */
static bool
stderr_is_unfit(int connection)
{
	struct stat err, other;

	if (fstat(STDERR_FILENO, &err) < 0)
		return true;
	return connection >= 0 && fstat(connection, &other) == 0 &&
	       S_ISSOCK(err.st_mode) && err.st_dev == other.st_dev &&
	       err.st_ino == other.st_ino;
}

/* systemd.exec(5): JOURNAL_STREAM has the device and inode of the stream. */
static bool
stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat err;

	return stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &err) == 0 && err.st_dev == device &&
	       err.st_ino == inode;
}

void
log_open(int connection)
{
	if (stderr_is_unfit(connection)) {
		target = TO_SYSLOG;
		openlog("smtpd", LOG_PID, LOG_MAIL);
	} else if (stderr_is_journal()) {
		target = TO_JOURNAL;
	}
}

/* One write a line, so that the lines of many processes do not mix. */
static void
write_stderr(const char *line, size_t len)
{
	while (write(STDERR_FILENO, line, len) < 0 && errno == EINTR)
		;
}

void
log_line(int priority, const char *format, ...)
{
	char line[2048];
	size_t len;
	va_list args;

	if (target == TO_STDERR && priority == LOG_DEBUG)
		return;
	if (target == TO_JOURNAL)
		snprintf(line, sizeof line, "<%d>", priority);
	else
		snprintf(line, sizeof line, "smtpd: ");
	len = strlen(line);
	va_start(args, format);
	if (target == TO_SYSLOG) {
		vsyslog(priority, format, args);
		va_end(args);
		return;
	}
	vsnprintf(line + len, sizeof line - len - 1, format, args);
	va_end(args);
	len = strlen(line);
	line[len++] = '\n';
	write_stderr(line, len);
}

const char *
log_quote(struct span text, char ret[LOG_QUOTED_MAX])
{
	bool utf8 = address_is_utf8(text);
	size_t len = 0;

	ret[len++] = '"';
	for (size_t i = 0; i < text.len && len < LOG_QUOTED_MAX - 6; i++) {
		unsigned char octet = (unsigned char)text.p[i];

		if (octet < 0x20 || octet == 0x7f || (octet >= 0x80 && !utf8) ||
		    octet == '"' || octet == '\\')
			len += (size_t)snprintf(ret + len, 5, "\\x%02x", octet);
		else
			ret[len++] = (char)octet;
	}
	ret[len++] = '"';
	ret[len] = '\0';
	return ret;
}
