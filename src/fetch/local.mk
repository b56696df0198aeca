noinst_LIBRARIES += %D%/libfetch.a
%C%_libfetch_a_SOURCES = \
	%D%/ahead.c %D%/ahead.h \
	%D%/belt.c %D%/belt.h \
	%D%/blob.c \
	%D%/demand.c %D%/demand.h \
	%D%/doubt.c %D%/doubt.h \
	%D%/download.c %D%/download.h \
	%D%/early.c %D%/early.h \
	%D%/fetch.h \
	%D%/fetcher.c %D%/fetcher.h \
	%D%/fill.c %D%/fill.h \
	%D%/fresh.c %D%/fresh.h \
	%D%/gather.c %D%/gather.h \
	%D%/guess.c %D%/guess.h \
	%D%/guard.c %D%/guard.h \
	%D%/head.c %D%/head.h \
	%D%/inflight.c %D%/inflight.h \
	%D%/intake.c %D%/intake.h \
	%D%/kin.c %D%/kin.h \
	%D%/link.c %D%/link.h \
	%D%/ordered.c %D%/ordered.h \
	%D%/piece.c %D%/piece.h \
	%D%/plan.c %D%/plan.h \
	%D%/replay.c %D%/replay.h \
	%D%/run.c %D%/run.h \
	%D%/sink.c %D%/sink.h \
	%D%/spares.c %D%/spares.h \
	%D%/stream.c \
	%D%/transfer.c %D%/transfer.h \
	%D%/usage.c %D%/usage.h \
	%D%/want.c

# Pulls an image by hand and checks every file.
noinst_PROGRAMS += %D%/fetchtool
%C%_fetchtool_SOURCES = %D%/fetchtool.c
%C%_fetchtool_LDADD = $(FETCH_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += %D%/test_ahead %D%/test_belt %D%/test_download %D%/test_failures \
	%D%/test_fetcher %D%/test_fill %D%/test_gather %D%/test_guess %D%/test_kin %D%/test_link \
	%D%/test_ordered %D%/test_plan %D%/test_replay %D%/test_stream %D%/test_usage
check_LIBRARIES += %D%/libfetchtest.a

%C%_libfetchtest_a_SOURCES = \
	%D%/fake_source.c %D%/fake_source.h \
	%D%/fixture.c %D%/fixture.h src/codec/gzip_member.h

%C%_test_belt_SOURCES = %D%/test_belt.c
%C%_test_belt_LDADD = $(FETCH_LIBS) $(CMOCKA_LIBS)
%C%_test_download_SOURCES = %D%/test_download.c
%C%_test_download_LDADD = %D%/libfetchtest.a $(FETCH_LIBS) $(CMOCKA_LIBS)
%C%_test_fetcher_SOURCES = %D%/test_fetcher.c
%C%_test_fetcher_LDADD = %D%/libfetchtest.a $(FETCH_LIBS) $(CMOCKA_LIBS)
%C%_test_failures_SOURCES = %D%/test_failures.c
%C%_test_failures_LDADD = %D%/libfetchtest.a $(FETCH_LIBS) $(CMOCKA_LIBS)
%C%_test_fill_SOURCES = %D%/test_fill.c
%C%_test_fill_LDADD = %D%/libfetchtest.a $(FETCH_LIBS) $(CMOCKA_LIBS)
%C%_test_ahead_SOURCES = %D%/test_ahead.c
%C%_test_ahead_LDADD = %D%/libfetchtest.a $(FETCH_LIBS) $(CMOCKA_LIBS)
%C%_test_gather_SOURCES = %D%/test_gather.c
%C%_test_gather_LDADD = %D%/libfetchtest.a $(FETCH_LIBS) $(CMOCKA_LIBS)
%C%_test_guess_SOURCES = %D%/test_guess.c
%C%_test_guess_LDADD = %D%/libfetchtest.a $(FETCH_LIBS) $(CMOCKA_LIBS)
%C%_test_kin_SOURCES = %D%/test_kin.c
%C%_test_kin_LDADD = src/fetch/libfetch.a $(BASE_LIBS) $(CMOCKA_LIBS)
%C%_test_link_SOURCES = %D%/test_link.c
%C%_test_link_LDADD = src/fetch/libfetch.a $(BASE_LIBS) $(CMOCKA_LIBS)
%C%_test_ordered_SOURCES = %D%/test_ordered.c
%C%_test_ordered_LDADD = %D%/libfetchtest.a $(FETCH_LIBS) $(CMOCKA_LIBS)
%C%_test_plan_SOURCES = %D%/test_plan.c
%C%_test_plan_LDADD = src/fetch/libfetch.a $(BASE_LIBS) $(CMOCKA_LIBS)
%C%_test_usage_SOURCES = %D%/test_usage.c
%C%_test_usage_LDADD = %D%/libfetchtest.a $(FETCH_LIBS) $(CMOCKA_LIBS)
%C%_test_replay_SOURCES = %D%/test_replay.c
%C%_test_replay_LDADD = %D%/libfetchtest.a $(FETCH_LIBS) $(CMOCKA_LIBS)
%C%_test_stream_SOURCES = %D%/test_stream.c src/base/test_standstill.h
%C%_test_stream_LDADD = %D%/libfetchtest.a $(FETCH_LIBS) $(CMOCKA_LIBS)
endif
