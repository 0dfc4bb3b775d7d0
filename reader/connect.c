#include "connect.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Returns a descriptor, or -1 with errno. */
static int
open_stream(int family, const struct sockaddr *address, socklen_t len)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int saved;

	if (fd < 0 || connect(fd, address, len) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static int
connect_path(const char *path, const char **ret_cause)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof address.sun_path) {
		*ret_cause = "the path is too long for a socket";
		return -1;
	}
	strcpy(address.sun_path, path);
	fd = open_stream(
	    AF_UNIX, (const struct sockaddr *)(void *)&address, sizeof address);
	if (fd < 0)
		*ret_cause = strerror(errno);
	return fd;
}

static int
connect_host(const char *where, const char *colon, const char **ret_cause)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	size_t len = (size_t)(colon - where);
	char host[256];
	int fd = -1, error;

	if (len > 1 && where[0] == '[' && where[len - 1] == ']') {
		where++;
		len -= 2;
	}
	if (len == 0 || len >= sizeof host || colon[1] == '\0') {
		*ret_cause = "a server is named as HOST:PORT";
		return -1;
	}
	memcpy(host, where, len);
	host[len] = '\0';
	error = getaddrinfo(host, colon + 1, &hints, &found);
	if (error != 0) {
		*ret_cause =
		    error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error);
		return -1;
	}
	for (struct addrinfo *at = found; at && fd < 0; at = at->ai_next)
		fd = open_stream(at->ai_family, at->ai_addr, at->ai_addrlen);
	if (fd < 0)
		*ret_cause = strerror(errno);
	freeaddrinfo(found);
	return fd;
}

int
connect_to(const char *where, const char **ret_cause)
{
	const char *colon = strrchr(where, ':');

	if (colon && !strchr(where, '/'))
		return connect_host(where, colon, ret_cause);
	return connect_path(where, ret_cause);
}
