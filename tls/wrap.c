/*
 * `smtpd-tls -- PROGRAM`, as a superserver starts it: the program gets the clear
 * text as its standard input and output, and what was negotiated in variables
 * of its environment, which have the names that ucspi-ssl gives them.
 */
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../server/log.h"
#include "../server/peer.h"
#include "private.h"

static void
set(const char *name, struct span value)
{
	char text[FACT_SIZE];

	snprintf(text, sizeof text, "%.*s", (int)value.len, value.p);
	setenv(name, text, 1);
}

/* Passes the client's address on, since the program cannot ask its socket. */
static void
set_variables(const struct client *c, const struct facts *facts)
{
	struct span tls = span_of(facts->text[FACT_TLS]);
	struct span version = span_word(&tls);
	char port[16];

	set("SSL_PROTOCOL", version);
	set("SSL_CIPHER", tls);
	unsetenv("SSL_CLIENT_S_DN");
	if (facts_has(facts, FACT_CLIENT_SUBJECT))
		set("SSL_CLIENT_S_DN",
		    span_of(facts->text[FACT_CLIENT_SUBJECT]));
	if (!peer_has_address(&c->peer))
		return;
	snprintf(port, sizeof port, "%d", c->peer.port);
	setenv("TCPREMOTEIP", c->peer.address, 1);
	setenv("TCPREMOTEPORT", port, 1);
}

/* In a process of its own, once the client has shaken hands.  Never returns. */
static void
become(const struct client *c, int report, char *const *argv, int session)
{
	struct facts facts;

	if (client_read_report(report, 0, &facts) <= 0)
		_exit(EX_OK);
	set_variables(c, &facts);
	/*
	 * Classic inetd has made standard error the client's connection as
	 * well: what were said there would stand between records of TLS.
	 */
	if (dup2(session, STDIN_FILENO) >= 0 &&
	    dup2(session, STDOUT_FILENO) >= 0 &&
	    (!peer_is_of_network(STDERR_FILENO) ||
		dup2(session, STDERR_FILENO) >= 0))
		execvp(argv[0], argv);
	log_line(LOG_ERR, "%s: %s", argv[0], strerror(errno));
	_exit(EX_UNAVAILABLE);
}

/*
 * The program is forked first, since who has read what a stranger sends can
 * start none.  This process is the one that the superserver waits for: it ends
 * when both have closed.
 */
int
wrap(const struct settings *settings, struct certs *certs, char *const *argv)
{
	struct client c = { .in = STDIN_FILENO, .out = STDOUT_FILENO };
	int clear[2], reports[2];
	struct facts facts;
	pid_t pid = -1;

	peer_find(c.in, &c.peer);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, clear) == 0 &&
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, reports) == 0)
		pid = fork();
	if (pid < 0) {
		log_line(LOG_ERR, "TLS: %s", strerror(errno));
		return EX_OSERR;
	}
	if (pid == 0) {
		close(clear[0]);
		close(reports[0]);
		become(&c, reports[1], argv, clear[1]);
	}
	close(clear[1]);
	close(reports[1]);
	c.session = clear[0];
	if (!client_secure(
		&c, certs_server(certs, false), !settings->no_confine, &facts))
		return EX_OK;
	client_report(reports[0], &facts);
	relay(&c);
	return EX_OK;
}
