/* containerd.services.snapshots.v1.Snapshots over gRPC (net/grpc.h): the
 * snapshotter's calls as methods.  Their context is a struct service, or begins
 * with one.
 *
 *	errno                    status, as containerd maps it
 *	EINVAL                   INVALID_ARGUMENT
 *	ENOENT                   NOT_FOUND
 *	EEXIST                   ALREADY_EXISTS
 *	EBUSY                    FAILED_PRECONDITION
 *	ENOTSUP                  UNIMPLEMENTED
 *	EAGAIN                   UNAVAILABLE
 *	ECANCELED                CANCELLED
 *	ETIMEDOUT                DEADLINE_EXCEEDED
 *	other                    UNKNOWN
 */
#ifndef RUNTIME_SERVICE_H
#define RUNTIME_SERVICE_H

#include "net/grpc.h"

struct snapshotter;

struct service {
	struct snapshotter *snapshotter;
};

enum { SERVICE_METHODS = 10 };
extern const struct grpc_method service_methods[SERVICE_METHODS];

#endif
