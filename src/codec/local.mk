noinst_LIBRARIES += %D%/libcodec.a
%C%_libcodec_a_SOURCES = \
	%D%/decode.c %D%/decode.h \
	%D%/gzip.c %D%/gzip.h \
	%D%/gzip_zlib.c \
	%D%/tar.c %D%/tar.h \
	%D%/tar_entry.c %D%/tar_entry.h \
	%D%/tar_header.c %D%/tar_header.h \
	%D%/tar_meta.c %D%/tar_meta.h \
	%D%/tar_pax.c %D%/tar_pax.h \
	%D%/tar_sparse.c %D%/tar_sparse.h \
	%D%/zstd.c %D%/zstd.h
if HAVE_ISAL
%C%_libcodec_a_SOURCES += %D%/gzip_isal.c
endif

fuzz_programs += %D%/fuzz_gzip
%C%_fuzz_gzip_SOURCES = %D%/fuzz_gzip.c $(FUZZ_MAIN)
%C%_fuzz_gzip_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_gzip_LDADD = $(CODEC_LIBS)
fuzz_programs += %D%/fuzz_tar
%C%_fuzz_tar_SOURCES = %D%/fuzz_tar.c $(FUZZ_MAIN)
%C%_fuzz_tar_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_tar_LDADD = $(CODEC_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += %D%/test_decode
%C%_test_decode_SOURCES = %D%/test_decode.c
%C%_test_decode_LDADD = $(CODEC_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_tar
%C%_test_tar_SOURCES = %D%/test_tar.c
%C%_test_tar_LDADD = $(CODEC_LIBS) $(CMOCKA_LIBS)
endif
