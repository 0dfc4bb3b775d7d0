/* File names for the parts of a mail, whose own names come from strangers. */
#ifndef FILE_NAME_H
#define FILE_NAME_H

#include "mime.h"

enum {
	FILE_NAME_MAX = 200, /* octets, with room for "-99" */
	FILE_NAME_SIZE = 256,
};

/*
 * Makes a file name of the name of the part, which cannot leave the folder, is
 * not hidden, is no option and does not confuse a terminal.  If nothing is
 * left of it, the number and type of the part make one.
 */
void file_name(
    const struct mime_part *part, size_t number, char ret[FILE_NAME_SIZE]);

#endif
