#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "registry/hosts.h"
#include "base/err.h"
#include "base/test.h"

static struct host_list *
parse(const char *namespace, const char *text, struct err *e)
{
	return hosts_parse(namespace, text, strlen(text), "/certs", e);
}

static void
hosts_come_in_order_and_the_server_last(void **state)
{
	struct err e = ERR_INIT;
	AUTO_HOST_LIST struct host_list *l = parse("docker.io",
	    "[host.\"https://b.example:5000\"]\n"
	    "capabilities = [\"pull\"]\n"
	    "[host.\"http://a.example/mirror/\"]\n"
	    "override_path = true\n"
	    "[host.\"c.example\"]\n",
	    &e);

	(void)state;
	if (l == NULL)
		fail_msg("%s", e.msg);
	assert_int_equal(l->n, 4);
	assert_string_equal(l->hosts[0].base, "https://b.example:5000/v2");
	assert_int_equal(l->hosts[0].can, HOST_PULL);
	assert_true(l->hosts[0].is_proxy);
	assert_string_equal(l->hosts[1].base, "http://a.example/mirror");
	assert_int_equal(l->hosts[1].can, HOST_PULL | HOST_RESOLVE);
	assert_string_equal(l->hosts[2].base, "https://c.example/v2");
	assert_string_equal(
	    l->hosts[3].base, "https://registry-1.docker.io/v2");
	assert_false(l->hosts[3].is_proxy);
}

static void
a_mirror_is_written_to_only_when_it_says_so(void **state)
{
	struct err e = ERR_INIT;
	AUTO_HOST_LIST struct host_list *l = parse("x.io",
	    "[host.\"https://a\"]\n"
	    "[host.\"https://b\"]\ncapabilities = [\"pull\", \"push\"]\n",
	    &e);

	(void)state;
	if (l == NULL)
		fail_msg("%s", e.msg);
	assert_int_equal(l->n, 3);
	assert_int_equal(l->hosts[0].can, HOST_PULL | HOST_RESOLVE);
	assert_int_equal(l->hosts[1].can, HOST_PULL | HOST_PUSH);
	assert_int_equal(l->hosts[2].can, HOST_PULL | HOST_RESOLVE | HOST_PUSH);
}

static void
each_host_has_its_own_dial_timeout(void **state)
{
	struct err e = ERR_INIT;
	AUTO_HOST_LIST struct host_list *l = parse("x.io",
	    "[host.\"https://a\"]\ndial_timeout = \"500ms\"\n"
	    "[host.\"https://b\"]\ndial_timeout = \"2s\"\n",
	    &e);

	(void)state;
	if (l == NULL)
		fail_msg("%s", e.msg);
	assert_int_equal(l->hosts[0].connect_timeout_ms, 500);
	assert_int_equal(l->hosts[1].connect_timeout_ms, 2000);
	assert_int_equal(l->hosts[2].connect_timeout_ms, 0);
	assert_null(parse(
	    "x.io", "[host.\"https://a\"]\ndial_timeout = \"soon\"\n", &e));
	assert_int_equal(e.code, EBADMSG);
}

static void
files_and_headers_are_read(void **state)
{
	struct err e = ERR_INIT;
	AUTO_HOST_LIST struct host_list *l = parse("x.io",
	    "server = \"https://x.io\"\n"
	    "[host.\"https://m\"]\n"
	    "ca = [\"a.pem\", \"/b.pem\"]\n"
	    "client = [[\"c.pem\", \"k.pem\"]]\n"
	    "skip_verify = true\n"
	    "[host.\"https://m\".header]\n"
	    "x-one = \"1\"\n"
	    "x-two = [\"2\", \"3\"]\n"
	    "[host.\"https://n\"]\n"
	    "ca = \"a.pem\"\n"
	    "client = \"both.pem\"\n",
	    &e);
	const struct host *m;

	(void)state;
	if (l == NULL)
		fail_msg("%s", e.msg);
	m = &l->hosts[0];
	assert_int_equal(m->n_ca_files, 2);
	assert_string_equal(m->ca_files[0], "/certs/a.pem");
	assert_string_equal(m->ca_files[1], "/b.pem");
	assert_string_equal(m->client_cert, "/certs/c.pem");
	assert_string_equal(m->client_key, "/certs/k.pem");
	assert_true(m->tls.skip_verify);
	assert_int_equal(m->n_headers, 3);
	assert_string_equal(m->headers[2], "x-two: 3");
	assert_string_equal(l->hosts[1].client_key, "/certs/both.pem");
	assert_false(l->hosts[2].tls.skip_verify);
}

static void
damaged_files_are_refused(void **state)
{
	static const char *const texts[] = { "server = 7",
		"server = ", "host = 7", "[host]\na = 1", "[host.\"ftp://x\"]",
		"[host.\"https://\"]", "[host.\"https://u:p@x\"]",
		"[host.\"https://x?y\"]",
		"[host.\"https://x\"]\ncapabilities = [\"fly\"]",
		"[host.\"https://x\"]\ncapabilities = \"pull\"",
		"[host.\"https://x\"]\nskip_verify = 1",
		"[host.\"https://x\"]\nca = 1",
		"[host.\"https://x\"]\nca = [1]",
		"[host.\"https://x\"]\nclient = []",
		"[host.\"https://x\"]\nclient = [[1]]",
		"[host.\"https://x\"]\nheader = 1",
		"[host.\"https://x\".header]\na = 1",
		"[host.\"https://x\".header]\na = \"b\\r\\nc: d\"",
		"[host.\"https://x\".header]\n\"a:b\" = \"c\"" };

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct err e = ERR_INIT;

		if (parse("x.io", texts[i], &e) != NULL)
			fail_msg("taken: %s", texts[i]);
		assert_int_equal(e.code, EBADMSG);
	}
}

static void
too_many_hosts_are_refused(void **state)
{
	AUTO_BUF struct buf b = BUF_INIT(10000);
	struct err e = ERR_INIT;

	(void)state;
	for (int i = 0; i <= LIMIT_HOSTS; i++)
		assert_int_equal(
		    buf_printf(&b, &e, "[host.\"https://m%d\"]\n", i), 0);
	assert_null(parse("x.io", buf_str(&b), &e));
}

static void
without_a_file_the_host_itself_is_asked(void **state)
{
	static const struct {
		const char *namespace, *base;
		bool is_plain, may_be_tls;
	} table[] = {
		{ "docker.io", "https://registry-1.docker.io/v2", false,
		    false },
		{ "x.io:5000", "https://x.io:5000/v2", false, false },
		{ "x.io:5000", "http://x.io:5000/v2", true, false },
		{ "127.0.0.1:5000", "http://127.0.0.1:5000/v2", false, true },
		{ "localhost", "http://localhost/v2", false, true },
		{ "[::1]:5000", "http://[::1]:5000/v2", false, true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct err e = ERR_INIT;
		AUTO_HOST_LIST struct host_list *l =
		    hosts_default(table[i].namespace, table[i].is_plain, &e);

		assert_non_null(l);
		assert_int_equal(l->n, 1);
		assert_string_equal(l->hosts[0].base, table[i].base);
		assert_false(l->hosts[0].is_proxy);
		assert_int_equal(l->hosts[0].may_be_tls, table[i].may_be_tls);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_come_in_order_and_the_server_last),
		cmocka_unit_test(a_mirror_is_written_to_only_when_it_says_so),
		cmocka_unit_test(files_and_headers_are_read),
		cmocka_unit_test(each_host_has_its_own_dial_timeout),
		cmocka_unit_test(damaged_files_are_refused),
		cmocka_unit_test(too_many_hosts_are_refused),
		cmocka_unit_test(without_a_file_the_host_itself_is_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
