/* What a read of data that is not here does while no registry answers: how long
 * it tries, in milliseconds, and the words for it.
 *
 *	"fail"                     each source is asked once, then EIO
 *	"wait:500ms", "wait:30s",  it tries for so long, then EIO
 *	"wait:5m", "wait:2h"
 *	"forever"                  it waits, and can be killed
 *
 * Pure.
 */
#ifndef BASE_PATIENCE_H
#define BASE_PATIENCE_H

#include <stdint.h>

struct err;

#define PATIENCE_NONE 0
#define PATIENCE_FOREVER UINT32_MAX

enum { PATIENCE_TEXT_SIZE = 24 };

/* EINVAL says what is understood. */
int patience_parse(const char *text, uint32_t *ms, struct err *e);

/* The shortest of the words above. */
const char *patience_text(uint32_t ms, char out[PATIENCE_TEXT_SIZE]);

#endif
