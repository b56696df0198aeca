#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cri.pb-c.h"
#include "runtime/cri_pull.h"
#include "base/cleanup.h"
#include "base/test.h"

/* A request whose fields are these; NULL: absent. */
struct given {
	char *image, *username, *password, *auth, *server, *identity, *token;
};

static int
parse(struct cri_pull *p, const struct given *g, struct err *e)
{
	Runtime__V1__ImageSpec image = RUNTIME__V1__IMAGE_SPEC__INIT;
	Runtime__V1__AuthConfig auth = RUNTIME__V1__AUTH_CONFIG__INIT;
	Runtime__V1__PullImageRequest r = RUNTIME__V1__PULL_IMAGE_REQUEST__INIT;
	AUTO_FREE uint8_t *bytes = NULL;
	size_t n;

	r.image = &image;
	r.auth = &auth;
	image.image = g->image;
	auth.username = g->username;
	auth.password = g->password;
	auth.auth = g->auth;
	auth.server_address = g->server;
	auth.identity_token = g->identity;
	auth.registry_token = g->token;
	bytes = malloc(runtime__v1__pull_image_request__get_packed_size(&r));
	n = runtime__v1__pull_image_request__pack(&r, bytes);
	return cri_pull_parse(p, bytes, n, e);
}

static void
check_login(const struct given *g)
{
	AUTO_CRI_PULL struct cri_pull p = { 0 };
	struct err e = ERR_INIT;

	assert_int_equal(parse(&p, g, &e), 0);
	assert_string_equal(p.image, g->image);
	assert_true(p.has_credential);
	assert_string_equal(p.credential.username, "me");
	assert_string_equal(p.credential.password, "se:cret");
	assert_null(p.credential.identity_token);
}

static void
check_none(const struct given *g)
{
	AUTO_CRI_PULL struct cri_pull p = { 0 };
	struct err e = ERR_INIT;

	assert_int_equal(parse(&p, g, &e), 0);
	assert_string_equal(p.image, g->image);
	assert_false(p.has_credential);
	assert_null(p.credential.username);
	assert_null(p.credential.identity_token);
}

static void
a_login_comes_in_clear_or_encoded(void **s)
{
	(void)s;
	check_login(&(struct given){ .image = "r.example/a:1",
	    .username = "me",
	    .password = "se:cret" });
	check_login(&(struct given){
	    .image = "r.example/a:1", .auth = "bWU6c2U6Y3JldA==" });
	check_login(&(struct given){ .image = "r.example/a:1",
	    .username = "me",
	    .password = "se:cret",
	    .auth = "eDp5",
	    .identity = "t" });
}

static void
an_identity_token_is_one(void **s)
{
	AUTO_CRI_PULL struct cri_pull p = { 0 };
	struct err e = ERR_INIT;

	(void)s;
	assert_int_equal(parse(&p,
			     &(struct given){ .image = "r.example/a:1",
				 .identity = "refresh",
				 .auth = "eDp5" },
			     &e),
	    0);
	assert_true(p.has_credential);
	assert_string_equal(p.credential.identity_token, "refresh");
	assert_null(p.credential.username);
}

static void
nothing_or_a_registry_token_alone_is_no_credential(void **s)
{
	(void)s;
	check_none(&(struct given){ .image = "r.example/a:1" });
	check_none(&(struct given){ .image = "r.example/a:1", .token = "t" });
	check_none(
	    &(struct given){ .image = "r.example/a:1", .password = "alone" });
}

static void
another_registrys_credential_is_not_taken(void **s)
{
	static const struct {
		char *image, *server;
		bool is_same;
	} cases[] = {
		{ "r.example/a:1", "https://r.example", true },
		{ "r.example/a:1", "r.example", true },
		{ "r.example:5000/a:1", "http://r.example:5000/v2/", true },
		{ "r.example/a:1", "https://s.example", false },
		{ "r.example:5000/a:1", "https://r.example", false },
		{ "busybox", "https://index.docker.io/v1/", true },
		{ "docker.io/library/busybox", "registry-1.docker.io", true },
		{ "busybox", "r.example", false },
	};

	(void)s;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct given g = { .image = cases[i].image,
			.server = cases[i].server,
			.username = "me",
			.password = "se:cret" };

		if (cases[i].is_same)
			check_login(&g);
		else
			check_none(&g);
	}
}

static void
what_cannot_be_read_is_refused_without_being_quoted(void **s)
{
	struct cri_pull p;
	struct err e;

	(void)s;
	assert_fails(
	    cri_pull_parse(&p, (const uint8_t *)"\xff", 1, &e), e, EBADMSG);
	assert_fails(cri_pull_parse(&p, NULL, 0, &e), e, EBADMSG);
	assert_fails(parse(&p,
			 &(struct given){ .image = "Upper/Case",
			     .username = "me",
			     .password = "secret" },
			 &e),
	    e, EINVAL);
	assert_fails(
	    parse(&p,
		&(struct given){ .image = "r.example/a:1", .auth = "secret!" },
		&e),
	    e, EBADMSG);
	assert_null(strstr(e.msg, "secret"));
	assert_null(p.image);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_login_comes_in_clear_or_encoded),
		cmocka_unit_test(an_identity_token_is_one),
		cmocka_unit_test(
		    nothing_or_a_registry_token_alone_is_no_credential),
		cmocka_unit_test(another_registrys_credential_is_not_taken),
		cmocka_unit_test(
		    what_cannot_be_read_is_refused_without_being_quoted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
