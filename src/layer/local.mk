noinst_LIBRARIES += %D%/liblayer.a
%C%_liblayer_a_SOURCES = \
	%D%/cache.c %D%/cache.h \
	%D%/catalog.c %D%/catalog.h %D%/catalog_private.h \
	%D%/collect.c \
	%D%/evict.c %D%/evict.h \
	%D%/files.c %D%/files.h \
	%D%/fill.c \
	%D%/footprint.c %D%/footprint.h \
	%D%/image.c %D%/image.h \
	%D%/known.c \
	%D%/layer.c %D%/layer.h \
	%D%/look.c %D%/look.h \
	%D%/make.c \
	%D%/open.c \
	%D%/prune.c %D%/prune.h \
	%D%/resolve.c \
	%D%/seal.c %D%/seal.h \
	%D%/sources.c %D%/sources.h \
	%D%/verify.c %D%/verify.h \
	%D%/view.c %D%/view.h

# It plays the blobs, maps and store itself: links nothing below but base.
if HAVE_CMOCKA
check_PROGRAMS += %D%/test_view
%C%_test_view_SOURCES = %D%/test_view.c src/base/test.h
%C%_test_view_LDADD = src/layer/liblayer.a $(BASE_LIBS) $(CMOCKA_LIBS)

# On real blobs.
check_PROGRAMS += %D%/test_catalog
%C%_test_catalog_SOURCES = %D%/test_catalog.c
%C%_test_catalog_LDADD = src/format/libformat_testing.a $(LAYER_LIBS) \
	$(CMOCKA_LIBS)
endif
