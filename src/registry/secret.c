#include "registry/secret.h"

#include <stdlib.h>

#include "base/base64.h"
#include "base/err.h"

void
secret_free(char *s)
{
	if (s != NULL)
		explicit_bzero(s, strlen(s));
	free(s);
}

void
secret_buf_release(struct buf *b)
{
	if (b->data != NULL)
		explicit_bzero(b->data, b->cap);
	buf_release(b);
}

/* The text of a buffer, which is the caller's now; NULL when there is no room
 * for its NUL. */
static char *
take_text(struct buf *b)
{
	struct err e;

	if (buf_append(b, "", 1, &e) < 0)
		return NULL;
	return (char *)take_ptr(&b->data);
}

char *
secret_to_base64(const char *s)
{
	size_t n = strlen(s);
	AUTO_SECRET_BUF struct buf b = BUF_INIT((n + 2) / 3 * 4 + 1);
	struct err e;

	return base64_encode(&b, s, n, &e) < 0 ? NULL : take_text(&b);
}

char *
secret_from_base64(const char *s)
{
	size_t n = strlen(s), padded = (n + 3) / 4 * 4;
	AUTO_SECRET_BUF struct buf text = BUF_INIT(padded + 1);
	AUTO_SECRET_BUF struct buf b = BUF_INIT(padded + 1);
	struct err e;

	if (n % 4 == 1 || buf_append(&text, s, n, &e) < 0 ||
	    buf_append(&text, "==", padded - n, &e) < 0 ||
	    base64_decode(&b, (const char *)text.data, padded, &e) < 0 ||
	    (b.len > 0 && memchr(b.data, 0, b.len) != NULL))
		return NULL;
	return take_text(&b);
}
