/*
 * What a session gives up before it serves, so that a stranger who takes it
 * over holds no more than the session needs: new privileges, traces, files,
 * processes, and every system call but those of confine_calls.h.
 */
#ifndef CONFINE_H
#define CONFINE_H

#include <stdbool.h>
#include <stdint.h>

struct options;

/*
 * Prepares what all sessions share, in the process that will fork them.  Opens
 * nothing.
 */
void confine_prepare(void);

/*
 * Confines a session as the options say, by one of the two below; `alone`: a
 * session of its own.  Loads first what is needed later.
 */
bool confine_session(const struct options *o, bool alone);

/*
 * For a session of the listener, which has its descriptors already: where its
 * connection comes from, the writer, the log, signals.  From then on it can
 * open none, nor grow a file beyond `max_file` octets.  A descriptor that is
 * handed over later must be below 32.
 *
 * False: something could not be given up; logged, and the session must not
 * serve.  Only Landlock may be missing, in a kernel that lacks it.
 */
bool confine_session_of_listener(uint64_t max_file);

/*
 * The same for a child of a helper program, which holds sockets and nothing
 * else: of smtpd-tls, for one client, or of smtpd-auth, for one exchange.  It may
 * not grow any file.
 */
bool confine_tls(void);
void confine_prepare_tls(void);

/*
 * The same for a session of its own, which opens `database` itself, and
 * `new_mail` unless that is NULL: it keeps their folders.  What else it may
 * need, it must have opened or loaded.  SQLite's temporary files go into the
 * folder of the database.
 */
bool confine_session_alone(const char *database, const char *new_mail);

/*
 * smtpdb-web, which accepts connections and has the database: it keeps that
 * folder.
 */
bool confine_web(const char *database);

#endif
