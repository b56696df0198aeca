/* Which system calls the worker's sandbox allows: names and conditions, for
 * sandbox.c. */
#ifndef SUPERVISOR_SANDBOX_CALLS_H
#define SUPERVISOR_SANDBOX_CALLS_H

#include <stddef.h>
#include <stdint.h>

/* NULL ends.  Names that the architecture does not have are passed over. */
extern const char *const sandbox_allowed[];

/* End the process. */
extern const char *const sandbox_deadly[];

/* Allowed where one argument, masked, has one value; else ENOSYS. */
struct sandbox_condition {
	const char *call;
	unsigned argument; /* from 0 */
	uint64_t mask;
	uint64_t value;
};

extern const struct sandbox_condition sandbox_conditions[];
extern const size_t n_sandbox_conditions;

#endif
