/* What a program is linked with comes with it: when somebody reads the start of
 * an ELF file, the libraries that it names are looked up as the dynamic loader
 * would, and asked for on a guess, all at once; and what those name.  The loader
 * opens one after the other, each a miss.
 *
 * Modules of an interpreter (*.so without a number) lie in folders of their own,
 * and come with their family (fetch/kin.h): who reads one opens more of them, so
 * what all of them are linked with is asked for.
 */
#ifndef LAYER_LINKED_H
#define LAYER_LINKED_H

#include <stddef.h>
#include <stdint.h>

struct view;

enum { LINKED_FOLDERS = 16 };

/* Of a view: the folders of modules that were looked at. */
struct linked {
	_Atomic uint64_t folders[LINKED_FOLDERS]; /* nids; 0: free */
};

/* Somebody read these bytes of a file of the view.  Never blocks on the
 * network; what fails is left to whoever reads it. */
void linked_note(struct linked *l, struct view *v, uint64_t data_off,
    const void *p, size_t n);

#endif
