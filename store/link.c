/*
 * Every exchange is one message to the writer and one back.  After an exchange
 * that went wrong, the link is not used again: its mail is answered by 451, and
 * the commands that follow by 421.
 */
#include "link.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../mail/wire.h"

_Static_assert((int)SPOOL_MEMORY == (int)WIRE_DATA_MAX,
    "what is too much for messages has a file");

enum {
	/* A writer may wait itself. */
	ANSWER_WAIT_MS = 4 * STORE_WAIT_MS,
	/*
	 * Before it commits this mail it may commit big ones.  Clients wait so
	 * long (RFC 5321 s. 4.5.3.2.6); who is told 451 earlier sends a mail
	 * again that is stored after all.
	 */
	COMMIT_WAIT_MS = 600 * 1000,
};

struct link {
	int fd;
	int wait_ms; /* for the next reply */
	bool is_broken;
	bool is_open;  /* the recipients of this mail need no question */
	bool has_more; /* the writer holds something of this mail */
	struct wire_result result;
};

/* A session has one link, and one message at a time. */
static char buffer[WIRE_MAX];

struct link *
link_new(int fd)
{
	struct link *l = calloc(1, sizeof *l);

	if (!l) {
		close(fd);
		return NULL;
	}
	l->fd = fd;
	l->wait_ms = ANSWER_WAIT_MS;
	return l;
}

void
link_free(struct link *l)
{
	if (!l)
		return;
	close(l->fd);
	free(l);
}

const char *
link_error(const struct link *l)
{
	return l->result.cause;
}

enum verdict
link_fail_errno(struct link *l, const char *what, int error)
{
	snprintf(l->result.cause, sizeof l->result.cause, "%s: %s", what,
	    strerror(error));
	return verdict_of_errno(error);
}

static enum verdict
fail(struct link *l, const char *cause)
{
	bool again = l->is_broken;

	l->is_broken = true;
	snprintf(l->result.cause, sizeof l->result.cause, "%s", cause);
	return again ? VERDICT_UNUSABLE : VERDICT_FAILED;
}

/* Takes the descriptor that came with the message, or closes it. */
static void
take_file(struct msghdr *head, int *ret_file)
{
	struct cmsghdr *control = CMSG_FIRSTHDR(head);
	int file = -1;

	if (control && control->cmsg_type == SCM_RIGHTS &&
	    control->cmsg_len == CMSG_LEN(sizeof file))
		memcpy(&file, CMSG_DATA(control), sizeof file);
	if (ret_file)
		*ret_file = file;
	else if (file >= 0)
		close(file);
}

static ssize_t
receive(const struct link *l, int *ret_file)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec data = { buffer, sizeof buffer };
	struct msghdr head = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof control,
	};
	struct pollfd p = { .fd = l->fd, .events = POLLIN };
	ssize_t n;

	do
		n = poll(&p, 1, l->wait_ms);
	while (n < 0 && errno == EINTR);
	if (n == 0)
		errno = ETIMEDOUT;
	if (n <= 0)
		return -1;
	n = recvmsg(l->fd, &head, MSG_CMSG_CLOEXEC);
	if (n > 0)
		take_file(&head, ret_file);
	return n;
}

/*
 * Sends the message and `data` behind it, and reads how the reply begins,
 * which is to be of this kind.
 */
static enum verdict
exchange(struct link *l, const struct pack *m, struct span data,
    enum wire_kind kind, struct unpack *ret, int *ret_file)
{
	struct iovec pieces[2] = { { m->p, m->len },
		{ (char *)data.p, data.len } };
	ssize_t n;

	if (l->is_broken)
		return fail(l, "the writer is gone");
	do
		n = writev(l->fd, pieces, data.len > 0 ? 2 : 1);
	while (n < 0 && errno == EINTR);
	if (n >= 0)
		n = receive(l, ret_file);
	if (n < 0 && (errno == EPIPE || errno == ECONNRESET))
		return fail(l, "the writer is gone");
	if (n < 0)
		return fail(l, strerror(errno));
	*ret = (struct unpack){ .rest = { buffer, (size_t)n } };
	if (n == 0 || wire_kind(ret) != kind)
		return fail(l, "the writer has ended");
	return VERDICT_OK;
}

void
link_ask(struct link *l, const struct question *q, struct answer *ret)
{
	struct pack m = { .p = buffer, .size = sizeof buffer };
	struct unpack in;
	enum verdict verdict;

	answer_clear(ret);
	if (q->kind == QUESTION_RCPT && l->is_open && !l->is_broken)
		return;
	wire_begin(&m, WIRE_ASK);
	wire_write_question(&m, q);
	verdict =
	    exchange(l, &m, (struct span){ NULL, 0 }, WIRE_ANSWER, &in, NULL);
	if (verdict == VERDICT_OK &&
	    !wire_read_answer(&in, ret, &l->is_open, l->result.cause)) {
		answer_clear(ret);
		verdict = fail(l, "the writer's answer is malformed");
	}
	if (verdict != VERDICT_OK)
		ret->verdict = verdict;
	if (q->kind == QUESTION_MAIL)
		l->has_more = false;
}

/* A message without a reply, as in link_drop(). */
static void
send_alone(struct link *l, const struct pack *m)
{
	if (!l->is_broken && write(l->fd, m->p, m->len) != (ssize_t)m->len)
		l->is_broken = true;
}

static void
tell(struct link *l, enum wire_kind kind)
{
	struct pack m = { .p = buffer, .size = sizeof buffer };

	wire_begin(&m, kind);
	send_alone(l, &m);
}

void
link_tell(struct link *l, uint64_t number, const struct facts *f)
{
	struct pack m = { .p = buffer, .size = sizeof buffer };

	wire_begin(&m, WIRE_TELL);
	wire_write_facts(&m, number, f);
	send_alone(l, &m);
}

void
link_retract(struct link *l)
{
	if (!l->is_open)
		tell(l, WIRE_RETRACT);
}

/* One exchange about the mail begun. */
static enum verdict
exchange_piece(
    struct link *l, const struct pack *m, struct span data, int *ret_file)
{
	struct unpack in;
	enum verdict verdict = exchange(l, m, data, WIRE_RESULT, &in, ret_file);

	l->has_more = true;
	if (verdict != VERDICT_OK)
		return verdict;
	if (!wire_read_result(&in, &l->result))
		return fail(l, "the writer's result is malformed");
	return l->result.verdict;
}

enum verdict
link_introduce(struct link *l, const struct fronted *said)
{
	struct pack m = { .p = buffer, .size = sizeof buffer };
	enum verdict verdict;

	wire_begin(&m, WIRE_PEER);
	wire_write_peer(&m, said);
	verdict = exchange_piece(l, &m, (struct span){ NULL, 0 }, NULL);
	l->has_more = false;
	return verdict;
}

int
link_open_spool(struct link *l, enum verdict *ret)
{
	struct pack m = { .p = buffer, .size = sizeof buffer };
	int file = -1;

	wire_begin(&m, WIRE_SPOOL);
	*ret = exchange_piece(l, &m, (struct span){ NULL, 0 }, &file);
	if (*ret == VERDICT_OK && file < 0)
		*ret = fail(l, "the writer sent no file");
	if (*ret == VERDICT_OK || file < 0)
		return file;
	close(file);
	return -1;
}

/* Packs as many of the recipients as have room; `*at` moves on.  True: all. */
static bool
add_recipients(const struct link *l, struct pack *m, const struct envelope *e,
    unsigned *at)
{
	while (l->is_open && *at < e->nrecipients &&
	       wire_add_recipient(m, &e->recipients[*at]))
		++*at;
	wire_end_recipients(m);
	return !l->is_open || *at == e->nrecipients;
}

/* Sends the mail; of a spooled one, `data` is empty. */
static enum verdict
send_mail(struct link *l, const struct envelope *e,
    const struct wire_mail *mail, struct span data)
{
	enum verdict verdict = VERDICT_OK;
	unsigned at = 0;
	bool is_last = false;

	while (verdict == VERDICT_OK && !is_last) {
		struct pack m = { .p = buffer, .size = sizeof buffer };
		struct span piece = { data.p, 0 };

		wire_begin(&m, WIRE_PIECE);
		if (add_recipients(l, &m, e, &at)) {
			is_last = data.len + WIRE_MAIL_MAX <= WIRE_MAX - m.len;
			if (is_last)
				wire_make_last(&m, mail);
			piece.len = WIRE_MAX - m.len;
			if (piece.len > data.len)
				piece.len = data.len;
		}
		verdict = exchange_piece(l, &m, piece, NULL);
		data.p += piece.len;
		data.len -= piece.len;
	}
	return verdict;
}

enum verdict
link_commit(struct link *l, const struct store_mail *m, struct spool *spool,
    int64_t *ret_id, bool *ret_again)
{
	const struct wire_mail mail = {
		.size = m->envelope->size,
		.spooled = spool_is_big(spool),
		.bare_line_ends = m->envelope->bare_line_ends,
		.header = m->header,
		.changes = m->changes,
		.quarantine = { m->quarantine,
		    m->quarantine ? strlen(m->quarantine) : 0 },
	};
	struct span data = { "", 0 };
	enum verdict verdict;

	if (mail.spooled ? spool_flush(spool) < 0
			 : spool_read(spool, 0, &data) < 0)
		return link_fail_errno(l, "spooling the mail", errno);
	l->wait_ms = COMMIT_WAIT_MS;
	verdict = send_mail(l, m->envelope, &mail, data);
	l->wait_ms = ANSWER_WAIT_MS;
	l->has_more = false;
	if (verdict != VERDICT_OK)
		return verdict;
	*ret_id = l->result.id;
	*ret_again = l->result.again;
	return VERDICT_OK;
}

void
link_drop(struct link *l)
{
	if (l->has_more)
		tell(l, WIRE_DROP);
	l->has_more = false;
}
