noinst_LIBRARIES += %D%/libregistry.a
%C%_libregistry_a_SOURCES = \
	%D%/answer.c %D%/answer.h \
	%D%/artifact.c %D%/artifact.h \
	%D%/auth_json.c %D%/auth_json.h \
	%D%/challenge.c %D%/challenge.h \
	%D%/choose.c \
	%D%/client.h \
	%D%/config.c \
	%D%/credential.c %D%/credential.h \
	%D%/credentials.c %D%/credentials.h \
	%D%/exchange.c %D%/exchange.h \
	%D%/exchange_send.c %D%/exchange_steps.h \
	%D%/helper.c %D%/helper.h \
	%D%/hosts.c %D%/hosts.h \
	%D%/hosts_dir.c %D%/hosts_dir.h \
	%D%/inquiry.c %D%/inquiry.h \
	%D%/layout.c %D%/layout.h \
	%D%/lookup.c %D%/lookup.h \
	%D%/manifest.c %D%/manifest.h \
	%D%/origins.c %D%/origins.h \
	%D%/page.c %D%/page.h \
	%D%/platform.c \
	%D%/preconnect.c %D%/preconnect.h \
	%D%/race.c %D%/race.h \
	%D%/range.c %D%/range.h \
	%D%/redirects.c %D%/redirects.h \
	%D%/reference.c %D%/reference.h \
	%D%/referrers.c %D%/referrers.h \
	%D%/referrers_add.c \
	%D%/referrers_memory.c %D%/referrers_memory.h \
	%D%/registries_conf.c %D%/registries_conf.h \
	%D%/registries_files.c %D%/registries_files.h \
	%D%/registry.c %D%/registry.h \
	%D%/resolve.c \
	%D%/secret.c %D%/secret.h \
	%D%/source.c %D%/source.h \
	%D%/source_layout.c \
	%D%/source_registry.c \
	%D%/source_whole.c \
	%D%/status.c %D%/status.h \
	%D%/token.c %D%/token.h %D%/token_entry.h \
	%D%/token_request.c \
	%D%/turn.c %D%/turn.h \
	%D%/upload.c %D%/upload.h \
	%D%/upload_session.c %D%/upload_session.h

# The client by hand, for tests/20-registry.
registry_tool = %D%/tool.c %D%/tool.h
noinst_PROGRAMS += %D%/regtool
%C%_regtool_SOURCES = %D%/regtool.c $(registry_tool)
%C%_regtool_LDADD = $(REGISTRY_LIBS)

noinst_PROGRAMS += %D%/pushtool
%C%_pushtool_SOURCES = %D%/pushtool.c $(registry_tool)
%C%_pushtool_LDADD = $(REGISTRY_LIBS)

fuzz_programs += %D%/fuzz_answer
%C%_fuzz_answer_SOURCES = %D%/fuzz_answer.c $(FUZZ_MAIN)
%C%_fuzz_answer_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_answer_LDADD = $(REGISTRY_LIBS)

fuzz_programs += %D%/fuzz_artifact
%C%_fuzz_artifact_SOURCES = %D%/fuzz_artifact.c $(FUZZ_MAIN)
%C%_fuzz_artifact_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_artifact_LDADD = $(REGISTRY_LIBS)

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

fuzz_programs += %D%/fuzz_layout
%C%_fuzz_layout_SOURCES = %D%/fuzz_layout.c src/base/fuzz_folder.h \
	$(FUZZ_MAIN)
%C%_fuzz_layout_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_layout_LDADD = $(REGISTRY_LIBS)

fuzz_programs += %D%/fuzz_manifest
%C%_fuzz_manifest_SOURCES = %D%/fuzz_manifest.c $(FUZZ_MAIN)
%C%_fuzz_manifest_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_manifest_LDADD = $(REGISTRY_LIBS)

fuzz_programs += %D%/fuzz_registries
%C%_fuzz_registries_SOURCES = %D%/fuzz_registries.c $(FUZZ_MAIN)
%C%_fuzz_registries_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_registries_LDADD = $(REGISTRY_LIBS)

fuzz_programs += %D%/fuzz_referrers
%C%_fuzz_referrers_SOURCES = %D%/fuzz_referrers.c $(FUZZ_MAIN)
%C%_fuzz_referrers_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_referrers_LDADD = $(REGISTRY_LIBS)

fuzz_programs += %D%/fuzz_reference
%C%_fuzz_reference_SOURCES = %D%/fuzz_reference.c $(FUZZ_MAIN)
%C%_fuzz_reference_LDFLAGS = $(FUZZ_LDFLAGS)
%C%_fuzz_reference_LDADD = $(REGISTRY_LIBS)

if HAVE_CMOCKA
check_PROGRAMS += %D%/test_artifact
%C%_test_artifact_SOURCES = %D%/test_artifact.c
%C%_test_artifact_LDADD = $(REGISTRY_LIBS) $(CMOCKA_LIBS)
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
check_PROGRAMS += %D%/test_page
%C%_test_page_SOURCES = %D%/test_page.c
%C%_test_page_LDADD = $(REGISTRY_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_range
%C%_test_range_SOURCES = %D%/test_range.c
%C%_test_range_LDADD = $(REGISTRY_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_origins
%C%_test_origins_SOURCES = %D%/test_origins.c
%C%_test_origins_LDADD = $(REGISTRY_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_registries
%C%_test_registries_SOURCES = %D%/test_registries.c
%C%_test_registries_LDADD = $(REGISTRY_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_referrers
%C%_test_referrers_SOURCES = %D%/test_referrers.c
%C%_test_referrers_LDADD = $(REGISTRY_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += %D%/test_reference
%C%_test_reference_SOURCES = %D%/test_reference.c
%C%_test_reference_LDADD = $(REGISTRY_LIBS) $(CMOCKA_LIBS)
endif
