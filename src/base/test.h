/* What a unit test needs of cmocka, which wants these headers in this order,
 * and two words of our own.  Only test_*.c includes it. */
#ifndef BASE_TEST_H
#define BASE_TEST_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/err.h"

/* The call fails with this errno and says why in `e`. */
#define assert_fails(call, e, errno_)                 \
	do {                                          \
		(e) = ERR_INIT;                       \
		assert_true((intptr_t)(call) == -1);  \
		assert_int_equal((e).code, (errno_)); \
		assert_string_not_equal((e).msg, ""); \
	} while (0)

/* The call gives NULL with this errno. */
#define assert_null_with(call, e, errno_)             \
	do {                                          \
		(e) = ERR_INIT;                       \
		assert_null(call);                    \
		assert_int_equal((e).code, (errno_)); \
		assert_string_not_equal((e).msg, ""); \
	} while (0)

#endif
