# Where everything goes when it is installed.

UNITS = smtpd.socket smtpd@.service smtpd-listen.socket smtpd-listen.service
EXAMPLES = smtpd.default smtpd.xinetd inetd.conf smtpd-new-mail.path \
	smtpd-new-mail.service smtpd-tls.conf smtpd-postgresql.conf \
	smtpd-submissions.socket smtpd-dovecot.conf
# Programs beside smtpd that have a page in section 8, as far as their libraries
# were there.
HELPERS = $(filter-out smtpd,$(filter $(basename $(wildcard *.8)), \
	$(notdir $(PROGRAMS))))
# What smtpd-auth is over PostgreSQL; its page is that one's.
SAME = $(filter smtpd-auth-postgresql,$(notdir $(PROGRAMS)))
# For people, with units of its own.
WEB = $(filter smtpdb-web,$(notdir $(PROGRAMS)))
WEB_UNITS = $(addprefix smtpdb-web,$(if $(WEB),.socket .service))
# What its units need for PostgreSQL, as drop-ins of both services.
STORE_UNITS = $(if $(filter smtpd-postgresql,$(HELPERS)), \
	smtpd-listen.service.d smtpd@.service.d)
# What smtpdb becomes; the page of smtpd-postgresql tells of it.
ELSEWHERE = $(filter smtpdb-postgresql,$(notdir $(PROGRAMS)))
# What has the path of the program in it, filled in when it is installed.
FILL = sed -e 's,@SBINDIR@,$(SBINDIR),g' -e 's,@BINDIR@,$(BINDIR),g' \
	-e 's,/usr/local/sbin,$(SBINDIR),g'

install: all ## into PREFIX, below DESTDIR
	mkdir -p $(DESTDIR)$(SBINDIR) $(DESTDIR)$(MANDIR)/man5 \
	    $(DESTDIR)$(MANDIR)/man8 $(DESTDIR)$(BINDIR) \
	    $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(COMPLETIONDIR)
	cp smtpd $(DESTDIR)$(SBINDIR)/smtpd
	cp smtpdb $(DESTDIR)$(BINDIR)/smtpdb
	for helper in $(HELPERS); do \
	    cp $$helper $(DESTDIR)$(SBINDIR)/$$helper && \
	    $(FILL) $$helper.8 >$(DESTDIR)$(MANDIR)/man8/$$helper.8 || exit 1; \
	done
	for program in $(ELSEWHERE); do \
	    cp $$program $(DESTDIR)$(BINDIR)/$$program && \
	    echo .so man8/smtpd-postgresql.8 \
		>$(DESTDIR)$(MANDIR)/man8/$$program.8 || exit 1; \
	done
	for program in $(SAME); do \
	    cp $$program $(DESTDIR)$(SBINDIR)/$$program && \
	    echo .so man8/smtpd-auth.8 \
		>$(DESTDIR)$(MANDIR)/man8/$$program.8 || exit 1; \
	done
	for program in $(WEB); do \
	    cp $$program $(DESTDIR)$(BINDIR)/$$program && \
	    cp $$program.1 $(DESTDIR)$(MANDIR)/man1/$$program.1 || exit 1; \
	done
	cp smtpdb.1 $(DESTDIR)$(MANDIR)/man1/smtpdb.1
	cp completions/smtpdb.bash $(DESTDIR)$(COMPLETIONDIR)/smtpdb
	$(FILL) smtpd.8 >$(DESTDIR)$(MANDIR)/man8/smtpd.8
	cp smtpd-db.5 $(DESTDIR)$(MANDIR)/man5/smtpd-db.5
	mkdir -p $(DESTDIR)$(UNITDIR) $(DESTDIR)$(SYSUSERSDIR) \
	    $(DESTDIR)$(TMPFILESDIR) $(DESTDIR)$(CATALOGDIR) \
	    $(DESTDIR)$(EXAMPLEDIR)
	for unit in $(UNITS) $(WEB_UNITS); do \
	    $(FILL) units/$$unit >$(DESTDIR)$(UNITDIR)/$$unit || exit 1; \
	done
	for unit in $(STORE_UNITS); do \
	    mkdir -p $(DESTDIR)$(UNITDIR)/$$unit && $(FILL) units/postgresql.conf \
		>$(DESTDIR)$(UNITDIR)/$$unit/postgresql.conf || exit 1; \
	done
	cp units/smtpd.sysusers $(DESTDIR)$(SYSUSERSDIR)/smtpd.conf
	cp units/smtpd.tmpfiles $(DESTDIR)$(TMPFILESDIR)/smtpd.conf
	cp units/smtpd.catalog $(DESTDIR)$(CATALOGDIR)/smtpd.catalog
	for example in $(EXAMPLES); do \
	    $(FILL) units/$$example \
		>$(DESTDIR)$(EXAMPLEDIR)/$$example || exit 1; \
	done
	cp -R examples/session.txt examples/postgresql $(DESTDIR)$(EXAMPLEDIR)

uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(SBINDIR)/smtpd-auth-postgresql \
	    $(DESTDIR)$(MANDIR)/man8/smtpd-auth-postgresql.8
	rm -f $(DESTDIR)$(BINDIR)/smtpdb-postgresql \
	    $(DESTDIR)$(MANDIR)/man8/smtpdb-postgresql.8
	rm -f $(DESTDIR)$(BINDIR)/smtpdb-web $(DESTDIR)$(MANDIR)/man1/smtpdb-web.1
	rm -f $(DESTDIR)$(BINDIR)/smtpdb $(DESTDIR)$(MANDIR)/man1/smtpdb.1 \
	    $(DESTDIR)$(COMPLETIONDIR)/smtpdb
	rm -f $(DESTDIR)$(SBINDIR)/smtpd $(DESTDIR)$(MANDIR)/man8/smtpd.8 \
	    $(DESTDIR)$(MANDIR)/man5/smtpd-db.5 \
	    $(DESTDIR)$(SYSUSERSDIR)/smtpd.conf \
	    $(DESTDIR)$(TMPFILESDIR)/smtpd.conf \
	    $(DESTDIR)$(CATALOGDIR)/smtpd.catalog
	for helper in $(HELPERS); do \
	    rm -f $(DESTDIR)$(SBINDIR)/$$helper $(DESTDIR)$(MANDIR)/man8/$$helper.8; \
	done
	for unit in $(UNITS) $(WEB_UNITS); do rm -f $(DESTDIR)$(UNITDIR)/$$unit; done
	for unit in smtpd-listen.service.d smtpd@.service.d; do \
	    rm -f $(DESTDIR)$(UNITDIR)/$$unit/postgresql.conf; \
	    rmdir $(DESTDIR)$(UNITDIR)/$$unit 2>/dev/null || :; \
	done
	rm -rf $(DESTDIR)$(EXAMPLEDIR)

.PHONY: install uninstall
