noinst_LIBRARIES += %D%/libnet.a
%C%_libnet_a_SOURCES = \
	%D%/easy.c %D%/easy.h \
	%D%/grpc.h %D%/grpc_client.h %D%/grpc_status.h \
	%D%/head.c %D%/head.h \
	%D%/http.c %D%/http.h \
	%D%/url.c %D%/url.h

if HAVE_CMOCKA
check_PROGRAMS += %D%/test_head
%C%_test_head_SOURCES = %D%/test_head.c
%C%_test_head_LDADD = $(NET_LIBS) $(CMOCKA_LIBS)
endif
