#include <elf.h>
#include <string.h>

#include "layer/elf.h"
#include "base/bytes.h"
#include "base/test.h"

/* A library: head, one segment loaded 0x1000 higher than it lies, its dynamic
 * section at 0x200, strings at 0x400. */
enum { DYNAMIC = 0x200, STRINGS = 0x400, FILE_BYTES = 0x600, LOADED = 0x1000 };

struct library {
	uint8_t bytes[FILE_BYTES];
	unsigned n; /* of the dynamic section */
};

static void
put_entry(struct library *l, int64_t tag, uint64_t value)
{
	Elf64_Dyn d = { .d_tag = tag, .d_un.d_val = value };

	memcpy(l->bytes + DYNAMIC + l->n++ * sizeof d, &d, sizeof d);
}

static void
make(struct library *l)
{
	static const char strings[] =
	    "\0libm.so.6\0libc.so.6\0$ORIGIN/../libs\0memcpy";
	Elf64_Ehdr h = { .e_phoff = sizeof h,
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phnum = 2 };
	Elf64_Phdr s[2] = {
		{ .p_type = PT_LOAD,
		    .p_vaddr = LOADED,
		    .p_filesz = FILE_BYTES },
		{ .p_type = PT_DYNAMIC, .p_offset = DYNAMIC, .p_filesz = 0x80 },
	};

	*l = (struct library){ 0 };
	memcpy(h.e_ident, ELFMAG, SELFMAG);
	h.e_ident[EI_CLASS] = ELFCLASS64;
	h.e_ident[EI_DATA] = ELFDATA2LSB;
	memcpy(l->bytes, &h, sizeof h);
	memcpy(l->bytes + sizeof h, s, sizeof s);
	memcpy(l->bytes + STRINGS, strings, sizeof strings);
	put_entry(l, DT_NEEDED, 1);
	put_entry(l, DT_NEEDED, 11);
	put_entry(l, DT_RUNPATH, 21);
	put_entry(l, DT_STRTAB, LOADED + STRINGS);
	put_entry(l, DT_STRSZ, sizeof strings);
	put_entry(l, DT_NULL, 0);
}

static bool
read_all(struct elf *x, const struct library *l)
{
	return elf_read_head(x, l->bytes, 0x100) &&
	       elf_read_dynamic(x, l->bytes + x->dynamic.off, x->dynamic.len);
}

static void
the_needed_libraries_are_named(void **state)
{
	struct library l;
	struct elf x;
	const char *strings;

	(void)state;
	make(&l);
	assert_true(read_all(&x, &l));
	assert_int_equal(x.dynamic.off, DYNAMIC);
	assert_int_equal(x.strings.off, STRINGS + 1);
	assert_int_equal(x.n_needed, 2);
	strings = (const char *)l.bytes + x.strings.off;
	assert_string_equal(elf_name(&x, strings, x.needed[0]), "libm.so.6");
	assert_string_equal(elf_name(&x, strings, x.needed[1]), "libc.so.6");
	assert_true(x.has_run_path);
	assert_string_equal(
	    elf_name(&x, strings, x.run_path), "$ORIGIN/../libs");
}

static void
what_is_no_such_file_is_left_alone(void **state)
{
	struct library l;
	struct elf x;

	(void)state;
	assert_false(elf_read_head(&x, "#!/bin/sh\n", 10));
	make(&l);
	assert_false(elf_read_head(&x, l.bytes, 63));
	l.bytes[EI_CLASS] = ELFCLASS32;
	assert_false(elf_read_head(&x, l.bytes, 0x100));
	make(&l);
	l.bytes[EI_DATA] = ELFDATA2MSB;
	assert_false(elf_read_head(&x, l.bytes, 0x100));
}

static void
segments_beyond_what_was_read_are_not_looked_at(void **state)
{
	struct library l;
	struct elf x;

	(void)state;
	make(&l);
	assert_false(elf_read_head(
	    &x, l.bytes, sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr) - 1));
	/* The table is nowhere. */
	put_le64(l.bytes + offsetof(Elf64_Ehdr, e_phoff), UINT64_MAX - 8);
	assert_false(elf_read_head(&x, l.bytes, 0x100));
}

static void
strings_that_lie_nowhere_are_none(void **state)
{
	struct library l;
	struct elf x;

	(void)state;
	make(&l);
	l.n = 3;
	put_entry(&l, DT_STRTAB, LOADED + FILE_BYTES);
	assert_false(read_all(&x, &l));
	l.n = 3;
	put_entry(&l, DT_STRTAB, UINT64_MAX);
	assert_false(read_all(&x, &l));
}

static void
a_name_outside_of_the_strings_is_none(void **state)
{
	struct library l;
	struct elf x;

	(void)state;
	make(&l);
	l.n = 0;
	put_entry(&l, DT_NEEDED, 1 << 20);
	assert_false(read_all(&x, &l));
}

static void
a_name_that_does_not_end_is_none(void **state)
{
	struct library l;
	struct elf x;

	(void)state;
	make(&l);
	l.n = 4;
	put_entry(&l, DT_STRSZ, 23);
	assert_true(read_all(&x, &l));
	assert_null(
	    elf_name(&x, (const char *)l.bytes + x.strings.off, x.run_path));
	assert_null(
	    elf_name(&x, (const char *)l.bytes + x.strings.off, UINT32_MAX));
}

static void
names_far_from_each_other_are_not_read(void **state)
{
	struct library l;
	struct elf x;

	(void)state;
	make(&l);
	l.n = 1;
	put_entry(&l, DT_NEEDED, 1 << 20);
	l.n = 4;
	put_entry(&l, DT_STRSZ, 1 << 21);
	assert_false(read_all(&x, &l));
}

static void
what_needs_nothing_is_done(void **state)
{
	struct library l;
	struct elf x;

	(void)state;
	make(&l);
	l.n = 0;
	put_entry(&l, DT_NULL, 0);
	assert_false(read_all(&x, &l));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_needed_libraries_are_named),
		cmocka_unit_test(what_is_no_such_file_is_left_alone),
		cmocka_unit_test(
		    segments_beyond_what_was_read_are_not_looked_at),
		cmocka_unit_test(strings_that_lie_nowhere_are_none),
		cmocka_unit_test(a_name_outside_of_the_strings_is_none),
		cmocka_unit_test(a_name_that_does_not_end_is_none),
		cmocka_unit_test(names_far_from_each_other_are_not_read),
		cmocka_unit_test(what_needs_nothing_is_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
