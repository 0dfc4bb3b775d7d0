/*
 * What is to happen to a call of smtpd, as the environment says it:
 *
 *	FAULTS_FOLDER	the folder of the database, without symbolic links
 *	FAULTS		rules, separated by ";"
 *	FAULTS_ODDS	percent: in so many processes is one of the rules taken
 *			by lot, and for it one call from `first` to `last`; in
 *			the others none
 *	FAULTS_LOG	a file that gets a line for each rule that was obeyed
 *	FAULTS_WAIT_MS	the longest wait for the write lock or a lock; 30 s
 *			are too long for a test that is to see their end
 *
 * A rule is "class file first last action number":
 *
 *	class	write sync open read truncate mmap stat statfs unlink; lock and
 *		unlock (record locks); enter and leave (the write lock); alloc;
 *		send; "any" is all of them
 *	file	the name behind the folder's, "spool" for one without a name,
 *		"." for the folder, "*" for any; alloc and send have "-"
 *	first, last	which calls of this class on this file, from 1; a
 *			`last` of 0 has no end
 *	action	"fail" with the errno `number`; "short": a write does half;
 *		"before" or "after" the call send the signal `number` to
 *		the process itself; "trace": log the call; "count": log at the
 *		end how many there were
 */
#ifndef RULES_H
#define RULES_H

#include <stdbool.h>

enum action {
	ACT_NONE,
	ACT_FAIL,
	ACT_SHORT,
	ACT_BEFORE,
	ACT_AFTER,
	ACT_TRACE,
	ACT_COUNT,
};

/* What is to happen to one call. */
struct verdict {
	enum action action;
	int number;
};

/* Counts the call; `file` is NULL for one that is none of our business. */
struct verdict rules_judge(const char *class, const char *file);
/* Instead of the call: is it to fail?  Then errno is set. */
bool rules_fail(struct verdict v);
/* After the call. */
void rules_finish(struct verdict v);

/* Is there any rule for this process? */
bool rules_are_there(void);

/*
 * The name of a file behind the folder's, or NULL.  What is returned is good
 * until the next call.
 */
const char *rules_file_named(const char *path);
const char *rules_file_of(int fd);

/* `ms`, or the longest wait if that is shorter. */
long rules_wait_ms(long ms);

#endif
