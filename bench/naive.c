/*
 * What one would write in an afternoon: an SMTP server whose processes each have a
 * connection to PostgreSQL, and for each mail a transaction of two INSERTs.  It
 * looks at no address, keeps to no limit, and trusts its client:
 *
 *	bench/naive CONNINFO PROCESSES [each] < listening socket
 *
 * With "each", a connection to PostgreSQL is made for each client, as by what inetd
 * starts.
 */
#include <sys/prctl.h>
#include <sys/socket.h>

#include <err.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include <libpq-fe.h>

enum {
	MAIL_MAX = 1 << 20,
	LINE_SIZE = 1024,
};

struct mail {
	char from[LINE_SIZE], to[LINE_SIZE];
	char text[MAIL_MAX];
	size_t len;
};

static bool
run(PGconn *c, const char *sql, int n, const char *const values[],
    const int lengths[], const int formats[], char *ret, size_t size)
{
	PGresult *r =
	    n < 0 ? PQexec(c, sql)
		  : PQexecPrepared(c, sql, n, values, lengths, formats, 0);
	bool ok = PQresultStatus(r) == PGRES_COMMAND_OK ||
		  PQresultStatus(r) == PGRES_TUPLES_OK;

	if (!ok)
		warnx("%s", PQerrorMessage(c));
	if (ok && ret)
		snprintf(ret, size, "%s", PQgetvalue(r, 0, 0));
	PQclear(r);
	return ok;
}

static bool
store(PGconn *c, const struct mail *m, char *id, size_t size)
{
	const char *message[] = { m->from, m->text };
	const char *recipient[] = { id, m->to };
	const int lengths[] = { 0, (int)m->len }, formats[] = { 0, 1 };

	return run(c, "BEGIN", -1, NULL, NULL, NULL, NULL, 0) &&
	       run(c, "message", 2, message, lengths, formats, id, size) &&
	       run(c, "recipient", 2, recipient, NULL, NULL, NULL, 0) &&
	       run(c, "COMMIT", -1, NULL, NULL, NULL, NULL, 0);
}

static bool
is_verb(const char *line, const char *verb)
{
	return strncasecmp(line, verb, 4) == 0;
}

static void
take_data(FILE *f, struct mail *m)
{
	char line[LINE_SIZE];

	m->len = 0;
	while (fgets(line, sizeof line, f) && strcmp(line, ".\r\n") != 0) {
		const char *text = line[0] == '.' ? line + 1 : line;
		size_t len = strlen(text);

		if (m->len + len > MAIL_MAX)
			continue;
		memcpy(m->text + m->len, text, len);
		m->len += len;
	}
}

static void
serve(PGconn *c, FILE *in, FILE *out, struct mail *m)
{
	char line[LINE_SIZE], id[32];

	fputs("220 naive\r\n", out);
	while (fflush(out) == 0 && fgets(line, sizeof line, in)) {
		const char *reply = "250 OK";

		if (is_verb(line, "MAIL")) {
			snprintf(m->from, sizeof m->from, "%s", line + 10);
		} else if (is_verb(line, "RCPT")) {
			snprintf(m->to, sizeof m->to, "%s", line + 8);
		} else if (is_verb(line, "DATA")) {
			fputs("354 Go on\r\n", out);
			fflush(out);
			take_data(in, m);
			if (!store(c, m, id, sizeof id))
				reply = "451 Trouble";
		}
		fprintf(out, "%s\r\n", reply);
		if (is_verb(line, "QUIT"))
			return;
	}
}

static PGconn *
connect_to(const char *conninfo)
{
	PGconn *c = PQconnectdb(conninfo);

	if (PQstatus(c) != CONNECTION_OK)
		errx(EX_UNAVAILABLE, "%s", PQerrorMessage(c));
	PQclear(PQprepare(c, "message",
	    "INSERT INTO naive_message (received_at, client_address, helo,"
	    " reverse_path, trace, data) VALUES (1, '127.0.0.1', 'x', $1,"
	    " repeat('t', 200), $2) RETURNING id",
	    0, NULL));
	PQclear(PQprepare(c, "recipient",
	    "INSERT INTO naive_recipient VALUES ($1, 1, $2)", 0, NULL));
	return c;
}

static void
be_a_server(const char *conninfo, bool each)
{
	PGconn *c = each ? NULL : connect_to(conninfo);
	struct mail *m = calloc(1, sizeof *m);

	if (!m)
		err(EX_OSERR, "a mail");
	for (;;) {
		int fd = accept(STDIN_FILENO, NULL, NULL);
		FILE *in = fdopen(fd, "r"), *out = fdopen(dup(fd), "w");

		if (!in || !out)
			err(EX_OSERR, "accept");
		if (each)
			c = connect_to(conninfo);
		serve(c, in, out, m);
		fclose(in);
		fclose(out);
		if (each)
			PQfinish(c);
	}
}

int
main(int argc, char **argv)
{
	int n = argc == 3 || argc == 4 ? atoi(argv[2]) : 0;

	if (n < 1)
		errx(EX_USAGE, "usage: naive CONNINFO PROCESSES [each]");
	signal(SIGPIPE, SIG_IGN);
	/* They end with who started them. */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	for (int i = 1; i < n; i++) {
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGTERM);
			break;
		}
	}
	be_a_server(argv[1], argc == 4);
}
