noinst_LIBRARIES += %D%/libbase.a
%C%_libbase_a_SOURCES = \
	%D%/bytes.c %D%/bytes.h \
	%D%/cleanup.h \
	%D%/clock.h \
	%D%/descriptor.c %D%/descriptor.h \
	%D%/digest.c %D%/digest.h \
	%D%/doc.c %D%/doc.h \
	%D%/err.c %D%/err.h \
	%D%/fs.c %D%/fs.h \
	%D%/hmap.c %D%/hmap.h \
	%D%/json_pull.c %D%/json_pull.h \
	%D%/limits.h \
	%D%/list.h \
	%D%/lock.c %D%/lock.h \
	%D%/log.c %D%/log.h \
	%D%/loop.c %D%/loop.h \
	%D%/metrics.c %D%/metrics.h \
	%D%/pool.c %D%/pool.h \
	%D%/thread.c %D%/thread.h \
	%D%/toml.c %D%/toml.h \
	%D%/utf8.c %D%/utf8.h

# A fuzz target replays tests/corpus/<noun>/ in `make check`.
fuzz_programs += %D%/fuzz_json_pull
%C%_fuzz_json_pull_SOURCES = %D%/fuzz_json_pull.c $(FUZZ_MAIN)
%C%_fuzz_json_pull_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_json_pull_LDADD = $(BASE_LIBS)

fuzz_programs += %D%/fuzz_toml
%C%_fuzz_toml_SOURCES = %D%/fuzz_toml.c $(FUZZ_MAIN)
%C%_fuzz_toml_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_toml_LDADD = $(BASE_LIBS)
