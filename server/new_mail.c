#include "new_mail.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

void
new_mail_tell(const char *path)
{
	int fd;

	if (!path)
		return;
	/* Of a FIFO, it would wait for a reader. */
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0660);
	if (fd < 0)
		log_line(
		    LOG_WARNING, "--new-mail: %s: %s", path, strerror(errno));
	else
		close(fd);
}
