/* A view for tests (layer/view.h): file contents from a plain file, and a part
 * of it that is missing until the test says so.  Linked instead of layer/.
 */
#ifndef MOUNT_FAKE_VIEW_H
#define MOUNT_FAKE_VIEW_H

#include <stdbool.h>
#include <stdint.h>

struct err;
struct index;
struct view;

/* What lies at or past this is missing at first. */
#define FAKE_COLD ((uint64_t)1 << 36)

/* Takes the index; data stays the caller's. */
struct view *fake_view_new(struct index *take, int data, const char *label);

/* Wants that wait, and the patience of the last. */
unsigned fake_view_waiting(struct view *v);
uint32_t fake_view_patience_ms(struct view *v);

/* What is missing arrives, and those who wait are told. */
void fake_view_deliver(struct view *v);
/* Those who wait are told that it failed. */
void fake_view_fail(struct view *v, const struct err *why);
/* Those who wait are told that it arrived, but it is evicted already. */
void fake_view_evict(struct view *v);

#endif
