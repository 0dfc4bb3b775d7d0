/*
 * A question is its name and a line end; the answer is lines, with a NUL
 * behind the last.  The process ends when its socket does.
 */
#include "teller.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../clock.h"
#include "../mime/text.h"
#include "../reader.h"

enum {
	TELLINGS_MAX = 16,
	NAME_SIZE = 16,
	KEEP_MS = 60000,               /* even if nothing changes */
	ANSWER_MAX = 16 * 1024 * 1024, /* octets; the rest is left out */
	NICE = 10,                     /* so that pages come first */
};

struct telling {
	char name[NAME_SIZE];
	struct text text;
	int64_t version, told_at_ms;
	bool is_there;
	bool is_asked;
};

struct teller {
	int fd;
	pid_t pid;
	struct telling tellings[TELLINGS_MAX];
	struct telling *current; /* whose answer comes; NULL: none */
	struct text coming;
};

/*
 * The process
 */

static void
tell(const char *database, int fd)
{
	char name[NAME_SIZE];
	FILE *questions = fdopen(fd, "r");

	if (!questions || dup2(fd, STDOUT_FILENO) < 0)
		return;
	while (fgets(name, sizeof name, questions)) {
		name[strcspn(name, "\n")] = '\0';
		reader_tell(database, name);
		putchar('\0');
		if (fflush(stdout) != 0)
			return;
	}
}

struct teller *
teller_start(const char *database, bool (*confine)(void *arg), void *arg)
{
	struct teller *t = text_resize(NULL, sizeof *t);
	int ends[2];

	memset(t, 0, sizeof *t);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
		free(t);
		return NULL;
	}
	t->fd = ends[0];
	t->pid = fork();
	if (t->pid == 0) {
		close(ends[0]);
		setpriority(PRIO_PROCESS, 0, NICE); /* where it may */
		if (confine(arg))
			tell(database, ends[1]);
		_exit(0);
	}
	close(ends[1]);
	if (t->pid < 0) {
		teller_stop(t);
		return NULL;
	}
	fcntl(t->fd, F_SETFL, O_NONBLOCK);
	return t;
}

void
teller_stop(struct teller *t)
{
	if (!t)
		return;
	if (t->fd >= 0)
		close(t->fd);
	for (size_t i = 0; i < TELLINGS_MAX; i++)
		text_free(&t->tellings[i].text);
	text_free(&t->coming);
	free(t);
}

/*
 * Who asks
 */

int
teller_fd(const struct teller *t)
{
	return t->fd;
}

/* Sends the first question that has not been sent. */
static void
ask_next(struct teller *t)
{
	for (size_t i = 0; i < TELLINGS_MAX && !t->current; i++) {
		struct telling *one = &t->tellings[i];
		char line[NAME_SIZE + 1];
		int len;

		if (!one->is_asked)
			continue;
		len = snprintf(line, sizeof line, "%s\n", one->name);
		if (send(t->fd, line, (size_t)len, MSG_NOSIGNAL) == len)
			t->current = one;
		else
			one->is_asked = false;
	}
}

static void
end_answer(struct teller *t)
{
	struct telling *one = t->current;

	if (!one)
		return;
	text_free(&one->text);
	one->text = t->coming;
	t->coming = (struct text){ 0 };
	one->told_at_ms = clock_ms();
	one->is_there = true;
	one->is_asked = false;
	t->current = NULL;
}

bool
teller_read(struct teller *t)
{
	char piece[16384];
	ssize_t len;
	bool ended = false;

	if (t->fd < 0)
		return false;
	while ((len = recv(t->fd, piece, sizeof piece, 0)) > 0) {
		bool is_last = piece[len - 1] == '\0';

		if (t->coming.len < ANSWER_MAX)
			text_add(&t->coming,
			    (struct span){ piece, (size_t)(len - is_last) });
		if (is_last) {
			end_answer(t);
			ask_next(t);
			ended = true;
		}
	}
	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return ended;
	/* The process has died, so nobody is to wait for it. */
	close(t->fd);
	t->fd = -1;
	end_answer(t);
	ask_next(t); /* in vain: the others are not asked either */
	return true;
}

static struct telling *
find(struct teller *t, const char *what)
{
	for (size_t i = 0; i < TELLINGS_MAX; i++) {
		struct telling *one = &t->tellings[i];

		if (*one->name == '\0')
			snprintf(one->name, NAME_SIZE, "%s", what);
		if (strcmp(one->name, what) == 0)
			return one;
	}
	return NULL;
}

bool
teller_ask(
    struct teller *t, const char *what, int64_t version, struct span *ret)
{
	struct telling *one = find(t, what);

	*ret = (struct span){ "", 0 };
	if (!one)
		return true;
	if (one->is_there && one->version == version &&
	    clock_ms() < one->told_at_ms + KEEP_MS) {
		*ret = (struct span){ one->text.p, one->text.len };
		return true;
	}
	if (!one->is_asked) {
		one->is_asked = true;
		one->version = version;
		ask_next(t);
		/* There is no process any more. */
		if (!one->is_asked)
			return true;
	}
	return false;
}
