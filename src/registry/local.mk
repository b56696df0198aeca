noinst_LIBRARIES += %D%/libregistry.a
%C%_libregistry_a_SOURCES = \
	%D%/auth_json.c %D%/auth_json.h \
	%D%/challenge.c %D%/challenge.h \
	%D%/choose.c \
	%D%/client.h \
	%D%/config.c \
	%D%/credential.c %D%/credential.h \
	%D%/credentials.c %D%/credentials.h \
	%D%/exchange.c %D%/exchange.h \
	%D%/helper.c %D%/helper.h \
	%D%/hosts.c %D%/hosts.h \
	%D%/hosts_dir.c %D%/hosts_dir.h \
	%D%/layout.c %D%/layout.h \
	%D%/manifest.c %D%/manifest.h \
	%D%/origins.c %D%/origins.h \
	%D%/platform.c \
	%D%/range.c %D%/range.h \
	%D%/redirects.c %D%/redirects.h \
	%D%/reference.c %D%/reference.h \
	%D%/registry.c %D%/registry.h \
	%D%/resolve.c \
	%D%/secret.c %D%/secret.h \
	%D%/source.c %D%/source.h \
	%D%/source_layout.c \
	%D%/source_registry.c \
	%D%/status.c %D%/status.h \
	%D%/token.c %D%/token.h

# The client by hand, for tests/20-registry.
noinst_PROGRAMS += %D%/regtool
%C%_regtool_SOURCES = %D%/regtool.c
%C%_regtool_LDADD = $(REGISTRY_LIBS)
