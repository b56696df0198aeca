# Behaviour tests are found by tests/run, not listed here.
noinst_PROGRAMS += %D%/bench/netsim
%C%_bench_netsim_SOURCES = %D%/bench/netsim.c

EXTRA_DIST += %D%/run %D%/lib %D%/corpus \
	$(wildcard $(srcdir)/%D%/[0-9][0-9]-*) \
	$(wildcard $(srcdir)/%D%/bench/*.sh $(srcdir)/%D%/bench/*.py) \
	%D%/bench/README.md

# Not in `make check`: some need root, a registry or test images, and say so.
# TESTS_ONLY="20-mount 30" chooses.
check-tests: all
	top_builddir='$(abs_top_builddir)' $(srcdir)/tests/run $(TESTS_ONLY)
.PHONY: check-tests

# All eight images, also those that scripts/check does not build: half an hour
# the first time, then what is in $LAYERFS_TEST_DATA is used.
IMAGES_ALL = debian python node postgres nginx gcc openjdk odd
check-images: all
	$(srcdir)/tests/bench/mkimages.sh
	EXTRA="$(IMAGES_ALL)" $(srcdir)/tests/bench/variants.sh
	IMAGES="$(IMAGES_ALL)" $(MAKE) check-tests TESTS_ONLY=50-image
.PHONY: check-images

# Figures, not verdicts: half an hour on a quiet machine.  RUNS, IMAGES, NETS,
# MODES and PARTS choose; see docs/PERFORMANCE.md.
bench: all
	top_builddir='$(abs_top_builddir)' $(srcdir)/tests/bench/bench.sh
.PHONY: bench
