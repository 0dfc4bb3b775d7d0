/*
 * An exchange by Dovecot's auth service (its protocol 1.2, doc.dovecot.org).
 * All our mechanisms are PLAIN to it: it gets name and password in one line,
 * and says OK or FAIL.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../mail/utf8.h"
#include "../server/log.h"
#include "private.h"

enum {
	CONNECT_SEC = 10,
	LINE_SIZE = 8192,
	LINES_MAX = 100, /* of its greeting */
	/* authzid NUL authcid NUL passwd */
	PLAIN_SIZE = BASE64_TEXT_SIZE,
};

struct dovecot {
	struct exchange *exchange;
	int fd;
	char input[LINE_SIZE];
	size_t len;
	char line[LINE_SIZE];          /* the last one read */
	char tried[AUTH_NAME_MAX + 1]; /* the name that was said, or "" */
};

int
dovecot_connect(const char *path)
{
	const struct timeval timeout = { .tv_sec = CONNECT_SEC };
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* It counts for connect(2) too, where nobody accepts. */
	if (fd >= 0)
		setsockopt(
		    fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
	if (strlen(path) >= sizeof to.sun_path)
		errno = ENAMETOOLONG;
	else
		strcpy(to.sun_path, path);
	if (fd >= 0 && to.sun_path[0] != '\0' &&
	    connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
		return fd;
	log_line(LOG_ERR, "--auth: %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

_Noreturn static void
conclude(const struct dovecot *d, enum auth_result result, const char *account)
{
	struct auth_answer a = { .result = result };

	if (*account)
		a.account = span_of(account);

	exchange_answer(d->exchange, &a);
	_exit(EX_OK);
}

static bool
write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		text += n;
		len -= (size_t)n;
	}
	return true;
}

/* Never returns when the parent is gone, whom nobody's word is for. */
static void
wait_for_word(const struct dovecot *d)
{
	struct pollfd p[2] = {
		{ .fd = d->fd, .events = POLLIN },
		{ .fd = d->exchange->parent }, /* for POLLHUP */
	};

	if (poll(p, 2, -1) > 0 && p[1].revents)
		_exit(EX_OK);
}

/* False: it is gone, or says too much. */
static bool
read_line(struct dovecot *d)
{
	char *lf;

	while (!(lf = memchr(d->input, '\n', d->len))) {
		ssize_t n;

		wait_for_word(d);
		n = d->len < sizeof d->input ? recv(d->fd, d->input + d->len,
						   sizeof d->input - d->len, 0)
					     : 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		d->len += (size_t)n;
	}
	*lf++ = '\0';
	memcpy(d->line, d->input, (size_t)(lf - d->input));
	d->len -= (size_t)(lf - d->input);
	memmove(d->input, lf, d->len);
	return true;
}

/* A field of the line, "name=value" or the name alone; NULL: it has none. */
static const char *
find_field(const char *line, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = line; (at = strchr(at, '\t'));) {
		at++;
		if (strncmp(at, name, len) != 0)
			continue;
		if (at[len] == '=')
			return at + len + 1;
		if (at[len] == '\t' || at[len] == '\0')
			return "";
	}
	return NULL;
}

/* Says who this is, and reads to the end of the greeting. */
static bool
shake_hands(struct dovecot *d)
{
	char hello[64];
	int n = snprintf(
	    hello, sizeof hello, "VERSION\t1\t1\nCPID\t%ld\n", (long)getpid());

	if (!write_all(d->fd, hello, (size_t)n))
		return false;
	for (int i = 0; i < LINES_MAX && read_line(d); i++) {
		if (strncmp(d->line, "VERSION\t", 8) == 0 &&
		    strncmp(d->line, "VERSION\t1\t", 10) != 0)
			return false;
		if (strcmp(d->line, "DONE") == 0)
			return true;
	}
	return false;
}

static bool
ask(struct dovecot *d, const char *base64)
{
	char request[BASE64_LINE_MAX + 512];
	const struct peer *p = &d->exchange->peer;
	int n = snprintf(request, sizeof request,
	    "AUTH\t1\tPLAIN\tservice=smtp\tnologin\tsecured%s%s\tresp=%s\n",
	    peer_has_address(p) ? "\trip=" : "",
	    peer_has_address(p) ? p->address : "", base64);

	return n > 0 && (size_t)n < sizeof request &&
	       write_all(d->fd, request, (size_t)n);
}

/* Passes on the answer to the one request; the account is in the line. */
_Noreturn static void
take_verdict(struct dovecot *d)
{
	const char *user;
	char account[AUTH_NAME_MAX + 1];
	size_t len;

	do {
		if (!read_line(d))
			conclude(d, AUTH_TROUBLE, "");
	} while (strncmp(d->line, "OK\t1", 4) != 0 &&
		 strncmp(d->line, "FAIL\t1", 6) != 0 &&
		 strncmp(d->line, "CONT\t1", 6) != 0);
	if (d->line[0] == 'F')
		conclude(d,
		    find_field(d->line, "temp") ? AUTH_TROUBLE : AUTH_REFUSED,
		    d->tried);
	user = d->line[0] == 'O' ? find_field(d->line, "user") : NULL;
	len = user ? strcspn(user, "\t") : 0;
	if (len > 0 && len < sizeof account &&
	    utf8_is_printable((struct span){ user, len })) {
		memcpy(account, user, len);
		account[len] = '\0';
		conclude(d, AUTH_DONE, account);
	}
	conclude(d, AUTH_TROUBLE, "");
}

/*
 * Responses
 */

/* The next response, after this prompt; its octets. */
static size_t
prompt(struct dovecot *d, const char *text, char *ret)
{
	char base64[64];
	struct auth_answer a = { .result = AUTH_MORE };

	a.challenge =
	    (struct span){ base64, base64_write(span_of(text), base64) };
	exchange_answer(d->exchange, &a);
	return base64_read(exchange_read(d->exchange).response, ret);
}

/* For the log, where Dovecot refuses it. */
static void
keep_name(struct dovecot *d, struct span name)
{
	if (name.len == 0 || name.len > AUTH_NAME_MAX ||
	    !utf8_is_printable(name))
		return;
	memcpy(d->tried, name.p, name.len);
	d->tried[name.len] = '\0';
}

/* What PLAIN would say.  False: it cannot. */
static bool
read_credentials(struct dovecot *d, struct auth_step step, char *ret_base64)
{
	static char plain[PLAIN_SIZE], text[PLAIN_SIZE];
	size_t len = step.response.p ? base64_read(step.response, text) : 0;
	struct span name;
	size_t name_len;

	if (span_is(step.mechanism, "PLAIN")) {
		if (!step.response.p)
			len = prompt(d, "", text);
		if (auth_read_plain((struct span){ text, len }, &name))
			keep_name(d, name);
		return base64_write((struct span){ text, len }, ret_base64) > 0;
	}
	if (!step.response.p)
		len = prompt(d, "Username:", text);
	if (len == 0 || len > AUTH_NAME_MAX || memchr(text, '\0', len))
		return false;
	keep_name(d, (struct span){ text, len });
	memcpy(plain + 1, text, len);
	name_len = len;
	len = prompt(d, "Password:", text);
	if (memchr(text, '\0', len) || len + name_len + 2 > sizeof plain ||
	    len + name_len + 2 > BASE64_LINE_MAX / 4 * 3)
		return false;
	memcpy(plain + name_len + 2, text, len);
	base64_write((struct span){ plain, len + name_len + 2 }, ret_base64);
	return true;
}

void
dovecot_run(struct exchange *x, int fd)
{
	static struct dovecot d;
	static char base64[BASE64_LINE_MAX + 8];
	struct auth_step step = exchange_read(x);

	d.exchange = x;
	d.fd = fd;
	if (fd < 0)
		conclude(&d, AUTH_TROUBLE, "");
	if (!read_credentials(&d, step, base64))
		conclude(&d, AUTH_MALFORMED, "");
	if (!shake_hands(&d) || !ask(&d, base64))
		conclude(&d, AUTH_TROUBLE, "");
	take_verdict(&d);
}
