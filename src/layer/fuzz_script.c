/* Whatever a script holds: its words end, and are words. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "layer/script.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char word[SCRIPT_WORD_BYTES];
	size_t at = 0, before = 0;

	while (script_next((const char *)p, n, &at, word)) {
		assert(at > before && at <= n);
		assert(strlen(word) > 0 && strlen(word) < sizeof word);
		before = at;
	}
	return 0;
}
