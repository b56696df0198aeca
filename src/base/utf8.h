/* UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing past
 * U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The length of the sequence at p, of which n bytes may be read; 0 when there
 * is none. */
size_t utf8_length(const uint8_t *p, size_t n);

/* Writes the sequence of a code point and returns its length; 0 when it has
 * none (surrogates, past U+10FFFF). */
size_t utf8_encode(uint32_t code, uint8_t out[4]);

#endif
