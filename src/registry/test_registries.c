#include <errno.h>
#include <string.h>

#include "registry/hosts.h"
#include "registry/registries_conf.h"
#include "base/err.h"
#include "base/test.h"

static void
add(struct registries_conf *c, const char *text)
{
	struct err e = ERR_INIT;

	if (registries_conf_add(c, text, strlen(text), &e) < 0)
		fail_msg("%s", e.msg);
}

static struct host_list *
hosts_of(const struct registries_conf *c, const char *host,
    const char *repository, struct err *e)
{
	const struct registries_rule *r =
	    registries_conf_find(c, host, repository);

	assert_non_null(r);
	return registries_rule_hosts(r, host, repository, e);
}

static const char hub[] = "[[registry]]\n"
			  "prefix = \"docker.io/library\"\n"
			  "location = \"registry.example:5000/hub\"\n"
			  "[[registry.mirror]]\n"
			  "location = \"mirror.example/a/b\"\n"
			  "pull-from-mirror = \"digest-only\"\n"
			  "[[registry.mirror]]\n"
			  "location = \"10.0.0.1:5000\"\n"
			  "insecure = true\n";

static void
mirrors_come_in_order_and_the_location_last(void **state)
{
	AUTO_REGISTRIES_CONF struct registries_conf c = { 0 };
	AUTO_HOST_LIST struct host_list *l = NULL;
	struct err e = ERR_INIT;

	(void)state;
	add(&c, hub);
	l = hosts_of(&c, "docker.io", "library/python", &e);
	assert_non_null(l);
	assert_int_equal(l->n, 4);
	assert_string_equal(l->hosts[0].base, "https://mirror.example/v2");
	assert_string_equal(l->hosts[0].repository, "a/b/python");
	assert_int_equal(l->hosts[0].can, HOST_PULL);
	assert_string_equal(l->hosts[1].base, "https://10.0.0.1:5000/v2");
	assert_string_equal(l->hosts[1].repository, "python");
	assert_true(l->hosts[1].tls.skip_verify);
	assert_string_equal(l->hosts[2].base, "http://10.0.0.1:5000/v2");
	assert_string_equal(
	    l->hosts[3].base, "https://registry.example:5000/v2");
	assert_string_equal(l->hosts[3].repository, "hub/python");
	assert_int_equal(l->hosts[3].can, HOST_PULL | HOST_RESOLVE | HOST_PUSH);
	assert_false(l->hosts[3].tls.skip_verify);
	assert_true(l->hosts[0].has_no_ns);
}

static void
the_longest_prefix_decides_and_ends_where_a_part_does(void **state)
{
	AUTO_REGISTRIES_CONF struct registries_conf c = { 0 };

	(void)state;
	add(&c, hub);
	add(&c, "[[registry]]\nlocation = \"docker.io\"\n"
		"[[registry]]\nlocation = \"docker.io/library/python\"\n"
		"[[registry]]\nprefix = \"*.example.com\"\n");
	assert_string_equal(
	    registries_conf_find(&c, "docker.io", "library/python")->prefix,
	    "docker.io/library/python");
	assert_string_equal(
	    registries_conf_find(&c, "docker.io", "library/python3")->prefix,
	    "docker.io/library");
	assert_string_equal(
	    registries_conf_find(&c, "docker.io", "librarian/x")->prefix,
	    "docker.io");
	assert_string_equal(
	    registries_conf_find(&c, "a.b.example.com", "x")->prefix,
	    "*.example.com");
	assert_null(registries_conf_find(&c, "example.com", "x"));
	assert_null(registries_conf_find(&c, "docker.io:443", "x"));
}

static void
a_location_without_a_file_of_its_own_is_who_it_says(void **state)
{
	AUTO_REGISTRIES_CONF struct registries_conf c = { 0 };
	AUTO_HOST_LIST struct host_list *hub_itself = NULL, *any = NULL;
	struct err e = ERR_INIT;

	(void)state;
	add(&c, "[[registry]]\nlocation = \"docker.io\"\n"
		"[[registry]]\nprefix = \"*.example.com\"\n"
		"[[registry.mirror]]\nlocation = \"m.example/x\"\n");
	hub_itself = hosts_of(&c, "docker.io", "library/python", &e);
	assert_string_equal(
	    hub_itself->hosts[0].base, "https://registry-1.docker.io/v2");
	assert_false(hub_itself->hosts[0].is_proxy);
	any = hosts_of(&c, "a.example.com", "app", &e);
	assert_string_equal(any->hosts[0].repository, "x/app");
	assert_string_equal(any->hosts[1].base, "https://a.example.com/v2");
	assert_string_equal(any->hosts[1].repository, "app");
}

static void
a_later_file_replaces_a_registry_and_leaves_the_others(void **state)
{
	AUTO_REGISTRIES_CONF struct registries_conf c = { 0 };
	AUTO_HOST_LIST struct host_list *l = NULL;
	struct err e = ERR_INIT;

	(void)state;
	add(&c, hub);
	add(&c, "[[registry]]\nlocation = \"quay.io\"\n");
	add(&c, "[[registry]]\nprefix = \"docker.io/library\"\n"
		"location = \"other.example/x\"\n");
	l = hosts_of(&c, "docker.io", "library/python", &e);
	assert_int_equal(l->n, 1);
	assert_string_equal(l->hosts[0].base, "https://other.example/v2");
	assert_non_null(registries_conf_find(&c, "quay.io", "x"));
}

static void
a_blocked_registry_has_no_hosts(void **state)
{
	AUTO_REGISTRIES_CONF struct registries_conf c = { 0 };
	struct err e = ERR_INIT;

	(void)state;
	add(&c, "[[registry]]\nlocation = \"bad.example\"\nblocked = true\n");
	assert_null(hosts_of(&c, "bad.example", "x", &e));
	assert_int_equal(e.code, EACCES);
	assert_non_null(strstr(e.msg, "bad.example"));
}

static void
what_is_wrong_is_named_and_changes_nothing(void **state)
{
	static const char *const texts[] = {
		"registry = 1\n",
		"[[registry]]\n",
		"[[registry]]\nlocation = 5\n",
		"[[registry]]\nlocation = \"a b\"\n",
		"[[registry]]\nlocation = \"https://a.example\"\n",
		"[[registry]]\nprefix = \"a.*.example\"\n",
		"[[registry]]\nlocation = \"a.example\"\nmirror = 1\n",
		"[[registry]]\nlocation = \"a.example\"\n"
		"[[registry.mirror]]\n",
		"[[registry]]\nlocation = \"a.example\"\n"
		"[[registry.mirror]]\nlocation = \"m\"\n"
		"pull-from-mirror = \"no\"\n",
	};
	AUTO_REGISTRIES_CONF struct registries_conf c = { 0 };
	struct err e;

	(void)state;
	add(&c, hub);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		e = ERR_INIT;
		if (registries_conf_add(&c, texts[i], strlen(texts[i]), &e) ==
		    0)
			fail_msg("taken: %s", texts[i]);
		assert_int_equal(e.code, EBADMSG);
		assert_int_equal(c.n, 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mirrors_come_in_order_and_the_location_last),
		cmocka_unit_test(
		    the_longest_prefix_decides_and_ends_where_a_part_does),
		cmocka_unit_test(
		    a_location_without_a_file_of_its_own_is_who_it_says),
		cmocka_unit_test(
		    a_later_file_replaces_a_registry_and_leaves_the_others),
		cmocka_unit_test(a_blocked_registry_has_no_hosts),
		cmocka_unit_test(what_is_wrong_is_named_and_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
