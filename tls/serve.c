/*
 * The process with the key.  Each session that is introduced waits here with its
 * connection until it asks for TLS; then a child takes the connection, and with
 * it whatever the client sends.  What the child reports goes to the writer, and
 * then, with the other end of the clear text, to the session:
 *
 *	listener ---- introduction ----> serve ---- facts ----> writer
 *	session ---- "begin" ----------> serve
 *	                                 serve ---- fork -----> child == client
 *	                                 serve <--- facts ----- child
 *	session <--- facts, clear text - serve
 *
 * A child that is taken over can lie about its own client, and no other.
 */
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../mail/wire.h"
#include "../server/confine.h"
#include "../server/helper.h"
#include "../server/log.h"
#include "private.h"

struct session {
	struct helper_session base;
	int clear; /* the end of the clear text that is given away; 0: none */
};

struct server {
	struct helper_server helper;
	const struct settings *settings;
	struct certs *certs;
};

static void
end_session(struct server *sv, struct session *s)
{
	if (s->clear > 0)
		close(s->clear);
	s->clear = 0;
	helper_end_session(&sv->helper, &s->base);
}

/*
 * Handshakes
 */

/* In the child: serves one client. */
static _Noreturn void
run_child(const struct server *sv, const struct session *s, SSL_CTX *server)
{
	struct client c = {
		.peer = s->base.peer,
		.in = HELPER_KEPT,
		.out = HELPER_KEPT + 1,
		.session = HELPER_KEPT + 2,
	};
	struct facts facts;

	if (!client_secure(&c, server, !sv->settings->no_confine, &facts))
		_exit(EX_OK);
	client_report(HELPER_PARENT, &facts);
	relay(&c);
	_exit(EX_OK);
}

/* False: logged. */
static bool
start_child(struct server *sv, struct session *s)
{
	SSL_CTX *server = certs_server(sv->certs, false);
	int clear[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, clear) < 0) {
		log_line(LOG_ERR, "no sockets for TLS: %s", strerror(errno));
		return false;
	}
	s->clear = clear[0];
	pid = helper_fork(&sv->helper, &s->base,
	    (int[]){ s->base.in, s->base.out, clear[1] }, HELPER_KEPT_MAX);
	if (pid == 0)
		run_child(sv, s, server);
	close(clear[1]);
	return pid > 0;
}

/* With the clear text. */
static void
tell_session(const struct session *s, const struct pack *m)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec data = { m->p, m->len };
	struct msghdr head = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof control,
	};

	memset(control, 0, sizeof control);
	*(struct cmsghdr *)control = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(sizeof(int)),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
	};
	memcpy(
	    CMSG_DATA((struct cmsghdr *)control), &s->clear, sizeof s->clear);
	sendmsg(s->base.link.fd, &head, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/*
 * Ignores the number of the session that the child says.  A session must not go
 * on if the writer cannot hear its facts.
 */
static void
read_report(struct server *sv, struct session *s)
{
	char message[WIRE_FACTS_MAX];
	struct pack out = { .p = message, .size = sizeof message };
	struct facts facts;
	int told = client_read_report(s->base.child.fd, MSG_DONTWAIT, &facts);

	if (told == 0)
		return;
	if (told > 0) {
		wire_begin(&out, WIRE_TELL);
		wire_write_facts(&out, s->base.number, &facts);
		if (helper_tell_writer(&sv->helper, &out))
			tell_session(s, &out);
	}
	end_session(sv, s);
}

/* A session asks once.  While its client shakes hands, it may give up. */
static void
read_link(struct server *sv, struct session *s)
{
	char octet;
	ssize_t n = recv(s->base.link.fd, &octet, 1, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != 1 || s->base.in < 0 || !start_child(sv, s))
		end_session(sv, s);
}

int
serve(const struct settings *settings, struct certs *certs)
{
	struct server sv = { .settings = settings, .certs = certs };
	struct helper_session *base;
	enum helper_event event;

	if (!helper_open(&sv.helper, "TLS", sizeof(struct session)))
		return EX_OSERR;
	if (!settings->no_confine)
		confine_prepare_tls();
	while ((event = helper_next(&sv.helper, &base)) != HELPER_END) {
		if (event == HELPER_LINK)
			read_link(&sv, (struct session *)base);
		else if (event == HELPER_CHILD)
			read_report(&sv, (struct session *)base);
		else
			certs_server(sv.certs, true);
	}
	helper_wait(&sv.helper);
	return EX_OK;
}
