noinst_LIBRARIES += %D%/libmount.a
%C%_libmount_a_SOURCES = \
	%D%/failure.c %D%/failure.h \
	%D%/fuse.c \
	%D%/fuse_ops.c \
	%D%/init.c \
	%D%/mount.c %D%/mount.h \
	%D%/read.c \
	%D%/server.c %D%/server.h \
	%D%/session.c %D%/session.h
