/*
 * A transcript (README.md beside the transcripts is the format) as a list of
 * steps.  What plays it, the session machine or the real program, is not
 * known here.
 */
#ifndef SCRIPT_H
#define SCRIPT_H

#include "../../mail/span.h"
#include "../../session.h"

enum script_kind {
	SCRIPT_SEND,   /* ">", ">>": the client sends `text` */
	SCRIPT_REPLY,  /* "<": the server sends `text` and CRLF */
	SCRIPT_END,    /* "!": no more input will come, because of `end` */
	SCRIPT_ASK,    /* "! ask": the next question gets `answer` */
	SCRIPT_AUTH,   /* "! auth-step": the next of AUTH gets `auth` */
	SCRIPT_STORE,  /* "! store": the next commit gets `verdict` */
	SCRIPT_SQL,    /* "! sql": `text` is run on the database */
	SCRIPT_STORED, /* "=": `word` of what is stored is `text` */
};

enum script_word {
	SCRIPT_NONE, /* nothing but what was listed before */
	SCRIPT_FROM, /* the next mail; the reverse-path */
	/* the next recipient; PATH [NOTIFY=...] [ORCPT=...] [-> MAILBOX] */
	SCRIPT_RCPT,
	SCRIPT_BODY, /* the next octets */
	SCRIPT_PROTOCOL,
	SCRIPT_HELO,
	SCRIPT_VERB,
	SCRIPT_BODY_TYPE,
	SCRIPT_ENVID,
	SCRIPT_RET,
	SCRIPT_SMTPUTF8,       /* "1" or "" */
	SCRIPT_REQUIRETLS,     /* the same */
	SCRIPT_BARE_LINE_ENDS, /* "1" or "" */
	SCRIPT_CLAIMED_AS,
	SCRIPT_WORD__COUNT
};

struct script_step {
	enum script_kind kind;
	unsigned line; /* in the file, from 1 */
	struct span text;
	bool is_line; /* SCRIPT_SEND: it was ">", and `text` ends in CRLF */
	enum session_end end;
	enum verdict verdict;
	struct script_answer {
		enum question_kind kind; /* of question that gets it */
		int code;                /* 0: a verdict */
		char enhanced[ANSWER_ENHANCED_SIZE];
	} answer;
	enum auth_result auth; /* `text` is the challenge */
	enum script_word word;
};

enum script_input {
	SCRIPT_SOCKET,
	SCRIPT_FILE, /* or a pipe: LF alone ends a line */
	SCRIPT_ANY,  /* the same replies from all of them */
};

/* What is wrong: "path:line: ..."; "" for nothing. */
struct script_error {
	char text[2048];
};

struct script {
	const char *path;
	struct session_conf conf; /* any_line_end only for SCRIPT_FILE */
	enum script_input input;
	bool in_process;    /* not for the real program */
	bool needs_program; /* there is SQL, or an option of its own */
	/* For the program: an option, and the client's address; or "". */
	char hostname[256];  /* of `conf`, if it is another than usual */
	char mechanisms[64]; /* what `conf` offers */
	char option[64];
	char client[64];
	struct script_step *steps;
	unsigned nsteps;
	unsigned nlines;
};

/*
 * Reads the transcript in `text`; `path` is for messages and borrowed for the
 * script's life.  NULL: it is none, and `*ret_error` says why.
 */
struct script *script_parse(
    const char *path, struct span text, struct script_error *ret_error);
/* The same for the file `path`. */
struct script *script_read(const char *path, struct script_error *ret_error);
void script_free(struct script *s);

/* Is there a reply among the steps from `i` on? */
bool script_expects_reply(const struct script *s, unsigned i);

/* `path:line: want "...", got "..."`; always false. */
bool script_mismatch(struct script_error *ret_error, const struct script *s,
    const struct script_step *step, struct span got);
/* `path:line: what`; `step` NULL is the end of the file.  Always false. */
bool script_fault(struct script_error *ret_error, const struct script *s,
    const struct script_step *step, const char *what);
/* The same with ` "octets"` behind it. */
bool script_fault_at(struct script_error *ret_error, const struct script *s,
    const struct script_step *step, const char *what, struct span octets);

#endif
