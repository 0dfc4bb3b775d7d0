# The tests: make check is the quick part, make test all of it.

SUPPORT = $(call folders,tests/support)
UNIT = $(call folders,tests/unit)
POWERCUT = $(call folders,tests/powercut)
# The session's objects, whose memory runs out when a test wants it to.
POOR = $(patsubst $(B)/%,$(B)/poor/%,$(SESSION) $(MAIL))
# What a mail says, without the commands of smtpdb.
MIME = $(call folders,mime) $(call files,find/query reader/line_ends reader/mbox)
UNITS_USE = $(POOR) $(STORE) $(MIME) $(call folders,writer filters) $(call files,cli \
	$(addprefix server/,children connection introduce log new_mail peer proxy systemd) \
	web/addresses web/body web/json_read web/places)

$(B)/poor/%.o: $(B)/%.o tests/support/poor.syms
	@mkdir -p $(@D)
	$(Q)objcopy --redefine-syms=tests/support/poor.syms $< $@

$(B)/tests/units: $(UNIT) $(SUPPORT) $(UNITS_USE)
	$(call SAY,LD)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(SQLITE_LIBS) \
	    $(shell $(PKG_CONFIG) --libs criterion)

$(B)/tests/powercut/powercut: $(POWERCUT) $(STORE) $(MAIL)
	$(call SAY,LD)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -Wl,--wrap=lockfile_mark \
	    -Wl,--wrap=heal_wal -Wl,--wrap=sqlite3_exec -o $@ $^ \
	    $(SQLITE_LIBS)

# A transcript, and what plays it.
PLAYER = $(call files,$(addprefix tests/support/,buffer mails play player \
	script script_bang script_text))
# Plays what --record wrote.
$(B)/tests/play: $(call files,tests/play) $(PLAYER) $(SESSION) $(MAIL)
	$(call SAY,LD)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^

# A session that misbehaves when its client asks for it.
$(B)/tests/misbehave: $(B)/tests/system/misbehave.o $(SMTPD)
	$(call SAY,LD)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) \
	    -Wl,--wrap=connection_read -Wl,--wrap=confine_session_of_listener \
	    -Wl,--wrap=authenticate_offer -o $@ $^ \
	    $(SQLITE_LIBS)

FAULTS = tests/durability/faults.c tests/durability/rules.c
$(B)/faults.so: $(FAULTS) tests/durability/rules.h
	@mkdir -p $(@D)
	$(call SAY,LD)$(CC) $(ALL_CFLAGS) -U_FORTIFY_SOURCE -shared -fPIC \
	    -o $@ $(FAULTS) -ldl

demo: all ## a canned session becomes a row
	$(Q)sh tests/system/demo.sh

check-smtpdb: all
	$(Q)SMTPD_PROGRAM=$(OUT)/smtpd SMTPDB_PROGRAM=$(OUT)/smtpdb \
	    sh tests/system/smtpdb/run.sh

check-units: all $(B)/tests/units
	$(Q)SMTPD_PROGRAM=$(OUT)/smtpd $(B)/tests/units

check-mime: all
	$(Q)SMTPD_PROGRAM=$(OUT)/smtpd SMTPDB_PROGRAM=$(OUT)/smtpdb \
	    sh -c 'python3 tests/mime/run.py && python3 tests/mime/bounds.py \
	    groups addresses fields nested parts no-utf-8 html-lines'

check: all check-smtpdb check-mime check-units ## units, transcripts, smtpdb: a minute

# What was skipped, and then the units, for their closing line, come last.
test: all ## all: real clients, superservers, kills, power cuts
	$(Q)sh tests/support/skips.sh $(MAKE) --no-print-directory \
	    test-durability-short test-system
	$(Q)$(MAKE) --no-print-directory check-units

test-system: all bench-programs check-smtpdb $(B)/tests/misbehave $(B)/tests/play
	python3 tests/mime/bounds.py --octets 8e6
	OUT=$(OUT) /usr/bin/python3 -B -W ignore tests/web/api.py
	OUT=$(OUT) /usr/bin/python3 -B tests/web/slow.py
	/usr/bin/python3 -B tests/system/confine.py
	/usr/bin/python3 -B bench/faults.py --most 46 $(OUT)/smtpd
	sh tests/system/hardening.sh smtpd smtpdb $(wildcard smtpd-tls smtpd-auth)
	python3 tests/system/recipes.py
	/usr/bin/python3 -B tests/system/listener.py
	/usr/bin/python3 -B tests/system/filters.py
	/usr/bin/python3 -B tests/system/filter_programs.py
	/usr/bin/python3 -B tests/system/root.py
	/usr/bin/python3 -B tests/system/auth.py --smtpd $(OUT)/smtpd --smtpdb $(OUT)/smtpdb --player $(B)/tests/play
	/usr/bin/python3 -B tests/system/clients.py --smtpd $(OUT)/smtpd
	/usr/bin/python3 -B tests/system/tls.py --smtpd $(OUT)/smtpd --smtpdb $(OUT)/smtpdb
	/usr/bin/python3 -B tests/system/tls_processes.py --smtpd $(OUT)/smtpd --smtpdb $(OUT)/smtpdb
	/usr/bin/python3 -B tests/system/tls_clients.py --smtpd $(OUT)/smtpd --smtpdb $(OUT)/smtpdb
	/usr/bin/python3 -B tests/system/tls_told.py --smtpd $(OUT)/smtpd
	/usr/bin/python3 -B tests/system/peers.py --smtpd $(OUT)/smtpd --check docs/peers.md
	/usr/bin/python3 -B tests/system/beside.py --smtpd $(OUT)/smtpd --smtpdb $(OUT)/smtpdb
	/usr/bin/python3 -B tests/system/fronts.py --smtpd $(OUT)/smtpd
	/usr/bin/python3 -B tests/system/smuggling.py --smtpd $(OUT)/smtpd --smtpdb $(OUT)/smtpdb
	/usr/bin/python3 -B tests/system/starvation.py --seconds 1
	OUT=$(OUT) sh tests/system/help.sh
	OUT=$(OUT) sh tests/system/words.sh
	sh tests/system/superservers.sh
	sh tests/system/inetd.sh
	bash tests/system/lab/test.sh

# No mail that was answered 250 is ever lost: killed sessions, power cuts,
# faults of the machine, other hands on the database.
DURABILITY = tests/durability
DURABILITY_USES = all $(B)/faults.so $(B)/tests/powercut/powercut

test-durability-short: $(DURABILITY_USES)
	sh tests/powercut/run.sh
	$(DURABILITY)/kill_ledger.py
	$(DURABILITY)/troubles.py
	$(DURABILITY)/foreign.py
	$(DURABILITY)/faults.py

test-durability: $(DURABILITY_USES) ## kills, power cuts, faults: an hour
	sh tests/powercut/run.sh --long
	$(DURABILITY)/kill_ledger.py --kills 5000
	$(DURABILITY)/troubles.py --long
	$(DURABILITY)/foreign.py --seconds 60
	$(DURABILITY)/faults.py --each 1000000

test-web: all ## Chromium, clients of Mailpit (nodejs npm chromium)
	OUT=$(OUT) /usr/bin/python3 -B tests/web/run.py clients browser

asan: ## units, transcripts and smtpdb with sanitizers
	LSAN_OPTIONS=suppressions=$(CURDIR)/tests/lsan.supp $(MAKE) \
	    B=build/asan check HARDENING= CFLAGS='-O1 -g -fno-omit-frame-pointer \
	    -fsanitize=address,undefined -fno-sanitize-recover=undefined'

# What lint does not: gcc follows each function's ways.  Leaks are left to
# LeakSanitizer: for gcc, what SQLite or a struct of the caller's keeps is lost.
analyze: ## gcc -fanalyzer over the product
	$(Q)$(MAKE) --no-print-directory -j"$$(nproc)" B=build/analyze HARDENING= \
	    CFLAGS='-O1 -g -fanalyzer -Wno-analyzer-malloc-leak -Werror' all

lint: all ## format, static analysis, manuals, layers, purity
	$(Q)sh tests/lint.sh

test-deb: ## the packages in a fresh Debian (lintian mmdebstrap)
	bash tests/system/deb.sh

.PHONY: demo check check-smtpdb check-units test test-system test-web \
	test-durability-short test-durability asan analyze lint test-deb

include tests/fuzz/fuzz.mk tests/postgresql/postgresql.mk
