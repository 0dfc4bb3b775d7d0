#include "scratch.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

const char *const scratch_result_names[] = {
	[VERDICT_OK] = "OK",
	[VERDICT_BUSY] = "BUSY",
	[VERDICT_FULL] = "FULL",
	[VERDICT_NO_MEMORY] = "NO_MEMORY",
	[VERDICT_FAILED] = "FAILED",
	[VERDICT_TOO_BIG] = "TOO_BIG",
	[VERDICT_CORRUPT] = "CORRUPT",
	[VERDICT_UNUSABLE] = "UNUSABLE",
};

static void
must(bool it_worked, const char *what)
{
	if (it_worked)
		return;
	perror(what);
	abort();
}

/*
 * Files
 */

void
scratch_make(struct scratch *s, int wait_ms)
{
	const char *parent = getenv("TMPDIR");

	if (!parent || strlen(parent) > 32)
		parent = "/tmp";
	snprintf(s->folder, sizeof s->folder, "%s/smtpd-test-XXXXXX", parent);
	must(mkdtemp(s->folder), s->folder);
	snprintf(s->path, sizeof s->path, "%s/mail.db", s->folder);
	s->conf = (struct store_conf){ .path = s->path, .wait_ms = wait_ms };
}

static int
remove_one(
    const char *path, const struct stat *st, int type, struct FTW *position)
{
	(void)st;
	(void)type;
	(void)position;
	return remove(path);
}

void
scratch_remove(const struct scratch *s)
{
	nftw(s->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *
scratch_file(const struct scratch *s, const char *suffix)
{
	static char path[160];

	snprintf(path, sizeof path, "%s%s", s->path, suffix);
	return path;
}

int64_t
scratch_size(const struct scratch *s, const char *suffix)
{
	struct stat st;

	return stat(scratch_file(s, suffix), &st) == 0 ? st.st_size : -1;
}

static int
is_visible(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") != 0 &&
	       strcmp(entry->d_name, "..") != 0;
}

const char *
scratch_list(const struct scratch *s)
{
	static char names[1024];
	struct dirent **entries;
	int n = scandir(s->folder, &entries, is_visible, alphasort);
	size_t len = 0;

	must(n >= 0, s->folder);
	names[0] = '\0';
	for (int i = 0; i < n; i++) {
		len += (size_t)snprintf(
		    names + len, sizeof names - len, "%s ", entries[i]->d_name);
		must(len < sizeof names, "too many names");
		free(entries[i]);
	}
	free(entries);
	return names;
}

char *
scratch_read(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "rb");
	struct stat st;
	char *octets;

	must(f && fstat(fileno(f), &st) == 0, path);
	octets = malloc((size_t)st.st_size + 1);
	must(octets, path);
	*ret_len = fread(octets, 1, (size_t)st.st_size, f);
	must(*ret_len == (size_t)st.st_size, path);
	fclose(f);
	return octets;
}

void
scratch_write(const char *path, const void *octets, size_t len)
{
	FILE *f = fopen(path, "wb");

	must(f && fwrite(octets, 1, len, f) == len, path);
	must(fclose(f) == 0, path);
}

/*
 * Another program
 */

static void
must_sqlite(sqlite3 *db, int rc, const char *what)
{
	if (rc == SQLITE_OK || rc == SQLITE_ROW || rc == SQLITE_DONE)
		return;
	fprintf(stderr, "%s: %s\n", what, sqlite3_errmsg(db));
	abort();
}

static sqlite3 *
connect_to(const char *name, int flags)
{
	sqlite3 *db;
	int rc = sqlite3_open_v2(name, &db, flags, NULL);

	must_sqlite(db, rc, name);
	sqlite3_busy_timeout(db, 60000);
	/* A consumer that never checkpoints, as the manual wants it. */
	scratch_exec(db, "PRAGMA wal_autocheckpoint = 0");
	return db;
}

sqlite3 *
scratch_connect(const struct scratch *s)
{
	return connect_to(s->path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
}

void
scratch_exec(sqlite3 *db, const char *sql)
{
	must_sqlite(db, sqlite3_exec(db, sql, NULL, NULL, NULL), sql);
}

static const char *
query(sqlite3 *db, const char *sql)
{
	static char answer[4096];
	sqlite3_stmt *q;
	size_t len = 0;
	int rc;

	answer[0] = '\0';
	must_sqlite(db, sqlite3_prepare_v2(db, sql, -1, &q, NULL), sql);
	while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(q); i++) {
			const void *text = sqlite3_column_text(q, i);

			len += (size_t)snprintf(answer + len,
			    sizeof answer - len, "%s%s",
			    i > 0     ? "|"
			    : len > 0 ? " "
				      : "",
			    text ? (const char *)text : "NULL");
			must(len < sizeof answer, sql);
		}
	}
	must_sqlite(db, rc, sql);
	sqlite3_finalize(q);
	return answer;
}

const char *
scratch_query(const struct scratch *s, sqlite3 *db, const char *sql)
{
	sqlite3 *own = db ? NULL : scratch_connect(s);
	const char *answer = query(db ? db : own, sql);

	sqlite3_close(own);
	return answer;
}

const char *
scratch_query_file(const struct scratch *s, const char *sql)
{
	const char *answer;
	char uri[160];
	sqlite3 *db;

	snprintf(uri, sizeof uri, "file:%s?immutable=1", s->path);
	db = connect_to(uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
	answer = query(db, sql);
	sqlite3_close(db);
	return answer;
}

/*
 * Mails
 */

const struct store_mail *
scratch_mail(void)
{
	static struct recipient to[] = { { .forward_path = "b@mx.example" } };
	static const struct envelope envelope = {
		.verb = "MAIL",
		.protocol = "ESMTP",
		.helo = "client.example",
		.reverse_path = "a@client.example",
		.body_type = "7BIT",
		.recipients = to,
		.nrecipients = 1,
	};
	static const struct store_mail mail = {
		.envelope = &envelope,
		.received_at = 1700000000123456,
		.client_address = "192.0.2.1",
		.client_port = 40000,
		.trace_before_id = "Received: id ",
		.trace_after_id = ";\r\n",
	};

	return &mail;
}

/* No two pieces of it are alike, so that one in the wrong place is seen. */
void
scratch_text(unsigned seed, size_t from, char *ret, size_t len)
{
	for (size_t i = 0; i < len; i++)
		ret[i] =
		    (char)((seed * 2246822519u + (from + i) * 2654435761u) >>
			   24);
}

void
scratch_append(struct store *st, unsigned seed, size_t len, size_t piece)
{
	char *octets = malloc(piece);

	must(octets, "append");
	for (size_t at = 0; at < len; at += piece) {
		size_t n = len - at < piece ? len - at : piece;

		scratch_text(seed, at, octets, n);
		store_append(st, (struct span){ octets, n });
	}
	free(octets);
}

enum verdict
scratch_commit(struct store *st, unsigned seed, size_t len, int64_t *ret_id)
{
	struct envelope envelope = *scratch_mail()->envelope;
	struct store_mail mail = *scratch_mail();
	int64_t id = -1;
	enum verdict result;

	mail.envelope = &envelope;
	envelope.size = len;
	scratch_append(st, seed, len, 65536);
	result = store_commit(st, &mail, ret_id ? ret_id : &id);
	return result;
}

bool
scratch_holds(const struct scratch *s, int64_t id, unsigned seed, size_t len)
{
	sqlite3 *db = scratch_connect(s);
	sqlite3_stmt *q;
	bool same;
	char *want = malloc(len + 1);
	int rc = sqlite3_prepare_v2(db,
	    "SELECT data FROM message WHERE id = ?1 AND typeof(data) = 'blob'",
	    -1, &q, NULL);

	must(want, "holds");
	must_sqlite(db, rc, "holds");
	scratch_text(seed, 0, want, len);
	sqlite3_bind_int64(q, 1, id);
	same = sqlite3_step(q) == SQLITE_ROW &&
	       (size_t)sqlite3_column_bytes(q, 0) == len &&
	       (len == 0 || memcmp(sqlite3_column_blob(q, 0), want, len) == 0);
	sqlite3_finalize(q);
	sqlite3_close(db);
	free(want);
	return same;
}

/*
 * Processes and time
 */

int
scratch_start(int (*run)(void *), void *arg)
{
	pid_t pid;

	fflush(NULL);
	pid = fork();
	must(pid >= 0, "fork");
	if (pid == 0)
		_exit(run(arg));
	return pid;
}

int
scratch_wait(int pid)
{
	int status;

	must(waitpid(pid, &status, 0) == pid, "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int64_t
scratch_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool
scratch_poll(int64_t deadline_ms)
{
	struct timespec moment = { .tv_nsec = 2000000 };

	nanosleep(&moment, NULL);
	return scratch_now_ms() < deadline_ms;
}

bool
scratch_is_cause(const char *text)
{
	return *text && !strpbrk(text, "\r\n") && !strstr(text, "Success") &&
	       !strstr(text, "not an error");
}

int
scratch_waiters(int fd)
{
	struct stat file;
	char inode[32], line[256];
	FILE *locks = fopen("/proc/locks", "r");
	int n = 0;

	fstat(fd, &file);
	snprintf(
	    inode, sizeof inode, ":%llu ", (unsigned long long)file.st_ino);
	while (locks && fgets(line, sizeof line, locks))
		n += strstr(line, "-> FLOCK") && strstr(line, inode);
	if (locks)
		fclose(locks);
	return n;
}
