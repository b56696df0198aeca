noinst_LIBRARIES += %D%/liblayer.a
%C%_liblayer_a_SOURCES = \
	%D%/catalog.c %D%/catalog.h \
	%D%/collect.c \
	%D%/files.c %D%/files.h \
	%D%/fill.c \
	%D%/image.c %D%/image.h \
	%D%/known.c \
	%D%/layer.c %D%/layer.h \
	%D%/make.c \
	%D%/open.c \
	%D%/places.c %D%/places.h \
	%D%/places_find.c \
	%D%/prefetch.c \
	%D%/profile.c %D%/profile.h \
	%D%/profile_file.c \
	%D%/profile_ranges.c \
	%D%/profiles.c %D%/profiles.h \
	%D%/recording.c %D%/recording.h \
	%D%/recordings.c %D%/recordings.h \
	%D%/resolve.c \
	%D%/sources.c %D%/sources.h \
	%D%/trail.c %D%/trail.h \
	%D%/usage.c \
	%D%/view.c %D%/view.h

fuzz_programs += %D%/fuzz_profile
%C%_fuzz_profile_SOURCES = %D%/fuzz_profile.c %D%/profile_seal.h $(FUZZ_MAIN)
%C%_fuzz_profile_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_profile_LDADD = src/layer/liblayer.a $(BASE_LIBS)

# It plays the blobs, maps and store itself: links nothing below but base.
if HAVE_CMOCKA
check_PROGRAMS += %D%/test_view
%C%_test_view_SOURCES = %D%/test_view.c src/base/test.h
%C%_test_view_LDADD = src/layer/liblayer.a $(BASE_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += %D%/test_profile
%C%_test_profile_SOURCES = %D%/test_profile.c %D%/profile_seal.h src/base/test.h
%C%_test_profile_LDADD = src/layer/liblayer.a $(BASE_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += %D%/test_trail
%C%_test_trail_SOURCES = %D%/test_trail.c src/base/test.h
%C%_test_trail_LDADD = src/layer/liblayer.a $(BASE_LIBS) $(CMOCKA_LIBS)

# On real blobs.
check_PROGRAMS += %D%/test_catalog
%C%_test_catalog_SOURCES = %D%/test_catalog.c %D%/testing.h
%C%_test_catalog_LDADD = src/format/libformat_testing.a $(LAYER_LIBS) \
	$(CMOCKA_LIBS)

check_PROGRAMS += %D%/test_recordings
%C%_test_recordings_SOURCES = %D%/test_recordings.c %D%/testing.h
%C%_test_recordings_LDADD = src/format/libformat_testing.a $(LAYER_LIBS) \
	$(CMOCKA_LIBS)
endif
