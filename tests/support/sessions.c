#include "sessions.h"

#include <sys/socket.h>

#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "../../server/introduce.h"

enum {
	PATIENCE_MS = 60000,
};

struct scratch sessions_box;
struct writer_conf sessions_conf;
char sessions_message[WIRE_MAX];

static int introductions[2];
static int writer;

static int
run_writer(void *arg)
{
	(void)arg;
	close(introductions[0]);
	return writer_run(&sessions_conf, introductions[1]);
}

void
sessions_start_writer(void)
{
	cr_assert(zero(int, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC,
				0, introductions)));
	writer = scratch_start(run_writer, NULL);
	close(introductions[1]);
}

void
sessions_stop_writer(void)
{
	close(introductions[0]);
	cr_expect(zero(int, scratch_wait(writer)));
}

void
sessions_kill_writer(void)
{
	kill(writer, SIGKILL);
	cr_expect(eq(int, scratch_wait(writer), -1));
	close(introductions[0]);
}

int
sessions_writer(void)
{
	return writer;
}

void
sessions_begin(void)
{
	scratch_make(&sessions_box, PATIENCE_MS);
	sessions_conf = (struct writer_conf){
		.database = sessions_box.path,
		.hostname = "mx.example",
		.max_size = SESSIONS_MAX_SIZE,
		.max_recipients = 100,
	};
	sessions_start_writer();
}

void
sessions_end(void)
{
	sessions_stop_writer();
	scratch_remove(&sessions_box);
}

/* Introduces whoever has the first of the ends; the other one stays open. */
static void
connect_as(struct introduction *i, enum introduce_fd what, int ends[2])
{
	cr_assert(zero(
	    int, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends)));
	i->fds[what] = ends[1];
	cr_assert(zero(int, introduce(introductions[0], i, true)));
}

void
sessions_connect_both(const char *address, int ends[2])
{
	static uint64_t number;
	struct introduction i;

	introduction_clear(&i);
	i.number = ++number;
	i.peer.port = 4711;
	strcpy(i.peer.address, address);
	connect_as(&i, INTRODUCE_LINK, ends);
}

int
sessions_connect(const char *address)
{
	int ends[2];

	sessions_connect_both(address, ends);
	close(ends[1]);
	return ends[0];
}

struct store *
sessions_connect_store(void)
{
	return store_connect(&sessions_box.conf, sessions_connect("192.0.2.1"));
}

struct question
sessions_question(enum question_kind kind, const char *address)
{
	return (struct question){
		.kind = kind,
		.address = span_of(address),
		.sender = span_of(""),
		.mail = { .verb = "MAIL",
		    .protocol = "ESMTP",
		    .body_type = "7BIT",
		    .helo = span_of("a.example") },
	};
}

const struct answer *
sessions_ask(struct store *st, enum question_kind kind, const char *address)
{
	static const struct policy_asker asker = { .hostname = "mx.example" };
	static struct answer a;
	struct question q = sessions_question(kind, address);

	store_ask(st, &asker, &q, &a);
	return &a;
}

enum verdict
sessions_commit(struct store *st, size_t len, int64_t *ret_id)
{
	static struct header header;
	struct recipient to = { .forward_path = "bob@b.example" };
	const struct envelope e = {
		.verb = "MAIL",
		.protocol = "ESMTP",
		.helo = "a.example",
		.reverse_path = "ann@a.example",
		.body_type = "7BIT",
		.size = len,
		.recipients = &to,
		.nrecipients = 1,
	};
	const struct store_mail mail = { .envelope = &e, .header = &header };
	enum verdict verdict;

	scratch_append(st, 1, len, 10000);
	header_start(&header);
	header_end(&header);
	verdict = store_commit(st, &mail, ret_id);
	store_drop(st);
	return verdict;
}

enum verdict
sessions_put(struct store *st, size_t len, int64_t *ret_id)
{
	const struct answer *a =
	    sessions_ask(st, QUESTION_MAIL, "ann@a.example");

	if (a->verdict != VERDICT_OK || answer_refuses(a))
		return a->verdict;
	a = sessions_ask(st, QUESTION_RCPT, "bob@b.example");
	if (a->verdict != VERDICT_OK || answer_refuses(a))
		return a->verdict;
	return sessions_commit(st, len, ret_id);
}

int
sessions_connect_teller(unsigned may_tell)
{
	struct introduction i;
	int ends[2];

	introduction_clear(&i);
	i.may_tell = may_tell;
	connect_as(&i, INTRODUCE_TELLER, ends);
	close(ends[1]);
	return ends[0];
}

void
sessions_tell(int fd, uint64_t number, enum fact fact, const char *text)
{
	char octets[1024];
	struct pack m = { .p = octets, .size = sizeof octets };
	struct facts facts = { .text = { "" } };

	facts_set(&facts, fact, span_of(text));
	wire_begin(&m, WIRE_TELL);
	wire_write_facts(&m, number, &facts);
	cr_assert(not(m.failed));
	cr_assert(eq(sz, (size_t)send(fd, m.p, m.len, MSG_NOSIGNAL), m.len));
}

void
sessions_send(int fd, const struct pack *m)
{
	cr_assert(not(m->failed));
	cr_assert(eq(sz, (size_t)send(fd, m->p, m->len, MSG_NOSIGNAL), m->len));
}

bool
sessions_is_hung_up(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char octet;

	return poll(&p, 1, PATIENCE_MS) == 1 && recv(fd, &octet, 1, 0) == 0;
}

void
sessions_expect_reply(int fd, enum wire_kind kind)
{
	char reply[4096];
	ssize_t n = recv(fd, reply, sizeof reply, 0);
	struct unpack u = { .rest = { reply, n > 0 ? (size_t)n : 0 } };

	cr_assert(eq(int, wire_kind(&u), kind));
}

void
sessions_send_question(int fd, enum question_kind kind, const char *address)
{
	struct pack m = { .p = sessions_message,
		.size = sizeof sessions_message };
	struct question q = sessions_question(kind, address);

	wire_begin(&m, WIRE_ASK);
	wire_write_question(&m, &q);
	sessions_send(fd, &m);
}

void
sessions_send_last(
    int fd, uint64_t claimed, bool spooled, unsigned nrecipients, size_t octets)
{
	static struct header header;
	struct pack m = { .p = sessions_message,
		.size = sizeof sessions_message };
	const struct recipient r = { .forward_path = "eve@b.example" };
	const struct wire_mail mail = {
		.size = claimed, .spooled = spooled, .header = &header
	};

	wire_begin(&m, WIRE_PIECE);
	for (unsigned i = 0; i < nrecipients; i++)
		wire_add_recipient(&m, &r);
	wire_end_recipients(&m);
	wire_make_last(&m, &mail);
	for (size_t i = 0; i < octets; i++)
		pack_u8(&m, 'x');
	sessions_send(fd, &m);
}

void
sessions_begin_mail(int fd)
{
	sessions_send_question(fd, QUESTION_MAIL, "ann@a.example");
	sessions_expect_reply(fd, WIRE_ANSWER);
}
