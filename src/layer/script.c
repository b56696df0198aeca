#include "layer/script.h"

#include <string.h>

static const char *const builtins[] = { "[", "echo", "exit", "false", "kill",
	"printf", "pwd", "test", "time", "true" };

static bool
is_of_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') ||
	       (c != 0 && strchr("/._+-[", c) != NULL);
}

static bool
is_program(const char *word)
{
	for (size_t i = 0; i < sizeof builtins / sizeof *builtins; i++)
		if (strcmp(word, builtins[i]) == 0)
			return false;
	return word[0] == '/' || (word[0] != '-' && strchr(word, '/') == NULL);
}

bool
script_is_one(const char *p, size_t n)
{
	return n >= 2 && p[0] == '#' && p[1] == '!';
}

/* A comment that is no "#!", or a single other character. */
static size_t
skip(const char *p, size_t n, size_t at)
{
	const char *end;

	if (p[at] != '#' || (at == 0 && script_is_one(p, n)))
		return at + 1;
	end = memchr(p + at, '\n', n - at);
	return end == NULL ? n : (size_t)(end - p);
}

bool
script_next(const char *p, size_t n, size_t *at, char word[SCRIPT_WORD_BYTES])
{
	while (*at < n) {
		size_t len = 0;

		while (*at + len < n && is_of_word(p[*at + len]))
			len++;
		if (len == 0) {
			*at = skip(p, n, *at);
			continue;
		}
		if (len < SCRIPT_WORD_BYTES) {
			memcpy(word, p + *at, len);
			word[len] = 0;
		}
		*at += len;
		if (len < SCRIPT_WORD_BYTES && is_program(word))
			return true;
	}
	return false;
}
