noinst_LIBRARIES += %D%/libstore.a
%C%_libstore_a_SOURCES = \
	%D%/bits.c %D%/bits.h \
	%D%/boot.c %D%/boot.h \
	%D%/claim.c \
	%D%/db.c %D%/db.h \
	%D%/db_open.c %D%/db_open.h \
	%D%/db_rows.c %D%/db_rows.h \
	%D%/edge.c %D%/edge.h \
	%D%/map.c %D%/map.h \
	%D%/map_builder.c %D%/map_builder.h \
	%D%/map_check.c %D%/map_format.h \
	%D%/map_write.c \
	%D%/object.c %D%/object.h \
	%D%/place.c \
	%D%/present.c %D%/present.h \
	%D%/range.c %D%/range.h \
	%D%/snapshot.c %D%/snapshot.h \
	%D%/space.c %D%/space.h \
	%D%/store.c %D%/store.h %D%/store_private.h

if HAVE_CMOCKA
check_PROGRAMS += %D%/test_store
%C%_test_store_SOURCES = %D%/test_store.c %D%/testing.h
%C%_test_store_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)
endif
