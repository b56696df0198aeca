#include <assert.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/config.h"
#include "base/cleanup.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* layerfs.toml: it is refused, or every setting has a value. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	AUTO_CLOSE int fd = memfd_create("config", MFD_CLOEXEC);
	struct err e = ERR_INIT;
	struct config c;

	if (fd < 0 || write(fd, p, n) != (ssize_t)n ||
	    config_read(&c, fd, &e) < 0)
		return 0;
	assert(c.log_level != NULL && c.user != NULL && c.ca_file != NULL &&
	       c.mount_kernel != NULL && c.connect_timeout_ms > 0);
	config_release(&c);
	return 0;
}
