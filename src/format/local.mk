noinst_LIBRARIES += %D%/libformat.a
%C%_libformat_a_SOURCES = \
	%D%/cutter.c %D%/cutter.h \
	%D%/entry.c %D%/entry.h \
	%D%/estargz.c \
	%D%/flatbuffer.c %D%/flatbuffer.h \
	%D%/format.c %D%/format.h %D%/formats.h \
	%D%/identity.c %D%/identity.h \
	%D%/layer_index.c %D%/layer_index.h \
	%D%/layer_index_entry.c %D%/layer_index_parts.h \
	%D%/layer_index_tree.c \
	%D%/layer_index_write.c \
	%D%/replay.c \
	%D%/seek_table.c %D%/seek_table.h \
	%D%/soci.c \
	%D%/soci_index.c %D%/soci_index.h \
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
	%D%/zstd_chunked.c \
	%D%/ztoc.c %D%/ztoc.h \
	%D%/ztoc_entry.c %D%/ztoc_entry.h \
	%D%/ztoc_spans.c %D%/ztoc_spans.h

FORMAT_SAMPLES = \
	%D%/testdata/estargz.blob %D%/testdata/estargz.json \
	%D%/testdata/podman.blob %D%/testdata/podman.json \
	%D%/testdata/soci-members.blob %D%/testdata/soci-members.ztoc \
	%D%/testdata/soci-named.blob %D%/testdata/soci-named.ztoc \
	%D%/testdata/soci-one.blob %D%/testdata/soci-one.ztoc \
	%D%/testdata/soci-plain.ztoc \
	%D%/testdata/stargz-zstd.blob %D%/testdata/stargz-zstd.json
EXTRA_DIST += $(FORMAT_SAMPLES)

FORMAT_OWN_LIBS = %D%/libformat.a src/index/libindex.a \
	src/store/libstore.a $(SQLITE_LIBS) $(CODEC_LIBS)

noinst_PROGRAMS += %D%/indextool
%C%_indextool_SOURCES = %D%/indextool.c
%C%_indextool_LDADD = $(FORMAT_OWN_LIBS)

fuzz_programs += %D%/fuzz_footer
%C%_fuzz_footer_SOURCES = %D%/fuzz_footer.c $(FUZZ_MAIN)
%C%_fuzz_footer_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_footer_LDADD = $(FORMAT_OWN_LIBS)

fuzz_programs += %D%/fuzz_layer_index
%C%_fuzz_layer_index_SOURCES = %D%/fuzz_layer_index.c $(FUZZ_MAIN)
%C%_fuzz_layer_index_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_layer_index_LDADD = $(FORMAT_OWN_LIBS)

fuzz_programs += %D%/fuzz_soci_index
%C%_fuzz_soci_index_SOURCES = %D%/fuzz_soci_index.c $(FUZZ_MAIN)
%C%_fuzz_soci_index_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_soci_index_LDADD = $(FORMAT_OWN_LIBS)

fuzz_programs += %D%/fuzz_stream
%C%_fuzz_stream_SOURCES = %D%/fuzz_stream.c src/codec/tar_seal.h $(FUZZ_MAIN)
%C%_fuzz_stream_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_stream_LDADD = $(FORMAT_OWN_LIBS)

fuzz_programs += %D%/fuzz_table
%C%_fuzz_table_SOURCES = %D%/fuzz_table.c src/codec/gzip_member.h \
	src/codec/tar_seal.h $(FUZZ_MAIN)
%C%_fuzz_table_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_table_LDADD = $(FORMAT_OWN_LIBS)

fuzz_programs += %D%/fuzz_toc
%C%_fuzz_toc_SOURCES = %D%/fuzz_toc.c $(FUZZ_MAIN)
%C%_fuzz_toc_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_toc_LDADD = $(FORMAT_OWN_LIBS)

fuzz_programs += %D%/fuzz_ztoc
%C%_fuzz_ztoc_SOURCES = %D%/fuzz_ztoc.c $(FUZZ_MAIN)
%C%_fuzz_ztoc_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_ztoc_LDADD = $(FORMAT_OWN_LIBS)

if HAVE_CMOCKA
check_LIBRARIES += %D%/libformat_testing.a
%C%_libformat_testing_a_SOURCES = %D%/testing.c %D%/testing.h \
	%D%/testing_stream.h %D%/testing_text.c %D%/testing_ztoc.h \
	%D%/testing_made.c %D%/testing_made.h
FORMAT_TEST_LIBS = %D%/libformat_testing.a $(FORMAT_OWN_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += %D%/test_samples
%C%_test_samples_SOURCES = %D%/test_samples.c
%C%_test_samples_LDADD = $(FORMAT_TEST_LIBS)
check_PROGRAMS += %D%/test_soci
%C%_test_soci_SOURCES = %D%/test_soci.c
%C%_test_soci_LDADD = $(FORMAT_TEST_LIBS)
check_PROGRAMS += %D%/test_soci_index
%C%_test_soci_index_SOURCES = %D%/test_soci_index.c
%C%_test_soci_index_LDADD = $(FORMAT_TEST_LIBS)
check_PROGRAMS += %D%/test_toc
%C%_test_toc_SOURCES = %D%/test_toc.c
%C%_test_toc_LDADD = $(FORMAT_TEST_LIBS)
check_PROGRAMS += %D%/test_entry
%C%_test_entry_SOURCES = %D%/test_entry.c
%C%_test_entry_LDADD = $(FORMAT_TEST_LIBS)
check_PROGRAMS += %D%/test_layer_index
%C%_test_layer_index_SOURCES = %D%/test_layer_index.c
%C%_test_layer_index_LDADD = $(FORMAT_TEST_LIBS)
check_PROGRAMS += %D%/test_locate
%C%_test_locate_SOURCES = %D%/test_locate.c
%C%_test_locate_LDADD = $(FORMAT_TEST_LIBS)
check_PROGRAMS += %D%/test_spans
%C%_test_spans_SOURCES = %D%/test_spans.c src/codec/test_words.h
%C%_test_spans_LDADD = $(FORMAT_TEST_LIBS)
check_PROGRAMS += %D%/test_plain_tar
%C%_test_plain_tar_SOURCES = %D%/test_plain_tar.c
%C%_test_plain_tar_LDADD = $(FORMAT_TEST_LIBS)
check_PROGRAMS += %D%/test_stream
%C%_test_stream_SOURCES = %D%/test_stream.c
%C%_test_stream_LDADD = $(FORMAT_TEST_LIBS)
check_PROGRAMS += %D%/test_values
%C%_test_values_SOURCES = %D%/test_values.c
%C%_test_values_LDADD = $(FORMAT_TEST_LIBS)
check_PROGRAMS += %D%/test_ztoc
%C%_test_ztoc_SOURCES = %D%/test_ztoc.c
%C%_test_ztoc_LDADD = $(FORMAT_TEST_LIBS)
endif
