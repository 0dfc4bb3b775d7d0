/*
 * What a session that was taken over can say to the writer: any messages.  Each
 * one of the input has its length in two octets before it; the first octet of
 * all says whether the tables of the policy have rows.  Whatever comes, a
 * message has the reply that goes with it or ends the session, and a row is what
 * the writer has answered: its sender, its recipients, its client.
 */
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../server/introduce.h"
#include "../../writer/private.h"
#include "../support/scratch.h"
#include "fuzz.h"

enum {
	RUNS_MAX = 500, /* before the rows are deleted */
	MAX_SIZE = 100000,
	MAX_RECIPIENTS = 20,
};

/* Everything is answered by these, or by no rows. */
static const char rules[] =
    "INSERT INTO domain (name) VALUES ('b.example');"
    "INSERT INTO mailbox (address) VALUES ('bob@b.example');"
    "INSERT INTO alias (address, target) VALUES ('all@b.example',"
    " 'bob@b.example');"
    "INSERT INTO sender_rule (pattern) VALUES ('spam.example');";

/* No row may have come to be but by these rules. */
static const char strays[] =
    "SELECT count(*) FROM message LEFT JOIN recipient ON message_id = id"
    " WHERE client_address <> '192.0.2.1' OR client_port <> 7"
    " OR reverse_path LIKE '%@spam.example' OR size <> length(data)"
    " OR mailbox IS NULL OR mailbox <> 'bob@b.example'"
    " OR forward_path COLLATE NOCASE NOT IN"
    "  ('bob@b.example', 'all@b.example') AND"
    "  forward_path COLLATE NOCASE NOT LIKE 'bob+%@b.example'";

struct place {
	struct scratch box;
	struct writer_conf conf;
	struct writer writer;
	sqlite3 *db;
	int nruns;
};

static struct place closed, open;

/*
 * The writer
 */

static void
make_place(struct place *p, const char *sql)
{
	struct writer *w = &p->writer;
	struct store *st;

	scratch_make(&p->box, 1000);
	st = store_new(&p->box.conf);
	if (!st || store_open(st) != VERDICT_OK)
		abort();
	store_free(st);
	p->db = scratch_connect(&p->box);
	scratch_exec(p->db, "PRAGMA synchronous = OFF");
	scratch_exec(p->db, sql);
	p->conf = (struct writer_conf){
		.database = p->box.path,
		.hostname = "mx.example",
		.max_size = MAX_SIZE,
		.max_recipients = MAX_RECIPIENTS,
		.max_spool = 2 * MAX_SIZE,
	};
	w->conf = &p->conf;
	w->store_conf = p->box.conf;
	batch_start(w);
	w->store = store_new(&w->store_conf);
	w->committer = committer_start(&w->store_conf);
	if (!w->store || !w->committer)
		abort();
}

static struct place *
find_place(bool is_open)
{
	struct place *p = is_open ? &open : &closed;

	if (!p->db)
		make_place(p, is_open ? "" : rules);
	if (++p->nruns % RUNS_MAX == 0)
		scratch_exec(p->db, "DELETE FROM message");
	store_refresh(p->writer.store);
	return p;
}

/*
 * The session
 */

static char reply[2 * WIRE_MAX];

/* What came is what goes with a message of this kind. */
static void
check_reply(enum wire_kind asked, ssize_t len)
{
	static struct answer answer;
	struct unpack in = { .rest = { reply, (size_t)len } };
	struct wire_result result;
	char cause[WIRE_CAUSE_MAX];
	bool is_open;

	if (asked == WIRE_ASK)
		fuzz_promise(
		    wire_kind(&in) == WIRE_ANSWER &&
			wire_read_answer(&in, &answer, &is_open, cause),
		    "a question has an answer");
	else
		fuzz_promise(asked != WIRE_DROP &&
				 wire_kind(&in) == WIRE_RESULT &&
				 wire_read_result(&in, &result),
		    "a message has a result");
}

/* A file that came with it is none of ours to keep. */
static ssize_t
receive(int fd)
{
	union {
		struct cmsghdr head;
		char octets[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec to = { reply, sizeof reply };
	struct msghdr m = {
		.msg_iov = &to,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control,
	};
	ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);
	const struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
	int file;

	if (c && c->cmsg_type == SCM_RIGHTS) {
		memcpy(&file, CMSG_DATA(c), sizeof file);
		close(file);
	}
	return n;
}

/* Where a mail is ready, if there is any. */
static struct queue *
find_queue(struct writer *w)
{
	return w->big.first ? &w->big : &w->small;
}

/* False: the session is over. */
static bool
say(struct place *p, struct client *c, int fd, struct span message)
{
	struct unpack in = { .rest = message };
	enum wire_kind kind = wire_kind(&in);
	struct queue *q;
	ssize_t n;

	if (message.len == 0 || send(fd, message.p, message.len, 0) < 0)
		return false;
	if (!client_read(c))
		return false;
	while ((q = find_queue(&p->writer))->first) {
		fuzz_promise(
		    kind == WIRE_LAST, "only the last piece makes a mail");
		fuzz_promise(batch_take(q, p->writer.store) == c,
		    "the mail is that of the session");
		batch_commit(p->writer.store, c);
		if (!client_conclude(c))
			return false;
	}
	n = receive(fd);
	fuzz_promise((n > 0) == (kind != WIRE_DROP && kind != WIRE_RETRACT &&
				    kind != WIRE_TELL),
	    "one reply a message");
	if (n > 0)
		check_reply(kind, n);
	fuzz_promise(receive(fd) < 0, "and no more than one");
	return true;
}

static void
talk(struct place *p, struct span input)
{
	struct introduction who;
	struct client *c;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		abort();
	introduction_clear(&who);
	who.number = 1;
	who.peer = (struct peer){ .address = "192.0.2.1", .port = 7 };
	who.fds[INTRODUCE_LINK] = ends[0];
	c = client_new(&p->writer, &who);
	if (!c)
		abort();
	while (input.len > 2) {
		struct span message = { input.p + 2, 0 };

		message.len = (size_t)((unsigned char)input.p[0] << 8 |
				       (unsigned char)input.p[1]);
		if (message.len > input.len - 2)
			message.len = input.len - 2;
		input.p += 2 + message.len;
		input.len -= 2 + message.len;
		if (!say(p, c, ends[1], message))
			break;
	}
	client_free(c);
	close(ends[1]);
	fuzz_promise(!find_queue(&p->writer)->first && !p->writer.clients,
	    "a session that is gone leaves nothing");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct place *p;

	if (len < 1)
		return 0;
	p = find_place(data[0] & 1);
	talk(p, (struct span){ (const char *)data + 1, len - 1 });
	if (p == &closed)
		fuzz_promise(
		    strcmp(scratch_query(&p->box, p->db, strays), "0") == 0,
		    "no row that was not answered");
	return 0;
}
