/*
 * The milter protocol as octets: packets to a filter, and what it replies.
 * No I/O; what a filter sends may be anything.
 */
#ifndef FILTERS_MILTER_H
#define FILTERS_MILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../mail/change.h"
#include "../mail/pack.h"
#include "../mail/question.h"

enum {
	MILTER_VERSION = 6,
	MILTER_VERSION_MIN = 2,
	/* Of a body chunk, as libmilter takes and sends them. */
	MILTER_CHUNK = 65535,
	MILTER_PACKET_MAX = 128 * 1024, /* of one that comes in */
	MILTER_HEADER_MAX = 60 * 1024,  /* of a field that is shown */
};

/* The names of the protocol, each with the octet that stands for it. */
enum milter_command {
	MILTER_ABORT = 'A',
	MILTER_BODY = 'B',
	MILTER_CONNECT = 'C',
	MILTER_MACROS = 'D',
	MILTER_END = 'E',
	MILTER_HELO = 'H',
	MILTER_QUIT_NEXT = 'K', /* the end of one client, and another comes */
	MILTER_HEADER = 'L',
	MILTER_MAIL = 'M',
	MILTER_END_OF_HEADER = 'N',
	MILTER_OPTIONS = 'O',
	MILTER_QUIT = 'Q',
	MILTER_RCPT = 'R',
	MILTER_DATA = 'T',
};

enum {
	MILTER_ALL_ACTIONS = 0x1FF,
	/* All but that rejected recipients are shown. */
	MILTER_ALL_STEPS = 0x1FFFFF & ~0x800,
};

/* The steps that a filter can do without, or does not reply to. */
enum milter_steps {
	MILTER_NO_CONNECT = 1 << 0,
	MILTER_NO_HELO = 1 << 1,
	MILTER_NO_MAIL = 1 << 2,
	MILTER_NO_RCPT = 1 << 3,
	MILTER_NO_BODY = 1 << 4,
	MILTER_NO_HEADER = 1 << 5,
	MILTER_NO_END_OF_HEADER = 1 << 6,
	MILTER_MUTE_HEADER = 1 << 7,
	MILTER_NO_DATA = 1 << 9,
	MILTER_MUTE_CONNECT = 1 << 12,
	MILTER_MUTE_HELO = 1 << 13,
	MILTER_MUTE_MAIL = 1 << 14,
	MILTER_MUTE_RCPT = 1 << 15,
	MILTER_MUTE_DATA = 1 << 16,
	MILTER_MUTE_END_OF_HEADER = 1 << 18,
	MILTER_MUTE_BODY = 1 << 19,
	/* A value is what follows the colon, with its blank. */
	MILTER_LEADING_SPACE = 1 << 20,
};

/* A packet: begin, add, end. */
void milter_begin(struct pack *m, enum milter_command command);
void milter_add_u8(struct pack *m, char octet);
void milter_add_u16(struct pack *m, unsigned n);
void milter_add_u32(struct pack *m, uint32_t n);
void milter_add_octets(struct pack *m, struct span octets);
/* Adds the text without any NUL in it, and a NUL behind it. */
void milter_add_text(struct pack *m, struct span text);
/* False: it did not fit. */
bool milter_end(struct pack *m);

/* The length that stands in front of a packet; 0: it is none of ours. */
size_t milter_read_length(const unsigned char octets[4]);

struct milter_options {
	uint32_t version, actions, steps;
};

bool milter_read_options(struct span packet, struct milter_options *ret);

enum milter_reply_kind {
	MILTER_CONTINUE = 'c',
	MILTER_ACCEPT = 'a',
	MILTER_REJECT = 'r',
	MILTER_TEMPFAIL = 't',
	MILTER_DISCARD = 'd',
	MILTER_REPLY_CODE = 'y',
	MILTER_SKIP = 's',
	MILTER_PROGRESS = 'p',
	MILTER_SHUTDOWN = '4',
	MILTER_CONNECTION_FAILED = 'f',
	MILTER_QUARANTINE = 'q',
	MILTER_ADD_RECIPIENT = '+',
	MILTER_ADD_RECIPIENT_WITH_PARAMETERS = '2',
	MILTER_DELETE_RECIPIENT = '-',
	MILTER_ADD_HEADER = 'h',
	MILTER_INSERT_HEADER = 'i',
	MILTER_CHANGE_HEADER = 'm',
	MILTER_REPLACE_BODY = 'b',
	MILTER_CHANGE_SENDER = 'e',
};

struct milter_reply {
	enum milter_reply_kind kind;
	/* Of MILTER_REPLY_CODE. */
	int code;
	char enhanced[ANSWER_ENHANCED_SIZE];
	/* The same, or why it is put aside. */
	char text[ANSWER_DETAIL_SIZE];
	/* Of those that change something: all of it but the filter. */
	struct change change;
	struct span address; /* of MILTER_ADD_RECIPIENT */
};

/*
 * Reads a packet, which is changed; `steps` are those that were agreed on.
 * Spans are lent from it or from `space`, which has CHANGE_VALUE_MAX octets.
 * False: it is no reply.
 */
bool milter_read_reply(
    struct span packet, uint32_t steps, char *space, struct milter_reply *ret);

/*
 * Reads "550 5.7.1 text", of which the enhanced code may be missing: `usual`
 * stands in for what follows its first digit and dot.  False: it is none.
 */
bool milter_read_code(struct span text, const char *usual, int *ret_code,
    char ret_enhanced[ANSWER_ENHANCED_SIZE], char ret_text[ANSWER_DETAIL_SIZE]);

#endif
