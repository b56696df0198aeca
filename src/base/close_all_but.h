/* For a child that may hang in the kernel for ever: it must hold nothing up, no lock
 * and no session.  A FUSE mount that waits for the end of its descriptor's last
 * holder would hang with it.
 */
#ifndef BASE_CLOSE_ALL_BUT_H
#define BASE_CLOSE_ALL_BUT_H

#include <linux/close_range.h>
#include <unistd.h>

static inline void
close_all_but_two(int low, int high)
{
	if (low > high) {
		int other = low;

		low = high;
		high = other;
	}
	if (low > 0)
		close_range(0, low - 1, 0);
	if (high > low + 1)
		close_range(low + 1, high - 1, 0);
	close_range(high + 1, ~0u, 0);
}

static inline void
close_all_but(int fd)
{
	close_all_but_two(fd, fd);
}

#endif
