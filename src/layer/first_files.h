/* What nearly every start reads first, for images of which nothing is known:
 * the program that the config names and, of a script, those that it names; the
 * shell, the dynamic linker and the C library, the lists of users.  Each is a
 * miss, one after the other, before the program itself reads anything.
 */
#ifndef LAYER_FIRST_FILES_H
#define LAYER_FIRST_FILES_H

struct image;

/* Starts to fetch them, where guesses are allowed (fetch/fetch.h); returns at
 * once, but for opening the layers' indexes.  What fails is left to whoever
 * reads it. */
void first_files_fetch(struct image *i);

#endif
