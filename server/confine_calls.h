/*
 * The system calls that a confined session may make, each with its reason.  A
 * call that is not here ends the process: none of our code makes it, and no
 * library tries it in passing.  Included by whoever defines the four macros:
 *
 *	CALL(name, who, why)      it may
 *	CALL_IF_IS(name, who, argument, value, why)
 *	CALL_IF_NOT(name, who, argument, bits, why)
 *	                          it may if that argument (from 0) is this
 *	                          value, or has none of these bits
 *	REFUSE(name, who, why)    EPERM, which a library takes without harm
 *
 * `who` is PIPE (a session of the listener), FOLDER (one of its own), BOTH, WEB
 * (smtpdb-web, which has those of FOLDER as well), TLS (smtpd-tls for one
 * client, smtpd-auth for one exchange), or ALL (but WEB).
 * Calls that only some machines have stand between #ifdef.  tests/system/
 * confine.py compares the list with that of smtpd(8).
 */

/* What any of them does with the descriptors that it has. */
CALL(read, ALL, "the connection, standard input")
CALL(write, ALL, "standard output, the log on standard error")
CALL(close, ALL, "what is no longer needed")
CALL(recvfrom, ALL, "the connection, what the writer answers")
CALL(recvmsg, BOTH, "the connection and a spool, handed over by descriptor")
CALL_IF_IS(sendto, ALL, 4, 0, "replies, log entries; to who is connected only")
CALL(writev, PIPE, "a message to the writer made of parts")
CALL(shutdown, ALL, "the end of the connection")
CALL(getpeername, BOTH, "who the client is")
#ifdef __NR_poll
CALL(poll, ALL, "to wait for the client, SIGTERM, or a deadline")
#endif
CALL(ppoll, ALL, "the same, where there is no poll")
CALL(pwrite64, BOTH, "the spool of a mail; the database")
CALL(pread64, BOTH, "the spool of a mail; the database")
CALL(lseek, BOTH, "--record")
CALL(ftruncate, BOTH, "--record; the write-ahead log")

/* What concerns nobody but itself. */
CALL(brk, ALL, "memory")
CALL_IF_NOT(mmap, ALL, 2, PROT_EXEC, "memory; the wal-index; never code")
CALL_IF_NOT(mprotect, ALL, 2, PROT_EXEC, "memory; never code")
CALL(mremap, ALL, "memory")
CALL(munmap, ALL, "memory")
CALL(madvise, ALL, "memory given back")
CALL(clock_gettime, ALL, "the time, where the vDSO has none")
CALL(gettimeofday, ALL, "the time, where the vDSO has none")
#ifdef __NR_time
CALL(time, ALL, "the time, where the vDSO has none")
#endif
CALL(getpid, ALL, "Message-ID; log entries; SQLite")
CALL(gettid, ALL, "abort, for a failed assertion")
CALL(getrandom, ALL, "the memory allocator")
CALL(signalfd4, BOTH, "SIGTERM")
CALL(rt_sigaction, ALL, "SIGPIPE, SIGALRM")
CALL(rt_sigprocmask, ALL, "SIGTERM, SIGALRM")
CALL(rt_sigreturn, ALL, "the end of a signal handler")
CALL(restart_syscall, ALL, "a wait that SIGSTOP has interrupted")
CALL(exit, ALL, "the end")
CALL(exit_group, ALL, "the end")

/* What SQLite does with its files; Landlock says in which folder. */
CALL(openat, FOLDER, "the database, its log, its lock, a spool")
CALL(newfstatat, FOLDER, "the same; also whether another has the name by now")
CALL(fstat, FOLDER, "the same")
CALL(faccessat, FOLDER, "is there a write-ahead log")
CALL(faccessat2, FOLDER, "the same")
CALL(readlinkat, FOLDER, "a database that is a symbolic link")
CALL(unlinkat, FOLDER, "the write-ahead log, by who closes last")
CALL(statx, FOLDER, "as newfstatat")
#ifdef __NR_open
CALL(open, FOLDER, "as openat")
CALL(stat, FOLDER, "as newfstatat")
CALL(lstat, FOLDER, "as newfstatat")
CALL(access, FOLDER, "as faccessat")
CALL(readlink, FOLDER, "as readlinkat")
CALL(unlink, FOLDER, "as unlinkat")
#endif
CALL(getcwd, FOLDER, "a database with a relative path")
CALL(statfs, FOLDER, "is it a network file system")
CALL(fstatfs, FOLDER, "the same")
CALL(fchmod, FOLDER, "the log gets the database's mode")
CALL(fchown, FOLDER, "the log gets the database's owner, as root")
CALL(fallocate, FOLDER, "room for the database")
CALL(fsync, FOLDER, "a mail is on the disk")
CALL(fdatasync, FOLDER, "a mail is on the disk")
CALL(flock, FOLDER, "the turn of who writes")
CALL_IF_IS(fcntl, FOLDER, 1, F_SETLK, "SQLite's locks")
CALL_IF_IS(fcntl, FOLDER, 1, F_SETLKW, "SQLite's locks")
CALL_IF_IS(fcntl, FOLDER, 1, F_GETLK, "SQLite's locks")
CALL_IF_IS(fcntl, FOLDER, 1, F_GETFD, "close-on-exec")
CALL_IF_IS(fcntl, FOLDER, 1, F_SETFD, "close-on-exec")
CALL_IF_IS(fcntl, FOLDER, 1, F_GETFL, "--record")
CALL(futex, FOLDER | TLS, "locks of the C library")
CALL(setitimer, FOLDER, "how long to wait for the turn")
CALL(nanosleep, FOLDER, "SQLite's wait for a lock")
CALL(clock_nanosleep, FOLDER, "SQLite's wait for a lock")
CALL(sched_yield, FOLDER, "SQLite's wait for a lock")
CALL(geteuid, FOLDER, "SQLite: is it root")
CALL(getuid, FOLDER, "SQLite: is it root")

/* What libmicrohttpd does with those who connect; nothing connects to others. */
CALL(accept4, WEB, "a browser")
CALL(epoll_create1, WEB, "which of them has sent something")
CALL(epoll_ctl, WEB, "the same")
#ifdef __NR_epoll_wait
CALL(epoll_wait, WEB, "the same")
#endif
CALL(epoll_pwait, WEB, "the same, where there is no epoll_wait")
CALL(eventfd2, WEB, "libmicrohttpd, to wake itself")
CALL(sendmsg, WEB, "an answer's header and body at once")
CALL(shutdown, WEB, "the end of a connection")
CALL(setsockopt, WEB, "when pieces of an answer are sent")
CALL(getsockopt, WEB, "what kind of socket it is")
CALL(getsockname, WEB, "the same")
CALL_IF_IS(fcntl, WEB, 1, F_SETFL, "not to wait for one of them")
CALL(getrusage, WEB, "how much memory it takes, for who asks")
CALL(dup2, WEB, "standard output, which smtpdb's commands print to")
CALL(pipe2, WEB, "doctor, before it finds that it can ask nobody")
REFUSE(prlimit64, WEB, "doctor, about to ask systemctl")
REFUSE(clone, WEB, "doctor asks systemctl, which nobody can start here")
REFUSE(clone3, WEB, "the same")
#ifdef __NR_vfork
REFUSE(vfork, WEB, "the same")
#endif
REFUSE(socket, WEB, "the C library, which asks daemons for names")
REFUSE(connect, WEB, "the same")

/* What the C library tries and can do without. */
REFUSE(ioctl, ALL, "is a log or a record a terminal")
REFUSE(prctl, ALL, "names for mapped memory")
REFUSE(tgkill, ALL, "abort, which then ends the process otherwise")
REFUSE(uname, ALL, "which kernel this is")
REFUSE(sysinfo, ALL, "how much memory there is")
REFUSE(sched_getaffinity, ALL, "how many processors there are")
REFUSE(openat, PIPE | TLS, "a time zone, a catalogue of messages")
REFUSE(newfstatat, PIPE | TLS, "how large a buffer is to be")
REFUSE(fstat, PIPE | TLS, "the same")
REFUSE(fcntl, PIPE, "is a file open for writing")
