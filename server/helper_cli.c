#include "helper_cli.h"

#include <sys/socket.h>

#include <stdint.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "../version.h"
#include "log.h"
#include "peer.h"

enum {
	HELP_COLUMN = 24,
};

int
helper_usage_error(const struct helper_cli *h, const char *what)
{
	log_line(LOG_ERR, "%s; see %s --help", what, h->name);
	return EX_USAGE;
}

/* -1: go on; else the exit status. */
static int
take(const struct helper_cli *h, const struct cli *cli, int option,
    const char *value, void *settings)
{
	const struct cli_option *row = &h->options[option];
	void *field = (char *)settings + row->field;
	struct helper_list *list = field;

	switch ((enum helper_option)row->kind) {
	case HELPER_TEXT:
		*(const char **)field = value;
		break;
	case HELPER_LIST:
		if (list->n == HELPER_LIST_MAX)
			return helper_usage_error(h, "too many of one option");
		list->texts[list->n++] = value;
		break;
	case HELPER_FLAG:
		*(bool *)field = true;
		break;
	case HELPER_VERSION:
		printf("%s " VERSION "\n", h->name);
		return log_output();
	case HELPER_HELP:
		printf("Usage: %s %s\n", h->name, h->usage);
		cli_print_help(cli, HELP_COLUMN);
		return log_output();
	}
	return -1;
}

int
helper_read_options(
    const struct helper_cli *h, int argc, char **argv, void *settings)
{
	struct cli cli = {
		.options = h->options,
		.noptions = h->noptions,
		.set = UINT64_MAX,
		.in_order = h->in_order,
	};
	const char *value;
	int i, status;

	/* Standard error of classic inetd is the client's connection. */
	log_open(peer_is_of_network(STDERR_FILENO) ? STDERR_FILENO : -1);
	cli_start(&cli);
	while ((i = cli_next(&cli, argc, argv, &value)) != CLI_END) {
		if (i == CLI_BAD)
			return helper_usage_error(h, cli.error);
		status = take(h, &cli, i, value, settings);
		if (status >= 0)
			return status;
	}
	return -1;
}

bool
helper_is_started(void)
{
	int type = 0;
	socklen_t len = sizeof type;

	return getsockopt(STDIN_FILENO, SOL_SOCKET, SO_TYPE, &type, &len) ==
		   0 &&
	       type == SOCK_SEQPACKET;
}
