# smtpd-auth, the only program that loads GNU SASL (libgsasl-dev).
SMTPD_AUTH = $(call folders,auth database) $(call files,cli $(addprefix server/,confine \
	filter helper helper_cli introduce log peer)) $(MAIL)
$(eval $(call program,smtpd-auth,libgsasl,$(SMTPD_AUTH)))
