#include "layer/elf.h"

#include <elf.h>
#include <string.h>

#include "base/bytes.h"

/* A name's end lies no further than this behind its start. */
enum { NAME_BYTES = 256 };

static bool
is_ours(const Elf64_Ehdr *h)
{
	return memcmp(h->e_ident, ELFMAG, SELFMAG) == 0 &&
	       h->e_ident[EI_CLASS] == ELFCLASS64 &&
	       h->e_ident[EI_DATA] == ELFDATA2LSB &&
	       le16toh(h->e_phentsize) == sizeof(Elf64_Phdr);
}

static void
take_segment(struct elf *x, const Elf64_Phdr *s)
{
	uint64_t off = le64toh(s->p_offset), len = le64toh(s->p_filesz);

	if (le32toh(s->p_type) == PT_INTERP)
		x->has_interpreter = true;
	else if (le32toh(s->p_type) == PT_DYNAMIC)
		x->dynamic =
		    (struct elf_range){ off, min_u64(len, ELF_DYNAMIC_BYTES) };
	else if (le32toh(s->p_type) == PT_LOAD && x->n_loads < ELF_LOADS)
		x->loads[x->n_loads++] =
		    (struct elf_load){ le64toh(s->p_vaddr), off, len };
}

bool
elf_read_head(struct elf *x, const void *p, size_t n)
{
	Elf64_Ehdr h;
	Elf64_Phdr s;
	uint64_t at;

	*x = (struct elf){ 0 };
	if (n < sizeof h)
		return false;
	memcpy(&h, p, sizeof h);
	if (!is_ours(&h))
		return false;
	at = le64toh(h.e_phoff);
	for (unsigned i = 0; i < le16toh(h.e_phnum); i++, at += sizeof s) {
		if (at > n || n - at < sizeof s)
			break;
		memcpy(&s, (const uint8_t *)p + at, sizeof s);
		take_segment(x, &s);
	}
	return x->dynamic.len >= sizeof(Elf64_Dyn) && x->n_loads > 0;
}

/* Where the file has what is loaded to an address. */
static bool
find_address(const struct elf *x, uint64_t address, uint64_t *off)
{
	for (unsigned i = 0; i < x->n_loads; i++) {
		const struct elf_load *l = &x->loads[i];

		if (address < l->address || address - l->address >= l->len)
			continue;
		*off = l->off + (address - l->address);
		return *off >= l->off;
	}
	return false;
}

struct table {
	uint64_t address, size; /* of the strings */
	uint64_t needed[ELF_NEEDED];
	unsigned n_needed;
	uint64_t run_path;
	bool has_run_path, has_name;
};

static void
take_entry(struct table *t, uint64_t tag, uint64_t value)
{
	switch (tag) {
	case DT_STRTAB:
		t->address = value;
		break;
	case DT_STRSZ:
		t->size = value;
		break;
	case DT_SONAME:
		t->has_name = true;
		break;
	case DT_NEEDED:
		if (t->n_needed < ELF_NEEDED)
			t->needed[t->n_needed++] = value;
		break;
	case DT_RPATH:
	case DT_RUNPATH:
		t->run_path = value;
		t->has_run_path = true;
		break;
	}
}

static void
read_table(struct table *t, const uint8_t *p, size_t n)
{
	Elf64_Dyn d;

	*t = (struct table){ 0 };
	for (size_t at = 0; n - at >= sizeof d; at += sizeof d) {
		memcpy(&d, p + at, sizeof d);
		if (le64toh(d.d_tag) == DT_NULL)
			return;
		take_entry(t, le64toh(d.d_tag), le64toh(d.d_un.d_val));
	}
}

/* The smallest range of the strings that has all names; they lie together, as a
 * rule, in a table that may be large. */
static bool
find_strings(struct elf *x, const struct table *t)
{
	uint64_t first = UINT64_MAX, end = 0, off;

	for (unsigned i = 0; i < t->n_needed; i++) {
		first = min_u64(first, t->needed[i]);
		end = max_u64(end, t->needed[i]);
	}
	if (t->has_run_path && t->run_path < t->size) {
		first = min_u64(first, t->run_path);
		end = max_u64(end, t->run_path);
	}
	if (end >= t->size || end - first > ELF_STRINGS_BYTES - NAME_BYTES ||
	    !find_address(x, t->address, &off) || off > INT64_MAX - end)
		return false;
	x->strings = (struct elf_range){ off + first,
		min_u64(end + NAME_BYTES, t->size) - first };
	for (unsigned i = 0; i < t->n_needed; i++)
		x->needed[i] = (uint32_t)(t->needed[i] - first);
	x->n_needed = t->n_needed;
	x->has_run_path = t->has_run_path && t->run_path < t->size;
	if (x->has_run_path)
		x->run_path = (uint32_t)(t->run_path - first);
	return true;
}

bool
elf_read_dynamic(struct elf *x, const void *p, size_t n)
{
	struct table t;

	read_table(&t, p, n);
	x->has_name = t.has_name;
	return t.n_needed > 0 && find_strings(x, &t);
}

const char *
elf_name(const struct elf *x, const char *p, uint32_t at)
{
	if (at >= x->strings.len ||
	    memchr(p + at, 0, x->strings.len - at) == NULL)
		return NULL;
	return p + at;
}
