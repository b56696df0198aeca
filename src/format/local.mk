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
