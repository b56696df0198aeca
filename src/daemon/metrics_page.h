/* What the daemon tells a monitoring system: counters (base/metrics.h), and
 * what it looks up at the moment of asking.  One table (metrics_page.c)
 * declares every metric with its type and meaning; the manual's list comes from
 * it.
 */
#ifndef DAEMON_METRICS_PAGE_H
#define DAEMON_METRICS_PAGE_H

struct buf;
struct daemon;
struct err;

/* The whole of it, appended to `out`, which has the ceiling.  Any thread; takes
 * locks, reads state.db and /proc/self. */
int metrics_page_write(struct daemon *d, struct buf *out, struct err *e);

/* Prints "NAME TYPE meaning" of every metric, one a line. */
void metrics_page_print_table(void);

#endif
