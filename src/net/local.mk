noinst_LIBRARIES += %D%/libnet.a
%C%_libnet_a_SOURCES = \
	%D%/easy.c %D%/easy.h \
	%D%/grpc.h %D%/grpc_status.h \
	%D%/grpc_call.c %D%/grpc_call.h \
	%D%/grpc_client.c %D%/grpc_client.h \
	%D%/grpc_connection.c %D%/grpc_connection.h \
	%D%/grpc_exchange.c %D%/grpc_exchange.h \
	%D%/grpc_farewell.c %D%/grpc_farewell.h \
	%D%/grpc_field.c %D%/grpc_field.h \
	%D%/grpc_link.c \
	%D%/grpc_message.c %D%/grpc_message.h \
	%D%/grpc_request.c %D%/grpc_request.h \
	%D%/grpc_server.c %D%/grpc_server.h \
	%D%/grpc_stream.c %D%/grpc_stream.h \
	%D%/grpc_wire.c %D%/grpc_wire.h \
	%D%/head.c %D%/head.h \
	%D%/http.c %D%/http.h \
	%D%/parts.c %D%/parts.h \
	%D%/tally.c %D%/tally.h \
	%D%/url.c %D%/url.h

# gRPC by hand, for tests/25-grpc.
noinst_PROGRAMS += %D%/grpctool
%C%_grpctool_SOURCES = %D%/grpctool.c \
	%D%/grpctool_methods.c %D%/grpctool_methods.h
%C%_grpctool_LDADD = $(NET_LIBS)

fuzz_programs += %D%/fuzz_grpc
%C%_fuzz_grpc_SOURCES = %D%/fuzz_grpc.c %D%/fuzz_peer.h $(FUZZ_MAIN)
%C%_fuzz_grpc_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_grpc_LDADD = $(NET_LIBS)

fuzz_programs += %D%/fuzz_grpc_client
%C%_fuzz_grpc_client_SOURCES = %D%/fuzz_grpc_client.c %D%/fuzz_peer.h $(FUZZ_MAIN)
%C%_fuzz_grpc_client_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_grpc_client_LDADD = $(NET_LIBS)

fuzz_programs += %D%/fuzz_head
%C%_fuzz_head_SOURCES = %D%/fuzz_head.c $(FUZZ_MAIN)
%C%_fuzz_head_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_head_LDADD = $(NET_LIBS)

fuzz_programs += %D%/fuzz_parts
%C%_fuzz_parts_SOURCES = %D%/fuzz_parts.c $(FUZZ_MAIN)
%C%_fuzz_parts_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_parts_LDADD = $(NET_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += %D%/test_grpc
%C%_test_grpc_SOURCES = %D%/test_grpc.c %D%/scene.c %D%/scene.h \
	%D%/asked.h src/base/test_await.h
%C%_test_grpc_LDADD = $(NET_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_grpc_client
%C%_test_grpc_client_SOURCES = %D%/test_grpc_client.c %D%/scene.c %D%/scene.h \
	%D%/asked.h src/base/test_await.h
%C%_test_grpc_client_LDADD = $(NET_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_grpc_server
%C%_test_grpc_server_SOURCES = %D%/test_grpc_server.c %D%/scene.c %D%/scene.h \
	%D%/asked.h src/base/test_await.h
%C%_test_grpc_server_LDADD = $(NET_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_grpc_field
%C%_test_grpc_field_SOURCES = %D%/test_grpc_field.c
%C%_test_grpc_field_LDADD = $(NET_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_head
%C%_test_head_SOURCES = %D%/test_head.c
%C%_test_head_LDADD = $(NET_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_parts
%C%_test_parts_SOURCES = %D%/test_parts.c
%C%_test_parts_LDADD = $(NET_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_tally
%C%_test_tally_SOURCES = %D%/test_tally.c
%C%_test_tally_LDADD = $(NET_LIBS) $(CMOCKA_LIBS)
endif
