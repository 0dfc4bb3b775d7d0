/*
 * The file of --new-mail, which wakes programs that wait for mail (a path
 * unit).
 */
#ifndef NEW_MAIL_H
#define NEW_MAIL_H

/*
 * Makes the empty file; NULL: none is wanted.  Called when the rows can be
 * seen: who waits for the file removes it and then looks at the table, so no
 * mail is missed.  Trouble is logged.
 */
void new_mail_tell(const char *path);

#endif
