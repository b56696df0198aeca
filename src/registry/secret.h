/* Text that must not outlive its use in memory, and base64, in which it
 * travels. */
#ifndef REGISTRY_SECRET_H
#define REGISTRY_SECRET_H

#include "base/bytes.h"

/* Wipes, then frees; NULL is fine. */
void secret_free(char *s);
void secret_buf_release(struct buf *b);

static inline void
secret_cleanup(char **s)
{
	secret_free(*s);
}

#define AUTO_SECRET CLEANUP(secret_cleanup)
#define AUTO_SECRET_BUF CLEANUP(secret_buf_release)

/* Allocated; NULL when out of memory. */
char *secret_to_base64(const char *s);
/* Allocated and NUL ended; NULL for bad text, text with a NUL in it, or no
 * memory.  Padding may be missing. */
char *secret_from_base64(const char *s);

#endif
