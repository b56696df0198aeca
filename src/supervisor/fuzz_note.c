/* What an earlier supervisor wrote of a descriptor, or what became of that. */
#include <assert.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "supervisor/hold.h"
#include "supervisor/note.h"
#include "base/cleanup.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static int folder = -1;
	AUTO_CLOSE int fd = memfd_create("note", MFD_CLOEXEC);
	struct held_fd f = { .target = NULL };
	struct err e = ERR_INIT;
	char name[16];

	if (folder < 0)
		folder = open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
	if (folder < 0 || fd < 0 || write(fd, p, n) != (ssize_t)n)
		return 0;
	snprintf(name, sizeof name, "%d", fd);
	if (note_read(folder, name, &f, &e) < 0)
		return 0;
	assert(strcmp(f.h.name, name) == 0);
	assert(f.h.payload_len <= AGENT_PAYLOAD_MAX);
	assert(f.target == NULL || strlen(f.target) < PATH_MAX);
	free(f.target);
	return 0;
}
