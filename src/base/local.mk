noinst_LIBRARIES += %D%/libbase.a
%C%_libbase_a_SOURCES = \
	%D%/acceptor.c %D%/acceptor.h \
	%D%/awake.h \
	%D%/base64.c %D%/base64.h \
	%D%/bytes.c %D%/bytes.h \
	%D%/cleanup.h \
	%D%/clock.h \
	%D%/close_all_but.h \
	%D%/descriptor.c %D%/descriptor.h \
	%D%/digest.c %D%/digest.h \
	%D%/doc.c %D%/doc.h \
	%D%/err.c %D%/err.h \
	%D%/fs.c %D%/fs.h %D%/fs_tree.c \
	%D%/hmap.c %D%/hmap.h \
	%D%/json_pull.c %D%/json_pull.h \
	%D%/limits.h \
	%D%/list.h \
	%D%/lock.c %D%/lock.h \
	%D%/log.c %D%/log.h \
	%D%/log_line.c %D%/log_line.h \
	%D%/log_repeat.c %D%/log_repeat.h \
	%D%/loop.c %D%/loop.h \
	%D%/metrics.c %D%/metrics.h \
	%D%/outpost.c %D%/outpost.h \
	%D%/patience.c %D%/patience.h \
	%D%/peer.c %D%/peer.h \
	%D%/pool.c %D%/pool.h \
	%D%/rights.c %D%/rights.h \
	%D%/scout.c %D%/scout.h \
	%D%/thread.c %D%/thread.h \
	%D%/toml.c %D%/toml.h \
	%D%/toml_text.c %D%/toml_text.h \
	%D%/utf8.c %D%/utf8.h

# A fuzz target replays tests/corpus/<noun>/ in `make check`.
fuzz_programs += %D%/fuzz_doc
%C%_fuzz_doc_SOURCES = %D%/fuzz_doc.c $(FUZZ_MAIN)
%C%_fuzz_doc_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_doc_LDADD = $(BASE_LIBS)

fuzz_programs += %D%/fuzz_json_pull
%C%_fuzz_json_pull_SOURCES = %D%/fuzz_json_pull.c $(FUZZ_MAIN)
%C%_fuzz_json_pull_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_json_pull_LDADD = $(BASE_LIBS)

fuzz_programs += %D%/fuzz_toml
%C%_fuzz_toml_SOURCES = %D%/fuzz_toml.c $(FUZZ_MAIN)
%C%_fuzz_toml_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_toml_LDADD = $(BASE_LIBS)

# A unit test links its own folder's library and lower floors' only.
if HAVE_CMOCKA
check_PROGRAMS += %D%/test_awake
%C%_test_awake_SOURCES = %D%/test_awake.c %D%/test.h
%C%_test_awake_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_bytes
%C%_test_bytes_SOURCES = %D%/test_bytes.c %D%/test.h
%C%_test_bytes_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_descriptor
%C%_test_descriptor_SOURCES = %D%/test_descriptor.c %D%/test.h
%C%_test_descriptor_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_digest
%C%_test_digest_SOURCES = %D%/test_digest.c %D%/test.h
%C%_test_digest_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_doc
%C%_test_doc_SOURCES = %D%/test_doc.c %D%/test.h
%C%_test_doc_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_err
%C%_test_err_SOURCES = %D%/test_err.c %D%/test.h
%C%_test_err_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_fs
%C%_test_fs_SOURCES = %D%/test_fs.c %D%/test.h %D%/test_folder.h
%C%_test_fs_LDFLAGS = -Wl,--wrap=fsync
%C%_test_fs_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_hmap
%C%_test_hmap_SOURCES = %D%/test_hmap.c %D%/test.h
%C%_test_hmap_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_json_pull
%C%_test_json_pull_SOURCES = %D%/test_json_pull.c %D%/test.h
%C%_test_json_pull_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_list
%C%_test_list_SOURCES = %D%/test_list.c %D%/test.h
%C%_test_list_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_lock
%C%_test_lock_SOURCES = %D%/test_lock.c %D%/test.h
%C%_test_lock_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_log
%C%_test_log_SOURCES = %D%/test_log.c %D%/test.h
%C%_test_log_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_acceptor
%C%_test_acceptor_SOURCES = %D%/test_acceptor.c %D%/test.h
%C%_test_acceptor_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_loop
%C%_test_loop_SOURCES = %D%/test_loop.c %D%/test.h
%C%_test_loop_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_outpost
%C%_test_outpost_SOURCES = %D%/test_outpost.c %D%/test.h %D%/test_folder.h
%C%_test_outpost_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_pool
%C%_test_pool_SOURCES = %D%/test_pool.c %D%/test.h
%C%_test_pool_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_scout
%C%_test_scout_SOURCES = %D%/test_scout.c %D%/test.h
%C%_test_scout_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_toml
%C%_test_toml_SOURCES = %D%/test_toml.c %D%/test.h
%C%_test_toml_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_patience
%C%_test_patience_SOURCES = %D%/test_patience.c %D%/test.h
%C%_test_patience_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_utf8
%C%_test_utf8_SOURCES = %D%/test_utf8.c %D%/test.h
%C%_test_utf8_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
endif
