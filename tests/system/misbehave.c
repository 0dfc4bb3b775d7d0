/*
 * What a session would try that a stranger has taken over.  Linked with the
 * objects of smtpd, between the connection and its reader (ld's --wrap): a
 * client that sends "TRY name path" is told what the kernel said, "ok" or the
 * name of the error; or nothing, when that was the end of the process.
 * "TRY list" is answered with the names.  confine.py tries them all.
 * "TRY auth" begins AUTH until smtpd-auth does not listen any more, and is
 * answered with how often; -1: there was no end.
 */
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../../mail/auth.h"
#include "../../server/authenticate.h"
#include "../../server/confine.h"
#include "../../server/connection.h"

enum connection_result __real_connection_read(
    struct connection *c, char *buf, size_t size, size_t *ret_len);
enum connection_result __wrap_connection_read(
    struct connection *c, char *buf, size_t size, size_t *ret_len);
bool __real_confine_session_of_listener(uint64_t max_file);
bool __wrap_confine_session_of_listener(uint64_t max_file);
void __real_authenticate_offer(const struct context *c);
void __wrap_authenticate_offer(const struct context *c);

/* Arguments that are known when an attempt is made. */
enum {
	PATH = INT_MIN, /* what the test named */
	NEW_PATH,       /* the same with ".new" behind it */
	PARENT,         /* the process id of who has started it */
	UDP,            /* a socket that was left open, not connected */
	FOLDER,         /* the root folder, left open, for names only */
	ADDRESS,        /* of a port on this machine, and its length */
	ADDRESS_LEN,
	MESSAGE, /* one octet to that address */
	PAGE,    /* of memory, with zeros */
};

/* What the kernel would do is harmless, or made impossible by its arguments. */
/* clang-format off */
static const struct attempt {
	const char *name;
	long number;
	long arguments[6];
} attempts[] = {
	/* Files. */
	{ "open-read",         __NR_openat,         { AT_FDCWD, PATH, O_RDONLY } },
	{ "open-write",        __NR_openat,         { AT_FDCWD, PATH, O_WRONLY } },
	{ "open-beyond",       __NR_openat,         { FOLDER, PATH, O_RDONLY } },
	{ "openat2",           __NR_openat2,        { AT_FDCWD, PATH, PAGE, 24 } },
	{ "create",            __NR_openat,         { AT_FDCWD, NEW_PATH, O_WRONLY | O_CREAT, 0600 } },
	{ "truncate",          __NR_truncate,       { PATH, 0 } },
	{ "chmod",             __NR_fchmodat,       { AT_FDCWD, PATH, 0644 } },
	{ "chown",             __NR_fchownat,       { AT_FDCWD, PATH, -1, -1, 0 } },
	{ "unlink",            __NR_unlinkat,       { AT_FDCWD, PATH, 0 } },
	{ "rename",            __NR_renameat2,      { AT_FDCWD, PATH, AT_FDCWD, NEW_PATH, 0 } },
	{ "link",              __NR_linkat,         { AT_FDCWD, PATH, AT_FDCWD, NEW_PATH, 0 } },
	{ "symlink",           __NR_symlinkat,      { PATH, AT_FDCWD, NEW_PATH } },
	{ "mkdir",             __NR_mkdirat,        { AT_FDCWD, NEW_PATH, 0700 } },
	{ "mknod",             __NR_mknodat,        { AT_FDCWD, NEW_PATH, 0010600, 0 } },
	{ "utimes",            __NR_utimensat,      { AT_FDCWD, PATH, 0, 0 } },
	{ "setxattr",          __NR_setxattr,       { PATH, PAGE, PAGE, 1, 0 } },
	{ "chdir",             __NR_chdir,          { PATH } },
	{ "chroot",            __NR_chroot,         { PAGE } },
	{ "mount",             __NR_mount,          { PAGE, PAGE, PAGE, 0, 0 } },
	{ "open-tree",         __NR_open_tree,      { AT_FDCWD, PATH, 0 } },
	{ "open-by-handle",    __NR_open_by_handle_at, { FOLDER, PAGE, O_RDONLY } },
	{ "inotify",           __NR_inotify_init1,  { 0 } },
	/* The network. */
	{ "socket-inet",       __NR_socket,         { AF_INET, SOCK_STREAM, 0 } },
	{ "socket-unix",       __NR_socket,         { AF_UNIX, SOCK_DGRAM, 0 } },
	{ "socket-netlink",    __NR_socket,         { AF_NETLINK, SOCK_RAW, 0 } },
	{ "socketpair",        __NR_socketpair,     { AF_UNIX, SOCK_STREAM, 0, PAGE } },
	{ "connect",           __NR_connect,        { UDP, ADDRESS, ADDRESS_LEN } },
	{ "bind",              __NR_bind,           { UDP, ADDRESS, ADDRESS_LEN } },
	{ "listen",            __NR_listen,         { UDP, 1 } },
	{ "accept",            __NR_accept4,        { UDP, 0, 0, 0 } },
	{ "sendto",            __NR_sendto,         { UDP, PAGE, 1, 0, ADDRESS, ADDRESS_LEN } },
	{ "sendmsg",           __NR_sendmsg,        { UDP, MESSAGE, 0 } },
	{ "sendmmsg",          __NR_sendmmsg,       { UDP, MESSAGE, 1, 0 } },
	{ "setsockopt",        __NR_setsockopt,     { UDP, SOL_SOCKET, SO_RCVBUF, PAGE, 4 } },
	/* Other processes. */
	{ "fork",              __NR_clone,          { SIGCHLD } },
	{ "clone3",            __NR_clone3,         { PAGE, 64 } },
	{ "execve",            __NR_execve,         { PAGE, 0, 0 } },
	{ "execveat",          __NR_execveat,       { FOLDER, PAGE, 0, 0, 0 } },
	{ "kill",              __NR_kill,           { PARENT, SIGCONT } },
	{ "kill-0",            __NR_kill,           { PARENT, 0 } },
	{ "tkill",             __NR_tkill,          { PARENT, SIGCONT } },
	{ "tgkill",            __NR_tgkill,         { PARENT, PARENT, SIGCONT } },
	{ "sigqueue",          __NR_rt_sigqueueinfo, { PARENT, SIGCONT, 0 } },
	{ "pidfd-open",        __NR_pidfd_open,     { PARENT, 0 } },
	{ "pidfd-getfd",       __NR_pidfd_getfd,    { FOLDER, 0, 0 } },
	{ "fcntl-setown",      __NR_fcntl,          { UDP, F_SETOWN, PARENT } },
	{ "fcntl-setsig",      __NR_fcntl,          { UDP, F_SETSIG, SIGCONT } },
	{ "fcntl-async",       __NR_fcntl,          { UDP, F_SETFL, O_ASYNC } },
	{ "ioctl-setown",      __NR_ioctl,          { UDP, 0x8901, PAGE } },
	{ "ptrace",            __NR_ptrace,         { PTRACE_SEIZE, PARENT, 0, 0 } },
	{ "process-vm-readv",  __NR_process_vm_readv, { PARENT, PAGE, 1, PAGE, 1, 0 } },
	{ "process-vm-writev", __NR_process_vm_writev, { PARENT, PAGE, 1, PAGE, 1, 0 } },
	{ "process-madvise",   __NR_process_madvise, { FOLDER, PAGE, 1, 0, 0 } },
	{ "prlimit",           __NR_prlimit64,      { PARENT, 7, 0, PAGE } },
	{ "setpriority",       __NR_setpriority,    { 0, 0, 1 } },
	{ "sched-setscheduler", __NR_sched_setscheduler, { PARENT, 0, PAGE } },
	{ "setpgid",           __NR_setpgid,        { 0, 0 } },
	{ "setsid",            __NR_setsid,         { 0 } },
	{ "kcmp",              __NR_kcmp,           { PARENT, PARENT, 0, 0, 0 } },
	{ "wait",              __NR_wait4,          { -1, 0, 1, 0 } },
	/* Rights and code. */
	{ "setuid",            __NR_setresuid,      { -1, -1, -1 } },
	{ "setgroups",         __NR_setgroups,      { 1, 0 } },
	{ "capset",            __NR_capset,         { 0, 0 } },
	{ "dumpable",          __NR_prctl,          { PR_SET_DUMPABLE, 1, 0, 0, 0 } },
	{ "personality",       __NR_personality,    { 0xffffffff } },
	{ "unshare",           __NR_unshare,        { CLONE_NEWNS } },
	{ "setns",             __NR_setns,          { FOLDER, 0 } },
	{ "mmap-code",         __NR_mmap,           { 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0 } },
	{ "mprotect-code",     __NR_mprotect,       { PAGE, 4096, PROT_READ | PROT_EXEC } },
	{ "pkey-mprotect",     __NR_pkey_mprotect,  { PAGE, 4096, PROT_READ | PROT_EXEC, -1 } },
	{ "memfd",             __NR_memfd_create,   { PAGE, 0 } },
	{ "seccomp",           __NR_seccomp,        { 2, 0, PAGE } }, /* is an action known */
	/* What else of the kernel has had holes. */
	{ "io-uring",          __NR_io_uring_setup, { 1, PAGE } },
	{ "userfaultfd",       __NR_userfaultfd,    { O_CLOEXEC } },
	{ "bpf",               __NR_bpf,            { -1, 0, 0 } },
	{ "perf-event",        __NR_perf_event_open, { PAGE, 0, -1, -1, 0 } },
	{ "keyctl",            __NR_keyctl,         { 0, -3, 0, 0, 0 } },
	{ "add-key",           __NR_add_key,        { PAGE, PAGE, PAGE, 1, -3 } },
	{ "request-key",       __NR_request_key,    { PAGE, PAGE, 0, -3 } },
	{ "shmget",            __NR_shmget,         { -1, 0, 0 } },
	{ "splice",            __NR_splice,         { -1, 0, -1, 0, 1, 0 } },
	{ "timerfd",           __NR_timerfd_create, { 1, 0 } },
	{ "epoll",             __NR_epoll_create1,  { 0 } },
	{ "init-module",       __NR_finit_module,   { -1, PAGE, 0 } },
	{ "reboot",            __NR_reboot,         { 0, 0, 0, 0 } }, /* no magic */
	{ "newer-than-all",    1000,                { 0 } },
#ifdef __x86_64__
	{ "fork-old",          __NR_fork,           { 0 } },
	{ "x32",               0x40000000 | __NR_getpid, { 0 } },
#endif
};
/* clang-format on */

static const struct context *context; /* of the client, once AUTH is offered */
static int udp = -1;
static int folder = -1;
static pid_t parent;
static _Alignas(4096) char page[4096];

/* Before anything is given up. */
__attribute__((constructor)) static void
leave_open(void)
{
	udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	folder = open("/", O_PATH | O_CLOEXEC);
	parent = getppid();
}

static long
value_of(long argument, const char *path)
{
	static char new_path[PATH_MAX];
	static struct sockaddr_in address = { .sin_family = AF_INET };
	static struct iovec data = { page, 1 };
	static struct mmsghdr message = { .msg_hdr = { .msg_name = &address,
					      .msg_namelen = sizeof address,
					      .msg_iov = &data,
					      .msg_iovlen = 1 } };

	address.sin_port = htons(9);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	switch (argument) {
	case PATH:
		return (long)path;
	case NEW_PATH:
		snprintf(new_path, sizeof new_path, "%s.new", path);
		return (long)new_path;
	case PARENT:
		return parent;
	case UDP:
		return udp;
	case FOLDER:
		return folder;
	case ADDRESS:
		return (long)&address;
	case ADDRESS_LEN:
		return sizeof address;
	case MESSAGE:
		return (long)&message;
	case PAGE:
		return (long)page;
	default:
		return argument;
	}
}

static const char *
try(const struct attempt *a, const char *path)
{
	long v[6], result;

	for (int i = 0; i < 6; i++)
		v[i] = value_of(a->arguments[i], path);
	result = syscall(a->number, v[0], v[1], v[2], v[3], v[4], v[5]);
	if (result == 0 && strstr(a->name, "fork"))
		_exit(0);
	return result >= 0 ? "ok" : strerrorname_np(errno);
}

/* Begins AUTH again and again, and returns how often it was served. */
static int
begin_auth(void)
{
	const struct auth_step step = { .mechanism = { "LOGIN", 5 } };
	char message[AUTH_MESSAGE_MAX];

	for (int n = 0; n < 2000; n++) {
		struct pack m = { .p = message, .size = sizeof message };
		struct unpack in = { .rest = { message, 0 } };
		struct auth_answer answer;
		ssize_t len;

		auth_write_step(&m, &step, (struct span){ NULL, 0 });
		if (send(context->auth, m.p, m.len, MSG_NOSIGNAL) < 0)
			return n;
		len = recv(context->auth, message, sizeof message, 0);
		in.rest.len = len > 0 ? (size_t)len : 0;
		if (!auth_read_answer(&in, &answer) ||
		    answer.result != AUTH_MORE)
			return n;
	}
	return -1;
}

static void
obey(const struct connection *c, char *command)
{
	const char *name = strtok(command, " \r\n");
	const char *path = strtok(NULL, " \r\n");
	char reply[4096] = "";

	for (size_t i = 0; i < sizeof attempts / sizeof *attempts; i++) {
		const struct attempt *a = &attempts[i];

		if (strcmp(name, "list") == 0)
			strcat(strcat(reply, a->name), " ");
		else if (strcmp(name, a->name) == 0)
			strcpy(reply, try(a, path));
	}
	if (strcmp(name, "auth") == 0)
		sprintf(reply, "%d", begin_auth());
	strcat(reply, "\r\n");
	send(c->out, reply, strlen(reply), MSG_NOSIGNAL);
}

enum connection_result
__wrap_connection_read(
    struct connection *c, char *buf, size_t size, size_t *ret_len)
{
	enum connection_result result;

	for (;;) {
		result = __real_connection_read(c, buf, size - 1, ret_len);
		if (result != CONNECTION_OK || memcmp(buf, "TRY ", 4) != 0)
			return result;
		buf[*ret_len] = '\0';
		obey(c, buf + 4);
	}
}

void
__wrap_authenticate_offer(const struct context *c)
{
	context = c;
	__real_authenticate_offer(c);
}

/* Who started a session of the listener is asked for while it may. */
bool
__wrap_confine_session_of_listener(uint64_t max_file)
{
	parent = getppid();
	return __real_confine_session_of_listener(max_file);
}
