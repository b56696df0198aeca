noinst_LIBRARIES += %D%/libstore.a
%C%_libstore_a_SOURCES = \
	%D%/bits.c %D%/bits.h \
	%D%/boot.c %D%/boot.h \
	%D%/claim.c \
	%D%/db.c %D%/db.h \
	%D%/db_check.c %D%/db_check.h \
	%D%/db_image.c \
	%D%/db_keep.c %D%/db_keep.h \
	%D%/db_open.c %D%/db_open.h \
	%D%/db_vfs.c %D%/db_vfs.h \
	%D%/db_rows.c %D%/db_rows.h \
	%D%/db_snapshot.c %D%/db_snapshot.h \
	%D%/db_use.c %D%/db_use.h \
	%D%/edge.c %D%/edge.h \
	%D%/evict.c %D%/evict.h %D%/evict_ages.c \
	%D%/heat.c %D%/heat.h \
	%D%/lease.c %D%/lease.h \
	%D%/map.c %D%/map.h \
	%D%/map_builder.c %D%/map_builder.h \
	%D%/map_check.c %D%/map_format.h \
	%D%/map_ranges.c %D%/map_ranges.h \
	%D%/map_write.c \
	%D%/object.c %D%/object.h \
	%D%/place.c \
	%D%/present.c %D%/present.h \
	%D%/range.c %D%/range.h \
	%D%/room.c %D%/room.h \
	%D%/scrub.c %D%/scrub.h \
	%D%/share.c %D%/share.h \
	%D%/snapshot.c %D%/snapshot.h \
	%D%/space.c %D%/space.h \
	%D%/store.c %D%/store.h %D%/store_private.h \
	%D%/sweep.c %D%/sweep.h

fuzz_programs += %D%/fuzz_db_open
%C%_fuzz_db_open_SOURCES = %D%/fuzz_db_open.c %D%/db_walk.c %D%/db_walk.h \
	src/base/fuzz_folder.h $(FUZZ_MAIN)
%C%_fuzz_db_open_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_db_open_LDADD = $(STORE_LIBS)

fuzz_programs += %D%/fuzz_db_rows
%C%_fuzz_db_rows_SOURCES = %D%/fuzz_db_rows.c %D%/db_walk.c %D%/db_walk.h \
	src/base/fuzz_folder.h $(FUZZ_MAIN)
%C%_fuzz_db_rows_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_db_rows_LDADD = $(STORE_LIBS)

fuzz_programs += %D%/fuzz_map
%C%_fuzz_map_SOURCES = %D%/fuzz_map.c %D%/map_seal.h $(FUZZ_MAIN)
%C%_fuzz_map_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_map_LDADD = $(STORE_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += %D%/test_db
%C%_test_db_SOURCES = %D%/test_db.c %D%/testing.h %D%/testing_db.h
%C%_test_db_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += %D%/test_db_images
%C%_test_db_images_SOURCES = %D%/test_db_images.c %D%/testing.h \
	%D%/testing_db.h
%C%_test_db_images_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_db_snapshot
%C%_test_db_snapshot_SOURCES = %D%/test_db_snapshot.c %D%/testing.h %D%/testing_db.h
%C%_test_db_snapshot_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += %D%/test_evict
%C%_test_evict_SOURCES = %D%/test_evict.c %D%/shop.h %D%/testing.h \
	%D%/testing_evict.h
%C%_test_evict_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_lease
%C%_test_lease_SOURCES = %D%/test_lease.c %D%/shop.h %D%/testing.h \
	%D%/testing_evict.h
%C%_test_lease_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += %D%/test_place
%C%_test_place_SOURCES = %D%/test_place.c %D%/shop.h %D%/testing.h
%C%_test_place_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += %D%/test_map
%C%_test_map_SOURCES = %D%/test_map.c %D%/map_seal.h %D%/testing.h
%C%_test_map_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)

# The calls that a disk sees, for who watches them.
check_PROGRAMS += %D%/test_power
%C%_test_power_SOURCES = %D%/test_power.c %D%/shop.h %D%/testing.h
%C%_test_power_LDFLAGS = -Wl,--wrap=fdatasync -Wl,--wrap=fallocate \
	-Wl,--wrap=pwritev
%C%_test_power_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += %D%/test_store
%C%_test_store_SOURCES = %D%/test_store.c %D%/testing.h %D%/testing_bytes.h
%C%_test_store_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_store_crash
%C%_test_store_crash_SOURCES = %D%/test_store_crash.c %D%/testing.h \
	%D%/testing_bytes.h
%C%_test_store_crash_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_store_crowd
%C%_test_store_crowd_SOURCES = %D%/test_store_crowd.c %D%/testing.h \
	%D%/testing_bytes.h
%C%_test_store_crowd_LDADD = $(STORE_LIBS) $(CMOCKA_LIBS)
endif
