#include "fetch/kin.h"
#include "base/err.h"
#include "base/test.h"

/* Folders by number; every family has the name 1. */
static struct kin_keys
keys(uint64_t grandparent, uint64_t parent)
{
	return (struct kin_keys){ .grandparent = grandparent,
		.parent = parent,
		.among = 1000 + parent };
}

static void
add(struct kin *k, struct kin_keys where, uint32_t first, uint32_t n)
{
	struct err e = ERR_INIT;

	assert_int_equal(kin_begin_family(k, &where, &e), 0);
	for (uint32_t i = 0; i < n; i++)
		kin_add_object(k, first + i);
}

/* 0 numpy's own, 1 core, 2 core/tests, 3 lib: folder 10 is numpy, 11 core, 12
 * lib, 13 core/tests; and 4, in another package. */
static struct kin *
packages(void)
{
	struct err e = ERR_INIT;
	struct kin *k = kin_new(20, &e);

	assert_non_null(k);
	add(k, keys(5, 10), 0, 2);
	add(k, keys(10, 11), 2, 3);
	add(k, keys(11, 13), 5, 1);
	add(k, keys(10, 12), 6, 2);
	add(k, keys(7, 30), 8, 1);
	return k;
}

static void
an_object_is_found_in_its_family(void **state)
{
	AUTO_KIN struct kin *k = packages();
	struct kin_family f;
	uint32_t which;

	(void)state;
	assert_int_equal(kin_n_families(k), 5);
	assert_true(kin_find(k, 4, &f, &which));
	assert_int_equal(f.number, 1);
	assert_int_equal(f.n, 3);
	assert_int_equal(which, 2);
	assert_int_equal(f.objects[0], 2);
	assert_true(kin_find(k, 8, &f, &which));
	assert_int_equal(f.number, 4);
}

static void
what_has_no_family_is_not_found(void **state)
{
	AUTO_KIN struct kin *k = packages();
	struct kin_family f;
	uint32_t which;

	(void)state;
	assert_false(kin_find(k, 9, &f, &which));
	assert_false(kin_find(k, 20, &f, &which));
	assert_false(kin_find(k, UINT32_MAX, &f, &which));
}

static void
an_object_stays_in_its_first_family(void **state)
{
	AUTO_KIN struct kin *k = packages();
	struct kin_family f;
	uint32_t which;

	(void)state;
	add(k, keys(40, 41), 0, 20);
	assert_true(kin_find(k, 0, &f, &which));
	assert_int_equal(f.number, 0);
	assert_true(kin_find(k, 19, &f, &which));
	assert_int_equal(f.number, 5);
	assert_int_equal(f.n, 11);
	/* There are no such objects. */
	kin_add_object(k, 20);
	kin_family(k, 5, &f);
	assert_int_equal(f.n, 11);
}

static void
cousins_come_first_then_nieces_and_aunts(void **state)
{
	AUTO_KIN struct kin *k = packages();
	struct kin_walk w = { .from = 1 };

	(void)state;
	assert_int_equal(kin_next(k, &w), 3);
	assert_int_equal(kin_next(k, &w), 2);
	assert_int_equal(kin_next(k, &w), 0);
	assert_int_equal(kin_next(k, &w), KIN_NONE);
	assert_int_equal(kin_next(k, &w), KIN_NONE);
}

static void
the_nearest_come_first(void **state)
{
	struct err e = ERR_INIT;
	AUTO_KIN struct kin *k = kin_new(10, &e);
	struct kin_walk w = { .from = 2 };

	(void)state;
	for (uint32_t i = 0; i < 5; i++)
		add(k, keys(1, 10 + i), i, 1);
	assert_int_equal(kin_next(k, &w), 3);
	assert_int_equal(kin_next(k, &w), 1);
	assert_int_equal(kin_next(k, &w), 4);
	assert_int_equal(kin_next(k, &w), 0);
	assert_int_equal(kin_next(k, &w), KIN_NONE);
}

static void
siblings_are_those_of_the_same_parent(void **state)
{
	struct err e = ERR_INIT;
	AUTO_KIN struct kin *k = kin_new(10, &e);
	struct kin_keys a = { 1, 2, 99 }, b = { 3, 4, 99 }, c = { 5, 6, 98 };
	struct kin_walk w = { .from = 0 };

	(void)state;
	add(k, a, 0, 1);
	add(k, b, 1, 1);
	add(k, c, 2, 1);
	assert_int_equal(kin_next(k, &w), 1);
	assert_int_equal(kin_next(k, &w), KIN_NONE);
}

static void
a_walk_ends_in_whatever_a_tree_looks_like(void **state)
{
	enum { MANY = 100000 };
	struct err e = ERR_INIT;
	AUTO_KIN struct kin *k = kin_new(MANY, &e);
	struct kin_walk w = { .from = MANY / 2 };
	unsigned n = 0;

	(void)state;
	for (uint32_t i = 0; i < MANY; i++)
		add(k, keys(1, i), i, 1);
	while (kin_next(k, &w) != KIN_NONE)
		n++;
	assert_in_range(n, 1000, 5000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_is_found_in_its_family),
		cmocka_unit_test(what_has_no_family_is_not_found),
		cmocka_unit_test(an_object_stays_in_its_first_family),
		cmocka_unit_test(cousins_come_first_then_nieces_and_aunts),
		cmocka_unit_test(the_nearest_come_first),
		cmocka_unit_test(siblings_are_those_of_the_same_parent),
		cmocka_unit_test(a_walk_ends_in_whatever_a_tree_looks_like),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
