/* The configuration's credential files, which only root may be allowed to read, or
 * which lie where nobody answers: read by the supervisor's child processes.  Neither
 * the supervisor nor the worker ever has a descriptor of one: who closes a file of a
 * FUSE mount waits for an answer, too.
 */
#ifndef SUPERVISOR_LOGIN_FILE_H
#define SUPERVISOR_LOGIN_FILE_H

#include <stdint.h>

struct err;

/* A copy, in memory, of the n-th of `paths`, which NULL ends (or which is NULL).
 * ENOENT. */
int login_file_copy(char *const *paths, uint32_t n, struct err *e);

#endif
