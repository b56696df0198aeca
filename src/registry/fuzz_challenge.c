#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "registry/challenge.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Lines are fields. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	AUTO_FREE char *text = strndup((const char *)p, n);
	AUTO_CHALLENGE struct challenge c = { 0 };
	struct err e = ERR_INIT;
	char *fields[8], *state = NULL;
	unsigned count = 0;

	if (text == NULL)
		return 0;
	for (char *line = strtok_r(text, "\n", &state);
	     line != NULL && count < 8; line = strtok_r(NULL, "\n", &state))
		fields[count++] = line;
	if (challenge_parse(&c, fields, count, &e) == 0)
		assert(c.scheme != CHALLENGE_BEARER || c.realm != NULL);
	return 0;
}
