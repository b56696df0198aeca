#include "base/list.h"
#include "base/test.h"

struct item {
	int value;
	struct list link;
};

static int
digits(struct list *head)
{
	int v = 0;

	list_for_each(pos, head)
		v = 10 * v + list_entry(pos, struct item, link)->value;
	return v;
}

static void
links_keep_their_order(void **s)
{
	struct item a = { .value = 1 }, b = { .value = 2 }, c = { .value = 3 };
	struct list head;

	(void)s;
	list_init(&head);
	assert_true(list_is_empty(&head));
	list_push_back(&head, &b.link);
	list_push_back(&head, &c.link);
	list_push_front(&head, &a.link);
	assert_int_equal(digits(&head), 123);
	list_remove(&b.link);
	list_remove(&b.link);
	assert_int_equal(digits(&head), 13);
	list_insert_before(&c.link, &b.link);
	assert_int_equal(digits(&head), 123);
	assert_ptr_equal(list_pop_front(&head), &a.link);
	assert_int_equal(digits(&head), 23);
}

static void
an_empty_list_pops_nothing(void **s)
{
	struct list head;

	(void)s;
	list_init(&head);
	assert_null(list_pop_front(&head));
}

static void
a_loop_may_remove_where_it_stands(void **s)
{
	struct item items[5];
	struct list head;

	(void)s;
	list_init(&head);
	for (int i = 0; i < 5; i++) {
		items[i].value = i + 1;
		list_push_back(&head, &items[i].link);
	}
	list_for_each_safe(pos, &head) {
		if (list_entry(pos, struct item, link)->value % 2)
			list_remove(pos);
	}
	assert_int_equal(digits(&head), 24);
}

static void
a_whole_list_changes_its_head(void **s)
{
	struct item a = { .value = 1 }, b = { .value = 2 };
	struct list from, to;

	(void)s;
	list_init(&from);
	list_take_all(&to, &from);
	assert_true(list_is_empty(&to) && list_is_empty(&from));
	list_push_back(&from, &a.link);
	list_push_back(&from, &b.link);
	list_take_all(&to, &from);
	assert_true(list_is_empty(&from));
	assert_int_equal(digits(&to), 12);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(links_keep_their_order),
		cmocka_unit_test(an_empty_list_pops_nothing),
		cmocka_unit_test(a_loop_may_remove_where_it_stands),
		cmocka_unit_test(a_whole_list_changes_its_head),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
