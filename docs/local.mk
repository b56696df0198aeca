# Manual pages: docs/man/NAME.SECTION.scd, made into NAME.SECTION by scdoc.
# A distribution carries only the sources; without scdoc there is no manual.
man_sources = %D%/man/layerfs.1.scd %D%/man/layerfsd.8.scd \
	%D%/man/layerfs.toml.5.scd
EXTRA_DIST += $(man_sources) %D%/containerd.md %D%/kubernetes.md \
	%D%/podman.md %D%/buildkit.md %D%/ARCHITECTURE.md %D%/FAULTS.md \
	%D%/PERFORMANCE.md

if HAVE_SCDOC
man_MANS += $(man_sources:.scd=)
CLEANFILES += $(man_sources:.scd=)
$(man_sources:.scd=): %: %.scd Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(SCDOC) <$< >$@.tmp && mv $@.tmp $@
endif
