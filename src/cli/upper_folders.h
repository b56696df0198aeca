/* The folders of `layerfs mount --upper DIR`: DIR and, beside it and on the same file
 * system, DIR.work, which is made where it is not there.
 */
#ifndef CLI_UPPER_FOLDERS_H
#define CLI_UPPER_FOLDERS_H

struct err;

/* Both, the caller's.  By a child process (base/scout.h); ETIMEDOUT after ten
 * seconds. */
int upper_folders_open(const char *text, int pair[2], struct err *e);

#endif
