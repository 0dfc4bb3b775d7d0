.POSIX:

CC = cc
CFLAGS = -O2 -g
LDFLAGS = -Wl,-z,relro,-z,now
PREFIX = /usr/local
MANDIR = $(PREFIX)/share/man
PKG_CONFIG = pkg-config
WARN = -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wswitch -Wformat=2

PKG_CFLAGS != $(PKG_CONFIG) --cflags sqlite3 libsystemd
PKG_LIBS != $(PKG_CONFIG) --libs sqlite3
# libsystemd is loaded when needed (systemd.c), so not linked.
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -fstack-protector-strong $(WARN) \
	$(PKG_CFLAGS) $(CFLAGS)

# The session machine, pure; what it stands on; and the rest of the program.
SESSION = session.o command.o param.o reply.o body.o envelope.o address.o span.o
STORE = store.o database.o spool.o turnstile.o
OBJ = smtpd.o options.o connection.o peer.o systemd.o log.o trace.o header.o \
	record.o $(SESSION) $(STORE)
HDR = address.h body.h connection.h envelope.h header.h log.h options.h \
	param.h peer.h record.h reply.h session.h session_private.h span.h \
	spool.h store.h store_private.h systemd.h trace.h turnstile.h version.h

all: smtpd

smtpd: $(OBJ)
	$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $(OBJ) $(PKG_LIBS)

$(OBJ): $(HDR)
database.o: schema.inc

.c.o:
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

# schema.sql as the octets of a C array.
schema.inc: schema.sql
	od -An -v -tx1 schema.sql | sed -e 's/ \(..\)/0x\1,/g' -e '$$s/,$$//' >$@

demo: smtpd
	sh tests/demo.sh

clean:
	rm -f smtpd schema.inc *.o

.PHONY: all demo clean
