noinst_LIBRARIES += %D%/liblayer.a
%C%_liblayer_a_SOURCES = \
	%D%/catalog.c %D%/catalog.h \
	%D%/files.c %D%/files.h \
	%D%/fill.c \
	%D%/image.c %D%/image.h \
	%D%/layer.c %D%/layer.h \
	%D%/make.c \
	%D%/open.c \
	%D%/resolve.c \
	%D%/sources.c %D%/sources.h \
	%D%/view.c %D%/view.h
