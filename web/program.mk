# Pages of the mail table (libmicrohttpd-dev; libcrypt-dev is with libc6-dev).
WEB_FILES = $(sort $(wildcard web/files/*))
$(eval $(call program,smtpdb-web,libmicrohttpd libxcrypt,$(call files,cli \
	$(addprefix server/,bind confine connection filter log peer sockets start systemd \
	user)) \
	$(call folders,web) $(READER) $(STORE)))

$(B)/web/template.o: ALL_CFLAGS += -I$(B)
$(B)/web/template.o: $(B)/web/files.inc
# The octets of each file, and a table of them by their names.
$(B)/web/files.inc: $(WEB_FILES) web/program.mk
	@mkdir -p $(@D)
	$(Q)n=0; for file in $(WEB_FILES); do \
	    echo "static const unsigned char file_$$n[] = {"; \
	    od -An -v -tx1 $$file | sed -e 's/ \(..\)/0x\1,/g'; echo '};'; \
	    n=$$((n + 1)); done >$@
	$(Q)n=0; { echo 'static const struct file files[] = {'; \
	    for file in $(WEB_FILES); do \
	    echo "{ \"$${file##*/}\", file_$$n, sizeof file_$$n },"; \
	    n=$$((n + 1)); done; echo '};'; } >>$@
