/*
 * stats: numbers for people, for programs, for Prometheus, and as a picture.
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "../archive.h"
#include "../mail/plural.h"
#include "../mime/json.h"
#include "options.h"
#include "private.h"
#include "rights.h"
#include "terminal.h"

enum {
	HOURS_MAX = 24 * 31, /* of a plot */
};

static void
print_text(const struct archive_stats *s)
{
	char first[TERMINAL_TIME_MAX], last[TERMINAL_TIME_MAX];
	char size[TERMINAL_SIZE_MAX], file[TERMINAL_SIZE_MAX];
	char spare[TERMINAL_SIZE_MAX], log[TERMINAL_SIZE_MAX];

	terminal_time(s->first_at, first);
	terminal_time(s->last_at, last);
	terminal_size(s->octets, size);
	terminal_size(s->pages * s->page_size, file);
	terminal_size(s->free_pages * s->page_size, spare);
	terminal_size(s->log_octets, log);
	printf("mails       %lld (%s octet%s), for %lld recipient%s\n",
	    (long long)s->messages, size, plural(s->octets),
	    (long long)s->recipients, plural(s->recipients));
	printf("ever        %lld\n", (long long)s->last_id);
	if (s->messages > 0)
		printf("received    %s to %s\n", first, last);
	printf("database    %s, of which %s are free\n", file, spare);
	printf("log         %s\n", log);
	if (s->max_messages > 0)
		printf("quota       %lld mail%s\n", (long long)s->max_messages,
		    plural(s->max_messages));
	if (s->max_octets > 0)
		printf("quota       %lld octet%s\n", (long long)s->max_octets,
		    plural(s->max_octets));
}

/* clang-format off */
/* The names of each number in JSON and in OpenMetrics. */
static const struct metric {
	size_t field;
	const char *json;
	const char *metric;
	const char *unit; /* or NULL */
	bool counts;      /* only grows: a counter */
	const char *help;
} metrics[] = {
#define FIELD(name) offsetof(struct archive_stats, name)
	{ FIELD(messages), "messages", "smtpd_messages", NULL, false,
	  "Mails in the table." },
	{ FIELD(octets), "octets", "smtpd_messages_bytes", "bytes", false,
	  "Octets of these mails." },
	{ FIELD(recipients), "recipients", "smtpd_recipients", NULL, false,
	  "Recipients of these mails." },
	{ FIELD(last_id), "last_id", "smtpd_messages_stored", NULL, true,
	  "Mails that were ever stored." },
	{ FIELD(pages), "pages", "smtpd_database_pages", NULL, false,
	  "Pages of the database." },
	{ FIELD(free_pages), "free_pages", "smtpd_database_free_pages", NULL, false,
	  "Pages of it that are free." },
	{ FIELD(page_size), "page_size", "smtpd_database_page_bytes", "bytes", false,
	  "Octets of a page." },
	{ FIELD(log_octets), "log_octets", "smtpd_log_bytes", "bytes", false,
	  "Octets of the write-ahead log." },
	{ FIELD(max_messages), "max_messages", "smtpd_quota_messages", NULL, false,
	  "Mails that the table may have; 0: any number." },
	{ FIELD(max_octets), "max_octets", "smtpd_quota_bytes", "bytes", false,
	  "Octets that its mails may have; 0: any number." },
#undef FIELD
};
/* clang-format on */

static const size_t nmetrics = sizeof metrics / sizeof *metrics;

static int64_t
value_of(const struct archive_stats *s, const struct metric *m)
{
	return *(const int64_t *)(const void *)((const char *)s + m->field);
}

static void
print_json(const struct archive_stats *s)
{
	struct json j = { 0 };

	json_open(&j, NULL, '{');
	for (size_t i = 0; i < nmetrics; i++)
		json_integer(&j, metrics[i].json, value_of(s, &metrics[i]));
	if (s->messages > 0) {
		json_time(&j, "first", s->first_at);
		json_time(&j, "last", s->last_at);
	}
	json_close(&j, '}');
}

/* OpenMetrics 1.0, which node_exporter's textfile collector reads as well. */
static void
print_openmetrics(const struct archive_stats *s)
{
	for (size_t i = 0; i < nmetrics; i++) {
		const struct metric *m = &metrics[i];

		printf("# TYPE %s %s\n", m->metric,
		    m->counts ? "counter" : "gauge");
		if (m->unit)
			printf("# UNIT %s %s\n", m->metric, m->unit);
		printf("# HELP %s %s\n", m->metric, m->help);
		printf("%s%s %lld\n", m->metric, m->counts ? "_total" : "",
		    (long long)value_of(s, m));
	}
	puts("# TYPE smtpd_last_received_timestamp_seconds gauge\n"
	     "# UNIT smtpd_last_received_timestamp_seconds seconds\n"
	     "# HELP smtpd_last_received_timestamp_seconds When the newest "
	     "mail came.");
	printf("smtpd_last_received_timestamp_seconds %lld\n# EOF\n",
	    (long long)(s->last_at / 1000000));
}

static void
write_script(FILE *f, const struct archive_hour *hours, int n)
{
	fputs("set terminal png size 1000,400\n"
	      "set title 'mails per hour (UTC)'\nset xdata time\n"
	      "set timefmt '%s'\nset format x \"%m-%d\\n%H:%M\"\n"
	      "set yrange [0:*]\nset style fill solid\nset boxwidth 3600\n"
	      "plot '-' using 1:2 with boxes notitle\n",
	    f);
	for (int i = n - 1; i >= 0; i--)
		fprintf(f, "%lld %lld\n", (long long)hours[i].hour * 3600,
		    (long long)hours[i].messages);
	fputs("e\n", f);
}

/* False, with errno: the picture is not complete. */
static bool
copy_picture(int from, int to)
{
	char piece[16384];
	ssize_t len;

	lseek(from, 0, SEEK_SET);
	while ((len = read(from, piece, sizeof piece)) > 0) {
		for (ssize_t at = 0, n; at < len; at += n) {
			n = write(to, piece + at, (size_t)(len - at));
			if (n < 0)
				return false;
		}
	}
	/*
	 * Cuts the rest of a longer file; /dev/stdout may be a pipe (EINVAL).
	 */
	return ftruncate(to, lseek(to, 0, SEEK_CUR)) == 0 || errno == EINVAL;
}

/*
 * gnuplot draws on its standard output, since a path in the script could hold
 * a line end and a command.  That output is memory, since gnuplot does not
 * tell of a write that fails.
 */
static int
plot(const char *path, const struct archive_hour *hours, int n)
{
	int fd = rights_open(path, O_WRONLY | O_CREAT, 0666);
	int picture;
	FILE *f;

	if (fd < 0)
		return smtpdb_fail_errno(EX_CANTCREAT, path);
	picture = memfd_create("plot", MFD_CLOEXEC);
	if (picture < 0 || dup2(picture, STDOUT_FILENO) < 0)
		return smtpdb_fail_errno(EX_OSERR, "plot");
	signal(SIGPIPE, SIG_IGN);
	f = popen("gnuplot", "we"); /* NOLINT(cert-env33-c): a fixed word */
	if (!f)
		return smtpdb_fail_errno(EX_OSERR, "gnuplot");
	write_script(f, hours, n);
	if (pclose(f) != 0)
		return smtpdb_fail(EX_UNAVAILABLE,
		    "gnuplot failed; is it installed?  (apt-get install "
		    "gnuplot-nox)");
	return copy_picture(picture, fd) ? EX_OK
					 : smtpdb_fail_errno(EX_IOERR, path);
}

static int
plot_hours(struct smtpdb *t)
{
	struct archive_hour hours[HOURS_MAX];
	int n = archive_hours(t->archive, hours, HOURS_MAX);

	if (n < 0)
		return smtpdb_fail_archive(t);
	if (n == 0)
		return smtpdb_fail(EX_NOINPUT, "there is no mail to plot");
	return plot(t->options[OPT_PLOT], hours, n);
}

int
stats_run(struct smtpdb *t)
{
	struct archive_stats stats = { 0 };
	bool waited;
	int status;

	if (!!t->options[OPT_PLOT] + !!t->options[OPT_OPENMETRICS] +
		!!t->options[OPT_JSON] >
	    1)
		return smtpdb_fail(
		    EX_USAGE, "--json, --openmetrics or --plot: say one");
	t->names_files = t->options[OPT_PLOT];
	status = smtpdb_open_soon(t, &waited);
	if (status != EX_OK)
		return status;
	if (t->options[OPT_PLOT])
		return plot_hours(t);
	if (archive_stats(t->archive, &stats) < 0)
		return smtpdb_fail_archive(t);
	if (t->options[OPT_OPENMETRICS])
		print_openmetrics(&stats);
	else if (t->options[OPT_JSON])
		print_json(&stats);
	else
		print_text(&stats);
	return EX_OK;
}
