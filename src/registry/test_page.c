#include <string.h>

#include "registry/page.h"
#include "base/cleanup.h"
#include "base/test.h"

static void
the_next_page_is_found_among_links(void **state)
{
	static const char *const with[] = {
		"</v2/next>; rel=\"next\"",
		"</v2/next>;rel=next",
		"</v2/a>; rel=prev, </v2/next>; a=\"x, y\"; REL=\"Next\"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof with / sizeof *with; i++) {
		AUTO_FREE char *url = page_next(with[i]);

		assert_non_null(url);
		assert_string_equal(url, "/v2/next");
	}
}

static void
without_one_there_is_none(void **state)
{
	static const char *const without[] = { "", "<", "</v2/x>", "<>",
		"</v2/x; rel=next", "</v2/x>; rel=\"nextish\"",
		"</v2/x>; rel=\"prev\"", "</a>; rel=, </b>; rel=", "</a>;\"",
		"</a>; title=\"; rel=next\"" };

	(void)state;
	for (size_t i = 0; i < sizeof without / sizeof *without; i++)
		assert_null(page_next(without[i]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_next_page_is_found_among_links),
		cmocka_unit_test(without_one_there_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
