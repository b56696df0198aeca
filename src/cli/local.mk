noinst_LIBRARIES += %D%/libcli.a
%C%_libcli_a_SOURCES = \
	%D%/arguments.c %D%/arguments.h \
	%D%/client.c %D%/client.h \
	%D%/cmd_convert.c \
	%D%/cmd_explain.c \
	%D%/cmd_help.c \
	%D%/cmd_index.c \
	%D%/cmd_inspect.c \
	%D%/cmd_list.c \
	%D%/cmd_mount.c \
	%D%/cmd_pin.c \
	%D%/cmd_prune.c \
	%D%/cmd_profile.c \
	%D%/cmd_pull.c \
	%D%/cmd_rm.c \
	%D%/cmd_stat.c \
	%D%/cmd_top.c \
	%D%/cmd_unmount.c \
	%D%/cmd_verify.c \
	%D%/cmd_version.c \
	%D%/command.c %D%/command.h \
	%D%/completion.c \
	%D%/help.c %D%/help.h \
	%D%/output.c %D%/output.h \
	%D%/places.c %D%/places.h \
	%D%/progress.c %D%/progress.h \
	%D%/publish.h \
	%D%/report.c %D%/report.h \
	%D%/request.c %D%/request.h \
	%D%/session.c %D%/session.h \
	%D%/start.c %D%/start.h \
	%D%/target.c %D%/target.h \
	%D%/upper_folders.c %D%/upper_folders.h

CLI_LIBS = src/cli/libcli.a src/daemon/libsettings.a $(CONVERT_LIBS)

bin_PROGRAMS += layerfs
layerfs_SOURCES = %D%/main.c
layerfs_LDADD = $(CLI_LIBS)

bashcompletiondir = $(datadir)/bash-completion/completions
nodist_bashcompletion_DATA = %D%/bash-completion/layerfs
CLEANFILES += %D%/bash-completion/layerfs
%D%/bash-completion/layerfs: layerfs$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) $(@D) && ./layerfs$(EXEEXT) completion bash >$@.tmp && mv $@.tmp $@

if HAVE_CMOCKA
check_PROGRAMS += %D%/test_arguments
%C%_test_arguments_SOURCES = %D%/test_arguments.c
%C%_test_arguments_LDADD = $(CLI_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_command
%C%_test_command_SOURCES = %D%/test_command.c
%C%_test_command_LDADD = $(CLI_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_output
%C%_test_output_SOURCES = %D%/test_output.c
%C%_test_output_LDADD = %D%/libcli.a $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_progress
%C%_test_progress_SOURCES = %D%/test_progress.c
%C%_test_progress_LDADD = %D%/libcli.a $(BASE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_target
%C%_test_target_SOURCES = %D%/test_target.c
%C%_test_target_LDADD = %D%/libcli.a $(BASE_LIBS) $(CMOCKA_LIBS)
endif
