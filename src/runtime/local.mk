noinst_LIBRARIES += %D%/libruntime.a
%C%_libruntime_a_SOURCES = %D%/snapshots.proto \
	%D%/filter.c %D%/filter.h \
	%D%/labels.c %D%/labels.h
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

fuzz_programs += %D%/fuzz_filter
%C%_fuzz_filter_SOURCES = %D%/fuzz_filter.c $(FUZZ_MAIN)
%C%_fuzz_filter_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_filter_LDADD = %D%/libruntime.a $(BASE_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += %D%/test_filter
%C%_test_filter_SOURCES = %D%/test_filter.c src/base/test.h
%C%_test_filter_LDADD = %D%/libruntime.a $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_labels
%C%_test_labels_SOURCES = %D%/test_labels.c src/base/test.h
%C%_test_labels_LDADD = %D%/libruntime.a $(BASE_LIBS) $(CMOCKA_LIBS)
endif
