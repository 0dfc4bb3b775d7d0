/*
 * smtpd-postgresql: the writer (writer.h) with PostgreSQL under its store.  smtpd
 * starts it, with the options that it was started with itself; sessions come over
 * the socket on its standard input.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "../cli.h"
#include "../server/log.h"
#include "../server/options.h"
#include "../server/start.h"
#include "../writer.h"

int
main(int argc, char **argv)
{
	struct options options;
	int status;

	log_open(-1);
	start_take_descriptors();
	umask(umask(0077) | 0007);
	if (options_read(argc, argv, &options, &status) < 0)
		return status;
	if (!cli_is_postgresql(options.database) ||
	    !start_is_socket(STDIN_FILENO)) {
		log_line(
		    LOG_ERR, "smtpd --database=postgresql://... starts this");
		return EX_USAGE;
	}
	if (options.allow_unsafe)
		setenv("SMTPD_POSTGRESQL_UNSAFE", "1", 1);
	return writer_serve(&options, STDIN_FILENO);
}
