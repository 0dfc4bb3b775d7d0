/*
 * Connects, waits for the banner, says QUIT and waits for the end, many times:
 *
 *	connect PORT CONNECTIONS PROCESSES
 *
 * Prints the median of the milliseconds to the banner, the same until the end
 * of the session, the connections per second, and how many failed.
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <netinet/in.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct sample {
	double banner_ms, end_ms;
	bool failed;
};

static double
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* 10 seconds for any wait are a failure. */
static int
dial(unsigned port)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons((unsigned short)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct timeval timeout = { .tv_sec = 10 };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
	if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static void
measure(unsigned port, struct sample *ret)
{
	static const char quit[] = "QUIT\r\n";
	double start = now_ms();
	char reply[512];
	ssize_t n;
	int fd = dial(port);

	ret->failed = true;
	if (fd < 0)
		return;
	n = read(fd, reply, sizeof reply);
	ret->banner_ms = now_ms() - start;
	if (n > 3 && memcmp(reply, "220", 3) == 0 &&
	    write(fd, quit, sizeof quit - 1) == sizeof quit - 1) {
		ret->failed = read(fd, reply, sizeof reply) < 3 ||
			      memcmp(reply, "221", 3) != 0;
		while (read(fd, reply, sizeof reply) > 0)
			;
	}
	ret->end_ms = now_ms() - start;
	close(fd);
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(double *values, size_t n)
{
	qsort(values, n, sizeof *values, compare);
	return n > 0 ? values[n / 2] : 0;
}

static void
report(const struct sample *samples, size_t n, double took_ms)
{
	double *banner = calloc(n, sizeof *banner);
	double *end = calloc(n, sizeof *end);
	size_t good = 0;

	if (!banner || !end)
		exit(1);
	for (size_t i = 0; i < n; i++) {
		if (samples[i].failed)
			continue;
		banner[good] = samples[i].banner_ms;
		end[good++] = samples[i].end_ms;
	}
	printf("%.2f %.2f %.0f %zu\n", median(banner, good), median(end, good),
	    (double)good * 1e3 / took_ms, n - good);
	free(banner);
	free(end);
}

int
main(int argc, char **argv)
{
	unsigned port, processes;
	struct sample *samples;
	size_t connections;
	double start;

	if (argc != 4)
		return 64;
	port = (unsigned)atoi(argv[1]);
	connections = (size_t)atoi(argv[2]);
	processes = (unsigned)atoi(argv[3]);
	samples = mmap(NULL, connections * sizeof *samples,
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (samples == MAP_FAILED)
		return 1;
	start = now_ms();
	for (unsigned p = 0; p < processes; p++) {
		if (fork() > 0)
			continue;
		for (size_t i = p; i < connections; i += processes)
			measure(port, &samples[i]);
		_exit(0);
	}
	while (wait(NULL) > 0)
		;
	report(samples, connections, now_ms() - start);
	return 0;
}
