/*
 * What a process may do: tries it and prints a line each, "ok" or the name of
 * the error.  The lab runs it in place of smtpd, inside the sandbox of the
 * installed units, and outside of it.
 */
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
write_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return -1;
	close(fd);
	return unlink(path);
}

static int
read_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd;
}

static int
make_socket(const char *family)
{
	int fd = socket(atoi(family), SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0)
		close(fd);
	return fd;
}

static int
execute(const char *path)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		execl(path, path, (char *)NULL);
		_exit(errno);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -1;
	errno = WEXITSTATUS(status);
	return errno ? -1 : 0;
}

/* How many processes more there may be. */
static int
fork_many(const char *count)
{
	pid_t pids[100];
	int i, error = 0, wanted = atoi(count);

	for (i = 0; i < wanted; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			pause();
		if (pids[i] < 0) {
			error = errno;
			break;
		}
	}
	while (i-- > 0) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	errno = error;
	return error ? -1 : 0;
}

static int
map_writable_code(const char *unused)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)unused;
	return p == MAP_FAILED ? -1 : 0;
}

static int
make_namespace(const char *unused)
{
	(void)unused;
	return unshare(CLONE_NEWUSER);
}

static int
mount_something(const char *path)
{
	return mount("none", path, "tmpfs", 0, NULL);
}

static int
change_host_name(const char *name)
{
	char before[65];

	if (gethostname(before, sizeof before) < 0 ||
	    sethostname(name, strlen(name)) < 0)
		return -1;
	return sethostname(before, strlen(before));
}

static int
change_personality(const char *unused)
{
	(void)unused;
	return personality(PER_LINUX32);
}

static int
trace_parent(const char *unused)
{
	(void)unused;
	return (int)ptrace(PTRACE_SEIZE, getppid(), NULL, NULL);
}

static int
make_set_uid(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	int result;

	if (fd < 0)
		return -1;
	result = fchmod(fd, S_ISUID | 0700);
	close(fd);
	if (result < 0) {
		int saved = errno;

		unlink(path);
		errno = saved;
		return -1;
	}
	return unlink(path);
}

static int
become_root(const char *unused)
{
	(void)unused;
	return setuid(0);
}

static int
set_timer(const char *unused)
{
	struct itimerval timer = { .it_value = { .tv_sec = 60 } };

	(void)unused;
	return setitimer(ITIMER_REAL, &timer, NULL);
}

/* clang-format off */
static const struct {
	const char *name;
	int (*run)(const char *argument);
	const char *argument;
} attempts[] = {
	{ "write-state",      write_file,         "/var/lib/smtpd/probe" },
	{ "write-etc",        write_file,         "/etc/probe" },
	{ "write-var",        write_file,         "/var/lib/probe" },
	{ "write-run",        write_file,         "/run/open/probe" },
	{ "write-shm",        write_file,         "/dev/shm/probe" },
	{ "write-tmp",        write_file,         "/tmp/probe" },
	{ "read-home",        read_file,          "/home/secret" },
	{ "read-root",        read_file,          "/root/secret" },
	{ "read-tmp",         read_file,          "/tmp/secret" },
	{ "read-tty",         read_file,          "/dev/tty" },
	{ "read-process-1",   read_file,          "/proc/1/status" },
	{ "read-settings",    read_file,          "/proc/sys/kernel/osrelease" },
	{ "socket-unix",      make_socket,        "1" },
	{ "socket-ipv4",      make_socket,        "2" },
	{ "socket-ipv6",      make_socket,        "10" },
	{ "socket-netlink",   make_socket,        "16" },
	{ "execute",          execute,            "/usr/bin/true" },
	{ "fork-3",           fork_many,          "3" },
	{ "fork-8",           fork_many,          "8" },
	{ "timer",            set_timer,          NULL },
	{ "writable-code",    map_writable_code,  NULL },
	{ "host-name",        change_host_name,   "probe" },
	{ "personality",      change_personality, NULL },
	{ "trace",            trace_parent,       NULL },
	{ "set-uid",          make_set_uid,       "/var/lib/smtpd/probe" },
	{ "become-root",      become_root,        NULL },
	{ "mount",            mount_something,    "/srv" },
	{ "namespace",        make_namespace,     NULL },
};
/* clang-format on */

int
main(void)
{
	for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
		int result = attempts[i].run(attempts[i].argument);

		printf("%s: %s\n", attempts[i].name,
		    result < 0 ? strerrorname_np(errno) : "ok");
	}
	return 0;
}
