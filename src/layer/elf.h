/* What a program or library is linked with, read from its ELF file: 64 bits,
 * little endian.  The loader opens the names of DT_NEEDED one after the other;
 * whoever knows them can ask for all at once.
 *
 *	head      -> elf_read_head       where the dynamic section is
 *	dynamic   -> elf_read_dynamic    where the names are
 *	strings   -> elf_name
 *
 * Hostile bytes: whatever they say, what comes out is ranges of at most these
 * sizes and names that end in the range.  Pure: no I/O.
 */
#ifndef LAYER_ELF_H
#define LAYER_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ELF_HEAD_BYTES = 4096, /* of a file's start, that are looked at */
	ELF_LOADS = 16,
	ELF_DYNAMIC_BYTES = 16 << 10,
	ELF_STRINGS_BYTES = 256 << 10,
	ELF_NEEDED = 64,
};

struct elf_range {
	uint64_t off, len; /* of the file */
};

struct elf {
	struct elf_load {
		uint64_t address, off, len;
	} loads[ELF_LOADS];
	unsigned n_loads;
	struct elf_range dynamic;
	bool has_interpreter; /* it is a program */

	/* after elf_read_dynamic() */
	bool has_name; /* it is a library: others are linked with it */
	struct elf_range strings;    /* all the names are in it */
	uint32_t needed[ELF_NEEDED]; /* positions in it */
	unsigned n_needed;
	bool has_run_path;
	uint32_t run_path;
};

/* False: no such ELF file, or it is linked with nothing. */
bool elf_read_head(struct elf *x, const void *p, size_t n);
/* p: the bytes of x->dynamic.  False: it needs nothing, or is damaged. */
bool elf_read_dynamic(struct elf *x, const void *p, size_t n);
/* p: the bytes of x->strings.  NULL: none that ends there. */
const char *elf_name(const struct elf *x, const char *p, uint32_t at);

#endif
