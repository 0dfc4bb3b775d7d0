/*
 * Speaks the dialogue of a mail on standard input and output and stores
 * nothing: what a process per connection costs before it does anything.
 * Understands no more than its clients here send.
 */
#include <err.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>
#include <unistd.h>

static const char ehlo[] = "250-mx.example\r\n250-PIPELINING\r\n"
			   "250-SIZE 104857600\r\n250-8BITMIME\r\n"
			   "250-ENHANCEDSTATUSCODES\r\n250-CHUNKING\r\n"
			   "250 HELP\r\n";

static char input[64 * 1024];
static size_t len;

static void
say(const char *text)
{
	if (write(STDOUT_FILENO, text, strlen(text)) < 0)
		_exit(0);
}

/* Makes room and reads on; false: the client has gone. */
static bool
read_more(void)
{
	ssize_t n;

	if (len == sizeof input)
		errx(EX_PROTOCOL, "a line is too long");
	n = read(STDIN_FILENO, input + len, sizeof input - len);
	if (n <= 0)
		return false;
	len += (size_t)n;
	return true;
}

static void
drop(size_t octets)
{
	len -= octets;
	memmove(input, input + octets, len);
}

/* Reads up to the final dot, of which the last octets read may be a part. */
static void
skip_text(void)
{
	static const char end[] = "\r\n.\r\n";
	const size_t end_len = sizeof end - 1;
	const char *dot;

	while (!(dot = memmem(input, len, end, end_len))) {
		if (len > end_len)
			drop(len - end_len);
		if (!read_more())
			_exit(0);
	}
	drop((size_t)(dot - input) + end_len);
}

/* Answers one line; false: it was QUIT. */
static bool
answer(const char *line)
{
	if (strncasecmp(line, "DATA", 4) == 0) {
		say("354 End with <CRLF>.<CRLF>\r\n");
		return true;
	}
	if (strncasecmp(line, "QUIT", 4) == 0) {
		say("221 2.0.0 mx.example closing connection\r\n");
		return false;
	}
	say(strncasecmp(line, "EHLO", 4) == 0 ? ehlo : "250 2.0.0 OK\r\n");
	return true;
}

int
main(void)
{
	say("220 mx.example ESMTP\r\n");
	for (;;) {
		char *lf = memchr(input, '\n', len);
		bool data;

		if (!lf) {
			if (!read_more())
				return 0;
			continue;
		}
		data = strncasecmp(input, "DATA", 4) == 0;
		if (!answer(input))
			return 0;
		drop((size_t)(lf + 1 - input));
		if (data) {
			skip_text();
			say("250 2.0.0 OK\r\n");
		}
	}
}
