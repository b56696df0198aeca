/* What the parts of mounttool have in common: each failure ends it. */
#ifndef MOUNT_MOUNTTOOL_H
#define MOUNT_MOUNTTOOL_H

struct err;

void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
void check(int rc, const struct err *e);

/* Writes STORE/index and STORE/data of what lies in FOLDER; what is below
 * FOLDER/cold from FAKE_COLD on. */
void make_store(const char *folder, const char *store);

#endif
