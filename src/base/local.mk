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
	%D%/limits.h \
	%D%/list.h \
	%D%/lock.c %D%/lock.h \
	%D%/log.c %D%/log.h \
	%D%/metrics.c %D%/metrics.h \
	%D%/pool.c %D%/pool.h \
	%D%/thread.c %D%/thread.h
