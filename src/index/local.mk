noinst_LIBRARIES += %D%/libindex.a
%C%_libindex_a_SOURCES = \
	%D%/arena.c %D%/arena.h \
	%D%/check.c \
	%D%/erofs.c %D%/erofs.h \
	%D%/image.h \
	%D%/index.c %D%/index.h \
	%D%/layout.c %D%/layout.h \
	%D%/merge.c %D%/merge.h \
	%D%/relocate.c \
	%D%/tree.c %D%/tree.h \
	%D%/tree_finish.c \
	%D%/tree_node.h \
	%D%/tree_path.c \
	%D%/tree_xattr.c \
	%D%/writer.c %D%/writer.h

# Makes an index of a directory, for tests/10-index.
noinst_PROGRAMS += %D%/mkindex
%C%_mkindex_SOURCES = %D%/mkindex.c
%C%_mkindex_LDADD = $(INDEX_LIBS)

fuzz_programs += %D%/fuzz_index
%C%_fuzz_index_SOURCES = %D%/fuzz_index.c $(FUZZ_MAIN)
%C%_fuzz_index_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_index_LDADD = $(INDEX_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += %D%/test_index
%C%_test_index_SOURCES = %D%/test_index.c %D%/test_support.h
%C%_test_index_LDADD = $(INDEX_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_damage
%C%_test_damage_SOURCES = %D%/test_damage.c %D%/test_support.h
%C%_test_damage_LDADD = $(INDEX_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_merge
%C%_test_merge_SOURCES = %D%/test_merge.c %D%/test_support.h
%C%_test_merge_LDADD = $(INDEX_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_folders
%C%_test_folders_SOURCES = %D%/test_folders.c %D%/test_support.h
%C%_test_folders_LDADD = $(INDEX_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_hard_links
%C%_test_hard_links_SOURCES = %D%/test_hard_links.c %D%/test_support.h
%C%_test_hard_links_LDADD = $(INDEX_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_paths
%C%_test_paths_SOURCES = %D%/test_paths.c %D%/test_support.h
%C%_test_paths_LDADD = $(INDEX_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_tree
%C%_test_tree_SOURCES = %D%/test_tree.c %D%/test_support.h
%C%_test_tree_LDADD = $(INDEX_LIBS) $(CMOCKA_LIBS)
endif
