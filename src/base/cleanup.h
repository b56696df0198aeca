/* Scope-bound ownership.  A declaration marked with one of these owns what it
 * holds; give it away with take_ptr() or take_fd().  None of them changes
 * errno.
 */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define AUTO_FREE CLEANUP(cleanup_free)
#define AUTO_CLOSE CLEANUP(cleanup_close)

#define CAT_(a, b) a##b
#define CAT(a, b) CAT_(a, b)

/* The value, which the variable then owns no more. */
#define take_ptr(p)                           \
	({                                    \
		__typeof__(*(p)) got_ = *(p); \
		*(p) = NULL;                  \
		got_;                         \
	})

static inline int
take_fd(int *fd)
{
	int got = *fd;

	*fd = -1;
	return got;
}

static inline void
cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void
cleanup_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

#endif
