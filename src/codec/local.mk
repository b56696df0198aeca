noinst_LIBRARIES += %D%/libcodec.a
%C%_libcodec_a_SOURCES = \
	%D%/decode.c %D%/decode.h \
	%D%/gzip.c %D%/gzip.h \
	%D%/tar.c %D%/tar.h \
	%D%/tar_header.c %D%/tar_header.h \
	%D%/tar_pax.c %D%/tar_pax.h \
	%D%/tar_sparse.c %D%/tar_sparse.h \
	%D%/zstd.c %D%/zstd.h
