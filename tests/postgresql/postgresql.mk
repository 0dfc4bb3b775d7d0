# PostgreSQL as the store: clusters of real servers, under a temporary folder.
test-postgresql: all ## mails into PostgreSQL: smtpdb, kills, failovers, troubles
	tests/postgresql/smtpdb.py --smtpd $(OUT)/smtpd
	tests/postgresql/store.py --smtpd $(OUT)/smtpd
	tests/postgresql/troubles.py --smtpd $(OUT)/smtpd
	tests/postgresql/batch.py --smtpd $(OUT)/smtpd
	tests/postgresql/recipes.py --smtpd $(OUT)/smtpd
	tests/postgresql/mistakes.py --smtpd $(OUT)/smtpd
	tests/postgresql/superservers.py --smtpd $(OUT)/smtpd
	tests/postgresql/pooler.py --smtpd $(OUT)/smtpd
	tests/postgresql/network.py --smtpd $(OUT)/smtpd
	tests/postgresql/rounds.py --smtpd $(OUT)/smtpd
	tests/postgresql/partitions.py --smtpd $(OUT)/smtpd
	tests/postgresql/ledger.py --smtpd $(OUT)/smtpd
	tests/postgresql/copying.py --smtpd $(OUT)/smtpd

test-postgresql-long: all ## the kill ledger with a thousand kills: an hour
	tests/postgresql/ledger.py --smtpd $(OUT)/smtpd --kills 1000

test-patroni-short: all ## eight kinds of kill once each: minutes
	tests/postgresql/failovers.py --smtpd $(OUT)/smtpd --kills 8

test-patroni: all ## kills over Patroni's failovers (patroni etcd-server haproxy)
	tests/postgresql/failovers.py --smtpd $(OUT)/smtpd --kills 26
	tests/postgresql/failovers.py --smtpd $(OUT)/smtpd --holes

bench-postgresql: all ## mails a second into PostgreSQL, beside SQLite's
	@mkdir -p $(B)/bench
	$(CC) -O2 -D_GNU_SOURCE -o $(B)/bench/latency bench/latency.c bench/sample.c
	$(CC) -O2 -D_GNU_SOURCE $$($(PKG_CONFIG) --cflags libpq) -o $(B)/bench/naive bench/naive.c \
	    $$($(PKG_CONFIG) --libs libpq)
	bench/postgresql.py --smtpd $(OUT)/smtpd

.PHONY: bench-postgresql test-patroni test-patroni-short test-postgresql test-postgresql-long
