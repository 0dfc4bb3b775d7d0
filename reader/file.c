#include "file.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	READ_MIN = 64 * 1024,
};

int
file_write(int fd, struct span octets)
{
	while (octets.len > 0) {
		ssize_t n = write(fd, octets.p, octets.len);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0) {
			octets.p += n;
			octets.len -= (size_t)n;
		}
	}
	return 0;
}

int
file_read(int fd, struct span *ret)
{
	size_t cap = READ_MIN, len = 0;
	char *p = malloc(cap);

	while (p) {
		ssize_t n = read(fd, p + len, cap - len - 1);
		char *more;

		if (n == 0) {
			p[len] = '\0';
			*ret = (struct span){ p, len };
			return 0;
		}
		if (n < 0 && errno != EINTR)
			break;
		len += n > 0 ? (size_t)n : 0;
		if (cap - len > READ_MIN / 2)
			continue;
		cap *= 2;
		more = realloc(p, cap);
		if (!more)
			break;
		p = more;
	}
	free(p);
	return -1;
}
