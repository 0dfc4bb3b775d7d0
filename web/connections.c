#include "connections.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <stdlib.h>

#include "../clock.h"

enum {
	OCTETS_MAX = 256 * 1024 * 1024, /* of answers that are in memory */
};

static struct places places;

struct place *
connection_place(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(
	    connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
	    ->socket_context;
}

/* All clients of a socket in the file system are one source. */
static struct ip
source_of(struct MHD_Connection *connection)
{
	const void *address = MHD_get_connection_info(
	    connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)
				  ->client_addr;
	const struct sockaddr_in *in = address;
	const struct sockaddr_in6 *in6 = address;
	struct ip ip = { { 0 } };

	if (in && in->sin_family == AF_INET)
		ip = ip_of_ipv4(&in->sin_addr);
	else if (in && in->sin_family == AF_INET6)
		ip = ip_of_ipv6(&in6->sin6_addr);
	return ip_source(&ip);
}

void
connections_note(void *arg, struct MHD_Connection *connection, void **place,
    enum MHD_ConnectionNotificationCode what)
{
	(void)arg;
	if (what == MHD_CONNECTION_NOTIFY_STARTED)
		*place = places_take(
		    &places, connection, source_of(connection), clock_ms());
	else
		places_free(&places, *place);
}

void
connection_put_aside(struct MHD_Connection *connection, int64_t until_ms)
{
	MHD_suspend_connection(connection);
	connection_place(connection)->waits_until = until_ms;
}

static void
resume(struct place *place)
{
	place->waits_until = 0;
	MHD_resume_connection(place->connection);
}

void
connections_resume(bool all)
{
	int64_t now = clock_ms();

	for (size_t i = 0; i < PLACES_MAX; i++) {
		struct place *at = &places.all[i];

		if (at->waits_until != 0 && (all || at->waits_until <= now))
			resume(at);
	}
}

bool
connections_wait(void)
{
	for (size_t i = 0; i < PLACES_MAX; i++) {
		if (places.all[i].waits_until != 0)
			return true;
	}
	return false;
}

/*
 * The answer goes at once: many may come before libmicrohttpd closes one of
 * those that have to leave.
 */
static void
drop_answer(struct place *place)
{
	free(place->answer);
	place->answer = NULL;
	place->octets = 0;
}

/*
 * Has libmicrohttpd close one connection when it runs next.  What has not been
 * sent is dropped, so the kernel does not keep it.  False: there is none.
 */
static bool
throw_out(enum places_held held)
{
	const struct linger at_once = { .l_onoff = 1 };
	struct place *place = places_choose(&places, held);
	int fd;

	if (!place)
		return false;
	place->is_leaving = true;
	drop_answer(place);
	fd = MHD_get_connection_info(
	    place->connection, MHD_CONNECTION_INFO_CONNECTION_FD)
		 ->connect_fd;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	shutdown(fd, SHUT_RDWR);
	if (place->waits_until != 0)
		resume(place);
	return true;
}

bool
connections_have_room(void)
{
	if (places.n < PLACES_MAX)
		return true;
	if (!places_is_one_leaving(&places))
		throw_out(PLACES_CONNECTIONS);
	return false;
}

void
connection_hold(struct MHD_Connection *connection, char *answer, size_t len)
{
	struct place *place = connection_place(connection);

	while (places_octets(&places) + len > OCTETS_MAX &&
	       throw_out(PLACES_OCTETS))
		;
	place->answer = answer;
	place->octets = len;
}

void
connection_release(struct MHD_Connection *connection)
{
	drop_answer(connection_place(connection));
}

size_t
connections_count(void)
{
	return places.n;
}
