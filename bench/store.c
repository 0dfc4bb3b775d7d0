/*
 * Commits mails through store.h from many processes at once:
 *
 *	bench/store DATABASE WRITERS MAILS OCTETS [PER_OPEN [ask]]
 *
 * Each of WRITERS processes stores MAILS mails of OCTETS octets, with "ask" as
 * the rows of the database allow, and opens the database anew for every
 * PER_OPEN of them (once, if that is not said or 0).  Prints mails per second,
 * the processor's time of each, and how long one commit took, with the opening
 * where there was one.
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "../mail/header.h"
#include "../policy.h"
#include "../store.h"
#include "sample.h"

struct job {
	const char *path;
	long mails, per_open;
	size_t octets;
	bool ask;   /* what the policy's tables say */
	double *ms; /* of each commit, shared by all processes */
};

/* The header of mails that people send. */
static const char header_text[] =
    "Received: from a.example by b.example; Sat, 21 Nov 2026 20:05:28 +0000\r\n"
    "From: Ann Sender <sender@client.example>\r\n"
    "To: Alice <alice@mx.example>\r\n"
    "Subject: About what we said\r\n"
    "Date: Sat, 21 Nov 2026 20:05:28 +0000\r\n"
    "Message-ID: <20261121200528.4711@client.example>\r\n"
    "\r\n";

static void
append(struct store *st, struct header *h, struct span text)
{
	header_feed(h, text);
	store_append(st, text);
}

static void
append_text(struct store *st, struct header *h, size_t octets)
{
	static const char line[] = "Some seventy octets of text, as a mail is "
				   "made of, and again 01234\r\n";
	struct span text = { header_text, sizeof header_text - 1 };

	header_start(h);
	if (octets > text.len) {
		append(st, h, text);
		octets -= text.len;
	}
	text = (struct span){ line, sizeof line - 1 };
	for (; octets > 0; octets -= text.len) {
		if (text.len > octets)
			text.len = octets;
		append(st, h, text);
	}
	header_end(h);
}

/* As for a client that waits for each reply. */
static void
ask_policy(struct store *st, const struct envelope *e)
{
	struct answer answer;
	struct policy_asker asker = {
		.hostname = "mx.example",
		.client_address = "192.0.2.1",
		.now = time(NULL),
	};
	struct span sender = span_of(e->reverse_path);
	struct question questions[] = {
		{ .kind = QUESTION_MAIL, .address = sender, .sender = sender },
		{ .kind = QUESTION_RCPT,
		    .address = span_of(e->recipients[0].forward_path),
		    .sender = sender },
	};

	for (size_t i = 0; i < 2; i++) {
		policy_refresh(store_policy(st));
		policy_ask(store_policy(st), &asker, &questions[i], &answer);
		if (answer.verdict != VERDICT_OK || answer_refuses(&answer))
			errx(EX_DATAERR, "question %zu is refused: %d", i,
			    answer_reply(&answer).code);
	}
}

static void
write_mails(const struct job *job, double *ms)
{
	struct store_conf conf = { .path = job->path, .wait_ms = 60000 };
	struct store *st = NULL;
	struct recipient to = { .forward_path = "alice@mx.example" };
	struct envelope e = {
		.verb = "MAIL",
		.protocol = "ESMTP",
		.helo = "client.example",
		.reverse_path = "sender@client.example",
		.body_type = "7BIT",
		.size = job->octets,
		.recipients = &to,
		.nrecipients = 1,
	};
	struct header header;
	struct store_mail mail = {
		.envelope = &e,
		.header = &header,
		.client_address = "192.0.2.1",
		.client_port = 25,
		.trace_before_id =
		    "Return-Path: <sender@client.example>\r\n"
		    "Received: from client.example ([192.0.2.1])\r\n"
		    "\tby mx.example with ESMTP id ",
		.trace_after_id = "\r\n\tfor <alice@mx.example>;\r\n"
				  "\tSat, 21 Nov 2026 20:05:28 +0000\r\n",
	};

	for (long i = 0; i < job->mails; i++) {
		int64_t id;
		double start = sample_now_ms();

		if (!st)
			st = store_new(&conf);
		if (job->ask)
			ask_policy(st, &e);
		append_text(st, &header, job->octets);
		mail.received_at = time(NULL) * INT64_C(1000000);
		if (store_commit(st, &mail, &id) != VERDICT_OK)
			errx(EX_IOERR, "%s", store_error(st));
		ms[i] = sample_now_ms() - start;
		store_tidy(st);
		if ((i + 1) % job->per_open == 0) {
			store_free(st);
			st = NULL;
		}
	}
	store_free(st);
}

/* Of all writers, in microseconds. */
static double
processor_us(void)
{
	struct rusage used;

	getrusage(RUSAGE_CHILDREN, &used);
	return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
	       (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

int
main(int argc, char **argv)
{
	struct job job;
	long writers, total;
	double start, seconds;
	int status;

	if (argc < 5 || argc > 7)
		errx(EX_USAGE,
		    "usage: %s DATABASE WRITERS MAILS OCTETS [PER_OPEN [ask]]",
		    argv[0]);
	job.ask = argc > 6;
	job.path = argv[1];
	writers = strtol(argv[2], NULL, 10);
	job.mails = strtol(argv[3], NULL, 10);
	job.octets = strtoul(argv[4], NULL, 10);
	job.per_open = argc > 5 ? strtol(argv[5], NULL, 10) : 0;
	if (job.per_open == 0)
		job.per_open = job.mails;
	total = writers * job.mails;
	if (total <= 0 || job.per_open <= 0)
		errx(EX_USAGE, "nothing to do");
	job.ms = mmap(NULL, (size_t)total * sizeof *job.ms,
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (job.ms == MAP_FAILED)
		err(EX_OSERR, "mmap");

	start = sample_now_ms();
	for (long w = 0; w < writers; w++) {
		if (fork() == 0) {
			write_mails(&job, job.ms + w * job.mails);
			_exit(0);
		}
	}
	while (wait(&status) > 0) {
		if (status != 0)
			errx(EX_IOERR, "a writer failed");
	}
	seconds = (sample_now_ms() - start) / 1e3;
	sample_sort(job.ms, (size_t)total);
	printf("%ld writers: %.0f mails/s, %.0f us each; commit p50 %.2f ms, "
	       "p99 %.2f ms, max %.2f ms\n",
	    writers, (double)total / seconds, processor_us() / (double)total,
	    sample_quantile(job.ms, (size_t)total, 0.5),
	    sample_quantile(job.ms, (size_t)total, 0.99),
	    sample_quantile(job.ms, (size_t)total, 1));
	return 0;
}
