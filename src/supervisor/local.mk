noinst_LIBRARIES += %D%/libsupervisor.a
%C%_libsupervisor_a_SOURCES = \
	%D%/agent.c %D%/agent.h \
	%D%/drop.c %D%/drop.h \
	%D%/fusermount.c %D%/fusermount.h \
	%D%/hold.c %D%/hold.h \
	%D%/job.c %D%/job.h \
	%D%/message.c %D%/message.h \
	%D%/mounter.c %D%/mounter.h \
	%D%/rundir.c %D%/rundir.h \
	%D%/supervisor.c %D%/supervisor.h \
	%D%/worker.c %D%/worker.h
