# PostgreSQL as the store: clusters of real servers, under a temporary folder.
test-postgresql: all ## mails into PostgreSQL: kills, failovers, troubles
	tests/postgresql/troubles.py --smtpd $(OUT)/smtpd
	tests/postgresql/ledger.py --smtpd $(OUT)/smtpd

test-postgresql-long: all ## the same with a thousand kills: hours
	tests/postgresql/ledger.py --smtpd $(OUT)/smtpd --kills 1000

.PHONY: test-postgresql test-postgresql-long
