/*
 * doctor: looks for what is wrong, and says what mends it.
 *
 * Opening the database is the first check; it refuses network file systems and
 * the databases of others by itself.
 */
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "../mail/plural.h"
#include "../mime/json.h"
#include "doctor.h"
#include "file.h"
#include "options.h"
#include "private.h"
#include "terminal.h"

enum {
	LOG_OCTETS_MAX = 64 * 1024 * 1024,
	QUOTA_NEAR = 90, /* percent */
	FREE_OCTETS_MIN = 256 * 1024 * 1024,
};

static void
check_library(const struct patient *p, struct finding *f)
{
	const char *library = archive_library(p->archive);

	SAY(f, "%s", library);
	if (!archive_library_is_faulty())
		return;
	f->state = STATE_NOTE;
	SAY(f,
	    "%s has the WAL-reset fault; smtpd and smtpdb avoid it, "
	    "other programs that write must hold mail.db-lock",
	    library);
	MEND(f, "flock %s-lock sqlite3 %s '...'", p->path, p->path);
}

static void
check_mark(const struct patient *p, struct finding *f)
{
	SAY(f, "every sync of the disk has worked");
	if (!archive_is_marked(p->archive))
		return;
	f->state = STATE_BAD;
	SAY(f, "a sync of the disk failed, or a session was killed in one; the "
	       "next one rewrites the WAL before it takes a mail");
	MEND(f, "dmesg | grep -i -e 'I/O error' -e ext4 -e xfs");
}

/*
 * Suggests how to save the mails of a damaged database into a new one.
 * Debian's sqlite3 has no .recover that works.
 */
static void
mend_damage(const char *first, const char *path, struct finding *f)
{
	MEND(f,
	    "%s(sqlite3 %s .dump |"
	    " sed 's/^ROLLBACK; -- due to errors.*/COMMIT;/';"
	    " echo 'PRAGMA application_id = %d;"
	    " PRAGMA user_version = %d;') | sqlite3 recovered.db",
	    first, path, archive_application_id(), archive_schema_version());
}

static void
check_integrity(const struct patient *p, struct finding *f)
{
	char *found = archive_check(p->archive);

	if (found && strcmp(found, "ok") == 0) {
		SAY(f, "the database is whole");
	} else {
		f->state = STATE_BAD;
		SAY(f, "the database is damaged: %s",
		    found ? found : archive_error(p->archive));
		mend_damage("", p->path, f);
	}
	free(found);
}

static void
check_log(const struct patient *p, struct finding *f)
{
	char size[TERMINAL_SIZE_MAX];

	terminal_size(p->stats.log_octets, size);
	SAY(f, "the log has %s octets", size);
	if (p->stats.log_octets < LOG_OCTETS_MAX)
		return;
	f->state = STATE_NOTE;
	SAY(f,
	    "the log has grown to %s octets; a program keeps a read "
	    "transaction "
	    "open",
	    size);
	MEND(f, "fuser -v %s-wal", p->path);
}

/*
 * The files beside the database must have its owner and mode, and no others on
 * the host may read them or write to the folder.
 */
static void
check_permissions(const struct patient *p, struct finding *f)
{
	static const char *const suffixes[] = { "", "-wal", "-shm", "-lock" };
	struct stat folder, st;

	SAY(f, "the files have the owner of the database");
	if (stat(p->folder, &folder) < 0 || stat(p->path, &st) < 0)
		return;
	for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
		char path[PATH_MAX];
		struct stat one;

		snprintf(path, sizeof path, "%s%s", p->path, suffixes[i]);
		if (stat(path, &one) < 0 ||
		    (one.st_uid == st.st_uid && one.st_gid == st.st_gid &&
			(one.st_mode & 0777) == (st.st_mode & 0777)))
			continue;
		f->state = STATE_BAD;
		SAY(f, "%s has another owner or mode than the database", path);
		MEND(f, "chown --reference=%s %s; chmod --reference=%s %s",
		    p->path, path, p->path, path);
		return;
	}
	if (st.st_mode & S_IRWXO) {
		f->state = STATE_BAD;
		SAY(f, "everybody on this host can get at the mails");
		MEND(f, "chmod o-rwx %s*", p->path);
	} else if (folder.st_mode & S_IWOTH) {
		f->state = STATE_BAD;
		SAY(f,
		    "everybody on this host can write to %s; the database "
		    "wants a folder of its own",
		    p->folder);
		if (!(folder.st_mode &
			S_ISVTX)) /* other users must write to /tmp */
			MEND(f, "chmod o-w %s", p->folder);
	} else if (folder.st_uid != st.st_uid && folder.st_gid != st.st_gid) {
		f->state = STATE_BAD;
		SAY(f, "the database and its folder belong to different users");
		MEND(f, "chown --reference=%s %s*", p->folder, p->path);
	}
}

static void
check_disk(const struct patient *p, struct finding *f)
{
	struct statvfs fs;
	char size[TERMINAL_SIZE_MAX];
	uint64_t octets;

	if (statvfs(p->folder, &fs) < 0) {
		f->state = STATE_BAD;
		SAY(f, "%s: %s", p->folder, strerror(errno));
		return;
	}
	octets = (uint64_t)fs.f_bavail * fs.f_frsize;
	terminal_size((int64_t)octets, size);
	SAY(f, "the disk has %s free", size);
	if (octets >= FREE_OCTETS_MIN)
		return;
	f->state = STATE_BAD;
	/* No VACUUM, which needs twice the room. */
	MEND(f, "smtpdb --database=%s prune --older=30d", p->path);
}

static int
percent_of(int64_t n, int64_t max)
{
	return max > 0 ? (int)((double)n * 100 / (double)max) : 0;
}

static void
check_quota(const struct patient *p, struct finding *f)
{
	const struct archive_stats *s = &p->stats;
	int mails = percent_of(s->messages, s->max_messages);
	int octets = percent_of(s->octets, s->max_octets);
	int percent = mails > octets ? mails : octets;

	SAY(f, "the quota is not near");
	if (percent < QUOTA_NEAR)
		return;
	f->state = percent < 100 ? STATE_NOTE : STATE_BAD;
	SAY(f, "%d%% of the quota are taken; %s mail is answered 452", percent,
	    percent < 100 ? "beyond it" : "every");
	MEND(f, "smtpdb --database=%s prune --older=30d", p->path);
}

/* Returns what systemctl says of a socket, to be freed.  NULL: nothing. */
static char *
ask_systemctl(const char *unit)
{
	char name[64];
	char *args[] = { "systemctl", "show", "-p", "ActiveState", "-p",
		"TriggerLimitIntervalUSec", name, NULL };
	posix_spawn_file_actions_t actions;
	struct span answer = { NULL, 0 };
	int ends[2], error;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return NULL;
	snprintf(name, sizeof name, "%s", unit);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
	posix_spawn_file_actions_addopen(
	    &actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	error = posix_spawnp(&pid, args[0], &actions, NULL, args, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	if (error == 0 && file_read(ends[0], &answer) < 0)
		answer.p = NULL;
	close(ends[0]);
	if (error == 0)
		waitpid(pid, NULL, 0);
	return (char *)answer.p;
}

/*
 * With a trigger limit, systemd stops the socket for good after a burst of
 * connections.
 */
static void
check_units(const struct patient *p, struct finding *f)
{
	static const char *const units[] = { "smtpd-listen.socket",
		"smtpd.socket" };
	const char *active = NULL;

	(void)p;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		char *answer = ask_systemctl(units[i]);
		bool is_active = answer && strstr(answer, "ActiveState=active");
		bool is_limited = answer &&
				  strstr(answer, "TriggerLimitIntervalUSec=") &&
				  !strstr(answer, "TriggerLimitIntervalUSec=0");

		free(answer);
		if (!is_active)
			continue;
		active = units[i];
		if (!is_limited)
			continue;
		f->state = STATE_BAD;
		SAY(f,
		    "a burst of connections stops %s: "
		    "TriggerLimitIntervalSec is not 0",
		    active);
		MEND(f,
		    "systemctl edit %s  # [Socket] TriggerLimitIntervalSec=0",
		    active);
		return;
	}
	if (active)
		SAY(f, "%s listens", active);
	else
		SAY(f,
		    "neither smtpd-listen.socket nor smtpd.socket is in use");
}

/* Checks the settings of a PostgreSQL server, whose files are out of reach. */
static void
check_settings(const struct patient *p, struct finding *f)
{
	char *found = archive_check(p->archive);

	SAY(f, "a COMMIT that has ended survives a crash");
	if (!found || strcmp(found, "ok") != 0) {
		f->state = STATE_BAD;
		SAY(f, "%s", found ? found : archive_error(p->archive));
	}
	free(found);
}

static void
check_standbys(const struct patient *p, struct finding *f)
{
	int n = archive_has_copies(p->archive);

	SAY(f, "a standby has each mail before its sender is told 250");
	if (n > 0)
		return;
	f->state = n < 0 ? STATE_BAD : STATE_NOTE;
	SAY(f, "%s",
	    n < 0 ? archive_error(p->archive)
		  : "no standby has to have a mail before its sender is told "
		    "250: synchronous_standby_names is empty");
}

static const struct check {
	const char *name;
	void (*run)(const struct patient *p, struct finding *f);
	enum {
		OF_ALL,
		OF_FILES,
		OF_SERVERS,
	} of;
} checks[] = {
	{ "library", check_library, OF_ALL },
	{ "sync", check_mark, OF_FILES },
	{ "integrity", check_integrity, OF_FILES },
	{ "schema", doctor_check_schema, OF_ALL },
	{ "log", check_log, OF_FILES },
	{ "permissions", check_permissions, OF_FILES },
	{ "disk", check_disk, OF_FILES },
	{ "settings", check_settings, OF_SERVERS },
	{ "standbys", check_standbys, OF_SERVERS },
	{ "quota", check_quota, OF_ALL },
	{ "domains", doctor_check_domains, OF_ALL },
	{ "aliases", doctor_check_aliases, OF_ALL },
	{ "filters", doctor_check_filters, OF_ALL },
	{ "units", check_units, OF_ALL },
	{ "tls", doctor_check_tls, OF_ALL },
	{ "auth", doctor_check_auth, OF_ALL },
};

static void
print(const struct smtpdb *t, const char *name, const struct finding *f)
{
	static const char *const words[] = {
		[STATE_OK] = "ok",
		[STATE_NOTE] = "note",
		[STATE_BAD] = "bad",
	};
	struct json j = { 0 };

	if (!t->options[OPT_JSON]) {
		printf("%-4s  %-11s  ", words[f->state], name);
		terminal_print(span_of(f->text), TERMINAL_LINE);
		if (*f->remedy) {
			printf("\n%20s$ ", "");
			terminal_print(span_of(f->remedy), TERMINAL_LINE);
		}
		putchar('\n');
		return;
	}
	json_open(&j, NULL, '{');
	json_text(&j, "check", name);
	json_text(&j, "verdict", words[f->state]);
	json_text(&j, "text", f->text);
	json_text(&j, "remedy", *f->remedy ? f->remedy : NULL);
	json_close(&j, '}');
}

/* A database that is too damaged to be opened has no other findings. */
static int
tell_damage(const struct smtpdb *t)
{
	struct finding finding = { .state = STATE_BAD };
	char first[PATH_MAX + 64];

	snprintf(first, sizeof first,
	    "smtpdb --database=%s doctor --new-schema=schema.db && ", t->path);
	SAY(&finding, "the database is damaged: %s", archive_error(t->archive));
	mend_damage(first, "schema.db", &finding);
	print(t, "integrity", &finding);
	return EX_CONFIG;
}

static int
lend_schema(struct smtpdb *t, const char *path)
{
	int64_t n = archive_lend_schema(t->archive, path);

	if (n < 0)
		return smtpdb_fail_archive(t);
	if (n == 0)
		return smtpdb_fail(EX_DATAERR,
		    "%s has no mails where a database of this version has them",
		    t->path);
	printf("%lld mail%s and more can be read of %s\n", (long long)n,
	    plural(n), path);
	return EX_OK;
}

int
doctor_run(struct smtpdb *t)
{
	struct patient patient = { .archive = NULL };
	char folder[PATH_MAX];
	char *slash;
	int status = options_check_filters(t);
	bool is_damaged;

	if (status != EX_OK)
		return status;
	status = smtpdb_try_open(t, false);
	is_damaged = archive_is_file() && t->archive &&
		     archive_result(t->archive) == VERDICT_CORRUPT;
	if (is_damaged && t->options[OPT_NEW_SCHEMA])
		return lend_schema(t, t->options[OPT_NEW_SCHEMA]);
	if (is_damaged)
		return tell_damage(t);
	if (status == EX_OK && t->options[OPT_NEW_SCHEMA])
		return smtpdb_fail(EX_USAGE,
		    "--new-schema is for a file that cannot be opened");
	if (status != EX_OK)
		return t->archive ? smtpdb_fail_archive(t) : status;
	patient.archive = t->archive;
	patient.filters[0] = t->options[OPT_MILTER];
	patient.filters[1] = t->options[OPT_POLICY];
	patient.path = archive_file(t->archive);
	snprintf(folder, sizeof folder, "%s", patient.path);
	slash = strrchr(folder, '/');
	if (slash)
		*slash = '\0';
	patient.folder = folder;
	/* If the numbers cannot be read, check_integrity() tells why. */
	archive_stats(t->archive, &patient.stats);
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
		struct finding finding = { .state = STATE_OK };

		if (checks[i].of == (archive_is_file() ? OF_SERVERS : OF_FILES))
			continue;
		checks[i].run(&patient, &finding);
		print(t, checks[i].name, &finding);
		if (finding.state == STATE_BAD)
			status = EX_CONFIG;
	}
	return status;
}
