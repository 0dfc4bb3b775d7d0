# The writer for PostgreSQL, with all of smtpd that it needs but SQLite; and
# smtpdb in the same way.
POSTGRESQL = $(call files,store cli database/shorthand) $(call folders,store policy) \
	$(filter-out $(B)/postgresql/main.o,$(call folders,postgresql))
$(eval $(call program,smtpd-postgresql,libpq,$(POSTGRESQL) $(B)/postgresql/main.o \
	$(MAIL) $(call files,filters/address $(addprefix server/,bind connection elsewhere introduce log \
	new_mail option_rows options peer sockets start systemd)) $(call folders,writer)))
$(eval $(call program,smtpdb-postgresql,libpq,$(call files,smtpdb archive/elsewhere) \
	$(POSTGRESQL) $(filter-out $(call files,archive/schema archive/search),$(READER))))

$(B)/postgresql/%.o: ALL_CFLAGS += -I$(B)
$(B)/postgresql/open.o: $(B)/schema-postgresql.inc
$(B)/postgresql/partition.o: $(B)/schema-partitions.inc
