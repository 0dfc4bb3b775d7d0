/* Names of the files that parts become.  They come from strangers. */
#ifndef FILE_NAME_H
#define FILE_NAME_H

#include "mime.h"

enum {
	FILE_NAME_MAX = 200, /* octets, with room for "-99" */
	FILE_NAME_SIZE = 256,
};

/*
 * What is left of the part's name when it can neither leave the folder, nor be
 * hidden in it, nor look like an option, nor confuse a terminal; or one made of
 * its number and type.
 */
void file_name(
    const struct mime_part *part, size_t number, char ret[FILE_NAME_SIZE]);

#endif
