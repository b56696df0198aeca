/* The messages of containerd's snapshots API, between their bytes and our
 * nouns.  Requests are anybody's bytes: what one makes us allocate is capped.
 *
 * Pure.
 */
#ifndef RUNTIME_MESSAGES_H
#define RUNTIME_MESSAGES_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

#include "runtime/snapshots.pb-c.h"
#include "base/bytes.h"
#include "base/cleanup.h"

struct doc;
struct err;
struct snapshot_info;
struct snapshot_mount;

/* The generated names are long: MESSAGE(Info), DESCRIPTOR(info). */
#define MESSAGE(name) Containerd__Services__Snapshots__V1__##name
#define DESCRIPTOR(name) \
	(&containerd__services__snapshots__v1__##name##__descriptor)
#define MESSAGE_INIT(NAME) CONTAINERD__SERVICES__SNAPSHOTS__V1__##NAME##__INIT

#define AUTO_MESSAGE CLEANUP(message_cleanup)

/* A message that the descriptor describes; EINVAL when the bytes are none. */
void *message_unpack(const ProtobufCMessageDescriptor *d, const void *p,
    size_t n, struct err *e);
void message_free(ProtobufCMessage *m);

static inline void
message_cleanup(void *m)
{
	message_free(*(ProtobufCMessage **)m);
}

/* Appends. */
int message_pack(const ProtobufCMessage *m, struct buf *out, struct err *e);

/* A set of labels (runtime/labels.h); EINVAL. */
struct doc *message_read_labels(
    MESSAGE(LabelsEntry) *const *entries, size_t n, struct err *e);

/* A message that holds one info: StatResponse, UpdateResponse, or a
 * ListResponse; several of the latter one after the other are one with all. */
enum info_holder { INFO_STAT, INFO_UPDATE, INFO_LIST };
int message_pack_info(enum info_holder holder, const struct snapshot_info *i,
    struct buf *out, struct err *e);

int message_pack_mount(
    const struct snapshot_mount *m, struct buf *out, struct err *e);

#endif
