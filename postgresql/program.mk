# The writer for PostgreSQL, with all of smtpd that it needs but SQLite.
POSTGRESQL = $(call files,store) $(call folders,store policy mail) \
	$(filter-out $(B)/postgresql/main.o,$(call folders,postgresql))
$(eval $(call program,smtpd-postgresql,libpq,$(POSTGRESQL) $(B)/postgresql/main.o \
	$(call files,cli filters/address $(addprefix server/,bind connection elsewhere introduce log \
	new_mail option_rows options peer sockets start systemd)) $(call folders,writer)))

$(B)/postgresql/%.o: ALL_CFLAGS += -I$(B)
$(B)/postgresql/open.o: $(B)/schema-postgresql.inc
