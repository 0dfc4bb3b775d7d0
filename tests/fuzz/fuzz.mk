# Fuzzing (tests/fuzz/README.md): make fuzz-short, fuzz, fuzz-coverage.

FUZZ = tests/fuzz
FUZZ_SECONDS = 1200
# What is kept from run to run; make clean removes it.
FUZZ_FOLDER = build/fuzz
FUZZ_CC = clang
FUZZ_CFLAGS = -O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=undefined \
	-fsanitize=fuzzer-no-link,address,undefined

# A target is a file of that name, and what it needs besides.  Those of the
# first row need no library, which MemorySanitizer would know nothing of.
FUZZ_PURE = session address proxy script mime linear import filters
FUZZ_TARGETS = $(FUZZ_PURE) query database writer
FUZZ_session = $(call files,$(FUZZ)/tape $(FUZZ)/watch tests/support/poor) \
	$(PLAYER) $(POOR)
FUZZ_address = $(MAIL)
FUZZ_proxy = $(call files,server/proxy) $(MAIL)
FUZZ_filters = $(call folders,filters) $(MAIL)
FUZZ_script = $(PLAYER) $(SESSION) $(MAIL)
READING = $(MIME) $(call files,reader/file) $(MAIL)
FUZZ_mime = $(READING)
FUZZ_linear = $(READING)
FUZZ_import = $(call files,$(addprefix reader/,envelope_field import import_mail \
	line_ends rights stop)) $(READING)
FUZZ_query = $(READING)
FUZZ_LIBS_query = $(SQLITE_LIBS)
FUZZ_database = $(call files,$(FUZZ)/image tests/support/buffer \
	tests/support/scratch) $(filter-out %/elsewhere.o,$(call folders,archive)) $(STORE) $(MAIL)
FUZZ_LIBS_database = $(SQLITE_LIBS)
FUZZ_writer = $(call files,$(addprefix writer/,ask batch client committer) \
	server/introduce tests/support/buffer tests/support/scratch) $(STORE) $(MAIL)
FUZZ_LIBS_writer = $(SQLITE_LIBS)

# fuzz-TARGET has libFuzzer's main(), run-TARGET our own that runs files.
define fuzz_target
$(B)/fuzz-$(1): $(call files,$(FUZZ)/$(1) $(FUZZ)/fuzz) $(FUZZ_$(1))
	$$(call SAY,LD)$$(CC) $$(ALL_CFLAGS) $$(ALL_LDFLAGS) -fsanitize=fuzzer \
	    -o $$@ $$^ $(FUZZ_LIBS_$(1))
$(B)/run-$(1): $(call files,$(FUZZ)/$(1) $(FUZZ)/fuzz $(FUZZ)/main) \
    $(sort $(FUZZ_$(1)) $(call files,tests/support/buffer))
	$$(call SAY,LD)$$(CC) $$(ALL_CFLAGS) $$(ALL_LDFLAGS) -o $$@ $$^ \
	    $(FUZZ_LIBS_$(1))
endef
$(foreach target,$(FUZZ_TARGETS),$(eval $(call fuzz_target,$(target))))

$(B)/seeds: $(call files,$(FUZZ)/seeds) $(PLAYER) $(MAIL) $(SESSION)
	$(call SAY,LD)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^

FUZZ_SEEDS = $(FUZZ_FOLDER)/seeds/made
$(FUZZ_SEEDS): build/seeds $(FUZZ)/mails.smtp $(wildcard tests/transcripts/*.smtp)
	$(Q)rm -rf $(@D) && mkdir -p $(@D)/mime
	$(Q)cp tests/mime/*.eml $(@D)/mime
	$(Q)build/seeds $(@D) $(FUZZ)/mails.smtp tests/transcripts/*.smtp
	$(Q)touch $@

fuzz-targets: $(FUZZ_SEEDS)
	$(Q)$(MAKE) --no-print-directory B=$(FUZZ_FOLDER) CC=$(FUZZ_CC) \
	    HARDENING= CFLAGS='$(FUZZ_CFLAGS)' \
	    $(FUZZ_TARGETS:%=$(FUZZ_FOLDER)/fuzz-%)

fuzz: fuzz-targets ## FUZZ_SECONDS of each target; corpora are kept
	$(Q)sh $(FUZZ)/run.sh $(FUZZ_FOLDER) $(FUZZ_SECONDS) $(FUZZ_TARGETS)

fuzz-short: fuzz-targets ## a minute of all targets
	$(Q)sh $(FUZZ)/run.sh $(FUZZ_FOLDER) \
	    $$((60 / $(words $(FUZZ_TARGETS)))) $(FUZZ_TARGETS)

# What the seeds and the corpora reach (llvm-profdata, llvm-cov).
fuzz-coverage: $(FUZZ_SEEDS) ## what the corpora reach, line by line
	$(Q)$(MAKE) --no-print-directory B=build/coverage CC=$(FUZZ_CC) \
	    HARDENING= CFLAGS='-O0 -g -fprofile-instr-generate -fcoverage-mapping' \
	    $(FUZZ_TARGETS:%=build/coverage/run-%)
	$(Q)sh $(FUZZ)/coverage.sh $(FUZZ_FOLDER) build/coverage $(FUZZ_TARGETS)

# Seeds, and what corpora there are, as programs of other tools read them.  The
# pure targets alone: MemorySanitizer takes all of a foreign library for unset.
msan: $(FUZZ_SEEDS) ## seeds and corpora with MemorySanitizer (clang)
	$(Q)$(MAKE) --no-print-directory B=build/msan CC=$(FUZZ_CC) HARDENING= \
	    CFLAGS='-O1 -g -fno-omit-frame-pointer -fsanitize=memory \
	    -fsanitize-memory-track-origins -fno-sanitize-recover=memory' \
	    $(FUZZ_PURE:%=build/msan/run-%)
	$(Q)sh $(FUZZ)/replay.sh $(FUZZ_FOLDER) build/msan $(FUZZ_PURE)

# A quarter of an hour.
VALGRIND = valgrind -q --error-exitcode=99 --leak-check=full \
	--show-leak-kinds=definite --errors-for-leak-kinds=definite \
	--suppressions=tests/valgrind.supp
valgrind: $(FUZZ_SEEDS) build/tests/units ## seeds and transcripts by valgrind
	$(Q)$(MAKE) --no-print-directory B=build/valgrind HARDENING= \
	    CFLAGS='-O1 -g' $(FUZZ_TARGETS:%=build/valgrind/run-%) \
	    build/valgrind/smtpd
	$(Q)RUN='$(VALGRIND)' sh $(FUZZ)/replay.sh $(FUZZ_FOLDER) build/valgrind \
	    $(filter-out linear,$(FUZZ_TARGETS))
	$(Q)SMTPD_PROGRAM=tests/valgrind.sh build/tests/units \
	    --filter 'program/transcript*'

.PHONY: fuzz fuzz-short fuzz-targets fuzz-coverage msan valgrind
