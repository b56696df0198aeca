noinst_LIBRARIES += %D%/libruntime.a
%C%_libruntime_a_SOURCES = %D%/snapshots.proto
nodist_%C%_libruntime_a_SOURCES = %D%/snapshots.pb-c.c %D%/snapshots.pb-c.h

# The messages are C made from the .proto when building.  Whoever includes the
# header depends on it by name: make -j builds the unit tests beside the library.
%D%/snapshots.pb-c.c: $(srcdir)/%D%/snapshots.proto
	$(AM_V_GEN)$(MKDIR_P) %D% && cd %D% && \
	$(PROTOC_C) --c_out=. -I$(abs_srcdir)/%D% $(abs_srcdir)/%D%/snapshots.proto
%D%/snapshots.pb-c.h: %D%/snapshots.pb-c.c
	@:
BUILT_SOURCES += %D%/snapshots.pb-c.h
CLEANFILES += %D%/snapshots.pb-c.c %D%/snapshots.pb-c.h
