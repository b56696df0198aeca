/* What tests of windows compress, and what is left of them.  Only
 * test_*.c includes it. */
#ifndef CODEC_TEST_WORDS_H
#define CODEC_TEST_WORDS_H

#include <stddef.h>
#include <stdint.h>

/* Words of a small language: there is much to refer to, and no byte is zero. */
static inline void
fill_words(uint8_t *p, size_t n, uint64_t seed)
{
	for (size_t i = 0; i < n;) {
		unsigned word;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		word = seed >> 52;
		for (unsigned k = 0; k < 3 + word % 9 && i < n; k++)
			p[i++] = 'a' + (word * 7 + k * 5) % 26;
		if (i < n)
			p[i++] = ' ';
	}
}

/* Bytes that are not zero. */
static inline size_t
count_kept(const uint8_t *window, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		kept += window[i] != 0;
	return kept;
}

#endif
