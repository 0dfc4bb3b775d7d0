# smtpd-auth, the only program that loads GNU SASL (libgsasl-dev).
SMTPD_AUTH = $(call folders,auth) $(call files,cli $(addprefix server/,confine \
	filter helper helper_cli introduce log peer)) $(MAIL)
$(eval $(call program,smtpd-auth,libgsasl,$(SMTPD_AUTH) $(call folders,database)))
# The same over PostgreSQL.
$(eval $(call program,smtpd-auth-postgresql,libgsasl libpq,$(SMTPD_AUTH) \
	$(call files,database/shorthand) $(filter-out $(B)/postgresql/main.o,$(call folders,postgresql))))
