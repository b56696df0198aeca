#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/tar.h"
#include "base/bytes.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/test.h"

/* ---- a tar by hand ---- */

struct header {
	char type;
	const char *name, *link;
	uint64_t size;
	int64_t mtime;
};

static void
seal(uint8_t *h)
{
	unsigned sum = 0;

	memset(h + 148, ' ', 8);
	for (int i = 0; i < TAR_BLOCK; i++)
		sum += h[i];
	snprintf((char *)h + 148, 8, "%06o", sum);
}

static uint8_t *
add_header(struct buf *b, const struct header *x)
{
	struct err e;
	uint8_t *h;

	assert_int_equal(buf_reserve(b, TAR_BLOCK, &e), 0);
	h = b->data + b->len;
	b->len += TAR_BLOCK;
	memset(h, 0, TAR_BLOCK);
	strncpy((char *)h, x->name, 100);
	strcpy((char *)h + 100, "0000644");
	strcpy((char *)h + 108, "0000012");
	strcpy((char *)h + 116, "0000024");
	snprintf((char *)h + 124, 12, "%011llo", (unsigned long long)x->size);
	snprintf((char *)h + 136, 12, "%011llo", (unsigned long long)x->mtime);
	h[156] = x->type;
	if (x->link != NULL)
		strncpy((char *)h + 157, x->link, 100);
	memcpy(h + 257,
	    "ustar\0"
	    "00",
	    8);
	seal(h);
	return h;
}

static void
add_bytes(struct buf *b, const void *p, size_t n)
{
	static const uint8_t zeros[TAR_BLOCK];
	struct err e;

	assert_int_equal(buf_append(b, p, n, &e), 0);
	assert_int_equal(
	    buf_append(b, zeros, align_up(n, TAR_BLOCK) - n, &e), 0);
}

static void
add_end(struct buf *b)
{
	static const uint8_t zeros[2 * TAR_BLOCK];

	add_bytes(b, zeros, sizeof zeros);
}

/* An extended header of records, each "KEY=VALUE". */
static void
add_pax(struct buf *b, char type, const char *const *records)
{
	AUTO_BUF struct buf text = BUF_INIT(MIB(1));
	struct err e;

	for (; *records != NULL; records++) {
		size_t n = strlen(*records) + 3, digits = 1;

		for (size_t v = n; v >= 10; v /= 10)
			digits++;
		n += digits - 1;
		assert_int_equal(
		    buf_printf(&text, &e, "%zu %s\n", n, *records), 0);
	}
	add_header(b, &(struct header){ type, "pax", NULL, text.len, 0 });
	add_bytes(b, text.data, text.len);
}

/* ---- what the parser said, as text ---- */

struct heard {
	struct tar_sink sink;
	struct buf text;
};

static struct buf *
text_of(struct tar_sink *s)
{
	return &container_of(s, struct heard, sink)->text;
}

static int
on_entry(struct tar_sink *s, const struct tar_entry *x, struct err *e)
{
	struct buf *t = text_of(s);

	buf_printf(t, e, "%d %.*s", x->type, (int)x->path_len, x->path);
	if (x->link_len > 0)
		buf_printf(t, e, " -> %.*s", (int)x->link_len, x->link);
	buf_printf(t, e, " %llu", (unsigned long long)x->size);
	if (x->mtime_s != 0 || x->mtime_ns != 0)
		buf_printf(
		    t, e, " @%lld.%u", (long long)x->mtime_s, x->mtime_ns);
	for (size_t i = 0; i < x->n_xattrs; i++)
		buf_printf(t, e, " %s=%.*s", x->xattrs[i].name,
		    (int)x->xattrs[i].len, (char *)x->xattrs[i].value);
	return 0;
}

static int
on_data(
    struct tar_sink *s, uint64_t off, const void *p, size_t n, struct err *e)
{
	(void)off;
	return buf_printf(
	    text_of(s), e, " [%.*s]", (int)min_u64(n, 20), (char *)p);
}

static int
on_hole(struct tar_sink *s, uint64_t n, struct err *e)
{
	return buf_printf(text_of(s), e, " <%llu>", (unsigned long long)n);
}

static int
on_end(struct tar_sink *s, const struct tar_entry *x, struct err *e)
{
	(void)x;
	return buf_printf(text_of(s), e, ";");
}

static int
parse(const struct buf *b, size_t step, struct heard *h, struct err *e)
{
	AUTO_TAR struct tar *t = tar_new(e);

	*h = (struct heard){ { on_entry, on_data, on_hole, on_end },
		BUF_INIT(MIB(1)) };
	for (size_t at = 0; at < b->len; at += step)
		if (tar_feed(t, b->data + at, min_u64(step, b->len - at),
			&h->sink, e) < 0)
			return -1;
	return tar_end(t, e);
}

static void
expect(const struct buf *b, const char *text)
{
	struct heard h;
	struct err e = ERR_INIT;

	if (parse(b, b->len, &h, &e) < 0)
		fail_msg("%s", e.msg);
	assert_string_equal(buf_str(&h.text), text);
	buf_release(&h.text);
}

static void
expect_refusal(const struct buf *b, const char *why)
{
	struct heard h;
	struct err e = ERR_INIT;

	assert_int_equal(parse(b, b->len, &h, &e), -1);
	assert_int_equal(e.code, EBADMSG);
	if (strstr(e.msg, why) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", e.msg, why);
	buf_release(&h.text);
}

#define TAR(b) AUTO_BUF struct buf b = BUF_INIT(MIB(16))

/* ---- tests ---- */

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
a_hostile_sparse_map_is_refused(void **state)
{
	static const char *const maps[] = {
		"GNU.sparse.map=10,3,9,2",  /* back */
		"GNU.sparse.map=10,3,12,2", /* overlap */
		"GNU.sparse.map=99,5",      /* past the size */
		"GNU.sparse.map=9223372036854775807,5",
		"GNU.sparse.map=10,4", /* too little */
		"GNU.sparse.map=10,6", /* too much */
		"GNU.sparse.map=10",   /* half */
		"GNU.sparse.map=",     /* nothing, yet sparse */
		"GNU.sparse.map=x,5",
	};

	(void)state;
	for (size_t i = 0; i < sizeof maps / sizeof *maps; i++) {
		TAR(b);

		add_pax(&b, 'x',
		    (const char *[]){ "GNU.sparse.size=100",
			"GNU.sparse.offset=0", maps[i], NULL });
		add_header(&b, &(struct header){ '0', "f", NULL, 5, 0 });
		add_bytes(&b, "abcde", 5);
		expect_refusal(&b, "");
	}
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

static void
a_truncated_tar_is_refused(void **state)
{
	TAR(b);

	(void)state;
	add_pax(&b, 'x', (const char *[]){ "path=p", NULL });
	expect_refusal(&b, "cut off"); /* no entry for it */
	add_header(&b, &(struct header){ '0', "f", NULL, 600, 0 });
	b.len -= 1;
	expect_refusal(&b, "cut off");
	b.len += 1;
	expect_refusal(&b, "cut off");
}

static void
damaged_headers_are_refused(void **state)
{
	static const struct {
		int at;
		char byte;
		const char *why;
	} cases[] = {
		{ 156, 'V', "unknown entry type" },
		{ 156, 'D', "unknown entry type" },
		{ 101, '9', "mode" },
		{ 110, 'x', "uid" },
		{ 126, '8', "size" },
		{ 140, '-', "mtime" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		TAR(b);
		uint8_t *h =
		    add_header(&b, &(struct header){ '0', "f", NULL, 0, 0 });

		h[cases[i].at] = cases[i].byte;
		expect_refusal(&b, "checksum");
		seal(h);
		expect_refusal(&b, cases[i].why);
	}
}

static void
damaged_pax_records_are_refused(void **state)
{
	static const char *const texts[] = {
		"13 path=abc\n", /* one too many */
		"10 path=abc\n", /* cut short */
		"99999999999999999999 path=a\n",
		"x path=abc\n",
		"5 =a\n",
		"9 pathabc\n",
		"12 uid=-5555\n",
		"18 uid=4294967296\n",
		"13 mtime=1.x\n",
		"11 path=abc",
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		TAR(b);

		add_header(&b,
		    &(struct header){ 'x', "pax", NULL, strlen(texts[i]), 0 });
		add_bytes(&b, texts[i], strlen(texts[i]));
		add_header(&b, &(struct header){ '0', "f", NULL, 0, 0 });
		expect_refusal(&b, "PAX");
	}
}

static void
an_extended_header_over_the_limit_is_refused(void **state)
{
	TAR(b);

	(void)state;
	add_header(
	    &b, &(struct header){ 'x', "pax", NULL, LIMIT_PAX_BYTES + 1, 0 });
	expect_refusal(&b, "too large");
	b.len = 0;
	add_header(
	    &b, &(struct header){ 'L', "l", NULL, LIMIT_PATH_BYTES + 513, 0 });
	expect_refusal(&b, "too large");
}

static void
a_size_of_an_exabyte_is_refused(void **state)
{
	TAR(b);

	(void)state;
	add_pax(&b, 'x', (const char *[]){ "size=1152921504606846976", NULL });
	add_header(&b, &(struct header){ '0', "f", NULL, 0, 0 });
	expect_refusal(&b, "size out of range");
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
		cmocka_unit_test(a_hostile_sparse_map_is_refused),
		cmocka_unit_test(the_same_comes_of_any_cut),
		cmocka_unit_test(the_end_is_where_go_sees_it),
		cmocka_unit_test(an_empty_name_is_a_name),
		cmocka_unit_test(a_truncated_tar_is_refused),
		cmocka_unit_test(damaged_headers_are_refused),
		cmocka_unit_test(damaged_pax_records_are_refused),
		cmocka_unit_test(an_extended_header_over_the_limit_is_refused),
		cmocka_unit_test(a_size_of_an_exabyte_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
