noinst_LIBRARIES += %D%/libruntime.a
%C%_libruntime_a_SOURCES = %D%/cri.proto %D%/snapshots.proto \
	%D%/chain.c %D%/chain.h \
	%D%/cri_proxy.c %D%/cri_proxy.h \
	%D%/cri_pull.c %D%/cri_pull.h \
	%D%/filter.c %D%/filter.h \
	%D%/labels.c %D%/labels.h \
	%D%/layer_store.c %D%/layer_store.h \
	%D%/lowers.c %D%/lowers.h \
	%D%/messages.c %D%/messages.h \
	%D%/overlay.c %D%/overlay.h \
	%D%/prepare.c \
	%D%/pulls.c %D%/pulls.h \
	%D%/remote.c \
	%D%/removal.c \
	%D%/service.c %D%/service.h \
	%D%/snapshot_mounts.c \
	%D%/snapshotter.c %D%/snapshotter.h %D%/snapshotter_private.h \
	%D%/stack.c %D%/stack.h \
	%D%/store_info.c %D%/store_info.h \
	%D%/store_layers.c %D%/store_layers.h \
	%D%/store_path.c %D%/store_path.h
nodist_%C%_libruntime_a_SOURCES = \
	%D%/cri.pb-c.c %D%/cri.pb-c.h \
	%D%/snapshots.pb-c.c %D%/snapshots.pb-c.h

# The messages are C made from the .proto when building.  Whoever includes the
# header depends on it by name: make -j builds the unit tests beside the library.
%D%/cri.pb-c.c: $(srcdir)/%D%/cri.proto
	$(AM_V_GEN)$(MKDIR_P) %D% && cd %D% && \
	$(PROTOC_C) --c_out=. -I$(abs_srcdir)/%D% $(abs_srcdir)/%D%/cri.proto
%D%/snapshots.pb-c.c: $(srcdir)/%D%/snapshots.proto
	$(AM_V_GEN)$(MKDIR_P) %D% && cd %D% && \
	$(PROTOC_C) --c_out=. -I$(abs_srcdir)/%D% $(abs_srcdir)/%D%/snapshots.proto
%D%/cri.pb-c.h: %D%/cri.pb-c.c
	@:
%D%/snapshots.pb-c.h: %D%/snapshots.pb-c.c
	@:
%D%/cri_pull.$(OBJEXT) %D%/test_cri_pull.$(OBJEXT): %D%/cri.pb-c.h
%D%/fuzz_messages.$(OBJEXT) %D%/messages.$(OBJEXT) %D%/service.$(OBJEXT) \
%D%/test_messages.$(OBJEXT): %D%/snapshots.pb-c.h
BUILT_SOURCES += %D%/cri.pb-c.h %D%/snapshots.pb-c.h
CLEANFILES += %D%/cri.pb-c.c %D%/cri.pb-c.h \
	%D%/snapshots.pb-c.c %D%/snapshots.pb-c.h

# The proxy by hand, for tests/70-containerd.
noinst_PROGRAMS += %D%/critool
%C%_critool_SOURCES = %D%/critool.c
%C%_critool_LDADD = %D%/libruntime.a $(REGISTRY_LIBS) $(PROTOBUF_C_LIBS)

fuzz_programs += %D%/fuzz_cri_pull
%C%_fuzz_cri_pull_SOURCES = %D%/fuzz_cri_pull.c $(FUZZ_MAIN)
%C%_fuzz_cri_pull_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_cri_pull_LDADD = %D%/libruntime.a $(REGISTRY_LIBS) $(PROTOBUF_C_LIBS)

fuzz_programs += %D%/fuzz_filter
%C%_fuzz_filter_SOURCES = %D%/fuzz_filter.c $(FUZZ_MAIN)
%C%_fuzz_filter_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_filter_LDADD = %D%/libruntime.a $(BASE_LIBS)

fuzz_programs += %D%/fuzz_labels
%C%_fuzz_labels_SOURCES = %D%/fuzz_labels.c $(FUZZ_MAIN)
%C%_fuzz_labels_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_labels_LDADD = %D%/libruntime.a $(BASE_LIBS)

fuzz_programs += %D%/fuzz_store_path
%C%_fuzz_store_path_SOURCES = %D%/fuzz_store_path.c $(FUZZ_MAIN)
%C%_fuzz_store_path_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_store_path_LDADD = %D%/libruntime.a $(REGISTRY_LIBS)

fuzz_programs += %D%/fuzz_messages
%C%_fuzz_messages_SOURCES = %D%/fuzz_messages.c $(FUZZ_MAIN)
%C%_fuzz_messages_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_messages_LDADD = %D%/libruntime.a $(PROTOBUF_C_LIBS) $(BASE_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += %D%/test_cri_proxy
%C%_test_cri_proxy_SOURCES = %D%/test_cri_proxy.c src/net/asked.h \
	src/base/test.h src/base/test_await.h
%C%_test_cri_proxy_LDADD = %D%/libruntime.a $(REGISTRY_LIBS) \
	$(PROTOBUF_C_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_cri_pull
%C%_test_cri_pull_SOURCES = %D%/test_cri_pull.c src/base/test.h
%C%_test_cri_pull_LDADD = %D%/libruntime.a $(REGISTRY_LIBS) \
	$(PROTOBUF_C_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_filter
%C%_test_filter_SOURCES = %D%/test_filter.c src/base/test.h
%C%_test_filter_LDADD = %D%/libruntime.a $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_labels
%C%_test_labels_SOURCES = %D%/test_labels.c src/base/test.h
%C%_test_labels_LDADD = %D%/libruntime.a $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_messages
%C%_test_messages_SOURCES = %D%/test_messages.c src/base/test.h
%C%_test_messages_LDADD = %D%/libruntime.a $(PROTOBUF_C_LIBS) $(BASE_LIBS) \
	$(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_overlay
%C%_test_overlay_SOURCES = %D%/test_overlay.c src/base/test.h
%C%_test_overlay_LDADD = %D%/libruntime.a $(BASE_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += %D%/test_store_path
%C%_test_store_path_SOURCES = %D%/test_store_path.c src/base/test.h
%C%_test_store_path_LDADD = %D%/libruntime.a $(REGISTRY_LIBS) $(CMOCKA_LIBS)

# The floors below, but for database and references, are played.
check_PROGRAMS += %D%/test_store_info
%C%_test_store_info_SOURCES = %D%/test_store_info.c \
	%D%/fake_floors.c %D%/fake_floors.h src/base/test.h
%C%_test_store_info_LDADD = %D%/libruntime.a $(FLOOR2_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_store_layers
%C%_test_store_layers_SOURCES = %D%/test_store_layers.c \
	%D%/fake_floors.c %D%/fake_floors.h src/base/test.h src/base/test_folder.h
%C%_test_store_layers_LDFLAGS = -Wl,--wrap=db_commit
%C%_test_store_layers_LDADD = %D%/libruntime.a $(FLOOR2_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_snapshotter
%C%_test_snapshotter_SOURCES = %D%/test_snapshotter.c %D%/testing.h \
	%D%/fake_floors.c %D%/fake_floors.h src/base/test.h src/base/test_folder.h
%C%_test_snapshotter_LDADD = %D%/libruntime.a $(REGISTRY_LIBS) $(STORE_LIBS) \
	$(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_remote
%C%_test_remote_SOURCES = %D%/test_remote.c %D%/testing.h \
	%D%/fake_floors.c %D%/fake_floors.h src/base/test.h src/base/test_folder.h
%C%_test_remote_LDADD = %D%/libruntime.a $(REGISTRY_LIBS) $(STORE_LIBS) \
	$(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_lives
%C%_test_lives_SOURCES = %D%/test_lives.c %D%/testing.h \
	%D%/fake_floors.c %D%/fake_floors.h src/base/test.h src/base/test_folder.h
%C%_test_lives_LDADD = %D%/libruntime.a $(REGISTRY_LIBS) $(STORE_LIBS) \
	$(CMOCKA_LIBS)
endif
