# smtpd-tls, the only program that loads a TLS library (libssl-dev).
SMTPD_TLS = $(call folders,tls) $(call files,cli $(addprefix server/,confine \
	filter helper helper_cli introduce log peer)) $(MAIL)
$(eval $(call program,smtpd-tls,libssl libcrypto,$(SMTPD_TLS)))
