#include "client.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <criterion/criterion.h>

enum {
	DEADLINE_MS = 60000, /* for each thing waited for */
};

const char *const client_way_names[CLIENT_WAY__COUNT] = {
	[CLIENT_SOCKET] = "socket",
	[CLIENT_PIPES] = "pipes",
	[CLIENT_FILE] = "file",
	[CLIENT_LISTENER] = "listener",
};

/*
 * The folder
 */

void
folder_make(struct folder *f)
{
	strcpy(f->path, "/tmp/smtpd-test-XXXXXX");
	cr_assert(mkdtemp(f->path), "mkdtemp: %s", strerror(errno));
	snprintf(f->database, sizeof f->database, "%s/mail.db", f->path);
	snprintf(f->log, sizeof f->log, "%s/log", f->path);
	snprintf(f->input, sizeof f->input, "%s/input", f->path);
	f->option = f->client = "";
}

void
folder_remove(const struct folder *f)
{
	DIR *d = opendir(f->path);
	struct dirent *e;

	while (d && (e = readdir(d)))
		unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	rmdir(f->path);
}

void
folder_add_log(
    const struct folder *f, enum client_way way, struct script_error *error)
{
	size_t size = sizeof error->text, len = strlen(error->text);
	FILE *log = fopen(f->log, "r");

	if (len + 16 < size)
		len += (size_t)snprintf(error->text + len, size - len,
		    " (%s)\n", client_way_names[way]);
	if (!log)
		return;
	len += fread(error->text + len, 1, size - len - 1, log);
	error->text[len] = '\0';
	fclose(log);
}

/*
 * The program
 */

enum {
	ARGS_MAX = 16,
	ARG_SIZE = 512
};

struct command {
	char text[ARGS_MAX][ARG_SIZE];
	char *args[ARGS_MAX + 1];
	unsigned nargs;
};

__attribute__((format(printf, 2, 3))) static void
add_arg(struct command *c, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(c->text[c->nargs], ARG_SIZE, format, list);
	va_end(list);
	c->args[c->nargs] = c->text[c->nargs];
	c->args[++c->nargs] = NULL;
}

static void
make_command(
    struct command *c, const struct folder *f, const struct session_conf *conf)
{
	const char *program = getenv("SMTPD_PROGRAM");

	c->nargs = 0;
	add_arg(c, "%s", program ? program : "./smtpd");
	add_arg(c, "--database=%s", f->database);
	add_arg(c, "--hostname=%s", conf->hostname);
	add_arg(c, "--max-size=%llu", (unsigned long long)conf->max_size);
	add_arg(c, "--max-recipients=%u", conf->max_recipients);
	add_arg(c, "--max-errors=%u", conf->max_errors);
	if (conf->strict)
		add_arg(c, "--strict");
	if (conf->rfc821)
		add_arg(c, "--rfc821");
	if (conf->vrfy)
		add_arg(c, "--vrfy");
	if (conf->lmtp)
		add_arg(c, "--lmtp");
	if (conf->xclient)
		add_arg(c, "--xclient=local");
	if (conf->auth == SESSION_AUTH_CLAIM)
		add_arg(c, "--auth=any");
	if (f->option[0] != '\0')
		add_arg(c, "%s", f->option);
}

/* In the child. */
static void
run_program(const struct command *c, const struct folder *f, int in, int out)
{
	/* What superservers leave for the programs they start. */
	static const char *const unwanted[] = {
		"LISTEN_FDS",
		"LISTEN_PID",
		"JOURNAL_STREAM",
		"NOTIFY_SOCKET",
		"PROTO",
		"TCPREMOTEIP",
		"TCPREMOTEPORT",
		"REMOTE_ADDR",
		"REMOTE_PORT",
		"SMTPD_DATABASE",
		"STATE_DIRECTORY",
	};
	int log = open(f->log, O_WRONLY | O_CREAT | O_APPEND, 0600);

	if (log < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(log, 2) < 0)
		_exit(126);
	for (size_t i = 0; i < sizeof unwanted / sizeof *unwanted; i++)
		unsetenv(unwanted[i]);
	if (f->client[0] != '\0')
		setenv("TCPREMOTEIP", f->client, 1);
	execv(c->args[0], c->args);
	dprintf(2, "%s: %s\n", c->args[0], strerror(errno));
	_exit(127);
}

/* Root does not serve a network; it becomes the owner of such a folder. */
static void
give_away(const struct folder *f)
{
	static const char *const suffixes[] = { "", "-lock" };
	const uid_t nobody = 65534;
	char path[128];

	if (geteuid() != 0)
		return;
	cr_assert(chown(f->path, nobody, nobody) == 0);
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		snprintf(path, sizeof path, "%s%s", f->database, suffixes[i]);
		cr_assert(chown(path, nobody, nobody) == 0 || errno == ENOENT);
	}
}

/* The program gets the socket that listens, and makes a session of its own. */
static int
make_listener(struct client *c, const struct folder *f)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(name.sun_path, sizeof name.sun_path, "%s/socket", f->path);
	cr_assert(bind(fd, (struct sockaddr *)&name, sizeof name) == 0);
	cr_assert(listen(fd, 1) == 0);
	c->to = c->from = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert(connect(c->to, (struct sockaddr *)&name, sizeof name) == 0);
	give_away(f);
	return fd;
}

static void
make_ends(struct client *c, const struct folder *f, int *ret_in, int *ret_out)
{
	int a[2] = { -1, -1 }, b[2] = { -1, -1 };
	int type = SOCK_STREAM | SOCK_CLOEXEC;

	switch (c->way) {
	case CLIENT_SOCKET:
		cr_assert(socketpair(AF_UNIX, type, 0, a) == 0);
		c->to = c->from = a[0];
		*ret_in = *ret_out = a[1];
		break;
	case CLIENT_PIPES:
		cr_assert(pipe2(a, O_CLOEXEC) == 0);
		cr_assert(pipe2(b, O_CLOEXEC) == 0);
		c->to = a[1];
		*ret_in = a[0];
		c->from = b[0];
		*ret_out = b[1];
		break;
	case CLIENT_LISTENER:
		*ret_in = *ret_out = make_listener(c, f);
		break;
	case CLIENT_FILE:
	case CLIENT_WAY__COUNT:
		cr_assert(pipe2(b, O_CLOEXEC) == 0);
		c->to = -1;
		*ret_in = open(f->input, O_RDONLY | O_CLOEXEC);
		cr_assert(*ret_in >= 0);
		c->from = b[0];
		*ret_out = b[1];
		break;
	}
	if (c->to >= 0)
		fcntl(c->to, F_SETFL, O_NONBLOCK);
	fcntl(c->from, F_SETFL, O_NONBLOCK);
}

void
client_start(struct client *c, const struct folder *f,
    const struct session_conf *conf, enum client_way way)
{
	struct command command;
	int in = -1, out = -1;

	signal(SIGPIPE, SIG_IGN);
	make_command(&command, f, conf);
	*c = (struct client){ .way = way };
	make_ends(c, f, &in, &out);
	c->pid = fork();
	cr_assert(c->pid >= 0);
	if (c->pid == 0) {
		signal(SIGPIPE, SIG_DFL);
		run_program(&command, f, in, out);
	}
	close(in);
	if (out != in)
		close(out);
}

void
client_close_input(struct client *c)
{
	if (c->to < 0)
		return;
	if (c->way == CLIENT_SOCKET || c->way == CLIENT_LISTENER)
		shutdown(c->to, SHUT_WR);
	else
		close(c->to);
	c->to = -1;
}

int
client_stop(struct client *c)
{
	int status = -1;

	if (!c->eof)
		kill(c->pid, SIGKILL);
	client_close_input(c);
	close(c->from);
	if (c->way == CLIENT_LISTENER)
		kill(c->pid, SIGTERM); /* it waits for more clients */
	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	buffer_free(&c->output);
	buffer_free(&c->line);
	return status;
}

/*
 * Sending and reading
 */

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static void
read_some(struct client *c)
{
	char piece[4096];
	ssize_t n = read(c->from, piece, sizeof piece);

	if (n > 0)
		buffer_add(&c->output, (struct span){ piece, (size_t)n });
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		c->eof = true; /* a reset as well */
}

static void
write_some(struct client *c, struct span *rest)
{
	ssize_t n = write(c->to, rest->p, rest->len);

	if (n > 0) {
		rest->p += n;
		rest->len -= (size_t)n;
	} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
		rest->len = 0; /* the server does not listen any more */
	}
}

/*
 * Waits once: sends what it can of `*rest`, reads what there is.  False: the
 * deadline has come.
 */
static bool
pump(struct client *c, struct span *rest, int64_t deadline)
{
	struct pollfd p[2] = {
		{ .fd = c->from, .events = POLLIN },
		{ .fd = rest->len > 0 ? c->to : -1, .events = POLLOUT },
	};
	int64_t left = deadline - now_ms();

	if (left <= 0 || poll(p, 2, (int)left) == 0)
		return false;
	if (p[1].revents)
		write_some(c, rest);
	if (p[0].revents)
		read_some(c);
	return true;
}

bool
client_send(struct client *c, struct span octets)
{
	int64_t deadline = now_ms() + DEADLINE_MS;

	while (octets.len > 0 && !c->eof) {
		if (!pump(c, &octets, deadline))
			return false;
	}
	return true;
}

bool
client_read_line(struct client *c)
{
	int64_t deadline = now_ms() + DEADLINE_MS;
	struct span nothing = { "", 0 };

	for (;;) {
		buffer_clear(&c->line);
		if (buffer_take_line(&c->output, &c->line))
			return true;
		if (c->eof || !pump(c, &nothing, deadline))
			return false;
	}
}

bool
client_read_to_the_end(struct client *c)
{
	int64_t deadline = now_ms() + DEADLINE_MS;
	struct span nothing = { "", 0 };

	while (!c->eof) {
		if (!pump(c, &nothing, deadline))
			return false;
	}
	return true;
}
