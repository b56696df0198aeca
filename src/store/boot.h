/* Which boot of the kernel the store was last opened under.  Private to
 * store/. */
#ifndef STORE_BOOT_H
#define STORE_BOOT_H

#include <stdbool.h>

struct err;

enum { BOOT_ID_SIZE = 64 };

/* The running kernel's; "" where /proc does not say, which equals none. */
void boot_id(char out[BOOT_ID_SIZE]);

/* Does ROOT/boot say this one?  Missing and unreadable is no. */
bool boot_is_same(int root, const char *id);

/* Durable when it returns. */
int boot_write(int root, const char *id, struct err *e);

/* The next open takes it for another boot. */
void boot_forget(int root);

#endif
