/* Which programs a shell script may run: the words of its text.  A script is
 * read by an interpreter whose first act is often to become another program.
 *
 * Hostile bytes; pure: no I/O.
 */
#ifndef LAYER_SCRIPT_H
#define LAYER_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

enum { SCRIPT_BYTES = 4096, SCRIPT_WORD_BYTES = 256 };

/* Begins with "#!". */
bool script_is_one(const char *p, size_t n);

/* The next word at or behind *at that may name a program, ended by a NUL; false
 * at the end.  Comments, and what shells do by themselves, are left out. */
bool script_next(
    const char *p, size_t n, size_t *at, char word[SCRIPT_WORD_BYTES]);

#endif
