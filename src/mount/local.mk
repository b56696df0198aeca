noinst_LIBRARIES += %D%/libmount.a
%C%_libmount_a_SOURCES = \
	%D%/codec.c %D%/codec.h \
	%D%/data_fs.c %D%/data_fs.h \
	%D%/erofs.c \
	%D%/failure.c %D%/failure.h \
	%D%/fuse.c \
	%D%/fuse_ops.c \
	%D%/init.c \
	%D%/mount.c %D%/mount.h \
	%D%/path_fs.c %D%/path_fs.h \
	%D%/path_node.c %D%/path_node.h \
	%D%/read.c \
	%D%/server.c %D%/server.h \
	%D%/session.c %D%/session.h \
	%D%/showing.c %D%/showing.h \
	%D%/stale.c %D%/stale.h \
	%D%/trial.c %D%/trial.h \
	%D%/unanswered.c %D%/unanswered.h \
	%D%/unclaimed.c %D%/unclaimed.h

# Tests of this folder play the layer below (fake_view.c) and need no store.
FAKE_MOUNT_LIBS = %D%/libmount.a $(INDEX_LIBS) $(FUSE_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += %D%/test_session
%C%_test_session_SOURCES = %D%/test_session.c \
	%D%/fake_agent.c %D%/fake_kernel.c %D%/fake_kernel.h \
	%D%/fake_view.c %D%/fake_view.h src/base/test.h
%C%_test_session_LDADD = $(FAKE_MOUNT_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_init
%C%_test_init_SOURCES = %D%/test_init.c \
	%D%/fake_agent.c %D%/fake_kernel.c %D%/fake_kernel.h \
	%D%/fake_view.c %D%/fake_view.h src/base/test.h
%C%_test_init_LDADD = $(FAKE_MOUNT_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_read
%C%_test_read_SOURCES = %D%/test_read.c \
	%D%/fake_agent.c %D%/fake_kernel.c %D%/fake_kernel.h \
	%D%/fake_view.c %D%/fake_view.h src/base/test.h
%C%_test_read_LDADD = $(FAKE_MOUNT_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_data_fs
%C%_test_data_fs_SOURCES = %D%/test_data_fs.c \
	%D%/fake_agent.c %D%/fake_kernel.c %D%/fake_kernel.h \
	%D%/fake_view.c %D%/fake_view.h src/base/test.h
%C%_test_data_fs_LDADD = $(FAKE_MOUNT_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_path_fs
%C%_test_path_fs_SOURCES = %D%/test_path_fs.c \
	%D%/fake_agent.c %D%/fake_view.c %D%/fake_view.h src/base/test.h
%C%_test_path_fs_LDADD = $(FAKE_MOUNT_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_unanswered
%C%_test_unanswered_SOURCES = %D%/test_unanswered.c src/base/test.h
%C%_test_unanswered_LDADD = $(FAKE_MOUNT_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_showing
%C%_test_showing_SOURCES = %D%/test_showing.c src/base/test.h
%C%_test_showing_LDADD = $(FAKE_MOUNT_LIBS) $(CMOCKA_LIBS)
endif

# A daemon of its own for tests/30-mount.
noinst_PROGRAMS += %D%/mounttool
%C%_mounttool_SOURCES = %D%/mounttool.c %D%/mounttool.h %D%/mounttool_make.c \
	%D%/fake_view.c %D%/fake_view.h
%C%_mounttool_LDADD = %D%/libmount.a $(INDEX_LIBS) \
	src/supervisor/libsupervisor.a $(FUSE_LIBS) $(BASE_LIBS)
