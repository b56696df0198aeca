noinst_LIBRARIES += %D%/libconvert.a
%C%_libconvert_a_SOURCES = \
	%D%/batch.c %D%/batch.h \
	%D%/blob_reader.c %D%/blob_reader.h \
	%D%/chunked_blob.c %D%/chunked_blob.h \
	%D%/convert.c %D%/convert.h \
	%D%/destination.c %D%/destination.h \
	%D%/destination_layout.c \
	%D%/destination_registry.c \
	%D%/earlier.c %D%/earlier.h \
	%D%/framer.c %D%/framer.h \
	%D%/growing_file.c %D%/growing_file.h \
	%D%/json_text.c %D%/json_text.h \
	%D%/kept_layer.c %D%/kept_layer.h \
	%D%/layer_job.c %D%/layer_job.h \
	%D%/origin.c %D%/origin.h \
	%D%/plan.c %D%/plan.h \
	%D%/press.c %D%/press.h \
	%D%/recompress.c %D%/recompress.h \
	%D%/report.c %D%/report.h \
	%D%/tar_order.c %D%/tar_order.h \
	%D%/tar_split.c %D%/tar_split.h \
	%D%/tar_spool.c %D%/tar_spool.h \
	%D%/toc_misfit.c %D%/toc_misfit.h \
	%D%/toc_writer.c %D%/toc_writer.h \
	%D%/wish.c %D%/wish.h

fuzz_programs += %D%/fuzz_framer
%C%_fuzz_framer_SOURCES = %D%/fuzz_framer.c src/codec/tar_seal.h $(FUZZ_MAIN)
%C%_fuzz_framer_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_framer_LDADD = %D%/libconvert.a $(FETCH_LIBS)

fuzz_programs += %D%/fuzz_tar_order
%C%_fuzz_tar_order_SOURCES = %D%/fuzz_tar_order.c src/codec/tar_seal.h \
	$(FUZZ_MAIN)
%C%_fuzz_tar_order_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_tar_order_LDADD = %D%/libconvert.a $(CODEC_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += %D%/test_growing_file
%C%_test_growing_file_SOURCES = %D%/test_growing_file.c src/base/test.h
%C%_test_growing_file_LDADD = %D%/libconvert.a $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_recompress
%C%_test_recompress_SOURCES = %D%/test_recompress.c src/base/test_folder.h
%C%_test_recompress_LDADD = %D%/libconvert.a src/format/libformat_testing.a \
	$(FETCH_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_tar_order
%C%_test_tar_order_SOURCES = %D%/test_tar_order.c src/base/test.h
%C%_test_tar_order_LDADD = %D%/libconvert.a $(CODEC_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_tables
%C%_test_tables_SOURCES = %D%/test_tables.c src/base/test.h
%C%_test_tables_LDADD = %D%/libconvert.a $(CODEC_LIBS) $(CMOCKA_LIBS)
endif
