/* What grpctool serves:
 *
 *	/test.Tool/Echo      the request
 *	/test.Tool/Stream    "COUNT SIZE": so many messages of so many bytes
 *	/test.Tool/Sleep     "MS": answers then, unless cancelled, which is noted
 *	                     on standard error
 *	/test.Tool/Fail      "STATUS TEXT": ends like this
 *	/test.Tool/Metadata  a line for each field
 *	/test.Tool/Outlive   never ends in the first child; then its number
 *	/containerd.services.snapshots.v1.Snapshots/Prepare: as Outlive, but an
 *	                     empty message
 */
#ifndef NET_GRPCTOOL_METHODS_H
#define NET_GRPCTOOL_METHODS_H

#include <stddef.h>

#include "net/grpc.h"

struct tool;

/* Their context is the tool. */
extern const struct grpc_method tool_methods[];
extern const size_t n_tool_methods;

/* Of the child that serves, from 1; 0: nobody keeps its connections. */
unsigned tool_generation(const struct tool *t);

#endif
