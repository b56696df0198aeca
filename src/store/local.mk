noinst_LIBRARIES += %D%/libstore.a
%C%_libstore_a_SOURCES = \
	%D%/map.c %D%/map.h \
	%D%/map_builder.c %D%/map_builder.h \
	%D%/map_check.c %D%/map_format.h \
	%D%/map_write.c
