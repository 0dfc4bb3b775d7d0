/*
 * Who the client is: where a name is looked for, and what is made of it.
 */
#include <sys/socket.h>

#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "../../server/peer.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void
forget_variables(void)
{
	unsetenv("TCPREMOTEIP");
	unsetenv("TCPREMOTEPORT");
	unsetenv("REMOTE_ADDR");
	unsetenv("REMOTE_PORT");
}

TestSuite(peer, .init = forget_variables);

/* Over a pipe, with the variable. */
static void
expect(const char *given, const char *address, int port)
{
	struct peer peer;
	int ends[2];

	cr_assert(pipe(ends) == 0);
	if (given)
		setenv("TCPREMOTEIP", given, 1);
	peer_find(ends[0], &peer);
	cr_expect(strcmp(peer.address, address) == 0 && peer.port == port,
	    "\"%s\": %s port %d, want %s port %d", given ? given : "(none)",
	    peer.address, peer.port, address, port);
	close(ends[0]);
	close(ends[1]);
}

Test(peer, is_local_where_nothing_is_said)
{
	expect(NULL, PEER_LOCAL, 0);
}

Test(peer, is_read_as_programs_write_addresses)
{
	static const struct {
		const char *given, *address;
		int port;
	} rows[] = {
		{ "192.0.2.1", "192.0.2.1", 0 },
		{ " 192.0.2.1  ", "192.0.2.1", 0 },
		{ "192.0.2.1:25", "192.0.2.1", 25 },
		{ "[192.0.2.1]", "192.0.2.1", 0 },
		{ "[192.0.2.1]:65535", "192.0.2.1", 65535 },
		{ "192.0.2.1:65536", "192.0.2.1", 0 },
		{ "192.0.2.1:", "192.0.2.1", 0 },
		{ "2001:DB8::1", "2001:db8::1", 0 },
		{ "[2001:db8::1]", "2001:db8::1", 0 },
		{ "[2001:db8::1]:4711", "2001:db8::1", 4711 },
		{ "[IPv6:2001:db8::1]", "2001:db8::1", 0 },
		{ "fe80::1%eth0", "fe80::1", 0 },
		{ "[fe80::1%eth0]:25", "fe80::1", 25 },
		{ "::ffff:192.0.2.1", "192.0.2.1", 0 },
		{ "[::ffff:192.0.2.1]:25", "192.0.2.1", 25 },
		{ "2001:db8::1:25", "2001:db8::1:25", 0 },
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		expect(rows[i].given, rows[i].address, rows[i].port);
}

Test(peer, is_a_stranger_where_that_cannot_be_read)
{
	static const char *const rows[] = {
		"",
		" ",
		"unknown",
		"local",
		"localhost",
		"192.0.2",
		"192.0.2.1.",
		"192.0.2.256",
		"192.0.2.1 192.0.2.2",
		"192.0.2.1,192.0.2.2",
		"192.0.2.1\n",
		"[192.0.2.1",
		"[192.0.2.1]x",
		"[]",
		"[]:25",
		":",
		":25",
		"%eth0",
		"/run/socket",
		"PID 1/UID 0",
		"@",
		"2001:db8::1::2",
		"2001:db8:0000000000000000000000000000000000000000000000000000"
		"0000000000000000000000000000000000::1",
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		expect(rows[i], PEER_UNKNOWN, 0);
}

Test(peer, has_the_port_of_its_own_variable_first)
{
	setenv("TCPREMOTEPORT", "26", 1);
	expect("192.0.2.1:25", "192.0.2.1", 26);
}

Test(peer, is_looked_for_in_the_next_variable)
{
	setenv("REMOTE_ADDR", "192.0.2.7", 1);
	setenv("REMOTE_PORT", "4711", 1);
	expect(NULL, "192.0.2.7", 4711);
	expect("unknown", "192.0.2.7", 4711);
	setenv("REMOTE_ADDR", "", 1);
	expect("unknown", PEER_UNKNOWN, 0);
	unsetenv("TCPREMOTEIP");
	expect(NULL, PEER_UNKNOWN, 0);
}

Test(peer, of_a_socket_of_this_machine_is_local)
{
	struct peer peer;
	int ends[2];

	cr_assert(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	peer_find(ends[0], &peer);
	cr_expect(strcmp(peer.address, PEER_LOCAL) == 0);
	setenv("REMOTE_ADDR", "/run/socket", 1); /* systemd.exec(5) */
	peer_find(ends[0], &peer);
	cr_expect(strcmp(peer.address, PEER_LOCAL) == 0);
	setenv("REMOTE_ADDR", "PID 1/UID 0", 1);
	peer_find(ends[0], &peer);
	cr_expect(strcmp(peer.address, PEER_LOCAL) == 0);
	setenv("REMOTE_ADDR", "somebody", 1);
	peer_find(ends[0], &peer);
	cr_expect(strcmp(peer.address, PEER_UNKNOWN) == 0);
}

/* Its name cannot be asked for any more; that makes nobody local. */
Test(peer, that_is_gone_already_is_a_stranger)
{
	struct sockaddr_in name = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct linger now = { .l_onoff = 1 };
	socklen_t len = sizeof name;
	int listening = socket(AF_INET, SOCK_STREAM, 0);
	int client = socket(AF_INET, SOCK_STREAM, 0), fd;
	struct sockaddr *any = (struct sockaddr *)(void *)&name;
	struct peer peer;
	char octet;

	cr_assert(bind(listening, any, len) == 0 && listen(listening, 1) == 0 &&
		  getsockname(listening, any, &len) == 0 &&
		  connect(client, any, len) == 0);
	fd = accept(listening, NULL, NULL);
	cr_assert(fd >= 0);
	setsockopt(client, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	close(client);
	cr_assert(recv(fd, &octet, 1, 0) < 0); /* the reset has come */
	peer_find(fd, &peer);
	cr_expect(strcmp(peer.address, PEER_UNKNOWN) == 0, "%s", peer.address);
}
