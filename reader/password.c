/*
 * smtpd-auth makes the verifier, since it alone links the library for that.
 * It gets the password through a pipe.
 */
#include "password.h"

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <termios.h>
#include <unistd.h>

#include "../mail/auth.h"
#include "private.h"

enum {
	PASSWORD_SIZE = 1024,
};

/* A line without its end.  False: there is none, or it is too long. */
static bool
read_line(FILE *f, char *ret)
{
	size_t len;

	if (!fgets(ret, PASSWORD_SIZE, f))
		return false;
	len = strcspn(ret, "\n");
	if (ret[len] == '\0' && len + 1 == PASSWORD_SIZE)
		return false;
	ret[len] = '\0';
	return true;
}

static bool
ask(FILE *terminal, const char *prompt, char *ret)
{
	bool read;

	fputs(prompt, terminal);
	fflush(terminal);
	read = read_line(terminal, ret);
	fputc('\n', terminal);
	fflush(terminal);
	return read;
}

/* Twice, since nobody sees what is typed. */
static int
ask_twice(FILE *terminal, char *ret)
{
	char again[PASSWORD_SIZE];
	struct termios shown, hidden;
	bool read;

	if (tcgetattr(fileno(terminal), &shown) < 0)
		return smtpdb_fail_errno(EX_OSERR, "/dev/tty");
	hidden = shown;
	hidden.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(fileno(terminal), TCSAFLUSH, &hidden);
	read = ask(terminal, "Password: ", ret) &&
	       ask(terminal, "The same again: ", again);
	tcsetattr(fileno(terminal), TCSAFLUSH, &shown);
	if (!read)
		return smtpdb_fail(EX_NOINPUT, "there is no password");
	if (strcmp(ret, again) != 0)
		return smtpdb_fail(EX_DATAERR, "these are not the same");
	return EX_OK;
}

static int
read_password(char *ret)
{
	FILE *terminal;
	int status;

	if (!isatty(STDIN_FILENO))
		return read_line(stdin, ret)
			   ? EX_OK
			   : smtpdb_fail(EX_NOINPUT,
				 "there is no password on standard input");
	terminal = fopen("/dev/tty", "r+e");
	if (!terminal)
		return smtpdb_fail_errno(EX_OSERR, "/dev/tty");
	status = ask_twice(terminal, ret);
	fclose(terminal);
	return status;
}

/* Beside this program, or where the system has programs for daemons. */
static bool
find_program(char ret[PATH_MAX])
{
	static const char *const places[] = { "", "../sbin/" };
	ssize_t len = readlink("/proc/self/exe", ret, PATH_MAX - 32);

	while (len > 0 && ret[len - 1] != '/')
		len--;
	for (size_t i = 0; len > 0 && i < sizeof places / sizeof *places; i++) {
		snprintf(ret + len, PATH_MAX - (size_t)len, "%ssmtpd-auth",
		    places[i]);
		if (access(ret, X_OK) == 0)
			return true;
	}
	return false;
}

bool
password_has_program(void)
{
	char path[PATH_MAX];

	return find_program(path);
}

/* Never returns. */
static void
become_smtpd_auth(const char *account)
{
	char path[PATH_MAX], option[AUTH_NAME_MAX + 32];

	snprintf(option, sizeof option, "--verifier=%s", account);
	if (find_program(path))
		execl(path, "smtpd-auth", option, (char *)NULL);
	smtpdb_fail(0, "smtpd-auth: %s", strerror(errno));
	_exit(EX_UNAVAILABLE);
}

/* In the child, with the ends of both pipes that are its own. */
static void
run_smtpd_auth(const char *account, int in, int out)
{
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	become_smtpd_auth(account);
}

static int
read_verifier(int fd, pid_t pid, char *ret)
{
	size_t len = 0;
	ssize_t n;
	int status = 0;

	while (
	    len + 1 < PASSWORD_VERIFIER_SIZE &&
	    ((n = read(fd, ret + len, PASSWORD_VERIFIER_SIZE - 1 - len)) > 0 ||
		(n < 0 && errno == EINTR)))
		len += n > 0 ? (size_t)n : 0;
	ret[len] = '\0';
	ret[strcspn(ret, "\n")] = '\0';
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status))
		return smtpdb_fail(EX_SOFTWARE, "smtpd-auth was killed");
	return WEXITSTATUS(status) == 0 && *ret == '\0' ? EX_SOFTWARE
							: WEXITSTATUS(status);
}

int
password_read_verifier(const char *account, char ret[PASSWORD_VERIFIER_SIZE])
{
	char password[PASSWORD_SIZE];
	int to[2], from[2];
	int status = read_password(password);
	void (*on_pipe)(int);
	size_t len;
	pid_t pid;

	if (status != EX_OK)
		return status;
	if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0)
		return smtpdb_fail_errno(EX_OSERR, "smtpd-auth");
	pid = fork();
	if (pid == 0)
		run_smtpd_auth(account, to[0], from[1]);
	close(to[0]);
	close(from[1]);
	if (pid < 0)
		return smtpdb_fail_errno(EX_OSERR, "smtpd-auth");
	len = strlen(password);
	password[len++] = '\n';
	/*
	 * The password fits into the pipe, so this does not block.  If
	 * smtpd-auth has ended, its exit status says why.
	 */
	on_pipe = signal(SIGPIPE, SIG_IGN);
	if (write(to[1], password, len) != (ssize_t)len && errno != EPIPE)
		smtpdb_fail_errno(0, "smtpd-auth");
	signal(SIGPIPE, on_pipe);
	explicit_bzero(password, sizeof password);
	close(to[1]);
	status = read_verifier(from[0], pid, ret);
	close(from[0]);
	return status;
}
