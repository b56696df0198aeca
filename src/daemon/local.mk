# What the command wants of the daemon's settings, too.
noinst_LIBRARIES += %D%/libsettings.a
%C%_libsettings_a_SOURCES = \
	%D%/client_options.c %D%/client_options.h \
	%D%/config.c %D%/config.h
%C%_libsettings_a_CPPFLAGS = $(AM_CPPFLAGS) -DSYSCONFDIR='"$(sysconfdir)"'

sbin_PROGRAMS += layerfsd
layerfsd_SOURCES = \
	%D%/attachment.c %D%/attachment.h \
	%D%/control.c %D%/control.h \
	%D%/daemon.c %D%/daemon.h \
	%D%/describe.c %D%/describe.h \
	%D%/exposition.c %D%/exposition.h \
	%D%/image_arguments.c %D%/image_arguments.h \
	%D%/inheritance.c %D%/inheritance.h \
	%D%/login.c %D%/login.h \
	%D%/loopback.c %D%/loopback.h \
	%D%/main.c \
	%D%/metrics_page.c %D%/metrics_page.h \
	%D%/metrics_server.h \
	%D%/mount_id.c %D%/mount_id.h \
	%D%/mountinfo.c %D%/mountinfo.h \
	%D%/mounts.c %D%/mounts.h %D%/mounts_private.h \
	%D%/op_explain.c %D%/op_keep.c %D%/op_look.c %D%/op_mount.c \
	%D%/op_profile.c %D%/op_publish.c \
	%D%/op_top.c %D%/op_verify.c \
	%D%/ops.c %D%/ops.h \
	%D%/process.c %D%/process.h \
	%D%/restore.c \
	%D%/rpc.c %D%/rpc.h \
	%D%/secret_file.c %D%/secret_file.h \
	%D%/secrets.c %D%/secrets.h \
	%D%/serve.c %D%/serve.h
layerfsd_LDADD = %D%/libsettings.a $(RUNTIME_LIBS) $(MICROHTTPD_LIBS)
if HAVE_MICROHTTPD
layerfsd_SOURCES += %D%/metrics_server.c
EXTRA_DIST += %D%/no_metrics_server.c
else
layerfsd_SOURCES += %D%/no_metrics_server.c
EXTRA_DIST += %D%/metrics_server.c
endif
include_layerfsdir = $(includedir)/layerfs
include_layerfs_HEADERS = include/layerfs/control.h \
	include/layerfs/layer_index.h include/layerfs/profile.h

fuzz_programs += %D%/fuzz_config
%C%_fuzz_config_SOURCES = %D%/fuzz_config.c %D%/config.c $(FUZZ_MAIN)
%C%_fuzz_config_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_config_LDADD = $(BASE_LIBS)

fuzz_programs += %D%/fuzz_control
%C%_fuzz_control_SOURCES = %D%/fuzz_control.c %D%/control.c $(FUZZ_MAIN)
%C%_fuzz_control_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_control_LDADD = $(BASE_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += %D%/test_config %D%/test_exposition %D%/test_loopback \
	%D%/test_mount_id %D%/test_mountinfo %D%/test_secret_file
%C%_test_exposition_SOURCES = %D%/test_exposition.c %D%/exposition.c
%C%_test_exposition_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
%C%_test_loopback_SOURCES = %D%/test_loopback.c %D%/loopback.c
%C%_test_loopback_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
%C%_test_config_SOURCES = %D%/test_config.c %D%/config.c
%C%_test_config_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
%C%_test_secret_file_SOURCES = %D%/test_secret_file.c %D%/secret_file.c
%C%_test_secret_file_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
%C%_test_mount_id_SOURCES = %D%/test_mount_id.c %D%/mount_id.c
%C%_test_mount_id_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
%C%_test_mountinfo_SOURCES = %D%/test_mountinfo.c %D%/mountinfo.c
%C%_test_mountinfo_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
endif
