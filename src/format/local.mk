noinst_LIBRARIES += %D%/libformat.a
%C%_libformat_a_SOURCES = \
	%D%/cutter.c %D%/cutter.h \
	%D%/entry.c %D%/entry.h \
	%D%/estargz.c \
	%D%/format.c %D%/format.h %D%/formats.h \
	%D%/replay.c \
	%D%/seek_table.c %D%/seek_table.h \
	%D%/stream.c \
	%D%/stretch.h \
	%D%/tar_gzip.c \
	%D%/tar_plain.c \
	%D%/tar_zstd.c \
	%D%/timestamp.c %D%/timestamp.h \
	%D%/toc.c %D%/toc.h \
	%D%/toc_entry.c %D%/toc_entry.h \
	%D%/toc_files.c %D%/toc_files.h \
	%D%/unpacker.c %D%/unpacker.h \
	%D%/zstd_chunked.c

FORMAT_SAMPLES = \
	%D%/testdata/estargz.blob %D%/testdata/estargz.json \
	%D%/testdata/podman.blob %D%/testdata/podman.json \
	%D%/testdata/stargz-zstd.blob %D%/testdata/stargz-zstd.json
EXTRA_DIST += $(FORMAT_SAMPLES)

FORMAT_OWN_LIBS = %D%/libformat.a src/index/libindex.a \
	src/store/libstore.a $(SQLITE_LIBS) $(CODEC_LIBS)

fuzz_programs += %D%/fuzz_footer
%C%_fuzz_footer_SOURCES = %D%/fuzz_footer.c $(FUZZ_MAIN)
%C%_fuzz_footer_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_footer_LDADD = $(FORMAT_OWN_LIBS)

fuzz_programs += %D%/fuzz_stream
%C%_fuzz_stream_SOURCES = %D%/fuzz_stream.c $(FUZZ_MAIN)
%C%_fuzz_stream_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_stream_LDADD = $(FORMAT_OWN_LIBS)

fuzz_programs += %D%/fuzz_toc
%C%_fuzz_toc_SOURCES = %D%/fuzz_toc.c $(FUZZ_MAIN)
%C%_fuzz_toc_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_toc_LDADD = $(FORMAT_OWN_LIBS)

if HAVE_CMOCKA
check_LIBRARIES += %D%/libformat_testing.a
%C%_libformat_testing_a_SOURCES = %D%/testing.c %D%/testing.h
FORMAT_TEST_LIBS = %D%/libformat_testing.a $(FORMAT_OWN_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += %D%/test_samples
%C%_test_samples_SOURCES = %D%/test_samples.c
%C%_test_samples_LDADD = $(FORMAT_TEST_LIBS)
check_PROGRAMS += %D%/test_toc
%C%_test_toc_SOURCES = %D%/test_toc.c
%C%_test_toc_LDADD = $(FORMAT_TEST_LIBS)
check_PROGRAMS += %D%/test_locate
%C%_test_locate_SOURCES = %D%/test_locate.c
%C%_test_locate_LDADD = $(FORMAT_TEST_LIBS)
check_PROGRAMS += %D%/test_stream
%C%_test_stream_SOURCES = %D%/test_stream.c
%C%_test_stream_LDADD = $(FORMAT_TEST_LIBS)
check_PROGRAMS += %D%/test_values
%C%_test_values_SOURCES = %D%/test_values.c
%C%_test_values_LDADD = $(FORMAT_TEST_LIBS)
endif
