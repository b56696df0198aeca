# Included once src/cli sets LAYERFS_PROGRAM, the command's path in the build folder.
# `layerfs completion bash` writes the script from the same table that parses the
# command line, so it is made when the program is.
bashcompletiondir = $(datadir)/bash-completion/completions
nodist_bashcompletion_DATA = %D%/layerfs
CLEANFILES += %D%/layerfs
%D%/layerfs: $(LAYERFS_PROGRAM)
	$(AM_V_GEN)$(MKDIR_P) %D% && \
		$(LAYERFS_PROGRAM) completion bash >$@.tmp && mv $@.tmp $@
