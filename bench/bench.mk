# What is measured, and the measuring (Debian: gnuplot-nox postfix
# python3-aiosmtpd sqlite3 stunnel4 systemd ucspi-tcp-ipv6 util-linux valgrind).

bench-programs: all
	$(Q)CC='$(CC)' ALL_CFLAGS='$(ALL_CFLAGS) -I$(B)' LDFLAGS='$(ALL_LDFLAGS)' \
	    OBJ='$(SMTPD)' STORE='$(STORE)' MAIL='$(MAIL)' \
	    WRITER='$(call folders,writer)' \
	    PKG_LIBS='$(SQLITE_LIBS)' sh bench/build.sh build/bench

bench: bench-programs ## speed beside Postfix, against the targets: 10 minutes
	/usr/bin/python3 -B bench/run.py --docs docs

bench-all: bench-programs ## the same beside all peers, and more: 40 minutes
	-sh bench/peers.sh build/bench/peers
	/usr/bin/python3 -B bench/run.py --all --docs docs

bench-starts: all ## connections a second under superservers
	bash tests/system/lab/bench.sh

bench-faults: all ## page faults of a connection: seconds
	/usr/bin/python3 -B bench/faults.py ./smtpd

bench-confine: all ## instructions and time of confinement: half a minute
	/usr/bin/python3 -B bench/confine.py ./smtpd

bench-tls: all ## handshakes and a big mail inside TLS, beside Postfix and stunnel: 3 minutes
	/usr/bin/python3 -B bench/handshakes.py --smtpd ./smtpd

bench-behind: all ## small mails behind a big one (postgresql-15 python3-psycopg2): minutes
	/usr/bin/python3 -B bench/behind.py --smtpd ./smtpd

bench-filters: bench-programs ## a milter that does nothing, here and in Postfix: a minute
	/usr/bin/python3 -B bench/filters.py

.PHONY: bench-tls bench-behind bench-confine bench-faults bench-filters bench-programs \
	bench bench-all bench-starts
