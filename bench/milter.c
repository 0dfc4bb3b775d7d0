/*
 * A milter that agrees to see everything, replies to everything, and changes
 * nothing: what one costs that does nothing itself.
 *
 *	milter PATH
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	PACKET_MAX = 128 * 1024,
	BACKLOG = 512,
};

static int
read_all(int fd, void *to, size_t len)
{
	char *at = to;

	while (len > 0) {
		ssize_t n = read(fd, at, len);

		if (n <= 0)
			return -1;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Version 6, all actions, all steps. */
static const char options[] = "\0\0\0\15O\0\0\0\6\0\0\1\377\0\0\0\0";
static const char go_on[] = "\0\0\0\1c";

static void *
serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	unsigned char head[5], packet[PACKET_MAX];

	while (read_all(fd, head, sizeof head) == 0) {
		size_t len = (size_t)head[1] << 16 | (size_t)head[2] << 8 |
			     (size_t)head[3];

		if (len == 0 || len > PACKET_MAX ||
		    read_all(fd, packet, len - 1) < 0 || head[4] == 'Q')
			break;
		if (head[4] == 'O') {
			if (write(fd, options, sizeof options - 1) < 0)
				break;
		} else if (!strchr("DAK", head[4])) {
			if (write(fd, go_on, sizeof go_on - 1) < 0)
				break;
		}
	}
	close(fd);
	return NULL;
}

int
main(int argc, char **argv)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int listening = socket(AF_UNIX, SOCK_STREAM, 0);

	if (argc != 2 || strlen(argv[1]) >= sizeof at.sun_path)
		return 64;
	strcpy(at.sun_path, argv[1]);
	unlink(argv[1]);
	umask(0);
	if (bind(listening, (struct sockaddr *)&at, sizeof at) < 0 ||
	    listen(listening, BACKLOG) < 0) {
		perror(argv[1]);
		return 71;
	}
	for (;;) {
		int fd = accept(listening, NULL, NULL);
		pthread_t thread;

		if (fd >= 0 && pthread_create(&thread, NULL, serve,
				   (void *)(intptr_t)fd) == 0)
			pthread_detach(thread);
		else if (fd >= 0)
			close(fd);
	}
}
