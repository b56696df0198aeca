noinst_LIBRARIES += %D%/libformat.a
%C%_libformat_a_SOURCES = \
	%D%/base64.c %D%/base64.h \
	%D%/cutter.c %D%/cutter.h \
	%D%/entry.c %D%/entry.h \
	%D%/estargz.c \
	%D%/format.c %D%/format.h %D%/formats.h \
	%D%/replay.c \
	%D%/seek_table.c %D%/seek_table.h \
	%D%/stream.c %D%/stream.h \
	%D%/tar_gzip.c \
	%D%/tar_plain.c \
	%D%/tar_zstd.c \
	%D%/timestamp.c %D%/timestamp.h \
	%D%/toc.c %D%/toc.h \
	%D%/toc_entry.c %D%/toc_entry.h \
	%D%/zstd_chunked.c

FORMAT_SAMPLES = \
	%D%/testdata/estargz.blob %D%/testdata/estargz.json \
	%D%/testdata/podman.blob %D%/testdata/podman.json \
	%D%/testdata/stargz-zstd.blob %D%/testdata/stargz-zstd.json
EXTRA_DIST += $(FORMAT_SAMPLES)

if HAVE_CMOCKA
check_LIBRARIES += %D%/libformat_testing.a
%C%_libformat_testing_a_SOURCES = %D%/testing.c %D%/testing.h
FORMAT_TEST_LIBS = %D%/libformat_testing.a %D%/libformat.a \
	src/index/libindex.a src/store/libstore.a $(SQLITE_LIBS) \
	$(CODEC_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += %D%/test_samples
%C%_test_samples_SOURCES = %D%/test_samples.c
%C%_test_samples_LDADD = $(FORMAT_TEST_LIBS)
endif
