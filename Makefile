# GNU make.  `make help` lists the targets; V=1 shows the commands.

B = build
comma := ,
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
CFLAGS = -O2 -g
LDFLAGS =
WARN = -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
	-Wmissing-prototypes -Wswitch -Wformat=2

# What a mistake of ours would be worth to a stranger; for builds that look for
# mistakes: make HARDENING=.  It costs 8 % of the instructions of a mail of 4 KiB
# (callgrind: 114,800 without, 124,100 with), three quarters of that for zeros in
# variables that are not set.
try = $(shell $(CC) $(1) -Werror -S -x c -o /dev/null /dev/null 2>/dev/null && \
	echo '$(1)')
HARDENING := -fstack-protector-strong $(call try,-fstack-clash-protection) \
	$(call try,-fcf-protection) $(call try,-ftrivial-auto-var-init=zero)
ifneq ($(filter -O%,$(filter-out -O0,$(CFLAGS))),)
HARDENING += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
endif

# SQLite is linked into the program where there is an archive of it: to load
# its shared library and resolve the 400 names in it is a sixth of the time to
# the banner.  For the shared one: make SQLITE_LIBS=-lsqlite3.
SQLITE_LIBS := $(if $(filter /%,$(shell $(CC) -print-file-name=libsqlite3.a)), \
	-Wl$(comma)-Bstatic -lsqlite3 -Wl$(comma)-Bdynamic -lm, \
	$(shell $(PKG_CONFIG) --libs sqlite3))
# libsystemd is loaded when it is needed (server/systemd.c), so not linked.
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags sqlite3 libsystemd)
ALL_CFLAGS = -std=c11 -D_GNU_SOURCE -fPIE $(HARDENING) $(WARN) \
	$(PKG_CFLAGS) $(CFLAGS)
ALL_LDFLAGS = -pie -Wl,-z,relro,-z,now,-z,noexecstack $(LDFLAGS)

Q = $(if $(V),,@)
SAY = $(if $(V),,@echo "  $(1) $@";)
# The objects of folders, and of files.
folders = $(patsubst %.c,$(B)/%.o,$(wildcard $(addsuffix /*.c,$(1))))
files = $(addprefix $(B)/,$(addsuffix .o,$(1)))
# Programs stand at the top level, but for those of another build than the
# usual one (make B=build/asan CFLAGS=...).
OUT = $(if $(filter build,$(B)),.,$(B))

SESSION = $(call files,session) $(call folders,session)
STORE = $(call files,store) $(call folders,store policy database)
MAIL = $(call folders,mail)
SMTPD = $(call files,smtpd cli) $(call folders,writer server filters) $(SESSION) $(STORE) \
	$(MAIL)
# smtpdb's, but for what only SQLite has, or only others say.
READER = $(filter-out %/elsewhere.o,$(call folders,archive find mime)) $(call \
	folders,reader) $(MAIL) $(call files,filters/address)
SMTPDB = $(call files,smtpdb cli) $(READER) $(STORE)

PROGRAMS = $(OUT)/smtpd $(OUT)/smtpdb
# Programs beside them, each with a library that no other loads: X/program.mk
# says $(eval $(call program,NAME,PACKAGE of pkg-config,OBJECTS)).  Where the
# package is not there, neither is the program, and `make` says so.
define program
ifneq ($(shell $(PKG_CONFIG) --exists $(2) 2>/dev/null && echo 1),)
PROGRAMS += $(OUT)/$(1)
$(OUT)/$(1): PKG_CFLAGS += $(shell $(PKG_CONFIG) --cflags $(2) 2>/dev/null)
$(OUT)/$(1): $(3)
	$$(call SAY,LD)$$(CC) $$(ALL_CFLAGS) $$(ALL_LDFLAGS) -o $$@ $$^ \
	    $$(SQLITE_LIBS) $(shell $(PKG_CONFIG) --libs $(2) 2>/dev/null)
else
$$(info left out: $(1), which needs $(2))
endif
endef
all: programs

include $(wildcard */program.mk)

$(OUT)/smtpd: $(SMTPD)
	$(call SAY,LD)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(SQLITE_LIBS)

$(OUT)/smtpdb: $(SMTPDB)
	$(call SAY,LD)$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(SQLITE_LIBS)

$(B)/database/version.o: ALL_CFLAGS += -I$(B)
$(B)/database/version.o: $(B)/schema.inc
$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call SAY,CC)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# schema.sql as the octets of a C array.
$(B)/%.inc: %.sql
	@mkdir -p $(@D)
	$(Q)od -An -v -tx1 $< | sed -e 's/ \(..\)/0x\1,/g' -e '$$s/,$$//' >$@

programs: $(PROGRAMS)

include tests/tests.mk bench/bench.mk units/install.mk
-include $(wildcard $(addprefix $(B)/,*.d */*.d */*/*.d))

deb: ## Debian packages, in build/ (build-essential debhelper)
	rm -rf build/source build/smtpd*_*
	mkdir -p build/source
	tar -c --exclude=./build --exclude=./.git . | tar -x -C build/source
	cd build/source && dpkg-buildpackage -us -uc -b

clean: ## remove what was made
	rm -rf build $(PROGRAMS)

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | \
	    expand -t 26

.DELETE_ON_ERROR:
.PHONY: all programs deb clean help
