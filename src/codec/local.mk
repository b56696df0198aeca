noinst_LIBRARIES += %D%/libcodec.a
%C%_libcodec_a_SOURCES = \
	%D%/chunker.c %D%/chunker.h \
	%D%/crc64.h \
	%D%/decode.c %D%/decode.h \
	%D%/gzip.c %D%/gzip.h \
	%D%/gzip_zlib.c \
	%D%/points.c %D%/points.h \
	%D%/points_file.c %D%/points_format.h \
	%D%/restart.h \
	%D%/tar.c %D%/tar.h \
	%D%/tar_entry.c %D%/tar_entry.h \
	%D%/tar_header.c %D%/tar_header.h \
	%D%/tar_meta.c %D%/tar_meta.h \
	%D%/tar_pax.c %D%/tar_pax.h \
	%D%/tar_sparse.c %D%/tar_sparse.h \
	%D%/window.c %D%/window.h \
	%D%/zstd.c %D%/zstd.h \
	%D%/zstd_encoder.c %D%/zstd_encoder.h
if HAVE_ISAL
%C%_libcodec_a_SOURCES += %D%/crc64_isal.c %D%/gzip_isal.c
else
%C%_libcodec_a_SOURCES += %D%/crc64_table.c
endif

fuzz_programs += %D%/fuzz_gzip
%C%_fuzz_gzip_SOURCES = %D%/fuzz_gzip.c %D%/fuzz_decode.h \
	%D%/gzip_member.h $(FUZZ_MAIN)
%C%_fuzz_gzip_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_gzip_LDADD = $(CODEC_LIBS)
fuzz_programs += %D%/fuzz_points
%C%_fuzz_points_SOURCES = %D%/fuzz_points.c $(FUZZ_MAIN)
%C%_fuzz_points_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_points_LDADD = $(CODEC_LIBS)
fuzz_programs += %D%/fuzz_restart
%C%_fuzz_restart_SOURCES = %D%/fuzz_restart.c %D%/fuzz_decode.h \
	%D%/gzip_member.h $(FUZZ_MAIN)
%C%_fuzz_restart_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_restart_LDADD = $(CODEC_LIBS)
fuzz_programs += %D%/fuzz_tar
%C%_fuzz_tar_SOURCES = %D%/fuzz_tar.c %D%/tar_seal.h $(FUZZ_MAIN)
%C%_fuzz_tar_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_tar_LDADD = $(CODEC_LIBS)
fuzz_programs += %D%/fuzz_zstd
%C%_fuzz_zstd_SOURCES = %D%/fuzz_zstd.c %D%/fuzz_decode.h $(FUZZ_MAIN)
%C%_fuzz_zstd_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_zstd_LDADD = $(CODEC_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += %D%/test_chunker
%C%_test_chunker_SOURCES = %D%/test_chunker.c src/base/test.h
%C%_test_chunker_LDADD = $(CODEC_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_decode
%C%_test_decode_SOURCES = %D%/test_decode.c
%C%_test_decode_LDADD = $(CODEC_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_points
%C%_test_points_SOURCES = %D%/test_points.c %D%/test_members.h
%C%_test_points_LDADD = $(CODEC_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_restart
%C%_test_restart_SOURCES = %D%/test_restart.c %D%/test_members.h
%C%_test_restart_LDADD = $(CODEC_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_tar
%C%_test_tar_SOURCES = %D%/test_tar.c %D%/test_tar.h
%C%_test_tar_LDADD = $(CODEC_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_tar_refused
%C%_test_tar_refused_SOURCES = %D%/test_tar_refused.c %D%/test_tar.h
%C%_test_tar_refused_LDADD = $(CODEC_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_thin_window
%C%_test_thin_window_SOURCES = %D%/test_thin_window.c %D%/test_compress.h \
	%D%/test_words.h src/base/test.h
%C%_test_thin_window_LDADD = $(CODEC_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_window
%C%_test_window_SOURCES = %D%/test_window.c %D%/test_compress.h \
	%D%/test_words.h src/base/test.h
%C%_test_window_LDADD = $(CODEC_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_zstd_encoder
%C%_test_zstd_encoder_SOURCES = %D%/test_zstd_encoder.c src/base/test.h
%C%_test_zstd_encoder_LDADD = $(CODEC_LIBS) $(CMOCKA_LIBS)
endif
