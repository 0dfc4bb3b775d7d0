#include "bind.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <netdb.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../cli.h"
#include "log.h"

enum {
	HOST_SIZE = 256,
	PORT_MAX = 65535,
};

/* One address to bind to. */
struct place {
	union {
		struct sockaddr any;
		struct sockaddr_in6 ipv6;
		struct sockaddr_un path;
		struct sockaddr_storage room;
	} name;
	socklen_t len;
	bool both; /* IPv6 and IPv4 */
};

static int
fail(const char *address, const char *why, int status)
{
	log_line(LOG_ERR, "--listen=%s: %s", address, why);
	return status;
}

static int
fail_errno(const char *address, int error)
{
	static const struct {
		int error, status;
		const char *words;
	} rows[] = {
		{ EADDRINUSE, EX_UNAVAILABLE,
		    "something else listens there already" },
		{ EADDRNOTAVAIL, EX_UNAVAILABLE,
		    "this machine does not have that address" },
		{ EACCES, EX_NOPERM,
		    "not permitted; ports below 1024 and others' folders "
		    "need root, who gives itself up by --user" },
		{ ENOENT, EX_CANTCREAT, "there is no such folder" },
		{ ENOTDIR, EX_CANTCREAT, "there is no such folder" },
		{ EEXIST, EX_CANTCREAT, "is there, and no socket" },
		{ ENAMETOOLONG, EX_USAGE, "too long for a socket" },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (rows[i].error == error)
			return fail(address, rows[i].words, rows[i].status);
	}
	return fail(address, strerror(error), EX_OSERR);
}

/* Returns the socket, or -1 with errno. */
static int
open_at(const struct place *p)
{
	int fd = socket(p->name.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int yes = 1, only_ipv6 = !p->both, error;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (p->name.any.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_ipv6,
		    sizeof only_ipv6);
	if (bind(fd, &p->name.any, p->len) == 0 && listen(fd, SOMAXCONN) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

static int
add(struct bound *b, const char *address, int fd)
{
	if (b->nfds == LISTENERS_MAX) {
		close(fd);
		return fail(address, "so many sockets are too many", EX_USAGE);
	}
	b->fds[b->nfds++] = fd;
	return EX_OK;
}

/*
 * Paths
 */

/* Nobody answers there: whoever made it has ended without removing it. */
static bool
is_stale(const struct place *p)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool stale = fd >= 0 && connect(fd, &p->name.any, p->len) < 0 &&
		     errno == ECONNREFUSED;

	if (fd >= 0)
		close(fd);
	return stale;
}

static int
listen_at_path(struct bound *b, const char *path)
{
	struct place p = { .name.path = { .sun_family = AF_UNIX },
		.len = sizeof p.name.path };
	struct stat st;
	int fd;

	if (strlen(path) >= sizeof p.name.path.sun_path)
		return fail_errno(path, ENAMETOOLONG);
	strcpy(p.name.path.sun_path, path);
	fd = open_at(&p);
	if (fd < 0 && errno == EADDRINUSE) {
		if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
			return fail_errno(path, EEXIST);
		if (!is_stale(&p))
			return fail_errno(path, EADDRINUSE);
		unlink(path);
		fd = open_at(&p);
	}
	if (fd < 0)
		return fail_errno(path, errno);
	if (lstat(path, &st) == 0)
		b->paths[b->npaths++] =
		    (struct bound_path){ path, st.st_dev, st.st_ino };
	return add(b, path, fd);
}

void
bound_remove_paths(const struct bound *b)
{
	for (size_t i = 0; i < b->npaths; i++) {
		const struct bound_path *p = &b->paths[i];
		struct stat st;

		if (lstat(p->path, &st) == 0 && st.st_dev == p->dev &&
		    st.st_ino == p->ino)
			unlink(p->path);
	}
}

/*
 * Ports
 */

/* IPv4 as well, in one socket; or, in a kernel without IPv6, alone. */
static int
listen_everywhere(struct bound *b, const char *address, uint16_t port)
{
	struct place p = {
		.name.ipv6 = { .sin6_family = AF_INET6,
		    .sin6_port = htons(port) },
		.len = sizeof p.name.ipv6,
		.both = true,
	};
	int fd = open_at(&p);

	if (fd < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) {
		struct sockaddr_in ipv4 = { .sin_family = AF_INET,
			.sin_port = htons(port) };

		memcpy(&p.name, &ipv4, sizeof ipv4);
		p.len = sizeof ipv4;
		fd = open_at(&p);
	}
	if (fd < 0)
		return fail_errno(address, errno);
	return add(b, address, fd);
}

/* At all addresses that a name has, if it is one, and that are here. */
static int
listen_at_host(
    struct bound *b, const char *address, const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV };
	struct addrinfo *found, *at;
	int status = EX_UNAVAILABLE, trouble = EADDRNOTAVAIL, n = 0;

	if (getaddrinfo(host, port, &hints, &found) != 0)
		return fail(address, "there is no such address", EX_NOHOST);
	for (at = found; at; at = at->ai_next) {
		struct place p = { .len = at->ai_addrlen };
		int fd;

		memcpy(&p.name, at->ai_addr, at->ai_addrlen);
		fd = open_at(&p);
		if (fd >= 0) {
			status = add(b, address, fd);
			n++;
		} else if (errno != EADDRNOTAVAIL && errno != EAFNOSUPPORT) {
			trouble = errno;
			n = 0;
			break;
		}
	}
	freeaddrinfo(found);
	return n > 0 ? status : fail_errno(address, trouble);
}

/* What stands before the last colon, without brackets; "": nothing. */
static bool
read_host(const char *address, const char *colon, char ret[HOST_SIZE])
{
	size_t len = colon ? (size_t)(colon - address) : 0;

	if (len >= 2 && address[0] == '[' && colon[-1] == ']') {
		address++;
		len -= 2;
	} else if (memchr(address, ':', len)) {
		return false;
	}
	snprintf(ret, HOST_SIZE, "%.*s", (int)len, address);
	return len < HOST_SIZE;
}

int
bound_listen(struct bound *b, const char *address)
{
	const char *colon = strrchr(address, ':');
	const char *port = colon ? colon + 1 : address;
	char host[HOST_SIZE];
	uint64_t number;

	if (strchr(address, '/'))
		return listen_at_path(b, address);
	if (!read_host(address, colon, host))
		return fail(address,
		    "an IPv6 address stands in brackets: [::1]:2525", EX_USAGE);
	if (!cli_read_number(port, &number) || number > PORT_MAX)
		return fail(address,
		    "needs a port from 0 to 65535, as in 2525 or "
		    "127.0.0.1:2525; or a path with a slash",
		    EX_USAGE);
	if (host[0] == '\0')
		return listen_everywhere(b, address, (uint16_t)number);
	return listen_at_host(b, address, host, port);
}

void
bound_tell(const struct bound *b)
{
	for (size_t i = 0; i < b->nfds; i++) {
		char host[HOST_SIZE], port[8];
		struct place p = { .len = sizeof p.name };
		bool is_ipv6;

		if (getsockname(b->fds[i], &p.name.any, &p.len) < 0)
			continue;
		if (p.name.any.sa_family == AF_UNIX) {
			log_line(
			    LOG_INFO, "listens on %s", p.name.path.sun_path);
			continue;
		}
		if (getnameinfo(&p.name.any, p.len, host, sizeof host, port,
			sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
			continue;
		is_ipv6 = strchr(host, ':');
		log_line(LOG_INFO, "listens on %s%s%s:%s", is_ipv6 ? "[" : "",
		    host, is_ipv6 ? "]" : "", port);
	}
}
