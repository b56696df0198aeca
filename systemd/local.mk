layerfsd_sockets = %D%/layerfsd.socket %D%/layerfsd-snapshotter.socket \
	%D%/layerfsd-cri.socket
EXTRA_DIST += %D%/layerfsd.service.in $(layerfsd_sockets) \
	%D%/layerfs.sysusers %D%/layerfs.tmpfiles

%D%/layerfsd.service: %D%/layerfsd.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) %D% && sed 's|@sbindir[@]|$(sbindir)|g' \
		$(srcdir)/%D%/layerfsd.service.in >$@.tmp && mv $@.tmp $@
CLEANFILES += %D%/layerfsd.service

if HAVE_SYSTEMD
systemdsystemunit_DATA = %D%/layerfsd.service $(layerfsd_sockets)

# Both are read under the package's name; here they are told apart by suffix.
sysusersdir = $(prefix)/lib/sysusers.d
tmpfilesdir = $(prefix)/lib/tmpfiles.d
install-data-hook:
	$(MKDIR_P) '$(DESTDIR)$(sysusersdir)' '$(DESTDIR)$(tmpfilesdir)'
	$(INSTALL_DATA) $(srcdir)/%D%/layerfs.sysusers \
		'$(DESTDIR)$(sysusersdir)/layerfs.conf'
	$(INSTALL_DATA) $(srcdir)/%D%/layerfs.tmpfiles \
		'$(DESTDIR)$(tmpfilesdir)/layerfs.conf'
uninstall-hook:
	rm -f '$(DESTDIR)$(sysusersdir)/layerfs.conf' \
		'$(DESTDIR)$(tmpfilesdir)/layerfs.conf'
endif
