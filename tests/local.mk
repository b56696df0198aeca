# Behaviour tests are found by tests/run, not listed here.
noinst_PROGRAMS += %D%/bench/netsim
%C%_bench_netsim_SOURCES = %D%/bench/netsim.c

EXTRA_DIST += %D%/run %D%/lib %D%/corpus \
	$(wildcard $(srcdir)/%D%/[0-9][0-9]-*) %D%/slow %D%/vm \
	$(wildcard $(srcdir)/%D%/bench/*.sh $(srcdir)/%D%/bench/*.py) \
	%D%/bench/README.md

# Not in `make check`: some need root, a registry or test images, and say so.
# TESTS_ONLY="30-mount 50" chooses.
check-tests: all
	top_builddir='$(abs_top_builddir)' $(srcdir)/tests/run $(TESTS_ONLY)
.PHONY: check-tests

# All eight images, also those that scripts/check does not build: half an hour
# the first time, then what is in $LAYERFS_TEST_DATA is used.
IMAGES_ALL = debian python node postgres nginx gcc openjdk odd
check-images: all
	$(srcdir)/tests/bench/mkimages.sh
	STARGZ="$(IMAGES_ALL)" $(srcdir)/tests/bench/variants.sh
	IMAGES="$(IMAGES_ALL)" STARGZ="$(IMAGES_ALL)" $(MAKE) check-tests \
		TESTS_ONLY='50-image $(abs_top_srcdir)/%D%/70-containerd/20-lazy.bats'
.PHONY: check-images

# The tests of containerd and podman with Debian 13's, and with its docker; the first
# time three minutes for a root with those.
check-trixie: all
	bash -c '. $(srcdir)/tests/lib/common.bash && . $(srcdir)/tests/lib/trixie.bash && make_trixie'
	RELEASE=trixie $(MAKE) check-tests \
		TESTS_ONLY='$(abs_top_srcdir)/%D%/70-podman/20-podman.bats 70-containerd 80-soci'
.PHONY: check-trixie

# In virtual machines: the service under systemd itself, cgroups' version 2, power cuts.
# VM="30-mount 65-crash" adds topics that are run in there, RELEASE chooses Debian's.
# check-systemd is the first of that on this machine's kernel.
check-vm: all
	$(srcdir)/tests/vm/machine -r '$(or $(RELEASE),bookworm)' \
		sh -c 'tests/run tests/vm/inside/*.bats $(VM)'
	$(MAKE) check-tests TESTS_ONLY='$(abs_top_srcdir)/%D%/vm/30-power.bats'
check-systemd: all
	$(srcdir)/tests/vm/machine -c -r '$(or $(RELEASE),bookworm)' \
		sh -c 'tests/run tests/vm/inside/*.bats $(VM)'
.PHONY: check-vm check-systemd

# The cache on file systems that others have, power cuts where the kernel can; wants
# `scripts/bootstrap xfsprogs btrfs-progs`.
FILESYSTEMS = xfs btrfs tmpfs
check-filesystems: all
	for t in $(FILESYSTEMS); do $(srcdir)/tests/slow/filesystem $$t \
		$(srcdir)/tests/run 50-image 65-cache 60-faults 65-crash || exit; done
	POWER_FS=xfs $(srcdir)/tests/run $(srcdir)/tests/65-crash/70-power.bats
.PHONY: check-filesystems

# Restarts without end.
check-stress: all
	KILLS=200 RUNNERS=8 $(MAKE) check-tests \
		TESTS_ONLY='$(abs_top_srcdir)/%D%/70-containerd/70-restart.bats'
.PHONY: check-stress

# Ten minutes of kills under tar, random reads and containers; then a third of that
# in which all of layerfs dies or is reloaded.
check-crash: all
	CRASH_SECONDS=600 CRASH_IMAGE=python $(MAKE) check-tests \
		TESTS_ONLY='$(abs_top_srcdir)/%D%/65-crash/30-endurance.bats'
.PHONY: check-crash

# Every fault in every phase.
check-faults: all
	ALL_FAULTS=1 $(MAKE) check-tests \
		TESTS_ONLY='$(abs_top_srcdir)/%D%/60-faults/50-matrix.bats'
.PHONY: check-faults

# An hour in which images come and go on a cache that holds a third of them.
check-soak: all
	SOAK_SECONDS=3600 $(MAKE) check-tests \
		TESTS_ONLY='$(abs_top_srcdir)/%D%/slow/soak.bats'
.PHONY: check-soak

# The behaviour tests under the thread sanitizer.
check-tsan:
	$(top_srcdir)/scripts/check races
.PHONY: check-tsan

# Every parser, an hour of processor time each; FUZZ="-s 60 toc tar" chooses.
check-fuzz:
	$(top_srcdir)/scripts/fuzz $(FUZZ)
.PHONY: check-fuzz

# Figures, not verdicts: half an hour on a quiet machine.  RUNS, IMAGES, NETS,
# MODES and PARTS choose; see docs/PERFORMANCE.md.
bench: all
	top_builddir='$(abs_top_builddir)' $(srcdir)/tests/bench/bench.sh
.PHONY: bench
