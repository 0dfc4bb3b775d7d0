#include "address.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "../mail/utf8.h"

/* Finds the parts of the name. */
static const char *
split(struct filter_address *a)
{
	static const char unix_prefix[] = "unix:", inet_prefix[] = "inet:";
	char *colon, *host = a->host;
	size_t len;

	a->port = NULL;
	if (strncmp(a->name, unix_prefix, sizeof unix_prefix - 1) == 0) {
		strcpy(host, a->name + sizeof unix_prefix - 1);
		len = strlen(host);
		if (len == 0)
			return "a socket has a path";
		return len < sizeof((struct sockaddr_un *)0)->sun_path
			   ? NULL
			   : "the path of a socket has at most 107 octets";
	}
	if (strncmp(a->name, inet_prefix, sizeof inet_prefix - 1) != 0)
		return "a filter is unix:PATH or inet:HOST:PORT";
	strcpy(host, a->name + sizeof inet_prefix - 1);
	colon = strrchr(host, ':');
	if (!colon || colon == host || colon[1] == '\0')
		return "a filter is unix:PATH or inet:HOST:PORT";
	*colon = '\0';
	a->port = colon + 1;
	len = (size_t)(colon - host);
	if (host[0] == '[' && host[len - 1] == ']') {
		memmove(host, host + 1, len - 2);
		host[len - 2] = '\0';
	}
	return NULL;
}

const char *
filter_address_read(const char *list, struct filter_address *ret, size_t *ret_n)
{
	*ret_n = 0;
	while (list && *list) {
		size_t len = strcspn(list, ",");
		struct filter_address *a = &ret[*ret_n];
		const char *fault;

		if (*ret_n == FILTERS_MAX)
			return "four filters of a kind are enough";
		if (len >= sizeof a->name)
			return "the address of a filter is too long";
		memcpy(a->name, list, len);
		a->name[len] = '\0';
		if (!utf8_is_printable(span_of(a->name)))
			return "a filter is unix:PATH or inet:HOST:PORT";
		fault = split(a);
		if (fault)
			return fault;
		++*ret_n;
		list += len + (list[len] == ',');
	}
	return NULL;
}

/* Within the time, for connect(2) too.  -1 with errno. */
static int
connect_to(int family, const struct sockaddr *to, socklen_t len, int timeout_ms)
{
	const struct timeval timeout = { timeout_ms / 1000,
		timeout_ms % 1000 * 1000 };
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1, error;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
	if (family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(fd, to, len) == 0)
		return fd;
	error = errno == EAGAIN || errno == EINPROGRESS ? ETIMEDOUT : errno;
	close(fd);
	errno = error;
	return -1;
}

static int
connect_to_path(const char *path, int timeout_ms)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	strcpy(to.sun_path, path); /* split() has looked at its length */
	return connect_to(
	    AF_UNIX, (const struct sockaddr *)&to, sizeof to, timeout_ms);
}

static int
connect_to_host(
    const struct filter_address *a, int timeout_ms, const char **ret_fault)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	int rc = getaddrinfo(a->host, a->port, &hints, &found), fd = -1;

	if (rc != 0) {
		*ret_fault = gai_strerror(rc);
		return -1;
	}
	for (struct addrinfo *at = found; at && fd < 0; at = at->ai_next)
		fd = connect_to(
		    at->ai_family, at->ai_addr, at->ai_addrlen, timeout_ms);
	freeaddrinfo(found);
	return fd;
}

int
filter_address_connect(
    const struct filter_address *a, int timeout_ms, const char **ret_fault)
{
	int fd;

	*ret_fault = NULL;
	fd = a->port ? connect_to_host(a, timeout_ms, ret_fault)
		     : connect_to_path(a->host, timeout_ms);
	if (fd < 0 && !*ret_fault)
		*ret_fault = strerror(errno);
	return fd;
}

const char *
filters_check(const char *list)
{
	struct filter_address all[FILTERS_MAX];
	size_t n;
	const char *fault = filter_address_read(list, all, &n);

	return fault || n > 0 ? fault
			      : "a filter is unix:PATH or inet:HOST:PORT";
}

void
filters_try(const char *list, int timeout_ms,
    void (*tell)(void *arg, const char *address, const char *fault), void *arg)
{
	struct filter_address all[FILTERS_MAX];
	const char *fault;
	size_t n;

	if (filter_address_read(list, all, &n))
		return;
	for (size_t i = 0; i < n; i++) {
		int fd = filter_address_connect(&all[i], timeout_ms, &fault);

		tell(arg, all[i].name, fd < 0 ? fault : NULL);
		if (fd >= 0)
			close(fd);
	}
}
