/*
 * A database of mails and rules, and changes to it that no honest program would
 * make.  The input is a row of:
 *
 *	E offset octets		the octets are written there; the offset has 3
 *				octets, then stands how many
 *	W offset octets		the same in the file of words
 *	L			a WAL is put beside it, and the mark in the lock file
 *				says that it is to be healed
 *	X offset octets		the octets are written into that WAL
 *	T n			the file is cut to a part of n / 256
 *	S text NUL		SQL is run, with no constraint to stop it
 */
#ifndef IMAGE_H
#define IMAGE_H

#include "../../mail/span.h"
#include "../support/scratch.h"

/* Makes the database of `input` in the scratch folder, which is made once. */
const struct scratch *image_make(struct span input);

#endif
