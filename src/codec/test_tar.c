/* What tars say, in each of their dialects. */

#include "codec/test_tar.h"

static void
every_type_is_understood(void **state)
{
	TAR(b);

	(void)state;
	add_header(&b, &(struct header){ '5', "d/", NULL, 0, 7 });
	add_header(&b, &(struct header){ '0', "d/f", NULL, 5, 0 });
	add_bytes(&b, "hello", 5);
	add_header(&b, &(struct header){ '7', "d/c", NULL, 2, 0 });
	add_bytes(&b, "hi", 2);
	add_header(&b, &(struct header){ '1', "d/h", "d/f", 5, 0 });
	add_header(&b, &(struct header){ '2', "d/s", "f", 0, 0 });
	add_header(&b, &(struct header){ '3', "d/n", NULL, 0, 0 });
	add_header(&b, &(struct header){ '6', "d/p", NULL, 0, 0 });
	add_header(&b, &(struct header){ 0, "old/", NULL, 0, 0 });
	add_header(&b, &(struct header){ 0, "older", NULL, 0, 0 });
	add_end(&b);
	expect(&b, "5 d/ 0 @7.0;0 d/f 5 [hello];0 d/c 2 [hi];1 d/h -> d/f 0;"
		   "2 d/s -> f 0;3 d/n 0;6 d/p 0;5 old/ 0;0 older 0;");
}

static void
pax_says_what_the_header_cannot(void **state)
{
	TAR(b);

	(void)state;
	add_pax(&b, 'x',
	    (const char *[]){ "path=a=b\nc", "linkpath=t", "mtime=1.25",
		"SCHILY.xattr.user.x=v=1", "hdrcharset=BINARY",
		"comment=", NULL });
	add_header(&b, &(struct header){ '2', "short", "short", 0, 9 });
	add_header(&b, &(struct header){ '0', "next", NULL, 0, 0 });
	expect(&b, "2 a=b\nc -> t 0 @1.250000000 user.x=v=1;0 next 0;");
}

static void
a_time_before_1970_is_rounded_to_the_past(void **state)
{
	TAR(b);

	(void)state;
	add_pax(&b, 'x', (const char *[]){ "mtime=-1.5", NULL });
	add_header(&b, &(struct header){ '0', "f", NULL, 0, 0 });
	add_pax(&b, 'x', (const char *[]){ "mtime=-0.000000001", NULL });
	add_header(&b, &(struct header){ '0', "g", NULL, 0, 0 });
	expect(&b, "0 f 0 @-2.500000000;0 g 0 @-1.999999999;");
}

static void
a_global_header_changes_nothing(void **state)
{
	TAR(b);

	(void)state;
	add_pax(&b, 'g', (const char *[]){ "path=elsewhere", NULL });
	add_header(&b, &(struct header){ '0', "f", NULL, 0, 0 });
	expect(&b, "0 f 0;");
}

static void
gnu_long_names_beat_pax(void **state)
{
	TAR(b);

	(void)state;
	add_header(&b, &(struct header){ 'L', "././@LongLink", NULL, 5, 0 });
	add_bytes(&b, "long\0", 5);
	add_header(&b, &(struct header){ 'K', "././@LongLink", NULL, 6, 0 });
	add_bytes(&b, "target", 6);
	add_pax(&b, 'x', (const char *[]){ "path=pax", NULL });
	add_header(&b, &(struct header){ '2', "f", "g", 0, 0 });
	add_header(&b, &(struct header){ '2', "f", "g", 0, 0 });
	expect(&b, "2 long -> target 0;2 f -> g 0;");
}

static void
a_ustar_prefix_is_the_names_beginning_and_gnus_is_not(void **state)
{
	TAR(b);
	uint8_t *h;

	(void)state;
	h = add_header(&b, &(struct header){ '0', "name", NULL, 0, 0 });
	strcpy((char *)h + 345, "pre/fix");
	seal(h);
	h = add_header(&b, &(struct header){ '0', "name", NULL, 0, 0 });
	memcpy(h + 257, "ustar  ", 8);
	strcpy((char *)h + 345, "00000000000");
	seal(h);
	expect(&b, "0 pre/fix/name 0;0 name 0;");
}

static void
numbers_may_be_base_256(void **state)
{
	TAR(b);
	uint8_t *h;

	(void)state;
	h = add_header(&b, &(struct header){ '0', "f", NULL, 0, 0 });
	memset(h + 136, 0xff, 12); /* -1 */
	memset(h + 124, 0, 12);
	h[124] = 0x80;
	h[135] = 3;
	seal(h);
	add_bytes(&b, "abc", 3);
	expect(&b, "0 f 3 @-1.0 [abc];");
	h = b.data;
	memset(h + 124, 0xff, 12);
	h[124] = 0x80;
	seal(h);
	expect_refusal(&b, "number too large");
}

static void
a_signed_checksum_is_accepted(void **state)
{
	TAR(b);
	uint8_t *h;
	int sum = 0;

	(void)state;
	h = add_header(&b, &(struct header){ '0', "\xe9", NULL, 0, 0 });
	memset(h + 148, ' ', 8);
	for (int i = 0; i < TAR_BLOCK; i++)
		sum += (int8_t)h[i];
	snprintf((char *)h + 148, 8, "%06o", sum);
	expect(&b, "0 \xe9 0;");
}

static void
sparse_files_come_with_their_holes(void **state)
{
	TAR(b);
	uint8_t *h;

	(void)state;
	/* GNU's: 3 bytes at 10, 2 at 20, of 100. */
	h = add_header(&b, &(struct header){ 'S', "gnu", NULL, 5, 0 });
	memcpy(h + 257, "ustar  ", 8);
	strcpy((char *)h + 386, "00000000012");
	strcpy((char *)h + 398, "00000000003");
	strcpy((char *)h + 410, "00000000024");
	strcpy((char *)h + 422, "00000000002");
	strcpy((char *)h + 483, "00000000144");
	seal(h);
	add_bytes(&b, "abcde", 5);
	/* PAX 0.0, 0.1 and 1.0: the same. */
	add_pax(&b, 'x',
	    (const char *[]){ "GNU.sparse.size=100", "GNU.sparse.offset=10",
		"GNU.sparse.numbytes=3", "GNU.sparse.offset=20",
		"GNU.sparse.numbytes=2", NULL });
	add_header(&b, &(struct header){ '0', "v00", NULL, 5, 0 });
	add_bytes(&b, "abcde", 5);
	add_pax(&b, 'x',
	    (const char *[]){ "GNU.sparse.size=100", "GNU.sparse.name=v01",
		"GNU.sparse.map=10,3,20,2", NULL });
	add_header(&b, &(struct header){ '0', "wrong", NULL, 5, 0 });
	add_bytes(&b, "abcde", 5);
	add_pax(&b, 'x',
	    (const char *[]){ "GNU.sparse.major=1", "GNU.sparse.minor=0",
		"GNU.sparse.realsize=100", "GNU.sparse.name=v10", NULL });
	add_header(&b, &(struct header){ '0', "wrong", NULL, 517, 0 });
	add_bytes(&b, "2\n10\n3\n20\n2\n", 12);
	add_bytes(&b, "abcde", 5);
	expect(&b, "0 gnu 100 <10> [abc] <7> [de] <78>;"
		   "0 v00 100 <10> [abc] <7> [de] <78>;"
		   "0 v01 100 <10> [abc] <7> [de] <78>;"
		   "0 v10 100 <10> [abc] <7> [de] <78>;");
}

static void
a_sparse_file_of_nothing_but_a_hole_is_one_hole(void **state)
{
	TAR(b);

	(void)state;
	add_pax(&b, 'x',
	    (const char *[]){
		"GNU.sparse.size=100", "GNU.sparse.map=100,0", NULL });
	add_header(&b, &(struct header){ '0', "f", NULL, 0, 0 });
	expect(&b, "0 f 100 <100>;");
}

static void
the_same_comes_of_any_cut(void **state)
{
	TAR(b);
	struct heard whole, cut;
	struct err e = ERR_INIT;

	(void)state;
	add_pax(&b, 'x',
	    (const char *[]){ "GNU.sparse.major=1", "GNU.sparse.minor=0",
		"GNU.sparse.realsize=100", "GNU.sparse.name=s", NULL });
	add_header(&b, &(struct header){ '0', "w", NULL, 513, 0 });
	add_bytes(&b, "1\n10\n1\n", 7);
	add_bytes(&b, "a", 1);
	add_header(&b, &(struct header){ '0', "f", NULL, 1, 0 });
	add_bytes(&b, "x", 1);
	add_end(&b);
	assert_int_equal(parse(&b, b.len, &whole, &e), 0);
	for (size_t step = 1; step < 1030; step += 73) {
		assert_int_equal(parse(&b, step, &cut, &e), 0);
		assert_string_equal(buf_str(&cut.text), buf_str(&whole.text));
		buf_release(&cut.text);
	}
	buf_release(&whole.text);
}

static void
the_end_is_where_go_sees_it(void **state)
{
	TAR(b);

	(void)state;
	/* Without blocks of zeros; within the last padding. */
	add_header(&b, &(struct header){ '0', "f", NULL, 1, 0 });
	add_bytes(&b, "x", 1);
	expect(&b, "0 f 1 [x];");
	b.len -= 100;
	expect(&b, "0 f 1 [x];");
	b.len += 100;
	/* What follows two of them is not looked at. */
	add_end(&b);
	add_bytes(&b, "rubbish", 7);
	expect(&b, "0 f 1 [x];");
}

static void
an_empty_name_is_a_name(void **state)
{
	TAR(b);

	(void)state;
	add_header(&b, &(struct header){ '0', "", NULL, 0, 0 });
	add_header(&b, &(struct header){ 'L', "l", NULL, 0, 0 });
	add_header(&b, &(struct header){ '0', "short", NULL, 0, 0 });
	expect(&b, "0  0;0  0;");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_type_is_understood),
		cmocka_unit_test(pax_says_what_the_header_cannot),
		cmocka_unit_test(a_time_before_1970_is_rounded_to_the_past),
		cmocka_unit_test(a_global_header_changes_nothing),
		cmocka_unit_test(gnu_long_names_beat_pax),
		cmocka_unit_test(
		    a_ustar_prefix_is_the_names_beginning_and_gnus_is_not),
		cmocka_unit_test(numbers_may_be_base_256),
		cmocka_unit_test(a_signed_checksum_is_accepted),
		cmocka_unit_test(sparse_files_come_with_their_holes),
		cmocka_unit_test(
		    a_sparse_file_of_nothing_but_a_hole_is_one_hole),
		cmocka_unit_test(the_same_comes_of_any_cut),
		cmocka_unit_test(the_end_is_where_go_sees_it),
		cmocka_unit_test(an_empty_name_is_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
