noinst_LIBRARIES += %D%/libnet.a
%C%_libnet_a_SOURCES = \
	%D%/easy.c %D%/easy.h \
	%D%/head.c %D%/head.h \
	%D%/http.c %D%/http.h \
	%D%/url.c %D%/url.h
