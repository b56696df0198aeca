#include <stdint.h>

#include "registry/auth_json.h"
#include "registry/token.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Files of credentials, helpers' answers, token servers' answers. */
int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const hosts[] = { "docker.io", "x.io" };
	const char *text = (const char *)p;
	struct err e = ERR_INIT;
	struct credential c;
	unsigned life;
	char *token;

	for (size_t i = 0; i < 2; i++) {
		struct auth_answer a;

		if (auth_json_find(&a, text, n, hosts[i], "a/b", &e) == 0)
			auth_answer_release(&a);
	}
	if (auth_json_parse_helper(&c, text, n, &e) == 0)
		credential_release(&c);
	if (token_parse(text, n, &token, &life, &e) == 0)
		free(token);
	return 0;
}
