noinst_LIBRARIES += %D%/libregistry.a
%C%_libregistry_a_SOURCES = \
	%D%/answer.c %D%/answer.h \
	%D%/auth_json.c %D%/auth_json.h \
	%D%/challenge.c %D%/challenge.h \
	%D%/choose.c \
	%D%/client.h \
	%D%/config.c \
	%D%/credential.c %D%/credential.h \
	%D%/credentials.c %D%/credentials.h \
	%D%/exchange.c %D%/exchange.h %D%/exchange_steps.h \
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
	%D%/source_whole.c \
	%D%/status.c %D%/status.h \
	%D%/token.c %D%/token.h %D%/token_entry.h \
	%D%/token_request.c

# The client by hand, for tests/20-registry.
noinst_PROGRAMS += %D%/regtool
%C%_regtool_SOURCES = %D%/regtool.c
%C%_regtool_LDADD = $(REGISTRY_LIBS)

fuzz_programs += %D%/fuzz_auth_json
%C%_fuzz_auth_json_SOURCES = %D%/fuzz_auth_json.c $(FUZZ_MAIN)
%C%_fuzz_auth_json_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_auth_json_LDADD = $(REGISTRY_LIBS)

fuzz_programs += %D%/fuzz_challenge
%C%_fuzz_challenge_SOURCES = %D%/fuzz_challenge.c $(FUZZ_MAIN)
%C%_fuzz_challenge_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_challenge_LDADD = $(REGISTRY_LIBS)

fuzz_programs += %D%/fuzz_hosts
%C%_fuzz_hosts_SOURCES = %D%/fuzz_hosts.c $(FUZZ_MAIN)
%C%_fuzz_hosts_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_hosts_LDADD = $(REGISTRY_LIBS)

fuzz_programs += %D%/fuzz_manifest
%C%_fuzz_manifest_SOURCES = %D%/fuzz_manifest.c $(FUZZ_MAIN)
%C%_fuzz_manifest_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_manifest_LDADD = $(REGISTRY_LIBS)

fuzz_programs += %D%/fuzz_reference
%C%_fuzz_reference_SOURCES = %D%/fuzz_reference.c $(FUZZ_MAIN)
%C%_fuzz_reference_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_reference_LDADD = $(REGISTRY_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += %D%/test_challenge
%C%_test_challenge_SOURCES = %D%/test_challenge.c
%C%_test_challenge_LDADD = $(REGISTRY_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_credential
%C%_test_credential_SOURCES = %D%/test_credential.c
%C%_test_credential_LDADD = $(REGISTRY_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_hosts
%C%_test_hosts_SOURCES = %D%/test_hosts.c
%C%_test_hosts_LDADD = $(REGISTRY_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_manifest
%C%_test_manifest_SOURCES = %D%/test_manifest.c
%C%_test_manifest_LDADD = $(REGISTRY_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_range
%C%_test_range_SOURCES = %D%/test_range.c
%C%_test_range_LDADD = $(REGISTRY_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_reference
%C%_test_reference_SOURCES = %D%/test_reference.c
%C%_test_reference_LDADD = $(REGISTRY_LIBS) $(CMOCKA_LIBS)
endif
