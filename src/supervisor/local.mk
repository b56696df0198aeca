noinst_LIBRARIES += %D%/libsupervisor.a
%C%_libsupervisor_a_SOURCES = \
	%D%/activation.c %D%/activation.h \
	%D%/agent.c %D%/agent.h \
	%D%/asker.c %D%/asker.h \
	%D%/copies.c %D%/copies.h \
	%D%/dead_target.c %D%/dead_target.h \
	%D%/drop.c %D%/drop.h \
	%D%/elsewhere.c %D%/elsewhere.h \
	%D%/erofs.c %D%/erofs.h \
	%D%/fusermount.c %D%/fusermount.h \
	%D%/greeter.c %D%/greeter.h \
	%D%/hold.c %D%/hold.h \
	%D%/job.c %D%/job.h \
	%D%/keep.c %D%/keep.h \
	%D%/late.c %D%/late.h \
	%D%/leftover.c %D%/leftover.h \
	%D%/login_file.c %D%/login_file.h \
	%D%/loop_device.c %D%/loop_device.h \
	%D%/lost.c %D%/lost.h \
	%D%/mapped.c %D%/mapped.h \
	%D%/message.c %D%/message.h \
	%D%/mounter.c %D%/mounter.h \
	%D%/mounttable.c %D%/mounttable.h \
	%D%/note.c %D%/note.h \
	%D%/notify.c %D%/notify.h \
	%D%/oom.c %D%/oom.h \
	%D%/pages.c %D%/pages.h \
	%D%/received.c %D%/received.h \
	%D%/reload.c %D%/reload.h \
	%D%/requests.c \
	%D%/rootdir.c %D%/rootdir.h \
	%D%/rundir.c %D%/rundir.h \
	%D%/sandbox.h %D%/sandbox_hide.c \
	%D%/snapshots.c %D%/snapshots.h \
	%D%/supervisor.c %D%/supervisor.h %D%/supervisor_private.h \
	%D%/upper.c %D%/upper.h \
	%D%/worker.c %D%/worker.h

sandbox_sources = %D%/sandbox.c %D%/sandbox_calls.c %D%/sandbox_calls.h
if HAVE_SECCOMP
%C%_libsupervisor_a_SOURCES += $(sandbox_sources)
EXTRA_DIST += %D%/no_sandbox.c

# For tests/55-security.
noinst_PROGRAMS += %D%/sandboxtool
%C%_sandboxtool_SOURCES = %D%/sandboxtool.c
%C%_sandboxtool_LDADD = $(SUPERVISOR_LIBS)
else
%C%_libsupervisor_a_SOURCES += %D%/no_sandbox.c
EXTRA_DIST += $(sandbox_sources) %D%/sandboxtool.c
endif

fuzz_programs += %D%/fuzz_message
%C%_fuzz_message_SOURCES = %D%/fuzz_message.c $(FUZZ_MAIN)
%C%_fuzz_message_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_message_LDADD = $(SUPERVISOR_LIBS)

fuzz_programs += %D%/fuzz_note
%C%_fuzz_note_SOURCES = %D%/fuzz_note.c $(FUZZ_MAIN)
%C%_fuzz_note_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_note_LDADD = $(SUPERVISOR_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += %D%/test_activation
%C%_test_activation_SOURCES = %D%/test_activation.c src/base/test.h
%C%_test_activation_LDADD = $(SUPERVISOR_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_agent
%C%_test_agent_SOURCES = %D%/test_agent.c \
	%D%/fake_supervisor.c %D%/fake_supervisor.h src/base/test.h
%C%_test_agent_LDADD = $(SUPERVISOR_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_agent_crowd
%C%_test_agent_crowd_SOURCES = %D%/test_agent_crowd.c \
	%D%/fake_supervisor.c %D%/fake_supervisor.h src/base/test.h
%C%_test_agent_crowd_LDADD = $(SUPERVISOR_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_hold
%C%_test_hold_SOURCES = %D%/test_hold.c src/base/test.h
%C%_test_hold_LDADD = $(SUPERVISOR_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_keep
%C%_test_keep_SOURCES = %D%/test_keep.c src/base/test.h src/base/test_folder.h
%C%_test_keep_LDADD = $(SUPERVISOR_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_late
%C%_test_late_SOURCES = %D%/test_late.c src/base/test.h
%C%_test_late_LDADD = $(SUPERVISOR_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_message
%C%_test_message_SOURCES = %D%/test_message.c src/base/test.h
%C%_test_message_LDADD = $(SUPERVISOR_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_oom
%C%_test_oom_SOURCES = %D%/test_oom.c src/base/test.h
%C%_test_oom_LDADD = $(SUPERVISOR_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_received
%C%_test_received_SOURCES = %D%/test_received.c src/base/test.h \
	src/base/test_folder.h
%C%_test_received_LDADD = $(SUPERVISOR_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_requests
%C%_test_requests_SOURCES = %D%/test_requests.c src/base/test.h \
	src/base/test_folder.h
%C%_test_requests_LDADD = $(SUPERVISOR_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_upper
%C%_test_upper_SOURCES = %D%/test_upper.c src/base/test.h \
	src/base/test_folder.h
%C%_test_upper_LDADD = $(SUPERVISOR_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_worker
%C%_test_worker_SOURCES = %D%/test_worker.c src/base/test.h
%C%_test_worker_LDADD = $(SUPERVISOR_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_elsewhere
%C%_test_elsewhere_SOURCES = %D%/test_elsewhere.c src/base/test.h \
	src/base/test_folder.h
%C%_test_elsewhere_LDADD = $(SUPERVISOR_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_snapshots
%C%_test_snapshots_SOURCES = %D%/test_snapshots.c src/base/test.h \
	src/base/test_folder.h
%C%_test_snapshots_LDADD = $(SUPERVISOR_LIBS) $(CMOCKA_LIBS)
endif
