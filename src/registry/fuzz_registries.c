/* podman's registries.conf. */
#include <stddef.h>
#include <stdint.h>

#include "registry/hosts.h"
#include "registry/registries_conf.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	AUTO_REGISTRIES_CONF struct registries_conf c = { 0 };
	const struct registries_rule *r;
	struct err e = ERR_INIT;

	if (registries_conf_add(&c, (const char *)p, n, &e) < 0)
		return 0;
	r = registries_conf_find(&c, "docker.io", "library/python");
	if (r != NULL)
		host_list_unref(registries_rule_hosts(
		    r, "docker.io", "library/python", &e));
	return 0;
}
