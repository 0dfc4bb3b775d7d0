/*
 * An SMTP client that has many sessions at once and measures how long the
 * final dot waits for its 250:
 *
 *	bench/latency PORT SESSIONS MAILS OCTETS DATA|BDAT
 *
 * Each of SESSIONS connections to PORT of 127.0.0.1 sends MAILS mails of
 * OCTETS octets, each command after the reply to the one before.  Prints
 * milliseconds from the last octet of a mail to its 250.
 *
 *	BANNER -> EHLO -> MAIL -> RCPT -> DATA -> TEXT -> QUIT
 *	                    ^      BDAT:   +-----> |
 *	                    +----------------------+
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <err.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "sample.h"

enum step { /* whose reply is awaited */
	BANNER,
	EHLO,
	MAIL,
	RCPT,
	DATA,
	TEXT,
	QUIT,
};

enum {
	LINE_OCTETS = 64,
	REPLY_MAX = 4096,
};

struct load {
	long sessions, mails;
	bool chunking;
	char chunk[64]; /* the BDAT command */
	char *text;     /* of every mail, with the final dot after DATA */
	size_t text_len;
	int epoll;
	double *ms;
	size_t nms;
};

struct client {
	int fd;
	enum step at;
	long mails_left;
	size_t sent; /* of the text */
	double sent_at;
	char reply[REPLY_MAX];
	size_t reply_len;
};

/* Whole lines, rounded up. */
static void
make_text(struct load *l, size_t octets)
{
	size_t lines = (octets + LINE_OCTETS - 1) / LINE_OCTETS;

	l->text_len = lines * LINE_OCTETS;
	l->text = malloc(l->text_len + 3);
	if (!l->text)
		err(EX_OSERR, "%zu octets", l->text_len);
	memset(l->text, 'x', l->text_len);
	for (size_t i = 1; i <= lines; i++)
		memcpy(l->text + i * LINE_OCTETS - 2, "\r\n", 2);
	/* Some want a header. */
	memcpy(l->text, "Subject: ", 9);
	memcpy(l->text + LINE_OCTETS - 4, "\r\n", 2);
	snprintf(l->chunk, sizeof l->chunk, "BDAT %zu LAST\r\n", l->text_len);
	if (l->chunking)
		return;
	memcpy(l->text + l->text_len, ".\r\n", 3);
	l->text_len += 3;
}

static void
watch(const struct load *l, struct client *c, int operation, unsigned events)
{
	struct epoll_event e = { .events = events, .data.ptr = c };

	if (epoll_ctl(l->epoll, operation, c->fd, &e) < 0)
		err(EX_OSERR, "epoll_ctl");
}

static void
begin(const struct load *l, struct client *c, unsigned port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	int on = 1;

	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 ||
	    connect(c->fd, (const struct sockaddr *)&to, sizeof to) < 0)
		err(EX_UNAVAILABLE, "port %u", port);
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	c->at = BANNER;
	c->mails_left = l->mails;
	watch(l, c, EPOLL_CTL_ADD, EPOLLIN);
}

static void
say(const struct client *c, const char *text, int flags)
{
	size_t len = strlen(text);

	if (send(c->fd, text, len, MSG_NOSIGNAL | flags) != (ssize_t)len)
		err(EX_IOERR, "send");
}

/* As much as goes; the rest when there is room. */
static void
send_text(const struct load *l, struct client *c)
{
	while (c->sent < l->text_len) {
		ssize_t n = send(c->fd, l->text + c->sent,
		    l->text_len - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EAGAIN) {
			watch(l, c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
			return;
		}
		if (n < 0)
			err(EX_IOERR, "send");
		c->sent += (size_t)n;
	}
	c->sent_at = sample_now_ms();
	watch(l, c, EPOLL_CTL_MOD, EPOLLIN);
}

static void
begin_text(const struct load *l, struct client *c)
{
	c->at = TEXT;
	c->sent = 0;
	send_text(l, c);
}

static void
begin_mail(struct client *c)
{
	c->at = c->mails_left > 0 ? MAIL : QUIT;
	say(c,
	    c->at == MAIL ? "MAIL FROM:<sender@client.example>\r\n"
			  : "QUIT\r\n",
	    0);
}

/* The reply to the step at hand is there. */
static void
go_on(struct load *l, struct client *c)
{
	switch (c->at) {
	case BANNER:
		say(c, "EHLO client.example\r\n", 0);
		c->at = EHLO;
		return;
	case EHLO:
		begin_mail(c);
		return;
	case MAIL:
		say(c, "RCPT TO:<alice@mx.example>\r\n", 0);
		c->at = RCPT;
		return;
	case RCPT:
		say(c, l->chunking ? l->chunk : "DATA\r\n",
		    l->chunking ? MSG_MORE : 0);
		c->at = DATA;
		if (l->chunking)
			begin_text(l, c);
		return;
	case DATA:
		begin_text(l, c);
		return;
	case TEXT:
		l->ms[l->nms++] = sample_now_ms() - c->sent_at;
		c->mails_left--;
		begin_mail(c);
		return;
	case QUIT:
		return;
	}
}

/* Is the last line of what was read the last of a reply? */
static bool
is_whole(const struct client *c)
{
	const char *end = c->reply + c->reply_len;
	const char *line = end - 2;

	if (c->reply_len < 6 || memcmp(line, "\r\n", 2) != 0)
		return false;
	while (line > c->reply && line[-1] != '\n')
		line--;
	return line[3] == ' ';
}

/* False: the session is over. */
static bool
read_reply(struct load *l, struct client *c)
{
	ssize_t n = recv(c->fd, c->reply + c->reply_len,
	    sizeof c->reply - c->reply_len, MSG_DONTWAIT);
	char wanted = c->at == DATA ? '3' : '2';

	if (n < 0 && errno == EAGAIN)
		return true;
	if (n <= 0 && c->at == QUIT)
		return false;
	if (n <= 0)
		errx(EX_PROTOCOL, "closed before step %d was answered", c->at);
	c->reply_len += (size_t)n;
	if (!is_whole(c))
		return true;
	if (c->reply[0] != wanted)
		errx(EX_PROTOCOL, "step %d was answered: %.*s", c->at,
		    (int)c->reply_len, c->reply);
	c->reply_len = 0;
	if (c->at == QUIT)
		return false;
	go_on(l, c);
	return true;
}

static void
run(struct load *l, struct client *clients, unsigned port)
{
	long left = l->sessions;

	for (long i = 0; i < l->sessions; i++)
		begin(l, &clients[i], port);
	while (left > 0) {
		struct epoll_event events[64];
		int n = epoll_wait(l->epoll, events, 64, 60000);

		if (n == 0)
			errx(EX_TEMPFAIL, "nothing happens any more");
		for (int i = 0; i < n; i++) {
			struct client *c = events[i].data.ptr;

			if (events[i].events & EPOLLOUT)
				send_text(l, c);
			if ((events[i].events & ~(unsigned)EPOLLOUT) &&
			    !read_reply(l, c)) {
				close(c->fd);
				left--;
			}
		}
	}
}

int
main(int argc, char **argv)
{
	struct load l = { 0 };
	struct client *clients;
	double start, seconds;

	if (argc != 6)
		errx(EX_USAGE, "usage: %s PORT SESSIONS MAILS OCTETS DATA|BDAT",
		    argv[0]);
	l.sessions = strtol(argv[2], NULL, 10);
	l.mails = strtol(argv[3], NULL, 10);
	l.chunking = strcmp(argv[5], "BDAT") == 0;
	if (l.sessions <= 0 || l.mails <= 0)
		errx(EX_USAGE, "nothing to do");
	make_text(&l, strtoul(argv[4], NULL, 10));
	l.ms = calloc((size_t)(l.sessions * l.mails), sizeof *l.ms);
	clients = calloc((size_t)l.sessions, sizeof *clients);
	l.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!l.ms || !clients || l.epoll < 0)
		err(EX_OSERR, "%ld sessions", l.sessions);

	start = sample_now_ms();
	run(&l, clients, (unsigned)strtoul(argv[1], NULL, 10));
	seconds = (sample_now_ms() - start) / 1e3;
	sample_sort(l.ms, l.nms);
	printf("mails=%zu seconds=%.4f p50=%.3f p99=%.3f max=%.3f\n", l.nms,
	    seconds, sample_quantile(l.ms, l.nms, 0.5),
	    sample_quantile(l.ms, l.nms, 0.99),
	    sample_quantile(l.ms, l.nms, 1));
	free(l.ms);
	free(l.text);
	free(clients);
	return 0;
}
