noinst_LIBRARIES += %D%/liblayer.a
%C%_liblayer_a_SOURCES = \
	%D%/alias.c %D%/alias.h \
	%D%/audit.c %D%/audit.h \
	%D%/audits.c %D%/audits.h \
	%D%/cache.c %D%/cache.h \
	%D%/candidates.c %D%/candidates.h \
	%D%/catalog.c %D%/catalog.h %D%/catalog_private.h \
	%D%/collect.c \
	%D%/collector.c \
	%D%/companions.c %D%/companions.h \
	%D%/distrust.c %D%/distrust.h \
	%D%/documents.c %D%/documents.h \
	%D%/elf.c %D%/elf.h \
	%D%/evict.c %D%/evict.h \
	%D%/families.c %D%/families.h \
	%D%/files.c %D%/files.h \
	%D%/fill.c \
	%D%/first_files.c %D%/first_files.h \
	%D%/footprint.c %D%/footprint.h \
	%D%/image.c %D%/image.h \
	%D%/known.c \
	%D%/layer.c %D%/layer.h \
	%D%/lied.c \
	%D%/linked.c %D%/linked.h \
	%D%/look.c %D%/look.h \
	%D%/make.c \
	%D%/merged.c %D%/merged.h \
	%D%/notes.c %D%/notes.h \
	%D%/open.c \
	%D%/path.c %D%/path.h \
	%D%/places.c %D%/places.h \
	%D%/places_find.c \
	%D%/prefetch.c \
	%D%/profile.c %D%/profile.h \
	%D%/profile_file.c \
	%D%/profile_ranges.c \
	%D%/profiles.c %D%/profiles.h \
	%D%/prune.c %D%/prune.h \
	%D%/publish.c %D%/publish.h \
	%D%/publisher.c %D%/publisher.h \
	%D%/recording.c %D%/recording.h \
	%D%/recordings.c %D%/recordings.h \
	%D%/resolve.c \
	%D%/restarts.c %D%/restarts.h \
	%D%/script.c %D%/script.h \
	%D%/seal.c %D%/seal.h \
	%D%/settle.c \
	%D%/soci_tables.c %D%/soci_tables.h \
	%D%/sources.c %D%/sources.h \
	%D%/starts.c %D%/starts.h \
	%D%/trail.c %D%/trail.h \
	%D%/tree_compare.c %D%/tree_compare.h \
	%D%/usage.c \
	%D%/verify.c %D%/verify.h \
	%D%/view.c %D%/view.h

fuzz_programs += %D%/fuzz_profile
%C%_fuzz_profile_SOURCES = %D%/fuzz_profile.c %D%/profile_seal.h $(FUZZ_MAIN)
%C%_fuzz_profile_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_profile_LDADD = src/layer/liblayer.a $(BASE_LIBS)

fuzz_programs += %D%/fuzz_elf
%C%_fuzz_elf_SOURCES = %D%/fuzz_elf.c $(FUZZ_MAIN)
%C%_fuzz_elf_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_elf_LDADD = src/layer/liblayer.a $(BASE_LIBS)

fuzz_programs += %D%/fuzz_script
%C%_fuzz_script_SOURCES = %D%/fuzz_script.c $(FUZZ_MAIN)
%C%_fuzz_script_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_script_LDADD = src/layer/liblayer.a $(BASE_LIBS)

# It plays the blobs, maps and store itself: links nothing below but base.
if HAVE_CMOCKA
check_PROGRAMS += %D%/test_view
%C%_test_view_SOURCES = %D%/test_view.c src/base/test.h
%C%_test_view_LDADD = src/layer/liblayer.a $(BASE_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += %D%/test_profile
%C%_test_profile_SOURCES = %D%/test_profile.c %D%/profile_seal.h src/base/test.h
%C%_test_profile_LDADD = src/layer/liblayer.a $(BASE_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += %D%/test_trail
%C%_test_trail_SOURCES = %D%/test_trail.c src/base/test.h
%C%_test_trail_LDADD = src/layer/liblayer.a $(BASE_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += %D%/test_elf
%C%_test_elf_SOURCES = %D%/test_elf.c src/base/test.h
%C%_test_elf_LDADD = src/layer/liblayer.a $(BASE_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += %D%/test_script
%C%_test_script_SOURCES = %D%/test_script.c src/base/test.h
%C%_test_script_LDADD = src/layer/liblayer.a $(BASE_LIBS) $(CMOCKA_LIBS)

# On real blobs.
check_PROGRAMS += %D%/test_keep
%C%_test_keep_SOURCES = %D%/test_keep.c %D%/testing.h
%C%_test_keep_LDFLAGS = -Wl,--wrap=renameat
%C%_test_keep_LDADD = src/format/libformat_testing.a $(LAYER_LIBS) \
	$(CMOCKA_LIBS)

check_PROGRAMS += %D%/test_catalog
%C%_test_catalog_SOURCES = %D%/test_catalog.c %D%/testing.h
%C%_test_catalog_LDFLAGS = -Wl,--wrap=malloc_trim
%C%_test_catalog_LDADD = src/format/libformat_testing.a $(LAYER_LIBS) \
	$(CMOCKA_LIBS)

check_PROGRAMS += %D%/test_removal
%C%_test_removal_SOURCES = %D%/test_removal.c %D%/testing.h
%C%_test_removal_LDFLAGS = -Wl,--wrap=look_wait
%C%_test_removal_LDADD = src/format/libformat_testing.a $(LAYER_LIBS) \
	$(CMOCKA_LIBS)

check_PROGRAMS += %D%/test_merged
%C%_test_merged_SOURCES = %D%/test_merged.c %D%/testing.h
%C%_test_merged_LDFLAGS = -Wl,--wrap=renameat
%C%_test_merged_LDADD = src/format/libformat_testing.a $(LAYER_LIBS) \
	$(CMOCKA_LIBS)

check_PROGRAMS += %D%/test_files
%C%_test_files_SOURCES = %D%/test_files.c src/base/test.h \
	src/base/test_folder.h
%C%_test_files_LDADD = $(LAYER_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += %D%/test_documents
%C%_test_documents_SOURCES = %D%/test_documents.c %D%/testing.h
%C%_test_documents_LDFLAGS = -Wl,--wrap=fsync
%C%_test_documents_LDADD = src/format/libformat_testing.a $(LAYER_LIBS) \
	$(CMOCKA_LIBS)

check_PROGRAMS += %D%/test_table
%C%_test_table_SOURCES = %D%/test_table.c %D%/testing.h
%C%_test_table_LDADD = src/format/libformat_testing.a $(LAYER_LIBS) \
	$(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_settle
%C%_test_settle_SOURCES = %D%/test_settle.c %D%/testing.h
%C%_test_settle_LDFLAGS = -Wl,--wrap=fsync -Wl,--wrap=unlinkat
%C%_test_settle_LDADD = src/format/libformat_testing.a $(LAYER_LIBS) \
	$(CMOCKA_LIBS)

check_PROGRAMS += %D%/test_power_layers
%C%_test_power_layers_SOURCES = %D%/test_power_layers.c \
	%D%/disk_build.c %D%/disk_log.c %D%/disk_log.h \
	%D%/disk_log_private.h %D%/power_life.h %D%/testing.h
%C%_test_power_layers_LDFLAGS = -Wl,--wrap=boot_id
%C%_test_power_layers_LDADD = src/format/libformat_testing.a $(LAYER_LIBS) \
	$(CMOCKA_LIBS)

check_PROGRAMS += %D%/test_companions
%C%_test_companions_SOURCES = %D%/test_companions.c
%C%_test_companions_LDADD = $(LAYER_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += %D%/test_recordings
%C%_test_recordings_SOURCES = %D%/test_recordings.c %D%/testing.h
%C%_test_recordings_LDADD = src/format/libformat_testing.a $(LAYER_LIBS) \
	$(CMOCKA_LIBS)
endif
