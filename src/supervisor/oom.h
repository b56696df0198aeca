/* What the kernel does where memory runs out: whom it kills, and how often it did,
 * which is a counter of the memory cgroup that this process is in.
 *
 *	version 1  memory.oom_control: oom_kill_disable 0 \n under_oom 0 \n oom_kill 1
 *	version 2  memory.events:      low 0 \n ... oom 1 \n oom_kill 1
 *
 * Both count whether the cgroup's limit was reached or the machine's memory, and
 * before the process is gone.
 */
#ifndef SUPERVISOR_OOM_H
#define SUPERVISOR_OOM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"

/* Till now; -1: the kernel does not say. */
int64_t oom_count(void);

/* From now on this process is killed rather than those beside it.  Best effort. */
void oom_go_first(void);

/* ---- the counter's parts ---- */

/* The file that has it, of /proc/self/cgroup.  False: none has. */
bool oom_find_file(const char *cgroups, char file[LIMIT_PATH_BYTES]);
/* What the file says; -1: nothing of it. */
int64_t oom_parse(const char *text);

#endif
