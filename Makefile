.POSIX:

CC = cc
CFLAGS = -O2 -g
LDFLAGS = -Wl,-z,relro,-z,now
PREFIX = /usr/local
BINDIR = $(PREFIX)/bin
SBINDIR = $(PREFIX)/sbin
MANDIR = $(PREFIX)/share/man
COMPLETIONDIR = $(PREFIX)/share/bash-completion/completions
UNITDIR = $(PREFIX)/lib/systemd/system
SYSUSERSDIR = $(PREFIX)/lib/sysusers.d
TMPFILESDIR = $(PREFIX)/lib/tmpfiles.d
CATALOGDIR = $(PREFIX)/lib/systemd/catalog
EXAMPLEDIR = $(PREFIX)/share/doc/smtpd/examples
PKG_CONFIG = pkg-config
WARN = -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wswitch -Wformat=2

PKG_CFLAGS != $(PKG_CONFIG) --cflags sqlite3 libsystemd
# SQLite is linked into the program where there is an archive of it: to load
# its shared library and resolve the 400 names in it is a sixth of the time to
# the banner.  For the shared one: make SQLITE_LIBS=-lsqlite3.
SQLITE_LIBS != case $$($(CC) -print-file-name=libsqlite3.a) in \
	/*) echo -Wl,-Bstatic -lsqlite3 -Wl,-Bdynamic -lm ;; \
	*) $(PKG_CONFIG) --libs sqlite3 ;; \
	esac
PKG_LIBS = $(SQLITE_LIBS)
# libsystemd is loaded when it is needed (server/systemd.c), so not linked.
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -fstack-protector-strong $(WARN) \
	$(PKG_CFLAGS) $(CFLAGS)

# What a mail is made of, which all know; the session machine and the store, of
# which neither knows the other; and what joins the two.
MAIL = mail/address.o mail/envelope.o mail/header.o mail/idn.o mail/span.o
SESSION = session/answer.o session/body.o session/command.o session/param.o \
	session/reply.o session/session.o
STORE = store/database.o store/dedupe.o store/migrate.o store/policy.o \
	store/policy_rate.o store/policy_rcpt.o store/policy_use.o \
	store/spool.o store/statement.o store/store.o store/sync.o \
	store/synced.o store/turnstile.o store/wal.o
SERVER = server/connection.o server/housekeep.o server/listen.o server/log.o \
	server/options.o server/peer.o server/record.o server/serve.o \
	server/spare.o server/systemd.o server/trace.o
OBJ = smtpd.o usage.o $(SERVER) $(SESSION) $(STORE) $(MAIL)
HDR = clock.h usage.h version.h \
	mail/address.h mail/envelope.h mail/header.h mail/idn.h mail/span.h \
	session/body.h session/param.h session/reply.h session/session.h \
	session/session_private.h \
	store/policy.h store/policy_private.h store/spool.h store/statement.h \
	store/store.h store/store_private.h store/sync.h store/synced.h \
	store/turnstile.h store/wal.h \
	server/connection.h server/housekeep.h server/listen.h server/log.h \
	server/options.h server/peer.h server/record.h server/serve.h \
	server/spare.h server/systemd.h server/trace.h

TEST_OBJ = tests/test_address.o tests/test_body.o tests/test_header.o \
	tests/test_migrate.o tests/test_policy.o \
	tests/test_program.o tests/test_replay.o tests/test_script.o \
	tests/test_store.o tests/test_store_checkpoint.o \
	tests/test_store_log.o tests/test_store_many.o \
	tests/test_store_room.o tests/test_store_trouble.o tests/test_sync.o \
	tests/test_trace.o \
	tests/buffer.o tests/client.o tests/corpus.o tests/disk.o \
	tests/mails.o tests/play.o tests/scratch.o tests/script.o
TEST_HDR = tests/buffer.h tests/client.h tests/corpus.h tests/disk.h \
	tests/mails.h tests/play.h tests/scratch.h tests/script.h tests/suite.h

UNITS = smtpd.socket smtpd@.service smtpd-listen.socket smtpd-listen.service
# What has the path of the program in it, filled in when it is installed.
FILL = sed -e 's,@SBINDIR@,$(SBINDIR),' -e 's,/usr/local/sbin,$(SBINDIR),'
EXAMPLES = smtpd.default smtpd.xinetd inetd.conf smtpd-new-mail.path \
	smtpd-new-mail.service

# The reader's tool, which is made where GMime is; nothing of that in smtpd.
TOOL != $(PKG_CONFIG) --exists gmime-3.0 && echo smtpdb || :
TOOL_CFLAGS != $(PKG_CONFIG) --cflags gmime-3.0 || :
TOOL_LIBS != $(PKG_CONFIG) --libs gmime-3.0 || :
TOOL_GLIB = reader/html.o reader/mime.o reader/search.o reader/terminal.o
TOOL_OBJ = smtpdb.o usage.o reader/archive.o reader/archive_change.o \
	reader/archive_rules.o reader/archive_search.o reader/archive_stats.o \
	reader/delete.o reader/deliver.o reader/doctor.o \
	reader/envelope_field.o reader/explain.o reader/export.o \
	reader/extract.o reader/file.o reader/import.o reader/json.o \
	reader/list.o reader/lmtp.o reader/options.o reader/rules.o \
	reader/show.o reader/stats.o
TOOL_HDR = reader/archive.h reader/archive_private.h reader/archive_rules.h \
	reader/archive_search.h reader/archive_stats.h \
	reader/envelope_field.h reader/file.h reader/html.h reader/json.h \
	reader/list.h reader/lmtp.h reader/mime.h reader/options.h \
	reader/smtpdb.h reader/terminal.h

all: smtpd $(TOOL)

smtpd: $(OBJ)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $(OBJ) $(PKG_LIBS)

smtpdb: $(TOOL_OBJ) $(TOOL_GLIB) $(STORE) $(MAIL)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $(TOOL_OBJ) $(TOOL_GLIB) $(STORE) \
	    $(MAIL) $(PKG_LIBS) $(TOOL_LIBS)

reader/html.o: reader/html.c
reader/mime.o: reader/mime.c
reader/search.o: reader/search.c
reader/terminal.o: reader/terminal.c
$(TOOL_GLIB):
	$(CC) $(ALL_CFLAGS) $(TOOL_CFLAGS) -c -o $@ $(@:.o=.c)

$(OBJ): $(HDR)
$(TOOL_OBJ) $(TOOL_GLIB): $(HDR) $(TOOL_HDR)
$(TEST_OBJ): $(HDR) $(TEST_HDR)
store/database.o: store/schema.inc

.c.o:
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

# schema.sql as the octets of a C array.
store/schema.inc: schema.sql
	od -An -v -tx1 schema.sql | sed -e 's/ \(..\)/0x\1,/g' -e '$$s/,$$//' >$@

demo: smtpd
	sh tests/demo.sh

# Units, and the transcripts through the machine and through the program.
check: smtpd $(TOOL) tests/units
	tests/units
	if [ -n "$(TOOL)" ]; then sh tests/smtpdb.sh; fi

UNITS_USE = $(SESSION) $(STORE) $(MAIL) server/peer.o server/trace.o
tests/units: $(TEST_OBJ) $(UNITS_USE)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $(TEST_OBJ) $(UNITS_USE) \
	    $(PKG_LIBS) $$($(PKG_CONFIG) --libs criterion)

# All of it: real clients and superservers, a real systemd, killed sessions,
# power cuts, faults of the machine; the units last, for their closing line.
test: smtpd $(TOOL) tests/units test-durability-short
	if [ -n "$(TOOL)" ]; then \
	    sh tests/smtpdb.sh && python3 tests/recipes.py; \
	fi
	/usr/bin/python3 -B tests/listener.py
	sh tests/superservers.sh
	sh tests/inetd.sh
	bash tests/lab/test.sh
	tests/units

# No mail that was answered 250 is ever lost: killed sessions, power cuts,
# faults of the machine, other hands on the database.
DURABILITY = tests/durability
POWERCUT_OBJ = tests/powercut/check.o tests/powercut/disk.o \
	tests/powercut/events.o tests/powercut/explore.o \
	tests/powercut/mail.o tests/powercut/main.o tests/powercut/outsider.o \
	tests/powercut/vfs.o tests/powercut/workload.o
POWERCUT_HDR = tests/powercut/check.h tests/powercut/disk.h \
	tests/powercut/events.h tests/powercut/explore.h \
	tests/powercut/mail.h tests/powercut/outsider.h \
	tests/powercut/random.h tests/powercut/vfs.h \
	tests/powercut/workload.h

$(POWERCUT_OBJ): $(HDR) $(POWERCUT_HDR)

tests/powercut/powercut: $(POWERCUT_OBJ) $(STORE) $(MAIL)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -Wl,--wrap=synced_write \
	    -Wl,--wrap=sync_begin -o $@ $(POWERCUT_OBJ) $(STORE) $(MAIL) \
	    $(PKG_LIBS)

FAULTS = tests/durability/faults.c tests/durability/rules.c
build/faults.so: $(FAULTS) tests/durability/rules.h
	mkdir -p build
	$(CC) $(ALL_CFLAGS) -shared -fPIC -o $@ $(FAULTS) -ldl

test-durability-short: smtpd build/faults.so tests/powercut/powercut
	sh tests/powercut/run.sh
	$(DURABILITY)/kill_ledger.py
	$(DURABILITY)/troubles.py
	$(DURABILITY)/foreign.py
	$(DURABILITY)/faults.py

test-durability: smtpd build/faults.so tests/powercut/powercut
	sh tests/powercut/run.sh --long
	$(DURABILITY)/kill_ledger.py --kills 5000
	$(DURABILITY)/troubles.py --long
	$(DURABILITY)/foreign.py --seconds 60
	$(DURABILITY)/faults.py --each 1000000

# The same units and transcripts, built again with sanitizers.
asan:
	rm -rf build/asan
	mkdir -p build/asan
	cp -R Makefile *.c *.h schema.sql mail reader server session store tests \
	    build/asan
	cd build/asan && rm -f */*.o tests/units && \
	    LSAN_OPTIONS=suppressions=tests/lsan.supp $(MAKE) \
	    CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined' check

# What is measured, and the measuring (Debian: gnuplot-nox postfix
# python3-aiosmtpd sqlite3 systemd ucspi-tcp-ipv6 util-linux valgrind).
bench-programs: smtpd
	CC='$(CC)' ALL_CFLAGS='$(ALL_CFLAGS)' LDFLAGS='$(LDFLAGS)' \
	    OBJ='$(OBJ)' STORE='$(STORE)' \
	    MAIL='$(MAIL)' PKG_LIBS='$(PKG_LIBS)' \
	    sh bench/build.sh build/bench

bench: bench-programs
	-sh bench/peers.sh build/bench/peers
	/usr/bin/python3 -B bench/run.py

# Connections a second and milliseconds to the banner, under superservers.
bench-starts: all
	bash tests/lab/bench.sh

lint:
	sh tests/lint.sh

install: all
	mkdir -p $(DESTDIR)$(SBINDIR) $(DESTDIR)$(MANDIR)/man5 \
	    $(DESTDIR)$(MANDIR)/man8
	cp smtpd $(DESTDIR)$(SBINDIR)/smtpd
	if [ -n "$(TOOL)" ]; then \
	    mkdir -p $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1 \
		$(DESTDIR)$(COMPLETIONDIR) && \
	    cp smtpdb $(DESTDIR)$(BINDIR)/smtpdb && \
	    cp smtpdb.1 $(DESTDIR)$(MANDIR)/man1/smtpdb.1 && \
	    cp completions/smtpdb.bash $(DESTDIR)$(COMPLETIONDIR)/smtpdb; \
	fi
	$(FILL) smtpd.8 >$(DESTDIR)$(MANDIR)/man8/smtpd.8
	cp smtpd-db.5 $(DESTDIR)$(MANDIR)/man5/smtpd-db.5
	mkdir -p $(DESTDIR)$(UNITDIR) $(DESTDIR)$(SYSUSERSDIR) \
	    $(DESTDIR)$(TMPFILESDIR) $(DESTDIR)$(CATALOGDIR) \
	    $(DESTDIR)$(EXAMPLEDIR)
	for unit in $(UNITS); do \
	    $(FILL) units/$$unit >$(DESTDIR)$(UNITDIR)/$$unit || exit 1; \
	done
	cp units/smtpd.sysusers $(DESTDIR)$(SYSUSERSDIR)/smtpd.conf
	cp units/smtpd.tmpfiles $(DESTDIR)$(TMPFILESDIR)/smtpd.conf
	cp units/smtpd.catalog $(DESTDIR)$(CATALOGDIR)/smtpd.catalog
	for example in $(EXAMPLES); do \
	    $(FILL) units/$$example \
		>$(DESTDIR)$(EXAMPLEDIR)/$$example || exit 1; \
	done
	cp examples/session.txt $(DESTDIR)$(EXAMPLEDIR)

uninstall:
	rm -f $(DESTDIR)$(BINDIR)/smtpdb $(DESTDIR)$(MANDIR)/man1/smtpdb.1 \
	    $(DESTDIR)$(COMPLETIONDIR)/smtpdb
	rm -f $(DESTDIR)$(SBINDIR)/smtpd $(DESTDIR)$(MANDIR)/man8/smtpd.8 \
	    $(DESTDIR)$(MANDIR)/man5/smtpd-db.5 \
	    $(DESTDIR)$(SYSUSERSDIR)/smtpd.conf \
	    $(DESTDIR)$(TMPFILESDIR)/smtpd.conf \
	    $(DESTDIR)$(CATALOGDIR)/smtpd.catalog
	for unit in $(UNITS); do rm -f $(DESTDIR)$(UNITDIR)/$$unit; done
	rm -rf $(DESTDIR)$(EXAMPLEDIR)

# Debian packages, in build/; made from a copy, so that nothing of them stays
# here (Debian: build-essential debhelper).
deb:
	rm -rf build/source build/smtpd*_*
	mkdir -p build/source
	tar -c --exclude=./build --exclude=./.git . | tar -x -C build/source
	cd build/source && dpkg-buildpackage -us -uc -b

# Installed, upgraded, removed and purged in a fresh Debian (Debian: binutils
# lintian mmdebstrap python3 swaks, and those for deb).
test-deb:
	bash tests/deb.sh

clean:
	rm -rf build
	rm -f smtpd smtpdb store/schema.inc *.o */*.o tests/units \
	    tests/powercut/*.o tests/powercut/powercut

.PHONY: all bench bench-programs bench-starts demo check test test-durability \
	test-durability-short asan lint deb test-deb install uninstall clean
