#include <string.h>
#include <sys/utsname.h>

#include "registry/manifest.h"

/* What the kernel calls a machine, and what Go does. */
static const struct {
	const char *machine;
	const char *architecture;
	const char *variant;
} machines[] = {
	{ "x86_64", "amd64", NULL },
	{ "aarch64", "arm64", "v8" },
	{ "armv8l", "arm", "v7" },
	{ "armv7l", "arm", "v7" },
	{ "armv6l", "arm", "v6" },
	{ "i386", "386", NULL },
	{ "i586", "386", NULL },
	{ "i686", "386", NULL },
	{ "loongarch64", "loong64", NULL },
	{ "mips64", "mips64le", NULL },
	{ "ppc64le", "ppc64le", NULL },
	{ "riscv64", "riscv64", NULL },
	{ "s390x", "s390x", NULL },
};

struct platform
platform_of_machine(void)
{
	struct platform p = { .os = "linux", .architecture = "unknown" };
	struct utsname u;

	if (uname(&u) < 0)
		return p;
	for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
		if (strcmp(u.machine, machines[i].machine) != 0)
			continue;
		p.architecture = machines[i].architecture;
		p.variant = machines[i].variant;
	}
	return p;
}
